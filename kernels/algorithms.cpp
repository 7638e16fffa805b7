#include "kernels/algorithms.hpp"

#include <algorithm>
#include <array>
#include <chrono>
#include <cmath>
#include <iterator>
#include <map>
#include <memory>
#include <set>
#include <span>
#include <utility>

#include "kernels/convolution.hpp"
#include "kernels/network_kernels.hpp"
#include "kernels/packed_weights.hpp"
#include "kernels/primitives.hpp"
#include "kernels/shared_memory.hpp"
#include "units/error.hpp"

namespace skipstone::kernels {

namespace {

// What an algorithm must save before it takes the place of the standard one: less may be noise, and other bits the next
// time.
constexpr double least_gain = 0.03;

constexpr std::array algorithms{ConvolutionAlgorithm::direct,
                                ConvolutionAlgorithm::winograd_2x3,
                                ConvolutionAlgorithm::winograd_4x3,
                                ConvolutionAlgorithm::streamed,
                                ConvolutionAlgorithm::streamed_winograd_2x3,
                                ConvolutionAlgorithm::streamed_winograd_4x3};

// Products of numbers per weight of the kernel's plane, and how often each weight is used for one image.
struct Arrangement {
    ConvolutionAlgorithm algorithm;
    double elements;
    double uses;
};

Arrangement arrangement_of(Convolution const& c, ConvolutionAlgorithm algorithm) {
    auto const squares = [&](int m) { return std::ceil(1.0 * c.out_height / m) * std::ceil(1.0 * c.out_width / m); };
    switch (algorithm) {
        case ConvolutionAlgorithm::winograd_2x3:
        case ConvolutionAlgorithm::streamed_winograd_2x3:
            return {algorithm, 16, squares(2)};
        case ConvolutionAlgorithm::winograd_4x3:
        case ConvolutionAlgorithm::streamed_winograd_4x3:
            return {algorithm, 36, squares(4)};
        default:
            return {algorithm, 1.0 * c.kernel_h * c.kernel_w, squares(1)};
    }
}

// In times of one multiplication per pair of channels: to bring a weight from memory takes as long as 40 of them on a
// core with AVX-512 (200 GFLOP/s, 10 GB/s).
double cost(Arrangement const& arrangement) {
    return arrangement.elements * (arrangement.uses + 40);
}

ConvolutionAlgorithm standard_choice(Convolution const& c) {
    auto best = arrangement_of(c, ConvolutionAlgorithm::streamed);
    if (!is_available(c, best.algorithm)) return ConvolutionAlgorithm::direct;
    for (auto const algorithm :
         {ConvolutionAlgorithm::streamed_winograd_2x3, ConvolutionAlgorithm::streamed_winograd_4x3})
        if (auto const other = arrangement_of(c, algorithm); is_available(c, algorithm) && cost(other) < cost(best))
            best = other;
    if (best.algorithm != ConvolutionAlgorithm::streamed) return best.algorithm;
    // Streaming costs a copy of the image, and pays where weights are many and not used often; or once, but are so many
    // that no cache has them.
    auto const bytes = static_cast<double>(c.weight_bytes().value());
    bool const pays = (bytes >= 5e5 && best.uses >= 4 && best.uses <= 200) || (bytes >= 1.6e7 && best.uses == 1);
    return pays ? best.algorithm : ConvolutionAlgorithm::direct;
}

std::vector<Convolution> all_convolutions(Network const& network) {
    std::vector<Convolution> all;
    for (std::size_t b = 0; b < network.size(); ++b)
        std::ranges::move(convolutions(network, BlockId(b)), std::back_inserter(all));
    return all;
}

KernelSize size_of(Convolution const& c) {
    return {c.kernel_h, c.kernel_w};
}

std::set<KernelSize> kernels_of(Network const& network) {
    std::set<KernelSize> kernels;
    for (auto const& c : all_convolutions(network)) kernels.insert(size_of(c));
    return kernels;
}

ConvolutionAlgorithm algorithm_in(ConvolutionChoices const& choices, Convolution const& c) {
    auto const found = choices.find(c.name);
    return found == choices.end() ? ConvolutionAlgorithm::direct : found->second;
}

void choose(ConvolutionChoices& choices, Convolution const& c, ConvolutionAlgorithm algorithm) {
    if (algorithm == ConvolutionAlgorithm::direct)
        choices.erase(c.name);
    else
        choices.insert_or_assign(c.name, algorithm);
}

// Other choices, with one algorithm for all convolutions of one kernel, where that is possible.
ConvolutionChoices variant_of(ConvolutionChoices choices, Network const& network, KernelSize kernel,
                              ConvolutionAlgorithm algorithm) {
    for (auto const& c : all_convolutions(network))
        if (size_of(c) == kernel && is_available(c, algorithm)) choose(choices, c, algorithm);
    return choices;
}

// The network with some choices, and what its blocks took.
struct Contender {
    Contender(Network const& network, ConvolutionChoices choices_here)
        : choices(std::move(choices_here)),
          layout(network, choices),
          memory(SharedMemory::alone(layout.bytes())),
          kernels(network, layout, filled(memory)),
          seconds(network.size()) {}

    // Times do not depend on what the weights are, as long as numbers stay ordinary ones.
    static std::span<std::byte const> filled(SharedMemory& memory) {
        auto const bytes = memory.bytes();
        std::fill_n(reinterpret_cast<float*>(bytes.data()), bytes.size() / sizeof(float), 0.001F);
        return bytes;
    }

    void pass(Network const& network, bool counts) {
        using Clock = std::chrono::steady_clock;
        Tensor activations(network.input_shape());
        std::ranges::fill(activations.values(), 0.5F);
        for (std::size_t b = 0; b < network.size(); ++b) {
            auto const begin = Clock::now();
            activations = kernels.run(BlockId(b), BlockMode::full, std::move(activations));
            auto const taken = std::chrono::duration<double>(Clock::now() - begin).count();
            if (counts) seconds[b].push_back(taken);
        }
    }

    bool differs_in(std::vector<Convolution> const& block, ConvolutionChoices const& standard) const {
        return std::ranges::any_of(
            block, [&](Convolution const& c) { return algorithm_in(choices, c) != algorithm_in(standard, c); });
    }

    ConvolutionChoices choices;
    PackLayout layout;
    SharedMemory memory;
    NetworkKernels kernels;
    std::vector<std::vector<double>> seconds;  // per block, of the passes that count
};

double median(std::vector<double> values) {
    auto const middle = values.begin() + static_cast<std::ptrdiff_t>(values.size() / 2);
    std::ranges::nth_element(values, middle);
    return *middle;
}

}  // namespace

ConvolutionChoices standard_choices(Network const& network) {
    ConvolutionChoices choices;
    for (auto const& c : all_convolutions(network))
        if (auto const algorithm = standard_choice(c); algorithm != ConvolutionAlgorithm::direct)
            choices.emplace(c.name, algorithm);
    return choices;
}

ConvolutionChoices uniform_choices(Network const& network, ConvolutionAlgorithm algorithm) {
    ConvolutionChoices choices;
    for (auto const& kernel : kernels_of(network)) choices = variant_of(choices, network, kernel, algorithm);
    return choices;
}

MeasuredChoices measure_choices(Network const& network, int passes,
                                std::function<void(int done, int total)> const& progress) {
    SKIPSTONE_EXPECT(passes >= 1);
    auto const standard = standard_choices(network);
    Contender yardstick(network, standard);
    std::map<KernelSize, std::map<ConvolutionAlgorithm, std::unique_ptr<Contender>>> others;
    std::vector<Contender*> contenders{&yardstick};
    for (auto const& kernel : kernels_of(network))
        for (auto const algorithm : algorithms)
            if (auto choices = variant_of(standard, network, kernel, algorithm); choices != standard)
                contenders.push_back(
                    (others[kernel][algorithm] = std::make_unique<Contender>(network, std::move(choices))).get());
    int done = 0;
    for (int pass = 0; pass <= passes; ++pass)  // the first one compiles
        for (auto* contender : contenders) {
            // The first of two finds nothing of its own in the caches.
            contender->pass(network, false);
            contender->pass(network, true);
            if (pass == 0)
                for (auto& seconds : contender->seconds) seconds.clear();
            progress(++done, static_cast<int>(contenders.size()) * (passes + 1));
        }

    MeasuredChoices measured{standard, {}};
    for (std::size_t b = 0; b < network.size(); ++b) {
        auto const block = convolutions(network, BlockId(b));
        auto& times = measured.blocks.emplace_back(Seconds(median(yardstick.seconds[b])));
        for (auto const& [kernel, by_algorithm] : others) {
            auto least = times.standard * (1 - least_gain);
            Contender const* fastest = nullptr;
            for (auto const& [algorithm, contender] : by_algorithm) {
                if (!contender->differs_in(block, standard)) continue;
                Seconds const seconds(median(contender->seconds[b]));
                times.others[kernel].emplace(algorithm, seconds);
                if (seconds >= least) continue;
                least = seconds;
                fastest = contender.get();
            }
            for (auto const& c : block)
                if (fastest && size_of(c) == kernel) choose(measured.choices, c, algorithm_in(fastest->choices, c));
        }
    }
    return measured;
}

}  // namespace skipstone::kernels

#include "kernels/algorithms.hpp"

#include <algorithm>
#include <array>
#include <chrono>
#include <memory>
#include <span>
#include <utility>

#include "kernels/network_kernels.hpp"
#include "kernels/packed_weights.hpp"
#include "kernels/primitives.hpp"
#include "units/buffer.hpp"
#include "units/error.hpp"

namespace skipstone::kernels {

namespace {

// What an algorithm must save before it takes the place of direct: less may be noise, and other bits the next time.
constexpr double least_gain = 0.03;

constexpr std::array algorithms{ConvolutionAlgorithm::direct, ConvolutionAlgorithm::winograd_2x3,
                                ConvolutionAlgorithm::winograd_4x3};

bool may_be_winograd(Convolution const& c) {
    return c.precision == Precision::float32 && c.kernel == 3 && c.stride == 1;
}

// Of one algorithm's weights. Tiles of 4x4 outputs take 6x6 weights, tiles of 2x2 outputs 4x4.
double weight_bytes(Convolution const& c, ConvolutionAlgorithm algorithm) {
    int const edge = algorithm == ConvolutionAlgorithm::winograd_4x3 ? 6 : 4;
    return 4.0 * edge * edge * c.in_channels * c.out_channels;
}

ConvolutionAlgorithm standard_choice(Convolution const& c) {
    if (!may_be_winograd(c)) return ConvolutionAlgorithm::direct;
    // With few channels the transforms cost what the multiplications save. The more there are, the more weights must
    // come from far away, once per pass; small images have too few tiles to make up for that.
    bool const pays = c.in_channels >= 64 && weight_bytes(c, ConvolutionAlgorithm::winograd_2x3) <= 2e6;
    if (!pays || c.out_height < 20) return ConvolutionAlgorithm::direct;
    auto const algorithm = c.out_height >= 48 && weight_bytes(c, ConvolutionAlgorithm::winograd_4x3) <= 1e6
                               ? ConvolutionAlgorithm::winograd_4x3
                               : ConvolutionAlgorithm::winograd_2x3;
    return is_available(c, algorithm) ? algorithm : ConvolutionAlgorithm::direct;
}

// The network with one algorithm wherever that is possible.
struct Contender {
    Contender(Network const& network, ConvolutionAlgorithm algorithm)
        : choices(uniform_choices(network, algorithm)),
          layout(network, choices),
          memory(layout.bytes()),
          kernels(network, layout, filled(memory)),
          seconds(network.size()) {}

    // Times do not depend on what the weights are, as long as numbers stay ordinary ones.
    static std::span<std::byte const> filled(Buffer& memory) {
        auto* const values = reinterpret_cast<float*>(memory.data());
        std::fill_n(values, memory.size() / sizeof(float), 0.001F);
        return memory.bytes();
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

    bool chooses_in(Block const& block) const {
        return std::ranges::any_of(block.path, [&](Convolution const& c) { return choices.contains(c.name); });
    }

    ConvolutionChoices choices;
    PackLayout layout;
    Buffer memory;
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
    for (auto const& block : network.blocks())
        for (auto const& c : block.path)
            if (auto const algorithm = standard_choice(c); algorithm != ConvolutionAlgorithm::direct)
                choices.emplace(c.name, algorithm);
    return choices;
}

ConvolutionChoices uniform_choices(Network const& network, ConvolutionAlgorithm algorithm) {
    ConvolutionChoices choices;
    if (algorithm == ConvolutionAlgorithm::direct) return choices;
    for (auto const& block : network.blocks())
        for (auto const& c : block.path)
            if (may_be_winograd(c) && is_available(c, algorithm)) choices.emplace(c.name, algorithm);
    return choices;
}

std::optional<MeasuredChoices> measure_choices(Network const& network, int passes, std::function<bool()> const& go_on) {
    SKIPSTONE_EXPECT(passes >= 1);
    std::vector<std::pair<ConvolutionAlgorithm, std::unique_ptr<Contender>>> contenders;
    for (auto const algorithm : algorithms)
        contenders.emplace_back(algorithm, std::make_unique<Contender>(network, algorithm));
    for (int pass = 0; pass <= passes; ++pass)  // the first one compiles
        for (auto& [algorithm, contender] : contenders) {
            // The first of two finds nothing of its own in the caches.
            contender->pass(network, false);
            contender->pass(network, true);
            if (pass == 0)
                for (auto& seconds : contender->seconds) seconds.clear();
            if (!go_on()) return std::nullopt;
        }

    MeasuredChoices measured;
    for (std::size_t b = 0; b < network.size(); ++b) {
        auto const& block = network.blocks()[b];
        Contender const* best = nullptr;
        double least = 0;
        for (auto const& [algorithm, contender] : contenders) {
            bool const direct = algorithm == ConvolutionAlgorithm::direct;
            if (contender->seconds[b].empty() || (!direct && !contender->chooses_in(block))) continue;
            auto const seconds = median(contender->seconds[b]);
            measured.blocks.push_back({BlockId(b), algorithm, Seconds(seconds)});
            if (best != nullptr && seconds >= least) continue;
            best = contender.get();
            least = direct ? seconds * (1 - least_gain) : seconds;
        }
        if (best == nullptr) continue;
        for (auto const& c : block.path)
            if (auto const found = best->choices.find(c.name); found != best->choices.end())
                measured.choices.insert(*found);
    }
    return measured;
}

}  // namespace skipstone::kernels

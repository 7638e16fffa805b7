#include <algorithm>
#include <cmath>
#include <functional>
#include <numeric>

#include "kernels/weights.hpp"
#include "units/error.hpp"
#include "units/random.hpp"

namespace skipstone::kernels {

namespace {

constexpr float residual_gain = 0.25F;
constexpr float usual_slope = 0.25F;  // of PReLU (He et al. 2015)

// Sum of the four 16-bit fields of each of two words: eight uniform variables, whose sum is close to normal (excess
// kurtosis −0.15). Whole numbers until one multiplication: the same bits on every host, and 25 million of them take a
// tenth of a second.
std::uint64_t sum_of_fields(std::uint64_t a, std::uint64_t b) {
    constexpr std::uint64_t even = 0x0000ffff0000ffffULL;
    auto const pairs = (a & even) + ((a >> 16) & even) + (b & even) + ((b >> 16) & even);
    return (pairs & 0xffffffffULL) + (pairs >> 32);
}

std::vector<float> normal_values(RandomStream stream, std::size_t count, double deviation) {
    constexpr double mean = 8 * 65535.0 / 2;
    double const scale = deviation / std::sqrt(8 * (65536.0 * 65536.0 - 1) / 12);
    std::vector<float> values(count);
    for (auto& value : values) {
        auto const a = stream.bits();
        auto const b = stream.bits();
        value = static_cast<float>((static_cast<double>(sum_of_fields(a, b)) - mean) * scale);
    }
    return values;
}

std::size_t product(std::vector<std::size_t> const& shape) {
    return std::accumulate(shape.begin(), shape.end(), std::size_t{1}, std::multiplies<>());
}

}  // namespace

HeWeights::HeWeights(Network const& network, std::uint64_t seed) : seed_(seed) {
    auto const add = [&](Graph const& graph) {
        for (std::size_t o = 0; o < graph.operators().size(); ++o) {
            auto const& op = graph.operators()[o];
            for (auto const& [name, shape] : graph.weight_tensors(OperatorId(o))) {
                auto& tensor = tensors_[name] = {shape, 0, 1, false};
                bool const multiplies = name == op.weights + ".weight";
                tensor.random = multiplies && op.is_weighted();
                if (op.as<op::Prelu>())
                    tensor.constant = usual_slope;
                else if (multiplies || name == op.weights + ".running_var")
                    tensor.constant = 1;
            }
        }
    };
    auto const& graph = network.graph();
    add(graph);
    for (auto const& exit : network.exits()) add(exit.graph);
    // What ends F(x): a batch norm, or a convolution alone.
    for (auto const& block : network.blocks()) {
        if (!block.shortcut) continue;
        for (auto const side : graph.at(block.shortcut->sum).inputs) {
            if (side == block.shortcut->output || side == block.reads) continue;
            auto const& last = graph.at(graph.source(side));
            auto const found = tensors_.find(last.weights + ".weight");
            if (found == tensors_.end()) continue;
            if (found->second.random)
                found->second.gain = residual_gain;
            else
                found->second.constant = residual_gain;
        }
    }
}

WeightValues HeWeights::read(std::string_view name) {
    auto const found = tensors_.find(std::string(name));
    SKIPSTONE_EXPECT(found != tensors_.end());
    auto const& tensor = found->second;
    auto const count = product(tensor.shape);
    if (!tensor.random) return {tensor.shape, std::vector<float>(count, tensor.constant)};
    auto const fan_in = static_cast<double>(count / tensor.shape.front());
    return {tensor.shape,
            normal_values(RandomStream(seed_, "weights:" + found->first), count, tensor.gain * std::sqrt(2 / fan_in))};
}

}  // namespace skipstone::kernels

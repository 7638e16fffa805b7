#include <algorithm>
#include <boost/test/unit_test.hpp>
#include <string>
#include <vector>

#include "cases.hpp"
#include "kernels/host.hpp"
#include "kernels/network_kernels.hpp"
#include "model/calibration.hpp"
#include "networks.hpp"
#include "reference.hpp"
#include "units/random.hpp"

using namespace skipstone;
using namespace skipstone::kernels;

namespace {

std::vector<BlockMode> modes(Block const& block) {
    if (!block.is_droppable()) return {BlockMode::full};
    return {BlockMode::full, BlockMode::skip, BlockMode::direct};
}

TensorShape batched(TensorShape shape, int batch) {
    return {batch, shape.h, shape.w, shape.c};
}

Tensor reference_run(Network const& network, WeightSource& weights, Tensor tensor) {
    for (std::size_t b = 0; b < network.size(); ++b)
        tensor = reference_block(network, BlockId(b), BlockMode::full, weights, tensor);
    return tensor;
}

// The largest magnitudes that come up in the float32 network.
Calibration calibrated(NetworkProfile profile, WeightSource& weights, Tensor const& input) {
    profile.precision = Precision::float32;
    Network const network(profile);
    PackLayout const layout(network);
    auto const memory = packed(network, layout, weights);
    NetworkKernels kernels(network, layout, memory.bytes());
    Calibration calibration{"measured", network.name(), profile.input, "", "", 1, "", {}};
    for (auto const& name : calibrated_tensors(network)) calibration.ranges[name] = 1e-6;
    kernels.observe([&](std::string_view tensor, std::span<float const> values) {
        auto& range = calibration.ranges[std::string(tensor)];
        for (float const value : values) range = std::max(range, static_cast<double>(std::abs(value)));
    });
    auto tensor = input.clone();
    for (std::size_t b = 0; b < network.size(); ++b)
        tensor = kernels.run(BlockId(b), BlockMode::full, std::move(tensor));
    return calibration;
}

// float32: every block in every mode against the reference. Others: what the whole network gives.
void check(std::string const& what, NetworkProfile const& profile, double tolerance) {
    Network const network(profile);
    UnevenWeights uneven(network, 7);
    EvenerWeights evener(network, 7);
    WeightSource& weights = profile.precision == Precision::float32 ? static_cast<WeightSource&>(uneven) : evener;
    auto const largest = random_tensor(batched(network.input_shape(), 5), 11);
    bool const quantised = profile.precision == Precision::int8;
    PackLayout const layout(network, {}, quantised ? calibrated(profile, weights, largest) : Calibration());
    auto const memory = packed(network, layout, weights);
    NetworkKernels kernels(network, layout, memory.bytes());
    for (int const batch : {1, 5}) {
        Tensor first(batched(network.input_shape(), batch));
        std::ranges::copy(largest.values().first(first.values().size()), first.values().begin());
        if (profile.precision != Precision::float32) {
            auto tensor = first.clone();
            for (std::size_t b = 0; b < network.size(); ++b)
                tensor = kernels.run(BlockId(b), BlockMode::full, std::move(tensor));
            auto const error = relative_error(tensor, reference_run(network, weights, std::move(first)));
            BOOST_TEST(error <= tolerance, what << " in " << to_string(profile.precision) << ", batch " << batch
                                                << ": relative error " << error);
            continue;
        }
        for (std::size_t b = 0; b < network.size(); ++b)
            for (auto const mode : modes(network.blocks()[b])) {
                auto const input = b == 0 ? first.clone() : random_tensor(batched(network.blocks()[b].input, batch), b);
                auto const expected = reference_block(network, BlockId(b), mode, weights, input);
                auto const error = relative_error(kernels.run(BlockId(b), mode, input.clone()), expected);
                BOOST_TEST(error <= tolerance, what << ", batch " << batch << ", block " << network.blocks()[b].name
                                                    << " " << to_string(mode) << ": relative error " << error);
            }
    }
}

void check_all(std::vector<Case> const& cases, Precision precision, double tolerance) {
    for (auto const& c : cases) check(c.name, drawn(c.input, c.draw, precision), tolerance);
}

}  // namespace

BOOST_AUTO_TEST_SUITE(operators)

BOOST_AUTO_TEST_CASE(convolutions_of_every_form_equal_the_reference) {
    check_all(convolution_cases(), Precision::float32, 2e-5);
}

BOOST_AUTO_TEST_CASE(operators_that_stand_alone_equal_the_reference) {
    check_all(other_cases(), Precision::float32, 1e-5);
}

BOOST_AUTO_TEST_CASE(activations_equal_the_reference) {
    check_all(activation_cases(), Precision::float32, 5e-5);
}

BOOST_AUTO_TEST_CASE(operators_of_several_tensors_equal_the_reference) {
    check_all(combination_cases(), Precision::float32, 5e-5);
}

BOOST_AUTO_TEST_CASE(graphs_of_any_form_equal_the_reference) {
    for (std::uint64_t seed = 0; seed < 60; ++seed) {
        auto const draw = [seed](Graph::Builder& graph, TensorId from) {
            RandomStream stream(seed, "graphs");
            return draw_any(graph, from, stream, 4 + static_cast<int>(seed % 9));
        };
        check("graph " + std::to_string(seed), drawn({1, 6, 5, 4}, draw), 1e-4);
    }
}

BOOST_AUTO_TEST_CASE(bfloat16_is_near_the_reference) {
    if (!has_bfloat16()) return;
    for (auto const& cases : {convolution_cases(), other_cases(), combination_cases(), activation_cases()})
        check_all(cases, Precision::bfloat16, 0.03);
}

BOOST_AUTO_TEST_CASE(int8_is_near_the_reference) {
    // Without VNNI, convolutions of what has a sign have weights of 1/31 of their largest value (precision_test.cpp);
    // beside what a clip leaves of their outputs, that is much.
    double const tolerance = PackLayout::largest_weight() == 127 ? 0.1 : 0.25;
    for (auto const& cases : {convolution_cases(), other_cases(), combination_cases(), activation_cases()})
        check_all(cases, Precision::int8, tolerance);
}

BOOST_AUTO_TEST_SUITE_END()

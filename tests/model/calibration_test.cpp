#include "model/calibration.hpp"

#include <algorithm>
#include <boost/test/unit_test.hpp>
#include <string>

#include "networks/vgg.hpp"
#include "tests/drawn_network.hpp"
#include "tests/network_profiles.hpp"
#include "units/error.hpp"

using namespace skipstone;
using namespace skipstone::test;

namespace {

Network int8(NetworkProfile profile) {
    profile.precision = Precision::int8;
    return Network(profile);
}

Calibration complete(Network const& network) {
    Calibration calibration{"mine", network.name(), network.input_shape(), "abc", "some", 1, "", {}};
    for (auto const& tensor : calibrated_tensors(network)) calibration.ranges[tensor] = 2;
    return calibration;
}

auto says(std::string const& part) {
    return [part](InputError const& error) { return std::string(error.what()).find(part) != std::string::npos; };
}

}  // namespace

BOOST_AUTO_TEST_SUITE(calibration)

BOOST_AUTO_TEST_CASE(tensors_that_may_stand_for_each_other_share_a_range) {
    auto const network = int8(resnet20());
    auto const output_of = [](Network const& n, char const* block) {
        return Ranges(n).name(n.block(*n.find(block)).gives);
    };
    auto const output = [&](char const* block) { return output_of(network, block); };
    BOOST_TEST(output("stem") == "stem.output");
    BOOST_TEST(output("s2b3") == "stem.output");
    BOOST_TEST(output("s3b1") == "s3b1.output");
    BOOST_TEST(output("s3b3") == "s3b1.output");
    auto const large = int8(resnet50());
    BOOST_TEST(output_of(large, "s2b1") == "s2b1.output");
}

// The image; two inner convolutions of 16 blocks, four projections, the stem's and four stages' outputs.
BOOST_AUTO_TEST_CASE(every_tensor_that_is_stored_in_8_bits_has_a_range) {
    auto const network = int8(resnet50());
    auto const tensors = calibrated_tensors(network);
    BOOST_TEST(tensors.size() == 1u + 2 * 16 + 4 + 5);
    BOOST_TEST(std::ranges::count(tensors, "layer2.0.downsample.0") == 1);
    auto const& graph = network.graph();
    Ranges const ranges(network);
    BOOST_TEST(ranges.largest_value(graph.input()) == 127);
    BOOST_TEST(ranges.largest_value(network.block(*network.find("s3b1")).gives) == 255);
    auto const projection = std::ranges::find(graph.operators(), "layer2.0.downsample.1", &Operator::name)->output;
    BOOST_TEST(ranges.name(projection) == "layer2.0.downsample.0");
    BOOST_TEST(ranges.largest_value(projection) == 127);
    auto const read_by = [&](char const* name) {
        return ranges.name(std::ranges::find(graph.operators(), name, &Operator::name)->inputs.front());
    };
    BOOST_TEST(read_by("layer1.0.conv1") == "stem.output");
    BOOST_TEST(read_by("layer1.0.conv2") == "layer1.0.conv1");
    BOOST_TEST(read_by("layer1.1.conv1") == "s2b1.output");
}

// Hidden fully connected operators read and give 8 bits; what the last one gives has no range. A mean, or what only
// moves its elements, has one where a hidden one reads it.
BOOST_AUTO_TEST_CASE(hidden_fully_connected_operators_have_ranges) {
    auto const vgg =
        int8({.name = "vgg", .family = networks::vgg({.depth = 11, .hidden = {32, 24}}), .input = image_shape(32)});
    auto const tensors = calibrated_tensors(vgg);
    for (auto const* name : {"fc6.output", "fc7.output"}) BOOST_TEST(std::ranges::count(tensors, name) == 1);
    BOOST_TEST(std::ranges::count(tensors, "fc8.output") == 0);
    auto old = complete(vgg);
    old.ranges.erase("fc6.output");
    BOOST_CHECK_EXCEPTION(check_calibration(old, vgg), InputError,
                          says("calibration mine: has no range of fc6.output; make one anew"));

    auto const drawn_network = int8(drawn("drawn", {1, 8, 8, 4}, [](Graph::Builder& graph) {
        auto const mean = graph.add("mean", op::GlobalAverage{}, {TensorId(0)});
        auto const flat = graph.add("flat", op::Reshape{1, 4, 1}, {mean});
        auto const hidden = graph.add("hidden", op::FullyConnected{6}, {flat});
        return graph.add("last", op::FullyConnected{5}, {hidden});
    }));
    Ranges const ranges(drawn_network);
    auto const& graph = drawn_network.graph();
    BOOST_TEST(ranges.name(graph.operators()[1].output) == "mean");
    BOOST_TEST(std::ranges::count(calibrated_tensors(drawn_network), "mean") == 1);
}

BOOST_AUTO_TEST_CASE(a_calibration_belongs_to_network_size_and_weights) {
    auto const network = int8(resnet20());
    auto const good = complete(network);
    BOOST_CHECK_NO_THROW(check_calibration(good, network, "abc"));
    BOOST_CHECK_EXCEPTION(check_calibration(good, network, "abd"), InputError, says("was made with the weights of"));
    BOOST_CHECK_EXCEPTION(check_calibration(good, network, ""), InputError, says("these are random weights"));
    BOOST_CHECK_EXCEPTION(check_calibration(good, int8(resnet50())), InputError, says("is for resnet20-cifar"));
    BOOST_CHECK_EXCEPTION(check_calibration(good, int8(resnet20(64))), InputError,
                          says("was made for inputs of 32 x 32 x 3, the network's are 64 x 64 x 3"));
    auto of_height = good;  // as earlier programs wrote it
    of_height.input = image_shape(32, 0);
    BOOST_CHECK_NO_THROW(check_calibration(of_height, network, "abc"));
    BOOST_CHECK_EXCEPTION(check_calibration(of_height, int8(resnet20(64))), InputError, says("was made at 32 x 32"));
    auto wide = good;
    wide.input.w = 48;
    BOOST_CHECK_EXCEPTION(check_calibration(wide, network), InputError, says("was made for inputs of 32 x 48 x 3"));
    auto lacking = good;
    lacking.ranges.erase("layer1.0.conv1");
    BOOST_CHECK_EXCEPTION(check_calibration(lacking, network), InputError,
                          says("has no range of layer1.0.conv1; make one anew with \"skipstone calibrate\""));
    auto flat = good;
    flat.ranges["input"] = 0;
    BOOST_CHECK_EXCEPTION(check_calibration(flat, network), InputError, says("must be positive"));
}

BOOST_AUTO_TEST_SUITE_END()

#include "kernels/lowering.hpp"

#include <boost/test/unit_test.hpp>
#include <string>
#include <vector>

#include "networks.hpp"

using namespace skipstone;
using namespace skipstone::kernels;

namespace {

// "conv1 relu", "conv3 + s2b1 relu": operators, what they add to, and ReLU, by name.
std::vector<std::string> steps(Network const& network, char const* block, BlockMode mode) {
    std::vector<std::string> all;
    for (auto const& step : lower(network, *network.find(block), mode)) {
        auto text = step.name;
        if (step.added) text += " + " + network.graph().at(step.added->tensor).name;
        if (step.activation && step.kind == Step::Kind::convolution) text += " relu";
        all.push_back(text);
    }
    return all;
}

Network in(Precision precision, NetworkProfile profile) {
    profile.precision = precision;
    return Network(profile);
}

void check(std::vector<std::string> const& found, std::vector<std::string> const& expected) {
    BOOST_TEST(found == expected, boost::test_tools::per_element());
}

}  // namespace

BOOST_AUTO_TEST_SUITE(lowering)

BOOST_AUTO_TEST_CASE(a_bottleneck_is_four_convolutions_the_last_of_which_adds) {
    Network const network(resnet50(64));
    check(steps(network, "s2b1", BlockMode::full),
          {"layer1.0.conv1 relu", "layer1.0.conv2 relu", "layer1.0.downsample.0",
           "layer1.0.conv3 + layer1.0.downsample.1 relu"});
    check(steps(network, "s2b1", BlockMode::skip), {"layer1.0.downsample.0 relu"});
    check(steps(network, "s2b1", BlockMode::direct),
          {"layer1.0.conv1 relu", "layer1.0.conv2 relu", "layer1.0.conv3 relu"});
    check(steps(network, "s2b2", BlockMode::full),
          {"layer1.1.conv1 relu", "layer1.1.conv2 relu", "layer1.1.conv3 + layer1.0.relu relu"});
    check(steps(network, "s2b2", BlockMode::skip), {"layer1.1.relu"});
    check(steps(network, "stem", BlockMode::full), {"conv1 relu", "max pool"});
    check(steps(network, "head", BlockMode::full), {"average pool", "fc"});
}

BOOST_AUTO_TEST_CASE(a_shortcut_without_parameters_is_subsampled) {
    Network const network(resnet20());
    check(steps(network, "s3b1", BlockMode::full),
          {"layer2.0.conv1 relu", "layer2.0.shortcut", "layer2.0.conv2 + layer2.0.shortcut relu"});
    check(steps(network, "s3b1", BlockMode::skip), {"layer2.0.shortcut", "layer2.0.relu"});
}

BOOST_AUTO_TEST_CASE(conversions_stand_where_types_change) {
    for (auto const precision : {Precision::bfloat16, Precision::int8}) {
        auto const network = in(precision, resnet50(64));
        check(steps(network, "stem", BlockMode::full), {"conversion", "conv1 relu", "max pool"});
        check(steps(network, "head", BlockMode::full), {"conversion", "average pool", "fc"});
        auto const block = lower(network, *network.find("s3b1"), BlockMode::full);
        bool const quantised = precision == Precision::int8;
        auto const plain = quantised ? ElementType::uint8 : ElementType::bfloat16;
        BOOST_TEST((block.front().reads.front().type == plain));
        BOOST_TEST((block.back().gives.type == plain));
        // What a projection gives has a sign.
        BOOST_TEST((block.back().added->type == (quantised ? ElementType::int8 : plain)));
        BOOST_TEST((lower(network, BlockId(0), BlockMode::full).front().gives.type ==
                    (quantised ? ElementType::int8 : plain)));
    }
}

BOOST_AUTO_TEST_SUITE_END()

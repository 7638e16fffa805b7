#include <algorithm>
#include <boost/test/unit_test.hpp>
#include <cmath>
#include <map>
#include <string>
#include <vector>

#include "model/network.hpp"
#include "networks/alexnet.hpp"
#include "networks/chain.hpp"
#include "networks/mobilenet.hpp"
#include "networks/vgg.hpp"
#include "networks/xception.hpp"
#include "units/error.hpp"

using namespace skipstone;
using namespace skipstone::networks;

namespace {

NetworkProfile of(std::shared_ptr<Family const> family, int input = 224, int classes = 1000) {
    return {.name = "net", .family = std::move(family), .input = image_shape(input), .classes = classes};
}

std::vector<std::string> names(Network const& network) {
    std::vector<std::string> all;
    for (auto const& block : network.blocks()) all.push_back(block.name);
    return all;
}

std::vector<std::string> droppable(Network const& network) {
    std::vector<std::string> all;
    for (auto const& block : network.blocks())
        if (block.is_droppable()) all.push_back(block.name);
    return all;
}

std::vector<int> stages(Network const& network) {
    std::vector<int> all;
    for (auto const& block : network.blocks()) all.push_back(block.stage);
    return all;
}

Operator const& at(Network const& network, std::string const& name) {
    auto const& operators = network.graph().operators();
    auto const found = std::ranges::find(operators, name, &Operator::name);
    BOOST_REQUIRE_MESSAGE(found != operators.end(), name);
    return *found;
}

std::vector<std::size_t> weights(Network const& network, std::string const& name) {
    for (auto const& tensor : network.weight_tensors())
        if (tensor.name == name) return tensor.shape;
    return {};
}

using Shape = std::vector<std::size_t>;

}  // namespace

BOOST_AUTO_TEST_SUITE(families)

BOOST_AUTO_TEST_CASE(alexnet_has_a_block_per_weighted_layer_and_normalises_before_it_pools) {
    Network const network(of(alexnet({}), 227));
    BOOST_TEST(
        names(network) == (std::vector<std::string>{"conv1", "conv2", "conv3", "conv4", "conv5", "fc6", "fc7", "fc8"}),
        boost::test_tools::per_element());
    auto const* norm = at(network, "norm1").as<op::ResponseNorm>();
    BOOST_REQUIRE(norm);
    // The paper's 2 + 1e-4 times the sum of five squares.
    BOOST_TEST(norm->k == 2);
    BOOST_TEST(norm->alpha / norm->size == 1e-4, boost::test_tools::tolerance(1e-12));
    BOOST_TEST((network.graph().at(network.graph().source(at(network, "pool1").inputs.front())).name == "norm1"));
    BOOST_TEST(weights(network, "conv2.weight") == (Shape{256, 48, 5, 5}), boost::test_tools::per_element());
    BOOST_TEST(weights(network, "fc6.weight") == (Shape{4096, 9216}), boost::test_tools::per_element());
    // Without groups: 62,378,344 parameters, as it is often quoted.
    std::size_t parameters = 0;
    for (auto const& tensor : Network(of(alexnet({.groups = 1}), 227)).weight_tensors())
        parameters += tensor.elements();
    BOOST_TEST(parameters == 62'378'344u);
}

// Names and shapes as in torchvision's state dicts.
BOOST_AUTO_TEST_CASE(weights_have_torchvisions_names) {
    Network const alex(of(alexnet({.year = 2014})));
    BOOST_TEST(weights(alex, "features.10.weight") == (Shape{256, 256, 3, 3}), boost::test_tools::per_element());
    BOOST_TEST(weights(alex, "classifier.6.bias") == (Shape{1000}), boost::test_tools::per_element());
    Network const plain(of(vgg({})));
    BOOST_TEST(weights(plain, "features.28.weight") == (Shape{512, 512, 3, 3}), boost::test_tools::per_element());
    BOOST_TEST(weights(plain, "classifier.0.weight") == (Shape{4096, 25088}), boost::test_tools::per_element());
    Network const normed(of(vgg({.batch_norm = true})));
    BOOST_TEST(weights(normed, "features.40.weight") == (Shape{512, 512, 3, 3}), boost::test_tools::per_element());
    BOOST_TEST(weights(normed, "features.41.running_var") == (Shape{512}), boost::test_tools::per_element());
    Network const mobile(of(mobilenet({.version = 2})));
    BOOST_TEST(weights(mobile, "features.0.0.weight") == (Shape{32, 3, 3, 3}), boost::test_tools::per_element());
    BOOST_TEST(weights(mobile, "features.1.conv.1.weight") == (Shape{16, 32, 1, 1}), boost::test_tools::per_element());
    BOOST_TEST(weights(mobile, "features.2.conv.1.0.weight") == (Shape{96, 1, 3, 3}), boost::test_tools::per_element());
    BOOST_TEST(weights(mobile, "features.17.conv.3.running_mean") == (Shape{320}), boost::test_tools::per_element());
    BOOST_TEST(weights(mobile, "features.18.0.weight") == (Shape{1280, 320, 1, 1}), boost::test_tools::per_element());
    BOOST_TEST(weights(mobile, "classifier.1.weight") == (Shape{1000, 1280}), boost::test_tools::per_element());
    BOOST_TEST(mobile.weight_tensors().size() == 52u * 5 + 2);
}

BOOST_AUTO_TEST_CASE(vgg_has_a_block_per_weighted_layer_and_a_stage_per_pool) {
    Network const network(of(vgg({.depth = 11})));
    BOOST_TEST(names(network) == (std::vector<std::string>{"conv1_1", "conv2_1", "conv3_1", "conv3_2", "conv4_1",
                                                           "conv4_2", "conv5_1", "conv5_2", "fc6", "fc7", "fc8"}),
               boost::test_tools::per_element());
    BOOST_TEST(stages(network) == (std::vector<int>{1, 2, 3, 3, 4, 4, 5, 5, 6, 6, 6}),
               boost::test_tools::per_element());
    BOOST_TEST(network.blocks()[3].output.h == 28);  // its pool is part of it
    // As it is used for CIFAR-10: one fully connected layer.
    Network const small(of(vgg({.depth = 16, .batch_norm = true, .hidden = {}}), 32, 10));
    BOOST_TEST(names(small).back() == "fc6");
    BOOST_TEST(weights(small, "classifier.0.weight") == (Shape{10, 512}), boost::test_tools::per_element());
}

// Millions of MACs and parameters: version 1 as in Howard et al., Table 6; version 2 as in TensorFlow's table
// (tensorflow/models, slim/nets/mobilenet), whose parameters are without batch normalisation and for 1001 classes.
BOOST_AUTO_TEST_CASE(width_multiplies_channels_as_published) {
    struct Known {
        int version;
        double width, macs, parameters, rounding;
    };
    for (auto const& known :
         {Known{1, 1, 569, 4.2, 0.05}, Known{1, 0.75, 325, 2.6, 0.05}, Known{1, 0.5, 149, 1.3, 0.05},
          Known{1, 0.25, 41, 0.5, 0.05}, Known{2, 1.4, 582, 6.06, 0.01}, Known{2, 1, 300, 3.47, 0.01},
          Known{2, 0.75, 209, 2.61, 0.01}, Known{2, 0.5, 97, 1.95, 0.01}, Known{2, 0.35, 59, 1.66, 0.01}}) {
        Network const network(of(mobilenet({known.version, known.width}), 224, 1001));
        double parameters = 0;
        for (auto const& op : network.graph().operators())
            if (op.is_weighted())
                for (auto const& name : {".weight", ".bias"}) {
                    double elements = weights(network, op.name + name).empty() ? 0 : 1;
                    for (auto const extent : weights(network, op.name + name)) elements *= static_cast<double>(extent);
                    parameters += elements;
                }
        auto const macs = static_cast<double>(network.total_macs().value()) / 1e6;
        BOOST_TEST(std::abs(macs - known.macs) < 1, known.version << " " << known.width << ": " << macs);
        BOOST_TEST(std::abs(parameters / 1e6 - known.parameters) < known.rounding,
                   known.version << " " << known.width << ": " << parameters);
    }
}

BOOST_AUTO_TEST_CASE(inverted_residuals_with_a_shortcut_can_be_dropped) {
    Network const network(of(mobilenet({.version = 2})));
    BOOST_TEST(droppable(network) == (std::vector<std::string>{"s3b2", "s4b2", "s4b3", "s5b2", "s5b3", "s5b4", "s6b2",
                                                               "s6b3", "s7b2", "s7b3"}),
               boost::test_tools::per_element());
    for (auto const& block : network.blocks())
        if (block.is_droppable()) {
            BOOST_TEST(block.vanishes_when_dropped(), block.name);
            BOOST_TEST((block.input == block.output));
            BOOST_TEST(block.operators.size() == 9u);  // three convolutions, their norms, two activations, the sum
        }
    BOOST_TEST(names(network)[1] == "s2b1_dw");  // expansion 1: nothing to expand
    BOOST_TEST(names(network)[3] == "s3b1_expand");
    BOOST_TEST(names(network).back() == "head");
    // Channels that differ: no shortcut.
    BOOST_TEST(droppable(Network(of(mobilenet({.version = 1})))).empty());
}

BOOST_AUTO_TEST_CASE(xceptions_middle_flow_can_be_dropped_for_nothing_and_its_other_residuals_for_a_projection) {
    Network const network(of(xception({}), 299));
    std::vector<std::string> expected;
    for (int b = 2; b <= 13; ++b) expected.push_back("block" + std::to_string(b));
    BOOST_TEST(droppable(network) == expected, boost::test_tools::per_element());
    for (auto const& block : network.blocks()) {
        if (!block.is_droppable()) continue;
        int const number = std::stoi(block.name.substr(5));
        bool const is_middle = number >= 5 && number <= 12;
        BOOST_TEST(block.has_identity_shortcut() == is_middle, block.name);
        if (is_middle) BOOST_TEST(block.output.c == 728);
        if (number == 13) BOOST_TEST(block.skip_macs.value() == 728LL * 1024 * 10 * 10);
    }
    Network const shallow(of(xception({.middle = 2}), 299));
    BOOST_TEST(droppable(shallow).back() == "block7");
    BOOST_TEST(names(shallow).back() == "predictions");
}

// As TensorFlow pads: of 224, stride 2, one row below and one column to the right; of odd sizes on both sides.
BOOST_AUTO_TEST_CASE(same_padding_is_tensorflows) {
    Network const network(of(mobilenet({.version = 1})));
    BOOST_TEST((at(network, "conv1").as<op::Convolution>()->window.padding == Padding{0, 0, 1, 1}));
    BOOST_TEST((at(network, "conv_dw_1").as<op::Convolution>()->window.padding == Padding{1, 1, 1, 1}));
    Network const odd(of(mobilenet({.version = 1}), 225));
    BOOST_TEST((at(odd, "conv1").as<op::Convolution>()->window.padding == Padding{1, 1, 1, 1}));
    BOOST_TEST(odd.graph().at(at(odd, "conv1").output).shape.h == 113);
}

BOOST_AUTO_TEST_CASE(a_chains_layers_are_called_by_kind_and_number) {
    using enum Layer::Kind;
    Chain shape;
    shape.layers = {{.kind = convolution,
                     .channels = 4,
                     .kernel = {3, 3},
                     .has_norm = true,
                     .activation = Layer::Function::hard_swish},
                    {.kind = max_pool, .kernel = {2, 2}, .stride = {2, 2}},
                    {.kind = depthwise, .kernel = {3, 3}, .padding = {}, .multiplier = 2},
                    {.kind = average_pool, .kernel = {3, 3}},
                    {.kind = fully_connected, .name = "last"},
                    {.kind = softmax}};
    Network const network(of(chain(shape), 16, 5));
    std::vector<std::string> operators;
    for (auto const& op : network.graph().operators()) operators.push_back(op.name);
    BOOST_TEST(operators == (std::vector<std::string>{"conv1", "conv1_bn", "conv1_act", "pool1", "dw1", "pool2", "last",
                                                      "softmax1"}),
               boost::test_tools::per_element());
    BOOST_TEST(names(network) == (std::vector<std::string>{"conv1", "dw1", "last"}), boost::test_tools::per_element());
    BOOST_TEST(stages(network) == (std::vector<int>{1, 2, 3}), boost::test_tools::per_element());
    BOOST_TEST((at(network, "conv1_act").as<op::Activation>()->kind == op::Activation::Kind::hard_swish));
    BOOST_TEST(weights(network, "dw1.weight") == (Shape{8, 1, 3, 3}), boost::test_tools::per_element());
    BOOST_TEST(weights(network, "last.weight") == (Shape{5, 8 * 5 * 5}), boost::test_tools::per_element());
    BOOST_TEST(network.classes() == 5);
}

BOOST_AUTO_TEST_CASE(refuses_what_makes_no_network_naming_it) {
    auto const refused = [](NetworkProfile const& profile, std::string const& text) {
        BOOST_CHECK_EXCEPTION(Network{profile}, InputError, [&](InputError const& error) {
            BOOST_TEST_MESSAGE(error.what());
            return std::string(error.what()).find(text) != std::string::npos;
        });
    };
    refused(of(vgg({.depth = 12})), "network net: depth must be 11, 13, 16 or 19");
    refused(of(vgg({.hidden = {0}})), "network net: each of hidden must be 1 to 65536");
    refused(of(vgg({}), 16),
            "network net: operator features.30: its window of 2 x 2 is larger than its input of 1 x 1 x 512");
    refused(of(alexnet({.year = 2000})), "network net: year must be 2012 or 2014");
    refused(of(alexnet({.groups = 3})), "network net: groups must be 1 or 2");
    refused(of(mobilenet({.version = 3})), "network net: version must be 1 or 2");
    refused(of(mobilenet({.width = NAN})), "network net: width must be above 0");
    refused(of(xception({.middle = 0})), "network net: middle must be 1 to 1000");
    refused(of(mobilenet({}), 0), "network net: input must be 1 to 4096 pixels");
    refused(of(chain({})), "network net: its layers give no classes");
}

BOOST_AUTO_TEST_SUITE_END()

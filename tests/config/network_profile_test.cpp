#include "config/network_profile.hpp"

#include <algorithm>
#include <boost/test/unit_test.hpp>
#include <string>
#include <vector>

#include "config/file_kind.hpp"
#include "config/toml_reader.hpp"
#include "support.hpp"

using namespace skipstone;
using namespace skipstone::config;
using namespace skipstone::config::test;

namespace {

NetworkProfile profile_of(std::string const& text) {
    auto const origin = std::make_shared<Origin const>(Origin{"net.toml", {}});
    auto const table = parse_toml(text, origin);
    return read_network_profile(TableReader(table, ""));
}

std::vector<std::string> block_names(Network const& network) {
    std::vector<std::string> names;
    for (auto const& block : network.blocks()) names.push_back(block.name);
    return names;
}

std::string chain(std::string const& layers) {
    return "name = \"net\"\nfamily = \"chain\"\ninput = 8\nclasses = 2\nlayer = [" + layers + "]\n";
}

}  // namespace

BOOST_AUTO_TEST_SUITE(network_profile)

BOOST_AUTO_TEST_CASE(written_and_read_again_every_network_is_the_same) {
    std::vector<NetworkProfile> profiles;
    for (auto const& name : profile_names(ProfileKind::network, shipped()))
        profiles.push_back(load_network_profile(name, shipped()));
    for (auto const& text :
         {std::string("name = \"a\"\nfamily = \"alexnet\"\ngroups = 1\n"),
          std::string(
              "name = \"b\"\nfamily = \"vgg\"\ndepth = 13\nbatch_norm = true\nhidden = []\ninput = \"40x32\"\n"),
          std::string(
              "name = \"c\"\nfamily = \"mobilenet\"\nversion = 2\nwidth = 0.35\ninput = [96, 128]\nchannels = 1\n"),
          std::string("name = \"d\"\nfamily = \"xception\"\nmiddle = 3\ninput = 71\n"),
          chain(
              "{kind = \"convolution\", channels = 6, kernel = [3, 1], stride = [2, 1], padding = [1, 0, 2, 0], groups "
              "= 3, "
              "bias = false, activation = \"leaky-relu\", slope = 0.2}, "
              "{kind = \"depthwise\", kernel = 3, padding = \"same\", dilation = 2, multiplier = 2, batch_norm = true, "
              "epsilon = 1e-3}, {kind = \"average-pool\", kernel = 2, stride = 1, padding = 1, counts_zeros = true}, "
              "{kind = \"batch-norm\", activation = \"silu\"}, {kind = \"activation\", function = \"elu\"}, "
              "{kind = \"response-norm\", size = 3, alpha = 0.1, beta = 0.5, k = 2}, "
              "{kind = \"fully-connected\", name = \"the-last.one\", bias = false}, {kind = \"softmax\"}")})
        profiles.push_back(profile_of(text));
    for (auto const& profile : profiles) {
        auto const again = profile_of(network_lines(profile));
        BOOST_TEST(network_lines(again) == network_lines(profile));
        Network const one(profile), other(again);
        BOOST_TEST((one.weight_tensors() == other.weight_tensors()), profile.name);
        BOOST_TEST(one.total_macs().value() == other.total_macs().value());
        BOOST_TEST(block_names(one) == block_names(other), boost::test_tools::per_element());
        BOOST_TEST((one.input_shape() == other.input_shape()));
    }
}

BOOST_AUTO_TEST_CASE(inputs_have_rows_and_columns_and_channels) {
    auto const shape = [](std::string const& keys) {
        return profile_of("name = \"n\"\nfamily = \"mobilenet\"\nversion = 2\n" + keys).input;
    };
    BOOST_TEST((shape("") == TensorShape{1, 224, 224, 3}));
    BOOST_TEST((shape("input = 96") == TensorShape{1, 96, 96, 3}));
    BOOST_TEST((shape("input = \"49x10\"\nchannels = 1") == TensorShape{1, 49, 10, 1}));
    BOOST_TEST((shape("input = [49, 10]") == TensorShape{1, 49, 10, 3}));
    BOOST_TEST((profile_of("name = \"n\"\nfamily = \"xception\"").input == TensorShape{1, 299, 299, 3}));
    BOOST_TEST((profile_of("name = \"n\"\nfamily = \"alexnet\"").input == TensorShape{1, 227, 227, 3}));
}

BOOST_AUTO_TEST_CASE(bad_profiles_say_what_would_be_right) {
    struct {
        std::string text, expected;
    } const cases[] = {
        {"name = \"n\"\nfamily = \"vg\"",
         "net.toml:2: family: \"vg\" is none of its values; write \"resnet\", \"alexnet\", "},
        {"name = \"n\"\nfamily = \"vgg\"",
         "depth: is missing; it gives the number of weighted layers, 11, 13, 16 or 19"},
        {"name = \"n\"\nfamily = \"vgg\"\ndepth = 12", "net.toml:3: depth: is 12; there are 11, 13, 16 and 19"},
        {"name = \"n\"\nfamily = \"vgg\"\ndepth = 16\nbatchnorm = true",
         "net.toml:4: batchnorm: unknown key; the nearest known one is \"batch_norm\""},
        {"name = \"n\"\nfamily = \"vgg\"\ndepth = 16\nhidden = [0]", "net.toml:4: hidden[0]: is 0; it must be"},
        {"name = \"n\"\nfamily = \"alexnet\"\nyear = 2013",
         "net.toml:3: year: is 2013; there is an AlexNet of 2012 and"},
        {"name = \"n\"\nfamily = \"alexnet\"\nyear = 2014\ngroups = 2", "net.toml:4: groups: unknown key"},
        {"name = \"n\"\nfamily = \"alexnet\"\ninput = 32",
         "network n: operator pool2: its window of 3 x 3 is larger than its input of 2 x 2 x 256"},
        {"name = \"n\"\nfamily = \"mobilenet\"", "version: is missing; it gives which one, 1 or 2"},
        {"name = \"n\"\nfamily = \"mobilenet\"\nversion = 3", "net.toml:3: version: is 3; it must be"},
        {"name = \"n\"\nfamily = \"mobilenet\"\nversion = 1\nwidth = 0", "net.toml:4: width: is 0; it must be above 0"},
        {"name = \"n\"\nfamily = \"xception\"\nmiddle = 0", "net.toml:3: middle: is 0; it must be"},
        {"name = \"n\"\nfamily = \"xception\"\ninput = \"big\"",
         "net.toml:3: input: is \"big\"; write one number, or rows and columns such as \"49x10\", each 1 to 4096"},
        {"name = \"n\"\nfamily = \"xception\"\ninput = \"8x9x3\"", "net.toml:3: input: is \"8x9x3\"; write one number"},
        {"name = \"n\"\nfamily = \"xception\"\ninput = \"99999999999\"",
         "net.toml:3: input: is \"99999999999\"; write one"},
        {"name = \"n\"\nfamily = \"xception\"\ninput = [8, 9, 3]", "net.toml:3: input: lists 3 numbers; write one"},
        {"name = \"n\"\nfamily = \"xception\"\ninput = 2",
         "network n: operator block1_conv1: its window of 3 x 3 is larger"},
        {"name = \"n\"\nfamily = \"xception\"\nchannels = 0", "net.toml:3: channels: is 0; it must be"},
        {"name = \"n\"\nfamily = \"chain\"", "layer: is missing; it gives the layers, such as"},
        {chain(""), "its layers give no classes; a convolution or a fully connected layer must"},
        {chain("3"), "net.toml:5: layer[0]: must be a table of keys, not a whole number"},
        {chain("{kind = \"conv\"}"),
         "net.toml:5: layer[0].kind: \"conv\" is none of its values; write \"convolution\""},
        {chain("{kind = \"dropout\"}"),
         "layer[0].kind: \"dropout\" has no effect but in training; leave the layer out"},
        {chain("{kind = \"flatten\"}"), "layer[0].kind: \"flatten\" is no layer here"},
        {chain("{kind = \"convolution\"}"), "layer[0].kernel: is missing; it gives the size of its window"},
        {chain("{kind = \"fully-connected\", kernel = 3}"), "layer[0].kernel: unknown key"},
        {chain("{kind = \"fully-connected\", activation = \"rellu\"}"),
         "layer[0].activation: \"rellu\" is none of its values"},
        {chain("{kind = \"fully-connected\", slope = 0.1}"), "layer[0].slope: unknown key"},
        {chain("{kind = \"fully-connected\", name = \"a/b\"}"),
         "layer[0]: a name has at most 63 letters, digits, and any of"},
        {chain("{kind = \"fully-connected\", name = \"\"}"), "layer[0].name: is empty; leave it out, or give one"},
        {chain("{kind = \"fully-connected\"}, {kind = \"fully-connected\"}"),
         "layer[0]: channels is missing; only the last convolution or fully connected layer gives as many"},
        {chain("{kind = \"fully-connected\", channels = 3}"), "leave it out, and give classes = 3"},
        {chain("{kind = \"fully-connected\"}, {kind = \"depthwise\", kernel = 1}"),
         "its last weighted layer is a depthwise one"},
        {chain("{kind = \"fully-connected\", channels = 3, name = \"x\"}, {kind = \"fully-connected\", name = \"x\"}"),
         "network net: operator x: there are two of that name"},
        {chain("{kind = \"convolution\", kernel = 3, padding = \"full\"}"),
         "layer[0].padding: is \"full\"; write \"same\", a number of rows and columns, [rows, columns], or "},
        {chain("{kind = \"convolution\", kernel = [1, 2, 3]}"),
         "layer[0].kernel: lists 3 numbers; write one, or [rows"},
        {chain("{kind = \"convolution\", kernel = 9}"),
         "network net: operator conv1: its window of 9 x 9 is larger than"},
        {chain("{kind = \"convolution\", kernel = 3, groups = 2}"),
         "operator conv1: its 2 groups do not divide 3 inputs"},
        {chain("{kind = \"depthwise\", kernel = 1, multiplier = 1000000}, {kind = \"fully-connected\"}"),
         "operator dw1: a depthwise layer gives at most 1000000 channels"},
        {chain("{kind = \"activation\"}, {kind = \"fully-connected\"}"), "layer[0].function: is missing"},
    };
    for (auto const& c : cases) check_contains(message_of([&] { profile_of(c.text); }), c.expected);
}

BOOST_AUTO_TEST_CASE(a_profile_of_any_family_is_known_as_one) {
    for (auto const& name : profile_names(ProfileKind::network, shipped()))
        BOOST_TEST((identify(find_profile(ProfileKind::network, name, shipped())) == FileKind::network_profile), name);
}

BOOST_AUTO_TEST_CASE(blocks_are_joined_by_the_scenario) {
    auto const names = [](std::string const& keys) {
        auto const scenario = parsed(scenario_with("network", keys), {"accuracy.table=none"});
        auto const again = parse_scenario(scenario_text(scenario), "again.toml", "", {}, {});
        BOOST_TEST((again.network.profile.blocks == scenario.network.profile.blocks));
        BOOST_TEST(scenario_text(again) == scenario_text(scenario));
        return block_names(Network(scenario.network.wanted_profile()));
    };
    std::vector<std::string> const stages{"conv1_1..conv1_2", "conv2_1..conv2_2", "conv3_1..conv3_3",
                                          "conv4_1..conv4_3", "conv5_1..conv5_3", "fc6..fc8"};
    BOOST_TEST(names("profile = \"vgg16\"\nblocks = \"stages\"") == stages, boost::test_tools::per_element());
    BOOST_TEST(names("profile = \"vgg16\"\nblocks = \"finest\"").size() == 16u);
    auto const listed = names("profile = \"vgg16\"\nblocks = [[\"conv1_1\", \"features.14\"], [\"fc7\", \"fc8\"]]");
    BOOST_TEST(listed.front() == "conv1_1..conv3_3");
    BOOST_TEST(listed.back() == "fc7..fc8");
    BOOST_TEST(listed.size() == 9u);
}

BOOST_AUTO_TEST_SUITE_END()

#include "emulator/setup.hpp"

#include <boost/test/unit_test.hpp>
#include <string>

#include "config/scenario_file.hpp"
#include "kernels/weights.hpp"
#include "units/error.hpp"

using namespace skipstone;

namespace {

Scenario scenario_of(std::string const& network) {
    std::string const text = "[network]\nprofile = \"" + network +
                             "\"\n[accuracy]\ntable = \"none\"\n[fleet]\ndevices = [{profile = \"khan2023-low\"}]\n"
                             "[links]\nprofile = \"khan2023\"\n";
    return config::parse_scenario(text, "test.toml", "", {},
                                  {.roots = {SKIPSTONE_SOURCE_DIR "/profiles"}, .built_in = {}});
}

// The scenario with a weights file of this input.
Scenario with_weights(std::string const& network, TensorShape input, int classes) {
    auto scenario = scenario_of(network);
    scenario.network.weights = "weights.h5";
    kernels::WeightsInfo info;
    info.file = "weights.h5";
    info.network = network;
    info.input = input;
    info.classes = classes;
    return emulator::with_weights_metadata(std::move(scenario), info);
}

}  // namespace

BOOST_AUTO_TEST_SUITE(setup)

BOOST_AUTO_TEST_CASE(weights_say_how_large_a_square_input_is) {
    BOOST_TEST(
        (with_weights("mobilenet-v2", {1, 96, 96, 3}, 10).network.wanted_profile().input == TensorShape{1, 96, 96, 3}));
    BOOST_TEST(
        (with_weights("lenet-5", {1, 40, 40, 1}, 10).network.wanted_profile().input == TensorShape{1, 40, 40, 1}));
    // What is not square stays as it is.
    BOOST_TEST(
        (with_weights("ds-cnn", {1, 49, 10, 1}, 12).network.wanted_profile().input == TensorShape{1, 49, 10, 1}));
}

BOOST_AUTO_TEST_CASE(weights_for_an_input_of_another_kind_are_refused) {
    auto const refused = [](std::string const& network, TensorShape input, std::string const& what) {
        BOOST_CHECK_EXCEPTION(with_weights(network, input, 10), InputError, [&](InputError const& error) {
            return std::string(error.what()) ==
                   "weights.h5: these weights are for an input of " + what + "; choose weights of that network";
        });
    };
    refused("lenet-5", {1, 32, 32, 3}, "32 x 32 x 3, that of the scenario's network has 32 x 32 x 1");
    refused("ds-cnn", {1, 49, 49, 1}, "49 x 49 x 1, that of the scenario's network has 49 x 10 x 1");
    refused("mobilenet-v2", {1, 96, 128, 3}, "96 x 128 x 3, that of the scenario's network has 224 x 224 x 3");
}

BOOST_AUTO_TEST_SUITE_END()

#include "networks/exits_text.hpp"

#include <boost/test/unit_test.hpp>
#include <string>
#include <vector>

#include "networks/graph_family.hpp"
#include "tests/network_profiles.hpp"
#include "units/error.hpp"

using namespace skipstone;
using namespace skipstone::networks;

namespace {

InputPlace const place{"net.h5", 0, "exits"};

// A head of a network with ten classes behind a block whose output is of this shape.
ExitHead head(std::string const& after, TensorShape input, int classes = 10) {
    auto const name = [&](char const* part) { return "exit." + after + "." + part; };
    Graph::Builder graph(input);
    auto t = graph.add(name("pool"), op::AveragePool{square_window(2, 2, 0), false}, {TensorId(0)});
    t = graph.add(name("flat"), op::Reshape{1, 1, (input.h / 2) * (input.w / 2) * input.c}, {t});
    t = graph.add(name("fc"), op::FullyConnected{classes, true}, {t});
    return {after, std::move(graph).finish(t)};
}

std::string complaint(std::string const& text) {
    try {
        read_exits(text, place);
    } catch (InputError const& error) {
        return error.what();
    }
    return "";
}

std::string complaint(std::vector<ExitHead> exits) {
    auto profile = test::resnet20();
    profile.exits = std::move(exits);
    try {
        Network const network(std::move(profile));
    } catch (InputError const& error) {
        return error.what();
    }
    return "";
}

TensorShape const early{1, 32, 32, 16}, late{1, 16, 16, 32};

}  // namespace

BOOST_AUTO_TEST_SUITE(exits_text)

BOOST_AUTO_TEST_CASE(a_list_read_again_is_the_same) {
    std::vector<ExitHead> const exits{head("s2b2", early), head("s3b1", late)};
    auto const text = networks::exits_text(exits);
    BOOST_TEST(text.starts_with("[{\"after\":\"s2b2\",\"graph\":{\"format\":\"skipstone-graph\",\"version\":1,"));
    BOOST_TEST(text.find('\'') == std::string::npos);
    auto const again = read_exits(text, place);
    BOOST_TEST(networks::exits_text(again) == text);
    BOOST_REQUIRE(again.size() == exits.size());
    for (std::size_t i = 0; i < exits.size(); ++i) {
        BOOST_TEST(again[i].after == exits[i].after);
        BOOST_TEST((again[i].graph.weight_tensors() == exits[i].graph.weight_tensors()));
    }
    BOOST_TEST(networks::exits_text({}) == "[]");
    BOOST_TEST(read_exits("[]", place).empty());

    auto profile = test::resnet20();
    profile.exits = again;
    Network const network(profile);
    BOOST_REQUIRE(network.exits().size() == 2U);
    BOOST_TEST(network.block(network.head_of(ExitId(1))).name == "exit.s3b1");
    BOOST_TEST(network.weight_tensors().back().name == "exit.s3b1.fc.bias");
}

BOOST_AUTO_TEST_CASE(what_is_no_list_of_exits_is_named) {
    auto const good = networks::exits_text(std::vector{head("s2b2", early)});
    auto const with = [&](std::string const& from, std::string const& to) {
        auto text = good;
        text.replace(text.find(from), from.size(), to);
        return complaint(text);
    };
    BOOST_TEST(complaint("[{").starts_with("net.h5: exits: is no list of exits, because it is not valid JSON"));
    BOOST_TEST(complaint("{}") == "net.h5: exits: must be a list");
    BOOST_TEST(complaint("[1]") == "net.h5: exits: exit 1: must be an object");
    BOOST_TEST(complaint("[{}]") == "net.h5: exits: exit 1: \"after\" is missing");
    BOOST_TEST(with("\"graph\":{\"format\"", "\"grph\":{\"format\"") == "net.h5: exits: exit 1: \"graph\" is missing");
    BOOST_TEST(with("{\"after\":", "{\"at\":1,\"after\":") == "net.h5: exits: exit 1: unknown key \"at\"");
    BOOST_TEST(with("{\"after\":", "{\"after\":\"a\",\"after\":") ==
               "net.h5: exits: is no list of exits: the key \"after\" stands twice in one object");
    BOOST_TEST(with("\"s2b2\"", "\"\"").starts_with("net.h5: exits: exit 1: after: must be the name of a block"));
    BOOST_TEST(with("\"s2b2\"", "7") == "net.h5: exits: exit 1: after: must be a string");
    BOOST_TEST(with("skipstone-graph", "other") ==
               "net.h5: exits: the exit behind block \"s2b2\": graph: is no graph: its \"format\" is not "
               "\"skipstone-graph\"");
    BOOST_TEST(
        with("\"outputs\":10", "\"outputs\":0").starts_with("net.h5: exits: the exit behind block \"s2b2\": graph: "));
    BOOST_TEST(with("\"hwc\"", "\"chw\"") ==
               "net.h5: exits: the exit behind block \"s2b2\": graph: input_axes: must be \"hwc\", as blocks hand "
               "their tensors on, and is \"chw\"");
    std::string many = "[";
    for (std::size_t i = 0; i <= most_exits; ++i) many += i > 0 ? ",{}" : "{}";
    BOOST_TEST(complaint(many + "]") == "net.h5: exits: has 10001 entries; there can be 10000");
    BOOST_TEST(complaint(std::string(1000, '[')).find("is nested deeper") != std::string::npos);
}

BOOST_AUTO_TEST_CASE(exits_that_do_not_fit_are_named) {
    BOOST_TEST(complaint({head("s2b2", early), head("s3b1", late)}).empty());
    BOOST_TEST(complaint({head("s2b9", early)}).find("\"s2b9\": there is no such block; the nearest is \"s2b") !=
               std::string::npos);
    BOOST_TEST(complaint({head("head", late)}).find("it is the last block, whose output is the network's") !=
               std::string::npos);
    BOOST_TEST(complaint({head("s3b1", late), head("s2b2", early)}).find("\"s2b2\" is out of order, or there twice") !=
               std::string::npos);
    BOOST_TEST(complaint({head("s2b2", early), head("s2b2", early)}).find("out of order, or there twice") !=
               std::string::npos);
    BOOST_TEST(complaint({head("s2b2", late)})
                   .find("\"s2b2\" was made for an output of 16 x 16 x 32, and the block gives 32 x 32 x 16") !=
               std::string::npos);
    BOOST_TEST(complaint({head("s2b2", early, 7)}).find("tells 7 classes apart, and the network 10") !=
               std::string::npos);
}

BOOST_AUTO_TEST_SUITE_END()

#include "config/link_section.hpp"

#include <boost/test/unit_test.hpp>
#include <string>

#include "support.hpp"

using namespace skipstone;
using namespace skipstone::config;
using namespace skipstone::config::test;

namespace {

// Of the fleet khan2023-low-0, khan2023-low-1, big.
constexpr int low0 = 0, low1 = 1, big = 2;

std::string with_links(std::string const& keys) {
    return scenario_with("links", "profile = \"khan2023\"\n" + keys);
}

LinkTraits traits(Scenario const& scenario, int from, int to) {
    return scenario.links.traits(DeviceId(static_cast<std::int32_t>(from)), DeviceId(static_cast<std::int32_t>(to)));
}

double rate(Scenario const& scenario, int from, int to) {
    auto const rate = traits(scenario, from, to).rate;
    return rate ? rate->value() : -1;
}

// A scenario whose links.file has these lines.
Scenario with_file(std::string const& lines, std::string const& keys = "", std::vector<Override> const& sets = {}) {
    Folder const folder("links");
    folder.write("links.csv", lines);
    auto const file = folder.write("s.toml", with_links("file = \"links.csv\"\n" + keys));
    return load_scenario(file.string(), sets, shipped());
}

std::string wrong_pair(std::string const& entries) {
    return message_of([&] { parsed(with_links("pair = [" + entries + "]")); });
}
std::string wrong_file(std::string const& lines) {
    return message_of([&] { with_file(lines); });
}

}  // namespace

BOOST_AUTO_TEST_SUITE(link_section)

BOOST_AUTO_TEST_CASE(a_pair_has_what_its_entry_says_in_its_direction) {
    Scenario const s = parsed(
        with_links("latency = \"1 ms\"\n"
                   "[[links.pair]]\nfrom = \"big\"\nto = \"khan2023-low-0\"\nrate = \"5 Mbit/s\"\nlatency = \"20 ms\"\n"
                   "jitter = \"2 ms\"\nloss = 0.1\nefficiency = 0.5\n"));
    BOOST_TEST((traits(s, big, low0) == LinkTraits{BitRate(5e6), Seconds(0.02), Seconds(0.002), 0.1, 0.5}));
    for (auto const& [from, to] : {std::pair(low0, big), std::pair(big, low1), std::pair(low0, low1)})
        BOOST_TEST((traits(s, from, to) == LinkTraits{std::nullopt, Seconds(0.001), Seconds(0), 0.0, 1.0}));
    BOOST_TEST(!parsed(scenario_with()).links.pairs);
}

BOOST_AUTO_TEST_CASE(symmetric_star_and_none) {
    Scenario const s = parsed(with_links(R"(
pair = [
    {from = "*", to = "*", rate = "1 Mbit/s"},
    {from = "big", to = "*", rate = "9 Mbit/s", symmetric = true},
    {from = "khan2023-low-0", to = "khan2023-low-1", rate = "none"},
])"));
    BOOST_TEST(rate(s, low0, low1) == 0);
    BOOST_TEST(rate(s, low1, low0) == 1e6);
    for (int const low : {low0, low1}) {
        BOOST_TEST(rate(s, big, low) == 9e6);
        BOOST_TEST(rate(s, low, big) == 9e6);
    }
}

BOOST_AUTO_TEST_CASE(entries_of_one_link_add_up) {
    Scenario const s = parsed(with_links(R"(
pair = [{from = "big", to = "*", rate = "9 Mbit/s"}, {from = "big", to = "*", loss = 0.25}])"));
    BOOST_TEST(rate(s, big, low1) == 9e6);
    BOOST_TEST(*traits(s, big, low1).loss == 0.25);
}

BOOST_AUTO_TEST_CASE(a_rate_from_everywhere_to_everywhere_needs_no_model) {
    Scenario const s = parsed(scenario_with(
        "links",
        R"(pair = [{from = "*", to = "*", rate = "none"}, {from = "big", to = "khan2023-low-0", rate = "2 Mbit/s"}])"));
    BOOST_TEST(rate(s, big, low0) == 2e6);
    BOOST_TEST(rate(s, low0, big) == 0);
    check_contains(
        message_of([] { parsed(scenario_with("links", R"(pair = [{from = "*", to = "big", rate = "1 Mbit/s"}])")); }),
        "links.profile: is missing");
}

BOOST_AUTO_TEST_CASE(what_is_wrong_with_a_pair_is_said_with_its_place) {
    struct Case {
        char const* entries;
        char const* message;
    };
    for (
        auto const& [entries, message] : {
            Case{R"({from = "bik", to = "big", rate = "1 Mbit/s"})",
                 "links.pair[0].from: no device is called \"bik\" (nearest: \"big\")"},
            Case{R"({from = "big", to = "khan2023-low", rate = "1 Mbit/s"})",
                 "links.pair[0].to: no device is called \"khan2023-low\"; the devices of that entry of the fleet are "
                 "\"khan2023-low-0\" to \"khan2023-low-1\""},
            Case{R"({from = "big", to = "big", rate = "1 Mbit/s"})", "links.pair[0].to: is \"big\", as `from` is"},
            Case{R"({from = "big", rate = "1 Mbit/s"})", "links.pair[0].to: is missing"},
            Case{R"({to = "big", rate = "1 Mbit/s"})", "links.pair[0].from: is missing"},
            Case{R"({from = 3, to = "big", rate = "1 Mbit/s"})", "links.pair[0].from: must be a string"},
            Case{R"({from = "big", to = "*"})", "links.pair[0]: says nothing of its link"},
            Case{R"({from = "big", to = "*", symmetric = true})", "links.pair[0]: says nothing of its link"},
            Case{R"({from = "big", to = "*", rate = "0 Mbit/s"})", "links.pair[0].rate: is 0; write \"none\""},
            Case{R"({from = "big", to = "*", rate = "no"})", "links.pair[0].rate: "},
            Case{R"({from = "big", to = "*", rate = 5})", "links.pair[0].rate: 5 has no unit"},
            Case{R"({from = "big", to = "*", rate = "none", loss = 0.1})", "links.pair[0].loss: has no effect"},
            Case{R"({from = "big", to = "*", loss = 1.0})", "links.pair[0].loss: is 1.0"},
            Case{R"({from = "big", to = "*", efficiency = 0.0})", "links.pair[0].efficiency: is 0.0"},
            Case{R"({from = "big", to = "*", latency = "1 J"})", "links.pair[0].latency: "},
            Case{R"({from = "big", to = "*", rates = "1 Mbit/s"})",
                 "links.pair[0].rates: unknown key; the nearest known one is \"links.pair[0].rate\""},
            Case{"", "links.pair: is empty"},
            Case{R"({from = "big", to = "*", rate = "1 Mbit/s"}, {from = "big", to = "*", rate = "2 Mbit/s"})",
                 "links.pair[1]: rate of the link from \"big\" to \"*\" is given twice"},
            Case{
                R"({from = "big", to = "khan2023-low-0", loss = 0.1, symmetric = true}, {from = "khan2023-low-0", to = "big", loss = 0.2})",
                "links.pair[1]: loss of the link from \"khan2023-low-0\" to \"big\" is given twice"},
            Case{
                R"({from = "big", to = "*", rate = "1 Mbit/s"}, {from = "*", to = "khan2023-low-0", rate = "2 Mbit/s"})",
                "links.pair[1]: rate of the link from \"big\" to \"khan2023-low-0\" is given differently for from "
                "\"big\" to \"*\" (test.toml:"},
        })
        check_contains(wrong_pair(entries), message);
    check_contains(message_of([] { parsed(with_links("pair = {from = \"big\"}")); }), "links.pair: must be a list");
}

BOOST_AUTO_TEST_CASE(two_stars_may_meet_where_the_link_between_says_itself_or_they_agree) {
    Scenario const s = parsed(with_links(R"(
pair = [{from = "big", to = "*", rate = "1 Mbit/s", loss = 0.1}, {from = "*", to = "khan2023-low-0", rate = "2 Mbit/s", loss = 0.1},
        {from = "big", to = "khan2023-low-0", rate = "3 Mbit/s"}])"));
    BOOST_TEST(rate(s, big, low0) == 3e6);
    BOOST_TEST(rate(s, big, low1) == 1e6);
    BOOST_TEST(rate(s, low1, low0) == 2e6);
    BOOST_TEST(*traits(s, big, low0).loss == 0.1);
}

BOOST_AUTO_TEST_CASE(a_file_has_a_line_for_each_link) {
    Scenario const s = with_file(
        "\xef\xbb\xbf"
        R"(# measured in the lab
from,to,rate_mbit_s,latency_ms,loss,symmetric
big,khan2023-low-0,5,20,,true

"khan2023-low-0", khan2023-low-1 ,none,,,false
*,*,,,0.5,
)");
    BOOST_TEST(rate(s, big, low0) == 5e6);
    BOOST_TEST(rate(s, low0, big) == 5e6);
    BOOST_TEST(traits(s, big, low0).latency->value() == 0.02);
    BOOST_TEST(*traits(s, big, low0).loss == 0.5);
    BOOST_TEST(rate(s, low0, low1) == 0);
    BOOST_TEST(rate(s, low1, low0) == -1);
    Scenario const crlf = with_file("to,from,rate,jitter\r\nbig,*,3 Mbit/s,1 ms\r\n");
    BOOST_TEST(rate(crlf, low1, big) == 3e6);
    BOOST_TEST(traits(crlf, low1, big).jitter->value() == 0.001);
}

BOOST_AUTO_TEST_CASE(pairs_of_the_scenario_stand_over_the_file_s) {
    std::string const lines = "from,to,rate,latency\nbig,khan2023-low-0,1 Mbit/s,3 ms\nbig,khan2023-low-1,1 Mbit/s,\n";
    Scenario const s = with_file(lines, "pair = [{from = \"big\", to = \"khan2023-low-0\", rate = \"7 Mbit/s\"}]");
    BOOST_TEST(rate(s, big, low0) == 7e6);
    BOOST_TEST(traits(s, big, low0).latency->value() == 0.003);
    BOOST_TEST(rate(s, big, low1) == 1e6);
    Scenario const cut = with_file(lines, "pair = [{from = \"big\", to = \"khan2023-low-0\", rate = \"none\"}]");
    BOOST_TEST(rate(cut, big, low0) == 0);
    Scenario const again = parse_scenario(scenario_text(cut), "again.toml", "", {}, {});
    BOOST_TEST(scenario_text(again) == scenario_text(cut));
}

BOOST_AUTO_TEST_CASE(what_is_wrong_with_a_file_is_said_with_line_and_column) {
    struct Case {
        char const* lines;
        char const* message;
    };
    for (auto const& [lines, message] : {
             Case{"", "links.csv: has no line"},
             Case{"from,to,rate\n", "links.csv:1: has no link below its head"},
             Case{"from,to,rate_mbps\nbig,*,3\n", "links.csv:1: rate_mbps: unknown column (nearest: \"rate_mbit_s\")"},
             Case{"from;to;rate\nbig;*;3\n", "links.csv:1: from;to;rate: unknown column"},
             Case{"from,rate\nbig,3 Mbit/s\n", "links.csv:1: there is no column \"to\""},
             Case{"from,to,symmetric\nbig,*,true\n", "links.csv:1: no column says anything"},
             Case{"from,to,rate,rate_mbit_s\nbig,*,,3\n", "links.csv:1: rate_mbit_s: stands beside \"rate\""},
             Case{"from,to,rate\nbig,*\n", "links.csv:2: has 2 cells, but there are 3 columns"},
             Case{"from,to,rate\nbig,*,3\n", "links.csv:2: rate: \"3\" has no unit"},
             Case{"from,to,rate_mbit_s\nbig,*,3 Mbit/s\n", "links.csv:2: rate_mbit_s: "},
             Case{"from,to,rate_mbit_s\nbig,*,0\n", "links.csv:2: rate_mbit_s: is 0; write \"none\""},
             Case{"from,to,latency_ms\nbig,*,1e300\n",
                  "links.csv:2: latency_ms: \"1e300 ms\" is no time that can be counted with"},
             Case{"from,to,loss\nbig,*,0.9999\n",
                  "links.csv:2: loss: is 0.9999; it must be at least 0 and at most 0.999"},
             Case{"from,to,loss\nbig,*,many\n", "links.csv:2: loss: \"many\" is no number"},
             Case{"from,to,loss\nbig,*,1\n", "links.csv:2: loss: is 1"},
             Case{"from,to,loss,symmetric\nbig,*,0.1,yes\n", "links.csv:2: symmetric: is \"yes\"; write true or false"},
             Case{"from,to,loss\n\n# and\nbik,*,0.1\n", "links.csv:4: from: no device is called \"bik\""},
             Case{"from,to,loss\n,big,0.1\n", "links.csv:2: from: is empty"},
             Case{"from,to,loss\nbig,big,0.1\n", "links.csv:2: to: is \"big\", as `from` is"},
             Case{"from,to,loss\nbig,*,\n", "links.csv:2: says nothing of its link"},
             Case{"from,to,rate,loss\nbig,*,none,0.1\n", "links.csv:2: loss: has no effect"},
             Case{"from,to,loss\n\"big,*,0.1\n", "links.csv:2: a quotation mark is not closed"},
             Case{"from,to,loss\nbig,*,0.1\nbig,*,0.2\n",
                  "links.csv:3: loss of the link from \"big\" to \"*\" is given twice"},
         })
        check_contains(wrong_file(lines), message);
    check_contains(message_of([] { parsed(with_links("file = \"no.csv\"")); }),
                   "links.file: there is no table of links");
}

BOOST_AUTO_TEST_CASE(the_resolved_text_is_complete_without_the_file) {
    for (auto const* lines : {"from,to,rate,symmetric\nbig,khan2023-low-0,0.1 Mbit/s,true\n*,big,none,\n",
                              "from,to,latency,jitter,loss,efficiency\nbig,*,3 ms,0.1 ms,0.3,0.7\n"}) {
        Scenario const s = with_file(lines);
        auto const text = scenario_text(s);
        BOOST_TEST(text.find("links.csv") == std::string::npos);
        Scenario const again = parse_scenario(text, "again.toml", "", {}, {});
        BOOST_TEST(scenario_text(again) == text);
        for (int from = 0; from < 3; ++from)
            for (int to = 0; to < 3; ++to)
                if (from != to) BOOST_TEST((traits(again, from, to) == traits(s, from, to)));
    }
    Scenario const inline_links =
        parsed(scenario_with("links", "rate = \"1 Mbit/s\"\npair = [{from = \"big\", to = \"*\", loss = 0.5}]"));
    BOOST_TEST(*traits(parse_scenario(scenario_text(inline_links), "again.toml", "", {}, {}), big, low0).loss == 0.5);
}

BOOST_AUTO_TEST_CASE(set_reaches_a_pair) {
    std::string const text = with_links("pair = [{from = \"big\", to = \"*\", rate = \"1 Mbit/s\"}]");
    BOOST_TEST(rate(parsed(text, {"links.pair[0].rate=4 Mbit/s"}), big, low0) == 4e6);
    BOOST_TEST(rate(parsed(text, {"links.pair[0].rate=none"}), big, low0) == 0);
    BOOST_TEST(rate(parsed(scenario_with(), {"links.pair=[{from=\"big\", to=\"*\", rate=\"3 Mbit/s\"}]"}), big, low0) ==
               3e6);
    check_contains(message_of([&] { parsed(text, {"links.pair[1].rate=4 Mbit/s"}); }), "there is no [1]");
}

BOOST_AUTO_TEST_CASE(no_device_is_called_star) {
    check_contains(
        message_of([] { parsed(scenario_with("fleet", "devices = [{profile = \"khan2023-low\", name = \"*\"}]")); }),
        "\"*\" cannot be a device's name");
}

BOOST_AUTO_TEST_SUITE_END()

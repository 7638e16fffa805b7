#include <boost/test/unit_test.hpp>
#include <filesystem>
#include <string>
#include <utility>
#include <vector>

#include "config/instance_json.hpp"
#include "config/toml_reader.hpp"
#include "support.hpp"

// Instances and plans in JSON: splits, goals, measured times of parts, prices.
using namespace skipstone;
using namespace skipstone::config;
using namespace skipstone::config::test;

namespace {

std::string corpus(std::string const& name) {
    return read_text_file(std::filesystem::path(SKIPSTONE_SOURCE_DIR) / "tests/fuzz/corpus/instance" / name);
}

std::string replaced(std::string text, std::string const& from, std::string const& to) {
    auto const at = text.find(from);
    BOOST_REQUIRE_MESSAGE(at != std::string::npos, from);
    return text.replace(at, from.size(), to);
}

Split const halves{Split::Kind::outputs, 2};

}  // namespace

BOOST_AUTO_TEST_SUITE(split_json)

BOOST_AUTO_TEST_CASE(an_instance_has_the_ways_in_which_blocks_can_be_split) {
    Instance const instance = parse_instance(corpus("shared.json"), "shared.json");
    BOOST_TEST((instance.goal == Goal::throughput));
    auto const& block = instance.blocks[0];
    BOOST_REQUIRE_EQUAL(block.splits.size(), 2U);
    auto const* rows = block.find({Split::Kind::rows, 2});
    BOOST_REQUIRE(rows);
    BOOST_TEST((rows->parts[1].input == Region{{1, 4}, {0, 6}, {0, 1}}));
    BOOST_TEST((rows->parts[1].output == Region{{2, 4}, {0, 5}, {0, 2}}));
    BOOST_TEST(rows->parts[1].macs.value() == 550);
    BOOST_TEST(rows->parts[1].input_bytes.value() == 72);
    BOOST_TEST(rows->parts[1].weights.value() == 30);
    BOOST_TEST(rows->join_macs.value() == 0);
    BOOST_TEST((instance.devices[0].part_compute.at({BlockId(0), halves}).value() == 0.12));
    BOOST_TEST(instance.devices[1].part_compute.empty());
    auto const text = instance_text(instance);
    auto const again = parse_instance(text, "again.json");
    BOOST_TEST(instance_text(again) == text);
    BOOST_TEST((again.blocks[0].splits == block.splits));
    BOOST_TEST((again.devices[0].part_compute == instance.devices[0].part_compute));
    BOOST_TEST((again.goal == Goal::throughput));
    // Without a word of it, weights stay where requests come without end.
    auto const silent =
        parse_instance(replaced(corpus("shared.json"), "\"memory\": \"resident\", ", ""), "silent.json");
    BOOST_TEST((silent.memory == MemoryModel::resident));
}

BOOST_AUTO_TEST_CASE(an_instance_of_whole_blocks_is_written_as_ever) {
    auto const text = instance_text(parse_instance(corpus("two-devices.json"), "two.json"));
    for (auto const* const key : {"goal", "splits", "part_compute_s"}) BOOST_TEST(text.find(key) == std::string::npos);
}

BOOST_AUTO_TEST_CASE(wrong_splits_are_refused_with_their_path) {
    std::vector<std::pair<std::pair<std::string, std::string>, std::string>> const cases{
        {{"\"goal\": \"throughput\"", "\"goal\": \"speed\""}, "goal: \"speed\" is none of its values"},
        {{"\"memory\": \"resident\"", "\"memory\": \"paper\""}, "memory: \"paper\" does not go with"},
        {{"\"residual\": \"fused\"", "\"residual\": \"paper\""}, "residual: \"paper\" moves two tensors"},
        {{"\"outputs/2\", \"join", "\"outputs/1\", \"join"}, "blocks[0].splits[0].split: \"outputs/1\" is no split"},
        {{"\"outputs/2\", \"join", "\"outputs/999999999\", \"join"}, "is no split; one is written"},
        {{"\"outputs/2\", \"join", "\"outputs/3\", \"join"}, "blocks[0].splits[0].parts: are 2; outputs/3 has 3"},
        {{"\"rows/2\"", "\"outputs/2\""}, "blocks[0].splits: has outputs/2 twice"},
        {{"\"join_macs\": 0", "\"join_macs\": -1"}, "join_macs: is -1"},
        {{"[0, 4, 0, 6, 0, 1]", "[0, 4, 0, 6, 0]"}, "blocks[0].splits[0].parts[0].input: must be 6 whole numbers"},
        {{"[0, 4, 0, 6, 0, 1]", "[4, 4, 0, 6, 0, 1]"}, "input: is empty; ends are above begins"},
        {{"[0, 4, 0, 6, 0, 1]", "[0, 4, 0, 6, 0, 3000000000]"}, "is 3000000000; it must be a whole number from 0 to"},
        {{"[0, 4, 0, 6, 0, 1]", "[0, 70000, 0, 70000, 0, 1]"}, "input: has more than 2147483647 elements"},
        {{"[0, 4, 0, 6, 0, 1]", "[2000000000, 2000000004, 0, 6, 0, 1]"}, "parts: read of an input of more than"},
        {{"\"input_bytes\": 96, \"output_bytes\": 40}", "\"input_bytes\": 97, \"output_bytes\": 40}"},
         "input_bytes: does not fit \"input\", which has 24 elements"},
        {{"\"input_bytes\": 96, \"output_bytes\": 40}", "\"input_bytes\": 48, \"output_bytes\": 40}"},
         "parts: have elements of different sizes"},
        {{"\"macs\": 500", "\"macs\": 1e17"}, "macs: is 1"},
        {{"\"macs\": 500, ", ""}, "blocks[0].splits[0].parts[0].macs: is missing"},
        {{"\"macs\": 500, ", "\"mac\": 1, \"macs\": 500, "}, "mac: unknown key"},
        {{"c1:outputs/2", "c1:outputs/3"}, "part_compute_s.c1:outputs/3: is of a split that is not among"},
        {{"c1:outputs/2", "c9:outputs/2"}, "there is no block \"c9\" (nearest: \"c1\")"},
        {{"c1:outputs/2", "c1"}, "\"\" is no split"},
        {{"\"c1:outputs/2\": 0.12", "\"c1:outputs/2\": 0"}, "is 0; it must be above 0"},
    };
    for (auto const& [edit, expected] : cases) {
        auto const text = replaced(corpus("shared.json"), edit.first, edit.second);
        check_contains(message_of([&] { parse_instance(text, "shared.json"); }), expected);
    }
}

BOOST_AUTO_TEST_CASE(a_plan_says_who_computes_each_part) {
    Instance const instance = parse_instance(corpus("two-devices.json"), "two.json");
    auto const results = parse_results(corpus("results-shared.json"), "results.json", instance);
    BOOST_REQUIRE_EQUAL(results.size(), 1U);
    auto const& result = results[0];
    BOOST_TEST((result.throughput == 4.5));
    BOOST_TEST((result.throughput_bound == 4.5));
    BOOST_TEST((result.gap == 0.0));
    BOOST_REQUIRE_EQUAL(result.prices.size(), 3U);
    BOOST_TEST((result.prices[1].resource == ResourcePrice::Resource::link));
    BOOST_TEST((result.prices[1].device == DeviceId(1) && result.prices[1].peer == DeviceId(0)));
    BOOST_TEST(result.prices[0].price == 2.25);
    auto const& request = result.requests.at(0);
    BOOST_REQUIRE_EQUAL(request.splits.size(), 1U);
    BOOST_TEST((request.splits[0] == SplitBlock{BlockId(0), halves, {DeviceId(0), DeviceId(1)}}));
    BOOST_TEST((request.devices == std::vector{DeviceId(1), DeviceId(0)}));
    auto const text = results_text(instance, results);
    check_contains(text, "\"period_s\": 0.2222222222222222");
    BOOST_TEST(results_text(instance, parse_results(text, "again.json", instance)) == text);
    std::vector<std::pair<std::pair<std::string, std::string>, std::string>> const cases{
        {{"\"outputs/2\"", "\"outputs\""}, "requests[0].devices.stem.split: \"outputs\" is no split"},
        {{"[\"d0\", \"d1\"], \"device\"", "[\"d0\", \"d7\"], \"device\""}, "there is no device \"d7\""},
        {{", \"device\": \"d1\"}, \"s2b1\"", "}, \"s2b1\""}, "requests[0].devices.stem.device: is missing"},
        {{"\"s2b1\": \"d0\"", "\"s2b1\": 3"}, "must be a device's name, null, or {"},
        {{"\"processor\"", "\"cpu\""}, "prices[0].resource: \"cpu\" is none of its values"},
        {{"\"throughput\": 4.5", "\"throughput\": -1"}, "throughput: is -1"},
    };
    for (auto const& [edit, expected] : cases) {
        auto const wrong = replaced(corpus("results-shared.json"), edit.first, edit.second);
        check_contains(message_of([&] { parse_results(wrong, "results.json", instance); }), expected);
    }
}

BOOST_AUTO_TEST_SUITE_END()

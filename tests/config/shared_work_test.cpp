#include <boost/test/unit_test.hpp>
#include <filesystem>
#include <string>
#include <tuple>
#include <vector>

#include "config/profiles.hpp"
#include "config/scenario_file.hpp"
#include "config/toml_reader.hpp"
#include "support.hpp"

// What a scenario says of work that devices share: splits, streams, goals, plans by hand, measured times of parts.
using namespace skipstone;
using namespace skipstone::config;
using namespace skipstone::config::test;

namespace {

// VGG16 on six devices; `more`: sections beside the network's, the fleet's and the links'.
std::string vgg(std::string const& more, std::string const& network = "") {
    return "[network]\nprofile = \"vgg16\"\n" + network +
           "[accuracy]\ntable = \"none\"\n[fleet]\ndevices = [{profile = \"khan2023-low\", name = \"a\"}, "
           "{profile = \"khan2023-low\", name = \"pi\", count = 4}, {profile = \"khan2023-high\", name = \"z\"}]\n"
           "[links]\nprofile = \"khan2023\"\n" +
           more;
}

std::string by_hand(std::string const& stages) {
    return "[planner]\nname = \"fixed\"\nstages = [" + stages + "]\n";
}

std::string const three_stages =
    "{blocks = \"conv1_1..features.9\", devices = [\"a\"]}, "
    "{blocks = \"conv3_1..conv5_3\", devices = [\"pi-1..3\", \"z\"], take = \"turns\"}, "
    "{blocks = \"fc6\", devices = [\"pi-*\"], split = \"outputs\", join = \"z\"}, "
    "{blocks = \"fc7\", devices = [\"a\", \"z\"], split = \"inputs\"}, {blocks = \"fc8\", devices = [\"z\"]}";

std::vector<DeviceId> ids(std::vector<std::size_t> const& numbers) {
    std::vector<DeviceId> devices;
    for (auto const number : numbers) devices.emplace_back(number);
    return devices;
}

// Written out and read again, it is the same.
void check_round_trip(Scenario const& scenario) {
    auto const text = scenario_text(scenario);
    auto const again = parse_scenario(text, "again.toml", "", {}, {});
    BOOST_TEST(scenario_text(again) == text);
    BOOST_TEST((again.planner.stages == scenario.planner.stages));
    BOOST_TEST((again.collaboration == scenario.collaboration));
    BOOST_TEST((again.requests.interval == scenario.requests.interval));
    BOOST_TEST(again.requests.in_flight == scenario.requests.in_flight);
    BOOST_TEST((again.objective.goal == scenario.objective.goal));
    BOOST_TEST((again.objective.memory == scenario.objective.memory));
    for (std::size_t i = 0; i < scenario.fleet.size(); ++i)
        BOOST_TEST((again.fleet[i].part_seconds == scenario.fleet[i].part_seconds));
}

}  // namespace

BOOST_AUTO_TEST_SUITE(shared_work)

BOOST_AUTO_TEST_CASE(blocks_are_whole_where_nothing_else_is_said) {
    Scenario const s = parsed(vgg(""));
    BOOST_TEST(s.collaboration.splits.empty());
    BOOST_TEST(s.collaboration.most_parts == 4);
    BOOST_TEST((s.objective.goal == Goal::latency));
    BOOST_TEST(s.planner.stages.empty());
    BOOST_TEST(scenario_text(s).find("collaboration") == std::string::npos);
    BOOST_TEST(scenario_text(s).find("goal") == std::string::npos);
}

BOOST_AUTO_TEST_CASE(a_plan_by_hand_names_blocks_and_devices) {
    Scenario const s = parsed(vgg(by_hand(three_stages)));
    auto const& stages = s.planner.stages;
    BOOST_REQUIRE_EQUAL(stages.size(), 5U);
    BOOST_TEST((stages[0].first == BlockId(0) && stages[0].last == BlockId(3)));  // features.9 is the pool of conv2_2
    BOOST_TEST((stages[0].devices == ids({0})));
    BOOST_TEST((stages[1].first == BlockId(4) && stages[1].last == BlockId(12)));
    BOOST_TEST((stages[1].devices == ids({2, 3, 4, 5})));
    BOOST_TEST((stages[1].split.is_whole() && !stages[1].join));
    BOOST_TEST((stages[2].split == Split{Split::Kind::outputs, 4}));
    BOOST_TEST((stages[2].devices == ids({1, 2, 3, 4})));
    BOOST_TEST((stages[2].join == DeviceId(5)));
    BOOST_TEST((stages[3].split == Split{Split::Kind::inputs, 2}));
    BOOST_TEST((stages[3].join == DeviceId(0)));
    // Its splits are allowed, and no others.
    BOOST_TEST((s.collaboration.splits == std::vector{Split::Kind::outputs, Split::Kind::inputs}));
    BOOST_TEST(s.collaboration.most_parts == 4);
    check_round_trip(s);
}

BOOST_AUTO_TEST_CASE(a_device_may_take_more_than_one_turn) {
    Scenario const s =
        parsed(vgg(by_hand("{blocks = \"conv1_1..fc8\", devices = [\"z\", \"a\", \"z\"], take = \"turns\"}")));
    BOOST_TEST((s.planner.stages[0].devices == ids({5, 0, 5})));
    check_round_trip(s);
}

BOOST_AUTO_TEST_CASE(joined_blocks_are_one_stage_that_can_be_split) {
    std::string const joined = "blocks = [[\"conv1_1\", \"conv1_2\"], [\"conv2_1\", \"conv2_2\"]]\n";
    Scenario const s =
        parsed(vgg(by_hand("{blocks = \"conv1_1..conv1_2\", devices = [\"a\", \"z\"], split = \"rows\"}, "
                           "{blocks = \"conv2_1..conv2_2..fc8\", devices = [\"z\"]}"),
                   joined));
    BOOST_TEST((s.planner.stages[0].split == Split{Split::Kind::rows, 2}));
    BOOST_TEST((s.planner.stages[1].first == BlockId(1)));
    check_round_trip(s);
}

BOOST_AUTO_TEST_CASE(splits_are_allowed_by_kind) {
    auto const of = [](std::string const& value) {
        return parsed(vgg("[collaboration]\nsplits = " + value + "\n")).collaboration;
    };
    using enum Split::Kind;
    BOOST_TEST((of("\"auto\"").splits == std::vector{outputs, inputs, rows, tiles}));
    BOOST_TEST((of("[\"tiles\", \"outputs\", \"tiles\"]").splits == std::vector{outputs, tiles}));
    BOOST_TEST(of("\"none\"").splits.empty());
    BOOST_TEST(of("[]").splits.empty());
    auto const six = of("[\"rows\"]\nmost_parts = 6");
    BOOST_TEST(six.allows({rows, 6}));
    BOOST_TEST(!six.allows({rows, 7}));
    BOOST_TEST(!six.allows({tiles, 4}));
    check_round_trip(parsed(vgg("[collaboration]\nsplits = \"auto\"\nmost_parts = 2\n")));
}

BOOST_AUTO_TEST_CASE(throughput_keeps_weights_on_devices) {
    Scenario const s = parsed(vgg("[objective]\ngoal = \"throughput\"\n"));
    BOOST_TEST((s.objective.goal == Goal::throughput));
    BOOST_TEST((s.objective.memory == MemoryModel::resident));
    BOOST_TEST(s.planner.name == "pipeline");
    check_round_trip(s);
    // A goal that is set from outside brings its memory along.
    Scenario const set = parsed(vgg("[objective]\nmemory = \"paper\"\n"), {"objective.goal=throughput"});
    BOOST_TEST((set.objective.memory == MemoryModel::resident));
}

BOOST_AUTO_TEST_CASE(streams_have_an_interval_or_a_number_in_flight) {
    Scenario const every = parsed(vgg("[requests]\ncount = 5\narrivals = \"every\"\ninterval = \"30 ms\"\n"));
    BOOST_TEST((every.requests.arrivals == Arrivals::every));
    BOOST_TEST(every.requests.interval.value() == 0.03);
    check_round_trip(every);
    Scenario const closed = parsed(vgg("[requests]\ncount = 5\narrivals = \"closed\"\nin_flight = 3\n"));
    BOOST_TEST((closed.requests.arrivals == Arrivals::closed));
    BOOST_TEST(closed.requests.in_flight == 3);
    check_round_trip(closed);
    // Other arrivals, set from outside, need none of what the file says.
    auto const text = vgg("[requests]\narrivals = \"every\"\ninterval = \"30 ms\"\n");
    BOOST_TEST((parsed(text, {"requests.arrivals=batch"}).requests.arrivals == Arrivals::batch));
    BOOST_TEST(parsed(text, {"requests.arrivals=every"}).requests.interval.value() == 0.03);
    BOOST_TEST(parsed(text, {"requests.in_flight=2", "requests.arrivals=closed"}).requests.in_flight == 2);
}

BOOST_AUTO_TEST_CASE(profiles_have_measured_times_of_parts) {
    Scenario const s =
        parsed(vgg("", ""), {"fleet.devices[0].compute_seconds={conv1_2=1.273,\"conv1_2:outputs/3\"=\"0.794 s\"}"});
    BOOST_TEST(s.fleet[0].compute_seconds.at("conv1_2").value() == 1.273);
    BOOST_TEST((s.fleet[0].part_seconds.at({"conv1_2", {Split::Kind::outputs, 3}}).value() == 0.794));
    check_round_trip(s);
    // Times that are not the rate's go with it.
    Folder const folder("part-times");
    auto device = s.fleet[0];
    device.name = device.profile = "own";
    auto const path = folder.write("own.toml", device_profile_text(device, "a test"));
    BOOST_TEST((load_device_profile(path.string(), {}).part_seconds == device.part_seconds));
    std::string const own = "fleet.devices=[{profile=\"" + path.string() + "\"";
    BOOST_TEST((parsed(vgg(""), {own + "}]"}).fleet[0].part_seconds == device.part_seconds));
    BOOST_TEST(parsed(vgg(""), {own + ",mac_rate=\"1 GMAC/s\"}]"}).fleet[0].part_seconds.empty());
}

BOOST_AUTO_TEST_CASE(what_is_wrong_is_said_with_its_place) {
    std::string const rest = ", {blocks = \"conv1_2..fc8\", devices = [\"z\"]}";
    std::vector<std::tuple<std::string, std::string>> const cases{
        {"[collaboration]\nsplits = \"all\"\n",
         "collaboration.splits: must be \"none\", \"auto\" or a list such as [\"outputs\", \"rows\"]"},
        {"[collaboration]\nsplits = [\"rows\", \"colums\"]\n",
         "collaboration.splits[1]: must be \"outputs\", \"inputs\", \"rows\" or \"tiles\""},
        {"[collaboration]\nmost_parts = 6\n", "collaboration.most_parts: has no effect where splits = \"none\""},
        {"[collaboration]\nsplits = \"auto\"\nmost_parts = 1\n", "collaboration.most_parts: is 1"},
        {"[collaboration]\nsplit = \"auto\"\n",
         "collaboration.split: unknown key; the nearest known one is \"collaboration.splits\""},
        {"[collaboration]\nsplits = \"auto\"\n[objective]\nresidual = \"paper\"\n",
         "objective.residual: \"paper\" moves two"},
        {"[objective]\ngoal = \"fast\"\n", "write \"latency\" or \"throughput\""},
        {"[objective]\ngoal = \"throughput\"\nmemory = \"paper\"\n",
         "objective.memory: \"paper\" does not go with goal = \"throughput\""},
        {"[requests]\narrivals = \"every\"\n", "requests.interval: is missing"},
        {"[requests]\narrivals = \"every\"\ninterval = \"0 s\"\n", "requests.interval: is 0 s"},
        {"[requests]\narrivals = \"every\"\ninterval = 3\n", "requests.interval: 3 has no unit"},
        {"[requests]\ninterval = \"3 s\"\n", "requests.interval: has no effect but with arrivals = \"every\""},
        {"[requests]\narrivals = \"closed\"\n", "requests.in_flight: is missing"},
        {"[requests]\narrivals = \"closed\"\nin_flight = 0\n", "requests.in_flight: is 0"},
        {"[requests]\narrivals = \"spread\"\nin_flight = 2\n[rounds]\nperiod = \"1 s\"\n",
         "requests.in_flight: has no effect but with arrivals = \"closed\""},
        {"[planner]\nname = \"fixed\"\n",
         "planner.stages: is missing; planner \"fixed\" takes its plan from it, such as [{blocks = \"conv1_1..fc8\", "
         "devices = [\"a\"]}]"},
        {by_hand(""), "planner.stages: is empty"},
        {by_hand("{blocks = \"conv1_1\", devices = [\"a\"]}"),
         "planner.stages: ends before the network does; \"conv1_2\" is in no stage, nor is what follows"},
        {by_hand("{blocks = \"conv1_1..fc7\", devices = [\"a\"]}"), "\"fc8\" is in no stage"},
        {by_hand("{blocks = \"conv1_2..fc8\", devices = [\"a\"]}"),
         "planner.stages[0].blocks: begins with \"conv1_2\", but \"conv1_1\" comes first"},
        {by_hand("{blocks = \"conv1_1..conv2_1\", devices = [\"a\"]}" + rest),
         "planner.stages[1].blocks: begins with \"conv1_2\", but that is in a stage before this one"},
        {by_hand("{blocks = \"conv1_1..fc8\", devices = [\"a\"]}, {blocks = \"fc8\", devices = [\"a\"]}"),
         "planner.stages[1].blocks: comes after the last block of the network, \"fc8\""},
        {by_hand("{blocks = \"fc8..conv1_1\", devices = [\"a\"]}"), "is the wrong way round; write \"conv1_1..fc8\""},
        {by_hand("{blocks = \"conv1_1..fc9\", devices = [\"a\"]}"), "there is no block or operator \"fc9\" in vgg16"},
        {by_hand("{blocks = \"con1_1\", devices = [\"a\"]}"), "the nearest block is \"conv1_1\""},
        {by_hand("{blocks = \"conv1_1\", devices = [\"pi\"]}" + rest),
         "planner.stages[0].devices: no device is called \"pi\"; the devices of that entry of the fleet are \"pi-0\" "
         "to \"pi-3\""},
        {by_hand("{blocks = \"conv1_1\", devices = [\"pi-2..4\"]}" + rest), "no device is called \"pi-4\""},
        {by_hand("{blocks = \"conv1_1\", devices = [\"pi-3..2\"]}" + rest), "write \"pi-2..3\""},
        {by_hand("{blocks = \"conv1_1\", devices = [\"a-*\"]}" + rest), "no device is called \"a-*\""},
        {by_hand("{blocks = \"conv1_1\", devices = []}" + rest), "planner.stages[0].devices: is empty"},
        {by_hand("{blocks = \"conv1_1\"}" + rest), "planner.stages[0].devices: is missing"},
        {by_hand("{devices = [\"a\"]}" + rest), "planner.stages[0].blocks: is missing"},
        {by_hand("{blocks = \"conv1_1\", devices = [\"a\", \"z\"]}" + rest),
         "planner.stages[0].devices: are 2; say how they share the work"},
        {by_hand("{blocks = \"conv1_1\", devices = [\"a\", \"z\"], take = \"turn\"}" + rest), "(nearest: \"turns\")"},
        {by_hand("{blocks = \"conv1_1\", devices = [\"a\", \"z\"], take = \"turns\", split = \"rows\"}" + rest),
         "planner.stages[0].take: does not go with split"},
        {by_hand("{blocks = \"conv1_1\", devices = [\"a\"], split = \"rows\"}" + rest),
         "planner.stages[0].split: needs two devices at least"},
        {by_hand("{blocks = \"conv1_1\", devices = [\"a\"], join = \"a\"}" + rest),
         "planner.stages[0].join: has no effect without split"},
        {by_hand("{blocks = \"conv1_1\", devices = [\"a\", \"z\"], split = \"rows\", join = \"b\"}" + rest),
         "planner.stages[0].join: no device is called \"b\""},
        {by_hand("{blocks = \"conv1_1..fc8\", devices = [\"a\", \"z\"], split = \"rows\"}"),
         "planner.stages[0].split: is of one block, and \"conv1_1..fc8\" are several; join them to one"},
        {by_hand("{blocks = \"conv1_1..fc7\", devices = [\"a\"]}, "
                 "{blocks = \"fc8\", devices = [\"a\", \"z\"], split = \"rows\"}"),
         "planner.stages[1].split: network vgg16: block fc8 cannot be split by rows/2"},
        {by_hand(three_stages) + "[collaboration]\nsplits = [\"outputs\"]\n",
         "collaboration.splits: does not allow inputs/2, in which planner.stages splits \"fc7\""},
        {by_hand(three_stages) + "[collaboration]\nsplits = \"auto\"\nmost_parts = 3\n",
         "collaboration.most_parts: does not allow outputs/4"},
        {by_hand("{blocks = \"conv1_1\", device = [\"a\"], devices = [\"a\"]}" + rest),
         "planner.stages[0].device: unknown key; the nearest known one is \"planner.stages[0].devices\""},
        {"[collaboraton]\nsplits = \"auto\"\n",
         "collaboraton: unknown key; the nearest known one is \"collaboration\""},
    };
    for (auto const& [more, expected] : cases) {
        auto const message = message_of([&] { parsed(vgg(more)); });
        check_contains(message, expected);
        check_contains(message, "test.toml:");
    }
    auto const times = [](std::string const& key) {
        return message_of([&] { parsed(vgg(""), {"fleet.devices[0].compute_seconds={\"" + key + "\"=1}"}); });
    };
    check_contains(times("fc8:rows/2"), "compute_seconds: network vgg16: block fc8 cannot be split by rows/2");
    check_contains(times("fc9:outputs/2"), "compute_seconds: there is no block \"fc9\"");
    check_contains(times("fc8:outputs/1000000000"), "a block has 128 parts at most");
    check_contains(times("fc8:outputs/1"), "there is no block \"fc8:outputs/1\"");
    check_contains(message_of([] { parsed("most_parts = 3\n" + vgg("")); }), "write \"collaboration.most_parts\"");
}

// What khan2023.toml and the corpus write as examples is right.
BOOST_AUTO_TEST_CASE(examples_are_plans) {
    auto const source = std::filesystem::path(SKIPSTONE_SOURCE_DIR);
    auto const corpus = read_text_file(source / "tests/fuzz/corpus/scenario/shared.toml");
    Scenario const shared = parse_scenario(corpus, "shared.toml", "", {}, shipped());
    BOOST_TEST(shared.planner.stages.size() == 3U);
    BOOST_TEST(shared.requests.in_flight == 2);
    check_round_trip(shared);
    auto const text = read_text_file(source / "profiles/scenarios/khan2023.toml");
    auto const begin = text.find("# stages = [");
    BOOST_REQUIRE(begin != std::string::npos);
    std::string stages;
    for (auto line = begin; text.compare(line, 3, "# ]") != 0; line = text.find('\n', line) + 1) {
        auto const what = text.substr(line + 2, text.find('\n', line) - line - 2);
        if (what.find('{') < what.find('[')) stages += what.substr(0, what.rfind('}') + 1) + ",";
    }
    auto const set = parse_override("planner={name=\"fixed\",stages=[" + stages + "]}");
    Scenario const khan = load_scenario("khan2023", {parse_override("collaboration.splits=auto"), set}, shipped());
    BOOST_TEST(khan.planner.stages.size() == 3U);
    check_round_trip(khan);
}

// A fleet of many, and stages of all of them, are no more work than they are long.
BOOST_AUTO_TEST_CASE(many_names_are_refused_before_they_take_long) {
    std::string text =
        "[network]\nprofile = \"vgg16\"\n[accuracy]\ntable = \"none\"\n[fleet]\ndevices = "
        "[{profile = \"khan2023-low\", name = \"pi\", count = 400000}]\n[links]\nprofile = \"khan2023\"\n";
    text += by_hand("{blocks = \"conv1_1..fc8\", devices = [\"pi-*\", \"pi-*\", \"pi-*\"], take = \"turns\"}");
    check_contains(message_of([&] { parsed(text); }), "more than 1000000 names of devices");
}

BOOST_AUTO_TEST_SUITE_END()

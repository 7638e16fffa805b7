#include "config/exits_section.hpp"

#include <boost/test/unit_test.hpp>
#include <string>
#include <vector>

#include "config/exit_rules.hpp"
#include "config/exit_table_file.hpp"
#include "config/instance_json.hpp"
#include "config/network_profile.hpp"
#include "config/scenario_file.hpp"
#include "config/toml_reader.hpp"
#include "hdf5/file.hpp"
#include "model/round_state.hpp"
#include "networks/exits_text.hpp"
#include "tests/config/support.hpp"
#include "tests/network_profiles.hpp"
#include "units/file_memo.hpp"

using namespace skipstone;
using namespace skipstone::config;
using namespace skipstone::config::test;
using Source = Scenario::ExitsSection::Source;

namespace {

ExitHead head(std::string const& after, TensorShape input) {
    Graph::Builder graph(input);
    auto t = graph.add("exit." + after + ".mean", op::GlobalAverage{}, {TensorId(0)});
    t = graph.add("exit." + after + ".fc", op::FullyConnected{10}, {t});
    return {after, std::move(graph).finish(t)};
}

std::vector<ExitHead> heads() {
    return {head("s2b2", {1, 32, 32, 16}), head("s3b1", {1, 16, 16, 32}), head("s3b3", {1, 16, 16, 32})};
}

ExitRules rules(std::vector<std::string> tables = {"/there/is/none.h5"}) {
    ExitRules given;
    given.network = "resnet20-cifar";
    given.tables = std::move(tables);
    given.rules = {{"s2b2", 0.95}, {"s3b3", 0.5}};
    given.promised = {{{}, 0.9, 2e7, {0.25, 0.5, 0.25}}};
    return given;
}

// Three exits behind a ResNet-20; `exits` are the lines of [exits] but for `rules`.
std::string scenario(std::string const& exits, ExitRules const& given = rules(), std::string const& more = "") {
    auto profile = skipstone::test::resnet20();
    profile.exits = heads();
    return "[network.profile]\n" + network_lines(profile) +
           "[fleet]\ndevices = [{profile = \"khan2023-high\", count = 2}]\n[links]\nprofile = \"khan2023\"\n" + more +
           "[exits]\n" + exits + "\n[exits.rules]\n" + exit_rules_text(given, "exits.rules.");
}

std::string complaint(std::string const& exits, ExitRules const& given = rules(), std::string const& more = "") {
    return message_of([&] { parsed(scenario(exits, given, more)); });
}

ExitTable table(std::vector<std::string> dropped = {}) {
    ExitTable made;
    made.network = "resnet20-cifar";
    made.exits = {"s2b2", "s3b1", "s3b3"};
    made.dropped = std::move(dropped);
    made.macs = {100, 210, 330, 440};
    made.head_macs = {10, 20, 30, 0};
    made.samples = 2;
    made.confidence = {0.5F, 0.6F, 0.7F, 0.8F, 0.9F, 1, 0.25F, 0.75F};
    made.predicted = {0, 1, 2, 3, 4, 5, 6, 7};
    made.labels = {3, 4};
    return made;
}

}  // namespace

BOOST_AUTO_TEST_SUITE(exits_section)

BOOST_AUTO_TEST_CASE(rules_open_exits) {
    auto const made = parsed(scenario("reserve = \"expected\""));
    auto const& exits = made.exits;
    BOOST_REQUIRE(made.network.profile.exits.size() == 2U);
    BOOST_TEST(made.network.profile.exits[1].after == "s3b3");
    BOOST_TEST((exits.rules == std::vector<ExitRule>{{ExitId(0), 0.95}, {ExitId(1), 0.5}}));
    BOOST_TEST((exits.verdicts == Source::kernels));
    BOOST_TEST(exits.reserve_expected);
    BOOST_TEST(made.accuracy.none);
    BOOST_TEST(made.knows_accuracy());
    BOOST_TEST(made.objective.accuracy_threshold == 0.8);

    Network const network(made.network.wanted_profile());
    RoundState state;
    state.battery.assign(2, Joules(1));
    state.links = LinkTable::drawn(2, made.links, 1, RoundId(0));
    auto const instance = make_instance(made, network, known_options(made, network), state, std::vector<Joules>(2));
    BOOST_REQUIRE(instance.exits.size() == 2U);
    BOOST_TEST(instance.exits[1].name == "exit.s3b3");
    BOOST_TEST((instance.exits[1].head == network.head_of(ExitId(1))));
    BOOST_TEST(instance.exits[1].macs.value() == 320);
    BOOST_TEST(instance.reserve_expected);
    BOOST_TEST(instance.accuracy_known);
    BOOST_REQUIRE(instance.accuracy.size() == 1U);
    // stem, s2b1 … s2b3, s3b1 … s3b3, s4b1 … s4b3, head.
    std::vector<double> const reach{1, 1, 1, 0.75, 0.75, 0.75, 0.75, 0.25, 0.25, 0.25, 0.25};
    BOOST_TEST(instance.accuracy[0].reach == reach, boost::test_tools::per_element());

    auto const text = instance_text(instance);
    auto const again = parse_instance(text, "i.json");
    BOOST_TEST(instance_text(again) == text);
    BOOST_TEST((again.exits == instance.exits));
    BOOST_TEST((again.accuracy == instance.accuracy));
}

BOOST_AUTO_TEST_CASE(the_resolved_text_gives_the_same_exits) {
    auto const made = parsed(scenario("verdicts = \"kernels\""));
    auto const text = scenario_text(made);
    check_contains(text, "\n[exits]\nverdicts = \"kernels\"\nreserve = \"worst\"\n[exits.rules]\nformat = ");
    auto const again = parsed(text);
    BOOST_TEST(scenario_text(again) == text);
    BOOST_TEST((again.exits.given == made.exits.given));
    BOOST_TEST((again.exits.promised == made.exits.promised));
    BOOST_TEST(networks::exits_text(again.network.profile.exits) == networks::exits_text(made.network.profile.exits));
}

BOOST_AUTO_TEST_CASE(without_rules_no_exit_is_open) {
    auto profile = skipstone::test::resnet20();
    profile.exits = heads();
    auto const text = "[network.profile]\n" + network_lines(profile) +
                      "[accuracy]\ntable = \"none\"\n[fleet]\ndevices = [{profile = \"khan2023-high\"}]\n[links]\n"
                      "profile = \"khan2023\"\n";
    auto const made = parsed(text);
    BOOST_TEST(made.network.profile.exits.empty());
    BOOST_TEST(made.exits.rules.empty());
    BOOST_TEST(scenario_text(made).find("exits") == std::string::npos);
    check_contains(message_of([&] { parsed(text + "[exits]\nverdicts = \"table\"\n"); }),
                   "exits.verdicts: has no effect without exits.rules");
    auto none = rules();
    none.rules.clear();
    none.promised = {{{}, 0.9, 2e7, {1}}};
    auto const closed = parsed(scenario("", none, "[accuracy]\ntable = \"none\"\n"));
    BOOST_TEST(closed.network.profile.exits.empty());
    BOOST_TEST(!closed.knows_accuracy());
    BOOST_TEST(scenario_text(parsed(scenario_text(closed))) == scenario_text(closed));
}

BOOST_AUTO_TEST_CASE(what_does_not_fit_is_named) {
    auto const with = [](auto change) {
        auto given = rules();
        change(given);
        return complaint("", given);
    };
    check_contains(with([](ExitRules& r) { r.rules[0].exit = "s2b3"; }),
                   "there is no exit behind block \"s2b3\"; the nearest is \"s2b2\"");
    check_contains(with([](ExitRules& r) { r.rules[0].threshold = 1.5; }), "threshold: is 1.5; it must be at least 0");
    check_contains(with([](ExitRules& r) { std::swap(r.rules[0], r.rules[1]); }),
                   "the rule for \"s2b2\" is out of order; rules stand in the chain's order");
    check_contains(with([](ExitRules& r) { r.rules[1] = r.rules[0]; }),
                   "there is a rule for the exit behind \"s2b2\" already");
    check_contains(with([](ExitRules& r) { r.network = "resnet50"; }),
                   "are for resnet50, the network here is resnet20");
    check_contains(with([](ExitRules& r) {
                       r.promised[0].leaving = {0.5, 0.5};
                   }),
                   "leaving: must be a list of 3 shares");
    check_contains(with([](ExitRules& r) {
                       r.promised[0].leaving = {0.5, 0.5, 0.5};
                   }),
                   "leaving: has shares of 1.5 together");
    check_contains(with([](ExitRules& r) { r.promised[0].dropped = {"s2b2"}; }), "has no entry with dropped = []");
    check_contains(with([](ExitRules& r) { r.promised.clear(); }), "promised");
    check_contains(with([](ExitRules& r) {
                       r.tables.push_back("b.h5");
                       r.promised.push_back(r.promised[0]);
                   }),
                   "these blocks stand there already");
    check_contains(with([](ExitRules& r) {
                       r.tables.push_back("b.h5");
                       r.promised.push_back(r.promised[0]);
                       r.promised[1].dropped = {"stem"};
                   }),
                   "block stem has no shortcut and cannot be dropped");
    check_contains(complaint("", rules(), "[emulation]\nkernels = false\n"), "");
    check_contains(complaint("verdicts = \"kernels\"", rules(), "[emulation]\nkernels = false\n"),
                   "exits.verdicts: \"kernels\" does not go with emulation.kernels = false");
    check_contains(complaint("verdicts = \"kernel\""), "exits.verdicts: is \"kernel\"; write \"kernels\", \"table\"");
    check_contains(complaint("table = \"x.h5\""), "exits.table: has no effect but with verdicts = \"table\"");
    BOOST_TEST(parsed(scenario("verdicts = \"table\"\ntable = \"/dev/null\""), {"exits.verdicts=kernels"})
                   .exits.table_files.empty());
    check_contains(complaint("reserve = \"best\""), "exits.reserve");
    check_contains(complaint("rulez = 1"), "unknown key");
    auto by_hand = rules({});
    by_hand.promised.clear();
    check_contains(complaint("verdicts = \"table\"", by_hand), "accuracy.table: is missing");
    auto nan = scenario("");
    nan.replace(nan.find("0.95"), 4, "nan");
    check_contains(message_of([&] { parsed(nan); }), "threshold: is nan; it must be at least 0 and at most 1");
}

BOOST_AUTO_TEST_CASE(tables_are_of_the_open_exits) {
    Folder const folder("exits-tables");
    auto const file = [&](std::string const& name, ExitTable const& content) {
        auto const path = (folder.path() / name).string();
        write_exit_table(path, content, {});
        return path;
    };
    auto const whole = file("whole.h5", table()), dropped = file("dropped.h5", table({"s2b3"}));
    auto given = rules({whole, dropped});
    given.promised.push_back({{"s2b3"}, 0.8, 1e7, {0.5, 0.25, 0.25}});
    auto const made = with_exit_tables(parsed(scenario("verdicts = \"table\"", given)));
    BOOST_REQUIRE(made.exits.tables.size() == 2U);
    auto const& few = *made.exits.tables[0];
    BOOST_TEST((few.exits == std::vector<std::string>{"s2b2", "s3b3"}));
    BOOST_TEST((few.macs == std::vector<double>{100, 310, 420}));
    BOOST_TEST((few.head_macs == std::vector<double>{10, 30, 0}));
    BOOST_TEST((few.confidence == std::vector<float>{0.5F, 0.7F, 0.8F, 0.9F, 0.25F, 0.75F}));
    BOOST_TEST((few.predicted == std::vector<std::int32_t>{0, 2, 3, 4, 6, 7}));
    BOOST_TEST((made.exits.tables[1]->dropped == std::vector<std::string>{"s2b3"}));

    auto const refused = [&](std::string const& keys, ExitRules const& r) {
        return message_of([&] { with_exit_tables(parsed(scenario(keys, r))); });
    };
    int count = 0;
    auto const one = [&](ExitTable content) {
        return refused("verdicts = \"table\"", rules({file(std::to_string(++count) + ".h5", content)}));
    };
    BOOST_TEST(one(table()) == "");
    auto other = table();
    other.network = "resnet50";
    check_contains(one(other), "is a table of resnet50, and the rules are for resnet20-cifar");
    other = table();
    other.exits[2] = "s4b1";
    check_contains(one(other), "has no exit behind block \"s3b3\", which the rules inline open");
    check_contains(one(table({"s2b3"})), "was measured with the blocks {s2b3} dropped, for which the rules");
    check_contains(refused("verdicts = \"table\"\ntable = [\"" + whole + "\", \"" + whole + "\"]", given),
                   "was measured with the blocks {} dropped, as another one of exits.table was");
    check_contains(refused("verdicts = \"table\"\ntable = \"" + whole + "\"", given), "there is one table for each");
    check_contains(refused("verdicts = \"table\"\ntable = \"nowhere.h5\"", rules()), "exits.table");
    check_contains(refused("verdicts = \"table\"", rules({})),
                   "\"table\" needs a table of what the exits say for each");
    auto foreign = rules({whole});
    foreign.weights_sha256 = "0123456789abcdef";
    check_contains(refused("verdicts = \"table\"", foreign), "was measured with other weights");
}

BOOST_AUTO_TEST_CASE(exits_are_those_of_the_weights) {
    Folder const folder("exits-weights");
    auto const weights = (folder.path() / "we.h5").string();
    auto const write = [&](std::string const& exits) {
        auto file = hdf5::File::create(weights);
        file.write_string("network", "resnet20-cifar");
        file.write_integer("input_size", 32);
        file.write_integer("classes", 10);
        file.write_doubles("input_mean", std::vector<double>{0, 0, 0});
        if (!exits.empty()) file.write_string("exits", exits);
        file.close();
    };
    auto const text = [&](ExitRules const& given) {
        auto const path = folder.write("rules.toml", exit_rules_text(given));
        return "[network]\nprofile = \"resnet20-cifar\"\nweights = \"" + weights +
               "\"\n[fleet]\ndevices = [{profile = \"khan2023-high\"}]\n[links]\nprofile = \"khan2023\"\n[exits]\n"
               "rules = \"" +
               path.string() + "\"\n";
    };
    write(networks::exits_text(heads()));
    auto given = rules();
    given.weights_sha256 = remembered_sha256(weights);
    auto const made = parsed(text(given));
    BOOST_TEST(made.network.profile.exits.size() == 2U);
    BOOST_TEST(made.exits.given.name == (folder.path() / "rules.toml").string());
    BOOST_TEST(scenario_text(parsed(scenario_text(made))) == scenario_text(made));
    given.weights_sha256 = "0123456789abcdef0123";
    check_contains(message_of([&] { parsed(text(given)); }), "are for other weights (sha256 0123456789ab…)");
    given.weights_sha256.clear();
    write("[{\"after\":1}]");
    check_contains(message_of([&] { parsed(text(given)); }), "we.h5: exits: exit 1: after: must be a string");
    write("");
    check_contains(message_of([&] { parsed(text(given)); }), "has none; \"skipstone exits train\" makes");
}

BOOST_AUTO_TEST_CASE(the_corpus_is_a_scenario) {
    auto const corpus =
        read_text_file(std::filesystem::path(SKIPSTONE_SOURCE_DIR) / "tests/fuzz/corpus/scenario/exits.toml");
    auto const made = parsed(corpus);
    BOOST_TEST(made.exits.rules.size() == 2U);
    BOOST_TEST(scenario_text(parsed(scenario_text(made))) == scenario_text(made));
}

BOOST_AUTO_TEST_CASE(rules_read_again_are_the_same) {
    auto given = rules();
    given.mapping = {{"sensor \"0\"", {"stem", "s2b1"}}, {"fog", {"s2b2"}}};
    auto const origin = std::make_shared<Origin const>(Origin{"r.toml", {}});
    auto const text = exit_rules_text(given);
    auto const value = parse_toml(text, origin);
    auto again = read_exit_rules(TableReader(value, ""), "");
    BOOST_TEST((again == given));
    check_contains(message_of([&] {
                       auto const other = parse_toml("format = \"skipstone-sweep\"\n", origin);
                       read_exit_rules(TableReader(other, ""), "");
                   }),
                   "rules of exits have \"skipstone-exit-rules\"");
}

BOOST_AUTO_TEST_SUITE_END()

#include "config/instance_json.hpp"

#include <boost/test/unit_test.hpp>
#include <cmath>
#include <limits>
#include <nlohmann/json.hpp>

#include "config/profiles.hpp"
#include "config/toml_reader.hpp"
#include "model/round_state.hpp"
#include "support.hpp"
#include "units/random.hpp"

using namespace skipstone;
using namespace skipstone::config;
using namespace skipstone::config::test;

namespace {

// A whole instance, with two devices.
std::string const example =
    R"({"format": "skipstone-instance", "version": 1, "alpha": 0.7, "beta": 0.3, "accuracy_threshold": 0.8, "requests": 3,
 "reference_latency_s": 2.754, "residual": "paper", "memory": "resident", "source": "d1", "input_bytes": 602112,
 "blocks": [{"name": "stem", "macs": 118013952, "memory_bytes": 602112, "output_bytes": 802816, "weight_bytes": 37632, "skip_macs": 0, "skip_memory_bytes": 0},
            {"name": "s2b1", "macs": 231211008, "memory_bytes": 5, "output_bytes": 6, "skip_macs": 7, "skip_memory_bytes": 8},
            {"name": "s5b2", "macs": 218365952, "memory_bytes": 602112, "output_bytes": 401408, "skip_macs": 0, "skip_memory_bytes": 0}],
 "accuracy": [{"dropped": ["s5b2"], "accuracy": 0.9177}, {"dropped": [], "accuracy": 0.9473}, {"dropped": ["s5b2"], "accuracy": 0.91}],
 "devices": [{"name": "d0", "mac_rate": 1.4e9, "memory_bytes": 1e8, "macs": 1.4e9, "energy_j": 800, "power_compute_w": 8, "power_transmit_w": 10, "compute_s": {"s2b1": 0.2}},
             {"name": "d1", "mac_rate": 2.8e9, "memory_bytes": 2e8, "macs": 2.8e9, "energy_j": 1000, "power_compute_w": 8, "power_transmit_w": 10, "power_receive_w": 1.5}],
 "rate_bit_s": [[null, 3.1e7], [null, null]], "latency_s": 0.25})";

std::string replaced(std::string text, std::string const& from, std::string const& to) {
    auto const at = text.find(from);
    BOOST_REQUIRE_MESSAGE(at != std::string::npos, from);
    return text.replace(at, from.size(), to);
}

Instance paper_instance() {
    Scenario const scenario = load_scenario("khan2023", {}, shipped());
    NetworkProfile profile = scenario.network.profile;
    Network const network(profile);
    RoundState state;
    state.round = RoundId(0);
    for (auto const& device : scenario.fleet) state.battery.push_back(device.battery);
    state.links = LinkTable::drawn(scenario.fleet.size(), scenario.links, scenario.seed, state.round);
    state.requests = draw_requests(scenario, state.round, Seconds(0), 0);
    return make_instance(scenario, network, drop_options(scenario.accuracy, network), state,
                         std::vector<Joules>(scenario.fleet.size()));
}

void check_same(Instance const& a, Instance const& b) {
    BOOST_TEST(a.alpha == b.alpha);
    BOOST_TEST(a.beta == b.beta);
    BOOST_TEST(a.accuracy_threshold == b.accuracy_threshold);
    BOOST_TEST(a.requests == b.requests);
    BOOST_TEST(a.reference_latency.value() == b.reference_latency.value());
    BOOST_TEST((a.residual == b.residual));
    BOOST_TEST((a.memory == b.memory));
    BOOST_TEST((a.source == b.source));
    BOOST_TEST(a.input.value() == b.input.value());
    BOOST_TEST((a.accuracy == b.accuracy));
    BOOST_REQUIRE_EQUAL(a.blocks.size(), b.blocks.size());
    for (std::size_t i = 0; i < a.blocks.size(); ++i) {
        BOOST_TEST(a.blocks[i].name == b.blocks[i].name);
        BOOST_TEST(a.blocks[i].macs.value() == b.blocks[i].macs.value());
        BOOST_TEST(a.blocks[i].memory.value() == b.blocks[i].memory.value());
        BOOST_TEST(a.blocks[i].output.value() == b.blocks[i].output.value());
        BOOST_TEST(a.blocks[i].weights.value() == b.blocks[i].weights.value());
        BOOST_TEST(a.blocks[i].skip_macs.value() == b.blocks[i].skip_macs.value());
        BOOST_TEST(a.blocks[i].skip_memory.value() == b.blocks[i].skip_memory.value());
    }
    BOOST_REQUIRE_EQUAL(a.devices.size(), b.devices.size());
    for (std::size_t i = 0; i < a.devices.size(); ++i) {
        BOOST_TEST(a.devices[i].name == b.devices[i].name);
        BOOST_TEST(a.devices[i].mac_rate.value() == b.devices[i].mac_rate.value());
        BOOST_TEST(a.devices[i].memory.value() == b.devices[i].memory.value());
        BOOST_TEST(a.devices[i].macs.value() == b.devices[i].macs.value());
        BOOST_TEST(a.devices[i].energy.value() == b.devices[i].energy.value());
        BOOST_TEST(a.devices[i].power_compute.value() == b.devices[i].power_compute.value());
        BOOST_TEST(a.devices[i].power_transmit.value() == b.devices[i].power_transmit.value());
        BOOST_TEST(a.devices[i].power_receive.value() == b.devices[i].power_receive.value());
        BOOST_TEST((a.devices[i].compute == b.devices[i].compute));
        for (std::size_t k = 0; k < a.devices.size(); ++k) {
            if (i == k) continue;
            BOOST_TEST(a.links.rate(DeviceId(i), DeviceId(k)).value() ==
                       b.links.rate(DeviceId(i), DeviceId(k)).value());
            BOOST_TEST(a.links.latency(DeviceId(i), DeviceId(k)).value() ==
                       b.links.latency(DeviceId(i), DeviceId(k)).value());
        }
    }
}

PlanResult some_result() {
    PlanResult result;
    result.planner = "greedy";
    result.status = PlanStatus::feasible;
    result.objective = 0.1 + 0.2;
    result.bound = 0.25;
    result.gap = 1.0 / 6;
    result.seconds = 0.001;
    result.requested = 2;
    result.admitted = 1;
    result.admitted_bound = 2;
    result.binding = Binding::energy;
    result.mean_latency = Seconds(1.0 / 3);
    result.mean_accuracy = 0.91;
    result.shared = Bytes(802816);
    result.energy = {Joules(1.5), Joules(0)};
    RequestPlan admitted;
    admitted.admitted = true;
    admitted.dropped = {BlockId(2)};
    admitted.accuracy = 0.91;
    admitted.latency = Seconds(1.0 / 3);
    admitted.devices = {DeviceId(1), DeviceId(0), DeviceId()};
    result.requests = {admitted, RequestPlan{}};
    return result;
}

}  // namespace

BOOST_AUTO_TEST_SUITE(instance_json)

BOOST_AUTO_TEST_CASE(reads_every_key) {
    Instance const i = parse_instance(example, "i.json");
    BOOST_TEST(i.alpha == 0.7);
    BOOST_TEST(i.beta == 0.3);
    BOOST_TEST(i.accuracy_threshold == 0.8);
    BOOST_TEST(i.requests == 3);
    BOOST_TEST(i.reference_latency.value() == 2.754);
    BOOST_TEST((i.residual == Residual::paper));
    BOOST_TEST((i.memory == MemoryModel::resident));
    BOOST_TEST(i.source.value().value() == 1);
    BOOST_TEST(i.input.value() == 602112);
    BOOST_TEST(i.blocks[0].weights.value() == 37632);
    BOOST_TEST(i.blocks[1].macs.value() == 231211008);
    BOOST_TEST(i.blocks[1].memory.value() == 5);
    BOOST_TEST(i.blocks[1].output.value() == 6);
    BOOST_TEST(i.blocks[1].skip_macs.value() == 7);
    BOOST_TEST(i.blocks[1].skip_memory.value() == 8);
    BOOST_TEST(i.blocks[1].weights.value() == 0);
    BOOST_TEST(i.accuracy.size() == 2U);
    BOOST_TEST(i.accuracy[0].dropped.empty());
    BOOST_TEST(i.accuracy[1].accuracy == 0.91);
    BOOST_TEST(i.devices[0].mac_rate.value() == 1.4e9);
    BOOST_TEST(i.devices[0].memory.value() == 100'000'000);
    BOOST_TEST(i.devices[0].macs.value() == 1'400'000'000);
    BOOST_TEST(i.devices[0].energy.value() == 800.0);
    BOOST_TEST(i.devices[0].power_receive.value() == 0.0);
    BOOST_TEST(i.devices[1].power_receive.value() == 1.5);
    BOOST_TEST(i.devices[1].power_compute.value() == 8.0);
    BOOST_TEST(i.devices[1].power_transmit.value() == 10.0);
    BOOST_TEST(i.devices[0].compute.at(1).value().value() == 0.2);
    BOOST_TEST(!i.devices[0].compute.at(0).has_value());
    BOOST_TEST(i.devices[1].compute.empty());
    BOOST_TEST(i.links.rate(DeviceId(0), DeviceId(1)).value() == 3.1e7);
    BOOST_TEST(i.links.rate(DeviceId(1), DeviceId(0)).value() == 0.0);
    BOOST_TEST(i.links.latency(DeviceId(1), DeviceId(0)).value() == 0.25);
}

BOOST_AUTO_TEST_CASE(what_is_optional_may_be_missing) {
    std::string text = example;
    for (std::string const& gone :
         {std::string("\"residual\": \"paper\", "), std::string("\"memory\": \"resident\", "),
          std::string("\"source\": \"d1\", "), std::string("\"input_bytes\": 602112,"),
          std::string(", \"latency_s\": 0.25"), std::string(", \"compute_s\": {\"s2b1\": 0.2}")})
        text = replaced(text, gone, "");
    Instance const i = parse_instance(text, "i.json");
    BOOST_TEST((i.residual == Residual::fused));
    BOOST_TEST((i.memory == MemoryModel::paper));
    BOOST_TEST(!i.source.has_value());
    BOOST_TEST(i.input.value() == 0);
    BOOST_TEST(i.devices[0].compute.empty());
    BOOST_TEST(i.links.latency(DeviceId(1), DeviceId(0)).value() == 0.0);
    BOOST_TEST(
        !parse_instance(replaced(example, "\"source\": \"d1\"", "\"source\": null"), "i.json").source.has_value());
}

BOOST_AUTO_TEST_CASE(an_instance_comes_back_to_the_last_bit) {
    check_same(parse_instance(example, "a"), parse_instance(instance_text(parse_instance(example, "a")), "b"));
    std::string const matrix =
        replaced(example, "\"latency_s\": 0.25", "\"latency_s\": [[0, 0.1], [0.30000000000000004, null]]");
    Instance const i = parse_instance(matrix, "a");
    BOOST_TEST(i.links.latency(DeviceId(1), DeviceId(0)).value() == 0.1 + 0.2);
    check_same(i, parse_instance(instance_text(i), "b"));
    Instance const paper = paper_instance();
    check_same(paper, parse_instance(instance_text(paper), "b"));
    BOOST_TEST(instance_text(paper) == instance_text(parse_instance(instance_text(paper), "b")));
}

BOOST_AUTO_TEST_CASE(what_is_off_or_down_comes_back_with_what_it_would_offer) {
    Instance instance = paper_instance();
    DeviceId const a(std::size_t{0}), b(std::size_t{1}), c(std::size_t{2});
    auto const whole = instance;
    instance.devices[1].switch_off(OffBecause::outage);
    instance.devices[2].switch_off(OffBecause::energy);
    instance.cut_links({{a, c}});
    std::string const text = instance_text(instance);
    Instance again = parse_instance(text, "x.json");
    BOOST_TEST(instance_text(again) == text);
    BOOST_TEST(again.devices[1].macs.value() == 0);
    BOOST_TEST((again.devices[1].off->because == OffBecause::outage));
    BOOST_TEST((again.devices[2].off->because == OffBecause::energy));
    BOOST_TEST(again.links.rate(a, c).value() == 0);
    BOOST_TEST(again.links.rate(a, b).value() > 0);
    again.devices[1].switch_on();
    again.mend_links();
    BOOST_TEST(again.devices[1].macs.value() == whole.devices[1].macs.value());
    BOOST_TEST(again.devices[1].energy.value() == whole.devices[1].energy.value());
    BOOST_TEST(again.links.rate(c, a).value() == whole.links.rate(c, a).value());
    std::string wrong = text;
    wrong.replace(wrong.find("\"cut\": ["), 8, "\"cut\": [[\"x\", \"x\"], ");
    BOOST_CHECK_EXCEPTION(parse_instance(wrong, "x.json"), InputError, [](InputError const& error) {
        return std::string(error.what()).find("cut[0]: there is no device \"x\"") != std::string::npos;
    });
}

BOOST_AUTO_TEST_CASE(null_energy_is_mains_supply_and_null_accuracy_is_none_at_all) {
    std::string const mains = replaced(example, "\"energy_j\": 800", "\"energy_j\": null");
    Instance const i = parse_instance(mains, "a");
    BOOST_TEST(std::isinf(i.devices[0].energy.value()));
    BOOST_TEST(i.devices[1].energy.value() == 1000.0);
    BOOST_TEST(nlohmann::json::parse(instance_text(i))["devices"][0]["energy_j"].is_null());
    check_same(i, parse_instance(instance_text(i), "b"));

    std::string const whole =
        example.substr(example.find("\"accuracy\": ["), example.find(" \"devices\"") - example.find("\"accuracy\": ["));
    std::string const unknown = replaced(replaced(example, whole, "\"accuracy\": null,\n"),
                                         "\"accuracy_threshold\": 0.8", "\"accuracy_threshold\": 0");
    Instance const none = parse_instance(unknown, "a");
    BOOST_TEST(!none.accuracy_known);
    BOOST_REQUIRE(none.accuracy.size() == 1U);
    BOOST_TEST(none.accuracy.front().dropped.empty());
    BOOST_TEST(nlohmann::json::parse(instance_text(none))["accuracy"].is_null());
    BOOST_TEST(!parse_instance(instance_text(none), "b").accuracy_known);
    BOOST_TEST(i.accuracy_known);
    check_contains(message_of([&] { parse_instance(replaced(example, whole, "\"accuracy\": null,\n"), "a"); }),
                   "accuracy_threshold: has no effect where \"accuracy\" is null");
}

BOOST_AUTO_TEST_CASE(links_of_ones_own_are_matrices) {
    Scenario const scenario = parsed(scenario_with(
        "links",
        "profile = \"khan2023\"\npair = [{from = \"big\", to = \"*\", rate = \"4 Mbit/s\", latency = \"5 ms\", "
        "efficiency = 0.5, loss = 0.2}, {from = \"khan2023-low-0\", to = \"big\", rate = \"none\"}]"));
    Network const network(scenario.network.profile);
    RoundState state;
    state.round = RoundId(0);
    state.battery.assign(3, Joules(1));
    state.links = LinkTable::drawn(3, scenario.links, 1, state.round);
    auto const json = nlohmann::json::parse(instance_text(
        make_instance(scenario, network, drop_options(scenario.accuracy, network), state, std::vector<Joules>(3))));
    BOOST_TEST(json["rate_bit_s"][2][0].get<double>() == 0.8 * (4e6 * 0.5));
    BOOST_TEST(json["rate_bit_s"][0][2].is_null());
    BOOST_TEST(json["latency_s"][2][1].get<double>() == 0.005);
    BOOST_TEST(json["latency_s"][0][1].get<double>() == 0.0);
}

BOOST_AUTO_TEST_CASE(the_text_has_the_documented_keys) {
    auto const json = nlohmann::json::parse(instance_text(parse_instance(example, "a")));
    for (auto const* key :
         {"format", "version", "alpha", "beta", "accuracy_threshold", "requests", "reference_latency_s", "residual",
          "memory", "source", "input_bytes", "blocks", "accuracy", "devices", "rate_bit_s", "latency_s"})
        BOOST_TEST(json.contains(key), key);
    BOOST_TEST(json["format"] == "skipstone-instance");
    BOOST_TEST(json["rate_bit_s"][0][0].is_null());
    BOOST_TEST(json["rate_bit_s"][1][0].is_null());
    BOOST_TEST(json["latency_s"].get<double>() == 0.25);
    BOOST_TEST(json["devices"][0]["compute_s"]["s2b1"].get<double>() == 0.2);
}

BOOST_AUTO_TEST_CASE(bad_instances_are_refused_with_the_path) {
    struct {
        char const* from;
        char const* to;
        char const* expected;
    } const cases[] = {
        {"\"alpha\": 0.7", "\"alhpa\": 0.7", "i.json: alhpa: unknown key; the nearest known one is \"alpha\""},
        {"\"beta\": 0.3", "\"beta\": 0.3, \"betta\": 1",
         "i.json: betta: unknown key; the nearest known one is \"beta\""},
        {"\"beta\": 0.3", "\"beta\": 0.4", "i.json: alpha: alpha + beta is 1.1"},
        {"\"beta\": 0.3", "\"beta\": -0.3", "i.json: beta: is -0.3; it must be at least 0"},
        {"\"beta\": 0.3", "\"beta\": 1e999", "i.json:1: not valid JSON: "},
        {"\"beta\": 0.3", "\"beta\": NaN", "i.json:1: not valid JSON: "},
        {"\"beta\": 0.3", "\"beta\": \"0.3\"",
         "i.json: beta: must be a number (at least 0 and at most 1), not a string"},
        {"\"beta\": 0.3", "\"beta\": 0.3, \"beta\": 0.3", "i.json: beta: stands twice in one object"},
        {"skipstone-instance", "skipstone-trace",
         "i.json: format: is \"skipstone-trace\"; an instance has \"skipstone-instance\""},
        {"\"version\": 1", "\"version\": 2", "i.json: version: is 2; this program reads version 1"},
        {"\"requests\": 3", "\"requests\": -3", "i.json: requests: is -3; it must be a whole number from 0"},
        {"\"requests\": 3", "\"requests\": 3.5", "i.json: requests: is 3.5; it must be a whole number"},
        {"2.754", "0", "i.json: reference_latency_s: is 0; it must be above 0"},
        {"\"residual\": \"paper\"", "\"residual\": \"papper\"",
         "i.json: residual: \"papper\" is none of its values; write \"fused\" or \"paper\""},
        {"\"source\": \"d1\"", "\"source\": \"d3\"", "i.json: source: there is no device \"d3\" (nearest: \"d0\")"},
        {"\"source\": \"d1\"", "\"source\": 1", "i.json: source: must be a device's name or null"},
        {"\"input_bytes\": 602112,", "", "i.json: input_bytes: is missing; with a source"},
        {"\"macs\": 231211008", "\"macs\": 1e30", "i.json: blocks[1].macs: is 1e+30; it must be a whole number"},
        {"\"macs\": 231211008", "\"macs\": 6", "i.json: blocks[1].skip_macs: is above macs"},
        {"\"memory_bytes\": 5", "\"memory\": 5", "i.json: blocks[1].memory_bytes: is missing"},
        {"\"name\": \"s2b1\"", "\"name\": \"stem\"", "i.json: blocks[1].name: \"stem\" stands twice"},
        {"[\"s5b2\"]", "[\"s5b3\"]", "i.json: accuracy[0].dropped[0]: there is no block \"s5b3\" (nearest: \"s5b2\")"},
        {"[\"s5b2\"]", "[\"s5b2\", \"s5b2\"]", "i.json: accuracy[0].dropped: names a block twice"},
        {"{\"dropped\": [], \"accuracy\": 0.9473},", "", "i.json: accuracy: has no entry with \"dropped\": []"},
        {"0.9473", "94.73", "i.json: accuracy[1].accuracy: is 94.73; it must be at least 0 and at most 1"},
        {"\"mac_rate\": 2.8e9", "\"mac_rate\": 0", "i.json: devices[1].mac_rate: is 0; it must be above 0"},
        {"\"energy_j\": 800", "\"energy_j\": -1", "i.json: devices[0].energy_j: is -1; it must be at least 0"},
        {"\"power_receive_w\"", "\"power_recieve_w\"",
         "i.json: devices[1].power_recieve_w: unknown key; the nearest known one is \"devices[1].power_receive_w\""},
        {"{\"s2b1\": 0.2}", "{\"s2b2\": 0.2}",
         "i.json: devices[0].compute_s.s2b2: there is no block \"s2b2\" (nearest: \"s2b1\")"},
        {"{\"s2b1\": 0.2}", "{\"s2b1\": 0}", "i.json: devices[0].compute_s.s2b1: is 0; it must be above 0"},
        {"\"name\": \"d1\"", "\"name\": \"d0\"", "i.json: devices[1].name: \"d0\" stands twice"},
        {"[null, 3.1e7]", "[null, 1e300]", "i.json: rate_bit_s[0][1]: is 1e+300; it must be above 0 and at most 1e+24"},
        {"[null, 3.1e7]", "[null, 1e-300]", "i.json: rate_bit_s[0][1]: is 1e-300; it must be at least 1e-24"},
        {"[null, 3.1e7]", "[null, -3.1e7]", "i.json: rate_bit_s[0][1]: is -3.1e+07; it must be above 0"},
        {"[null, 3.1e7]", "[null]", "i.json: rate_bit_s[0]: must be 2 rows of 2 numbers, one per device"},
        {"[[null, 3.1e7], [null, null]]", "3", "i.json: rate_bit_s: must be 2 rows of 2 numbers"},
        {"\"latency_s\": 0.25", "\"latency_s\": -1", "i.json: latency_s: is -1; it must be at least 0"},
        {"\"latency_s\": 0.25", "\"latency_s\": [[0, null], [0, 0]]", "i.json: latency_s[0][1]: must be a number"},
        {"\"latency_s\": 0.25", "\"latency_s\": \"5 ms\"", "i.json: latency_s: \"5 ms\" is no number"},
    };
    for (auto const& [from, to, expected] : cases)
        check_contains(message_of([&] { parse_instance(replaced(example, from, to), "i.json"); }), expected);
    check_contains(message_of([] { parse_instance("[]", "i.json"); }), "must be a table of keys, not a list");
    check_contains(message_of([] { parse_instance("", "i.json"); }), "not valid JSON");
    check_contains(message_of([] { parse_instance("{\n\"a\": \n}", "i.json"); }), "i.json:3: not valid JSON");
    check_contains(message_of([] { parse_instance(std::string(100000, '['), "i.json"); }),
                   "nested deeper than 64 levels");
    check_contains(message_of([] { load_instance("no/such.json"); }), "there is no such file");
}

BOOST_AUTO_TEST_CASE(one_result_is_an_object_and_several_are_a_list) {
    Instance const instance = parse_instance(example, "i.json");
    auto const one = nlohmann::json::parse(results_text(instance, {some_result()}));
    BOOST_TEST(one["planner"] == "greedy");
    BOOST_TEST(one["status"] == "feasible");
    BOOST_TEST(one["objective"].get<double>() == 0.1 + 0.2);
    BOOST_TEST(one["bound"].get<double>() == 0.25);
    BOOST_TEST(one["gap"].get<double>() == 1.0 / 6);
    BOOST_TEST(one["requested"] == 2);
    BOOST_TEST(one["admitted"] == 1);
    BOOST_TEST(one["admitted_bound"] == 2);
    BOOST_TEST(one["binding"] == "energy");
    BOOST_TEST(one["mean_latency_s"].get<double>() == 1.0 / 3);
    BOOST_TEST(one["shared_bytes"] == 802816);
    BOOST_TEST(one["energy_j"].size() == 2U);
    auto const& request = one["requests"][0];
    BOOST_TEST(request["admitted"] == true);
    BOOST_TEST(request["dropped"][0] == "s5b2");
    BOOST_TEST(request["devices"]["stem"] == "d1");
    BOOST_TEST(request["devices"]["s2b1"] == "d0");
    BOOST_TEST(request["devices"]["s5b2"].is_null());
    BOOST_TEST(one["requests"][1]["admitted"] == false);
    BOOST_TEST(one["requests"][1]["latency_s"].is_null());
    auto const two = nlohmann::json::parse(results_text(instance, {some_result(), some_result()}));
    BOOST_TEST(two.is_array());
    BOOST_TEST(two.size() == 2U);
}

BOOST_AUTO_TEST_CASE(results_come_back) {
    Instance const instance = parse_instance(example, "i.json");
    PlanResult infeasible;
    infeasible.planner = "exact";
    infeasible.status = PlanStatus::infeasible;
    infeasible.requested = 1;
    infeasible.mean_latency = Seconds(std::numeric_limits<double>::quiet_NaN());
    infeasible.energy = {Joules(0), Joules(0)};
    infeasible.requests = {RequestPlan{}};
    std::string const text = results_text(instance, {some_result(), infeasible});
    auto const again = parse_results(text, "r.json", instance);
    BOOST_REQUIRE_EQUAL(again.size(), 2U);
    BOOST_TEST(results_text(instance, again) == text);
    BOOST_TEST((again[0].binding == Binding::energy));
    BOOST_TEST((again[0].requests[0].devices == some_result().requests[0].devices));
    BOOST_TEST((again[1].status == PlanStatus::infeasible));
    BOOST_TEST(!again[1].objective.has_value());
    BOOST_TEST((again[1].binding == Binding::none));
    BOOST_TEST(nlohmann::json::parse(text)[1]["objective"].is_null());
    BOOST_TEST(parse_results(results_text(instance, {some_result()}), "r.json", instance).size() == 1U);
    check_contains(message_of([&] { parse_results(replaced(text, "\"d1\"", "\"d7\""), "r.json", instance); }),
                   "r.json: [0].requests[0].devices.stem: there is no device \"d7\" (nearest: \"d0\")");
    check_contains(message_of([&] { parse_results(replaced(text, "\"feasible\"", "\"good\""), "r.json", instance); }),
                   "write \"optimal\", \"feasible\", \"infeasible\" or \"unknown\"");
}

BOOST_AUTO_TEST_CASE(truncated_and_mutated_instances_never_crash) {
    auto const survives = [](std::string const& text) {
        try {
            Instance const instance = parse_instance(text, "i.json");
            BOOST_REQUIRE(!instance_text(instance).empty());
        } catch (InputError const& error) {
            BOOST_REQUIRE(std::string_view(error.what()).size() > 5);
        }
    };
    for (std::size_t length = 0; length < example.size(); length += 5) survives(example.substr(0, length));
    RandomStream random(5, "json mutants");
    auto const below = [&](std::size_t bound) {
        return static_cast<std::size_t>(random.below(static_cast<std::int64_t>(bound)));
    };
    std::string const bytes("\"[]{}:,.\\ -+0123456789eEntu\x00\xff\xc3", 30);
    for (int i = 0; i < 5000; ++i) {
        std::string text = example;
        for (std::size_t edits = 1 + below(3); edits > 0; --edits) {
            std::size_t const at = below(text.size() - 1);
            switch (below(4)) {
                case 0:
                    text[at] = bytes[below(bytes.size())];
                    break;
                case 1:
                    text.insert(at, 1, bytes[below(bytes.size())]);
                    break;
                case 2:
                    text.erase(at, 1 + below(10));
                    break;
                default:
                    text.insert(at, example.substr(below(example.size()), below(30)));
                    break;
            }
        }
        survives(text);
    }
}

BOOST_AUTO_TEST_SUITE_END()

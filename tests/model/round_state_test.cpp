#include "model/round_state.hpp"

#include <algorithm>
#include <boost/test/unit_test.hpp>
#include <cmath>
#include <limits>
#include <memory>
#include <string>
#include <vector>

#include "networks/resnet.hpp"
#include "units/error.hpp"

using namespace skipstone;

namespace {

Device device(char const* name, double rate) {
    Device result;
    result.name = name;
    result.mac_rate = MacRate(rate);
    result.memory = Bytes(100000000);
    result.macs_per_round = Macs(1400000000);
    result.battery = Joules(800);
    result.power = {Watts(8), Watts(10), Watts(2), Watts(1)};
    return result;
}

// ResNet-50 on a slow and a fast device.
Scenario small_scenario() {
    Scenario scenario;
    scenario.file = "small.toml";
    scenario.network.profile.name = "resnet50";
    scenario.network.profile.family = networks::resnet({.stages = {3, 4, 6, 3}});
    scenario.fleet = {device("slow", 1.4e9), device("fast", 2.8e9)};
    return scenario;
}

RoundState state_of(Scenario const& scenario) {
    RoundState state;
    state.round = RoundId(2);
    state.battery = {Joules(100), Joules(50)};
    state.links = LinkTable::drawn(2, scenario.links, scenario.seed, state.round);
    state.requests.resize(3);
    return state;
}

std::vector<Joules> const no_reserve(2, Joules(0));

bool is_input_error_about(InputError const& error, std::string const& text) {
    return std::string(error.what()).find(text) != std::string::npos;
}

}  // namespace

BOOST_AUTO_TEST_SUITE(requests)

BOOST_AUTO_TEST_CASE(arrive_as_a_poisson_number_at_the_round_s_start) {
    auto scenario = small_scenario();
    double sum = 0, squares = 0;
    int const rounds = 20000;
    for (int round = 0; round < rounds; ++round) {
        auto const drawn = draw_requests(scenario, RoundId(static_cast<std::int32_t>(round)), Seconds(7), 40);
        auto const n = static_cast<double>(drawn.size());
        sum += n;
        squares += n * n;
        for (std::size_t i = 0; i < drawn.size(); ++i) {
            BOOST_REQUIRE(drawn[i].arrival == Seconds(7));
            BOOST_REQUIRE(drawn[i].image == 40 + static_cast<std::int64_t>(i));
            BOOST_REQUIRE(drawn[i].attempt == 1);
        }
    }
    BOOST_TEST(std::abs(sum / rounds - 3) < 0.06);
    BOOST_TEST(std::abs(squares / rounds - sum * sum / rounds / rounds - 3) < 0.15);
}

BOOST_AUTO_TEST_CASE(depend_on_seed_and_round) {
    auto scenario = small_scenario();
    scenario.requests.rate = 1e4;
    auto const number = [&](int round) {
        return draw_requests(scenario, RoundId(static_cast<std::int32_t>(round)), Seconds(0), 0).size();
    };
    auto const first = number(0);
    BOOST_TEST(first == number(0));
    BOOST_TEST(first != number(1));
    scenario.seed = 2;
    BOOST_TEST(first != number(0));
}

BOOST_AUTO_TEST_CASE(are_exactly_so_many_when_a_count_is_given) {
    auto scenario = small_scenario();
    scenario.requests.count = 4;
    for (int round = 0; round < 10; ++round)
        BOOST_TEST(draw_requests(scenario, RoundId(0), Seconds(0), 0).size() == 4u);
    scenario.requests.count = 0;
    BOOST_TEST(draw_requests(scenario, RoundId(0), Seconds(0), 0).empty());
}

// In a Poisson process the gaps are exponential: their mean is period/rate, and so is their deviation.
BOOST_AUTO_TEST_CASE(spread_over_the_period_as_a_poisson_process) {
    auto scenario = small_scenario();
    scenario.requests.arrivals = Arrivals::spread;
    scenario.requests.rate = 20000;
    BOOST_CHECK_THROW(draw_requests(scenario, RoundId(0), Seconds(0), 0), ContractError);  // no period
    scenario.rounds.period = Seconds(1000);
    auto const drawn = draw_requests(scenario, RoundId(0), Seconds(50), 0);
    BOOST_TEST(std::abs(static_cast<double>(drawn.size()) - 20000) < 700);
    BOOST_TEST(std::ranges::is_sorted(drawn, {}, &PendingRequest::arrival));
    BOOST_TEST(drawn.front().arrival.value() >= 50);
    BOOST_TEST(drawn.back().arrival.value() < 1050);
    double sum = 0, squares = 0;
    for (std::size_t i = 1; i < drawn.size(); ++i) {
        double const gap = (drawn[i].arrival - drawn[i - 1].arrival).value();
        sum += gap;
        squares += gap * gap;
    }
    auto const n = static_cast<double>(drawn.size() - 1);
    BOOST_TEST(std::abs(sum / n - 0.05) < 0.002);
    BOOST_TEST(std::abs(std::sqrt(squares / n - sum * sum / n / n) - 0.05) < 0.002);
}

BOOST_AUTO_TEST_CASE(come_one_every_interval_from_the_rounds_start_on) {
    auto scenario = small_scenario();
    scenario.requests.count = 4;
    scenario.requests.arrivals = Arrivals::every;
    scenario.requests.interval = Seconds(0.25);
    auto const drawn = draw_requests(scenario, RoundId(3), Seconds(50), 7);
    BOOST_REQUIRE_EQUAL(drawn.size(), 4u);
    for (std::size_t k = 0; k < 4; ++k) {
        BOOST_TEST(drawn[k].arrival.value() == 50 + 0.25 * static_cast<double>(k));
        BOOST_TEST(drawn[k].image == 7 + static_cast<std::int64_t>(k));
    }
}

BOOST_AUTO_TEST_SUITE_END()

BOOST_AUTO_TEST_SUITE(instance_of_a_round)

BOOST_AUTO_TEST_CASE(holds_the_scenario_the_network_and_the_state) {
    auto scenario = small_scenario();
    scenario.objective.alpha = 0.6;
    scenario.objective.beta = 0.4;
    scenario.objective.accuracy_threshold = 0.75;
    scenario.objective.residual = Residual::paper;
    scenario.objective.memory = MemoryModel::resident;
    Network const network(scenario.network.profile);
    auto const state = state_of(scenario);
    std::vector<DropOption> const drops{{{}, 0.9473}, {{BlockId(std::int32_t{15})}, 0.9177}};
    auto const instance = make_instance(scenario, network, drops, state, no_reserve);
    BOOST_TEST(instance.alpha == 0.6);
    BOOST_TEST(instance.beta == 0.4);
    BOOST_TEST(instance.accuracy_threshold == 0.75);
    BOOST_TEST(instance.requests == 3);
    BOOST_TEST((instance.residual == Residual::paper));
    BOOST_TEST((instance.memory == MemoryModel::resident));
    BOOST_TEST(!instance.source);
    BOOST_TEST(instance.input.value() == 602112);
    BOOST_TEST((instance.accuracy == drops));
    BOOST_TEST(instance.reference_latency.value() == reference_latency(scenario, network).value());
    BOOST_TEST_REQUIRE(instance.blocks.size() == network.size());
    for (std::size_t b = 0; b < network.size(); ++b) {
        Block const& block = network.blocks()[b];
        BOOST_TEST(instance.blocks[b].name == block.name);
        BOOST_TEST(instance.blocks[b].macs.value() == block.macs.value());
        BOOST_TEST(instance.blocks[b].memory.value() == block.memory_bytes.value());
        BOOST_TEST(instance.blocks[b].output.value() == block.output_bytes.value());
        BOOST_TEST(instance.blocks[b].weights.value() == block.weight_bytes.value());
        BOOST_TEST(instance.blocks[b].skip_macs.value() == block.skip_macs.value());
        BOOST_TEST(instance.blocks[b].skip_memory.value() == block.skip_memory_bytes.value());
    }
    BOOST_TEST_REQUIRE(instance.devices.size() == 2u);
    BOOST_TEST(instance.devices[1].name == "fast");
    BOOST_TEST(instance.devices[1].mac_rate.value() == 2.8e9);
    BOOST_TEST(instance.devices[1].memory.value() == 100000000);
    BOOST_TEST(instance.devices[1].macs.value() == 1400000000);
    BOOST_TEST(instance.devices[1].energy.value() == 50);
    BOOST_TEST(instance.devices[1].power_compute.value() == 8);
    BOOST_TEST(instance.devices[1].power_transmit.value() == 10);
    BOOST_TEST(instance.devices[1].power_receive.value() == 2);
    BOOST_TEST(instance.devices[1].compute.empty());
    DeviceId const a(std::int32_t{0}), b(std::int32_t{1});
    BOOST_TEST(instance.links.rate(a, b).value() == state.links.rate(a, b).value());
}

BOOST_AUTO_TEST_CASE(keeps_back_what_idling_will_cost) {
    auto const scenario = small_scenario();
    auto const instance =
        make_instance(scenario, Network(scenario.network.profile), {}, state_of(scenario), {Joules(30), Joules(80)});
    BOOST_TEST(instance.devices[0].energy.value() == 70);
    BOOST_TEST(instance.devices[1].energy.value() == 0);
}

BOOST_AUTO_TEST_CASE(an_empty_battery_offers_no_work) {
    auto const scenario = small_scenario();
    auto state = state_of(scenario);
    state.battery = {Joules(0), Joules(-1e-9)};
    auto const instance = make_instance(scenario, Network(scenario.network.profile), {}, state, no_reserve);
    for (InstanceDevice const& device : instance.devices) {
        BOOST_TEST(device.macs.value() == 0);
        BOOST_TEST(device.energy.value() == 0);
        BOOST_REQUIRE(device.off.has_value());
        BOOST_TEST((device.off->because == OffBecause::energy));
        BOOST_TEST(device.off->macs.value() > 0);
    }
}

BOOST_AUTO_TEST_CASE(the_next_round_is_what_it_would_be_if_it_were_made_anew) {
    auto const scenario = small_scenario();
    Network const network(scenario.network.profile);
    auto first = state_of(scenario);
    first.battery = {Joules(0), Joules(5)};
    first.requests.resize(1);
    auto instance = make_instance(scenario, network, {}, first, {Joules(0), Joules(5)});
    instance.devices[1].switch_off(OffBecause::outage);
    instance.cut_links({{DeviceId(std::int32_t{0}), DeviceId(std::int32_t{1})}});
    auto const state = state_of(scenario);
    auto const expected = make_instance(scenario, network, {}, state, no_reserve);
    auto const next = next_instance(std::move(instance), scenario, state, no_reserve);
    BOOST_TEST(next.requests == expected.requests);
    for (std::size_t i = 0; i < expected.devices.size(); ++i) {
        BOOST_TEST(next.devices[i].memory.value() == expected.devices[i].memory.value());
        BOOST_TEST(next.devices[i].macs.value() == expected.devices[i].macs.value());
        BOOST_TEST(!next.devices[i].off);
        BOOST_TEST(next.devices[i].energy.value() == expected.devices[i].energy.value());
    }
    DeviceId const a(std::int32_t{0}), b(std::int32_t{1});
    BOOST_TEST(next.links.rate(a, b).value() == expected.links.rate(a, b).value());
}

BOOST_AUTO_TEST_CASE(expects_of_lossy_links_what_arrives) {
    auto scenario = small_scenario();
    scenario.links.loss = 0.2;
    scenario.links.efficiency = 0.9;
    auto const state = state_of(scenario);
    auto const instance = make_instance(scenario, Network(scenario.network.profile), {}, state, no_reserve);
    DeviceId const a(std::int32_t{0}), b(std::int32_t{1});
    BOOST_TEST(instance.links.rate(a, b).value() == 0.8 * state.links.rate(a, b).value());
}

BOOST_AUTO_TEST_CASE(the_images_source_is_a_device_by_name) {
    auto scenario = small_scenario();
    Network const network(scenario.network.profile);
    scenario.requests.source = "fast";
    BOOST_TEST(make_instance(scenario, network, {}, state_of(scenario), no_reserve).source->value() == 1);
    scenario.requests.source = "fest";
    BOOST_CHECK_EXCEPTION(make_instance(scenario, network, {}, state_of(scenario), no_reserve), InputError,
                          [](InputError const& e) {
                              return is_input_error_about(e, "requests.source") && is_input_error_about(e, "\"fest\"");
                          });
}

BOOST_AUTO_TEST_CASE(measured_times_of_a_device_are_found_by_block) {
    auto scenario = small_scenario();
    scenario.fleet[0].compute_seconds = {{"s2b1", Seconds(0.2)}, {"head", Seconds(0.01)}};
    scenario.fleet[1].compute_seconds = {{"of another network", Seconds(3)}};
    Network const network(scenario.network.profile);
    auto const instance = make_instance(scenario, network, {}, state_of(scenario), no_reserve);
    auto const& times = instance.devices[0].compute;
    BOOST_TEST_REQUIRE(times.size() == network.size());
    for (std::size_t b = 0; b < times.size(); ++b) {
        std::string const& name = network.blocks()[b].name;
        BOOST_TEST(times[b].has_value() == (name == "s2b1" || name == "head"));
    }
    BOOST_TEST(times[network.find("s2b1")->index()]->value() == 0.2);
    BOOST_TEST(times[network.find("head")->index()]->value() == 0.01);
    BOOST_TEST(instance.devices[1].compute.empty());
}

BOOST_AUTO_TEST_CASE(offers_the_splits_that_the_scenario_allows_and_those_that_its_plan_names) {
    auto scenario = small_scenario();
    Network const network(scenario.network.profile);
    auto const instance_of = [&] { return make_instance(scenario, network, {}, state_of(scenario), no_reserve); };
    for (auto const& block : instance_of().blocks) BOOST_TEST(block.splits.empty());
    scenario.collaboration = {{Split::Kind::rows, Split::Kind::tiles}, 5};
    scenario.objective.goal = Goal::throughput;
    scenario.fleet[0].part_seconds[{"stem", {Split::Kind::rows, 2}}] = Seconds(0.25);
    auto instance = instance_of();
    BOOST_TEST((instance.goal == Goal::throughput));
    // Of the stem, rows 0…27 and 28…55 behind the pool: these read rows 0…55 and 55…111 of the convolution.
    auto const* halves = instance.blocks[0].find({Split::Kind::rows, 2});
    BOOST_TEST_REQUIRE(halves);
    BOOST_TEST((halves->parts[0].output == Region{{0, 28}, {0, 56}, {0, 64}}));
    BOOST_TEST((halves->parts[0].input == Region{{0, 114}, {0, 224}, {0, 3}}));
    BOOST_TEST((halves->parts[1].input == Region{{107, 224}, {0, 224}, {0, 3}}));
    BOOST_TEST(halves->parts[0].input_bytes.value() == 4 * 114 * 224 * 3);
    BOOST_TEST(halves->parts[0].output_bytes.value() == 4 * 28 * 56 * 64);
    BOOST_TEST(halves->parts[0].macs.value() == 56 * 112 * 147 * 64);
    BOOST_TEST(instance.blocks[0].find({Split::Kind::rows, 5}));
    BOOST_TEST(!instance.blocks[0].find({Split::Kind::rows, 6}));
    BOOST_TEST(!instance.blocks[0].find({Split::Kind::outputs, 2}));
    BlockId const stem(std::int32_t{0});
    BOOST_TEST((instance.devices[0].part_compute.at({stem, {Split::Kind::rows, 2}}).value() == 0.25));
    BOOST_TEST(instance.devices[1].part_compute.empty());
    // The classifier: 2048 neurons in thirds, as sums in float32.
    BlockId const head(network.size() - 1);
    scenario.collaboration = {};
    scenario.planner.stages = {{"head", head, head, {}, {Split::Kind::inputs, 3}, {}}};
    instance = instance_of();
    auto const* thirds = instance.blocks.back().find({Split::Kind::inputs, 3});
    BOOST_TEST_REQUIRE(thirds);
    BOOST_TEST(thirds->parts[0].output_bytes.value() == 4 * 10);
    BOOST_TEST(thirds->join_macs.value() == 30);
    scenario.planner.stages[0].split = {Split::Kind::rows, 2};
    BOOST_CHECK_EXCEPTION(instance_of(), InputError, [](InputError const& error) {
        return is_input_error_about(error, "planner.stages") &&
               is_input_error_about(error, "head cannot be split by rows/2");
    });
}

BOOST_AUTO_TEST_CASE(a_device_computes_faster_in_a_precision_that_it_has_a_speedup_for) {
    auto scenario = small_scenario();
    scenario.fleet[0].compute_seconds = {{"s2b1", Seconds(0.2)}};
    auto const plain = scenario.fleet;
    for (auto& device : scenario.fleet) device.speedup = {{Precision::int8, 4}};
    for (auto const precision : {Precision::float32, Precision::bfloat16, Precision::int8}) {
        double const factor = precision == Precision::int8 ? 4 : 1;
        scenario.network.profile.precision = precision;
        Network const network(scenario.network.profile);
        auto const instance = make_instance(scenario, network, {}, state_of(scenario), no_reserve);
        for (std::size_t i = 0; i < plain.size(); ++i) {
            BOOST_TEST(instance.devices[i].mac_rate.value() == factor * plain[i].mac_rate.value());
            BOOST_TEST(instance.devices[i].macs.value() == plain[i].macs_per_round.value());
        }
        BOOST_TEST(instance.devices[0].compute[network.find("s2b1")->index()]->value() == 0.2 / factor);
        auto const slowest = std::ranges::min(plain, {}, &Device::mac_rate).mac_rate.value();
        BOOST_TEST(reference_latency(scenario, network).value() ==
                   static_cast<double>(network.total_macs().value()) / (factor * slowest));
    }
}

BOOST_AUTO_TEST_CASE(needs_a_state_of_the_whole_fleet) {
    auto const scenario = small_scenario();
    Network const network(scenario.network.profile);
    auto state = state_of(scenario);
    BOOST_CHECK_THROW(make_instance(scenario, network, {}, state, {}), ContractError);
    state.battery.pop_back();
    BOOST_CHECK_THROW(make_instance(scenario, network, {}, state, no_reserve), ContractError);
    state = state_of(scenario);
    state.links = LinkTable::drawn(3, scenario.links, 1, RoundId(0));
    BOOST_CHECK_THROW(make_instance(scenario, network, {}, state, no_reserve), ContractError);
}

BOOST_AUTO_TEST_SUITE_END()

BOOST_AUTO_TEST_SUITE(latency_reference)

BOOST_AUTO_TEST_CASE(compute_is_one_request_on_the_slowest_device) {
    auto const scenario = small_scenario();
    Network const network(scenario.network.profile);
    double macs = 0;
    for (Block const& block : network.blocks()) macs += static_cast<double>(block.macs.value());
    BOOST_TEST(reference_latency(scenario, network).value() == macs / 1.4e9, boost::test_tools::tolerance(1e-12));
    BOOST_TEST(std::abs(reference_latency(scenario, network).value() - 2.74) < 0.02);
}

BOOST_AUTO_TEST_CASE(worst_case_adds_every_boundary_at_the_lowest_rate) {
    auto scenario = small_scenario();
    Network const network(scenario.network.profile);
    double const compute = reference_latency(scenario, network).value();
    scenario.objective.latency_reference = LatencyReference::worst_case;
    scenario.links.efficiency = 0.95;
    scenario.links.loss = 0.1;
    scenario.links.latency = Seconds(0.003);
    // K: the stem's, then stages 2 to 5; the head's output goes nowhere.
    double const fused = 802816 + 3 * 3211264.0 + 4 * 1605632.0 + 6 * 802816.0 + 3 * 401408.0;
    double const rate = 7.2e6 * 0.95 * 0.9;
    BOOST_TEST(reference_latency(scenario, network).value() == compute + 17 * 0.003 + 8 * fused / rate,
               boost::test_tools::tolerance(1e-12));
    // With Residual::paper a stage's first block moves the larger of its output and its input.
    scenario.objective.residual = Residual::paper;
    double const paper =
        802816 + 3 * 3211264.0 + (3211264 + 3 * 1605632.0) + (1605632 + 5 * 802816.0) + (802816 + 2 * 401408.0);
    BOOST_TEST(reference_latency(scenario, network).value() == compute + 17 * 0.003 + 8 * paper / rate,
               boost::test_tools::tolerance(1e-12));
}

BOOST_AUTO_TEST_CASE(worst_case_knows_the_slowest_link_of_ones_own) {
    auto scenario = small_scenario();
    Network const network(scenario.network.profile);
    double const compute = reference_latency(scenario, network).value();
    scenario.objective.latency_reference = LatencyReference::worst_case;
    double const bits = 8 * (802816 + 3 * 3211264.0 + 4 * 1605632.0 + 6 * 802816.0 + 3 * 401408.0);
    auto const with = [&](LinkTraits there, LinkTraits back) {
        DeviceId const a(std::int32_t{0}), b(std::int32_t{1});
        scenario.links.pairs =
            std::make_shared<LinkPairs const>(std::vector<LinkPairs::Entry>{{a, b, there}, {b, a, back}});
        return reference_latency(scenario, network).value() - compute;
    };
    BOOST_TEST(with({.rate = BitRate(1e6)}, {.rate = BitRate(80e6)}) == bits / 1e6, boost::test_tools::tolerance(1e-9));
    BOOST_TEST(with({.rate = BitRate(80e6)}, {.rate = BitRate(100e6)}) == bits / 80e6,
               boost::test_tools::tolerance(1e-9));
    BOOST_TEST(with({.rate = BitRate(0)}, {.rate = BitRate(100e6), .latency = Seconds(0.5), .loss = 0.5}) ==
                   bits / 50e6 + 17 * 0.5,
               boost::test_tools::tolerance(1e-9));
    BOOST_TEST(with({.rate = BitRate(0)}, {.rate = BitRate(0)}) == 0);
}

BOOST_AUTO_TEST_CASE(without_a_table_nothing_may_be_dropped_and_there_is_no_threshold) {
    auto scenario = small_scenario();
    scenario.accuracy = {};
    scenario.accuracy.none = true;
    scenario.objective.accuracy_threshold = 0.9;
    Network const network(scenario.network.profile);
    auto const instance =
        make_instance(scenario, network, drop_options(scenario.accuracy, network), state_of(scenario), no_reserve);
    BOOST_TEST(!instance.accuracy_known);
    BOOST_TEST(instance.accuracy_threshold == 0);
    BOOST_REQUIRE(instance.accuracy.size() == 1U);
    BOOST_TEST(instance.accuracy.front().dropped.empty());
}

BOOST_AUTO_TEST_CASE(mains_supply_is_energy_without_end) {
    auto scenario = small_scenario();
    double const without_end = std::numeric_limits<double>::infinity();
    auto state = state_of(scenario);
    state.battery[0] = Joules(without_end);
    auto const instance =
        make_instance(scenario, Network(scenario.network.profile), {}, state, {Joules(1e6), Joules(0)});
    BOOST_TEST(instance.devices[0].energy.value() == without_end);
    BOOST_TEST((instance.devices[0].macs == scenario.fleet[0].macs_per_round));
}

BOOST_AUTO_TEST_CASE(fixed_is_the_time_given) {
    auto scenario = small_scenario();
    scenario.objective.latency_reference = LatencyReference::fixed;
    scenario.objective.reference_time = Seconds(2.5);
    BOOST_TEST(reference_latency(scenario, Network(scenario.network.profile)).value() == 2.5);
}

BOOST_AUTO_TEST_SUITE_END()

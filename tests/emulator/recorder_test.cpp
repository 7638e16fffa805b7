#include "emulator/recorder.hpp"

#include <boost/test/unit_test.hpp>
#include <cmath>

#include "emulator/run_summary.hpp"
#include "loopback_cluster.hpp"

using namespace skipstone;
using namespace skipstone::test;
using emulator::RoundResult;
using emulator::RunSummary;

namespace {

// Four requests a round, of which not all fit.
Scenario crowded_scenario() {
    auto scenario = small_scenario(3);
    scenario.requests.count = 4;
    scenario.rounds.count = 1;
    return scenario;
}

std::optional<int> label_of(std::int64_t image) {
    return image == 0 ? std::nullopt : std::optional<int>(static_cast<int>(image));
}

// One compute event from 1 s to 2 s of a round that began at 0 s, 10 s after the run under the wall clock, and ended so
// much too late.
RoundResult late_by(double seconds, double dilation) {
    RoundResult result;
    result.host_start_s = 10;
    result.clocks = {{1, 0, 2e-6}};
    result.course.state.battery = result.course.battery = {Joules(5)};
    result.course.state.battery[0] = Joules(7);
    result.course.spent = {Joules(2)};
    result.course.end = Seconds(2);
    Event event{.device = 0, .round = 0, .request = 0, .block = 0, .begin_s = 1, .end_s = 2, .macs = 1};
    event.host_begin_s = 10 + dilation * 1;
    event.host_end_s = 10 + dilation * (2 + seconds);
    if (lateness(event, 0, 10, dilation) > overrun_lateness) event.flags = event_flags::overrun;
    result.course.events = {event};
    return result;
}

}  // namespace

BOOST_AUTO_TEST_SUITE(recorder)

BOOST_AUTO_TEST_CASE(a_round_becomes_rows) {
    auto const scenario = crowded_scenario();
    auto const run = run_loopback(scenario, {.nodes = 2});
    auto const& result = run.results.at(0);
    auto const& course = result.course;
    Network const network(scenario.network.profile);
    auto const record = emulator::record_of(scenario, network, result, label_of);
    BOOST_TEST(record.round.requests == 4);
    BOOST_TEST(record.round.admitted == course.plan.admitted);
    BOOST_TEST(record.round.end_s == course.end.value());
    BOOST_REQUIRE(record.requests.size() == 4);
    BOOST_TEST(record.plans.size() == static_cast<std::size_t>(course.plan.admitted) * network.size());
    BOOST_TEST(record.events.size() == course.events.size());
    BOOST_TEST(record.rate_bit_s.size() == 9);
    BOOST_TEST(record.battery.size() == 3);
    BOOST_REQUIRE((course.plan.admitted > 0 && course.plan.admitted < 4));
    for (auto const& row : record.requests) {
        auto const& plan = course.plan.requests[static_cast<std::size_t>(row.request)];
        BOOST_TEST((row.status == (plan.admitted ? trace::RequestStatus::done : trace::RequestStatus::rejected)));
        BOOST_TEST(std::isnan(row.finish_s) == !plan.admitted);
        BOOST_TEST((row.predicted_class >= 0) == plan.admitted);
        BOOST_TEST(row.label == (row.request == 0 ? -1 : row.request));
        std::int64_t shared = 0;
        for (auto const& event : course.events)
            if (event.kind == EventKind::transmit && event.request == row.request) shared += event.bytes;
        BOOST_TEST(row.shared_bytes == shared);
    }
}

BOOST_AUTO_TEST_CASE(rates_are_those_that_were_drawn) {
    auto scenario = crowded_scenario();
    scenario.links.min = scenario.links.max = BitRate(2e7);
    scenario.links.efficiency = 0.5;
    auto const run = run_loopback(scenario, {.nodes = 1});
    auto const record = emulator::record_of(scenario, Network(scenario.network.profile), run.results.at(0), label_of);
    BOOST_TEST(std::isnan(record.rate_bit_s[0]));
    BOOST_TEST(record.rate_bit_s[1] == 2e7, boost::test_tools::tolerance(1e-12));
}

BOOST_AUTO_TEST_CASE(devices_and_blocks_are_listed_in_order) {
    auto const scenario = crowded_scenario();
    auto const devices = emulator::device_rows(scenario);
    BOOST_REQUIRE(devices.size() == 3);
    BOOST_TEST(devices[2].device == 2);
    BOOST_TEST(devices[2].name.str() == "d2");
    BOOST_TEST(devices[2].mac_rate == 6e8);
    Network const network(scenario.network.profile);
    auto const blocks = emulator::block_rows(network, {});
    BOOST_REQUIRE(blocks.size() == network.size());
    BOOST_TEST(blocks[0].name.str() == "stem");
    BOOST_TEST(blocks[1].macs == network.blocks()[1].macs.value());
    BOOST_TEST(blocks[0].input_bytes == network.input_bytes().value());
    for (std::size_t b = 0; b < blocks.size(); ++b) {
        BOOST_TEST(blocks[b].stage == network.blocks()[b].stage);
        if (b > 0) BOOST_TEST(blocks[b].input_bytes == blocks[b - 1].output_bytes);
    }
}

BOOST_AUTO_TEST_SUITE_END()

BOOST_AUTO_TEST_SUITE(run_summary)

BOOST_AUTO_TEST_CASE(adds_up_work_transfers_and_energy) {
    auto scenario = crowded_scenario();
    scenario.rounds.count = 2;
    auto const run = run_loopback(scenario, {.nodes = 2});
    RunSummary summary(scenario, 1);
    double busy = 0, sent = 0, energy = 0;
    for (auto const& result : run.results) {
        auto const round = summary.add(result);
        BOOST_TEST(round.admitted == result.course.plan.admitted);
        BOOST_TEST(round.overruns == 0);
        for (auto const& event : result.course.events) {
            if (event.kind == EventKind::compute) busy += event.end_s - event.begin_s;
            if (event.kind == EventKind::transmit) sent += static_cast<double>(event.bytes);
        }
        energy += round.energy.value();
    }
    double device_busy = 0, device_sent = 0, device_received = 0, device_energy = 0;
    for (auto const& device : summary.devices()) {
        device_busy += device.busy.value();
        device_sent += static_cast<double>(device.sent.value());
        device_received += static_cast<double>(device.received.value());
        device_energy += device.energy.value();
        BOOST_TEST((device.energy + device.battery).value() == 1000, boost::test_tools::tolerance(1e-12));
    }
    BOOST_TEST(busy > 0);
    BOOST_TEST(device_busy == busy, boost::test_tools::tolerance(1e-12));
    BOOST_TEST(device_sent == sent);
    BOOST_TEST(device_received == sent);
    BOOST_TEST(device_energy == energy, boost::test_tools::tolerance(1e-12));
    BOOST_TEST(summary.emulated().value() == run.results.back().course.end.value());
    BOOST_TEST(summary.fidelity().events == 0);  // virtual clock
}

BOOST_AUTO_TEST_CASE(fidelity_is_the_distribution_of_lateness) {
    auto scenario = small_scenario(1);
    double const dilation = 3;
    RunSummary summary(scenario, dilation);
    for (int i = 1; i <= 100; ++i) summary.add(late_by(1.05e-4 * i, dilation));  // 1.05 % at most, of one second each
    auto const fidelity = summary.fidelity();
    BOOST_TEST(fidelity.events == 100);
    BOOST_TEST(fidelity.overruns == 5);  // 96 … 100
    BOOST_TEST(fidelity.p50 == 0.0053025, boost::test_tools::tolerance(1e-6));
    BOOST_TEST(fidelity.p99 == 0.01039605, boost::test_tools::tolerance(1e-6));
    BOOST_TEST(fidelity.max == 0.0105, boost::test_tools::tolerance(1e-6));
    BOOST_TEST(fidelity.clock_uncertainty_s == 2e-6);
    BOOST_TEST(!fidelity.faithful());
    BOOST_TEST(summary.devices()[0].energy.value() == 200, boost::test_tools::tolerance(1e-12));
}

BOOST_AUTO_TEST_CASE(one_late_event_in_a_hundred_is_still_faithful) {
    RunSummary summary(small_scenario(1), 1);
    summary.add(late_by(0.5, 1));
    BOOST_TEST(!summary.fidelity().faithful());
    for (int i = 0; i < 99; ++i) summary.add(late_by(0, 1));
    BOOST_TEST(summary.fidelity().faithful());
}

BOOST_AUTO_TEST_CASE(predictions_are_counted_where_labels_are_known) {
    RunSummary summary(small_scenario(1), 1);
    summary.add_prediction(3, 3, 0.9);
    summary.add_prediction(3, 4, 0.7);
    auto const accuracy = summary.accuracy();
    BOOST_TEST(accuracy.labelled == 2);
    BOOST_TEST(accuracy.correct == 1);
    BOOST_TEST(accuracy.planned == 0.8, boost::test_tools::tolerance(1e-12));
    BOOST_TEST(accuracy.observed() == 0.5);
}

BOOST_AUTO_TEST_CASE(a_planned_accuracy_is_implausible_when_enough_images_speak) {
    RunSummary summary(small_scenario(1), 1);
    for (int i = 0; i < 3; ++i)
        summary.add_prediction(3, 4, 0.9);  // none of 3 has a probability of 0.1^3, twice: 0.002
    BOOST_TEST(summary.accuracy().planned_is_plausible());
    summary.add_prediction(3, 4, 0.9);  // 0.0002
    BOOST_TEST(!summary.accuracy().planned_is_plausible());
}

BOOST_AUTO_TEST_CASE(an_image_that_is_classified_again_speaks_once) {
    RunSummary few(small_scenario(1), 1, 4), many(small_scenario(1), 1, 1000);
    for (int i = 0; i < 200; ++i)
        for (auto* summary : {&few, &many}) summary->add_prediction(3, i % 4 == 0 ? 4 : 3, 0.9);
    BOOST_TEST(few.accuracy().planned_is_plausible());  // 3 of 4
    BOOST_TEST(!many.accuracy().planned_is_plausible());
}

BOOST_AUTO_TEST_SUITE_END()

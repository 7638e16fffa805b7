#include "model/cost_model.hpp"

#include <boost/test/unit_test.hpp>
#include <cmath>
#include <string>

using namespace skipstone;

namespace {

constexpr double tight = 1e-12;

// Three blocks, two devices. Block 1 has a projection, block 2 vanishes when it is dropped.
Instance small() {
    Instance instance;
    instance.alpha = 0.7;
    instance.beta = 0.3;
    instance.requests = 1;
    instance.reference_latency = Seconds(2);
    instance.input = Bytes(500'000);
    instance.blocks = {{"stem", Macs(100'000'000), Bytes(1000), Bytes(2'000'000), Bytes(10), Macs(0), Bytes(0)},
                       {"a", Macs(200'000'000), Bytes(2000), Bytes(1'000'000), Bytes(20), Macs(50'000'000), Bytes(200)},
                       {"b", Macs(400'000'000), Bytes(4000), Bytes(250'000), Bytes(40), Macs(0), Bytes(0)},
                       {"head", Macs(0), Bytes(100), Bytes(40), Bytes(80), Macs(0), Bytes(0)}};
    instance.accuracy = {{{}, 0.95}, {{BlockId(1)}, 0.9}, {{BlockId(2)}, 0.85}, {{BlockId(1), BlockId(2)}, 0.8}};
    for (double const rate : {1e9, 2e9}) {
        InstanceDevice device;
        device.name = "d" + std::to_string(instance.devices.size());
        device.mac_rate = MacRate(rate);
        device.memory = Bytes(1'000'000);
        device.macs = Macs(10'000'000'000);
        device.energy = Joules(1000);
        device.power_compute = Watts(8);
        device.power_transmit = Watts(10);
        device.power_receive = Watts(3);
        instance.devices.push_back(device);
    }
    instance.links = LinkTable::dense(2, {0, 8e6, 16e6, 0}, {0.5});  // 1 and 2 MB/s
    return instance;
}

RequestPlan request(std::vector<BlockId> dropped, std::vector<int> devices) {
    RequestPlan plan;
    plan.admitted = true;
    plan.dropped = std::move(dropped);
    for (int const device : devices) plan.devices.push_back(DeviceId(device));
    return plan;
}

PlanResult result_of(std::vector<RequestPlan> requests) {
    PlanResult result;
    result.requests = std::move(requests);
    return result;
}

bool mentions(std::vector<std::string> const& sentences, std::string const& part) {
    for (auto const& sentence : sentences)
        if (sentence.find(part) != std::string::npos) return true;
    return false;
}

}  // namespace

BOOST_AUTO_TEST_SUITE(cost_model)

BOOST_AUTO_TEST_CASE(adds_computing_and_hops) {
    auto const cost = request_cost(small(), request({}, {0, 0, 1, 1}));
    // 0.1 + 0.2 s on the first, 1 MB at 1 MB/s and 0.5 s of latency, 0.2 s on the second
    BOOST_TEST(cost.latency.value() == 0.3 + 1.5 + 0.2, boost::test_tools::tolerance(tight));
    BOOST_TEST(cost.shared.value() == 1'000'000);
    BOOST_TEST(cost.loads[0].macs.value() == 300'000'000);
    BOOST_TEST(cost.loads[1].memory.value() == 4100);
    BOOST_TEST(cost.loads[0].energy.value() == 8 * 0.3 + 10 * 1.0, boost::test_tools::tolerance(tight));
    BOOST_TEST(cost.loads[1].energy.value() == 8 * 0.2 + 3 * 1.0, boost::test_tools::tolerance(tight));
}

BOOST_AUTO_TEST_CASE(moves_the_last_executed_output_past_a_vanished_block) {
    auto const plan = request({BlockId(2)}, {0, 0, -1, 1});
    BOOST_TEST(task_graph(small(), plan).tasks.size() == 3);
    auto const cost = request_cost(small(), plan);
    BOOST_TEST(cost.shared.value() == 1'000'000);
    BOOST_TEST(cost.latency.value() == 0.3 + 1.5, boost::test_tools::tolerance(tight));
}

BOOST_AUTO_TEST_CASE(runs_the_projection_of_a_dropped_block) {
    auto const cost = request_cost(small(), request({BlockId(1)}, {0, 1, 1, 1}));
    // 2 MB after the stem; 50 MMAC and 400 MMAC at 2 GMAC/s
    BOOST_TEST(cost.latency.value() == 0.1 + 2.5 + 0.025 + 0.2, boost::test_tools::tolerance(tight));
    BOOST_TEST(cost.loads[1].memory.value() == 200 + 4000 + 100);
}

BOOST_AUTO_TEST_CASE(takes_measured_times_where_there_are_any) {
    auto instance = small();
    instance.devices[0].compute.resize(4);
    instance.devices[0].compute[0] = Seconds(0.7);
    BOOST_TEST(compute_time(instance, BlockId(0), BlockMode::full, DeviceId(0)).value() == 0.7);
    BOOST_TEST(compute_time(instance, BlockId(1), BlockMode::full, DeviceId(0)).value() == 0.2);
    BOOST_TEST(compute_time(instance, BlockId(1), BlockMode::skip, DeviceId(0)).value() == 0.05);
}

BOOST_AUTO_TEST_CASE(charges_the_way_from_the_source_to_the_source) {
    auto instance = small();
    instance.source = DeviceId(1);
    auto const cost = request_cost(instance, request({}, {0, 0, 0, 0}));
    BOOST_TEST(cost.latency.value() == 0.25 + 0.5 + 0.7, boost::test_tools::tolerance(tight));
    BOOST_TEST(cost.shared.value() == 500'000);
    BOOST_TEST(cost.loads[1].energy.value() == 10 * 0.25, boost::test_tools::tolerance(tight));
    BOOST_TEST(cost.loads[0].energy.value() == 8 * 0.7 + 3 * 0.25, boost::test_tools::tolerance(tight));
    BOOST_TEST(request_cost(instance, request({}, {1, 1, 1, 1})).shared.value() == 0);
}

BOOST_AUTO_TEST_CASE(moves_output_and_input_side_by_side_with_the_papers_residual) {
    auto instance = small();
    instance.residual = Residual::paper;
    BOOST_TEST(hop_bytes(instance, BlockId(0)).shared.value() == 2'000'000);  // the stem has no shortcut
    BOOST_TEST(hop_bytes(instance, BlockId(1)).serialised.value() == 2'000'000);
    BOOST_TEST(hop_bytes(instance, BlockId(1)).shared.value() == 3'000'000);
    // The first block of a network's rest has one: its input is what the block before the rest gave.
    instance.before = Bytes(5'000'000);
    BOOST_TEST(hop_bytes(instance, BlockId(0)).serialised.value() == 5'000'000);
    BOOST_TEST(hop_bytes(instance, BlockId(0)).shared.value() == 7'000'000);
    instance.before.reset();
    auto const cost = request_cost(instance, request({}, {0, 0, 1, 1}));
    BOOST_TEST(cost.latency.value() == 0.3 + 2.5 + 0.2, boost::test_tools::tolerance(tight));
    BOOST_TEST(cost.shared.value() == 3'000'000);
    BOOST_TEST(cost.loads[0].energy.value() == 8 * 0.3 + 10 * 2.0, boost::test_tools::tolerance(tight));
}

BOOST_AUTO_TEST_CASE(averages_the_objective_over_the_admitted_requests) {
    auto instance = small();
    instance.requests = 3;
    auto result = result_of({request({}, {0, 0, 0, 0}), request({BlockId(2)}, {1, 1, -1, 1}), RequestPlan{}});
    evaluate(instance, result);
    BOOST_TEST(result.admitted == 2);
    BOOST_TEST(result.requested == 3);
    BOOST_TEST(result.mean_latency.value() == (0.7 + 0.15) / 2, boost::test_tools::tolerance(tight));
    BOOST_TEST(result.mean_accuracy == 0.9, boost::test_tools::tolerance(tight));
    BOOST_TEST(*result.objective == 0.7 * 0.425 / 2 + 0.3 * 0.1, boost::test_tools::tolerance(tight));
    BOOST_TEST(result.energy[1].value() == 8 * 0.15, boost::test_tools::tolerance(tight));
    BOOST_TEST(violations(instance, result).empty());
}

BOOST_AUTO_TEST_CASE(has_no_objective_without_an_admitted_request) {
    auto result = result_of({RequestPlan{}});
    evaluate(small(), result);
    BOOST_TEST(!result.objective.has_value());
    BOOST_TEST(std::isnan(objective_of(small(), result.requests)));
    BOOST_TEST(violations(small(), result).empty());
}

BOOST_AUTO_TEST_CASE(names_each_constraint_that_a_plan_breaks) {
    auto const whole = result_of({request({}, {0, 0, 1, 1})});
    auto instance = small();
    BOOST_TEST(violations(instance, whole).empty());
    instance.devices[0].memory = Bytes(2999);
    BOOST_TEST(mentions(violations(instance, whole), "Eq. 13"));
    instance = small();
    instance.devices[1].macs = Macs(399'999'999);
    BOOST_TEST(mentions(violations(instance, whole), "Eq. 14"));
    instance = small();
    instance.devices[1].energy = Joules(4.59);  // 1.6 J to compute, 3 J to receive
    BOOST_TEST(mentions(violations(instance, whole), "Eq. 17"));
    instance = small();
    instance.accuracy_threshold = 0.96;
    BOOST_TEST(mentions(violations(instance, whole), "Eq. 16"));
    instance = small();
    instance.links = LinkTable::dense(2, {0, 0, 16e6, 0}, {0.0});
    BOOST_TEST(mentions(violations(instance, whole), "cannot reach"));
}

BOOST_AUTO_TEST_CASE(names_what_is_wrong_with_a_plans_shape) {
    auto const instance = small();
    BOOST_TEST(mentions(violations(instance, result_of({request({}, {0, 0, -1, 1})})), "Eq. 15"));
    BOOST_TEST(mentions(violations(instance, result_of({request({}, {0, 0, 2, 1})})), "Eq. 15"));
    BOOST_TEST(mentions(violations(instance, result_of({request({BlockId(2)}, {0, 0, 0, 1})})), "dropped block b"));
    BOOST_TEST(mentions(violations(instance, result_of({request({BlockId(0)}, {-1, 0, 0, 1})})), "unknown"));
    BOOST_TEST(mentions(violations(instance, result_of({request({}, {0, 0})})), "2 devices for 4 blocks"));
    BOOST_TEST(mentions(violations(instance, result_of({})), "0 requests"));
    BOOST_TEST(mentions(violations(instance, result_of({request({BlockId(2), BlockId(1)}, {0, 0, -1, 0})})), "order"));
}

BOOST_AUTO_TEST_CASE(holds_resident_weights_once_per_device) {
    auto instance = small();
    instance.memory = MemoryModel::resident;
    instance.requests = 2;
    auto const two = result_of({request({}, {0, 0, 0, 0}), request({BlockId(1)}, {0, 0, 0, 0})});
    // 7100 + 5300 B of activations, 150 B of weights: the projection's block counts like the block
    instance.devices[0].memory = Bytes(12'550);
    BOOST_TEST(violations(instance, two).empty());
    instance.devices[0].memory = Bytes(12'549);
    BOOST_TEST(mentions(violations(instance, two), "Eq. 13"));
}

BOOST_AUTO_TEST_SUITE_END()

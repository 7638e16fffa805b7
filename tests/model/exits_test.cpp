// Heads of exits in the graphs of requests, and what requests cost that leave there.
#include <algorithm>
#include <boost/test/unit_test.hpp>
#include <limits>
#include <string>
#include <vector>

#include "model/cost_model.hpp"
#include "units/random.hpp"

using namespace skipstone;

namespace {

auto const nearly = boost::test_tools::tolerance(1e-12);

constexpr std::size_t blocks = 5;

// Five blocks of 8, 6, 6, 6 and 4 bytes of output; blocks 1 to 3 vanish when they are dropped, and can be split into
// two rows that overlap by one of four. Devices of 1, 2, 3, … MAC/s; links of 1 byte/s, and 0.25 s.
Instance five(std::size_t devices) {
    Instance instance;
    instance.requests = 1;
    instance.input = Bytes(12);
    std::int64_t const outputs[blocks] = {8, 6, 6, 6, 4};
    for (std::size_t j = 0; j < blocks; ++j) {
        InstanceBlock block{.name = "b" + std::to_string(j),
                            .macs = Macs(static_cast<std::int64_t>(1000 * (j + 1))),
                            .memory = Bytes(static_cast<std::int64_t>(10 + j)),
                            .output = Bytes(outputs[j]),
                            .weights = Bytes(5)};
        if (j >= 1 && j <= 3) {
            auto const row = [](int begin, int end) { return Region{{begin, end}, {0, 1}, {0, 2}}; };
            auto const part = [&](int begin, int end) {
                return InstancePart{.input = row(begin, end),
                                    .output = row(begin, end),
                                    .macs = Macs(static_cast<std::int64_t>(600 * (j + 1))),
                                    .memory = Bytes(7),
                                    .weights = Bytes(3),
                                    .input_bytes = Bytes(2 * (end - begin)),
                                    .output_bytes = Bytes(3)};
            };
            block.splits.push_back({{Split::Kind::rows, 2}, {part(0, 3), part(1, 4)}, Macs(100)});
        }
        instance.blocks.push_back(block);
    }
    instance.accuracy = {{{}, 0.9}};
    for (std::size_t d = 0; d < devices; ++d) {
        InstanceDevice device;
        device.name = "d" + std::to_string(d);
        device.mac_rate = MacRate(1000.0 * static_cast<double>(d + 1));
        device.memory = Bytes(1000);
        device.macs = Macs(1'000'000);
        device.energy = Joules(1e6);
        device.power_compute = Watts(8);
        device.power_transmit = Watts(10);
        device.power_receive = Watts(3);
        instance.devices.push_back(device);
    }
    instance.links = LinkTable::dense(devices, std::vector<double>(devices * devices, 8.0), {0.25});
    return instance;
}

// An exit behind a block, whose head is block 20 + its number and computes 500 MACs.
InstanceExit exit_after(std::size_t block) {
    return {.after = BlockId(block),
            .head = BlockId(20 + block),
            .name = "exit.b" + std::to_string(block),
            .threshold = 0.9,
            .macs = Macs(500),
            .memory = Bytes(2),
            .weights = Bytes(1)};
}

RequestPlan plan_of(std::vector<int> const& devices) {
    RequestPlan plan;
    plan.admitted = true;
    for (std::size_t j = 0; j < devices.size(); ++j) {
        plan.devices.push_back(DeviceId(devices[j]));
        if (devices[j] < 0) plan.dropped.push_back(BlockId(j));
    }
    return plan;
}

std::vector<int> blocks_of(TaskGraph const& graph) {
    std::vector<int> result;
    for (Task const& task : graph.tasks) result.push_back(task.block.value());
    return result;
}

}  // namespace

BOOST_AUTO_TEST_SUITE(heads_in_graphs)

BOOST_AUTO_TEST_CASE(a_head_follows_its_block_on_the_same_device_and_gates_what_comes_behind) {
    auto instance = five(2);
    instance.exits = {exit_after(0), exit_after(2)};
    instance.devices[0].head_compute[BlockId(20)] = Seconds(0.125);
    auto const graph = task_graph(instance, plan_of({0, 1, 1, 1, 0}));
    BOOST_TEST(blocks_of(graph) == (std::vector<int>{0, 20, 1, 2, 22, 3, 4}), boost::test_tools::per_element());
    BOOST_TEST(graph.is_chain());
    Task const& head = graph.tasks[1];
    BOOST_TEST((head.is_head() && !head.is_whole() && !head.joins()));
    BOOST_TEST(head.exit == 0);
    BOOST_TEST(graph.tasks[4].exit == 1);
    BOOST_TEST((head.device == DeviceId(0) && graph.tasks[4].device == DeviceId(1)));
    BOOST_TEST(head.duration.value() == 0.125);                   // measured
    BOOST_TEST(graph.tasks[4].duration.value() == 500.0 / 2000);  // by its MACs
    BOOST_TEST((head.macs == Macs(500) && head.memory == Bytes(2) && head.weights == Bytes(1)));
    // The block's output moves, not the head's: 8 bytes, 0 to 1, when the head lets it go; then from 1 to 0.
    BOOST_REQUIRE(graph.moves.size() == 2u);
    BOOST_TEST((graph.moves[0].from == TaskId(std::size_t(0)) && graph.moves[0].gate == TaskId(std::size_t(1))));
    BOOST_TEST(graph.moves[0].bytes.serialised.value() == 8);
    BOOST_TEST(!graph.moves[1].gate);
    std::vector<int> gates;
    for (Feed const& feed : graph.feeds) gates.push_back(feed.gate.value());
    BOOST_TEST(gates == (std::vector<int>{-1, -1, 1, -1, -1, 4, -1}), boost::test_tools::per_element());
    BOOST_TEST(graph.feeds[5].from.value() == 3);  // block 3 reads block 2
}

BOOST_AUTO_TEST_CASE(behind_blocks_that_vanished_heads_judge_what_is_there) {
    auto instance = five(2);
    instance.exits = {exit_after(0), exit_after(1), exit_after(2)};
    auto const graph = task_graph(instance, plan_of({0, -1, -1, 1, 1}));
    BOOST_TEST(blocks_of(graph) == (std::vector<int>{0, 20, 21, 22, 3, 4}), boost::test_tools::per_element());
    for (std::size_t head = 1; head <= 3; ++head) {
        Feed const& feed = graph.feeds[head];
        BOOST_TEST((graph.tasks[head].device == DeviceId(0) && feed.from == TaskId(std::size_t(0)) && feed.move == -1));
        BOOST_TEST(feed.gate.value() == (head == 1 ? -1 : static_cast<int>(head) - 1));  // one after the other
    }
    BOOST_REQUIRE(graph.moves.size() == 1u);
    BOOST_TEST((graph.moves[0].from == TaskId(std::size_t(0)) && graph.moves[0].gate == TaskId(std::size_t(3))));
    BOOST_TEST(graph.moves[0].bytes.serialised.value() == 8);
    // One that is computed as its projection has an output of its own.
    instance.blocks[1].skip_macs = Macs(10);
    auto projected = plan_of({0, 1, -1, 1, 1});
    projected.dropped.insert(projected.dropped.begin(), BlockId(1));
    auto const with = task_graph(instance, projected);
    BOOST_TEST(blocks_of(with) == (std::vector<int>{0, 20, 1, 21, 22, 3, 4}), boost::test_tools::per_element());
    BOOST_TEST((with.tasks[2].mode == BlockMode::skip && with.tasks[3].device == DeviceId(1)));
    BOOST_TEST(with.feeds[4].from.value() == 2);
}

BOOST_AUTO_TEST_CASE(heads_stand_before_and_behind_split_blocks) {
    auto instance = five(3);
    instance.exits = {exit_after(0), exit_after(1)};
    auto plan = plan_of({0, 2, 2, 2, 2});
    plan.splits = {{BlockId(1), {Split::Kind::rows, 2}, {DeviceId(0), DeviceId(1)}}};
    auto graph = task_graph(instance, plan);
    BOOST_TEST(blocks_of(graph) == (std::vector<int>{0, 20, 1, 1, 1, 21, 2, 3, 4}), boost::test_tools::per_element());
    for (std::size_t part : {2u, 3u}) {
        auto const feeds = graph.feeds_of(TaskId(part));
        BOOST_REQUIRE(feeds.size() == 1u);
        BOOST_TEST((feeds[0].from == TaskId(std::size_t(0)) && feeds[0].gate == TaskId(std::size_t(1))));
        BOOST_TEST((feeds[0].move >= 0) == (part == 3));  // the first part is where the output is
    }
    BOOST_TEST((graph.moves[0].gate == TaskId(std::size_t(1)) && graph.moves[0].receiver == DeviceId(1)));
    for (Feed const& feed : graph.feeds_of(TaskId(std::size_t(4)))) BOOST_TEST(!feed.gate);  // parts go to the join
    BOOST_TEST(graph.tasks[5].device.value() == 2);                                          // where it is whole
    // 1 + 0.5 s; the far part: 6 bytes, 1200 MACs at 2000/s and 3 bytes; the near one: 1.2 s and 3 bytes. Join, head,
    // and blocks 2 to 4 at 3000 MAC/s.
    double const far = 1.5 + (6 + 0.25) + 0.6 + (3 + 0.25);
    double const expected = far + 0.1 / 3 + 0.5 / 3 + 12.0 / 3;
    BOOST_TEST(critical_path(instance, graph).value() == expected, nearly);
    // Who leaves behind the split block has moved the parts, and nothing behind them.
    leave_at(graph, TaskId(std::size_t(5)));
    BOOST_TEST(graph.tasks.size() == 6u);
    BOOST_TEST(graph.moves.size() == 3u);
    BOOST_TEST(graph.feeds.back().to.value() == 5);
    BOOST_TEST(critical_path(instance, graph).value() == far + 0.1 / 3 + 0.5 / 3, nearly);
    leave_at(graph, TaskId(std::size_t(1)));
    BOOST_TEST((graph.tasks.size() == 2u && graph.moves.empty() && graph.feeds.size() == 2u));
}

// What a gate holds back moves when the gate has ended, also where other ways are longer.
BOOST_AUTO_TEST_CASE(the_critical_path_waits_for_heads_before_it_moves) {
    auto instance = five(3);
    instance.exits = {exit_after(0)};
    instance.devices[0].head_compute[BlockId(20)] = Seconds(50);
    auto plan = plan_of({0, 2, 2, 2, 2});
    plan.splits = {{BlockId(1), {Split::Kind::rows, 2}, {DeviceId(1), DeviceId(2)}}};
    auto const graph = task_graph(instance, plan);
    double const near = 51 + 6.25 + 0.4, far = 51 + 6.25 + 0.6 + 3.25;
    BOOST_TEST(far > near);
    BOOST_TEST(critical_path(instance, graph).value() == far + 0.1 / 3 + 12.0 / 3, nearly);
}

BOOST_AUTO_TEST_SUITE_END()

BOOST_AUTO_TEST_SUITE(expected_costs)

namespace {

// Exits behind some blocks, some blocks dropped, some split, and shares of requests that leave.
struct Drawn {
    Instance instance;
    RequestPlan plan;
    std::vector<double> leaving;  // per head of the plan's graph, and of those that leave nowhere
};

Drawn draw_case(std::uint64_t seed) {
    RandomStream draw(seed, "exits");
    auto const below = [&](int bound) { return static_cast<int>(draw.below(bound)); };
    std::size_t const devices = static_cast<std::size_t>(1 + below(4));
    Drawn c{five(devices), {}, {}};
    if (below(2) == 0) c.instance.source = DeviceId(below(static_cast<int>(devices)));
    if (below(2) == 0) c.instance.residual = Residual::paper;
    for (std::size_t j = 0; j + 1 < blocks; ++j)
        if (below(2) == 0) c.instance.exits.push_back(exit_after(j));
    std::vector<int> on;
    for (std::size_t j = 0; j < blocks; ++j)
        on.push_back(j >= 1 && j <= 3 && below(3) == 0 ? -1 : below(static_cast<int>(devices)));
    c.plan = plan_of(on);
    auto const any = [&] { return DeviceId(below(static_cast<int>(devices))); };
    for (std::size_t j = 1; j <= 3; ++j)
        if (on[j] >= 0 && below(2) == 0) c.plan.splits.push_back({BlockId(j), {Split::Kind::rows, 2}, {any(), any()}});
    // Shares in 64ths, so that sums are exact.
    int left = 64;
    std::vector<double> reach(blocks, 1);
    for (InstanceExit const& exit : c.instance.exits) {
        int const leave = below(3) == 0 ? 0 : below(left + 1);
        left -= leave;
        c.leaving.push_back(leave / 64.0);
        std::fill(reach.begin() + static_cast<std::ptrdiff_t>(exit.after.index()) + 1, reach.end(), left / 64.0);
    }
    c.leaving.push_back(left / 64.0);
    c.instance.accuracy = {{{}, 0.9}};
    if (!c.plan.dropped.empty()) c.instance.accuracy.push_back({c.plan.dropped, 0.8});
    c.instance.accuracy.back().reach = reach;
    return c;
}

}  // namespace

BOOST_AUTO_TEST_CASE(are_the_means_over_where_requests_leave) {
    int split = 0, vanished = 0;
    for (std::uint64_t seed = 0; seed < 2000; ++seed) {
        BOOST_TEST_CONTEXT("seed " << seed) {
            auto const [instance, plan, leaving] = draw_case(seed);
            auto const whole = task_graph(instance, plan);
            double latency = 0, shared = 0;
            std::vector<double> macs(instance.devices.size()), energy(macs);
            auto const add = [&](TaskGraph const& graph, double share) {
                auto const cost = request_cost(instance, graph, graph.tasks.size());
                latency += share * critical_path(instance, graph).value();
                shared += share * static_cast<double>(cost.shared.value());
                for (std::size_t d = 0; d < macs.size(); ++d) {
                    macs[d] += share * static_cast<double>(cost.loads[d].macs.value());
                    energy[d] += share * cost.loads[d].energy.value();
                }
            };
            std::size_t outcome = 0;
            for (std::size_t t = 0; t < whole.tasks.size(); ++t) {
                if (!whole.tasks[t].is_head()) continue;
                auto graph = whole;
                leave_at(graph, TaskId(t));
                add(graph, leaving[outcome++]);
            }
            BOOST_REQUIRE(outcome + 1 == leaving.size());
            add(whole, leaving.back());
            auto const cost = expected_cost(instance, plan);
            BOOST_TEST(cost.latency.value() == latency, nearly);
            // Rounded up, product by product.
            BOOST_TEST(static_cast<double>(cost.shared.value()) >= shared);
            auto const products = static_cast<double>(whole.tasks.size() + whole.moves.size());
            BOOST_TEST(static_cast<double>(cost.shared.value()) - shared < products);
            auto const worst = request_cost(instance, plan);
            BOOST_TEST(worst.latency.value() == critical_path(instance, whole).value());
            for (std::size_t d = 0; d < macs.size(); ++d) {
                BOOST_TEST(static_cast<double>(cost.loads[d].macs.value()) - macs[d] < products);
                BOOST_TEST(static_cast<double>(cost.loads[d].macs.value()) >= macs[d]);
                BOOST_TEST(cost.loads[d].energy.value() == energy[d], nearly);
                BOOST_TEST(cost.loads[d].memory.value() == worst.loads[d].memory.value());
            }
            BOOST_TEST(objective_of(instance, {plan}) ==
                           instance.alpha * latency + instance.beta * (1 - instance.accuracy.back().accuracy),
                       nearly);
            split += !plan.splits.empty();
            vanished += !plan.dropped.empty();
        }
    }
    BOOST_TEST(split > 500);
    BOOST_TEST(vanished > 500);
}

BOOST_AUTO_TEST_CASE(are_bit_by_bit_those_of_the_worst_case_where_all_get_everywhere) {
    for (std::uint64_t seed = 0; seed < 300; ++seed) {
        auto [instance, plan, leaving] = draw_case(seed);
        auto const worst = request_cost(instance, plan);
        for (bool const told : {false, true}) {
            instance.accuracy.back().reach.assign(told ? blocks : 0, 1);
            auto const cost = expected_cost(instance, plan);
            if (!told || task_graph(instance, plan).is_chain())
                BOOST_TEST(cost.latency.value() == worst.latency.value());
            BOOST_TEST(cost.shared.value() == worst.shared.value());
            for (std::size_t d = 0; d < cost.loads.size(); ++d) {
                BOOST_TEST(cost.loads[d].energy.value() == worst.loads[d].energy.value());
                BOOST_TEST(cost.loads[d].macs.value() == worst.loads[d].macs.value());
            }
        }
    }
}

BOOST_AUTO_TEST_CASE(count_in_objective_and_energy_and_capacities_are_for_the_worst_case) {
    auto instance = five(2);
    instance.exits = {exit_after(1)};
    instance.accuracy = {{{}, 0.9, {1, 1, 0.25, 0.25, 0.25}}};
    PlanResult result;
    result.requests = {plan_of({0, 0, 1, 1, 1})};
    evaluate(instance, result);
    // 1, 2 and 0.5 s on device 0; a quarter: 6 bytes, and 6 s on device 1.
    double const latency = 3.5 + 0.25 * (6.25 + 6);
    BOOST_TEST(result.mean_latency.value() == latency, nearly);
    BOOST_TEST(result.requests[0].latency.value() == latency, nearly);
    BOOST_TEST(result.objective.value() == 0.7 * latency + 0.3 * 0.1, nearly);
    BOOST_TEST(result.energy[0].value() == 8 * 3.5 + 0.25 * 10 * 6, nearly);
    BOOST_TEST(result.energy[1].value() == 0.25 * (3 * 6 + 8 * 6), nearly);
    BOOST_TEST(result.shared.value() == 2);  // 1.5, rounded up
    // Device 1 computes 12,000 MACs at worst, 3,000 are expected; and 66 J, of which 16.5.
    BOOST_TEST(violations(instance, result).empty());
    auto const with = [&](std::int64_t macs, double energy, bool expected) {
        auto tight = instance;
        tight.devices[1].macs = Macs(macs);
        tight.devices[1].energy = Joules(energy);
        tight.reserve_expected = expected;
        return violations(tight, result).size();
    };
    BOOST_TEST(with(12'000, 66, false) == 0u);
    BOOST_TEST(with(11'999, 66, false) == 1u);
    BOOST_TEST(with(12'000, 65.9, false) == 1u);
    BOOST_TEST(with(3'000, 16.5, true) == 0u);
    BOOST_TEST(with(2'999, 16.5, true) == 1u);
    BOOST_TEST(with(3'000, 16.4, true) == 1u);
    // Memory must do for all that may run: blocks 2 to 4.
    auto small = instance;
    small.reserve_expected = true;
    small.devices[1].memory = Bytes(12 + 13 + 14 - 1);
    BOOST_TEST(violations(small, result).size() == 1u);
    // The head's: beside blocks 0 and 1 on device 0, and its weights.
    small = instance;
    small.memory = MemoryModel::resident;
    small.devices[0].memory = Bytes(10 + 11 + 2 + 5 + 5 + 1);
    BOOST_TEST(violations(small, result).empty());
    small.devices[0].memory -= Bytes(1);
    BOOST_TEST(violations(small, result).size() == 1u);
}

BOOST_AUTO_TEST_CASE(stay_out_of_reach_where_nobody_is_expected_to_get) {
    auto instance = five(2);
    instance.exits = {exit_after(1)};
    instance.accuracy = {{{}, 0.9, {1, 1, 0, 0, 0}}};
    instance.links = LinkTable::dense(2, {0, 0, 0, 0}, {0.0});
    auto const plan = plan_of({0, 0, 1, 1, 1});
    BOOST_TEST(expected_cost(instance, plan).latency.value() == std::numeric_limits<double>::infinity());
    PlanResult result;
    result.requests = {plan};
    BOOST_TEST(!violations(instance, result).empty());
}

BOOST_AUTO_TEST_SUITE_END()

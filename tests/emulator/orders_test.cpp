#include "emulator/orders.hpp"

#include <algorithm>
#include <boost/test/unit_test.hpp>

using namespace skipstone;
using namespace skipstone::emulator;

namespace {

constexpr std::size_t blocks = 4;

DeviceId device(int i) {
    return DeviceId(i);
}

// Four blocks of which the second vanishes when it is dropped and the third can be split by rows.
Instance instance(int devices) {
    Instance instance;
    for (char const* const name : {"a", "b", "c", "d"})
        instance.blocks.push_back({.name = name,
                                   .macs = Macs(1000),
                                   .memory = Bytes(10),
                                   .output = Bytes(400),
                                   .weights = Bytes(1),
                                   .skip_macs = Macs(1000),
                                   .skip_memory = Bytes(10)});
    instance.blocks[1].skip_macs = Macs(0);
    InstancePart upper{.input = {{0, 6}, {0, 10}, {0, 1}}, .output = {{0, 5}, {0, 10}, {0, 1}}, .macs = Macs(500)};
    upper.input_bytes = Bytes(240);
    upper.output_bytes = Bytes(200);
    auto lower = upper;
    lower.input.h = {4, 10};
    lower.output.h = {5, 10};
    instance.blocks[2].splits = {{{Split::Kind::rows, 2}, {upper, lower}, Macs(0)}};
    instance.devices.resize(static_cast<std::size_t>(devices));
    for (auto& device : instance.devices) device.mac_rate = MacRate(1000);
    auto const n = static_cast<std::size_t>(devices);
    instance.links = LinkTable::dense(n, std::vector<double>(n * n, 8000), {0.25});
    instance.input = Bytes(400);
    return instance;
}

RoundCourse course(Instance const& instance, RequestPlan const& plan) {
    RoundCourse round;
    round.state.round = RoundId(9);
    round.state.requests.resize(1);
    round.plan.requests = {plan};
    round.jobs = timeline::jobs_of(instance, round.plan, {Seconds(0)}, Seconds(0));
    timeline::Conditions const conditions{.round = round.state.round, .links = instance.links};
    round.times = timeline::simulate(round.jobs, conditions);
    return round;
}

// "c" in two parts on devices 1 and `second`, joined on device 0, which runs all the rest.
RequestPlan split_plan(int second) {
    RequestPlan plan;
    plan.admitted = true;
    plan.dropped = {BlockId(1)};
    plan.devices = {device(0), DeviceId(), device(0), device(0)};
    plan.splits = {{BlockId(2), {Split::Kind::rows, 2}, {device(1), device(second)}}};
    return plan;
}

std::span<InputOrder const> inputs(Orders const& orders, TaskOrder const& task) {
    return std::span(orders.inputs)
        .subspan(static_cast<std::size_t>(task.first_input), static_cast<std::size_t>(task.inputs));
}

std::span<OutputOrder const> outputs(Orders const& orders, TaskOrder const& task) {
    return std::span(orders.outputs)
        .subspan(static_cast<std::size_t>(task.first_output), static_cast<std::size_t>(task.outputs));
}

}  // namespace

BOOST_AUTO_TEST_SUITE(orders)

BOOST_AUTO_TEST_CASE(a_split_block_is_cut_where_its_input_is_and_its_parts_go_to_who_joins_them) {
    auto const plan = course(instance(3), split_plan(2));
    auto const all = orders_of(plan, {1, 2, 3}, 4, blocks, Requests::whole, ClockKind::wall);
    auto const& first = all.nodes[1];
    BOOST_REQUIRE(first.tasks.size() == 3u);
    // "a" applies what is left of "b" before its output is cut: "c"'s parts read it so.
    BOOST_TEST(first.tasks[0].after_begin == 1);
    BOOST_TEST(first.tasks[0].after_end == 2);
    auto const boxes = outputs(first, first.tasks[0]);
    BOOST_REQUIRE(boxes.size() == 2u);
    BOOST_TEST((boxes[0].box == Box{0, 6, 0, 10, 0, 1}));
    BOOST_TEST((boxes[1].box == Box{4, 10, 0, 10, 0, 1}));
    BOOST_TEST(boxes[0].to_node == 2);
    BOOST_TEST(boxes[1].to_node == 3);
    auto const& part = all.nodes[3].tasks.at(0);
    BOOST_TEST(part.part == 1);
    BOOST_TEST((part.way() == Split{Split::Kind::rows, 2}));
    BOOST_TEST((inputs(all.nodes[3], part)[0].piece == Box{4, 10, 0, 10, 0, 1}));
    BOOST_TEST((inputs(all.nodes[3], part)[0].read == Box{0, 6, 0, 10, 0, 1}));  // all of the piece
    auto const& join = first.tasks[1];
    BOOST_TEST(join.part == -1);
    BOOST_REQUIRE(inputs(first, join).size() == 2u);
    BOOST_TEST(inputs(first, join)[0].from_task == 1);
    BOOST_TEST(inputs(first, join)[1].from_task == 2);
    // "d" reads it where it is, and has the logits.
    auto const& last = first.tasks[2];
    BOOST_TEST(outputs(first, join).empty());
    BOOST_REQUIRE(outputs(first, last).size() == 1u);
    BOOST_TEST(outputs(first, last)[0].to_node == -1);
}

BOOST_AUTO_TEST_CASE(transfers_have_the_times_of_the_sender_and_of_the_receiver) {
    auto const plan = course(instance(3), split_plan(2));
    auto const all = orders_of(plan, {1, 2, 3}, 4, blocks, Requests::whole, ClockKind::wall);
    auto const& sent = all.nodes[1].transfers.at(0);
    BOOST_TEST((sent.kind == EventKind::transmit));
    BOOST_TEST(sent.block == 0);
    BOOST_TEST(sent.peer == 1);
    BOOST_TEST(sent.begin_s == 1.0);  // 1000 MACs at 1000 a second
    BOOST_TEST(sent.end_s == 1.24);   // 240 bytes at 8000 bit/s
    auto const& received = all.nodes[2].transfers.at(1);
    BOOST_TEST((received.kind == EventKind::receive));
    BOOST_TEST(received.peer == 0);
    BOOST_TEST(received.begin_s == 1.25);  // later by the latency
    BOOST_TEST(received.end_s == 1.49);
    auto const& back = all.nodes[2].transfers.at(0);
    BOOST_TEST((back.kind == EventKind::transmit));
    BOOST_TEST(back.block == 2);
    BOOST_TEST(back.part == 0);
}

BOOST_AUTO_TEST_CASE(two_parts_on_one_device_share_a_box_and_each_reads_its_own) {
    auto const plan = course(instance(2), split_plan(1));
    auto const all = orders_of(plan, {1, 2}, 3, blocks, Requests::whole, ClockKind::wall);
    BOOST_TEST(outputs(all.nodes[1], all.nodes[1].tasks[0]).size() == 1u);
    auto const& tasks = all.nodes[2].tasks;
    BOOST_REQUIRE(tasks.size() == 2u);
    for (auto const& task : tasks) BOOST_TEST((inputs(all.nodes[2], task)[0].piece == Box{0, 10, 0, 10, 0, 1}));
    BOOST_TEST((inputs(all.nodes[2], tasks[1])[0].read == Box{4, 10, 0, 10, 0, 1}));
}

BOOST_AUTO_TEST_CASE(devices_of_one_node_hand_over_the_whole_without_a_message) {
    auto const plan = course(instance(3), split_plan(2));
    auto const all = orders_of(plan, {1, 2, 1}, 3, blocks, Requests::whole, ClockKind::virtual_time);
    BOOST_TEST(outputs(all.nodes[1], all.nodes[1].tasks[0]).size() == 1u);  // to the other node
    auto const& tasks = all.nodes[1].tasks;
    auto const part = std::ranges::find(tasks, 1, &TaskOrder::part);
    BOOST_REQUIRE(part != tasks.end());
    BOOST_TEST(inputs(all.nodes[1], *part)[0].piece.is_whole());
    BOOST_TEST((inputs(all.nodes[1], *part)[0].read == Box{4, 10, 0, 10, 0, 1}));
    for (auto const& node : all.nodes) BOOST_TEST(node.transfers.empty());
}

BOOST_AUTO_TEST_CASE(an_image_goes_to_whom_the_first_tasks_are_or_to_its_source) {
    auto split = instance(3);
    split.blocks[0].splits = split.blocks[2].splits;
    RequestPlan plan;
    plan.admitted = true;
    plan.devices.assign(4, device(0));
    plan.splits = {{BlockId(0), {Split::Kind::rows, 2}, {device(1), device(2)}}};
    auto const everywhere = orders_of(course(split, plan), {1, 2, 3}, 4, blocks, Requests::whole, ClockKind::wall);
    BOOST_REQUIRE(everywhere.images.at(0).size() == 2u);
    BOOST_TEST(everywhere.images[0][0].node == 2);
    BOOST_TEST(everywhere.images[0][1].node == 3);
    BOOST_TEST(everywhere.images[0][0].task == image_task);
    split.source = device(1);
    auto const from_one = orders_of(course(split, plan), {1, 2, 3}, 4, blocks, Requests::whole, ClockKind::wall);
    BOOST_REQUIRE(from_one.images.at(0).size() == 1u);
    BOOST_TEST(from_one.images[0][0].node == 2);
    BOOST_TEST(from_one.images[0][0].task == given_image);
    auto const& hands_on = from_one.nodes[2].tasks.at(0);
    BOOST_TEST(!hands_on.computes());
    BOOST_TEST(hands_on.passes_on());
    BOOST_TEST(outputs(from_one.nodes[2], hands_on)[0].to_node == 3);
    BOOST_TEST(from_one.tensors.at(0) == 2u);
}

BOOST_AUTO_TEST_CASE(the_beginning_of_a_round_ends_where_a_tensor_is_whole) {
    auto const whole = course(instance(3), split_plan(2));
    auto const& times = whole.times.jobs.at(0).tasks;
    BOOST_REQUIRE(times.size() == 5u);  // "a", two parts of "c", joining them, "d"
    auto const cut = beginning_of(whole, Seconds(std::max(times[1].end, times[2].end).value() + 1e-9));
    BOOST_REQUIRE(cut.jobs.size() == 1u);
    BOOST_TEST(cut.jobs[0].work.tasks.size() == 1u);
    BOOST_TEST(cut.jobs[0].work.moves.empty());
    BOOST_TEST(cut.times.jobs[0].hops.empty());
    auto const orders = orders_of(cut, {1, 2, 3}, 4, blocks, Requests::cut_short, ClockKind::wall);
    BOOST_TEST(orders.nodes[1].tasks.size() == 1u);
    BOOST_TEST(orders.nodes[1].tasks[0].after_end == orders.nodes[1].tasks[0].after_begin);
    BOOST_TEST(orders.nodes[2].empty());
    auto const joined = beginning_of(whole, times[3].end);
    BOOST_TEST(joined.jobs.at(0).work.tasks.size() == 4u);
    BOOST_TEST(joined.jobs.at(0).work.moves.size() == 4u);
    BOOST_TEST(beginning_of(whole, Seconds(0.5)).jobs.empty());
}

BOOST_AUTO_TEST_SUITE_END()

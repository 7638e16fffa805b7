#include <boost/test/unit_test.hpp>

#include "emulator/kernel_executor.hpp"
#include "loopback_cluster.hpp"
#include "tests/drawn_network.hpp"

using namespace skipstone;
using namespace skipstone::test;

namespace {

ClusterOptions with_kernels(kernels::PackedNetwork const& packed, int nodes) {
    return {.nodes = nodes, .executor = [&](Network const&) { return emulator::make_kernel_executor(packed); }};
}

kernels::PackedNetwork pack(Scenario const& scenario, Network const& network) {
    return kernels::PackedNetwork::alone(network, kernels::PackLayout(network), {std::nullopt, scenario.seed});
}

Scenario spread_scenario() {
    auto scenario = small_scenario(5);
    scenario.planner.name = "no-drop";
    scenario.requests.count = 3;
    return scenario;
}

}  // namespace

BOOST_AUTO_TEST_SUITE(kernels_on_devices)

// The real kernels, blocks spread over devices and nodes in several ways, against every block in its turn on one
// executor.
BOOST_AUTO_TEST_CASE(logits_are_bit_identical_however_the_blocks_are_spread) {
    auto const scenario = spread_scenario();
    Network const network(scenario.network.profile);
    auto const packed = pack(scenario, network);
    auto const executor = emulator::make_kernel_executor(packed);
    auto const spread = run_loopback(scenario, with_kernels(packed, 5));
    auto const shared = run_loopback(scenario, with_kernels(packed, 2));
    BOOST_REQUIRE(spread.logits.size() == 9);
    BOOST_TEST((spread.logits == shared.logits));
    std::size_t hops = 0;
    for (auto const& result : spread.results)
        for (auto const& event : result.course.events) hops += event.kind == EventKind::transmit ? 1 : 0;
    BOOST_TEST(hops > 0);
    for (auto const& [key, logits] : spread.logits) {
        auto const number = spread.results.at(static_cast<std::size_t>(key.first))
                                .course.state.requests.at(static_cast<std::size_t>(key.second))
                                .image;
        auto tensor = numbered_image(network, number);
        for (std::size_t block = 0; block < network.size(); ++block)
            tensor = executor->run(BlockId(block), BlockMode::full, std::move(tensor));
        BOOST_TEST(std::ranges::equal(tensor.values(), logits));
    }
}

// The network's last blocks vanish: what is left of them is applied by whoever runs the last block that is there.
BOOST_AUTO_TEST_CASE(vanished_blocks_at_the_end_are_applied) {
    auto scenario = spread_scenario();
    scenario.planner.name = "greedy";
    scenario.network.profile = drawn("tail", {1, 8, 8, 3}, [](Graph::Builder& graph) {
        auto const stem = convolved(graph, "stem", TensorId(0), 8);  // no ReLU: some of it is negative
        auto const sum = graph.add("sum1", op::Add{}, {convolved(graph, "tail1", stem, 8), stem});
        auto const middle = graph.add("relu1", op::Relu{}, {sum});
        auto const wider = graph.add("wider", op::Subsample{1, 12}, {middle});
        return graph.add("relu2", op::Relu{},
                         {graph.add("sum2", op::Add{}, {convolved(graph, "tail2", middle, 12), wider})});
    });
    scenario.accuracy.network = "tail";
    scenario.accuracy.rows = {{{}, BlockMode::skip, 0.5, ""}, {{"tail1", "tail2"}, BlockMode::skip, 0.9, ""}};
    Network const network(scenario.network.profile);
    auto const packed = pack(scenario, network);
    auto const executor = emulator::make_kernel_executor(packed);
    auto const run = run_loopback(scenario, with_kernels(packed, 2));
    BOOST_REQUIRE(!run.logits.empty());
    for (auto const& [key, logits] : run.logits) {
        auto const& state = run.results.at(static_cast<std::size_t>(key.first)).course.state;
        auto tensor = numbered_image(network, state.requests.at(static_cast<std::size_t>(key.second)).image);
        tensor = executor->run(BlockId(std::size_t{0}), BlockMode::full, std::move(tensor));
        BOOST_TEST(std::ranges::any_of(tensor.values(), [](float value) { return value < 0; }));
        for (std::size_t block = 1; block < network.size(); ++block)
            tensor = executor->run(BlockId(block), BlockMode::skip, std::move(tensor));
        BOOST_TEST(std::ranges::equal(tensor.values(), logits));
        BOOST_TEST(std::ranges::none_of(logits, [](float value) { return value < 0; }));
    }
}

// A dropped block's zero-padding shortcut costs nothing, but it must be applied by whoever runs the next block.
BOOST_AUTO_TEST_CASE(vanished_blocks_still_reshape) {
    auto scenario = spread_scenario();
    scenario.planner.name = "greedy";
    scenario.accuracy.rows = {{{}, BlockMode::skip, 0.5, ""}, {{"s3b1", "s4b1"}, BlockMode::skip, 0.9, ""}};
    scenario.objective.accuracy_threshold = 0.8;  // leaves the drops alone
    Network const network(scenario.network.profile);
    auto const packed = pack(scenario, network);
    auto const executor = emulator::make_kernel_executor(packed);
    auto const run = run_loopback(scenario, with_kernels(packed, 3));
    BOOST_REQUIRE(!run.logits.empty());
    for (auto const& [key, logits] : run.logits) {
        auto const& state = run.results.at(static_cast<std::size_t>(key.first)).course.state;
        auto tensor = numbered_image(network, state.requests.at(static_cast<std::size_t>(key.second)).image);
        for (std::size_t block = 0; block < network.size(); ++block) {
            auto const& name = network.blocks()[block].name;
            auto const mode = name == "s3b1" || name == "s4b1" ? BlockMode::skip : BlockMode::full;
            tensor = executor->run(BlockId(block), mode, std::move(tensor));
        }
        BOOST_TEST(std::ranges::equal(tensor.values(), logits));
    }
}

// Parts of blocks on several devices: the same logits under both clocks and on any number of nodes, to the last bit.
BOOST_AUTO_TEST_CASE(logits_of_shared_blocks_do_not_depend_on_the_clock) {
    auto scenario = spread_scenario();
    scenario.objective.accuracy_threshold = 0;
    scenario.planner.name = "fixed";
    scenario.collaboration.splits = {Split::Kind::outputs, Split::Kind::inputs, Split::Kind::rows, Split::Kind::tiles};
    for (auto& device : scenario.fleet) device.macs_per_round = Macs(1'000'000'000), device.memory = Bytes(100'000'000);
    auto const devices = [](std::vector<std::size_t> const& numbers) {
        std::vector<DeviceId> ids;
        for (auto const number : numbers) ids.emplace_back(number);
        return ids;
    };
    auto& stages = scenario.planner.stages;
    auto const add = [&](std::size_t first, std::size_t last, std::vector<std::size_t> const& by, Split split = {}) {
        stages.push_back({"", BlockId(first), BlockId(last), devices(by), split, DeviceId()});
        if (!split.is_whole()) stages.back().join = DeviceId(by.back());
    };
    add(0, 0, {0, 1, 2}, {Split::Kind::outputs, 3});
    add(1, 1, {4, 3, 2, 1}, {Split::Kind::tiles, 4});
    add(2, 4, {0, 1, 2});  // in turn
    add(5, 5, {3, 4, 0}, {Split::Kind::rows, 3});
    add(6, 9, {1});
    add(10, 10, {2, 4}, {Split::Kind::inputs, 2});
    Network const network(scenario.network.profile);
    BOOST_REQUIRE(network.size() == 11);
    auto const packed = pack(scenario, network);
    auto const alone = run_loopback(scenario, with_kernels(packed, 1));
    BOOST_REQUIRE(alone.logits.size() == 9);
    std::size_t parts = 0;
    for (auto const& result : alone.results)
        for (auto const& event : result.course.events)
            parts += event.kind == EventKind::compute && event.part >= 0 ? 1 : 0;
    BOOST_TEST(parts == 9u * (3 + 4 + 3 + 2));
    BOOST_TEST((run_loopback(scenario, with_kernels(packed, 5)).logits == alone.logits));
    scenario.emulation.clock = ClockKind::wall;
    BOOST_TEST((run_loopback(scenario, with_kernels(packed, 5)).logits == alone.logits));
}

BOOST_AUTO_TEST_SUITE_END()

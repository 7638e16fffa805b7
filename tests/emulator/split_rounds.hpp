#pragma once

#include <algorithm>
#include <cstddef>
#include <map>
#include <memory>
#include <optional>
#include <random>
#include <utility>
#include <vector>

#include "loopback_cluster.hpp"
#include "model/task_graph.hpp"
#include "timeline/timeline.hpp"

namespace skipstone::test {

// The ways in which HashExecutor can split a block.
inline std::vector<Split> hashed_ways(Network const& network, BlockId block) {
    auto const& b = network.block(block);
    std::vector<Split> ways;
    for (int parts = 2; parts <= 4; ++parts) {
        if (b.output.c >= parts) ways.push_back({Split::Kind::outputs, parts});
        if (b.input.c >= parts) ways.push_back({Split::Kind::inputs, parts});
        if (b.output.h >= parts) ways.push_back({Split::Kind::rows, parts});
    }
    if (b.output.h >= 2 && b.output.w >= 2) ways.push_back({Split::Kind::tiles, 4});
    return ways;
}

// The devices of a scenario and the blocks of its network, with all of these ways.
inline Instance split_instance(Scenario const& scenario, Network const& network) {
    Instance instance;
    for (auto const& block : network.blocks()) {
        InstanceBlock row{.name = block.name,
                          .macs = block.macs,
                          .memory = block.memory_bytes,
                          .output = block.output_bytes,
                          .weights = block.weight_bytes,
                          .skip_macs = block.skip_macs,
                          .skip_memory = block.skip_memory_bytes};
        BlockId const id(instance.blocks.size());
        for (Split const way : hashed_ways(network, id)) {
            InstanceSplit split{way, {}, way.kind == Split::Kind::inputs ? Macs(1000) : Macs(0)};
            for (Part const& part : hashed_parts(network, id, way))
                split.parts.push_back({.input = part.input,
                                       .output = part.output,
                                       .macs = Macs(block.macs.value() / way.parts + 1),
                                       .memory = block.memory_bytes,
                                       .weights = block.weight_bytes,
                                       .input_bytes = part.input.bytes(ElementType::float32),
                                       .output_bytes = part.output.bytes(ElementType::float32)});
            row.splits.push_back(std::move(split));
        }
        instance.blocks.push_back(std::move(row));
    }
    for (auto const& device : scenario.fleet) {
        InstanceDevice row;
        row.name = device.name;
        row.mac_rate = device.mac_rate;
        row.memory = device.memory;
        row.macs = device.macs_per_round;
        row.energy = device.battery;
        row.power_compute = device.power.compute;
        row.power_transmit = device.power.transmit;
        row.power_receive = device.power.receive;
        instance.devices.push_back(std::move(row));
    }
    auto const n = instance.devices.size();
    instance.links = LinkTable::dense(n, std::vector<double>(n * n, 50e6), {0.0005});
    instance.input = network.input_bytes();
    instance.accuracy = {{{}, 0.9}};
    return instance;
}

// A request on random devices: blocks vanished, whole or in parts, these on devices of their own or several on one.
inline RequestPlan random_split_plan(Instance const& instance, std::mt19937& random) {
    auto const below = [&](std::size_t bound) {
        return std::uniform_int_distribution<std::size_t>(0, bound - 1)(random);
    };
    auto const device = [&] { return DeviceId(below(instance.devices.size())); };
    RequestPlan plan;
    plan.admitted = true;
    for (std::size_t b = 0; b < instance.blocks.size(); ++b) {
        auto const& block = instance.blocks[b];
        if (b + 1 < instance.blocks.size() && b > 0 && block.vanishes_when_dropped() && below(4) == 0) {
            plan.dropped.push_back(BlockId(b));
            plan.devices.push_back(DeviceId());
            continue;
        }
        plan.devices.push_back(device());
        if (block.splits.empty() || below(2) == 0) continue;
        auto const& way = block.splits[below(block.splits.size())];
        SplitBlock split{BlockId(b), way.split, {}};
        for (int p = 0; p < way.split.parts; ++p) split.parts.push_back(device());
        plan.splits.push_back(std::move(split));
    }
    return plan;
}

// What a round of such plans does.
inline emulator::RoundCourse round_of(Scenario const& scenario, Instance const& instance,
                                      std::vector<RequestPlan> plans, int number, Seconds start) {
    emulator::RoundCourse round;
    round.state.round = RoundId(number);
    round.state.start = start;
    round.state.links = instance.links;
    timeline::Conditions const conditions{
        .round = round.state.round, .start = start, .seed = scenario.seed, .links = instance.links};
    std::vector<Seconds> arrivals;
    for (std::size_t r = 0; r < plans.size(); ++r) {
        round.state.requests.push_back(
            {.arrival = start, .attempt = 1, .image = static_cast<std::int64_t>(100 * number) + static_cast<int>(r)});
        arrivals.push_back(start);
    }
    round.plan.requests = std::move(plans);
    round.jobs = timeline::jobs_of(instance, round.plan, arrivals, start);
    round.times = timeline::simulate(round.jobs, conditions);
    round.events = timeline::events_of(round.jobs, round.times, conditions);
    round.end = round.next_start = round.times.end;
    return round;
}

// Rounds of random split plans, each from a seed of its own.
inline std::vector<emulator::RoundCourse> random_split_rounds(Scenario const& scenario, Network const& network,
                                                              int rounds, int requests, unsigned seed) {
    auto instance = split_instance(scenario, network);
    std::vector<emulator::RoundCourse> result;
    Seconds start(0);
    for (int number = 0; number < rounds; ++number) {
        std::mt19937 random(seed + static_cast<unsigned>(number));
        instance.source = number % 2 == 1 ? std::optional(DeviceId(random() % instance.devices.size())) : std::nullopt;
        std::vector<RequestPlan> plans;
        for (int r = 0; r < requests; ++r) plans.push_back(random_split_plan(instance, random));
        result.push_back(round_of(scenario, instance, std::move(plans), number, start));
        start = result.back().next_start;
    }
    return result;
}

inline emulator::Coordinator::NextRound in_turn(std::vector<emulator::RoundCourse> const& rounds) {
    auto const next = std::make_shared<std::size_t>(0);
    return [&rounds, next] { return std::optional(rounds.at((*next)++)); };
}

// What every request of the rounds has to give: its blocks one after the other, whole.
inline std::map<std::pair<int, int>, std::vector<float>> whole_logits(std::vector<emulator::RoundCourse> const& rounds,
                                                                      Network const& network) {
    std::map<std::pair<int, int>, std::vector<float>> logits;
    HashExecutor executor(network);
    for (auto const& round : rounds)
        for (std::size_t r = 0; r < round.plan.requests.size(); ++r) {
            auto tensor = numbered_image(network, round.state.requests[r].image);
            for (std::size_t b = 0; b < network.size(); ++b) {
                bool const dropped = std::ranges::binary_search(round.plan.requests[r].dropped, BlockId(b));
                tensor = executor.run(BlockId(b), dropped ? BlockMode::skip : BlockMode::full, std::move(tensor));
            }
            logits[{round.state.round.value(), static_cast<int>(r)}].assign(tensor.values().begin(),
                                                                            tensor.values().end());
        }
    return logits;
}

}  // namespace skipstone::test

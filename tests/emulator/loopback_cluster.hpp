#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <thread>
#include <utility>
#include <vector>

#include "emulator/coordinator.hpp"
#include "emulator/course.hpp"
#include "emulator/loopback_transport.hpp"
#include "emulator/node.hpp"
#include "hash_executor.hpp"
#include "model/scenario.hpp"
#include "tests/network_profiles.hpp"

namespace skipstone::test {

// A few unequal devices with a small network; tests change what they are about.
inline Scenario small_scenario(int devices) {
    Scenario scenario;
    scenario.network.profile = resnet20();
    scenario.accuracy = {"test",
                         "resnet20-cifar",
                         "",
                         0,
                         "",
                         {{{}, BlockMode::skip, 0.9, ""},
                          {{"s2b2"}, BlockMode::skip, 0.85, ""},
                          {{"s3b1", "s4b2"}, BlockMode::skip, 0.82, ""}}};
    for (int i = 0; i < devices; ++i) {
        Device device;
        device.name = "d" + std::to_string(i);
        device.mac_rate = MacRate(4e8 + 1e8 * i);
        device.memory = Bytes(700'000);
        device.macs_per_round = Macs(30'000'000);
        device.battery = Joules(1000);
        device.power = {Watts(8), Watts(10), Watts(0), Watts(0)};
        scenario.fleet.push_back(device);
    }
    scenario.rounds.count = 3;
    scenario.emulation.clock = ClockKind::virtual_time;
    scenario.emulation.kernels = true;
    return scenario;
}

inline Tensor numbered_image(Network const& network, std::int64_t number) {
    Tensor tensor(network.input_shape());
    float value = static_cast<float>(number) * 0.01F;
    for (float& x : tensor.values()) x = value += 0.001F;
    return tensor;
}

struct ClusterRun {
    std::vector<emulator::RoundResult> results;
    std::map<std::pair<int, int>, std::vector<float>> logits;  // by round and request
    emulator::Coordinator::Outcome outcome = emulator::Coordinator::Outcome::finished;
};

using ExecutorMaker = std::function<std::unique_ptr<emulator::BlockExecutor>(Network const&)>;

struct ClusterOptions {
    int nodes = 1;
    double dilation = 1;
    double clock_shift_s = 0;  // node i's clock is i times this ahead of rank 0's
    double ranks_per_core = 1;
    std::atomic<bool> const* stop = nullptr;
    // Stands between a node and its transport.
    std::function<std::unique_ptr<emulator::Transport>(std::unique_ptr<emulator::Transport>)> wrap = {};
    std::optional<Seconds> rehearse = {};        // so many emulated seconds, before the run
    std::vector<double>* late = nullptr;         // what the rehearsal said
    emulator::Coordinator::NextRound next = {};  // in place of a course's rounds
    // Likewise, where exits are open: plans a round, and asks `verdicts`.
    emulator::Planning plan = {};
    std::vector<emulator::OpenExit> exits = {};
    std::shared_ptr<emulator::KernelVerdicts> verdicts = {};
    ExecutorMaker executor = [](Network const& network) { return std::make_unique<HashExecutor>(network); };
};

// Runs a scenario with its nodes as threads of this process.
inline ClusterRun run_loopback(Scenario const& scenario, ClusterOptions const& options) {
    using namespace emulator;
    Network const network(scenario.network.profile);
    LoopbackHub hub(options.nodes + 1);
    HostClock const clock;
    Waker waker(clock);
    auto const transport = hub.connect(0, [&] { waker.notify(); });
    std::vector<std::thread> threads;
    for (int node = 1; node <= options.nodes; ++node)
        threads.emplace_back([&, node] {
            HostClock const node_clock(node * options.clock_shift_s);
            Waker node_waker(node_clock);
            auto mine = hub.connect(node, [&] { node_waker.notify(); });
            if (options.wrap) mine = options.wrap(std::move(mine));
            try {
                Node served(*mine, node_clock, node_waker,
                            scenario.emulation.kernels ? options.executor(network) : nullptr, network.size(),
                            scenario.emulation.clock, options.ranks_per_core);
                served.serve();
            } catch (std::exception const& error) {
                mine->send(0, Tag::failed, pack_text(error.what()));
            }
            hub.disconnect(node);
        });
    std::atomic<bool> const never{false};
    ClusterRun run;
    Coordinator coordinator(*transport, clock, waker,
                            {scenario.emulation.clock, options.dilation, scenario.emulation.kernels,
                             scenario.fleet.size(), network.size(), options.exits, options.verdicts != nullptr, false},
                            clock.now(), options.stop ? *options.stop : never);
    auto join = [&] {
        coordinator.stop_nodes();
        for (auto& thread : threads) thread.join();
    };
    auto const images = [&](std::int64_t image) { return numbered_image(network, image); };
    auto const take_logits = [&](int round, int request, std::span<float const> logits) {
        run.logits[{round, request}].assign(logits.begin(), logits.end());
    };
    Coordinator::NextRound next = options.next;
    if (!next && options.plan)
        next = [&] { return coordinator.next_of(options.plan, options.verdicts, images, take_logits); };
    if (!next) {
        auto const course = std::make_shared<Course>(scenario, network);
        next = [&, course] { return next_unless(course, options.stop ? *options.stop : never); };
    }
    try {
        if (options.rehearse) *options.late = coordinator.rehearse(next, images, *options.rehearse);
        run.outcome = coordinator.run(
            next, scenario.rounds.count, images,
            [&](RoundResult&& result) { run.results.push_back(std::move(result)); }, take_logits);
    } catch (...) {
        join();
        throw;
    }
    join();
    return run;
}

}  // namespace skipstone::test

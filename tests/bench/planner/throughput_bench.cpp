// Prints how near the planners come to the throughput that no schedule can pass, and in what time: named fleets, then
// random instances. Usage: throughput_bench [--random N] [--planner NAME]
#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "../../planner/stream_instance.hpp"
#include "config/profiles.hpp"
#include "config/scenario_file.hpp"
#include "model/cost_model.hpp"
#include "model/network.hpp"
#include "model/round_state.hpp"
#include "planner/planner.hpp"

using namespace skipstone;

namespace {

config::ProfileFolders folders() {
    config::ProfileFolders found;
    found.roots.emplace_back(std::string(SKIPSTONE_SOURCE_DIR) + "/profiles");
    return found;
}

// A round of khan2023 with so many devices of each of its kinds and another network.
Instance khan(std::string const& network, int devices, Bytes memory, int requests) {
    std::vector<config::Override> overrides{config::parse_override("network.profile=" + network)};
    if (network != "resnet50") overrides.push_back(config::parse_override("accuracy.table=none"));
    auto scenario = config::load_scenario("khan2023", overrides, folders());
    auto const kinds = scenario.fleet;
    scenario.fleet.clear();
    RoundState state;
    state.round = RoundId(0);
    for (int i = 0; i < devices; ++i) {
        auto device = 2 * i < devices ? kinds.front() : kinds.back();
        device.name = "d" + std::to_string(i);
        state.battery.push_back(Joules(1e12));
        scenario.fleet.push_back(std::move(device));
    }
    state.links = LinkTable::drawn(scenario.fleet.size(), scenario.links, 1, state.round);
    state.requests.resize(static_cast<std::size_t>(requests));
    Network const net(scenario.network.profile);
    std::vector<DropOption> drops{{{}, 1.0}};
    if (network == "resnet50") drops = drop_options(scenario.accuracy, net);
    auto instance = make_instance(scenario, net, drops, state, std::vector<Joules>(scenario.fleet.size()));
    instance.goal = Goal::throughput;
    instance.memory = MemoryModel::resident;
    for (InstanceDevice& device : instance.devices) {
        device.memory = memory;
        device.energy = Joules(1e12);
    }
    return instance;
}

// Raspberry Pis on one network, the first of which has the images; 6 s for VGG16's convolutions on one.
Instance pis(std::string const& network, int devices, Bytes memory, int requests) {
    auto instance = khan(network, devices, memory, requests);
    instance.source = DeviceId(std::int32_t{0});
    for (InstanceDevice& device : instance.devices) device.mac_rate = MacRate(2.5e9);
    auto const n = static_cast<std::size_t>(devices);
    instance.links = LinkTable::dense(n, std::vector<double>(n * n, 60e6), {0.001});
    return instance;
}

Instance unequal(Instance instance) {
    for (std::size_t i = 0; i < instance.devices.size(); ++i)
        instance.devices[i].mac_rate = MacRate(2e9 * (1 + 0.17 * static_cast<double>(i)));
    return instance;
}

void row(std::string const& name, Instance const& instance, Medium medium, std::string const& planner) {
    timeline::Conditions conditions;
    conditions.medium = medium;
    planner::Options options;
    options.conditions = &conditions;
    auto const result = planner::plan(planner, instance, options);
    auto const wrong = violations(instance, result);
    std::printf("%-34s %-9s %4d/%-4d %9.4f %9.4f %7.2f %% %7.2f s%s\n", name.c_str(), planner.c_str(), result.admitted,
                result.requested, result.throughput.value_or(0), result.throughput_bound.value_or(0),
                100 * result.gap.value_or(1), result.seconds, wrong.empty() ? "" : ("  " + wrong.front()).c_str());
    std::fflush(stdout);
}

}  // namespace

int main(int argc, char** argv) {
    int random = 20;
    std::vector<std::string> planners{"pipeline", "balanced"};
    for (int a = 1; a + 1 < argc; a += 2) {
        if (std::string_view(argv[a]) == "--random") random = std::atoi(argv[a + 1]);
        if (std::string_view(argv[a]) == "--planner") planners = {argv[a + 1]};
    }
    std::printf("%-34s %-9s %9s %9s %9s %9s %9s\n", "instance", "planner", "admitted", "per s", "bound", "gap", "time");
    constexpr std::int64_t MB = 1'000'000;
    for (auto const& planner : planners) {
        row("AlexNet, 5 Pis, radio", pis("alexnet", 5, Bytes(800 * MB), 60), Medium::radio, planner);
        row("AlexNet, 6 Pis, 200 MB", pis("alexnet", 6, Bytes(200 * MB), 60), Medium::radio, planner);
        row("VGG16, 9 Pis, 500 MB", pis("vgg16", 9, Bytes(500 * MB), 90), Medium::radio, planner);
        row("VGG16, 11 Pis, 500 MB", pis("vgg16", 11, Bytes(500 * MB), 110), Medium::radio, planner);
        row("khan2023, 60 MB, links", khan("resnet50", 10, Bytes(60 * MB), 100), Medium::links, planner);
        row("khan2023, 60 MB, radio", khan("resnet50", 10, Bytes(60 * MB), 100), Medium::radio, planner);
        row("ResNet-152, 20 unequal, 300 MB", unequal(khan("resnet152", 20, Bytes(300 * MB), 200)), Medium::links,
            planner);
        row("ResNet-152, 20 unequal, 100 MB", unequal(khan("resnet152", 20, Bytes(100 * MB), 200)), Medium::links,
            planner);
        row("VGG16, 100 Pis, 800 MB", pis("vgg16", 100, Bytes(800 * MB), 1000), Medium::links, planner);
        row("VGG16, 100 Pis, 500 MB", pis("vgg16", 100, Bytes(500 * MB), 1000), Medium::links, planner);
        double worst = 0, sum = 0;
        int counted = 0;
        for (int n = 0; n < random; ++n) {
            RandomStream stream(static_cast<std::uint64_t>(n), "throughput bench");
            auto instance = planner::testing::stream_instance(stream, {5, 6, 4, 2});
            instance.requests = 40;
            timeline::Conditions conditions;
            conditions.medium = n % 2 ? Medium::radio : Medium::links;
            planner::Options options;
            options.conditions = &conditions;
            auto const result = planner::plan(planner, instance, options);
            if (!result.gap) continue;
            worst = std::max(worst, *result.gap);
            sum += *result.gap;
            ++counted;
        }
        if (counted > 0)
            std::printf("%-34s %-9s %d of %d planned, gap mean %.2f %%, largest %.2f %%\n", "random", planner.c_str(),
                        counted, random, 100 * sum / counted, 100 * worst);
    }
    return 0;
}

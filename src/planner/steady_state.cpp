#include "planner/steady_state.hpp"

#include <algorithm>
#include <limits>
#include <utility>

#include "planner/choice.hpp"
#include "planner/steady_program.hpp"

namespace skipstone::planner {

namespace {

constexpr double infinity = std::numeric_limits<double>::infinity();
constexpr std::size_t most_linked_devices = 1500;  // whose links are all looked at
constexpr double finest = 1e-6;                    // gap of the bound itself

bool alike(InstanceDevice const& a, InstanceDevice const& b) {
    return a.mac_rate == b.mac_rate && a.memory == b.memory && a.compute == b.compute &&
           a.part_compute == b.part_compute && a.head_compute == b.head_compute && a.holds == b.holds;
}

Kinds each_its_own(Instance const& instance) {
    Kinds kinds;
    kinds.links_differ = true;
    for (std::size_t i = 0; i < instance.devices.size(); ++i) {
        bool const off = instance.devices[i].off.has_value();
        kinds.kind.push_back(off ? Kinds::none : kinds.members.size());
        if (!off) kinds.members.push_back({DeviceId(i)});
    }
    return kinds;
}

// Links between devices of two kinds are as good as each other.
bool uniform(Instance const& instance, Kinds const& kinds) {
    for (std::size_t i = 0; i < instance.devices.size(); ++i)
        for (std::size_t k = 0; k < instance.devices.size(); ++k) {
            auto const a = kinds.kind[i], b = kinds.kind[k];
            if (a == b || a == Kinds::none || b == Kinds::none) continue;
            if (instance.links.rate(DeviceId(i), DeviceId(k)) !=
                instance.links.rate(kinds.members[a].front(), kinds.members[b].front()))
                return false;
        }
    return true;
}

// One device for each kind. What moves between devices of one kind is left out: that can only take time.
Instance merged(Instance const& instance, Kinds const& kinds, bool links) {
    Instance small = instance;
    small.devices.clear();
    small.cut.reset();
    if (instance.source) small.source = DeviceId(kinds.kind[instance.source->index()]);
    auto const count = kinds.members.size();
    std::vector<double> rates(count * count, infinity);
    for (std::size_t a = 0; a < count; ++a) {
        small.devices.push_back(instance.devices[kinds.members[a].front().index()]);
        for (std::size_t b = 0; links && b < count; ++b)
            rates[a * count + b] =
                a == b ? 0 : instance.links.rate(kinds.members[a].front(), kinds.members[b].front()).value();
    }
    small.links = LinkTable::dense(count, std::move(rates), {0.0});
    return small;
}

// Weights that count, and room for them beside the smallest task that a device can run.
SteadyLimits memory_limits(Instance const& instance, SteadyProgram const& program) {
    SteadyLimits limits;
    if (instance.memory != MemoryModel::resident) return limits;
    auto const devices = instance.devices.size();
    auto const& items = program.items();
    limits.weight.assign(items.count() * devices, 0);
    for (std::size_t i = 0; i < devices; ++i) {
        Bytes smallest = instance.devices[i].memory;
        for (std::size_t item = 0; item < items.count(); ++item) {
            limits.weight[item * devices + i] = static_cast<double>(items.weights(item, DeviceId(i)).value());
            if (!program.possible()[item * devices + i]) continue;
            smallest = std::min(smallest, items.least_memory(item));
        }
        limits.memory.push_back(static_cast<double>((instance.devices[i].memory - smallest).value()));
    }
    return limits;
}

}  // namespace

Kinds kinds_of(Instance const& instance) {
    Kinds kinds;
    for (std::size_t i = 0; i < instance.devices.size(); ++i) {
        InstanceDevice const& device = instance.devices[i];
        kinds.kind.push_back(Kinds::none);
        if (device.off) continue;
        bool const source = instance.source == DeviceId(i);
        auto found = kinds.members.size();
        for (std::size_t a = 0; a < kinds.members.size() && !source; ++a)
            if (kinds.members[a].front() != instance.source &&
                alike(device, instance.devices[kinds.members[a].front().index()])) {
                found = a;
                break;
            }
        if (found == kinds.members.size()) kinds.members.emplace_back();
        kinds.members[found].emplace_back(i);
        kinds.kind.back() = found;
    }
    if (instance.devices.size() > most_linked_devices)
        kinds.links_differ = true;
    else if (!uniform(instance, kinds))
        return each_its_own(instance);
    return kinds;
}

std::optional<ThroughputBound> throughput_bound(Instance const& instance, Medium medium, Budget& budget) {
    auto const choices = choices_of(instance);
    auto const kinds = kinds_of(instance);
    if (choices.empty() || kinds.members.empty() || instance.source_is_off()) return std::nullopt;
    bool const many = instance.devices.size() > most_linked_devices;
    auto const small = merged(instance, kinds, !many);
    std::vector<double> copies;
    for (auto const& members : kinds.members) copies.push_back(static_cast<double>(members.size()));
    SteadyProgram program(small, choices, medium, copies);
    auto const steady = program.solve(memory_limits(small, program), finest, budget);
    if (!(steady.bound > 0)) {
        // Nothing takes time, nothing fits, or nothing is known.
        if (steady.feasible && steady.period == 0) return ThroughputBound{infinity, {}};
        return std::nullopt;
    }
    if (steady.bound == infinity) return std::nullopt;
    ThroughputBound bound;
    bound.throughput = 1 / steady.bound;
    auto const devices = small.devices.size();
    auto const name = [&](std::size_t resource, double price) {
        auto const small_one = priced(resource, price, devices, medium);
        for (DeviceId const device : kinds.members[small_one.device.index()]) {
            if (!small_one.peer) {
                bound.prices.push_back({small_one.resource, device, DeviceId(), price});
                continue;
            }
            for (DeviceId const peer : kinds.members[small_one.peer.index()])
                bound.prices.push_back({small_one.resource, device, peer, price});
        }
    };
    for (auto const& [resource, share] : steady.speed)
        if (share > 1e-9) name(resource, share * bound.throughput);
    for (std::size_t i = 0; i < devices; ++i) {
        double const price = steady.memory[i] * bound.throughput * bound.throughput;
        if (price * static_cast<double>(small.devices[i].memory.value()) > 1e-9 * bound.throughput)
            for (DeviceId const device : kinds.members[i])
                bound.prices.push_back({ResourcePrice::Resource::memory, device, DeviceId(), price});
    }
    std::ranges::stable_sort(bound.prices, std::ranges::greater(), &ResourcePrice::price);
    return bound;
}

}  // namespace skipstone::planner

#include "planner/capacity.hpp"

#include <algorithm>
#include <cmath>

#include "units/error.hpp"

namespace skipstone::planner {

namespace {

struct EnergyUse {
    DeviceId device;
    Joules energy;
};

// What a placement costs each device, one entry per cause.
std::vector<EnergyUse> energy_uses(Instance const& instance, Choice const& choice,
                                   std::vector<DeviceId> const& devices) {
    std::vector<EnergyUse> uses;
    auto const move = [&](DeviceId from, DeviceId to, Bytes serialised, Step const& receiver) {
        if (from == to) return;
        Seconds const time = serialised / instance.links.rate(from, to) * receiver.reserved;
        uses.push_back({from, instance.devices[from.index()].power_transmit * time});
        uses.push_back({to, instance.devices[to.index()].power_receive * time});
    };
    if (instance.source) move(*instance.source, devices.front(), instance.input, choice.steps.front());
    for (std::size_t s = 0; s < devices.size(); ++s) {
        uses.push_back({devices[s], instance.devices[devices[s].index()].power_compute *
                                        reserved_time(instance, choice.steps[s], devices[s])});
        if (s + 1 < devices.size())
            move(devices[s], devices[s + 1], choice.steps[s].output.serialised, choice.steps[s + 1]);
    }
    return uses;
}

}  // namespace

Capacity::Capacity(Instance const& instance) : instance_(&instance), holdings_(holdings_of(instance)) {
    memory_.reserve(instance.devices.size());
    macs_.reserve(instance.devices.size());
    energy_.reserve(instance.devices.size());
    for (auto const& device : instance.devices) {
        memory_.push_back(device.memory);
        macs_.push_back(device.macs);
        energy_.push_back(std::max(device.energy, Joules(0)) * (1 + energy_rounding));
    }
    if (instance.memory != MemoryModel::resident) return;
    held_.assign(instance.devices.size() * holdings_, 0);
    for (std::size_t i = 0; i < instance.devices.size(); ++i)
        for (std::size_t holding = 0; holding < holdings_; ++holding)
            if (is_held(instance, DeviceId(i), holding)) held_[i * holdings_ + holding] = 1;
}

bool Capacity::fits(Choice const& choice, std::vector<DeviceId> const& devices) const {
    auto const reachable = [&](DeviceId from, DeviceId to) {
        return from == to || instance_->links.rate(from, to).value() > 0;
    };
    if (instance_->source && !reachable(*instance_->source, devices.front())) return false;
    for (std::size_t s = 1; s < devices.size(); ++s)
        if (!reachable(devices[s - 1], devices[s])) return false;
    for (std::size_t s = 0; s < devices.size(); ++s) {
        if (std::find(devices.begin(), devices.begin() + static_cast<std::ptrdiff_t>(s), devices[s]) !=
            devices.begin() + static_cast<std::ptrdiff_t>(s))
            continue;  // summed at its first appearance
        Bytes memory{};
        Macs macs{};
        for (std::size_t t = s; t < devices.size(); ++t) {
            if (devices[t] != devices[s]) continue;
            auto const& step = choice.steps[t];
            memory += step.memory + weights(devices[s], step);
            macs += step.macs;
        }
        if (memory > this->memory(devices[s]) || macs > this->macs(devices[s])) return false;
    }
    auto uses = energy_uses(*instance_, choice, devices);
    std::ranges::stable_sort(uses, {}, &EnergyUse::device);
    for (std::size_t first = 0; first < uses.size();) {
        Joules sum{};
        std::size_t last = first;
        for (; last < uses.size() && uses[last].device == uses[first].device; ++last) sum += uses[last].energy;
        if (sum > energy(uses[first].device)) return false;
        first = last;
    }
    return true;
}

void Capacity::apply(Choice const& choice, std::vector<DeviceId> const& devices, int sign) {
    SKIPSTONE_EXPECT(devices.size() == choice.steps.size());
    for (std::size_t s = 0; s < devices.size(); ++s) {
        auto const& step = choice.steps[s];
        auto const i = devices[s].index();
        memory_[i] -= sign * step.memory;
        macs_[i] -= sign * step.macs;
        if (held_.empty()) continue;
        for_each_holding(*instance_, step, [&](std::size_t holding, Bytes weights) {
            auto& users = held_[i * holdings_ + holding];
            if (users == (sign > 0 ? 0 : 1)) memory_[i] -= sign * weights;
            users += sign;
        });
    }
    for (auto const& use : energy_uses(*instance_, choice, devices)) energy_[use.device.index()] -= sign * use.energy;
}

}  // namespace skipstone::planner

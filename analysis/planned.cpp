#include "analysis/planned.hpp"

#include <algorithm>
#include <utility>

#include "model/cost_model.hpp"

namespace skipstone::analysis {

namespace {

Instance instance_of(trace::Header const& header, Scenario const& scenario) {
    Instance instance;
    instance.residual = scenario.objective.residual;
    for (auto const& row : header.blocks)
        instance.blocks.push_back({row.name.str(), Macs(row.macs), Bytes(row.memory_bytes), Bytes(row.output_bytes),
                                   Bytes(row.weight_bytes), Macs(row.skip_macs), Bytes(row.skip_memory_bytes)});
    if (!header.blocks.empty()) instance.input = Bytes(header.blocks.front().input_bytes);
    for (std::size_t i = 0; i < header.devices.size(); ++i) {
        auto const& row = header.devices[i];
        InstanceDevice device{.name = row.name.str(), .mac_rate = MacRate(row.mac_rate), .compute = {}};
        double const speedup = scenario.fleet[i].speedup_in(scenario.network.profile.precision);
        if (auto const& measured = scenario.fleet[i].compute_seconds; !measured.empty())
            for (auto const& block : instance.blocks) {
                auto const found = measured.find(block.name);
                device.compute.push_back(
                    found == measured.end() ? std::nullopt : std::optional(Seconds(found->second.value() / speedup)));
            }
        if (device.name == scenario.requests.source) instance.source = DeviceId(i);
        instance.devices.push_back(std::move(device));
    }
    return instance;
}

}  // namespace

Planned::Planned(trace::Reader const& trace, Scenario const& scenario, std::vector<Powers> const& powers)
    : trace_(trace), scenario_(scenario), powers_(powers), instance_(instance_of(trace.header(), scenario)) {}

void Planned::begin_round(std::int32_t round) {
    auto const& links = scenario_.links;
    auto const devices = instance_.devices.size();
    if (!trace_.has_dense_rates()) {
        instance_.links = LinkTable::drawn(devices, links, scenario_.seed, RoundId(round)).expected();
        return;
    }
    auto rates = trace_.rates(RoundId(round));
    std::vector<double> latencies(links.pairs ? rates.size() : 1, links.latency.value());
    for (std::size_t i = 0; i < devices; ++i)
        for (std::size_t k = 0; k < devices; ++k) {
            double& rate = rates[i * devices + k];
            auto const link = i == k ? links.completed({}) : links.traits(DeviceId(i), DeviceId(k));
            rate = rate > 0 ? rate * *link.efficiency * (1 - *link.loss) : 0;
            if (links.pairs) latencies[i * devices + k] = link.latency->value();
        }
    instance_.links = LinkTable::dense(devices, std::move(rates), std::move(latencies));
}

Seconds Planned::compute(BlockId block, BlockMode mode, DeviceId device) const {
    return compute_time(instance_, block, mode, device);
}

Seconds Planned::serialisation(std::int32_t block, Bytes image, DeviceId from, DeviceId to) const {
    auto const bytes = block < 0 ? image : hop_bytes(instance_, BlockId(block)).serialised;
    return bytes / instance_.links.rate(from, to);
}

Seconds Planned::serialisation(Event const& transmit) const {
    return serialisation(transmit.block, Bytes(transmit.bytes), DeviceId(transmit.device), DeviceId(transmit.peer));
}

Seconds Planned::hop(Event const& transmit) const {
    return serialisation(transmit) + instance_.links.latency(DeviceId(transmit.device), DeviceId(transmit.peer));
}

Joules Planned::energy(std::span<trace::PlanRow const> plan) const {
    Joules energy{};
    auto at = instance_.source;
    std::int32_t moves = -1;  // the block whose output moves next
    for (auto const& row : plan) {
        if (row.device < 0) continue;
        DeviceId const device(row.device);
        if (at && *at != device) {
            auto const time = serialisation(moves, instance_.input, *at, device);
            energy += powers_[at->index()].transmit * time + powers_[device.index()].receive * time;
        }
        energy += powers_[device.index()].compute * compute(BlockId(row.block), row.mode, device);
        at = device;
        moves = row.block;
    }
    return energy;
}

}  // namespace skipstone::analysis

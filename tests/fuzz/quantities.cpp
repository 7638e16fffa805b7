#include "tests/fuzz/quantities.hpp"

#include <cmath>

#include "tests/fuzz/target.hpp"

namespace skipstone::fuzz {

namespace {

template <class Q>
void not_negative(Q quantity) {
    require(std::isfinite(static_cast<double>(quantity.value())) && quantity.value() >= 0,
            "a quantity is finite and not negative");
}

template <class Q>
void positive(Q quantity) {
    not_negative(quantity);
    require(quantity.value() > 0, "a rate or reference is above 0");
}

void share(double value) {
    require(value >= 0 && value <= 1, "a share is 0 to 1");
}

// Mains supply is energy without end.
void not_negative_or_mains(Joules energy) {
    if (!std::isinf(energy.value())) not_negative(energy);
    require(energy.value() >= 0, "energy is not negative");
}

void check(Powers const& powers) {
    not_negative(powers.compute);
    not_negative(powers.transmit);
    not_negative(powers.receive);
    not_negative(powers.idle);
}

}  // namespace

void check(Network const& network) {
    for (auto const& block : network.blocks()) {
        require(block.macs.value() > 0 && block.memory_bytes.value() > 0 && block.output_bytes.value() > 0 &&
                    block.weight_bytes.value() > 0,
                "a block's costs are above 0");
        require(block.skip_macs <= block.macs && block.skip_memory_bytes <= block.memory_bytes,
                "a shortcut costs no more than its block");
    }
    Bytes memory{}, weights{};
    for (auto const& block : network.blocks()) {
        memory += block.memory_bytes;
        weights += block.weight_bytes;
    }
    not_negative(memory);
    not_negative(weights);
    not_negative(network.total_macs());
}

void check(Device const& device) {
    positive(device.mac_rate);
    not_negative(device.memory);
    not_negative(device.macs_per_round);
    not_negative_or_mains(device.battery);
    check(device.power);
    for (auto const& [block, time] : device.compute_seconds) positive(time);
    for (auto const& [part, time] : device.part_seconds) positive(time);
    for (auto const& [precision, factor] : device.speedup) positive(device.mac_rate_in(precision));
}

void check(LinkModel const& links) {
    positive(links.min);
    positive(links.max);
    require(links.min <= links.max, "min is at most max");
    not_negative(links.latency);
    not_negative(links.jitter);
    require(links.loss >= 0 && links.loss < 1, "loss is at least 0 and below 1");
    require(links.efficiency > 0 && links.efficiency <= 1, "efficiency is above 0 and at most 1");
    if (!links.pairs) return;
    for (auto const& entry : links.pairs->entries()) {
        auto const link = links.completed(entry.traits);
        require(entry.traits != LinkTraits(), "an entry says something");
        if (link.rate) not_negative(*link.rate);
        not_negative(*link.latency);
        not_negative(*link.jitter);
        require(*link.loss >= 0 && *link.loss < 1, "loss is at least 0 and below 1");
        require(*link.efficiency > 0 && *link.efficiency <= 1, "efficiency is above 0 and at most 1");
    }
}

void check(FaultModel const& faults) {
    for (auto const& outage : faults.schedule) {
        not_negative(outage.begin);
        require(outage.end > outage.begin, "an outage ends after it begins");
    }
    for (auto const& means : {faults.devices, faults.links})
        if (means) {
            positive(means->to_failure);
            positive(means->to_repair);
        }
    for (double const survival : faults.survival) share(survival);
    not_negative(faults.detection);
}

void check(AccuracyTable const& table) {
    require(table.samples >= 0, "samples are not negative");
    require(table.none == table.rows.empty(), "a table has rows");
    if (table.none) return;
    require(table.rows.front().dropped.empty(), "the first row drops nothing");
    for (auto const& row : table.rows) {
        share(row.accuracy);
        if (row.confidence) {
            share(row.confidence->low);
            share(row.confidence->high);
            require(row.confidence->low <= row.confidence->high, "an interval's ends are in order");
        }
        if (row.samples) require(*row.samples >= 0, "samples are not negative");
        if (row.correct) require(*row.correct >= 0, "right answers are not negative");
        if (row.memory_gain) not_negative(*row.memory_gain);
        if (row.computation_gain) not_negative(*row.computation_gain);
    }
}

namespace {

// A plan by hand has every block once, and splits that blocks and scenario allow.
void check_stages(Scenario const& scenario) {
    auto const& stages = scenario.planner.stages;
    if (stages.empty()) return;
    Network const network(scenario.network.wanted_profile());
    std::size_t next = 0;
    for (auto const& stage : stages) {
        require(stage.first.index() == next && stage.last >= stage.first, "stages are in order");
        next = stage.last.index() + 1;
        require(!stage.devices.empty(), "a stage has a device");
        for (auto const device : stage.devices) require(device.index() < scenario.fleet.size(), "a device exists");
        if (stage.split.is_whole()) continue;
        require(stage.first == stage.last && stage.devices.size() == static_cast<std::size_t>(stage.split.parts) &&
                    stage.join.index() < scenario.fleet.size() && scenario.collaboration.allows(stage.split) &&
                    parts_of(network, stage.first, stage.split).size() == stage.devices.size(),
                "a split stage has a device for each part, and one that joins them");
    }
    require(next == network.size(), "every block has a stage");
}

void check(InstanceSplit const& way, Region& input) {
    require(way.parts.size() == static_cast<std::size_t>(way.split.parts), "a split has its parts");
    not_negative(way.join_macs);
    for (auto const& part : way.parts) {
        not_negative(part.macs);
        not_negative(part.memory);
        not_negative(part.weights);
        not_negative(part.input_bytes);
        not_negative(part.output_bytes);
        for (auto const& region : {part.input, part.output})
            require(region.h.size() > 0 && region.w.size() > 0 && region.c.size() > 0, "a part has elements");
        input = hull(input, part.input);
    }
}

}  // namespace

void check(Scenario const& scenario) {
    check(Network(scenario.network.wanted_profile()));
    check(scenario.accuracy);
    require(!scenario.fleet.empty(), "there is a device");
    for (auto const& device : scenario.fleet) check(device);
    check(scenario.links);
    require(std::isfinite(scenario.requests.rate) && scenario.requests.rate >= 0, "a request rate is finite");
    if (scenario.requests.count) require(*scenario.requests.count >= 1, "a round has a request");
    require(scenario.rounds.count >= 1, "there is a round");
    not_negative(scenario.rounds.period);
    share(scenario.objective.alpha);
    share(scenario.objective.beta);
    share(scenario.objective.accuracy_threshold);
    if (scenario.objective.latency_reference == LatencyReference::fixed) positive(scenario.objective.reference_time);
    require(scenario.planner.gap >= 0 && scenario.planner.gap < 1, "a gap is at least 0 and below 1");
    if (scenario.planner.charge_time) not_negative(*scenario.planner.charge_time);
    check_stages(scenario);
    if (scenario.requests.arrivals == Arrivals::every) positive(scenario.requests.interval);
    require((scenario.requests.in_flight > 0) == (scenario.requests.arrivals == Arrivals::closed),
            "requests that are under way have a limit in closed streams alone");
    require(scenario.objective.goal == Goal::latency || scenario.objective.memory == MemoryModel::resident,
            "weights stay where throughput is the goal");
    check(scenario.faults);
    if (auto const& dilation = scenario.emulation.dilation)
        require(std::isfinite(*dilation) && *dilation > 0, "dilation is above 0");
}

void check(Instance const& instance) {
    share(instance.alpha);
    share(instance.beta);
    share(instance.accuracy_threshold);
    require(instance.requests >= 0, "requests are not negative");
    positive(instance.reference_latency);
    not_negative(instance.input);
    Macs macs{};
    Bytes bytes{};
    for (auto const& block : instance.blocks) {
        not_negative(block.macs);
        not_negative(block.memory);
        not_negative(block.output);
        not_negative(block.weights);
        not_negative(block.skip_macs);
        not_negative(block.skip_memory);
        macs += block.macs;
        bytes += block.memory;
        bytes += block.output;
        bytes += block.weights;
        for (auto const& way : block.splits) {
            Region input = way.parts.front().input;
            check(way, input);
            require(static_cast<double>(input.h.size()) * input.w.size() * input.c.size() < 0x1p31,
                    "what parts read is no larger than a tensor");
        }
    }
    not_negative(macs);
    not_negative(bytes);
    require(!instance.accuracy.empty() && instance.accuracy.front().dropped.empty(), "the first set drops nothing");
    for (auto const& option : instance.accuracy) {
        share(option.accuracy);
        for (auto const block : option.dropped) require(block.index() < instance.blocks.size(), "a block exists");
    }
    require(instance.links.devices() == instance.devices.size(), "there are links for every device");
    for (std::size_t i = 0; i < instance.devices.size(); ++i) {
        auto const& device = instance.devices[i];
        positive(device.mac_rate);
        not_negative(device.memory);
        not_negative(device.macs);
        not_negative_or_mains(device.energy);
        not_negative(device.power_compute);
        not_negative(device.power_transmit);
        not_negative(device.power_receive);
        for (auto const& time : device.compute)
            if (time) positive(*time);
        for (auto const& [part, time] : device.part_compute) {
            positive(time);
            require(instance.blocks.at(part.first.index()).find(part.second),
                    "a measured part is of a split that there is");
        }
        for (std::size_t k = 0; k < instance.devices.size(); ++k)
            if (i != k) {
                not_negative(instance.links.rate(DeviceId(i), DeviceId(k)));
                not_negative(instance.links.latency(DeviceId(i), DeviceId(k)));
            }
    }
}

}  // namespace skipstone::fuzz

#include "planner/placer.hpp"

#include <algorithm>
#include <limits>
#include <utility>

namespace skipstone::planner {

namespace {

constexpr double infinity = std::numeric_limits<double>::infinity();
constexpr double latency_in_room =
    1e-3;  // Seek::room: weight of latency/T_ref beside the share of a request's needs that is wasted

double bytes(Bytes size) {
    return static_cast<double>(size.value());
}

}  // namespace

// A path whose last segment ends with a given step on a given candidate.
struct Placer::Label {
    double cost = infinity;
    double latency = 0;
    double energy = 0;           // of the last segment, what it received included
    std::uint64_t visited = 0;   // candidates on the path, modulo 64
    std::int32_t start = 0;      // first step of the last segment
    std::int32_t previous = -1;  // candidate of the segment before
};

Placer::Placer(Instance const& instance, std::vector<Step> const& works, std::vector<DeviceId> candidates,
               Spread spread)
    : instance_(&instance), candidates_(std::move(candidates)), spread_(spread), works_(works.size()) {
    auto const count = candidates_.size();
    auto const per_byte = [&](DeviceId from, DeviceId to) {
        if (from == to) return 0.0;
        auto const rate = instance.links.rate(from, to).value();
        return rate > 0 ? 8 / rate : infinity;
    };
    if (spread == Spread::anywhere) {
        seconds_per_byte_.resize(count * count);
        hop_latency_.resize(count * count);
        for (std::size_t p = 0; p < count; ++p)
            for (std::size_t c = 0; c < count; ++c) {
                seconds_per_byte_[p * count + c] = per_byte(candidates_[p], candidates_[c]);
                hop_latency_[p * count + c] =
                    p == c ? 0 : instance.links.latency(candidates_[p], candidates_[c]).value();
            }
    }
    from_source_.assign(count, 0);
    if (instance.source)
        for (std::size_t c = 0; c < count; ++c) from_source_[c] = per_byte(*instance.source, candidates_[c]);
    compute_.reserve(count * works_);
    for (std::size_t c = 0; c < count; ++c)
        for (Step const& work : works) compute_.push_back(expected_time(instance, work, candidates_[c]).value());
    if (instance.exits.empty() || instance.reserve_expected) return;
    for (std::size_t c = 0; c < count; ++c)
        for (Step const& work : works) reserved_.push_back(reserved_time(instance, work, candidates_[c]).value());
}

std::optional<Placer::Found> Placer::place(Choice const& choice, Capacity const& capacity, Seek seek) const {
    auto const count = candidates_.size();
    auto const steps = choice.steps.size();
    auto smallest_macs = choice.steps.front().macs;
    auto smallest_memory = choice.steps.front().memory;
    for (auto const& step : choice.steps) {
        smallest_macs = std::min(smallest_macs, step.macs);
        smallest_memory = std::min(smallest_memory, step.memory);
    }
    // What a segment that leaves so much adds to Seek::room: the share of a request that is lost to everybody.
    auto const wasted = [&](Macs macs, Bytes memory) {
        double share = 0;
        if (macs < smallest_macs) share += macs / choice.macs;
        if (memory < smallest_memory) share += memory / choice.memory;
        return share;
    };
    double const* const compute = compute_.data();
    double const* const reserved = reserved_.empty() ? compute : reserved_.data();
    auto const latency_cost = seek == Seek::latency ? 1.0 : latency_in_room / instance_->reference_latency.value();

    std::vector<Label> labels(steps * count);
    for (std::size_t start = 0; start < steps; ++start) {
        auto const moved = start > 0 ? bytes(choice.steps[start - 1].output.serialised) : bytes(instance_->input);
        double const reach = choice.steps[start].reach, share = choice.steps[start].reserved;
        for (std::size_t c = 0; c < count; ++c) {
            auto const& device = instance_->devices[candidates_[c].index()];
            Label open;
            if (start == 0) {
                double const serialise = from_source_[c] * moved;
                if (!(serialise < infinity)) continue;
                open.latency = serialise;
                if (instance_->source && *instance_->source != candidates_[c]) {
                    auto const& source = *instance_->source;
                    open.latency += instance_->links.latency(source, candidates_[c]).value();
                    open.latency *= reach;
                    open.energy = device.power_receive.value() * serialise * share;
                    if (instance_->devices[source.index()].power_transmit.value() * serialise * share >
                        capacity.energy(source).value())
                        continue;
                }
                open.cost = latency_cost * open.latency;
            } else {
                if (spread_ == Spread::one_device) break;
                auto const* before = &labels[(start - 1) * count];
                for (std::size_t p = 0; p < count; ++p) {
                    if (!(before[p].cost < open.cost) || before[p].visited >> (c & 63) & 1) continue;
                    double const serialise = seconds_per_byte_[p * count + c] * moved;
                    double const time = (serialise + hop_latency_[p * count + c]) * reach;
                    double const cost = before[p].cost + latency_cost * time;
                    if (!(cost < open.cost)) continue;
                    auto const sender = candidates_[p];
                    if (before[p].energy +
                            instance_->devices[sender.index()].power_transmit.value() * serialise * share >
                        capacity.energy(sender).value())
                        continue;
                    open.cost = cost;
                    open.latency = before[p].latency + time;
                    open.energy = device.power_receive.value() * serialise * share;
                    open.visited = before[p].visited;
                    open.previous = static_cast<std::int32_t>(p);
                }
                if (!(open.cost < infinity)) continue;
            }
            open.start = static_cast<std::int32_t>(start);
            open.visited |= std::uint64_t{1} << (c & 63);
            auto macs = capacity.macs(candidates_[c]);
            auto memory = capacity.memory(candidates_[c]);
            auto const energy = capacity.energy(candidates_[c]).value();
            for (std::size_t end = start; end < steps; ++end) {
                auto const& step = choice.steps[end];
                macs -= step.macs;
                memory -= step.memory + capacity.weights(candidates_[c], step);
                double const time = compute[c * works_ + step.work];
                open.energy += device.power_compute.value() * reserved[c * works_ + step.work];
                if (macs < Macs(0) || memory < Bytes(0) || open.energy > energy) break;
                open.latency += time;
                open.cost += latency_cost * time;
                auto& label = labels[end * count + c];
                double const cost = seek == Seek::latency ? open.cost : open.cost + wasted(macs, memory);
                if (cost < label.cost) {
                    label = open;
                    label.cost = cost;
                }
            }
        }
    }

    // Candidates of the last step from the best; a path that used the source's energy twice may fail the full check.
    std::vector<std::size_t> ends(count);
    for (std::size_t c = 0; c < count; ++c) ends[c] = c;
    auto const* last = &labels[(steps - 1) * count];
    std::ranges::stable_sort(ends, {}, [&](std::size_t c) { return last[c].cost; });
    for (std::size_t const end : ends) {
        if (!(last[end].cost < infinity)) break;
        Found found;
        found.latency = last[end].latency;
        found.devices.resize(steps);
        auto candidate = static_cast<std::int32_t>(end);
        auto step = static_cast<std::int32_t>(steps) - 1;
        while (step >= 0) {
            auto const& label = labels[static_cast<std::size_t>(step) * count + static_cast<std::size_t>(candidate)];
            for (; step >= label.start; --step)
                found.devices[static_cast<std::size_t>(step)] = candidates_[static_cast<std::size_t>(candidate)];
            candidate = label.previous;
        }
        if (capacity.fits(choice, found.devices)) return found;
    }
    return std::nullopt;
}

}  // namespace skipstone::planner

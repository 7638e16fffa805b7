#include "model/fault.hpp"

#include <algorithm>
#include <iterator>
#include <limits>

#include "units/error.hpp"

namespace skipstone {

namespace {

Outage first_of(std::optional<Outage> const& a, std::optional<Outage> const& b) {
    if (!a || !b) return a ? *a : *b;
    return b->begin < a->begin ? *b : *a;
}

}  // namespace

DownTimes::DownTimes(std::vector<Outage> const& outages) {
    std::ranges::copy_if(outages, std::back_inserter(outages_), [](Outage const& outage) { return !outage.peer; });
    std::ranges::sort(outages_, {}, [](Outage const& outage) { return std::pair(outage.device, outage.begin); });
}

std::vector<std::pair<Seconds, Seconds>> DownTimes::up(DeviceId device, Seconds begin, Seconds end) const {
    std::vector<std::pair<Seconds, Seconds>> left;
    for (Outage const& outage : std::ranges::equal_range(outages_, device, {}, &Outage::device)) {
        if (begin >= end || outage.begin >= end) break;
        if (outage.end <= begin) continue;
        if (outage.begin > begin) left.emplace_back(begin, outage.begin);
        begin = outage.end;
    }
    if (begin < end) left.emplace_back(begin, end);
    return left;
}

Faults::Faults(FaultModel model, std::uint64_t seed) : model_(std::move(model)), seed_(seed) {
    for (auto& outage : model_.schedule) {
        SKIPSTONE_EXPECT(bool(outage.device) && outage.begin < outage.end);
        if (outage.peer && outage.peer < outage.device) std::swap(outage.device, outage.peer);
    }
    std::ranges::stable_sort(model_.schedule, {}, &Outage::begin);
    for (double const share : model_.survival) SKIPSTONE_EXPECT(share >= 0 && share <= 1);
}

std::optional<Outage> Faults::scheduled(DeviceId device, DeviceId peer, Seconds time) const {
    for (auto const& outage : model_.schedule)
        if (outage.device == device && outage.peer == peer && outage.end > time) return outage;
    return std::nullopt;
}

std::optional<Outage> Faults::drawn(DeviceId device, DeviceId peer, Seconds time) const {
    auto const& means = peer ? model_.links : model_.devices;
    if (!means) return std::nullopt;
    auto const found = renewals_.find({device.value(), peer.value()});
    Renewal& renewal =
        found != renewals_.end()
            ? found->second
            : renewals_
                  .try_emplace(
                      {device.value(), peer.value()},
                      Renewal{RandomStream(seed_, peer ? "link-failures" : "failures", device.value(), peer.value()),
                              {}})
                  .first->second;
    auto& outages = renewal.outages;
    while (outages.empty() || outages.back().end <= time) {
        Seconds const up = outages.empty() ? Seconds(0) : outages.back().end;
        Seconds const begin = up + Seconds(renewal.stream.exponential(means->to_failure.value()));
        Seconds const end = begin + Seconds(renewal.stream.exponential(means->to_repair.value()));
        SKIPSTONE_ENSURE(end >= up);
        outages.push_back({begin, end, device, peer, std::string(failure_cause)});
    }
    return *std::ranges::upper_bound(outages, time, {}, &Outage::end);
}

std::optional<Outage> Faults::merged(DeviceId device, DeviceId peer, Seconds time) const {
    auto a = scheduled(device, peer, time), b = drawn(device, peer, time);
    if (!a && !b) return std::nullopt;
    Outage outage = first_of(a, b);
    while (outage.end < Seconds(std::numeric_limits<double>::infinity())) {
        a = scheduled(device, peer, outage.end), b = drawn(device, peer, outage.end);
        if (!a && !b) break;
        Outage const more = first_of(a, b);
        if (more.begin > outage.end) break;
        outage.end = more.end;
    }
    return outage;
}

std::optional<Outage> Faults::next(DeviceId device, Seconds time) const {
    return merged(device, DeviceId(), time);
}

std::optional<Outage> Faults::next(DeviceId device, DeviceId peer, Seconds time) const {
    SKIPSTONE_EXPECT(device != peer);
    return peer < device ? merged(peer, device, time) : merged(device, peer, time);
}

bool Faults::survives(DeviceId device, RoundId round) const {
    if (model_.survival.empty()) return true;
    return RandomStream(seed_, "survival", round.value(), device.value()).uniform() <
           model_.survival[device.index() % model_.survival.size()];
}

bool Faults::links_fail() const {
    return model_.links || std::ranges::any_of(model_.schedule, [](Outage const& outage) { return bool(outage.peer); });
}

std::optional<Outage> RoundFaults::next(DeviceId device, Seconds time) const {
    if (round_ && !faults_->survives(device, round_))
        return Outage{start_, Seconds(std::numeric_limits<double>::infinity()), device, DeviceId(),
                      std::string(survival_cause)};
    return faults_->next(device, time);
}

bool RoundFaults::down(DeviceId device, Seconds time) const {
    auto const outage = next(device, time);
    return outage && outage->covers(time);
}

bool RoundFaults::down(DeviceId device, DeviceId peer, Seconds time) const {
    auto const outage = next(device, peer, time);
    return outage && outage->covers(time);
}

}  // namespace skipstone

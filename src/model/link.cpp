#include "model/link.hpp"

#include <algorithm>
#include <cmath>
#include <utility>

#include "units/error.hpp"
#include "units/random.hpp"

namespace skipstone {

namespace {

bool all_finite_and_not_negative(std::vector<double> const& values) {
    return std::ranges::all_of(values, [](double value) { return std::isfinite(value) && value >= 0; });
}

}  // namespace

LinkTraits LinkModel::completed(LinkTraits own) const {
    return {.rate = own.rate,
            .latency = own.latency.value_or(latency),
            .jitter = own.jitter.value_or(jitter),
            .loss = own.loss.value_or(loss),
            .efficiency = own.efficiency.value_or(efficiency)};
}

LinkTraits LinkModel::traits(DeviceId from, DeviceId to) const {
    return completed(pairs ? pairs->traits(from, to) : LinkTraits());
}

LinkTable LinkTable::dense(std::size_t devices, std::vector<double> rate_bit_s, std::vector<double> latency_s) {
    SKIPSTONE_EXPECT(rate_bit_s.size() == devices * devices);
    SKIPSTONE_EXPECT(latency_s.size() == 1 || latency_s.size() == devices * devices);
    for (std::size_t device = 0; device < devices; ++device) rate_bit_s[device * devices + device] = 0;
    SKIPSTONE_EXPECT(all_finite_and_not_negative(rate_bit_s));
    SKIPSTONE_EXPECT(all_finite_and_not_negative(latency_s));
    LinkTable table;
    table.devices_ = devices;
    table.rate_ = std::move(rate_bit_s);
    table.latency_ = std::move(latency_s);
    return table;
}

LinkTable LinkTable::drawn(std::size_t devices, LinkModel const& model, std::uint64_t seed, RoundId round) {
    SKIPSTONE_EXPECT(model.min > BitRate(0) && model.max >= model.min && std::isfinite(model.max.value()));
    SKIPSTONE_EXPECT(model.efficiency > 0 && model.efficiency <= 1);
    SKIPSTONE_EXPECT(all_finite_and_not_negative({model.latency.value()}));
    SKIPSTONE_EXPECT(bool(round) || model.redraw == Redraw::never);
    LinkTable table;
    table.devices_ = devices;
    table.latency_ = {model.latency.value()};
    table.model_ = model;
    table.seed_ = seed;
    table.round_ = model.redraw == Redraw::round ? round.value() : 0;
    return table;
}

LinkTable LinkTable::expected() const {
    SKIPSTONE_EXPECT(model_.has_value());
    SKIPSTONE_EXPECT(model_->loss >= 0 && model_->loss < 1);
    LinkTable table = *this;
    table.expected_ = true;
    return table;
}

LinkTable LinkTable::without(std::set<std::pair<DeviceId, DeviceId>> cut) const {
    if (cut_) cut.insert(cut_->begin(), cut_->end());
    LinkTable table = *this;
    table.cut_ = std::make_shared<std::set<std::pair<DeviceId, DeviceId>> const>(std::move(cut));
    return table;
}

BitRate LinkTable::drawn_rate(DeviceId from, DeviceId to) const {
    bool const swap = model_->symmetric && to < from;
    RandomStream stream(seed_, "links", round_, (swap ? to : from).value(), (swap ? from : to).value());
    return BitRate(stream.uniform(model_->min.value(), model_->max.value()));
}

BitRate LinkTable::rate(DeviceId from, DeviceId to) const {
    SKIPSTONE_EXPECT(from && to && from.index() < devices_ && to.index() < devices_ && from != to);
    if (cut_ && cut_->contains(std::minmax(from, to))) return BitRate(0);
    if (!model_) return BitRate(rate_[from.index() * devices_ + to.index()]);
    if (!model_->pairs) return (expected_ ? 1 - model_->loss : 1) * (drawn_rate(from, to) * model_->efficiency);
    LinkTraits const link = model_->traits(from, to);
    BitRate const rate = link.rate ? *link.rate : drawn_rate(from, to);
    return (expected_ ? 1 - *link.loss : 1) * (rate * *link.efficiency);
}

Seconds LinkTable::latency(DeviceId from, DeviceId to) const {
    SKIPSTONE_EXPECT(from && to && from.index() < devices_ && to.index() < devices_ && from != to);
    if (has_pairs()) return *model_->traits(from, to).latency;
    return Seconds(latency_.size() == 1 ? latency_.front() : latency_[from.index() * devices_ + to.index()]);
}

std::optional<Seconds> LinkTable::own_jitter(DeviceId from, DeviceId to) const {
    return has_pairs() && !expected_ ? model_->pairs->traits(from, to).jitter : std::nullopt;
}

std::optional<double> LinkTable::own_loss(DeviceId from, DeviceId to) const {
    return has_pairs() && !expected_ ? model_->pairs->traits(from, to).loss : std::nullopt;
}

}  // namespace skipstone

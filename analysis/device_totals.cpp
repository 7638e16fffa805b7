#include "analysis/device_totals.hpp"

#include <Eigen/Core>
#include <algorithm>
#include <cmath>
#include <limits>
#include <utility>

#include "analysis/device_time.hpp"

namespace skipstone::analysis {

namespace {

// A row per device; columns compute, transmit, receive, idle.
using PerState = Eigen::Array<double, Eigen::Dynamic, 4>;

PerState per_state(std::vector<Powers> const& powers) {
    PerState watts(static_cast<Eigen::Index>(powers.size()), 4);
    for (std::size_t i = 0; i < powers.size(); ++i)
        watts.row(static_cast<Eigen::Index>(i)) << powers[i].compute.value(), powers[i].transmit.value(),
            powers[i].receive.value(), powers[i].idle.value();
    return watts;
}

std::vector<trace::OutageRow> outages_of(std::vector<trace::OutageRow> const& outages, std::int32_t device) {
    std::vector<trace::OutageRow> mine;
    std::ranges::copy_if(outages, std::back_inserter(mine),
                         [&](trace::OutageRow const& outage) { return outage.device == device && outage.peer == -1; });
    return mine;
}

// Of a ledger that says `recorded` joules are left where `expected` should be. rounding: joules that late times, of
// which idle time is a difference, leave unknown.
double disagreement(double expected, double recorded, double spent, double battery, double rounding) {
    if (expected == recorded) return 0;
    auto const difference = std::abs(expected - recorded);
    auto const share = difference / std::max(spent, 1e-6 * battery);
    return difference <= energy_tolerance * spent + rounding ? std::min(share, energy_tolerance) : share;
}

}  // namespace

struct DeviceTotals::State {
    struct OneDevice {
        DeviceTime time;
        DeviceFigures figures;
        double remaining_j = 0;            // by the ledger
        double round_events = 0;           // so far
        double rounding_j = 0;             // of all rounds
        double host_s = 0, host_macs = 0;  // of computations with host times
    };
    std::vector<OneDevice> devices;
    PerState own_powers, powers;
    PerState round_seconds, seconds;
    std::optional<double> dilation;
};

DeviceTotals::DeviceTotals(std::vector<trace::DeviceRow> const& devices, std::vector<trace::OutageRow> const& outages,
                           std::vector<Powers> const& own, std::vector<Powers> const& powers,
                           std::optional<double> dilation)
    : state_(std::make_unique<State>()) {
    for (auto const& row : devices) {
        DeviceFigures figures;
        figures.device = row.device;
        figures.name = row.name.str();
        figures.battery_j = row.battery_j;
        figures.mac_rate = row.mac_rate;
        figures.ledger_error = 0;
        state_->devices.push_back({.time = DeviceTime(outages_of(outages, row.device)), .figures = figures, .remaining_j = row.battery_j});
    }
    state_->dilation = dilation;
    state_->own_powers = per_state(own);
    state_->powers = per_state(powers);
    state_->seconds = state_->round_seconds = PerState::Zero(state_->powers.rows(), 4);
}

DeviceTotals::DeviceTotals(DeviceTotals&&) noexcept = default;
DeviceTotals::~DeviceTotals() = default;

void DeviceTotals::begin_round(double start_s) {
    for (auto& device : state_->devices) device.time.begin_round(start_s);
}

void DeviceTotals::add(Event const& event) {
    auto& device = state_->devices[static_cast<std::size_t>(event.device)];
    auto& figures = device.figures;
    device.time.add(event);
    ++device.round_events;
    if ((event.flags & event_flags::overrun) != 0) ++figures.overruns;
    if (event.kind == EventKind::transmit) figures.sent_bytes += event.bytes;
    if (event.kind == EventKind::receive) figures.received_bytes += event.bytes;
    if (event.kind != EventKind::compute) return;
    ++figures.blocks_run;
    figures.macs += event.macs;
    double const host = event.host_end_s - event.host_begin_s;
    if (!state_->dilation || std::isnan(host) || (event.flags & event_flags::failed) != 0) return;
    device.host_s += host;
    device.host_macs += static_cast<double>(event.macs);
}

double DeviceTotals::end_round(double end_s, std::vector<double> const& remaining_j) {
    auto& [devices, own_powers, powers, round_seconds, seconds, dilation] = *state_;
    for (std::size_t i = 0; i < devices.size(); ++i) {
        auto const states = devices[i].time.end_round(end_s);
        auto& figures = devices[i].figures;
        round_seconds.row(static_cast<Eigen::Index>(i)) << states.compute, states.transmit, states.receive, states.rest;
        figures.processor_wait_s += states.wait;
        figures.processor_idle_s += states.processor_idle;
        figures.processor_off_s += states.processor_off;
        figures.radio_transmit_s += states.radio_transmit;
        figures.radio_receive_s += states.radio_receive;
        figures.radio_idle_s += states.radio_idle;
        figures.radio_off_s += states.radio_off;
    }
    seconds += round_seconds;
    Eigen::ArrayXd const spent = (round_seconds * own_powers).rowwise().sum();
    for (std::size_t i = 0; i < devices.size(); ++i) {
        auto& device = devices[i];
        auto const events = std::exchange(device.round_events, 0);
        if (!std::isfinite(device.figures.battery_j)) continue;
        double const mine = spent(static_cast<Eigen::Index>(i));
        double const expected = std::max(0.0, device.remaining_j - mine);
        double const rounding = (events + 1) * std::numeric_limits<double>::epsilon() * std::abs(end_s) *
                                own_powers(static_cast<Eigen::Index>(i), 3);
        device.rounding_j += rounding;
        device.figures.ledger_error =
            std::max(device.figures.ledger_error,
                     disagreement(expected, remaining_j[i], mine, device.figures.battery_j, rounding));
        device.remaining_j = remaining_j[i];
    }
    return (round_seconds * powers).sum();
}

std::vector<DeviceFigures> DeviceTotals::figures() const {
    auto const& state = *state_;
    PerState const energy = state.seconds * state.powers;
    Eigen::ArrayXd const own_energy = (state.seconds * state.own_powers).rowwise().sum();
    bool const other_powers = (state.powers != state.own_powers).any();
    std::vector<DeviceFigures> all;
    for (std::size_t i = 0; i < state.devices.size(); ++i) {
        auto const row = static_cast<Eigen::Index>(i);
        auto const& device = state.devices[i];
        auto figures = device.figures;
        figures.processor_compute_s = state.seconds(row, 0);
        figures.airtime_transmit_s = state.seconds(row, 1);
        figures.airtime_receive_s = state.seconds(row, 2);
        figures.rest_s = state.seconds(row, 3);
        figures.compute_j = energy(row, 0);
        figures.transmit_j = energy(row, 1);
        figures.receive_j = energy(row, 2);
        figures.idle_j = energy(row, 3);
        figures.energy_j = energy.row(row).sum();
        figures.battery_left_j = other_powers ? figures.battery_j - figures.energy_j : device.remaining_j;
        if (std::isfinite(figures.battery_j)) {
            figures.ledger_j = figures.battery_j - device.remaining_j;
            double const expected = std::max(0.0, figures.battery_j - own_energy(row));
            figures.ledger_error =
                std::max(figures.ledger_error, disagreement(expected, device.remaining_j, own_energy(row),
                                                            figures.battery_j, device.rounding_j));
        } else {
            figures.ledger_error = none;
        }
        if (figures.processor_compute_s > 0)
            figures.achieved_mac_rate = static_cast<double>(figures.macs) / figures.processor_compute_s;
        if (device.host_s > 0) figures.host_mac_rate = device.host_macs / (device.host_s / *state.dilation);
        all.push_back(std::move(figures));
    }
    return all;
}

EnergyTotals DeviceTotals::totals() const {
    EnergyTotals totals;
    for (auto const& device : figures()) {
        totals.compute_j += device.compute_j;
        totals.transmit_j += device.transmit_j;
        totals.receive_j += device.receive_j;
        totals.idle_j += device.idle_j;
        totals.energy_j += device.energy_j;
        if (std::isnan(device.ledger_j)) continue;
        totals.ledger_j = std::isnan(totals.ledger_j) ? device.ledger_j : totals.ledger_j + device.ledger_j;
        totals.ledger_error = std::fmax(totals.ledger_error, device.ledger_error);
    }
    return totals;
}

}  // namespace skipstone::analysis

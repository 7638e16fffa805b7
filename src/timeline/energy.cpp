#include <algorithm>
#include <cmath>
#include <numeric>

#include "timeline/event_rows.hpp"
#include "timeline/timeline.hpp"
#include "units/error.hpp"

namespace skipstone::timeline {

namespace {

// Adds up with the rounding errors carried along (Neumaier 1974).
class Sum {
  public:
    void add(double x) {
        double const sum = sum_ + x;
        error_ += std::abs(sum_) >= std::abs(x) ? (sum_ - sum) + x : (x - sum) + sum_;
        sum_ = sum;
    }
    double value() const { return sum_ + error_; }

  private:
    double sum_ = 0, error_ = 0;
};

}  // namespace

std::vector<Joules> energy_of(std::vector<Event> const& events, std::vector<Powers> const& powers, Seconds start,
                              Seconds end, DownTimes const& off) {
    SKIPSTONE_EXPECT(start <= end);
    // The events that cost energy, grouped by device; a group keeps the order given.
    std::vector<std::size_t> group_end(powers.size() + 1, 0);
    for (Event const& event : events) {
        SKIPSTONE_EXPECT(event.device >= 0 && static_cast<std::size_t>(event.device) < powers.size());
        if (event.kind != EventKind::wait) ++group_end[static_cast<std::size_t>(event.device) + 1];
    }
    std::partial_sum(group_end.begin(), group_end.end(), group_end.begin());
    std::vector<std::size_t> grouped(group_end.back());
    for (std::size_t i = 0; i < events.size(); ++i)
        if (events[i].kind != EventKind::wait) grouped[group_end[static_cast<std::size_t>(events[i].device)]++] = i;

    std::vector<Joules> energy;
    energy.reserve(powers.size());
    auto const in_order = [&](std::size_t a, std::size_t b) { return in_canonical_order(events[a], events[b]); };
    auto group = grouped.begin();
    for (std::size_t device = 0; device < powers.size(); ++device) {
        auto const last = grouped.begin() + static_cast<std::ptrdiff_t>(group_end[device]);
        if (!std::is_sorted(group, last, in_order)) std::sort(group, last, in_order);
        Sum compute, transmit, receive, idle;
        double busy_until = start.value();
        auto const add_idle = [&](double from, double to) {
            for (auto const& [begin, stop] : off.up(DeviceId(device), Seconds(from), Seconds(to)))
                idle.add((stop - begin).value());
        };
        for (; group != last; ++group) {
            Event const& event = events[*group];
            double const from = std::max(event.begin_s, start.value());
            double const to = std::min(event.end_s, end.value());
            if (from >= to) continue;
            (event.kind == EventKind::compute    ? compute
             : event.kind == EventKind::transmit ? transmit
                                                 : receive)
                .add(to - from);
            if (from > busy_until) add_idle(busy_until, from);
            busy_until = std::max(busy_until, to);
        }
        if (end.value() > busy_until) add_idle(busy_until, end.value());
        Powers const& power = powers[device];
        energy.push_back(power.compute * Seconds(compute.value()) + power.transmit * Seconds(transmit.value()) +
                         power.receive * Seconds(receive.value()) + power.idle * Seconds(idle.value()));
    }
    return energy;
}

}  // namespace skipstone::timeline

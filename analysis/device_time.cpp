#include "analysis/device_time.hpp"

#include <algorithm>
#include <cmath>
#include <limits>

namespace skipstone::analysis {

DeviceTime::DeviceTime(std::vector<trace::OutageRow> const& outages) {
    for (auto const& outage : outages)
        off_.push_back(
            {outage.begin_s, std::isnan(outage.end_s) ? std::numeric_limits<double>::infinity() : outage.end_s});
    std::ranges::sort(off_, {}, &Interval::begin);
    std::vector<Interval> merged;
    for (auto const& interval : off_)
        if (!merged.empty() && interval.begin <= merged.back().end)
            merged.back().end = std::max(merged.back().end, interval.end);
        else
            merged.push_back(interval);
    off_ = std::move(merged);
}

void DeviceTime::begin_round(double start_s) {
    seconds_ = {};
    processor_ = transmitting_ = on_air_ = active_ = {.until = start_s};
}

void DeviceTime::add(Event const& event) {
    double const begin = event.begin_s, end = event.end_s;
    switch (event.kind) {
        case EventKind::compute:
            seconds_.compute += end - begin;
            cover(processor_, begin, end);
            cover(active_, begin, end);
            break;
        case EventKind::wait:
            seconds_.wait += end - begin;
            cover(processor_, begin, end);
            break;
        case EventKind::transmit:
            seconds_.transmit += end - begin;
            cover(transmitting_, begin, end);
            cover(on_air_, begin, end);
            cover(active_, begin, end);
            break;
        case EventKind::receive:
            seconds_.receive += end - begin;
            cover(on_air_, begin, end);
            cover(active_, begin, end);
            break;
    }
}

StateSeconds DeviceTime::end_round(double end_s) {
    for (auto* sweep : {&processor_, &on_air_, &active_}) cover(*sweep, end_s, end_s);
    seconds_.rest = active_.idle;
    seconds_.processor_idle = processor_.idle;
    seconds_.processor_off = processor_.off;
    seconds_.radio_transmit = transmitting_.busy;
    seconds_.radio_receive = on_air_.busy - transmitting_.busy;
    seconds_.radio_idle = on_air_.idle;
    seconds_.radio_off = on_air_.off;
    return seconds_;
}

void DeviceTime::cover(Sweep& sweep, double begin, double end) const {
    if (begin > sweep.until) {
        double const off = off_.empty() ? 0 : off_in(sweep.until, begin);
        sweep.idle += (begin - sweep.until) - off;
        sweep.off += off;
        sweep.until = begin;
    }
    if (end > sweep.until) {
        sweep.busy += end - sweep.until;
        sweep.until = end;
    }
}

double DeviceTime::off_in(double begin, double end) const {
    double off = 0;
    auto interval = std::ranges::upper_bound(off_, begin, {}, &Interval::end);
    for (; interval != off_.end() && interval->begin < end; ++interval)
        off += std::min(end, interval->end) - std::max(begin, interval->begin);
    return off;
}

}  // namespace skipstone::analysis

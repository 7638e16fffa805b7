#include "model/stream.hpp"

#include <algorithm>
#include <functional>

namespace skipstone {

SteadyState steady_state(std::vector<Passage> passages) {
    SteadyState steady;
    if (passages.empty()) return steady;
    std::ranges::sort(passages, {}, &Passage::finish_s);
    double const until = std::ranges::max(passages, {}, &Passage::begin_s).begin_s;
    std::size_t from = 0;  // the last of those that began before the first was done
    for (std::size_t i = 0; i < passages.size(); ++i)
        if (passages[i].begin_s < passages.front().finish_s) from = i;
    for (std::size_t i = from + 1; i < passages.size() && passages[i].finish_s <= until; ++i) {
        steady.intervals_s.push_back(passages[i].finish_s - passages[i - 1].finish_s);
        steady.latencies_s.push_back(passages[i].finish_s - passages[i].arrival_s);
    }
    return steady;
}

void StreamLoad::add(Event const& event) {
    double const seconds = event.end_s - event.begin_s;
    if (event.kind == EventKind::compute) processors_[event.device] += seconds;
    if (event.kind == EventKind::transmit) links_[{event.device, event.peer}] += seconds;
    if (event.kind == EventKind::transmit || event.kind == EventKind::receive) radios_[event.device] += seconds;
}

std::string_view to_string(ResourcePrice::Resource resource) {
    using Resource = ResourcePrice::Resource;
    switch (resource) {
        case Resource::processor:
            return "processor";
        case Resource::link:
            return "link";
        case Resource::radio:
            return "radio";
        case Resource::memory:
            return "memory";
    }
    return "";
}

std::vector<StreamLoad::Busy> StreamLoad::busiest() const {
    using Resource = ResourcePrice::Resource;
    std::vector<Busy> all;
    for (auto const& [device, seconds] : processors_)
        all.push_back({Resource::processor, DeviceId(device), {}, seconds});
    if (medium_ == Medium::links)
        for (auto const& [link, seconds] : links_)
            all.push_back({Resource::link, DeviceId(link.first), DeviceId(link.second), seconds});
    else
        for (auto const& [device, seconds] : radios_) all.push_back({Resource::radio, DeviceId(device), {}, seconds});
    std::ranges::stable_sort(all, std::greater(), &Busy::seconds);
    return all;
}

}  // namespace skipstone

#include "planner/connection.hpp"

#include <algorithm>
#include <utility>

namespace skipstone::planner {

namespace {

constexpr double most_looks = 2e8;  // at pairs of devices

bool linked(LinkTable const& links, DeviceId a, DeviceId b) {
    return links.rate(a, b).value() > 0 || links.rate(b, a).value() > 0;
}

}  // namespace

std::vector<std::size_t> parts_of(LinkTable const& links) {
    auto const devices = links.devices();
    std::vector<std::size_t> part(devices, 0);
    std::vector<DeviceId> rest, grown;  // in no part yet; in the one at hand
    for (std::size_t i = devices; i-- > 0;) rest.emplace_back(i);
    double looks = 0;
    for (std::size_t number = 0; !rest.empty(); ++number) {
        grown.assign(1, rest.back());
        rest.pop_back();
        for (std::size_t g = 0; g < grown.size(); ++g) {
            looks += static_cast<double>(rest.size());
            bool const tired = looks > most_looks;
            auto const stays = std::stable_partition(
                rest.begin(), rest.end(), [&](DeviceId id) { return !tired && !linked(links, grown[g], id); });
            grown.insert(grown.end(), stays, rest.end());
            rest.erase(stays, rest.end());
        }
        for (auto const id : grown) part[id.index()] = number;
    }
    return part;
}

std::vector<DeviceId> connected_with(LinkTable const& links, DeviceId first, std::vector<DeviceId> const& others,
                                     Reach reach, std::size_t size) {
    std::vector<DeviceId> found{first};
    std::vector<bool> taken(links.devices(), false);
    taken[first.index()] = true;
    for (std::size_t f = 0; f < found.size() && found.size() < size; ++f)
        for (auto const id : others) {
            if (found.size() == size) break;
            if (taken[id.index()]) continue;
            if (reach == Reach::from ? links.rate(found[f], id).value() > 0 : linked(links, found[f], id)) {
                taken[id.index()] = true;
                found.push_back(id);
            }
        }
    return found;
}

}  // namespace skipstone::planner

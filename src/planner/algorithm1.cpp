#include "planner/algorithm1.hpp"

#include <algorithm>
#include <optional>
#include <utility>

#include "units/error.hpp"

namespace skipstone::planner {

Allocation allocate_devices(Allocation x, LinkTable const& links, std::vector<MacRate> const& rates) {
    SKIPSTONE_EXPECT(rates.size() == x.devices() && links.devices() == x.devices());
    std::vector<std::size_t> devices;
    for (std::size_t r = 0; r < x.requests(); ++r) {
        std::optional<std::size_t> dvc;
        for (std::size_t k = 0; k < x.blocks(); ++k) {
            devices.clear();
            for (std::size_t i = 0; i < x.devices(); ++i)
                if (x(r, i, k) == 1) devices.push_back(i);
            if (devices.size() <= 1) continue;
            if (!dvc || std::ranges::find(devices, *dvc) == devices.end()) {
                auto const score = [&](std::size_t i) {
                    return dvc ? links.rate(DeviceId(*dvc), DeviceId(i)).value() : rates[i].value();
                };
                dvc = *std::ranges::max_element(devices, {}, score);  // the first of equals
            }
            for (auto const i : devices)
                if (i != *dvc) x(r, i, k) = 0;
        }
    }
    return x;
}

}  // namespace skipstone::planner

#include "trace/drawn_rates.hpp"

#include "trace/schema.hpp"

namespace skipstone::trace {

std::vector<double> drawn_rates(LinkModel const& links, std::uint64_t seed, RoundId round, std::size_t devices) {
    auto const table = LinkTable::drawn(devices, links, seed, round);
    std::vector<double> rates;
    rates.reserve(devices * devices);
    for (std::size_t i = 0; i < devices; ++i)
        for (std::size_t k = 0; k < devices; ++k)  // a table has payload rates
            rates.push_back(i == k ? no_value : table.rate(DeviceId(i), DeviceId(k)).value() / links.efficiency);
    return rates;
}

}  // namespace skipstone::trace

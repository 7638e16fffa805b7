#include "model/accuracy_table.hpp"

#include <algorithm>

#include "units/error.hpp"

namespace skipstone {

std::vector<DropOption> drop_options(AccuracyTable const& table, Network const& network) {
    if (table.none) return {{.dropped = {}, .accuracy = 1}};
    auto fail = [&](std::string const& message) { throw InputError("accuracy table " + table.name + ": " + message); };
    if (table.network != network.name())
        fail("it was measured on " + table.network + ", the network here is " + network.name() +
             "; choose a table of that network");
    std::vector<DropOption> options;
    for (auto const& row : table.rows) {
        if (row.mode != BlockMode::skip) continue;
        DropOption option;
        option.accuracy = row.accuracy;
        for (auto const& name : row.dropped) {
            auto const block = network.find(name);
            if (!block) fail("there is no block " + name + " in " + network.name());
            if (!network.block(*block).is_droppable()) fail("block " + name + " has no shortcut and cannot be dropped");
            option.dropped.push_back(*block);
        }
        std::ranges::sort(option.dropped);
        if (std::ranges::adjacent_find(option.dropped) != option.dropped.end()) fail("a row names a block twice");
        if (std::ranges::count_if(option.dropped, [&](BlockId id) {
                return network.block(id).vanishes_when_dropped();
            }) == static_cast<std::ptrdiff_t>(network.size()))
            fail("a row drops every block of " + network.name() + "; one at least must run");
        auto const same = std::ranges::find(options, option.dropped, &DropOption::dropped);
        if (same == options.end())
            options.push_back(std::move(option));
        else
            same->accuracy = std::min(same->accuracy, option.accuracy);  // never promise more than was measured
    }
    auto const nothing = std::ranges::find_if(options, [](auto const& option) { return option.dropped.empty(); });
    if (nothing == options.end())
        fail("it has no row with dropped = []: the accuracy of the network with nothing dropped must be known");
    std::rotate(options.begin(), nothing, nothing + 1);
    return options;
}

DropOption const& most_accurate(std::vector<DropOption> const& options) {
    SKIPSTONE_EXPECT(!options.empty());
    return *std::ranges::max_element(options, {}, &DropOption::accuracy);
}

}  // namespace skipstone

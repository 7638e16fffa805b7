#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <utility>
#include <vector>

namespace skipstone::planner {

enum class Load { macs, memory };

// What segments count on a device by their loads (weights not counted): a dual feasible function. Whole segments whose
// loads together fit count at most `whole`, which fractions of segments may pass though their loads fit.
struct PackingRule {
    std::size_t device = 0;
    Load load = Load::macs;
    std::vector<std::pair<std::int64_t, std::int64_t>> steps;  // from this load on it counts that; 0 below the first
    std::int64_t whole = 1;
    auto operator<=>(PackingRule const&) const = default;

    std::int64_t count(std::int64_t part) const;
};

struct FoundRule {
    std::optional<PackingRule> rule;
    double work = 0;  // elementary operations it took
};

// The rule that a fractional demand for segments, by load, passes by the largest ratio; nothing when it passes none to
// speak of. Loads below limit/16 are not looked at, and of very many packings not all, which makes the rule weaker but
// never wrong.
FoundRule find_packing_rule(std::map<std::int64_t, double> const& demand, std::size_t device, Load load,
                            std::int64_t limit);

}  // namespace skipstone::planner

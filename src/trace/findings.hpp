#pragma once

// Private to this room: what the parts of check() share.

#include <algorithm>
#include <cmath>
#include <limits>
#include <map>
#include <sstream>
#include <string>
#include <vector>

#include "model/event.hpp"
#include "trace/plan_rows.hpp"
#include "trace/schema.hpp"

namespace skipstone::trace {

// Relative; of times below 1 s and of energies of rounds that spend nothing: absolute.
inline constexpr double energy_tolerance = 1e-9;
inline constexpr double time_tolerance = 1e-9;

// Findings of one kind share their sentence's beginning; after the first few of a kind the rest are only counted.
class Findings {
  public:
    template <class... Parts>
    void add(std::string const& kind, Parts const&... parts) {
        auto& seen = counts_[kind];
        if (seen++ >= shown_of_a_kind) return;
        std::ostringstream text;
        text.precision(std::numeric_limits<double>::max_digits10);
        text << kind;
        static_cast<void>((text << ... << parts));
        sentences_.push_back(text.str());
    }

    std::vector<std::string> sentences() const {
        auto all = sentences_;
        for (auto const& [kind, count] : counts_)
            if (count > shown_of_a_kind)
                all.push_back(kind + ": " + std::to_string(count - shown_of_a_kind) + " more like that");
        return all;
    }

  private:
    static constexpr int shown_of_a_kind = 3;
    std::vector<std::string> sentences_;
    std::map<std::string, int> counts_;
};

// One round's rows, and when the next round starts; NaN where the trace does not say.
struct Round {
    RoundRow row;
    double next_start = no_value;
    std::vector<PlanRow> plans;
    std::vector<PlansOf> planned;  // of each request, by these rows
    std::vector<RequestRow> requests;
    std::vector<Event> events;
    std::vector<BatteryRow> battery;
    std::vector<PriceRow> prices;
    std::vector<ExitRow> exits;
};

std::string in_round(RoundRow const& row);
std::string named(Event const& event);

inline bool is_index(std::int32_t value, std::size_t size) {
    return value >= 0 && static_cast<std::size_t>(value) < size;
}

// By how much a time that was computed from times as late as this one may be off.
inline double rounding_of(double time) {
    return time_tolerance * std::max(1.0, std::abs(time));
}

// Not later than, but for rounding.
inline bool not_after(double a, double b) {
    return a <= b + rounding_of(b);
}

}  // namespace skipstone::trace

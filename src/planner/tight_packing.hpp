#pragma once

#include <cstddef>
#include <optional>
#include <vector>

#include "model/instance.hpp"
#include "planner/budget.hpp"
#include "planner/choice.hpp"

namespace skipstone::planner {

struct Packing {
    std::optional<std::vector<Placement>> plan;  // a valid one
    bool impossible = false;                     // it is proven that there is none
};

// Room for so many requests where devices are nearly full. What requests run is packed into the devices one by one, as
// kinds of work of which there are so many; a device may be left no emptier than the rest has room for. Links, and what
// moves take of batteries, are looked at when all has found its place: a proof that there is none needs neither, but
// plans that fail for them are not searched further. Neither plan nor proof: the budget is spent, or it was these.
Packing pack_tightly(Instance const& instance, std::vector<Choice> const& choices, std::size_t requests,
                     Budget& budget);

}  // namespace skipstone::planner

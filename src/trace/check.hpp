#pragma once

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "model/network.hpp"
#include "model/scenario.hpp"

namespace skipstone::trace {

class Reader;

// What a run was made from.
struct Basis {
    Scenario scenario;
    Network network;
};

// Reads what a trace's provenance says of it; none where that cannot be read (another version's).
using BasisOf = std::function<std::optional<Basis>(Reader const&)>;

// What is wrong with a trace, one sentence each; empty: it is complete and agrees with itself. Held against each other:
// rounds, requests, plans, events (inside their round, on devices that exist, every transmission received, no two
// blocks at a time on a processor, each request's blocks as planned and one after the other, overrun flags as lateness
// says) and the battery ledger, which must be the powers integrated over the events to 1e-9 relative. With basis_of
// also against the scenario: devices, blocks, rates, arrivals, lengths and bytes of events, accuracies, objectives.
// Throws InputError when the path is no trace.
std::vector<std::string> check(std::string const& path, BasisOf const& basis_of = {});

}  // namespace skipstone::trace

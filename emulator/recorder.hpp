#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <vector>

#include "emulator/round_result.hpp"
#include "model/network.hpp"
#include "model/scenario.hpp"
#include "trace/schema.hpp"

namespace skipstone::emulator {

// Label of the run's n-th request; none where it is not known.
using LabelOf = std::function<std::optional<int>(std::int64_t image)>;

// The trace's /devices and /blocks; rules: of the network's exits, in their order.
std::vector<trace::DeviceRow> device_rows(Scenario const& scenario);
std::vector<trace::BlockRow> block_rows(Network const& network, std::span<ExitRule const> rules);

// One round as rows of the trace. network: with the exits that are open.
trace::RoundRecord record_of(Scenario const& scenario, Network const& network, RoundResult const& result,
                             LabelOf const& label_of);

}  // namespace skipstone::emulator

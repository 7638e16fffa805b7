#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <vector>

#include "emulator/round_result.hpp"
#include "model/network.hpp"
#include "model/scenario.hpp"
#include "trace/schema.hpp"

namespace skipstone::emulator {

// Label of the run's n-th request; none where it is not known.
using LabelOf = std::function<std::optional<int>(std::int64_t image)>;

// The trace's /devices and /blocks.
std::vector<trace::DeviceRow> device_rows(Scenario const& scenario);
std::vector<trace::BlockRow> block_rows(Network const& network);

// One round as rows of the trace.
trace::RoundRecord record_of(Scenario const& scenario, RoundResult const& result, LabelOf const& label_of);

}  // namespace skipstone::emulator

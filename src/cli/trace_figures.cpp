#include "cli/trace_figures.hpp"

#include <limits>
#include <vector>

#include "trace/reader.hpp"

namespace skipstone::cli {

config::Figures trace_figures(std::filesystem::path const& path) {
    trace::Reader const trace(path.string());
    double requests = 0, done = 0, rejected = 0, failed = 0, latency = 0, accuracy = 0, shared = 0;
    for (auto const& row : trace.read<trace::RequestRow>()) {
        if (row.attempt == 1) ++requests;
        switch (row.status) {
            case trace::RequestStatus::done:
                ++done;
                latency += row.latency_s;
                accuracy += row.accuracy;
                break;
            case trace::RequestStatus::rejected:
                ++rejected;
                break;
            case trace::RequestStatus::failed:
                ++failed;
                break;
        }
    }
    double macs = 0;
    for (auto const& event : trace.read<Event>()) {
        if (event.kind == EventKind::compute) macs += static_cast<double>(event.macs);
        if (event.kind == EventKind::transmit) shared += static_cast<double>(event.bytes);
    }
    double dropped = 0;
    for (auto const& row : trace.read<trace::PlanRow>()) dropped += row.mode == BlockMode::skip ? 1 : 0;
    double energy = 0;
    for (auto const& device : trace.header().devices) energy += device.battery_j;
    auto const battery = trace.read<trace::BatteryRow>();
    auto const devices = trace.header().devices.size();
    for (std::size_t i = battery.size() - devices; i < battery.size(); ++i) energy -= battery[i].remaining_j;
    constexpr auto none = std::numeric_limits<double>::quiet_NaN();
    return {{"requests", requests},
            {"done", done},
            {"rejected", rejected},
            {"failed", failed},
            {"latency_mean_s", done > 0 ? latency / done : none},
            {"accuracy_planned", done > 0 ? accuracy / done : none},
            {"shared_bytes", shared},
            {"macs", macs},
            {"dropped_blocks", dropped},
            {"energy_j", energy},
            {"rounds", static_cast<double>(trace.committed_rounds())},
            {"span_s", trace.read<trace::RoundRow>().back().end_s}};
}

}  // namespace skipstone::cli

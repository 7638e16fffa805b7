// A trace, read, checked, analysed and written in every other format: bytes that begin with HDF5's signature are the
// file itself, others a script that changes a valid one (hdf5_edits.hpp).
#include <cmath>
#include <fstream>
#include <iterator>
#include <memory>
#include <sstream>
#include <vector>

#include "analysis/analyze.hpp"
#include "analysis/csv.hpp"
#include "analysis/csv_export.hpp"
#include "analysis/json.hpp"
#include "analysis/page.hpp"
#include "analysis/perfetto.hpp"
#include "cli/watched_round.hpp"
#include "config/json_reader.hpp"
#include "config/scenario_file.hpp"
#include "tests/fuzz/hdf5_edits.hpp"
#include "tests/fuzz/memory_file.hpp"
#include "tests/fuzz/target.hpp"
#include "tests/trace/sample.hpp"
#include "trace/check.hpp"
#include "trace/digest.hpp"
#include "trace/reader.hpp"

namespace {

using namespace skipstone;

constexpr char scenario[] = R"(
[network.profile]
name = "tiny"
stages = [1]
block = "basic"
width = 2
expansion = 1
[accuracy.table]
format = "skipstone-accuracy"
version = 1
network = "tiny"
row = [{dropped = [], accuracy = 0.9}]
[fleet]
devices = [{profile = "khan2023-low", count = 3}]
[links]
profile = "khan2023"
)";

std::vector<char> valid_file() {
    fuzz::MemoryFile const place("trace.h5", "", 0);
    auto header = trace::sample::header();
    header.provenance.scenario = scenario;
    trace::sample::write(place.path().string(), header, trace::sample::records(4));
    std::ifstream file(place.path(), std::ios::binary);
    return {std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
}

std::optional<Scenario> scenario_of(trace::Reader const& trace) {
    static config::ProfileFolders const folders{.roots = {SKIPSTONE_SOURCE_DIR "/profiles"}, .built_in = {}};
    std::optional<Scenario> found;
    fuzz::accepts([&] {
        found = config::parse_scenario(trace.header().provenance.scenario, "scenario", {}, {}, folders);
        if (found->fleet.size() != trace.header().devices.size()) found.reset();
    });
    return found;
}

// What `check` has nothing to say about holds quantities that can be.
void check_quantities(trace::Reader const& trace) {
    auto const finite = [](double value) { return std::isfinite(value) && value >= 0; };
    for (auto const& device : trace.header().devices)
        fuzz::require(finite(device.mac_rate) && device.mac_rate > 0 && device.memory_bytes >= 0 &&
                          device.macs_per_round >= 0 && device.battery_j >= 0 && finite(device.power_compute_w) &&
                          finite(device.power_transmit_w) && finite(device.power_receive_w) &&
                          finite(device.power_idle_w),
                      "a device's quantities are finite and not negative");
    for (auto const& block : trace.header().blocks)
        fuzz::require(block.macs >= 0 && block.memory_bytes >= 0 && block.output_bytes >= 0 &&
                          block.weight_bytes >= 0 && block.skip_macs >= 0 && block.skip_memory_bytes >= 0,
                      "a block's quantities are not negative");
    for (auto const& row : trace.read<trace::RoundRow>())
        fuzz::require(finite(row.start_s) && finite(row.end_s) && row.end_s >= row.start_s && row.requests >= 0 &&
                          row.admitted >= 0 && row.admitted <= row.requests,
                      "a round's quantities are finite and not negative");
    for (auto const& row : trace.read<trace::RequestRow>())
        fuzz::require(finite(row.arrival_s) && row.shared_bytes >= 0 && row.attempt >= 1 &&
                          (row.status != trace::RequestStatus::done ||
                           (finite(row.finish_s) && finite(row.latency_s) && row.accuracy >= 0 && row.accuracy <= 1)),
                      "a request's quantities are finite and not negative");
    for (auto const& event : trace.read<Event>())
        fuzz::require(finite(event.begin_s) && finite(event.end_s) && event.bytes >= 0 && event.macs >= 0,
                      "an event's quantities are finite and not negative");
    for (auto const& row : trace.read<trace::BatteryRow>())
        fuzz::require(row.remaining_j >= 0, "a battery holds nothing negative");
}

// What each subcommand does with a trace, for itself: an earlier one's complaint does not shield the next.
template <class Use>
void attempt(Use&& use) {
    try {
        use();
    } catch (InputError const&) {
    } catch (EnvironmentError const&) {  // HDF5 cannot read what the file says it holds
    }
}

void read_all(std::string const& path) {
    static auto const origin = std::make_shared<config::Origin const>(config::Origin{"trace.json", ""});
    std::unique_ptr<trace::Reader> trace;
    attempt([&] { trace = std::make_unique<trace::Reader>(path); });
    if (!trace) return;
    attempt([&] {
        if (trace::check(path).empty()) check_quantities(*trace);
    });
    attempt([&] { trace::digest(*trace); });
    attempt([&] {
        for (std::int32_t round = 0; round < trace->committed_rounds(); ++round)
            cli::read_round(*trace, RoundId(round));
    });
    attempt([&] {
        std::ostringstream perfetto;
        analysis::write_perfetto(*trace, perfetto);
        config::parse_json(perfetto.str(), origin);
    });
    for (auto const& table : analysis::csv_tables(*trace))
        attempt([&] {
            std::ostringstream csv;
            analysis::write_csv(*trace, table, csv);
        });
    attempt([&] {
        analysis::Options options;
        options.scenario = scenario_of(*trace);
        auto const analysis = analysis::analyze(*trace, options);
        std::ostringstream json, page;
        analysis::write_json(json, analysis);
        config::parse_json(json.str(), origin);
        analysis::write_page(page, analysis, *trace);
        fuzz::require(page.str().find("<b>BAD") == std::string::npos, "text of a trace is no markup");
    });
}

}  // namespace

int LLVMFuzzerTestOneInput(std::uint8_t const* data, std::size_t size) {
    static auto const valid = valid_file();
    fuzz::read_hdf5_input("trace.h5", valid, {data, size}, read_all);
    return 0;
}

#include <algorithm>
#include <map>
#include <utility>

#include "config/calibration_table.hpp"
#include "config/exits_section.hpp"
#include "config/fault_section.hpp"
#include "config/link_section.hpp"
#include "config/network_profile.hpp"
#include "config/plan_stages.hpp"
#include "config/profile_tables.hpp"
#include "config/scenario_file.hpp"
#include "config/toml_reader.hpp"
#include "units/error.hpp"

// Scenarios as text.
namespace skipstone::config {

namespace {

bool same_but_name(Device const& a, Device const& b) {
    return a.profile == b.profile && a.mac_rate == b.mac_rate && a.memory == b.memory &&
           a.macs_per_round == b.macs_per_round && a.battery == b.battery && a.power.compute == b.power.compute &&
           a.power.transmit == b.power.transmit && a.power.receive == b.power.receive && a.power.idle == b.power.idle &&
           a.compute_seconds == b.compute_seconds && a.part_seconds == b.part_seconds && a.speedup == b.speedup;
}

// "big-3" -> "big" when the next device of that base is number 3; "" otherwise.
std::string base_of(std::string const& name, std::map<std::string, std::int64_t> const& next) {
    auto const dash = name.rfind('-');
    if (dash == std::string::npos || dash == 0) return "";
    std::string base = name.substr(0, dash);
    auto const found = next.find(base);
    std::int64_t const number = found == next.end() ? 0 : found->second;
    return name.substr(dash + 1) == std::to_string(number) ? base : "";
}

std::string fleet_text(std::vector<Device> const& fleet) {
    std::string text;
    std::map<std::string, std::int64_t> next;  // as DeviceNames counts
    for (std::size_t i = 0; i < fleet.size();) {
        Device const& device = fleet[i];
        std::string const base = base_of(device.name, next);
        std::size_t count = 1;
        text += "\n[[fleet.devices]]\n";
        if (base.empty()) {
            text += "name = " + toml_string(device.name) + "\n";
        } else {
            std::int64_t& number = next[base];
            ++number;
            while (i + count < fleet.size() && fleet[i + count].name == base + "-" + std::to_string(number) &&
                   same_but_name(device, fleet[i + count])) {
                ++count;
                ++number;
            }
            text += "name = " + toml_string(base) + "\ncount = " + std::to_string(count) + "\n";
        }
        if (device.profile == "inline")
            text += device_lines(device);
        else
            text += "[fleet.devices.profile]\nname = " + toml_string(device.profile) + "\n" + device_lines(device);
        i += count;
    }
    return text;
}

std::string_view word(Arrivals arrivals) {
    switch (arrivals) {
        case Arrivals::batch:
            return "batch";
        case Arrivals::spread:
            return "spread";
        case Arrivals::every:
            return "every";
        case Arrivals::closed:
            return "closed";
    }
    return "batch";
}
std::string_view word(OnReject on_reject) {
    return on_reject == OnReject::drop ? "drop" : "retry";
}
std::string_view word(Residual residual) {
    return residual == Residual::fused ? "fused" : "paper";
}
std::string_view word(MemoryModel memory) {
    return memory == MemoryModel::paper ? "paper" : "resident";
}
std::string_view word(ClockKind clock) {
    return clock == ClockKind::wall ? "wall" : "virtual";
}

std::string collaboration_text(Scenario::CollaborationSection const& collaboration) {
    if (collaboration.splits.empty()) return "";
    std::vector<std::string> words;
    for (Split::Kind const kind : collaboration.splits) words.emplace_back(to_string(kind));
    return "\n[collaboration]\nsplits = " + string_list(words) +
           "\nmost_parts = " + std::to_string(collaboration.most_parts) + "\n";
}

std::string reference_text(Scenario::ObjectiveSection const& objective) {
    switch (objective.latency_reference) {
        case LatencyReference::compute:
            return "compute";
        case LatencyReference::worst_case:
            return "worst-case";
        case LatencyReference::fixed:
            return quantity_text(objective.reference_time);
    }
    return "compute";
}

}  // namespace

std::string scenario_text(Scenario const& scenario) {
    auto const line = [](std::string_view key, std::string const& value) {
        return std::string(key) + " = " + value + "\n";
    };
    auto const number = [](auto value) { return std::to_string(value); };
    auto const boolean = [](bool value) { return std::string(value ? "true" : "false"); };

    std::string text = line("seed", number(scenario.seed));
    auto const& network = scenario.network;
    text += "\n[network]\n";
    if (network.weights) text += line("weights", toml_string(network.named_weights()));
    if (network.input) text += line("input", number(*network.input));
    if (network.classes) text += line("classes", number(*network.classes));
    text += line("precision", toml_string(to_string(network.profile.precision)));
    text += line("convolutions", toml_string(std::string(to_string(network.convolutions))));
    if (network.profile.blocks != BlockRule{}) text += line("blocks", block_rule_text(network.profile.blocks));
    text += "[network.profile]\n" + network_lines(network.profile);
    if (network.calibration)
        text += "\n[network.calibration]\n" + line("name", toml_string(network.calibration->name)) +
                calibration_lines(*network.calibration, "network.calibration.ranges");

    bool const has_accuracy = !scenario.accuracy.none;
    text += has_accuracy ? "\n[accuracy.table]\n" + line("name", toml_string(scenario.accuracy.name)) +
                               accuracy_lines(scenario.accuracy) +
                               (scenario.accuracy.weights_sha256.empty()
                                    ? ""
                                    : line("weights_sha256", toml_string(scenario.accuracy.weights_sha256))) +
                               accuracy_rows(scenario.accuracy, "accuracy.table.row")
                         : "\n[accuracy]\n" + line("table", toml_string(no_table));
    text += fleet_text(scenario.fleet);
    auto const pairs = link_pairs_text(scenario.links.pairs, scenario.fleet);
    bool const inline_links = scenario.links.profile == "inline";
    if (inline_links || !pairs.empty())
        text += "\n[links]\n" + (inline_links ? link_lines(scenario.links) : "") + pairs;
    if (!inline_links)
        text += "\n[links.profile]\n" + line("name", toml_string(scenario.links.profile)) + link_lines(scenario.links);

    auto const& requests = scenario.requests;
    text += "\n[requests]\n";
    text += requests.count ? line("count", number(*requests.count)) : line("rate", number_text(requests.rate));
    text += line("arrivals", toml_string(word(requests.arrivals)));
    if (requests.arrivals == Arrivals::every) text += line("interval", toml_string(quantity_text(requests.interval)));
    if (requests.arrivals == Arrivals::closed) text += line("in_flight", number(requests.in_flight));
    text += line("source", toml_string(requests.source)) + line("on_reject", toml_string(word(requests.on_reject)));

    text += "\n[rounds]\n" + line("count", number(scenario.rounds.count)) +
            line("period", toml_string(quantity_text(scenario.rounds.period)));

    auto const& objective = scenario.objective;
    text += "\n[objective]\n";
    if (objective.goal == Goal::throughput) text += line("goal", "\"throughput\"");
    text += line("alpha", number_text(objective.alpha)) + line("beta", number_text(objective.beta)) +
            (scenario.knows_accuracy() ? line("accuracy_threshold", number_text(objective.accuracy_threshold)) : "") +
            line("latency_reference", toml_string(reference_text(objective))) +
            line("residual", toml_string(word(objective.residual))) +
            line("memory", toml_string(word(objective.memory)));

    auto const& planner = scenario.planner;
    text += "\n[planner]\n" + line("name", toml_string(planner.name)) + line("gap", number_text(planner.gap)) +
            line("charge", planner.charge && planner.charge_time ? toml_string(quantity_text(*planner.charge_time))
                                                                 : boolean(planner.charge)) +
            plan_stages_text(planner.stages, scenario.fleet);

    text += collaboration_text(scenario.collaboration);

    text += exits_section_text(scenario.exits);

    text += fault_section_text(scenario.faults, scenario.fleet);

    auto const& emulation = scenario.emulation;
    text += "\n[emulation]\n" + line("clock", toml_string(word(emulation.clock))) +
            line("dilation", emulation.dilation ? number_text(*emulation.dilation) : "\"auto\"") +
            line("kernels", boolean(emulation.kernels));
    return text;
}

}  // namespace skipstone::config

#include <optional>
#include <string>
#include <utility>

#include "config/exit_json.hpp"
#include "config/instance_json.hpp"
#include "config/json_names.hpp"
#include "config/split_json.hpp"

// Instances as text.
namespace skipstone::config {

namespace {

struct LinksJson {
    Json rates;    // matrix
    Json latency;  // a number where all are equal, else a matrix
};

LinksJson links_json(Instance const& instance) {
    LinkTable const& links = instance.cut ? instance.cut->whole : instance.links;
    auto const count = instance.devices.size();
    std::optional<double> common;
    bool uniform = true;
    Json matrix = Json::array();
    Json rates = Json::array();
    for (std::size_t i = 0; i < count; ++i) {
        Json rate_row = Json::array(), latency_row = Json::array();
        for (std::size_t k = 0; k < count; ++k) {
            if (i == k) {
                rate_row.push_back(nullptr);
                latency_row.push_back(nullptr);
                continue;
            }
            DeviceId const from(i), to(k);
            double const rate = links.rate(from, to).value();
            double const latency = links.latency(from, to).value();
            rate_row.push_back(rate > 0 ? Json(rate) : Json(nullptr));
            latency_row.push_back(latency);
            if (!common) common = latency;
            uniform = uniform && latency == *common;
        }
        rates.push_back(std::move(rate_row));
        matrix.push_back(std::move(latency_row));
    }
    return {std::move(rates), uniform ? Json(common.value_or(0)) : std::move(matrix)};
}

}  // namespace

std::string instance_text(Instance const& instance) {
    Json json{{"format", "skipstone-instance"}, {"version", 1}};
    if (instance.goal == Goal::throughput) json["goal"] = "throughput";
    json["alpha"] = instance.alpha;
    json["beta"] = instance.beta;
    json["accuracy_threshold"] = instance.accuracy_threshold;
    json["requests"] = instance.requests;
    json["reference_latency_s"] = instance.reference_latency.value();
    json["residual"] = instance.residual == Residual::fused ? "fused" : "paper";
    json["memory"] = instance.memory == MemoryModel::paper ? "paper" : "resident";
    json["source"] = instance.source ? Json(instance.devices.at(instance.source->index()).name) : Json(nullptr);
    json["input_bytes"] = instance.input.value();
    Json blocks = Json::array();
    for (auto const& block : instance.blocks) {
        blocks.push_back({{"name", block.name},
                          {"macs", block.macs.value()},
                          {"memory_bytes", block.memory.value()},
                          {"output_bytes", block.output.value()},
                          {"weight_bytes", block.weights.value()},
                          {"skip_macs", block.skip_macs.value()},
                          {"skip_memory_bytes", block.skip_memory.value()}});
        if (!block.splits.empty()) blocks.back()["splits"] = splits_json(block.splits);
    }
    json["blocks"] = std::move(blocks);
    if (!instance.exits.empty()) {
        json["exits"] = exits_json(instance);
        json["reserve"] = instance.reserve_expected ? "expected" : "worst";
    }
    Json accuracy = Json::array();
    for (auto const& option : instance.accuracy) {
        accuracy.push_back({{"dropped", names_json(instance, option.dropped)}, {"accuracy", option.accuracy}});
        if (!option.reach.empty()) accuracy.back()["reach"] = option.reach;
    }
    json["accuracy"] = instance.accuracy_known ? std::move(accuracy) : Json(nullptr);
    Json devices = Json::array();
    for (auto const& device : instance.devices) {
        auto on = device;
        on.switch_on();
        Json entry{{"name", device.name},
                   {"mac_rate", device.mac_rate.value()},
                   {"memory_bytes", on.memory.value()},
                   {"macs", on.macs.value()},
                   {"energy_j", finite(on.energy.value())},
                   {"power_compute_w", device.power_compute.value()},
                   {"power_transmit_w", device.power_transmit.value()},
                   {"power_receive_w", device.power_receive.value()}};
        Json times = Json::object();
        for (std::size_t block = 0; block < device.compute.size(); ++block)
            if (device.compute[block]) times[instance.blocks.at(block).name] = device.compute[block]->value();
        if (!times.empty()) entry["compute_s"] = std::move(times);
        Json part_times = Json::object();
        for (auto const& [part, time] : device.part_compute)
            part_times[instance.blocks.at(part.first.index()).name + ":" + to_string(part.second)] = time.value();
        if (!part_times.empty()) entry["part_compute_s"] = std::move(part_times);
        Json head_times = Json::object();
        for (auto const& exit : instance.exits)
            if (auto const time = device.head_compute.find(exit.head); time != device.head_compute.end())
                head_times[exit.name] = time->second.value();
        if (!head_times.empty()) entry["head_compute_s"] = std::move(head_times);
        if (device.off) entry["off"] = device.off->because == OffBecause::energy ? "energy" : "outage";
        devices.push_back(std::move(entry));
    }
    json["devices"] = std::move(devices);
    LinksJson links = links_json(instance);
    json["rate_bit_s"] = std::move(links.rates);
    json["latency_s"] = std::move(links.latency);
    if (instance.cut) {
        json["cut"] = Json::array();
        for (auto const& [a, b] : instance.cut->pairs)
            json["cut"].push_back({instance.devices.at(a.index()).name, instance.devices.at(b.index()).name});
    }
    return json.dump(1) + "\n";
}

}  // namespace skipstone::config

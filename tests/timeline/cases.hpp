#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "timeline/timeline.hpp"

// Small words for writing down timelines by hand.
namespace skipstone::timeline::cases {

inline DeviceId device(int value) {
    return DeviceId(static_cast<std::int32_t>(value));
}

// Block `block` for `seconds` on a device; its output has `output` bytes.
inline timeline::Task task(int block, int on, double seconds, std::int64_t output = 0) {
    return {.block = BlockId(static_cast<std::int32_t>(block)),
            .mode = BlockMode::full,
            .device = device(on),
            .duration = Seconds(seconds),
            .macs = Macs(1000 + block),
            .output = {Bytes(output), Bytes(output)}};
}

inline Job job(int request, double ready, std::vector<timeline::Task> tasks,
               std::optional<DeviceId> source = std::nullopt, std::int64_t input = 0) {
    return {.request = RequestId(static_cast<std::int32_t>(request)),
            .ready = Seconds(ready),
            .source = source,
            .input = Bytes(input),
            .tasks = std::move(tasks)};
}

// Every link carries 1 byte per second.
inline Conditions conditions(std::size_t devices, Medium medium = Medium::links, double latency = 0) {
    Conditions result;
    result.round = RoundId(3);
    result.links = LinkTable::dense(devices, std::vector<double>(devices * devices, 8.0), {latency});
    result.medium = medium;
    return result;
}

inline double begin(RoundTimes const& times, std::size_t job, std::size_t task) {
    return times.jobs[job].tasks[task].begin.value();
}
inline double end(RoundTimes const& times, std::size_t job, std::size_t task) {
    return times.jobs[job].tasks[task].end.value();
}
inline HopTimes const& hop(RoundTimes const& times, std::size_t job, std::size_t task) {
    return times.jobs[job].hops[task];
}
inline double finish(RoundTimes const& times, std::size_t job) {
    return times.jobs[job].finish.value();
}

}  // namespace skipstone::timeline::cases

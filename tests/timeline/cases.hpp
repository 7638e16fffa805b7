#pragma once

#include <cstdint>
#include <optional>
#include <utility>
#include <vector>

#include "timeline/timeline.hpp"

// Small words for writing down timelines by hand.
namespace skipstone::timeline::cases {

inline DeviceId device(int value) {
    return DeviceId(static_cast<std::int32_t>(value));
}

// Block `block` for `seconds` on a device; its output has `output` bytes: in these cases that is Task::memory.
inline Task task(int block, int on, double seconds, std::int64_t output = 0) {
    return {.block = BlockId(static_cast<std::int32_t>(block)),
            .device = device(on),
            .duration = Seconds(seconds),
            .macs = Macs(1000 + block),
            .memory = Bytes(output)};
}

// Each task after the one before it. The image moves from its source, and an output to the device that needs it next.
inline TaskGraph chain(std::vector<Task> tasks, std::optional<DeviceId> source = std::nullopt, std::int64_t input = 0) {
    TaskGraph graph;
    auto holder = source;
    Bytes bytes(input);
    for (std::size_t t = 0; t < tasks.size(); ++t) {
        TaskId const from = t == 0 ? TaskId() : TaskId(t - 1);
        std::int32_t move = -1;
        if (holder && *holder != tasks[t].device) {
            move = static_cast<std::int32_t>(graph.moves.size());
            graph.moves.push_back({.from = from,
                                   .sender = *holder,
                                   .receiver = tasks[t].device,
                                   .bytes = {bytes, bytes},
                                   .region = {}});
        }
        graph.feeds.push_back({.from = from, .to = TaskId(t), .move = move});
        holder = tasks[t].device;
        bytes = tasks[t].memory;
    }
    graph.tasks = std::move(tasks);
    return graph;
}

inline Job job(int request, double ready, std::vector<Task> tasks, std::optional<DeviceId> source = std::nullopt,
               std::int64_t input = 0) {
    return {.request = RequestId(static_cast<std::int32_t>(request)),
            .ready = Seconds(ready),
            .source = source,
            .work = chain(std::move(tasks), source, input)};
}

// The chain of a job, all behind its first tasks on another device.
inline TaskGraph moved_to(Job const& job, std::size_t kept, DeviceId device) {
    auto tasks = job.work.tasks;
    for (std::size_t t = kept; t < tasks.size(); ++t) tasks[t].device = device;
    bool const image_moves = !job.work.moves.empty() && !job.work.moves.front().from;
    return chain(std::move(tasks), job.source, image_moves ? job.work.moves.front().bytes.serialised.value() : 0);
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
inline HopTimes const& hop(RoundTimes const& times, std::size_t job, std::size_t move) {
    return times.jobs[job].hops[move];
}
inline double finish(RoundTimes const& times, std::size_t job) {
    return times.jobs[job].finish.value();
}

}  // namespace skipstone::timeline::cases

#pragma once

#include <cstdint>
#include <map>
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

// The head of an exit behind the task before it; it is a block of its own.
inline Task head(int block, int on, double seconds) {
    Task result = task(block, on, seconds);
    result.exit = block;
    return result;
}

struct Need {
    int from, to;   // -1: the image
    int gate = -1;  // the head that lets it go
};

// Tasks with what they need, by `to`; the image moves from its source. An output moves to each device that needs it.
inline TaskGraph graph(std::vector<Task> tasks, std::vector<Need> const& needs,
                       std::optional<DeviceId> source = std::nullopt, std::int64_t input = 0) {
    TaskGraph result;
    std::map<std::pair<int, DeviceId>, std::int32_t> moves;
    auto const task_of = [&](int t) -> Task const& { return tasks[static_cast<std::size_t>(t)]; };
    auto const holder = [&](int from) { return from < 0 ? source : std::optional(task_of(from).device); };
    auto const id = [](int t) { return t < 0 ? TaskId() : TaskId(t); };
    for (auto const& [from, to, gate] : needs)
        if (holder(from) && *holder(from) != task_of(to).device) moves[{from, task_of(to).device}] = 0;
    std::map<int, std::int32_t> streams;
    for (auto& [way, number] : moves) {
        auto const [from, receiver] = way;
        Bytes const bytes = from < 0 ? Bytes(input) : task_of(from).memory;
        std::int32_t const first = from < 0 ? 0 : 65536 * (task_of(from).part + 1);
        number = static_cast<std::int32_t>(result.moves.size());
        result.moves.push_back({.from = id(from),
                                .sender = *holder(from),
                                .receiver = receiver,
                                .bytes = {bytes, bytes},
                                .region = {},
                                .stream = first + streams[from]++});
    }
    for (auto const& [from, to, gate] : needs) {
        auto const move = moves.find({from, task_of(to).device});
        std::int32_t const number = move == moves.end() ? -1 : move->second;
        result.feeds.push_back({.from = id(from), .to = TaskId(to), .move = number, .gate = id(gate)});
        if (number >= 0) result.moves[static_cast<std::size_t>(number)].gate = id(gate);
    }
    result.tasks = std::move(tasks);
    return result;
}

// Each task after the one before it.
inline TaskGraph chain(std::vector<Task> tasks, std::optional<DeviceId> source = std::nullopt, std::int64_t input = 0) {
    std::vector<Need> needs;
    for (int t = 0; t < static_cast<int>(tasks.size()); ++t) needs.push_back({t - 1, t});
    return graph(std::move(tasks), needs, source, input);
}

// Block by block: the parts of a block, which follow one another, then what joins them, then heads that judge it one
// after the other.
inline TaskGraph blocks(std::vector<Task> tasks, std::optional<DeviceId> source = std::nullopt,
                        std::int64_t input = 0) {
    std::vector<Need> needs;
    int whole = -1, first = 0, gate = -1;
    for (int t = 0; t < static_cast<int>(tasks.size()); ++t) {
        Task const& task = tasks[static_cast<std::size_t>(t)];
        if (task.joins())
            for (int p = first; p < t; ++p) needs.push_back({p, t});
        else
            needs.push_back({whole, t, gate});
        if (task.is_head()) gate = t, first = t + 1;
        if (task.is_whole()) whole = t, first = t + 1, gate = -1;
    }
    return graph(std::move(tasks), needs, source, input);
}

// Part `part` of a block in `parts` parts; −1: what joins them.
inline Task part(int block, int part, int parts, int on, double seconds, std::int64_t output = 0) {
    Task result = task(block, on, seconds, output);
    result.split = {Split::Kind::rows, parts};
    result.part = static_cast<std::int16_t>(part);
    return result;
}

inline Job job(int request, double ready, std::vector<Task> tasks, std::optional<DeviceId> source = std::nullopt,
               std::int64_t input = 0) {
    return {.request = RequestId(static_cast<std::int32_t>(request)),
            .ready = Seconds(ready),
            .source = source,
            .work = chain(std::move(tasks), source, input)};
}

// The work of a job, all behind its first tasks on another device.
inline TaskGraph moved_to(Job const& job, std::size_t kept, DeviceId device) {
    auto tasks = job.work.tasks;
    for (std::size_t t = kept; t < tasks.size(); ++t) tasks[t].device = device;
    bool const image_moves = !job.work.moves.empty() && !job.work.moves.front().from;
    return blocks(std::move(tasks), job.source, image_moves ? job.work.moves.front().bytes.serialised.value() : 0);
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

#include "model/task_graph.hpp"

#include <algorithm>
#include <cmath>
#include <map>

#include "model/chain_walk.hpp"
#include "model/cost_model.hpp"
#include "units/error.hpp"

namespace skipstone {

namespace {

constexpr std::int32_t streams_of_a_task = 65536;  // moves of one task; more devices than that split no block

// Puts a request's graph together, block by block.
class Maker {
  public:
    Maker(Instance const& instance, RequestPlan const& plan) : instance_(instance), plan_(plan) {
        graph_.tasks.reserve(plan.devices.size());
        graph_.feeds.reserve(plan.devices.size());
    }

    TaskGraph make() && {
        auto next_split = plan_.splits.begin();
        walk_chain(instance_, plan_.dropped, [&](ChainStep const& step) {
            DeviceId const device = plan_.devices[step.block.index()];
            if (next_split != plan_.splits.end() && next_split->block == step.block)
                add_split(*next_split++, device);
            else
                add_whole(step.block, step.mode, device);
            whole_ = TaskId(graph_.tasks.size() - 1);
            head_ = {};
            for (std::size_t e = step.first_exit; e < step.end_exit; ++e) add_head(e, device);
        });
        return std::move(graph_);
    }

  private:
    void add_head(std::size_t index, DeviceId device) {
        InstanceExit const& exit = instance_.exits[index];
        TaskId const head(graph_.tasks.size());
        graph_.tasks.push_back({.block = exit.head,
                                .device = device,
                                .duration = head_time(instance_, exit, device),
                                .macs = exit.macs,
                                .memory = exit.memory,
                                .weights = exit.weights,
                                .exit = static_cast<std::int32_t>(index)});
        graph_.feeds.push_back({.from = whole_, .to = head, .gate = head_});
        head_ = head;
    }

    void add_whole(BlockId block, BlockMode mode, DeviceId device) {
        InstanceBlock const& what = instance_.blocks[block.index()];
        bool const skip = mode == BlockMode::skip;
        auto const from = whole_;
        graph_.tasks.push_back({.block = block,
                                .mode = mode,
                                .device = device,
                                .duration = compute_time(instance_, block, mode, device),
                                .macs = skip ? what.skip_macs : what.macs,
                                .memory = skip ? what.skip_memory : what.memory,
                                .weights = what.weights});
        std::int32_t move = -1;
        if (auto const sender = holder(from); sender && *sender != device) {
            move = static_cast<std::int32_t>(graph_.moves.size());
            auto const bytes = from ? hop_bytes(instance_, graph_.tasks[from.index()].block)
                                    : HopBytes{instance_.input, instance_.input};
            graph_.moves.push_back(
                {.from = from, .sender = *sender, .receiver = device, .bytes = bytes, .region = {}, .gate = head_});
        }
        graph_.feeds.push_back({.from = from, .to = TaskId(graph_.tasks.size() - 1), .move = move, .gate = head_});
    }

    void add_split(SplitBlock const& way, DeviceId joins) {
        InstanceBlock const& what = instance_.blocks[way.block.index()];
        InstanceSplit const* const split = what.find(way.split);
        SKIPSTONE_EXPECT(split && way.parts.size() == split->parts.size());
        auto const from = whole_;
        auto const sender = holder(from);
        auto const first = graph_.tasks.size();
        std::map<DeviceId, std::int32_t> moves = scatter(*split, way, from, sender);
        for (std::size_t p = 0; p < way.parts.size(); ++p) {
            InstancePart const& part = split->parts[p];
            DeviceId const device = way.parts[p];
            auto const move = moves.find(device);
            graph_.feeds.push_back({.from = from,
                                    .to = TaskId(graph_.tasks.size()),
                                    .move = move == moves.end() ? -1 : move->second,
                                    .region = part.input,
                                    .gate = head_});
            graph_.tasks.push_back({.block = way.block,
                                    .device = device,
                                    .split = way.split,
                                    .part = static_cast<std::int16_t>(p),
                                    .duration = part_time(instance_, way.block, way.split, p, device),
                                    .macs = part.macs,
                                    .memory = part.memory,
                                    .weights = part.weights});
        }
        TaskId const join(graph_.tasks.size());
        for (std::size_t p = 0; p < way.parts.size(); ++p) {
            std::int32_t move = -1;
            if (way.parts[p] != joins) {
                move = static_cast<std::int32_t>(graph_.moves.size());
                Bytes const bytes = split->parts[p].output_bytes;
                graph_.moves.push_back({.from = TaskId(first + p),
                                        .sender = way.parts[p],
                                        .receiver = joins,
                                        .bytes = {bytes, bytes},
                                        .region = {},
                                        .stream = streams_of_a_task * static_cast<std::int32_t>(p + 1)});
            }
            graph_.feeds.push_back({.from = TaskId(first + p), .to = join, .move = move});
        }
        graph_.tasks.push_back({.block = way.block,
                                .device = joins,
                                .split = way.split,
                                .duration = join_time(instance_, way.block, way.split, joins),
                                .macs = split->join_macs});
    }

    // The whole input's moves to the devices of the parts; by device, which move it is.
    std::map<DeviceId, std::int32_t> scatter(InstanceSplit const& split, SplitBlock const& way, TaskId from,
                                             std::optional<DeviceId> sender) {
        std::map<DeviceId, std::int32_t> moves;
        if (!sender) return moves;
        std::map<DeviceId, Region> boxes;
        for (std::size_t p = 0; p < way.parts.size(); ++p) {
            if (way.parts[p] == *sender) continue;
            auto const [box, is_new] = boxes.try_emplace(way.parts[p], split.parts[p].input);
            if (!is_new) box->second = hull(box->second, split.parts[p].input);
        }
        InstancePart const& sample = split.parts.front();
        auto const elements = static_cast<std::int64_t>(sample.input.shape().elements());
        std::int32_t stream = 0;
        for (auto const& [device, box] : boxes) {
            auto const size = static_cast<std::int64_t>(box.shape().elements());
            Bytes const bytes(sample.input_bytes.value() / elements * size);
            moves[device] = static_cast<std::int32_t>(graph_.moves.size());
            graph_.moves.push_back({.from = from,
                                    .sender = *sender,
                                    .receiver = device,
                                    .bytes = {bytes, bytes},
                                    .region = box,
                                    .stream = stream++,
                                    .gate = head_});
        }
        return moves;
    }

    // Who has a task's output, or the image; none: every device has it.
    std::optional<DeviceId> holder(TaskId task) const {
        return task ? std::optional(graph_.tasks[task.index()].device) : instance_.source;
    }

    Instance const& instance_;
    RequestPlan const& plan_;
    TaskGraph graph_;
    TaskId whole_, head_;  // the last block's, and of the last exit behind it
};

Seconds time_of(Instance const& instance, Move const& move) {
    return hop_time(instance, move.bytes.serialised, move.sender, move.receiver);
}

// When each task ends, without queueing.
std::vector<Seconds> ends_of(Instance const& instance, TaskGraph const& graph) {
    std::vector<Seconds> ends(graph.tasks.size());
    auto feed = graph.feeds.begin();
    for (std::size_t t = 0; t < graph.tasks.size(); ++t) {
        Seconds ready{};
        for (; feed != graph.feeds.end() && feed->to.index() == t; ++feed) {
            // A gate ends behind the output that it lets go.
            TaskId const from = feed->gate ? feed->gate : feed->from;
            Seconds there = from ? ends[from.index()] : Seconds(0);
            if (feed->move >= 0) there += time_of(instance, graph.moves[static_cast<std::size_t>(feed->move)]);
            ready = std::max(ready, there);
        }
        ends[t] = ready + graph.tasks[t].duration;
    }
    return ends;
}

}  // namespace

std::span<Feed const> TaskGraph::feeds_of(TaskId task) const {
    auto const found = std::ranges::equal_range(feeds, task, {}, &Feed::to);
    return {found.begin(), found.end()};
}

std::size_t TaskGraph::first_of_block(std::size_t task) const {
    while (task > 0 && tasks[task - 1].block == tasks[task].block) --task;
    return task;
}

TaskGraph task_graph(Instance const& instance, RequestPlan const& plan) {
    SKIPSTONE_EXPECT(plan.devices.size() == instance.blocks.size());
    return Maker(instance, plan).make();
}

void leave_at(TaskGraph& graph, TaskId head) {
    SKIPSTONE_EXPECT(graph.tasks.at(head.index()).is_head());
    graph.tasks.resize(head.index() + 1);
    std::erase_if(graph.feeds, [&](Feed const& feed) { return feed.to > head; });
    std::size_t moves = 0;  // they are made in the order of the tasks that they lead to
    for (Feed const& feed : graph.feeds) moves = std::max(moves, static_cast<std::size_t>(feed.move + 1));
    graph.moves.resize(moves);
}

Seconds critical_path(Instance const& instance, TaskGraph const& graph) {
    Seconds latency{};
    if (!graph.is_chain()) {
        for (Seconds const end : ends_of(instance, graph)) latency = std::max(latency, end);
        return latency;
    }
    for (Task const& task : graph.tasks) latency += task.duration;
    for (Move const& move : graph.moves) latency += time_of(instance, move);
    return latency;
}

double share_of(Instance const& instance, Task const& task, std::span<double const> reach) {
    if (reach.empty()) return 1;
    BlockId const block = task.is_head() ? instance.exits[static_cast<std::size_t>(task.exit)].after : task.block;
    return reach[block.index()];
}

Seconds expected_latency(Instance const& instance, TaskGraph const& graph, std::span<double const> reach) {
    if (reach.empty()) return critical_path(instance, graph);
    Seconds latency{};
    auto const add = [&](double share, Seconds time) { latency += expected(time, share); };
    if (graph.is_chain()) {
        for (Task const& task : graph.tasks) add(share_of(instance, task, reach), task.duration);
        for (Feed const& feed : graph.feeds)
            if (feed.move >= 0)
                add(share_of(instance, graph.tasks[feed.to.index()], reach),
                    time_of(instance, graph.moves[static_cast<std::size_t>(feed.move)]));
        return latency;
    }
    auto const ends = ends_of(instance, graph);
    Seconds before{};
    for (std::size_t t = 0; t < graph.tasks.size() && std::isfinite(before.value()); ++t) {
        if (graph.tasks[t].part >= 0) continue;
        add(share_of(instance, graph.tasks[t], reach), ends[t] - before);
        before = ends[t];
    }
    return latency;
}

}  // namespace skipstone

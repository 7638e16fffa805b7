#include "emulator/orders.hpp"

#include <algorithm>
#include <set>
#include <utility>

#include "model/probability.hpp"
#include "units/error.hpp"

namespace skipstone::emulator {

namespace {

Box box_in(Region const& region, std::optional<Region> const& piece) {
    Box box = box_of(region);
    if (!piece) return box;
    box.h0 -= piece->h.begin;
    box.h1 -= piece->h.begin;
    box.w0 -= piece->w.begin;
    box.w1 -= piece->w.begin;
    box.c0 -= piece->c.begin;
    box.c1 -= piece->c.begin;
    return box;
}

// The orders for one request.
class JobOrders {
  public:
    // judged: null: nobody has.
    JobOrders(timeline::Job const& job, timeline::JobTimes const& times, Judgement const* judged,
              std::vector<int> const& node_of, std::size_t blocks, Requests requests, ClockKind clock,
              Heads const& heads, RoundOrders& all)
        : job_(job),
          work_(job.work),
          times_(times),
          judged_(judged),
          heads_(heads),
          node_of_(node_of),
          blocks_(static_cast<std::int32_t>(blocks)),
          requests_(requests),
          wall_(clock == ClockKind::wall),
          all_(all) {}

    void add() {
        add_images();
        for (std::size_t t = 0; t < work_.tasks.size(); ++t) add_task(t);
        if (wall_)
            for (std::size_t m = 0; m < work_.moves.size(); ++m) add_receive(m);
        all_.tensors.push_back(most_tensors());
    }

  private:
    int node(DeviceId device) const { return node_of_[device.index()]; }
    Orders& orders(int node) { return all_.nodes[static_cast<std::size_t>(node)]; }
    Task const& task(std::size_t t) const { return work_.tasks[t]; }

    // Who hands on what a feed or a move takes: a head does that with the output that it read.
    template <class Way>
    static TaskId hands_on(Way const& way) {
        return way.gate ? way.gate : way.from;
    }

    // The first task that reads an output, or the image; null: nobody does.
    Task const* reader_of(TaskId from) const {
        auto const feed = std::ranges::find_if(work_.feeds, [&](Feed const& f) { return hands_on(f) == from; });
        return feed == work_.feeds.end() ? nullptr : &work_.tasks[feed->to.index()];
    }

    // Blocks that vanished right behind `next − 1` and are applied before the tensor is cut or leaves the network.
    void apply_after(TaskOrder& order, std::int32_t next, Task const* reader) const {
        std::int32_t end = next;
        if (reader == nullptr)
            end = requests_ == Requests::whole ? blocks_ : next;
        else if (reader->part >= 0)
            end = reader->block.value();
        order.after_begin = next;
        order.after_end = end;
    }

    void add_images() {
        auto& targets = all_.images.emplace_back();
        bool const moves = !work_.moves.empty() && !work_.moves.front().from;
        TaskOrder order{.request = job_.request.value()};
        apply_after(order, 0, reader_of(TaskId()));
        bool const hands_on = moves || order.after_begin < order.after_end;
        std::set<int> nodes;
        for (Feed const& feed : work_.feeds) {
            if (feed.from) continue;
            DeviceId const device = job_.source.value_or(task(feed.to.index()).device);
            if (!nodes.insert(node(device)).second) continue;
            targets.push_back({node(device), hands_on ? given_image : image_task});
            if (!hands_on) continue;
            order.device = device.value();
            add_order(order, node(device), {{.from_task = given_image}}, TaskId());
        }
    }

    void add_task(std::size_t t) {
        Task const& what = task(t);
        TaskOrder order{.request = job_.request.value(),
                        .task = static_cast<std::int32_t>(t),
                        .device = what.device.value(),
                        .block = what.block.value(),
                        .mode = static_cast<std::int32_t>(what.mode),
                        .split = static_cast<std::int32_t>(what.split.kind),
                        .parts = what.split.parts,
                        .part = what.part};
        order.begin_s = times_.tasks[t].begin.value();
        order.end_s = times_.tasks[t].end.value();
        auto const feeds = work_.feeds_of(TaskId(t));
        if (what.split.is_whole()) {
            TaskId const before = feeds.front().from;
            order.before_begin = before ? task(before.index()).block.value() + 1 : 0;
            order.before_end = what.is_head() ? exit_of(what).after.value() + 1 : order.block;
        }
        if (what.is_head()) order.head = head_order(t);
        if (order.head.asks == HeadOrder::Asks::to_leave)
            order.after_begin = order.after_end = 0;
        else if (what.is_head())
            apply_after(order, order.before_begin, reader_of(TaskId(t)));
        else if (what.is_whole())
            apply_after(order, order.block + 1, reader_of(TaskId(t)));
        std::vector<InputOrder> inputs;
        for (Feed const& feed : feeds) inputs.push_back(input(feed));
        add_order(order, node(what.device), inputs, TaskId(t));
    }

    OpenExit const& exit_of(Task const& head) const {
        SKIPSTONE_EXPECT(static_cast<std::size_t>(head.exit) < heads_.exits.size());
        return heads_.exits[static_cast<std::size_t>(head.exit)];
    }

    HeadOrder head_order(std::size_t t) const {
        auto const& exit = exit_of(task(t));
        HeadOrder order{.asks = HeadOrder::Asks::to_judge,
                        .exit = task(t).exit,
                        .is_probability = exit.is_probability ? 1 : 0,
                        .threshold = exit.threshold};
        if (heads_.role == Heads::Role::judge) return order;
        order.asks = HeadOrder::Asks::to_go_on;
        if (!judged_) return order;  // nobody leaves
        auto const before = std::ranges::count_if(work_.tasks.begin(),
                                                  work_.tasks.begin() + static_cast<std::ptrdiff_t>(t), &Task::is_head);
        bool const last = judged_->leaves && t + 1 == work_.tasks.size();
        order.asks = last ? HeadOrder::Asks::to_leave : HeadOrder::Asks::to_go_on;
        order.checks = heads_.role == Heads::Role::check ? 1 : 0;
        order.predicted = judged_->heads.at(static_cast<std::size_t>(before)).predicted;
        return order;
    }

    InputOrder input(Feed const& feed) const {
        auto const from = hands_on(feed);
        InputOrder order{.from_task = from ? from.value() : image_task, .piece = {}, .read = {}};
        std::optional<Region> piece;
        if (feed.move >= 0) {
            Move const& move = work_.moves[static_cast<std::size_t>(feed.move)];
            // Where one node hosts both devices, what lies there is the whole.
            if (node(move.sender) != node(move.receiver)) piece = move.region;
        }
        order.piece = box_of(piece);
        if (feed.region) order.read = box_in(*feed.region, piece);
        return order;
    }

    void add_order(TaskOrder order, int at, std::vector<InputOrder> const& inputs, TaskId from) {
        auto& to = orders(at);
        order.first_input = static_cast<std::int32_t>(to.inputs.size());
        order.inputs = static_cast<std::int32_t>(inputs.size());
        to.inputs.insert(to.inputs.end(), inputs.begin(), inputs.end());
        order.first_output = static_cast<std::int32_t>(to.outputs.size());
        std::set<std::pair<int, Box>> sent;
        bool const is_head = from && task(from.index()).is_head();
        TaskId const read = is_head ? work_.feeds_of(from).front().from : from;
        for (Move const& move : std::ranges::equal_range(work_.moves, read, {}, &Move::from)) {
            if (hands_on(move) != from) continue;
            auto const m = static_cast<std::size_t>(&move - work_.moves.data());
            int const receiver = node(move.receiver);
            if (receiver == at || !sent.emplace(receiver, box_of(move.region)).second) continue;
            to.outputs.push_back(
                {.to_node = receiver, .transfer = wall_ ? add_transmit(m) : -1, .box = box_of(move.region)});
        }
        if (from && from.index() + 1 == work_.tasks.size()) to.outputs.push_back({});
        order.outputs = static_cast<std::int32_t>(to.outputs.size()) - order.first_output;
        to.tasks.push_back(order);
    }

    TransferOrder transfer(std::size_t m, EventKind kind) const {
        Move const& move = work_.moves[m];
        bool const transmits = kind == EventKind::transmit;
        TransferOrder order;
        order.request = job_.request.value();
        if (move.from) {
            order.from_task = hands_on(move).value();
            order.block = task(move.from.index()).block.value();
            order.part = task(move.from.index()).part;
        }
        order.kind = kind;
        order.device = (transmits ? move.sender : move.receiver).value();
        order.peer = (transmits ? move.receiver : move.sender).value();
        order.box = box_of(move.region);
        auto const& hop = times_.hops[m];
        double const shift = transmits ? 0 : hop.arrival.value() - hop.end.value();
        order.begin_s = hop.begin.value() + shift;
        order.end_s = transmits ? hop.end.value() : hop.arrival.value();
        return order;
    }

    std::int32_t add_transmit(std::size_t m) {
        auto& transfers = orders(node(work_.moves[m].sender)).transfers;
        transfers.push_back(transfer(m, EventKind::transmit));
        return static_cast<std::int32_t>(transfers.size()) - 1;
    }

    void add_receive(std::size_t m) {
        SKIPSTONE_EXPECT(node(work_.moves[m].sender) != node(work_.moves[m].receiver));
        orders(node(work_.moves[m].receiver)).transfers.push_back(transfer(m, EventKind::receive));
    }

    // Parts of a block side by side, with what each reads or gives.
    std::size_t most_tensors() const {
        std::size_t most = 1;
        for (std::size_t t = 0; t < work_.tasks.size(); ++t) most = std::max(most, work_.feeds_of(TaskId(t)).size());
        return most;
    }

    timeline::Job const& job_;
    TaskGraph const& work_;
    timeline::JobTimes const& times_;
    Judgement const* judged_;
    Heads const& heads_;
    std::vector<int> const& node_of_;
    std::int32_t blocks_;
    Requests requests_;
    bool wall_;
    RoundOrders& all_;
};

}  // namespace

std::vector<OpenExit> open_exits(Scenario const& scenario, Network const& network) {
    std::vector<OpenExit> exits;
    for (auto const& rule : scenario.exits.rules) {
        auto const& exit = network.exits().at(rule.exit.index());
        exits.push_back({exit.after, rule.threshold, gives_probabilities(exit.graph)});
    }
    return exits;
}

RoundOrders orders_of(RoundCourse const& course, std::vector<int> const& node_of, int ranks, std::size_t blocks,
                      Requests requests, ClockKind clock, Heads const& heads) {
    RoundOrders all;
    all.nodes.resize(static_cast<std::size_t>(ranks));
    for (auto& orders : all.nodes) orders.round = orders.of_round = course.state.round.value();
    for (std::size_t j = 0; j < course.jobs.size(); ++j)
        JobOrders(course.jobs[j], course.times.jobs[j], course.judged.empty() ? nullptr : &course.judged[j], node_of,
                  blocks, requests, clock, heads, all)
            .add();
    return all;
}

RoundCourse beginning_of(RoundCourse round, Seconds longest) {
    Seconds const end = round.state.start + longest;
    std::vector<timeline::Job> jobs;
    std::vector<timeline::JobTimes> times;
    std::vector<Judgement> judged;
    for (std::size_t j = 0; j < round.jobs.size(); ++j) {
        auto& work = round.jobs[j].work;
        auto& played = round.times.jobs[j];
        auto const later = std::ranges::find_if(played.tasks, [&](auto const& task) { return task.end > end; });
        auto tasks = static_cast<std::size_t>(later - played.tasks.begin());
        while (tasks > 0 && !work.tasks[tasks - 1].is_whole()) --tasks;
        if (tasks == 0) continue;
        TaskId const last(tasks - 1);
        work.tasks.resize(tasks);
        std::erase_if(work.feeds, [&](Feed const& feed) { return feed.to > last; });
        auto const moves = std::ranges::find_if(work.moves, [&](Move const& move) { return move.from >= last; });
        work.moves.erase(moves, work.moves.end());
        played.tasks.resize(tasks);
        played.hops.resize(work.moves.size());
        jobs.push_back(std::move(round.jobs[j]));
        times.push_back(std::move(played));
        if (!round.judged.empty()) judged.push_back(std::move(round.judged[j]));
    }
    round.jobs = std::move(jobs);
    round.times.jobs = std::move(times);
    round.judged = std::move(judged);
    return round;
}

}  // namespace skipstone::emulator

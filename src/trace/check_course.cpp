#include "trace/check_course.hpp"

#include <limits>
#include <map>
#include <optional>
#include <set>
#include <tuple>
#include <utility>

#include "trace/schema.hpp"

namespace skipstone::trace {

namespace {

std::string request_text(Round const& round, std::size_t request) {
    return ": request " + std::to_string(request) + in_round(round.row);
}

bool is_failed(Event const& event) {
    return (event.flags & event_flags::failed) != 0;
}

void check_flags(Event const& event, Findings& findings) {
    constexpr auto known = event_flags::overrun | event_flags::retransmitted | event_flags::failed;
    if ((event.flags & ~known) != 0)
        findings.add("/events: flags has a bit without a meaning", ": ", named(event), " has ", int{event.flags});
    bool const transfer = event.kind == EventKind::transmit || event.kind == EventKind::receive;
    if (!transfer && (event.flags & event_flags::retransmitted) != 0)
        findings.add("/events: flags says retransmitted of what is no transfer", ": ", named(event));
    if (event.kind == EventKind::wait && is_failed(event))
        findings.add("/events: flags says failed of a wait", ": ", named(event));
}

// What is in /requests of a request that was not computed to its end.
void check_no_outcome(RequestRow const& request, std::string const& where, Findings& findings) {
    if (!std::isnan(request.finish_s) || !std::isnan(request.latency_s) || !std::isnan(request.accuracy))
        findings.add("/requests: a request that is not done has a finish, a latency or an accuracy", where,
                     "; none (NaN) would be right");
    if (request.predicted_class != -1)
        findings.add("/requests: a request that is not done has a predicted_class", where, ": ",
                     request.predicted_class, " instead of -1");
    if (request.status == RequestStatus::rejected && !std::isnan(request.predicted_latency_s))
        findings.add("/requests: a rejected request has a predicted_latency_s", where, ": ",
                     request.predicted_latency_s, " instead of none (NaN)");
}

std::int64_t macs_of(BlockRow const& block, BlockMode mode) {
    return mode == BlockMode::skip ? block.skip_macs : block.macs;
}

// What one request did, in the order of time; what failed left out.
struct Deeds {
    std::vector<Event const*> computed, sent, received;
    bool any_failed = false;
};

std::vector<Deeds> deeds_of(Round const& round) {
    std::vector<Deeds> deeds(round.requests.size());
    for (auto const& event : round.events) {
        if (!is_index(event.request, deeds.size())) continue;
        auto& mine = deeds[static_cast<std::size_t>(event.request)];
        if (is_failed(event)) {
            mine.any_failed = true;
            continue;
        }
        if (event.kind == EventKind::compute) mine.computed.push_back(&event);
        if (event.kind == EventKind::transmit) mine.sent.push_back(&event);
        if (event.kind == EventKind::receive) mine.received.push_back(&event);
    }
    for (auto& mine : deeds) {
        // A block that takes no time begins and ends with its neighbour.
        auto const order = [](Event const* event) { return std::tuple(event->begin_s, event->end_s, event->block); };
        for (auto* events : {&mine.computed, &mine.sent, &mine.received}) std::ranges::sort(*events, {}, order);
    }
    return deeds;
}

// Of events that are a whole block's or a part's: whose output they are about.
using Output = std::pair<std::int32_t, std::int16_t>;  // block, part; block −1: the image

Output output_of(Event const& event) {
    return {event.block, event.part};
}

class CourseOfRequest {
  public:
    CourseOfRequest(Round const& round, Header const& header, std::size_t request, Deeds const& deeds,
                    PlannedWork& work, Findings& findings)
        : header_(header),
          row_(round.requests[request]),
          where_(request_text(round, request)),
          deeds_(deeds),
          plan_(round.planned[request].last),
          work_(work),
          findings_(findings) {}

    void check_done() {
        if (!plan_) return;
        std::optional<DeviceId> source;  // by where the image came from
        for (auto const* event : deeds_.sent)
            if (event->block < 0) source = DeviceId(event->device);
        graph_ = work_.graph(*plan_, source);
        if (!work_.leave(graph_, row_.exit)) {
            findings_.add("/requests: exit names a block without one", where_, ": ", row_.exit);
            return;
        }
        if (!check_blocks()) return;
        check_moves();
        auto const& first = *deeds_.computed.front();
        if (!not_after(row_.arrival_s, first.begin_s))
            findings_.add("/events: a request is computed before it arrives", where_, ": at ", first.begin_s,
                          " s, it arrives at ", row_.arrival_s, " s");
        if (!(std::abs(row_.finish_s - computed_.back()->end_s) <= rounding_of(row_.finish_s)))
            findings_.add("/requests: finish_s is not when the last block ends", where_, ": ", row_.finish_s,
                          " s instead of ", computed_.back()->end_s, " s");
    }

    void check_not_done() {
        check_no_outcome(row_, where_, findings_);
        bool const finished_something = !deeds_.computed.empty() || !deeds_.sent.empty() || !deeds_.received.empty();
        if (finished_something)
            findings_.add("/events: a request that is not done has events that did not fail", where_);
        if (row_.status == RequestStatus::rejected && deeds_.any_failed)
            findings_.add("/events: a rejected request has events", where_);
    }

  private:
    // False when the rest cannot be checked.
    bool check_blocks() {
        auto const& tasks = graph_.tasks;
        if (tasks.empty() || deeds_.computed.size() != tasks.size()) {
            findings_.add("/events: a request does not compute the blocks of its plan, each once", where_, ": ",
                          deeds_.computed.size(), " computed, ", tasks.size(), " planned");
            return false;
        }
        computed_ = deeds_.computed;
        if (!graph_.is_chain())  // in the order of the tasks
            std::ranges::sort(computed_, {}, [&](Event const* event) { return order_of(*event); });
        for (std::size_t i = 0; i < tasks.size(); ++i) {
            auto const& event = *computed_[i];
            auto const& task = tasks[i];
            auto const of_part = task.part < 0 ? "" : ", part " + std::to_string(task.part);
            if (output_of(event) != Output(task.block.value(), task.part) || event.device != task.device.value()) {
                findings_.add("/events: a block is not computed where and when its plan says", ": ", named(event),
                              "; by /plans it would be block ", task.block.value(), of_part, " on device ",
                              task.device.value());
                return false;
            }
            check_macs(event, task);
        }
        for (auto const& feed : graph_.feeds) {
            check_gate(feed.gate, *computed_[feed.to.index()]);
            if (!feed.from) continue;
            auto const &before = *computed_[feed.from.index()], &after = *computed_[feed.to.index()];
            if (!not_after(before.end_s, after.begin_s))
                findings_.add("/events: a block begins before the one before it ends", ": ", named(after));
        }
        return true;
    }

    // What waits for an exit's head begins when that has said that the request goes on.
    void check_gate(TaskId gate, Event const& event) {
        if (gate && !not_after(computed_[gate.index()]->end_s, event.begin_s))
            findings_.add("/events: something behind an exit begins before its head ends", ": ", named(event));
    }

    // The parts of a block in their order, then the whole, then the head of the exit behind it.
    std::tuple<std::int32_t, bool, int> order_of(Event const& event) const {
        auto const after = is_index(event.block, header_.blocks.size())
                               ? header_.blocks[static_cast<std::size_t>(event.block)].after
                               : -1;
        int const part = event.part < 0 ? std::numeric_limits<std::int16_t>::max() : event.part;
        return {after < 0 ? event.block : after, after >= 0, part};
    }

    void check_macs(Event const& event, Task const& task) {
        std::int64_t macs = task.macs.value();
        if (task.split.is_whole())
            macs = macs_of(header_.blocks[task.block.index()], task.mode);
        else if (!work_.knows_parts())
            return;
        if (event.macs != macs)
            findings_.add("/events: macs is not what the block costs in its mode", ": ", named(event), " has ",
                          event.macs, " instead of ", macs);
    }

    // A tensor moves from where it is to the devices of the tasks that need it, and nothing else does but the image.
    void check_moves() {
        std::map<Output, std::vector<Event const*>> sent;
        std::map<std::pair<Output, std::int32_t>, Event const*> received;  // with the receiver
        for (auto const* event : deeds_.sent) sent[output_of(*event)].push_back(event);
        for (auto const* event : deeds_.received) received.emplace(std::pair(output_of(*event), event->device), event);
        for (std::size_t m = 0; m < graph_.moves.size();) {
            auto const from = graph_.moves[m].from;
            Output const output =
                from ? Output(graph_.tasks[from.index()].block.value(), graph_.tasks[from.index()].part)
                     : Output(-1, -1);
            auto left = std::exchange(sent[output], {});
            std::vector<std::size_t> unsent;
            for (; m < graph_.moves.size() && graph_.moves[m].from == from; ++m) {
                auto const event = std::ranges::find(left, graph_.moves[m].receiver.value(), &Event::peer);
                if (event == left.end()) {
                    unsent.push_back(m);
                    continue;
                }
                check_move(m, **event, received);
                left.erase(event);
            }
            for (std::size_t const move : unsent) check_unsent(move, output.first, left);
            for (auto const* event : left) findings_.add("/events: a tensor is transmitted twice", ": ", named(*event));
        }
        for (auto const& [output, events] : sent)
            for (auto const* event : events)
                findings_.add("/events: a tensor is transmitted that no plan moves", ": ", named(*event));
    }

    // `left`: what else was sent of the same tensor; what went to another device instead is taken away.
    void check_unsent(std::size_t index, std::int32_t block, std::vector<Event const*>& left) {
        auto const& move = graph_.moves[index];
        if (left.empty()) {
            findings_.add("/events: a tensor does not move to the device of the next block", where_, ", block ", block,
                          " from device ", move.sender.value(), " to ", move.receiver.value());
            return;
        }
        findings_.add("/events: a tensor moves between other devices than its plan says", ": ", named(*left.front()),
                      " to device ", left.front()->peer);
        left.erase(left.begin());
    }

    void check_move(std::size_t index, Event const& sent,
                    std::map<std::pair<Output, std::int32_t>, Event const*> const& received) {
        auto const& move = graph_.moves[index];
        if (sent.device != move.sender.value())
            findings_.add("/events: a tensor moves between other devices than its plan says", ": ", named(sent),
                          " to device ", sent.peer);
        if (move.from && !not_after(computed_[move.from.index()]->end_s, sent.begin_s))
            findings_.add("/events: a tensor is transmitted before it is computed", ": ", named(sent));
        check_gate(move.gate, sent);
        if (auto const arrived = received.find({output_of(sent), sent.peer}); arrived != received.end())
            for (auto const& feed : graph_.feeds)
                if (feed.move == static_cast<std::int32_t>(index) &&
                    !not_after(arrived->second->end_s, computed_[feed.to.index()]->begin_s))
                    findings_.add("/events: a block begins before its input has arrived", ": ",
                                  named(*computed_[feed.to.index()]));
        if (move.from && graph_.tasks[move.from.index()].is_whole() && !move.region) check_bytes(sent);
    }

    void check_bytes(Event const& move) {
        auto const block = static_cast<std::size_t>(move.block);
        auto const output = header_.blocks[block].output_bytes;
        auto const with_input = block == 0 ? output : output + header_.blocks[block - 1].output_bytes;
        if (move.bytes != output && move.bytes != with_input)
            findings_.add("/events: bytes is not what the block puts out", ": ", named(move), " has ", move.bytes,
                          " instead of ", output);
    }

    Header const& header_;
    RequestRow const& row_;
    std::string where_;
    Deeds const& deeds_;
    std::optional<RequestPlan> const& plan_;
    PlannedWork& work_;
    Findings& findings_;
    TaskGraph graph_;
    std::vector<Event const*> computed_;  // one per task
};

// What failed was planned once: at first, or in a revision.
void check_failed(Round const& round, Header const& header, Findings& findings) {
    using Key = std::tuple<std::int32_t, std::int32_t, std::int16_t, std::int32_t>;  // request, block, part, device
    std::set<Key> planned;
    for (auto const& plan : round.plans) planned.emplace(plan.request, plan.block, plan.part, plan.device);
    // A head runs where its block's output is whole: on the block's device, or, where that vanished, on one before it.
    auto const is_planned = [&](Event const& event) {
        auto const after = header.blocks[static_cast<std::size_t>(event.block)].after;
        auto const at = [&](std::int32_t block, std::int16_t part, std::int32_t device) {
            return planned.contains({event.request, block, part, device});
        };
        if (after < 0) return at(event.block, event.part, event.device);
        for (auto block = after; block >= 0; --block) {
            if (at(block, -1, event.device)) return true;
            if (!at(block, -1, -1)) return false;
        }
        return true;  // all before it vanished: where the image is
    };
    for (auto const& event : round.events) {
        if (!is_failed(event) || event.kind != EventKind::compute || !is_index(event.block, header.blocks.size()))
            continue;
        if (!is_planned(event))
            findings.add("/events: a block that failed was not planned there", ": ", named(event));
        else if (event.macs > header.blocks[static_cast<std::size_t>(event.block)].macs)
            findings.add("/events: macs of a block that failed are more than it costs", ": ", named(event));
    }
}

void check_waits(Round const& round, std::size_t devices, DownTimes const& off, Findings& findings) {
    std::vector<std::vector<Event const*>> computed(devices);
    for (auto const& event : round.events)
        if (event.kind == EventKind::compute && !is_failed(event) && is_index(event.device, devices))
            computed[static_cast<std::size_t>(event.device)].push_back(&event);
    for (auto& mine : computed) std::ranges::sort(mine, {}, &Event::begin_s);
    for (auto const& wait : round.events) {
        if (wait.kind != EventKind::wait || !is_index(wait.device, devices)) continue;
        auto const& mine = computed[static_cast<std::size_t>(wait.device)];
        auto const rounding = rounding_of(wait.end_s);
        auto found = std::ranges::lower_bound(mine, wait.end_s - rounding, {}, &Event::begin_s);
        while (found != mine.end() && ((*found)->request != wait.request || output_of(**found) != output_of(wait)))
            ++found;
        double up = 0;
        if (found != mine.end() && (*found)->begin_s > wait.end_s)
            for (auto const& [from, to] :
                 off.up(DeviceId(wait.device), Seconds(wait.end_s), Seconds((*found)->begin_s)))
                up += (to - from).value();
        if (found == mine.end() || up > rounding + rounding_of((*found)->begin_s))
            findings.add("/events: a wait is not followed by the block that it is for", ": ", named(wait));
    }
}

}  // namespace

void check_course(Round const& round, Header const& header, PlannedWork& work, DownTimes const& off, bool undisturbed,
                  Findings& findings) {
    for (auto const& event : round.events) check_flags(event, findings);
    auto const deeds = deeds_of(round);
    for (std::size_t r = 0; r < round.requests.size(); ++r) {
        CourseOfRequest course(round, header, r, deeds[r], work, findings);
        if (round.requests[r].status == RequestStatus::done)
            course.check_done();
        else
            course.check_not_done();
    }
    check_failed(round, header, findings);
    // After a failure a device may have waited for what was then planned elsewhere, or came to nothing.
    bool const whole =
        undisturbed && std::ranges::none_of(deeds, &Deeds::any_failed) &&
        std::ranges::none_of(round.plans, [](PlanRow const& row) { return row.revision > 0; }) &&
        std::ranges::none_of(round.requests, [](RequestRow const& row) { return row.status == RequestStatus::failed; });
    if (whole) check_waits(round, header.devices.size(), off, findings);
}

}  // namespace skipstone::trace

#include "trace/check_course.hpp"

#include <map>
#include <tuple>

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

class CourseOfRequest {
  public:
    CourseOfRequest(Round const& round, Header const& header, std::size_t request, Deeds const& deeds,
                    PlansOf const& plans, Findings& findings)
        : header_(header),
          row_(round.requests[request]),
          where_(request_text(round, request)),
          deeds_(deeds),
          plans_(plans),
          findings_(findings) {}

    void check_done() {
        if (plans_.last.empty()) return;
        std::vector<PlanRow const*> steps;  // the blocks that run
        for (auto const* plan : plans_.last)
            if (plan->device >= 0) steps.push_back(plan);
        if (!check_blocks(steps)) return;
        check_moves(steps);
        auto const& computed = deeds_.computed;
        if (!not_after(row_.arrival_s, computed.front()->begin_s))
            findings_.add("/events: a request is computed before it arrives", where_, ": at ",
                          computed.front()->begin_s, " s, it arrives at ", row_.arrival_s, " s");
        if (!(std::abs(row_.finish_s - computed.back()->end_s) <= rounding_of(row_.finish_s)))
            findings_.add("/requests: finish_s is not when the last block ends", where_, ": ", row_.finish_s,
                          " s instead of ", computed.back()->end_s, " s");
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
    bool check_blocks(std::vector<PlanRow const*> const& steps) {
        auto const& computed = deeds_.computed;
        if (steps.empty() || computed.size() != steps.size()) {
            findings_.add("/events: a request does not compute the blocks of its plan, each once", where_, ": ",
                          computed.size(), " computed, ", steps.size(), " planned");
            return false;
        }
        for (std::size_t i = 0; i < steps.size(); ++i) {
            auto const& event = *computed[i];
            auto const& step = *steps[i];
            if (event.block != step.block || event.device != step.device) {
                findings_.add("/events: a block is not computed where and when its plan says", ": ", named(event),
                              "; by /plans it would be block ", step.block, " on device ", step.device);
                return false;
            }
            auto const macs = macs_of(header_.blocks[static_cast<std::size_t>(step.block)], step.mode);
            if (event.macs != macs)
                findings_.add("/events: macs is not what the block costs in its mode", ": ", named(event), " has ",
                              event.macs, " instead of ", macs);
            if (i > 0 && !not_after(computed[i - 1]->end_s, event.begin_s))
                findings_.add("/events: a block begins before the one before it ends", ": ", named(event));
        }
        return true;
    }

    // A tensor moves between two blocks on different devices, and nothing else does but the image.
    void check_moves(std::vector<PlanRow const*> const& steps) {
        std::map<std::int32_t, Event const*> sent, received;  // by the block whose output moves
        for (auto const* event : deeds_.sent)
            if (!sent.emplace(event->block, event).second)
                findings_.add("/events: a tensor is transmitted twice", ": ", named(*event));
        for (auto const* event : deeds_.received) received.emplace(event->block, event);
        for (std::size_t i = 0; i < steps.size(); ++i) {
            auto const from = i == 0 ? -1 : steps[i - 1]->block;
            auto const found = sent.find(from);
            bool const moves = i == 0 ? found != sent.end() : steps[i - 1]->device != steps[i]->device;
            if (!moves) continue;
            if (found == sent.end()) {
                findings_.add("/events: a tensor does not move to the device of the next block", where_, ", block ",
                              from, " from device ", steps[i - 1]->device, " to ", steps[i]->device);
                continue;
            }
            auto const& move = *found->second;
            if (move.peer != steps[i]->device || (i > 0 && move.device != steps[i - 1]->device))
                findings_.add("/events: a tensor moves between other devices than its plan says", ": ", named(move),
                              " to device ", move.peer);
            if (i > 0 && !not_after(deeds_.computed[i - 1]->end_s, move.begin_s))
                findings_.add("/events: a tensor is transmitted before it is computed", ": ", named(move));
            if (auto const arrived = received.find(from);
                arrived != received.end() && !not_after(arrived->second->end_s, deeds_.computed[i]->begin_s))
                findings_.add("/events: a block begins before its input has arrived", ": ", named(*deeds_.computed[i]));
            check_bytes(move, from);
            sent.erase(found);
        }
        for (auto const& [block, event] : sent)
            findings_.add("/events: a tensor is transmitted that no plan moves", ": ", named(*event));
    }

    void check_bytes(Event const& move, std::int32_t block) {
        if (block < 0) return;
        auto const output = header_.blocks[static_cast<std::size_t>(block)].output_bytes;
        auto const with_input =
            block == 0 ? output : output + header_.blocks[static_cast<std::size_t>(block) - 1].output_bytes;
        if (move.bytes != output && move.bytes != with_input)
            findings_.add("/events: bytes is not what the block puts out", ": ", named(move), " has ", move.bytes,
                          " instead of ", output);
    }

    Header const& header_;
    RequestRow const& row_;
    std::string where_;
    Deeds const& deeds_;
    PlansOf const& plans_;
    Findings& findings_;
};

// What failed was planned once: at first, or in a revision.
void check_failed(Round const& round, Header const& header, Findings& findings) {
    std::map<std::tuple<std::int32_t, std::int32_t, std::int32_t>, BlockMode> planned;  // request, block, device
    for (auto const& plan : round.plans) planned[{plan.request, plan.block, plan.device}] = plan.mode;
    for (auto const& event : round.events) {
        if (!is_failed(event) || event.kind != EventKind::compute || !is_index(event.block, header.blocks.size()))
            continue;
        auto const found = planned.find({event.request, event.block, event.device});
        if (found == planned.end())
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
        while (found != mine.end() && ((*found)->request != wait.request || (*found)->block != wait.block)) ++found;
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

std::vector<PlansOf> plans_of(Round const& round, std::size_t devices, std::size_t blocks) {
    std::vector<PlansOf> plans(round.requests.size());
    std::map<std::pair<std::int32_t, std::int32_t>, std::vector<PlanRow const*>> rows;  // by request, revision
    for (auto const& row : round.plans)
        if (is_index(row.request, plans.size()) && is_index(row.block, blocks) &&
            (row.device == -1 || is_index(row.device, devices)))
            rows[{row.request, row.revision}].push_back(&row);
    for (auto& [key, plan] : rows) {  // the last revision comes last
        std::ranges::sort(plan, {}, &PlanRow::block);
        bool const whole = plan.size() == blocks && std::ranges::adjacent_find(plan, {}, &PlanRow::block) == plan.end();
        auto& mine = plans[static_cast<std::size_t>(key.first)];
        mine.last = whole ? plan : std::vector<PlanRow const*>();
        if (key.second == 0) mine.first = mine.last;
    }
    return plans;
}

void check_course(Round const& round, Header const& header, DownTimes const& off, bool undisturbed,
                  Findings& findings) {
    for (auto const& event : round.events) check_flags(event, findings);
    auto const deeds = deeds_of(round);
    auto const plans = plans_of(round, header.devices.size(), header.blocks.size());
    for (std::size_t r = 0; r < round.requests.size(); ++r) {
        CourseOfRequest course(round, header, r, deeds[r], plans[r], findings);
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

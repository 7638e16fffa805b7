#include "analysis/round_requests.hpp"

#include <algorithm>

namespace skipstone::analysis {

RoundRequests::RoundRequests(trace::RoundRow const& round, double charge_s,
                             std::vector<trace::RequestRow> const& requests, std::vector<trace::PlanRow> const& plans,
                             trace::Header const& header)
    : header_(header),
      blocks_(header.chain()),
      ready_s_(round.start_s + charge_s),
      paths_(requests.size()),
      plan_(requests.size() * blocks_),
      plans_(trace::plans_of(plans, requests.size(), header.devices.size(), blocks_)) {
    rows_.reserve(requests.size());
    for (auto const& row : requests)
        rows_.push_back({.round = row.round,
                         .request = row.request,
                         .attempt = row.attempt,
                         .status = row.status,
                         .arrival_s = row.arrival_s,
                         .latency_s = row.latency_s,
                         .predicted_latency_s = row.predicted_latency_s,
                         .accuracy = row.accuracy});
    for (auto const& row : plans) {
        if (row.part >= 0) continue;
        auto const at = static_cast<std::size_t>(row.request) * blocks_ + static_cast<std::size_t>(row.block);
        if (plan_[at].block < 0 || row.revision >= plan_[at].revision) plan_[at] = row;
    }
    for (std::size_t r = 0; r < rows_.size(); ++r)
        rows_[r].dropped_blocks = static_cast<std::int32_t>(std::ranges::count_if(
            plan(r), [](trace::PlanRow const& row) { return row.block >= 0 && row.mode == BlockMode::skip; }));
}

double RoundRequests::end_of(std::size_t request, std::ptrdiff_t step) const {
    if (step >= 0) return paths_[request].steps[static_cast<std::size_t>(step)].end_s;
    return std::max(rows_[request].arrival_s, ready_s_);
}

std::int32_t RoundRequests::chained(std::int32_t block) const {
    if (block < static_cast<std::int32_t>(blocks_)) return block;
    return header_.blocks[static_cast<std::size_t>(block)].after;
}

// In the order of the chain, where heads stand right behind their block.
bool RoundRequests::comes_before(Step const& step, Event const& compute) const {
    auto const mine = chained(step.block), its = chained(compute.block);
    return mine < its || (mine == its && step.block < compute.block);
}

// The last of its inputs: of the parts that it joins, or the output of the last block before it that is not split or is
// joined, once the head of an exit behind it lets it go; moved here, or computed here.
std::ptrdiff_t RoundRequests::input_of(Path const& path, Event const& compute) const {
    auto const& steps = path.steps;
    std::ptrdiff_t last = -1, moved = -1, image = -1, whole = -1;
    std::int32_t moved_block = -1;  // whose whole output came here last
    bool joins = false;
    auto const later = [&](std::ptrdiff_t a, std::ptrdiff_t b) {
        return b < 0 || steps[static_cast<std::size_t>(a)].end_s > steps[static_cast<std::size_t>(b)].end_s ? a : b;
    };
    for (auto i = static_cast<std::ptrdiff_t>(steps.size()) - 1; i >= 0 && whole < 0; --i) {
        auto const& step = steps[static_cast<std::size_t>(i)];
        if (step.block == compute.block && step.part >= 0) {
            if (compute.part >= 0) continue;
            joins = true;
            if (step.device == compute.device) last = later(i, last);
        } else if (step.hop && step.device == compute.device && step.part < 0 && comes_before(step, compute)) {
            (step.block < 0 ? image : moved) = i;
            if (step.block >= 0) moved_block = step.block;
        } else if (!step.hop && step.part < 0 && comes_before(step, compute)) {
            whole = i;
        }
    }
    if (joins) return last;
    if (whole < 0) return image;
    return moved >= 0 && moved_block == chained(steps[static_cast<std::size_t>(whole)].block) ? moved : whole;
}

double RoundRequests::add_compute(Event const& event) {
    auto const request = static_cast<std::size_t>(event.request);
    auto& path = paths_[request];
    auto const before = input_of(path, event);
    path.steps.push_back({false, event.block, event.part, event.device, event.begin_s, event.end_s, before});
    return end_of(request, before);
}

// Where a link has no latency, both ends begin at the same time and come in the order of their devices.
std::optional<Hop> RoundRequests::add_transfer(Event const& event) {
    auto const request = static_cast<std::size_t>(event.request);
    auto& path = paths_[request];
    bool const sends = event.kind == EventKind::transmit;
    auto const other = [&](Ends const& ends) {
        auto const& end = sends ? ends.receive : ends.transmit;
        return end && end->block == event.block && end->part == event.part && end->device == event.peer &&
               end->peer == event.device && !(sends ? ends.transmit : ends.receive);
    };
    auto found = std::ranges::find_if(path.open, other);
    if (found == path.open.end()) found = path.open.insert(found, Ends{});
    (sends ? found->transmit : found->receive) = event;
    if (sends)
        for (auto i = static_cast<std::ptrdiff_t>(path.steps.size()) - 1; i >= 0 && found->before < 0; --i) {
            auto const& step = path.steps[static_cast<std::size_t>(i)];
            if (!step.hop && chained(step.block) == event.block && step.part == event.part) found->before = i;
        }
    if (!found->transmit || !found->receive) return std::nullopt;
    Hop const hop{*found->transmit, *found->receive, end_of(request, found->before)};
    path.steps.push_back(
        {true, event.block, event.part, hop.receive.device, hop.transmit.begin_s, hop.receive.end_s, found->before});
    path.open.erase(found);
    return hop;
}

void RoundRequests::finish_path(std::size_t request) {
    auto& steps = paths_[request].steps;
    std::ptrdiff_t last = -1;
    for (std::size_t i = 0; i < steps.size(); ++i)
        if (last < 0 || steps[i].end_s >= steps[static_cast<std::size_t>(last)].end_s)
            last = static_cast<std::ptrdiff_t>(i);
    std::vector<Step const*> path;
    for (; last >= 0; last = path.back()->before) path.push_back(&steps[static_cast<std::size_t>(last)]);
    auto& figures = rows_[request];
    double at = figures.arrival_s;
    for (auto step = path.rbegin(); step != path.rend(); ++step) {
        auto const& [hop, block, part, device, begin, end, before] = **step;
        auto const queue = step == path.rbegin() ? &RequestFigures::queue_start_s
                           : hop                 ? &RequestFigures::queue_link_s
                                                 : &RequestFigures::queue_processor_s;
        figures.*queue += begin - at;
        figures.queue_s += begin - at;
        (hop ? figures.transfer_s : figures.compute_s) += end - begin;
        if (hop) ++figures.hops;
        at = end;
    }
    steps = {};
}

}  // namespace skipstone::analysis

#include "analysis/round_requests.hpp"

#include <algorithm>

namespace skipstone::analysis {

RoundRequests::RoundRequests(trace::RoundRow const& round, double charge_s,
                             std::vector<trace::RequestRow> const& requests, std::vector<trace::PlanRow> const& plans,
                             std::size_t blocks)
    : blocks_(blocks),
      ready_s_(round.start_s + charge_s),
      paths_(requests.size()),
      plan_(requests.size() * blocks),
      first_plan_(requests.size() * blocks) {
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
        auto const at = static_cast<std::size_t>(row.request) * blocks + static_cast<std::size_t>(row.block);
        if (plan_[at].block < 0 || row.revision >= plan_[at].revision) plan_[at] = row;
        if (row.revision == 0) first_plan_[at] = row;
    }
    for (std::size_t r = 0; r < rows_.size(); ++r)
        rows_[r].dropped_blocks = static_cast<std::int32_t>(std::ranges::count_if(
            plan(r), [](trace::PlanRow const& row) { return row.block >= 0 && row.mode == BlockMode::skip; }));
}

double RoundRequests::wait_until(Path& path, Event const& event, double RequestFigures::*queue) {
    auto& figures = rows_[static_cast<std::size_t>(event.request)];
    double const since = path.begun ? path.at_s : figures.arrival_s;
    figures.*(path.begun ? queue : &RequestFigures::queue_start_s) += event.begin_s - since;
    figures.queue_s += event.begin_s - since;
    double const ready = path.begun ? path.at_s : std::max(figures.arrival_s, ready_s_);
    path.begun = true;
    return ready;
}

double RoundRequests::add_compute(Event const& event) {
    auto& path = paths_[static_cast<std::size_t>(event.request)];
    double const ready = wait_until(path, event, &RequestFigures::queue_processor_s);
    rows_[static_cast<std::size_t>(event.request)].compute_s += event.end_s - event.begin_s;
    path.at_s = event.end_s;
    return ready;
}

// Where a link has no latency, both ends begin at the same time and come in the order of their devices.
std::optional<Hop> RoundRequests::add_transfer(Event const& event) {
    auto& path = paths_[static_cast<std::size_t>(event.request)];
    if (event.kind == EventKind::transmit) {
        path.ready_s = wait_until(path, event, &RequestFigures::queue_link_s);
        path.transmit = event;
    } else {
        path.receive = event;
    }
    if (!path.transmit || !path.receive) return std::nullopt;
    Hop const hop{*path.transmit, *path.receive, path.ready_s};
    path.transmit.reset();
    path.receive.reset();
    path.at_s = hop.receive.end_s;
    auto& figures = rows_[static_cast<std::size_t>(event.request)];
    figures.transfer_s += hop.receive.end_s - hop.transmit.begin_s;
    ++figures.hops;
    return hop;
}

}  // namespace skipstone::analysis

#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "analysis/summary.hpp"
#include "model/event.hpp"
#include "trace/schema.hpp"

namespace skipstone::analysis {

// A tensor's way from one device to the next.
struct Hop {
    Event transmit, receive;
    double ready_s = 0;  // when there was something to transmit
};

// Follows the requests of one round through its events, in the order of their begin. A request is in one place at a
// time: its path is one computation or hop after the other, and what lies between them is waiting.
class RoundRequests {
  public:
    // charge_s: planning time that requests had to wait. blocks: of the network. Rows that name requests or blocks
    // which do not exist must not be given.
    RoundRequests(trace::RoundRow const& round, double charge_s, std::vector<trace::RequestRow> const& requests,
                  std::vector<trace::PlanRow> const& plans, std::size_t blocks);

    std::size_t size() const { return rows_.size(); }
    RequestFigures& figures(std::size_t request) { return rows_[request]; }
    // The plan of one request, a row per block; `block` is −1 in a row that the trace does not have. The last revision,
    // and the first.
    std::span<trace::PlanRow const> plan(std::size_t request) const {
        return {plan_.data() + request * blocks_, blocks_};
    }
    std::span<trace::PlanRow const> first_plan(std::size_t request) const {
        return {first_plan_.data() + request * blocks_, blocks_};
    }

    // Of events that did not fail. When a computation's input was there; a transfer's hop, once both of its ends were
    // added.
    double add_compute(Event const& event);
    std::optional<Hop> add_transfer(Event const& event);

  private:
    struct Path {
        double at_s = 0;  // the path is complete until here
        bool begun = false;
        std::optional<Event> transmit, receive;  // of a hop of which one end was added
        double ready_s = 0;
    };

    // When what begins now could have begun; the wait until then is added to `queue` of the request.
    double wait_until(Path& path, Event const& event, double RequestFigures::*queue);

    std::size_t blocks_;
    double ready_s_;  // images that arrived before are there then
    std::vector<RequestFigures> rows_;
    std::vector<Path> paths_;
    std::vector<trace::PlanRow> plan_, first_plan_;
};

}  // namespace skipstone::analysis

#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "analysis/summary.hpp"
#include "model/event.hpp"
#include "trace/plan_rows.hpp"
#include "trace/schema.hpp"

namespace skipstone::analysis {

// A tensor's way from one device to the next.
struct Hop {
    Event transmit, receive;
    double ready_s = 0;  // when there was something to transmit
};

// Follows the requests of one round through its events, in the order of their begin. Of the work that a request makes
// devices do, the path to its finish leads back over whatever was there last: from a block to the input that came last,
// from a transfer to what it moves. What lies between the steps of the path is waiting.
class RoundRequests {
  public:
    // charge_s: planning time that requests had to wait. Rows that name requests or blocks which do not exist must not
    // be given; plans are of blocks of the chain.
    RoundRequests(trace::RoundRow const& round, double charge_s, std::vector<trace::RequestRow> const& requests,
                  std::vector<trace::PlanRow> const& plans, trace::Header const& header);

    std::size_t size() const { return rows_.size(); }
    RequestFigures& figures(std::size_t request) { return rows_[request]; }
    // The last revision of one request's plan, a row per block: that of its whole; `block` is −1 in a row that the
    // trace does not have.
    std::span<trace::PlanRow const> plan(std::size_t request) const {
        return {plan_.data() + request * blocks_, blocks_};
    }
    std::optional<RequestPlan> const& first_plan(std::size_t request) const { return plans_[request].first; }
    std::optional<RequestPlan> const& last_plan(std::size_t request) const { return plans_[request].last; }

    // Of events that did not fail. When a computation's input was there; a transfer's hop, once both of its ends were
    // added.
    double add_compute(Event const& event);
    std::optional<Hop> add_transfer(Event const& event);
    // Once all events of a request were added: fills what its figures say of its path.
    void finish_path(std::size_t request);

  private:
    // A computation or hop. Its output, a whole block's or a part's, is on `device` from `end_s` on.
    struct Step {
        bool hop = false;
        std::int32_t block = -1;
        std::int16_t part = -1;
        std::int32_t device = -1;
        double begin_s = 0, end_s = 0;
        std::ptrdiff_t before = -1;  // the step that it had to wait for; −1: none, for the image alone
    };
    // A transfer of which one end was added.
    struct Ends {
        std::optional<Event> transmit, receive;
        std::ptrdiff_t before = -1;
    };
    struct Path {
        std::vector<Step> steps;  // in the order in which they were known
        std::vector<Ends> open;
    };

    // The block of the chain that it computes, or behind whose output the head reads it.
    std::int32_t chained(std::int32_t block) const;
    bool comes_before(Step const& step, Event const& compute) const;
    std::ptrdiff_t input_of(Path const& path, Event const& compute) const;
    double end_of(std::size_t request, std::ptrdiff_t step) const;

    trace::Header const& header_;
    std::size_t blocks_;  // of the chain
    double ready_s_;  // images that arrived before are there then
    std::vector<RequestFigures> rows_;
    std::vector<Path> paths_;
    std::vector<trace::PlanRow> plan_;
    std::vector<trace::PlansOf> plans_;
};

}  // namespace skipstone::analysis

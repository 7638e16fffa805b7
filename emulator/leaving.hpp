#pragma once

#include <cstddef>
#include <map>
#include <vector>

#include "emulator/verdicts.hpp"
#include "model/round_state.hpp"

namespace skipstone::emulator {

// Ends the graphs of a round's requests where they leave, of which it asks. References must outlive this object.
class Leaving {
  public:
    Leaving(Verdicts& verdicts, RoundState const& state, Instance const& instance)
        : verdicts_(verdicts), state_(state), instance_(instance) {}

    // Of requests as they are planned.
    void end(std::vector<timeline::Job>& jobs, std::vector<RequestPlan> const& plans);
    // Of one that goes on by another plan, whose whole graph `work` begins with so many tasks that were kept.
    TaskGraph end(timeline::Job const& job, std::size_t kept, TaskGraph work, RequestPlan const& plan);
    // What came out of requests, in the order of the jobs.
    std::vector<Judgement> judged(std::vector<timeline::Job> const& jobs) const;

  private:
    Question question(timeline::Job const& job, RequestPlan const& plan) const;

    Verdicts& verdicts_;
    RoundState const& state_;
    Instance const& instance_;
    std::map<RequestId, Judgement> judged_;
};

}  // namespace skipstone::emulator

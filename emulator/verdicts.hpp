#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "model/exit.hpp"
#include "model/instance.hpp"
#include "model/plan.hpp"
#include "timeline/timeline.hpp"
#include "units/id.hpp"

namespace skipstone::emulator {

// What comes out of one request, from its first exit to where it leaves.
struct Judgement {
    std::vector<Verdict> heads;  // of the heads that it passes, in the order of its graph's tasks
    bool leaves = false;         // at the last of them
    Verdict end;                 // of the network's end, where it gets so far
    int label = -1;              // of the sample that these are of, where that is none of the run's images

    Verdict const& outcome() const { return leaves ? heads.back() : end; }

    bool operator==(Judgement const&) const = default;
};

// A request as it is planned, which leaves nowhere yet.
struct Question {
    std::int64_t image = 0;  // as in PendingRequest
    RequestPlan const* plan = nullptr;
    timeline::Job const* job = nullptr;  // with the whole of its graph
    // Of the heads that its graph begins with: it has passed them, and they judge no more.
    std::span<Verdict const> passed = {};
};

// Who says what comes out at exits, and so where requests leave. A course asks before it simulates, on the thread that
// it plans on.
class Verdicts {
  public:
    virtual ~Verdicts() = default;

    // An answer for each question, which all are of one round of the run. exits: those that are open, to which
    // Task::exit of the jobs' heads refers. The same question has the same answer, whenever in the round it is asked.
    // Answers begin with the verdicts that were passed, of a changed plan's graph.
    virtual std::vector<Judgement> judge(RoundId round, std::span<InstanceExit const> exits,
                                         std::span<Question const> questions) = 0;
};

}  // namespace skipstone::emulator

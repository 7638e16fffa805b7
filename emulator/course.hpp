#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <future>
#include <map>
#include <memory>
#include <optional>
#include <utility>
#include <vector>

#include "emulator/recovery.hpp"
#include "emulator/verdicts.hpp"
#include "model/accuracy_table.hpp"
#include "model/network.hpp"
#include "model/round_state.hpp"
#include "model/scenario.hpp"
#include "timeline/timeline.hpp"

namespace skipstone::emulator {

// Everything that happens in one round in emulated time.
struct RoundCourse {
    RoundState state;  // as it was planned
    PlanResult plan;
    Seconds charge{};                 // planning time that the requests had to wait
    std::vector<Revision> revisions;  // in the order in which they were made
    std::vector<timeline::Job> jobs;  // of the requests that finish
    // What came out of them, per job, whose graphs end where they leave. Empty: no exits are open.
    std::vector<Judgement> judged = {};
    timeline::RoundTimes times;
    std::vector<Event> events;    // canonical order
    Seconds end{};                // last request done or rejected
    Seconds next_start{};         // not before rounds.period has passed
    std::vector<Joules> spent;    // until the next round starts
    std::vector<Joules> battery;  // remaining when the next round starts
    std::vector<Outage> outages;  // those that begin until the next round does, and were not told before
};

// The plans of the requests with what was revised.
std::vector<RequestPlan> plans_as_they_went(RoundCourse const& round);

// What the timeline needs of a round.
timeline::Conditions conditions_of(Scenario const& scenario, RoundState const& state);
// When each of the round's requests can begin, as far as a planner knows: a planning time that is measured counts as 0.
std::vector<Seconds> ready_of(Scenario const& scenario, RoundState const& state);

// What happens in emulated time, round after round: requests and links are drawn, planned, put on the timeline, and
// batteries drained. It depends on the scenario, the network and the seed alone (but for planner.charge = true, which
// adds measured planning times).
class Course {
  public:
    // verdicts: of the kernels, where these are to say at which exits requests leave; the course takes tables and
    // traces by itself. Without (who only plans, for one): requests leave nowhere. Throws InputError where the scenario
    // does not fit its network or its accuracy table.
    Course(Scenario const& scenario, Network const& network, std::shared_ptr<Verdicts> verdicts = {});

    // The next round; call it scenario.rounds.count times at most.
    RoundCourse next();
    // What the last round was planned from. There must have been one.
    Instance const& instance() const;

  private:
    // Plans and simulates with so much energy kept back.
    void attempt(RoundCourse& round, std::vector<Joules> const& reserve);
    void set_end(RoundCourse& round) const;
    // When one of the devices that have energy, or one of their links, which are down at a time, is back; the time
    // itself where none will be.
    Seconds first_back(Seconds time) const;
    // Outages that reach into the round, of devices that have energy, and of links.
    std::vector<Outage> outages_of(RoundFaults const& faults, RoundCourse const& round) const;
    // What of them was not told in an earlier round.
    std::vector<Outage> news(std::vector<Outage> const& outages);
    // Charges batteries; false where a device that has work would run empty: then `reserve` has grown and the round
    // must be planned anew.
    bool settle(RoundCourse& round, std::vector<Joules>& reserve, int attempts) const;

    Scenario scenario_;
    Network network_;
    std::vector<DropOption> drops_;
    std::shared_ptr<Verdicts> verdicts_;  // none: requests leave nowhere
    std::vector<Powers> powers_;
    std::optional<Instance> instance_;  // of the last round; the next is made from it
    RoundId next_{std::int32_t{0}};
    Seconds start_{0};
    Seconds last_length_{0};
    std::vector<Joules> battery_;
    std::vector<bool> off_;  // for good: their batteries are empty
    Faults faults_;
    std::map<std::pair<DeviceId, DeviceId>, Seconds> told_;  // until when outages of a device, or link, are told
    std::vector<PendingRequest> retries_;
    std::int64_t drawn_ = 0;
};

// Plans a round: Course::next(), and what it uses.
using Planning = std::function<RoundCourse()>;

// Plans on a thread of its own; done: called there, at the end. A planner that takes long may be left to itself: the
// thread ends with the process then (by std::_Exit, which lets it keep what it uses), and the course is of no more use.
std::future<RoundCourse> start(Planning planning, std::function<void()> done = {});

// The course's next round, or nothing when stop is set meanwhile: its planner is left to itself then.
std::optional<RoundCourse> next_unless(std::shared_ptr<Course> course, std::atomic<bool> const& stop);

}  // namespace skipstone::emulator

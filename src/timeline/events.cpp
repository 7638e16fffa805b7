#include <algorithm>

#include "timeline/event_rows.hpp"
#include "timeline/timeline.hpp"
#include "units/error.hpp"

namespace skipstone::timeline {

namespace {

// A task on its device, as far as waiting for it goes.
struct Expected {
    DeviceId device;
    Seconds begin, end, arrival;
    RequestId request;
    BlockId block;  // none: it was lost, and nobody knows any more what it was expected for
    std::int16_t part = -1;
};

// Appends the intervals in which a device that does not compute expects the input of a task of a request that has
// arrived.
std::vector<Event> with_waits(std::vector<Event> events, std::vector<Expected> expected, DownTimes const& off,
                              Conditions const& conditions) {
    std::ranges::sort(expected, {}, [](Expected const& task) {
        return std::tuple(task.device, task.begin, task.end, task.request, task.block, task.part);
    });
    Seconds earliest{};  // arrival of a task that runs now or later, on this device
    for (std::size_t i = expected.size(); i-- > 0;) {
        Expected const& task = expected[i];
        bool const last = i + 1 == expected.size() || expected[i + 1].device != task.device;
        bool const first = i == 0 || expected[i - 1].device != task.device;
        earliest = last ? task.arrival : std::min(earliest, task.arrival);
        Seconds const idle_since = first ? conditions.start : expected[i - 1].end;
        Seconds const begin = std::max(earliest, idle_since);
        if (begin >= task.begin || !task.block) continue;
        for (auto const& [from, to] : off.up(task.device, begin, task.begin))
            events.push_back({.device = task.device.value(),
                              .round = conditions.round.value(),
                              .request = task.request.value(),
                              .block = task.block.value(),
                              .kind = EventKind::wait,
                              .part = task.part,
                              .begin_s = from.value(),
                              .end_s = to.value()});
    }
    return events;
}

std::vector<Event> all_events(std::vector<Job> const& jobs, RoundTimes const& times, std::vector<Event> const& lost,
                              DownTimes const& off, Conditions const& conditions) {
    SKIPSTONE_EXPECT(times.jobs.size() == jobs.size());
    std::vector<Event> events = lost;
    std::vector<Expected> expected;
    for (Event const& event : lost)
        if (event.kind == EventKind::compute)
            expected.push_back({DeviceId(event.device), Seconds(event.begin_s), Seconds(event.end_s),
                                Seconds(event.begin_s), RequestId(event.request), BlockId()});
    std::size_t tasks = expected.size(), moves = 0;
    for (Job const& job : jobs) {
        tasks += job.work.tasks.size();
        moves += job.work.moves.size();
    }
    events.reserve(lost.size() + 2 * (tasks + moves));
    expected.reserve(tasks);
    for (std::size_t j = 0; j < jobs.size(); ++j) {
        Job const& job = jobs[j];
        JobTimes const& when = times.jobs[j];
        SKIPSTONE_EXPECT(when.hops.size() == job.work.moves.size() && when.tasks.size() == job.work.tasks.size());
        for (std::size_t m = 0; m < job.work.moves.size(); ++m) {
            HopTimes const& hop = when.hops[m];
            auto [transmit, receive] = transfer(job, job.work.moves[m], conditions.round);
            if (hop.retransmitted_packets > 0) transmit.flags = receive.flags = event_flags::retransmitted;
            transmit.begin_s = hop.begin.value();
            transmit.end_s = hop.end.value();
            receive.begin_s = (hop.begin + (hop.arrival - hop.end)).value();
            receive.end_s = hop.arrival.value();
            events.push_back(transmit);
            events.push_back(receive);
        }
        for (std::size_t t = 0; t < job.work.tasks.size(); ++t) {
            Task const& task = job.work.tasks[t];
            TaskTimes const& run = when.tasks[t];
            events.push_back({.device = task.device.value(),
                              .round = conditions.round.value(),
                              .request = job.request.value(),
                              .block = task.block.value(),
                              .kind = EventKind::compute,
                              .part = task.part,
                              .begin_s = run.begin.value(),
                              .end_s = run.end.value(),
                              .macs = task.macs.value()});
            expected.push_back({task.device, run.begin, run.end, std::max(when.ready, task.assigned), job.request,
                                task.block, task.part});
        }
    }
    events = with_waits(std::move(events), std::move(expected), off, conditions);
    std::ranges::sort(events, in_canonical_order);
    return events;
}

}  // namespace

std::vector<Job> jobs_of(Instance const& instance, PlanResult const& plan, std::vector<Seconds> const& arrivals,
                         Seconds earliest) {
    SKIPSTONE_EXPECT(plan.requests.size() == arrivals.size());
    std::vector<Job> jobs;
    for (std::size_t r = 0; r < plan.requests.size(); ++r) {
        RequestPlan const& request = plan.requests[r];
        if (!request.admitted) continue;
        jobs.push_back({.request = RequestId(r),
                        .ready = std::max(arrivals[r], earliest),
                        .source = instance.source,
                        .work = task_graph(instance, request)});
    }
    return jobs;
}

std::vector<Event> events_of(std::vector<Job> const& jobs, RoundTimes const& times, Conditions const& conditions) {
    return all_events(jobs, times, {}, {}, conditions);
}

std::vector<Event> events_of(FaultyTimes const& round, DownTimes const& off, Conditions const& conditions) {
    return all_events(round.jobs, round.times, round.lost, off, conditions);
}

}  // namespace skipstone::timeline

// How long the timeline takes for one thing that it lets happen: a task or a move. Chains of ResNet-50's 18 blocks,
// every block on a drawn device; a small round, and 1,000 requests on fleets of 100 to 10,000 devices.
#include <algorithm>
#include <cstdio>
#include <ctime>
#include <limits>
#include <string>

#include "timeline/timeline.hpp"
#include "units/random.hpp"

using namespace skipstone;

namespace {

constexpr std::size_t blocks = 18;

Instance fleet(std::size_t devices, std::size_t requests, timeline::Conditions const& conditions) {
    Instance instance;
    instance.requests = static_cast<int>(requests);
    for (std::size_t b = 0; b < blocks; ++b) {
        InstanceBlock block;
        block.name = "b" + std::to_string(b);
        block.macs = Macs(210'000'000);
        block.output = Bytes(802816);
        instance.blocks.push_back(block);
    }
    InstanceDevice device;
    device.mac_rate = MacRate(1.4e9);
    instance.devices.assign(devices, device);
    instance.links = conditions.links;
    return instance;
}

PlanResult drawn_plan(std::size_t devices, std::size_t requests) {
    RandomStream draw(1, "timeline-bench");
    PlanResult plan;
    plan.requests.resize(requests);
    for (RequestPlan& request : plan.requests) {
        request.admitted = true;
        for (std::size_t b = 0; b < blocks; ++b)
            request.devices.emplace_back(static_cast<std::int32_t>(draw.below(static_cast<std::int64_t>(devices))));
    }
    return plan;
}

double processor_time() {
    timespec time;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &time);
    return 1e9 * static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_nsec);
}

// Of several measurements the least time on the processor, in nanoseconds.
template <class Work>
double nanoseconds(int repeats, Work work) {
    double least = std::numeric_limits<double>::infinity();
    for (int i = 0; i < repeats; ++i) {
        double const begin = processor_time();
        work();
        least = std::min(least, processor_time() - begin);
    }
    return least;
}

void measure(std::size_t devices, std::size_t requests, Medium medium, int repeats) {
    timeline::Conditions conditions;
    conditions.round = RoundId(0);
    LinkModel model;
    model.latency = Seconds(0.001);
    conditions.links = LinkTable::drawn(devices, model, 1, RoundId(0));
    conditions.medium = medium;
    auto const instance = fleet(devices, requests, conditions);
    auto const plan = drawn_plan(devices, requests);
    std::vector<Seconds> const arrivals(requests);
    auto const jobs = timeline::jobs_of(instance, plan, arrivals, Seconds(0));
    auto const times = timeline::simulate(jobs, conditions);
    auto const rows = timeline::events_of(jobs, times, conditions);
    auto const happens = static_cast<double>(std::ranges::count(rows, EventKind::compute, &Event::kind) +
                                             std::ranges::count(rows, EventKind::transmit, &Event::kind));
    double const made = nanoseconds(repeats, [&] { timeline::jobs_of(instance, plan, arrivals, Seconds(0)); });
    double const simulated = nanoseconds(repeats, [&] { timeline::simulate(jobs, conditions); });
    double const listed = nanoseconds(repeats, [&] { timeline::events_of(jobs, times, conditions); });
    std::printf("%8zu %9zu %6s %9.0f %9.0f %9.0f %14.0f\n", devices, requests,
                medium == Medium::radio ? "radio" : "links", made / happens, simulated / happens, listed / happens,
                1e9 * happens / simulated);
}

}  // namespace

int main() {
    std::puts("ns for each task or move: making jobs, simulating them, listing events");
    std::puts(" devices  requests medium      jobs  simulate    events  simulated per s");
    for (Medium const medium : {Medium::links, Medium::radio}) {
        measure(11, 3, medium, 3000);
        for (std::size_t const devices : {100, 1000, 10000}) measure(devices, 1000, medium, 15);
    }
}

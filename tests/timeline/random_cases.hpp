#pragma once

#include <boost/test/unit_test.hpp>
#include <tuple>
#include <utility>
#include <vector>

#include "tests/timeline/cases.hpp"
#include "units/random.hpp"

namespace skipstone::timeline::cases {

// chains; blocks, some of them in parts; tasks that need any earlier ones. And these with heads of exits behind some of
// the outputs.
enum class Shape { chain, parts, any, chain_with_exits, parts_with_exits, any_with_exits };

inline bool has_exits(Shape shape) {
    return shape >= Shape::chain_with_exits;
}
inline bool has_parts(Shape shape) {
    return shape == Shape::parts || shape == Shape::parts_with_exits;
}
inline bool has_any_needs(Shape shape) {
    return shape == Shape::any || shape == Shape::any_with_exits;
}

struct Case {
    std::vector<Job> jobs;
    Conditions conditions;
};

// On a grid, so that much happens at the same instant and some takes no time; or anywhere.
inline Case random_case(std::uint64_t seed, Medium medium, bool on_grid, Shape shape) {
    RandomStream draw(seed, "case", medium == Medium::radio, on_grid, static_cast<int>(shape));
    auto const below = [&](int bound) { return static_cast<int>(draw.below(bound)); };
    int const devices = 2 + below(4), requests = 1 + below(12);
    Case result;
    result.conditions = conditions(static_cast<std::size_t>(devices), medium);
    result.conditions.start = Seconds(10);
    std::vector<double> rates, latencies;
    for (int i = 0; i < devices * devices; ++i) {
        rates.push_back(on_grid ? 8.0 * (1 << below(2)) : draw.uniform(4, 40));
        latencies.push_back(on_grid ? 0.5 * below(2) : draw.uniform());
    }
    result.conditions.links = LinkTable::dense(static_cast<std::size_t>(devices), rates, latencies);
    if (!on_grid && below(2) == 0) result.conditions.jitter = Seconds(0.5);
    if (!on_grid && below(2) == 0) result.conditions.loss = below(2) == 0 ? 0.3 : 0.7;
    if (below(3) == 0) result.conditions.in_flight = 1 + below(4);
    auto const length = [&] { return on_grid ? 0.5 * below(4) : draw.uniform(0, 3); };
    auto const bytes = [&] { return on_grid ? below(4) : 1 + below(9) * (below(4) == 0 ? 1000 : 1); };
    for (int r = 0; r < requests; ++r) {
        std::vector<Task> tasks;
        std::vector<Need> needs;
        std::vector<int> outputs{-1},
            gates{-1};  // the image and the tasks that are no heads; the last head behind each
        int const count = 1 + below(6);
        for (int t = 0; t < count; ++t) {
            int const parts = has_parts(shape) && below(2) == 0 ? 2 + below(3) : 0;
            for (int p = 0; p < parts; ++p) tasks.push_back(part(2 * t, p, parts, below(devices), length(), bytes()));
            tasks.push_back(parts > 0 ? part(2 * t, -1, parts, below(devices), length(), bytes())
                                      : task(2 * t, below(devices), length(), bytes()));
            int const last = static_cast<int>(tasks.size()) - 1;
            bool fed = false;
            for (std::size_t o = 0; has_any_needs(shape) && o < outputs.size(); ++o)
                if (below(2) == 0 || (o + 1 == outputs.size() && !fed)) {
                    fed = true;
                    needs.push_back({outputs[o], last, gates[o]});
                }
            outputs.push_back(last);
            gates.push_back(-1);
            for (int heads = has_exits(shape) ? below(3) : 0; heads > 0; --heads) {
                needs.push_back({last, static_cast<int>(tasks.size()), gates.back()});
                gates.back() = static_cast<int>(tasks.size());
                tasks.push_back(head(100 + gates.back(), tasks.back().device.value(), length()));
            }
        }
        std::optional<DeviceId> source;
        if (below(2) == 0) source = device(below(devices));
        Job next{.request = RequestId(static_cast<std::int32_t>(r)),
                 .ready = Seconds(10 + (below(2) == 0 ? 0 : length())),
                 .source = source,
                 .work = {}};
        next.work = has_any_needs(shape) ? graph(tasks, needs, source, below(4)) : blocks(tasks, source, below(4));
        result.jobs.push_back(std::move(next));
    }
    return result;
}

// Whether a request leaves at a head: by chance, which depends on request and block alone.
inline bool leaves(std::uint64_t seed, Job const& job, TaskGraph const& work, TaskId head) {
    return RandomStream(seed, "leaves", job.request.value(), work.tasks[head.index()].block.value()).below(4) == 0;
}

// A request's work up to the first head at which it leaves.
inline TaskGraph leaving_work(std::uint64_t seed, Job const& job, TaskGraph work) {
    for (std::size_t t = 0; t < work.tasks.size(); ++t)
        if (work.tasks[t].is_head() && leaves(seed, job, work, TaskId(t))) leave_at(work, TaskId(t));
    return work;
}
inline std::vector<Job> leaving_jobs(std::vector<Job> jobs, std::uint64_t seed) {
    for (Job& job : jobs) job.work = leaving_work(seed, job, std::move(job.work));
    return jobs;
}

template <class Check>
void for_random_cases(std::uint64_t cases, std::vector<Shape> const& shapes, Check check) {
    for (Medium const medium : {Medium::links, Medium::radio})
        for (bool const on_grid : {true, false})
            for (Shape const shape : shapes)
                for (std::uint64_t seed = 0; seed < cases; ++seed) {
                    BOOST_TEST_CONTEXT("seed " << seed << ", radio " << (medium == Medium::radio) << ", grid "
                                               << on_grid << ", shape " << static_cast<int>(shape))
                    check(seed, random_case(seed, medium, on_grid, shape));
                }
}

inline bool same(JobTimes const& a, JobTimes const& b) {
    auto const same_task = [](TaskTimes const& x, TaskTimes const& y) {
        return x.ready == y.ready && x.begin == y.begin && x.end == y.end;
    };
    auto const same_hop = [](HopTimes const& x, HopTimes const& y) {
        return x.ready == y.ready && x.begin == y.begin && x.end == y.end && x.arrival == y.arrival &&
               x.retransmitted_packets == y.retransmitted_packets;
    };
    return a.ready == b.ready && a.finish == b.finish && std::ranges::equal(a.tasks, b.tasks, same_task) &&
           std::ranges::equal(a.hops, b.hops, same_hop);
}

inline auto row(Event const& e) {
    return std::tuple(e.begin_s, e.device, e.kind, e.end_s, e.request, e.block, e.part, e.peer, e.round, e.flags,
                      e.bytes, e.macs);
}
inline bool same_row(Event const& a, Event const& b) {
    return row(a) == row(b);
}

}  // namespace skipstone::timeline::cases

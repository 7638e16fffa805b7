#include <algorithm>
#include <boost/test/unit_test.hpp>
#include <map>
#include <vector>

#include "tests/timeline/random_cases.hpp"
#include "tests/timeline/slow_simulation.hpp"

using namespace skipstone;
using namespace skipstone::timeline;
using namespace skipstone::timeline::cases;

namespace {

// How requests go on: blocks that were not kept run on devices that are there, now and then in parts again. Its
// decisions depend on the request and on how often it was lost.
class Wanderer {
  public:
    Wanderer(RoundFaults const& faults, int devices, std::uint64_t seed)
        : faults_(faults), devices_(devices), seed_(seed) {}

    TaskGraph operator()(Job const& job, Loss const& loss) {
        RandomStream draw(seed_, "wanderer", job.request.value(), times_[job.request.value()]++);
        std::size_t const kept = *loss.kept;
        from_parts += kept > 0 && job.work.tasks[kept - 1].part >= 0;
        from_heads += kept > 0 && job.work.tasks[kept - 1].is_head();
        from_blocks += kept > 0 && job.work.tasks[kept - 1].is_whole();
        std::vector<Task> tasks = job.work.tasks;
        std::vector<DeviceId> reachable;
        for (int d = 0; d < devices_; ++d)
            if (is_reachable(device(d), job, loss)) reachable.push_back(device(d));
        if (reachable.empty()) return {};
        // What is done first must be reachable; what follows may fail again.
        std::size_t first_end = kept;
        while (first_end < tasks.size() && !tasks[first_end].is_whole()) ++first_end;
        for (std::size_t t = kept; t < tasks.size(); ++t) {
            bool const is_first = t < first_end || (t == kept);
            // Drawn for heads, too, which run where the block is.
            auto const any = static_cast<std::size_t>(draw.below(static_cast<std::int64_t>(reachable.size())));
            DeviceId const drawn = is_first ? reachable[any] : device(static_cast<int>(draw.below(devices_)));
            tasks[t].device = tasks[t].is_head() ? tasks[t - 1].device : drawn;
        }
        bool const image_moves = !job.work.moves.empty() && !job.work.moves.front().from;
        return blocks(std::move(tasks), job.source, image_moves ? job.work.moves.front().bytes.serialised.value() : 0);
    }

    int from_parts = 0, from_blocks = 0, from_heads = 0;

  private:
    bool is_reachable(DeviceId to, Job const& job, Loss const& loss) const {
        if (faults_.down(to, loss.time)) return false;
        for (Feed const& feed : job.work.feeds) {
            if (feed.to.index() < *loss.kept || (feed.from && feed.from.index() >= *loss.kept)) continue;
            auto const from = feed.from ? std::optional(job.work.tasks[feed.from.index()].device) : job.source;
            if (from && *from != to && faults_.down(std::min(*from, to), std::max(*from, to), loss.time)) return false;
        }
        return true;
    }

    RoundFaults const& faults_;
    int devices_;
    std::uint64_t seed_;
    std::map<int, int> times_;
};

std::vector<Event> sorted(std::vector<Event> events) {
    std::ranges::sort(events, {}, row);
    return events;
}

}  // namespace

BOOST_AUTO_TEST_SUITE(simulate_random_faults)

BOOST_AUTO_TEST_CASE(times_and_losses_are_those_of_a_slow_simulation) {
    std::size_t lost = 0, failed = 0;
    int from_parts = 0, from_blocks = 0, from_heads = 0;
    auto const shapes = {Shape::chain, Shape::parts, Shape::chain_with_exits, Shape::parts_with_exits};
    for_random_cases(150, shapes, [&](std::uint64_t seed, Case const& c) {
        FaultModel model;
        bool const with_links = seed % 2 == 0;
        model.devices = MeanTimes{Seconds(8), Seconds(2)};
        if (with_links) model.links = MeanTimes{Seconds(9), Seconds(2)};
        if (seed % 5 == 0) model.survival = {0.9};
        model.detection = Seconds(seed % 3 == 0 ? 0 : 0.5);
        if (seed % 7 == 0) {  // at instants at which much else happens
            model.devices.reset();
            for (int i = 0; i < 8; ++i)
                model.schedule.push_back({Seconds(11 + 0.5 * i), Seconds(12 + 0.5 * i), device(i % 3), DeviceId(), ""});
        }
        Faults const faults(model, seed);
        RoundFaults const round(faults, RoundId(3), c.conditions.start);
        int const devices = static_cast<int>(c.conditions.links.devices());
        Wanderer one(round, devices, seed), other(round, devices, seed), asked(round, devices, seed);
        auto const jobs = leaving_jobs(c.jobs, seed);
        auto const fast = simulate(jobs, c.conditions, round, std::ref(one));
        auto const slow = timeline::testing::slow_simulation(jobs, c.conditions, round, std::ref(other));
        BOOST_TEST(fast.times.end.value() == slow.times.end.value());
        BOOST_TEST(fast.failed == slow.failed, boost::test_tools::per_element());
        BOOST_REQUIRE(fast.jobs.size() == slow.jobs.size());
        for (std::size_t j = 0; j < fast.jobs.size(); ++j) BOOST_TEST(same(fast.times.jobs[j], slow.times.jobs[j]));
        BOOST_TEST(std::ranges::equal(sorted(fast.lost), sorted(slow.lost), same_row));
        // Likewise where requests are asked at every head.
        auto const live = timeline::testing::slow_simulation(
            c.jobs, c.conditions, round, std::ref(asked),
            [&](Job const& job, TaskId head) { return leaves(seed, job, job.work, head); });
        BOOST_TEST(fast.times.end.value() == live.times.end.value());
        BOOST_TEST(fast.failed == live.failed, boost::test_tools::per_element());
        for (std::size_t j = 0; j < fast.jobs.size(); ++j) {
            auto times = live.times.jobs[j];
            times.tasks.resize(fast.jobs[j].work.tasks.size());
            times.hops.resize(fast.jobs[j].work.moves.size());
            BOOST_TEST(same(fast.times.jobs[j], times));
        }
        BOOST_TEST(std::ranges::equal(sorted(fast.lost), sorted(live.lost), same_row));
        lost += fast.lost.size();
        failed += fast.failed.size();
        from_parts += one.from_parts;
        from_blocks += one.from_blocks;
        from_heads += one.from_heads;
    });
    BOOST_TEST(lost > 1000u);
    BOOST_TEST(failed > 100u);
    BOOST_TEST(from_blocks > 100);
    BOOST_TEST(from_parts > 100);
    BOOST_TEST(from_heads > 100);
}

BOOST_AUTO_TEST_SUITE_END()

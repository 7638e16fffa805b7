#include <boost/test/unit_test.hpp>
#include <cmath>

#include "emulator/mpi_transport.hpp"
#include "split_rounds.hpp"
#include "world.hpp"

using namespace skipstone;
using namespace skipstone::emulator;
using namespace skipstone::test;

namespace {

// The scenario on the ranks of the world; results on rank 0. Rank i's clock is i · shift ahead. rounds: in place of the
// scenario's own. Collective.
ClusterRun run_ranks(Scenario const& scenario, double dilation, double shift,
                     Coordinator::NextRound const& rounds = nullptr) {
    Network const network(scenario.network.profile);
    HostClock const clock(world().rank() * shift);
    Doorbells const bells(world());
    Waker waker(clock, &bells.of(world().rank()));
    ClusterRun run;
    {
        MpiTransport transport(world(), bells);
        if (world().rank() > 0) {
            Node(transport, clock, waker, std::make_unique<HashExecutor>(network), network.size(),
                 scenario.emulation.clock)
                .serve();
        } else {
            std::atomic<bool> const never{false};
            Coordinator coordinator(transport, clock, waker,
                                    {scenario.emulation.clock, dilation, true, scenario.fleet.size(), network.size()},
                                    clock.now(), never);
            auto const course = std::make_shared<Course>(scenario, network);
            run.outcome = coordinator.run(
                rounds ? rounds : [&] { return next_unless(course, never); }, scenario.rounds.count,
                [&](std::int64_t image) { return numbered_image(network, image); },
                [&](RoundResult&& result) { run.results.push_back(std::move(result)); },
                [&](int round, int request, std::span<float const> logits) {
                    run.logits[{round, request}].assign(logits.begin(), logits.end());
                });
            coordinator.stop_nodes();
        }
        transport.drain();
    }
    world().barrier();
    return run;
}

}  // namespace

BOOST_AUTO_TEST_SUITE(emulation)

BOOST_AUTO_TEST_CASE(gives_the_same_logits_and_times_as_one_process) {
    if (world().size() == 1) return;
    auto scenario = small_scenario(5);
    auto const ranks = run_ranks(scenario, 1, 0);
    if (world().rank() != 0) return;
    auto const alone = run_loopback(scenario, {.nodes = 1});
    BOOST_TEST((ranks.logits == alone.logits));
    BOOST_TEST(!ranks.logits.empty());
    BOOST_REQUIRE(ranks.results.size() == alone.results.size());
    for (std::size_t i = 0; i < alone.results.size(); ++i) {
        BOOST_TEST((ranks.results[i].course.battery == alone.results[i].course.battery));
        BOOST_TEST((ranks.results[i].predicted == alone.results[i].predicted));
    }
}

BOOST_AUTO_TEST_CASE(parts_of_blocks_are_computed_and_joined_on_other_ranks) {
    if (world().size() == 1) return;
    auto scenario = small_scenario(7);
    scenario.rounds.count = 4;
    Network const network(scenario.network.profile);
    auto const rounds = random_split_rounds(scenario, network, scenario.rounds.count, 5, 60);
    auto const run = run_ranks(scenario, 1, 0, in_turn(rounds));
    if (world().rank() != 0) return;
    BOOST_TEST((run.logits == whole_logits(rounds, network)));
}

BOOST_AUTO_TEST_CASE(the_wall_clock_moves_parts_between_ranks) {
    if (world().size() == 1) return;
    auto scenario = small_scenario(world().size() - 1);
    scenario.rounds.count = 1;
    scenario.emulation.clock = ClockKind::wall;
    Network const network(scenario.network.profile);
    auto const rounds = random_split_rounds(scenario, network, 1, 2, 70);
    auto const run = run_ranks(scenario, 1, 1000, in_turn(rounds));
    if (world().rank() != 0) return;
    BOOST_TEST((run.logits == whole_logits(rounds, network)));
    for (auto const& event : run.results.at(0).course.events)
        if (event.kind != EventKind::wait)
            BOOST_TEST(std::abs(event.host_end_s - run.results[0].host_start_s - event.end_s) < 1);
}

BOOST_AUTO_TEST_CASE(draining_takes_what_nobody_waits_for) {
    Doorbells const bells(world());
    {
        MpiTransport transport(world(), bells);
        for (int to = 0; to < world().size(); ++to)
            if (to != world().rank())
                transport.send(to, Tag::tensor, Buffer(4'000'000));  // leaves only when it is taken
        transport.drain();
        BOOST_TEST(!transport.busy());
    }
    world().barrier();
    MpiTransport fresh(world(), bells);
    BOOST_TEST(!fresh.receive().has_value());
    world().barrier();  // the next case's messages are not for this transport
}

BOOST_AUTO_TEST_CASE(aligns_the_clocks_of_ranks_that_disagree) {
    if (world().size() == 1) return;
    auto scenario = small_scenario(world().size() - 1);
    scenario.rounds.count = 1;
    scenario.requests.count = 2;
    scenario.emulation.clock = ClockKind::wall;
    double const shift = 12345.678;
    auto const run = run_ranks(scenario, 1, shift);
    if (world().rank() != 0) return;
    auto const& result = run.results.at(0);
    BOOST_TEST(result.clocks.size() == static_cast<std::size_t>(world().size() - 1));
    for (auto const& clock : result.clocks)
        BOOST_TEST(std::abs(clock.offset_s - shift * clock.rank) <= clock.uncertainty_s + 1e-9);
    for (auto const& event : result.course.events)
        if (event.kind != EventKind::wait)
            BOOST_TEST(std::abs(event.host_end_s - result.host_start_s - event.end_s) < 1);
}

BOOST_AUTO_TEST_SUITE_END()

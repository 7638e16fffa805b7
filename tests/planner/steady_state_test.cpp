#include "planner/steady_state.hpp"

#include <algorithm>
#include <boost/test/unit_test.hpp>
#include <cmath>
#include <limits>
#include <map>
#include <string>
#include <vector>

#include "fleet.hpp"
#include "model/cost_model.hpp"
#include "planner/choice.hpp"
#include "planner/master.hpp"
#include "planner/planner.hpp"
#include "planner/stream.hpp"
#include "stream_instance.hpp"
#include "timeline/timeline.hpp"
#include "units/error.hpp"

using namespace skipstone;
using namespace skipstone::planner;

namespace {

// Every way of a request through a small fleet.
void every_way(Instance const& instance, Choice const& choice, std::size_t step, RequestPlan& plan,
               std::vector<RequestPlan>& found) {
    if (step == choice.steps.size()) {
        found.push_back(plan);
        return;
    }
    auto const block = choice.steps[step].block;
    auto const devices = instance.devices.size();
    for (std::size_t i = 0; i < devices; ++i) {
        plan.devices[block.index()] = DeviceId(i);
        every_way(instance, choice, step + 1, plan, found);
        if (choice.steps[step].mode != BlockMode::full) continue;
        for (auto const& offered : instance.blocks[block.index()].splits) {
            std::size_t assignments = 1;
            for (std::size_t p = 0; p < offered.parts.size(); ++p) assignments *= devices;
            for (std::size_t a = 0; a < assignments; ++a) {
                SplitBlock way{block, offered.split, {}};
                for (std::size_t p = 0, rest = a; p < offered.parts.size(); ++p, rest /= devices)
                    way.parts.emplace_back(rest % devices);
                plan.splits.push_back(way);
                every_way(instance, choice, step + 1, plan, found);
                plan.splits.pop_back();
            }
        }
    }
}

std::vector<RequestPlan> every_way(Instance const& instance) {
    std::vector<RequestPlan> found;
    for (Choice const& choice : choices_of(instance)) {
        RequestPlan plan;
        plan.admitted = true;
        plan.dropped = instance.accuracy[choice.option].dropped;
        plan.devices.resize(instance.blocks.size());
        every_way(instance, choice, 0, plan, found);
    }
    return found;
}

// How many these are, about: drop sets have fewer.
double count_of_ways(Instance const& instance) {
    double all = static_cast<double>(instance.accuracy.size());
    auto const devices = static_cast<double>(instance.devices.size());
    for (auto const& block : instance.blocks) {
        double ways = devices;
        for (auto const& split : block.splits) ways += std::pow(devices, 1 + static_cast<double>(split.parts.size()));
        all *= ways;
    }
    return all;
}

// A small instance with few enough ways.
Instance enumerable(RandomStream& random) {
    for (;;) {
        auto instance = testing::stream_instance(random, {3, 3, 3, 2});
        if (count_of_ways(instance) <= 6000) return instance;
    }
}

// The least period over all shares of all ways, one column for each, with a row for each processor, link and radio.
double least_period(Instance const& instance, Medium medium) {
    Master master;
    constexpr double infinity = std::numeric_limits<double>::infinity();
    auto const devices = instance.devices.size();
    std::map<std::size_t, std::size_t> rows;
    auto const one = master.add_row(1, 1, {});
    auto const period = master.add_column(1, 0, infinity, {});
    for (std::size_t r = 0; r < devices * (medium == Medium::radio ? 2 : devices + 1); ++r)
        rows[r] = master.add_row(-infinity, 0, {{period, -1}});
    std::vector<std::size_t> memory;
    std::vector<double> room;
    for (std::size_t i = 0; i < devices; ++i) {
        Bytes smallest = instance.devices[i].memory;
        auto const consider = [&](Bytes need, Bytes weights) {
            if (need + instance.weights_needed(DeviceId(i), BlockId(std::int32_t{0}), weights) <=
                instance.devices[i].memory)
                smallest = std::min(smallest, need);
        };
        for (auto const& block : instance.blocks) {
            consider(block.skip_macs > Macs(0) ? std::min(block.memory, block.skip_memory) : block.memory,
                     block.weights);
            for (auto const& split : block.splits)
                for (auto const& part : split.parts) consider(part.memory, part.weights);
        }
        for (auto const& exit : instance.exits) {
            Bytes const weights = instance.weights_needed(DeviceId(i), exit.head, exit.weights);
            if (exit.memory + weights <= instance.devices[i].memory) smallest = std::min(smallest, exit.memory);
        }
        room.push_back(static_cast<double>((instance.devices[i].memory - smallest).value()));
        memory.push_back(master.add_row(-infinity, 1, {}));
    }
    bool any = false;
    for (RequestPlan const& plan : every_way(instance)) {
        auto const graph = task_graph(instance, plan);
        bool possible = true;
        std::vector<Master::Entry> entries{{one, 1}};
        for (Use const& use : uses_of(instance, plan, graph, medium)) {
            possible &= std::isfinite(use.seconds);
            entries.push_back({rows.at(use.resource), use.seconds});
        }
        std::vector<double> held(devices, 0);
        for (Task const& task : graph.tasks) {
            Bytes const weights = instance.weights_needed(task.device, task.block, task.weights);
            Bytes const need = task.is_head() || task.mode == BlockMode::skip ||
                                       instance.blocks[task.block.index()].skip_macs == Macs(0) || task.part >= 0
                                   ? task.memory
                                   : std::min(task.memory, instance.blocks[task.block.index()].skip_memory);
            possible &= task.joins() || need + weights <= instance.devices[task.device.index()].memory;
            if (!task.joins()) held[task.device.index()] += static_cast<double>(weights.value());
        }
        for (std::size_t i = 0; i < devices; ++i)
            if (held[i] > 0) {
                possible &= room[i] > 0;
                entries.push_back({memory[i], held[i] / std::max(room[i], 1.0)});
            }
        if (!possible) continue;
        any = true;
        master.add_column(0, 0, infinity, entries);
    }
    if (!any) return infinity;
    auto const solution = master.solve();
    return solution.optimal ? solution.objective : infinity;
}

// Requests per second of the plan's rounds, one behind the other without a pause, with queues.
double emulated_rate(Instance const& instance, PlanResult plan, timeline::Conditions const& conditions) {
    constexpr int rounds = 10;
    std::erase_if(plan.requests, [](RequestPlan const& request) { return !request.admitted; });
    auto const round = plan.requests;
    for (int r = 1; r < rounds; ++r) plan.requests.insert(plan.requests.end(), round.begin(), round.end());
    auto const jobs =
        timeline::jobs_of(instance, plan, std::vector<Seconds>(plan.requests.size(), Seconds(0)), Seconds(0));
    auto const times = timeline::simulate(jobs, conditions);
    return static_cast<double>(jobs.size()) / times.end.value();
}

}  // namespace

BOOST_AUTO_TEST_SUITE(steady_state)

BOOST_AUTO_TEST_CASE(period_and_bound_by_hand) {
    // Three equal devices, three blocks of 0.1 s each, whole requests in turns: 0.3 s of work on three devices.
    auto instance = testing::fleet(3, 3, 3);
    instance.goal = Goal::throughput;
    instance.accuracy = {{{}, 0.95}};
    Budget budget(1e9);
    auto const bound = throughput_bound(instance, Medium::links, budget);
    BOOST_REQUIRE(bound);
    BOOST_TEST(bound->throughput == 10, boost::test_tools::tolerance(1e-6));
    // Each of the three processors that is twice as fast adds a third to first order.
    BOOST_REQUIRE(bound->prices.size() == 3);
    for (auto const& price : bound->prices) BOOST_TEST(price.price == 10.0 / 3, boost::test_tools::tolerance(1e-6));
    // One way over all three devices: each is busy for 0.1 s, and so are two links.
    RequestPlan plan;
    plan.admitted = true;
    plan.devices = {DeviceId(std::int32_t{0}), DeviceId(std::int32_t{1}), DeviceId(std::int32_t{2})};
    BOOST_TEST(period_of(instance, {plan}, Medium::links)->value() == 0.1, boost::test_tools::tolerance(1e-9));
    // The middle one receives and sends on one radio.
    BOOST_TEST(period_of(instance, {plan}, Medium::radio)->value() == 0.2, boost::test_tools::tolerance(1e-9));
    BOOST_TEST(!period_of(instance, {RequestPlan()}, Medium::links));
}

BOOST_AUTO_TEST_CASE(source_limits_the_stream) {
    // Images of 0.1 s leave the source over one radio: what it does not compute itself it must send.
    auto instance = testing::fleet(40, 3, 3);
    instance.goal = Goal::throughput;
    instance.accuracy = {{{}, 0.95}};
    instance.source = DeviceId(std::int32_t{0});
    Budget budget(1e9);
    auto const bound = throughput_bound(instance, Medium::radio, budget);
    BOOST_REQUIRE(bound);
    // 10 images/s are sent, and it computes 10/3 itself.
    BOOST_TEST(bound->throughput == 10 + 10.0 / 3, boost::test_tools::tolerance(1e-6));
    BOOST_TEST((bound->prices.front().resource == ResourcePrice::Resource::radio));
}

BOOST_AUTO_TEST_CASE(bound_equals_the_programme_of_every_way) {
    int compared = 0;
    for (int n = 0; n < 400; ++n) {
        RandomStream random(static_cast<std::uint64_t>(n), "every way");
        auto instance = enumerable(random);
        if (n % 4 < 2) testing::add_exits(instance, random);
        auto const medium = n % 2 ? Medium::radio : Medium::links;
        Budget budget(1e10);
        auto const bound = throughput_bound(instance, medium, budget);
        double const least = least_period(instance, medium);
        if (!std::isfinite(least)) {
            BOOST_TEST(!bound);
            continue;
        }
        BOOST_REQUIRE(bound);
        BOOST_TEST(bound->throughput * least == 1, boost::test_tools::tolerance(3e-6));
        ++compared;
    }
    BOOST_TEST(compared > 250);
}

BOOST_AUTO_TEST_CASE(bound_holds_however_early_it_stops) {
    for (int n = 0; n < 40; ++n) {
        RandomStream random(static_cast<std::uint64_t>(n), "early");
        auto const instance = enumerable(random);
        double const least = least_period(instance, Medium::radio);
        for (double const work : {1.0, 1e4, 1e5}) {
            Budget budget(work);
            auto const bound = throughput_bound(instance, Medium::radio, budget);
            if (bound && std::isfinite(least)) BOOST_TEST(bound->throughput * least >= 1 - 1e-7);
        }
    }
}

BOOST_AUTO_TEST_CASE(plans_are_valid_and_below_the_bound) {
    int planned = 0;
    for (int n = 0; n < 400; ++n) {
        RandomStream random(static_cast<std::uint64_t>(n), "streams");
        auto instance = testing::stream_instance(random, {4, 5, 4, 2});
        if (n % 4 < 2) testing::add_exits(instance, random);
        instance.requests = 12;
        timeline::Conditions conditions;
        conditions.medium = n % 2 ? Medium::radio : Medium::links;
        Options options;
        options.conditions = &conditions;
        double balanced = 0;
        int served = 0;
        for (auto const* const name : {"balanced", "pipeline"}) {
            auto const result = plan(name, instance, options);
            for (auto const& wrong : violations(instance, result)) BOOST_ERROR(std::string(name) + ": " + wrong);
            if (result.admitted == 0) continue;
            ++planned;
            BOOST_REQUIRE(result.throughput_bound);
            conditions.links = instance.links;
            BOOST_TEST(emulated_rate(instance, result, conditions) <= *result.throughput_bound * (1 + 1e-9));
            BOOST_TEST(*result.throughput <= *result.throughput_bound * (1 + 1e-9));
            if (std::string(name) == "balanced") {
                balanced = *result.throughput;
                served = result.admitted;
                continue;
            }
            if (result.admitted == served) BOOST_TEST(*result.throughput >= balanced * (1 - 1e-9));
            auto const again = plan(name, instance, options);
            BOOST_TEST(*again.throughput == *result.throughput);
            for (std::size_t r = 0; r < result.requests.size(); ++r) {
                BOOST_TEST((again.requests[r].devices == result.requests[r].devices));
                BOOST_TEST((again.requests[r].splits == result.requests[r].splits));
            }
        }
    }
    BOOST_TEST(planned > 400);
}

BOOST_AUTO_TEST_CASE(goals_are_refused_by_name) {
    auto instance = testing::fleet(2, 2, 1);
    auto const refused = [&](char const* name, char const* hint) {
        BOOST_CHECK_EXCEPTION(plan(name, instance, {}), InputError, [&](InputError const& error) {
            std::string const text = error.what();
            return text.find(name) != std::string::npos && text.find(hint) != std::string::npos;
        });
    };
    refused("pipeline", "throughput");
    refused("balanced", "throughput");
    instance.goal = Goal::throughput;
    for (auto const* const name : {"exact", "contention", "milp", "ga", "greedy", "no-drop", "single-device"})
        refused(name, "pipeline");
}

BOOST_AUTO_TEST_CASE(stages_by_hand) {
    auto instance = testing::fleet(4, 3, 4);
    instance.goal = Goal::throughput;
    instance.accuracy = {{{}, 0.95}};
    auto const id = [](std::int32_t i) { return DeviceId(i); };
    auto const block = [](std::int32_t j) { return BlockId(j); };
    Options options;
    options.stages = {{"b0..b1", block(0), block(1), {id(0), id(1)}, {}, {}},
                      {"b2", block(2), block(2), {id(3)}, {}, {}}};
    auto const result = plan("fixed", instance, options);
    BOOST_TEST(violations(instance, result).empty());
    BOOST_REQUIRE(result.admitted == 4);
    for (std::size_t r = 0; r < 4; ++r)
        BOOST_TEST((result.requests[r].devices == std::vector{id(r % 2 ? 1 : 0), id(r % 2 ? 1 : 0), id(3)}));
    // 0.2 s on two devices in turns; 0.1 s on the last.
    BOOST_TEST(*result.throughput == 10, boost::test_tools::tolerance(1e-9));
    auto const fails = [&](char const* key, char const* hint) {
        BOOST_CHECK_EXCEPTION(plan("fixed", instance, options), InputError, [&](InputError const& error) {
            std::string const text = error.what();
            return text.find(key) != std::string::npos && text.find(hint) != std::string::npos;
        });
    };
    auto const good = options.stages;
    options.stages[1].split = {Split::Kind::outputs, 2};
    options.stages[1].devices = {id(2), id(3)};
    options.stages[1].join = id(0);
    fails("planner.stages[1].split", "b2");
    options.stages = good;
    options.stages[1].first = options.stages[1].last = block(1);
    fails("planner.stages[1].blocks", "b2");
    options.stages = {good.front()};
    fails("planner.stages", "b2");
    options.stages = good;
    options.stages[0].devices = {id(7)};
    fails("planner.stages[0].devices", "7");
    options.stages.clear();
    fails("planner.stages", "missing");
}

BOOST_AUTO_TEST_SUITE_END()

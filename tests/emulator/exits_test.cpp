// Where requests leave is judged by what nodes compute: the same on any of them, and under both clocks.
#include <algorithm>
#include <atomic>
#include <boost/test/unit_test.hpp>
#include <chrono>
#include <cmath>
#include <string>
#include <thread>

#include "split_rounds.hpp"
#include "tests/exits.hpp"
#include "units/error.hpp"

using namespace skipstone;
using namespace skipstone::test;
using emulator::Judgement;
using emulator::KernelVerdicts;
using emulator::OpenExit;

namespace {

Scenario scenario_of(int devices) {
    auto scenario = small_scenario(devices);
    scenario.network.profile = with_exits(scenario.network.profile, {"stem", "s2b2", "s3b1", "s3b3", "s4b2"}, 1);
    for (auto& device : scenario.fleet) device.mac_rate = MacRate(4e9);
    return scenario;
}

// Thresholds that the hashes' confidences lie around.
std::vector<OpenExit> open_exits(Network const& network, unsigned seed) {
    std::mt19937 random(seed);
    std::vector<OpenExit> exits;
    for (auto const& exit : network.exits())
        exits.push_back({exit.after, std::uniform_real_distribution<double>(0.148, 0.158)(random)});
    return exits;
}

Instance exits_instance(Scenario const& scenario, Network const& network, std::vector<OpenExit> const& exits) {
    auto instance = split_instance(scenario, network);
    for (std::size_t e = 0; e < exits.size(); ++e) {
        auto const& head = network.exits()[e].head;
        instance.exits.push_back({exits[e].after, network.head_of(ExitId(e)), head.name, exits[e].threshold, head.macs,
                                  head.memory_bytes, head.weight_bytes});
    }
    return instance;
}

struct Rounds {
    Scenario scenario;
    Network network;
    std::vector<OpenExit> exits;
    Instance instance;
    unsigned seed;
    int requests;

    Rounds(Scenario const& scenario_here, int requests_here, unsigned seed_here)
        : scenario(scenario_here),
          network(scenario_here.network.profile),
          exits(open_exits(network, seed_here)),
          instance(exits_instance(scenario, network, exits)),
          seed(seed_here),
          requests(requests_here) {}

    std::vector<RequestPlan> plans(int number) const {
        std::mt19937 random(seed + static_cast<unsigned>(number));
        std::vector<RequestPlan> plans;
        for (int r = 0; r < requests; ++r) plans.push_back(random_split_plan(instance, random));
        return plans;
    }

    // As a course plans: asks about all requests, then once more about one with another plan, as after a failure.
    emulator::Planning planning(std::shared_ptr<KernelVerdicts> const& verdicts) const {
        auto const number = std::make_shared<int>(0);
        auto const start = std::make_shared<Seconds>(0);
        return [this, verdicts, number, start] {
            auto with_source = instance;
            if (*number % 2 == 1)
                with_source.source = DeviceId(static_cast<std::size_t>(*number) % instance.devices.size());
            auto made = plans(*number);
            auto const other = plans(*number + 1000).front();
            auto const ask = [&](emulator::RoundCourse const& round) {
                std::vector<emulator::Question> questions;
                for (std::size_t j = 0; j < round.jobs.size(); ++j)
                    questions.push_back({round.state.requests[j].image, &round.plan.requests[j], &round.jobs[j]});
                return verdicts->judge(round.state.round, with_source.exits, questions);
            };
            auto const first = round_of(scenario, with_source, made, *number, *start);
            ask(first);
            made.front() = other;
            auto round = round_of(scenario, with_source, made, *number, *start);
            round.judged = ask(round);
            for (std::size_t j = 0; j < round.jobs.size(); ++j) {
                if (!round.judged[j].leaves) continue;
                std::size_t left = round.judged[j].heads.size(), task = 0;
                for (;; ++task)
                    if (round.jobs[j].work.tasks.at(task).is_head() && --left == 0) break;
                leave_at(round.jobs[j].work, TaskId(task));
            }
            timeline::Conditions const conditions{
                .round = round.state.round, .start = *start, .seed = scenario.seed, .links = with_source.links};
            round.times = timeline::simulate(round.jobs, conditions);
            round.events = timeline::events_of(round.jobs, round.times, conditions);
            round.end = round.next_start = round.times.end;
            *start = round.end;
            ++*number;
            return round;
        };
    }

    // One block after the other, whole, on one executor.
    std::pair<Judgement, std::vector<float>> expected(RequestPlan const& plan, std::int64_t image) const {
        HashExecutor executor(network);
        Judgement judgement;
        auto tensor = numbered_image(network, image);
        bool computed = false;  // behind a block that vanished there is a head only if something ran before
        for (std::size_t b = 0; b < network.size(); ++b) {
            bool const dropped = std::ranges::binary_search(plan.dropped, BlockId(b));
            tensor = executor.run(BlockId(b), dropped ? BlockMode::skip : BlockMode::full, std::move(tensor));
            computed |= static_cast<bool>(plan.devices[b]);
            auto const exit = network.exit_after(BlockId(b));
            if (!exit || !computed) continue;
            auto const logits = executor.run(network.head_of(*exit), BlockMode::full, tensor.clone());
            auto const verdict = verdict_of(logits.values());
            judgement.heads.push_back(verdict);
            judgement.leaves = static_cast<double>(verdict.confidence) >= exits[exit->index()].threshold;
            if (judgement.leaves) return {judgement, {logits.values().begin(), logits.values().end()}};
        }
        judgement.end = verdict_of(tensor.values());
        return {judgement, {tensor.values().begin(), tensor.values().end()}};
    }

    ClusterRun run(int nodes, ClusterOptions options = {}) const {
        options.nodes = nodes;
        options.verdicts = std::make_shared<KernelVerdicts>();
        options.exits = exits;
        options.plan = planning(options.verdicts);
        return run_loopback(scenario, options);
    }
};

struct Left {
    std::size_t requests = 0, early = 0, heads = 0;
};

Left check(Rounds const& rounds, ClusterRun const& run) {
    Left left;
    BOOST_REQUIRE(run.results.size() == static_cast<std::size_t>(rounds.scenario.rounds.count));
    for (auto const& result : run.results)
        for (std::size_t r = 0; r < result.course.judged.size(); ++r) {
            auto const& judged = result.course.judged[r];
            auto const [meant, logits] =
                rounds.expected(result.course.plan.requests[r], result.course.state.requests[r].image);
            BOOST_TEST((judged == meant));
            BOOST_TEST(result.predicted[r] == meant.outcome().predicted);
            auto const found = run.logits.find({result.course.state.round.value(), static_cast<int>(r)});
            BOOST_REQUIRE((found != run.logits.end()));
            BOOST_TEST((found->second == logits));
            ++left.requests;
            left.early += judged.leaves;
            left.heads += judged.heads.size();
        }
    return left;
}

}  // namespace

BOOST_AUTO_TEST_SUITE(exits)

BOOST_AUTO_TEST_CASE(requests_leave_where_their_own_logits_say_however_devices_are_spread) {
    auto scenario = scenario_of(7);
    scenario.rounds.count = 6;
    Rounds const rounds(scenario, 5, 1);
    for (int const nodes : {1, 2, 4, 7, 9}) {
        BOOST_TEST_CONTEXT(nodes << " nodes") {
            auto const left = check(rounds, rounds.run(nodes));
            BOOST_TEST(left.early > 5u);
            BOOST_TEST(left.early < left.requests - 5u);
            BOOST_TEST(left.heads > left.requests);
        }
    }
}

BOOST_AUTO_TEST_CASE(random_rounds_end_and_leave_where_they_must) {
    for (unsigned seed = 10; seed < 22; ++seed) {
        auto scenario = scenario_of(2 + static_cast<int>(seed % 5));
        scenario.rounds.count = 2;
        Rounds const rounds(scenario, 8, seed * 100);
        BOOST_TEST_CONTEXT("seed " << seed) {
            check(rounds, rounds.run(1 + static_cast<int>(seed % 4)));
        }
    }
}

BOOST_AUTO_TEST_CASE(many_requests_of_a_round_are_judged_with_little_memory) {
    auto scenario = scenario_of(3);
    scenario.rounds.count = 1;
    Rounds const rounds(scenario, 200, 5000);
    check(rounds, rounds.run(2));
}

BOOST_AUTO_TEST_CASE(computations_of_the_virtual_clock_have_their_host_times) {
    auto scenario = scenario_of(4);
    scenario.rounds.count = 2;
    Rounds const rounds(scenario, 4, 77);
    auto const run = rounds.run(2);
    for (auto const& result : run.results) {
        BOOST_TEST(result.kernel_s > 0);
        BOOST_TEST(result.host_end_s >= result.host_start_s);
        for (auto const& event : result.course.events)
            if (event.kind == EventKind::compute) BOOST_TEST(event.host_end_s >= event.host_begin_s);
    }
}

BOOST_AUTO_TEST_CASE(the_wall_clock_rehearses_and_then_performs_what_was_foretold) {
    auto scenario = scenario_of(5);
    scenario.rounds.count = 3;
    Rounds const model(scenario, 4, 300);
    auto const virtual_run = model.run(3);
    scenario.emulation.clock = ClockKind::wall;
    Rounds const rounds(scenario, 4, 300);
    constexpr double dilation = 4;
    auto const run = rounds.run(5, {.dilation = dilation});
    check(rounds, run);
    for (std::size_t i = 0; i < run.results.size(); ++i) {
        auto const& result = run.results[i];
        BOOST_TEST((result.course.judged == virtual_run.results[i].course.judged));
        BOOST_TEST((result.predicted == virtual_run.results[i].predicted));
        for (auto const& event : result.course.events) {
            if (event.kind == EventKind::wait) continue;
            double const due = result.host_start_s + (event.end_s - result.course.state.start.value()) * dilation;
            BOOST_TEST(event.host_end_s >= due - 1e-9);
            BOOST_TEST(event.host_end_s < due + 5);
        }
    }
}

BOOST_AUTO_TEST_CASE(the_beginning_of_a_round_with_exits_can_be_rehearsed) {
    auto scenario = scenario_of(4);
    scenario.rounds.count = 2;
    scenario.emulation.clock = ClockKind::wall;
    Rounds const rounds(scenario, 4, 900);
    std::vector<double> late;
    check(rounds, rounds.run(4, {.dilation = 4, .rehearse = Seconds(0.02), .late = &late}));
    BOOST_TEST(!late.empty());
}

BOOST_AUTO_TEST_CASE(a_head_that_judges_otherwise_in_time_is_an_error) {
    static std::atomic<int> heads;
    heads = 0;
    class Fickle final : public HashExecutor {
      public:
        explicit Fickle(Network const& network) : HashExecutor(network), network_(network) {}
        Tensor run(BlockId block, BlockMode mode, Tensor input) override {
            auto output = HashExecutor::run(block, mode, std::move(input));
            if (network_.is_head(block))
                for (float& x : output.values()) x += 0.001F * static_cast<float>(++heads % 97);
            return output;
        }

      private:
        Network network_;
    };
    auto scenario = scenario_of(2);
    scenario.rounds.count = 4;
    scenario.emulation.clock = ClockKind::wall;
    Rounds const rounds(scenario, 6, 60);
    BOOST_CHECK_EXCEPTION(
        rounds.run(2, {.executor = [](Network const& network) { return std::make_unique<Fickle>(network); }}),
        EnvironmentError, [](auto const& e) {
            return std::string(e.what()).find("did not compute the same twice") != std::string::npos;
        });
}

BOOST_AUTO_TEST_CASE(a_kernel_that_fails_while_requests_are_judged_ends_the_run) {
    class Failing final : public HashExecutor {
      public:
        explicit Failing(Network const& network) : HashExecutor(network), network_(network) {}
        Tensor run(BlockId block, BlockMode mode, Tensor input) override {
            if (network_.is_head(block)) throw EnvironmentError("dnnl_primitive_execute", "out of memory");
            return HashExecutor::run(block, mode, std::move(input));
        }

      private:
        Network network_;
    };
    auto scenario = scenario_of(3);
    Rounds const rounds(scenario, 3, 70);
    BOOST_CHECK_THROW(
        rounds.run(2, {.executor = [](Network const& network) { return std::make_unique<Failing>(network); }}),
        EnvironmentError);
}

BOOST_AUTO_TEST_CASE(a_run_is_interrupted_while_requests_are_judged) {
    class Slow final : public HashExecutor {
      public:
        using HashExecutor::HashExecutor;
        Tensor run(BlockId block, BlockMode mode, Tensor input) override {
            std::this_thread::sleep_for(std::chrono::milliseconds(5));
            return HashExecutor::run(block, mode, std::move(input));
        }
    };
    auto scenario = scenario_of(3);
    scenario.rounds.count = 1;
    Rounds const rounds(scenario, 300, 80);
    std::atomic<bool> stop{false};
    std::thread later([&] {
        std::this_thread::sleep_for(std::chrono::milliseconds(200));
        stop = true;
    });
    auto const begin = std::chrono::steady_clock::now();
    auto const run = rounds.run(
        2, {.stop = &stop, .executor = [](Network const& network) { return std::make_unique<Slow>(network); }});
    std::chrono::duration<double> const took = std::chrono::steady_clock::now() - begin;
    later.join();
    BOOST_TEST((run.outcome == emulator::Coordinator::Outcome::interrupted));
    BOOST_TEST(took.count() < 3);
}

BOOST_AUTO_TEST_SUITE_END()

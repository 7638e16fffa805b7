// Courses whose requests leave at exits, as tables say.
#include <unistd.h>

#include <algorithm>
#include <boost/test/unit_test.hpp>
#include <cmath>
#include <filesystem>
#include <map>
#include <memory>
#include <set>
#include <vector>

#include "emulator/recorder.hpp"
#include "emulator/table_verdicts.hpp"
#include "loopback_cluster.hpp"
#include "tests/exits.hpp"
#include "trace/writer.hpp"
#include "units/error.hpp"
#include "units/proportion.hpp"
#include "units/random.hpp"

using namespace skipstone;
using namespace skipstone::test;
using emulator::Course;
using emulator::Judgement;
using emulator::RoundCourse;

namespace {

constexpr double unlikely = 0.001;          // of an exact test
constexpr double deviations = 3.290526731;  // that a normal variable passes so rarely

// What two exits and the end say of 300 samples. Samples are hard or easy for all of them: what they say hangs
// together.
std::shared_ptr<ExitTable> measured(std::vector<std::string> dropped = {}) {
    auto table = std::make_shared<ExitTable>();
    table->exits = {"s2b2", "s3b2"};
    table->dropped = std::move(dropped);
    table->macs = {2, 3, 4};
    table->head_macs = {1, 1, 0};
    table->samples = 300;
    RandomStream draw(5, "table");
    for (std::size_t s = 0; s < table->samples; ++s) {
        double const easy = draw.uniform();
        auto const label = static_cast<std::int32_t>(draw.below(10));
        table->labels.push_back(label);
        for (std::size_t outcome = 0; outcome < 3; ++outcome) {
            double const sure =
                std::clamp(easy + 0.15 * static_cast<double>(outcome) + draw.uniform(-0.1, 0.1), 0.1, 1.0);
            table->confidence.push_back(static_cast<float>(sure));
            table->predicted.push_back(draw.uniform() < sure ? label : (label + 1) % 10);
        }
    }
    return table;
}

// One request a round, by hand on three devices that have plenty of everything: a block in parts lies between the
// exits. The network and the rules of the table's exits.
Scenario with_table(std::shared_ptr<ExitTable> table, int devices = 3) {
    auto scenario = small_scenario(devices);
    scenario.network.profile = with_exits(resnet20(), {"s2b2", "s3b2"});
    Network const network(scenario.network.profile);
    for (auto& device : scenario.fleet) {
        device.memory = Bytes(1'000'000'000);
        device.macs_per_round = Macs(1'000'000'000'000);
        device.battery = Joules(1e12);
        device.power = {Watts(8), Watts(10), Watts(3), Watts(0)};
    }
    scenario.links.min = scenario.links.max = BitRate(2e6);
    scenario.links.latency = Seconds(0.01);
    scenario.requests.count = 1;
    scenario.objective.accuracy_threshold = 0.5;
    scenario.requests.count = 1;
    scenario.rounds.count = 3000;
    scenario.emulation.kernels = false;
    auto const at = [&](char const* name) { return *network.find(name); };
    auto const on = [](int device) { return DeviceId(device); };
    scenario.planner.name = "fixed";
    scenario.planner.stages = {{"", BlockId(0), at("s2b2"), {on(0)}, {}, DeviceId()},
                               {"", at("s2b3"), at("s2b3"), {on(1), on(2)}, {Split::Kind::rows, 2}, on(1)},
                               {"", at("s3b1"), at("s3b3"), {on(1)}, {}, DeviceId()},
                               {"", at("s4b1"), BlockId(network.size() - 1), {on(2)}, {}, DeviceId()}};
    auto& exits = scenario.exits;
    exits.rules = {{ExitId(0), 0.8}, {ExitId(1), 0.75}};
    exits.verdicts = Scenario::ExitsSection::Source::table;
    TableRule const rules[] = {{0, 0.8}, {1, 0.75}};
    auto const scores = score(*table, rules);
    DropOption option{{}, scores.accuracy, {}};
    for (std::size_t b = 0; b < network.size(); ++b)
        option.reach.push_back(1 - (BlockId(b) > at("s2b2") ? scores.leaving[0] : 0) -
                               (BlockId(b) > at("s3b2") ? scores.leaving[1] : 0));
    exits.promised = {option};
    exits.tables = {std::move(table)};
    return scenario;
}

// Which exit a request left at; 2: the end.
std::size_t outcome_of(Judgement const& judgement) {
    return judgement.leaves ? judgement.heads.size() - 1 : 2;
}

// Whether a mean of so many values may be the expected one.
struct Mean {
    double sum = 0, squares = 0;
    int count = 0;
    void add(double value) {
        sum += value;
        squares += value * value;
        ++count;
    }
    bool may_be(double expected) const {
        double const mean = sum / count, variance = squares / count - mean * mean;
        return std::abs(mean - expected) <= deviations * std::sqrt(variance / count);
    }
};

}  // namespace

BOOST_AUTO_TEST_SUITE(exits_in_courses)

BOOST_AUTO_TEST_CASE(a_long_run_has_the_tables_shares_accuracy_latency_and_energy) {
    auto const table = measured();
    auto const scenario = with_table(table);
    TableRule const rules[] = {{0, 0.8}, {1, 0.75}};
    auto const promised = score(*table, rules);
    Course course(scenario, Network(scenario.network.profile));
    long left[3] = {}, right = 0;
    Mean latency, energy;
    double expected_latency = 0, expected_energy = 0;
    for (int n = 0; n < scenario.rounds.count; ++n) {
        auto const round = course.next();
        BOOST_REQUIRE(round.jobs.size() == 1u);
        BOOST_REQUIRE(round.judged.size() == 1u);
        auto const& judgement = round.judged[0];
        ++left[outcome_of(judgement)];
        right += judgement.outcome().predicted == judgement.label;
        latency.add((round.times.jobs[0].finish - round.state.requests[0].arrival).value());
        double spent = 0;
        expected_energy = 0;
        for (Joules const joules : round.spent) spent += joules.value();
        for (Joules const joules : round.plan.energy) expected_energy += joules.value();
        energy.add(spent);
        expected_latency = round.plan.requests[0].latency.value();
        auto const& tasks = round.jobs[0].work.tasks;
        BOOST_TEST(tasks.back().is_head() == judgement.leaves);
        BOOST_TEST(std::ranges::count_if(tasks, &Task::is_head) == std::ssize(judgement.heads));
    }
    for (std::size_t outcome = 0; outcome < 3; ++outcome) {
        BOOST_TEST(promised.leaving[outcome] > 0.1);
        BOOST_TEST(binomial_test(left[outcome], scenario.rounds.count, promised.leaving[outcome]) > unlikely);
    }
    BOOST_TEST(binomial_test(right, scenario.rounds.count, promised.accuracy) > unlikely);
    BOOST_TEST(latency.may_be(expected_latency));
    BOOST_TEST(energy.may_be(expected_energy));
    BOOST_TEST(!latency.may_be(1.1 * expected_latency));  // the run is long enough to tell
    BOOST_TEST(!energy.may_be(1.1 * expected_energy));
    // Of those that stay at the first exit, as many leave at the second one as in the table, where few do: who is easy
    // has left. If exits were drawn one by one, far more would.
    double easy = 0;
    for (std::size_t s = 0; s < table->samples; ++s) easy += static_cast<double>(table->at(s, 1).confidence) >= 0.75;
    auto const stayed = left[1] + left[2];
    BOOST_TEST(binomial_test(left[1], stayed, promised.leaving[1] / (1 - promised.leaving[0])) > unlikely);
    BOOST_TEST(binomial_test(left[1], stayed, easy / static_cast<double>(table->samples)) < unlikely);
}

BOOST_AUTO_TEST_CASE(an_image_is_one_sample_in_all_that_is_said_of_it) {
    auto const table = measured();
    auto const scenario = with_table(table);
    emulator::TableVerdicts const verdicts(scenario);
    Course course(scenario, Network(scenario.network.profile));
    std::set<std::size_t> samples;
    for (int n = 0; n < 200; ++n) {
        auto const round = course.next();
        auto const sample = verdicts.sample_of(round.state.requests[0].image);
        samples.insert(sample);
        auto const& judgement = round.judged.at(0);
        for (std::size_t h = 0; h < judgement.heads.size(); ++h)
            BOOST_TEST((judgement.heads[h] == table->at(sample, h)));
        if (!judgement.leaves) BOOST_TEST((judgement.end == table->at(sample, 2)));
        BOOST_TEST(judgement.label == table->labels[sample]);
    }
    BOOST_TEST(samples.size() > 100u);
}

BOOST_AUTO_TEST_CASE(after_failures_heads_judge_as_before_and_those_that_are_kept_no_more) {
    auto const table = measured();
    auto scenario = with_table(table, 6);
    scenario.planner.name = "greedy";
    scenario.planner.stages.clear();
    for (auto& device : scenario.fleet) device.macs_per_round = Macs(15'000'000);  // a third of a request
    scenario.faults.devices = MeanTimes{Seconds(1), Seconds(0.2)};
    scenario.faults.remedies = {Remedy::replan};
    emulator::TableVerdicts const verdicts(scenario);
    Network const network(scenario.network.profile);
    Course course(scenario, network);
    long revised = 0, judged_again = 0, left_after_all = 0, kept_heads = 0;
    for (int n = 0; n < 1500; ++n) {
        auto const round = course.next();
        BOOST_REQUIRE(round.judged.size() == round.jobs.size());
        std::map<std::pair<int, int>, int> judging;  // events of heads that were not in vain, by request and head
        std::set<std::pair<int, int>> in_vain;
        for (Event const& event : round.events) {
            if (event.kind != EventKind::compute || event.block < static_cast<int>(network.size())) continue;
            if (event.flags & event_flags::failed)
                in_vain.emplace(event.request, event.block);
            else
                ++judging[{event.request, event.block}];
        }
        for (std::size_t j = 0; j < round.jobs.size(); ++j) {
            auto const& job = round.jobs[j];
            auto const sample = verdicts.sample_of(round.state.requests[job.request.index()].image);
            auto const& judgement = round.judged[j];
            for (std::size_t h = 0; h < judgement.heads.size(); ++h)
                BOOST_TEST((judgement.heads[h] == table->at(sample, h)));
            bool const revision =
                std::ranges::find(round.revisions, job.request, &emulator::Revision::request) != round.revisions.end();
            revised += revision;
            left_after_all += revision && judgement.leaves;
            std::size_t heads = 0;
            for (std::size_t t = 0; t < job.work.tasks.size(); ++t) {
                Task const& task = job.work.tasks[t];
                if (!task.is_head()) continue;
                ++heads;
                std::pair const who{job.request.value(), task.block.value()};
                BOOST_TEST(judging[who] == 1);
                judged_again += in_vain.contains(who);
                // Told to its device before the request went on elsewhere.
                kept_heads += revision && task.assigned == Seconds(0) && job.work.tasks.back().assigned > Seconds(0);
            }
            BOOST_TEST(heads == judgement.heads.size());
            BOOST_TEST(job.work.tasks.back().is_head() == judgement.leaves);
        }
    }
    BOOST_TEST(revised > 50);
    BOOST_TEST(judged_again > 5);
    BOOST_TEST(left_after_all > 5);
    BOOST_TEST(kept_heads > 5);
}

BOOST_AUTO_TEST_CASE(tables_must_be_of_the_same_samples_and_there_for_every_drop_set) {
    auto scenario = with_table(measured());
    scenario.exits.promised.push_back(scenario.exits.promised[0]);
    scenario.exits.promised[1].dropped = {BlockId(3)};
    scenario.exits.tables.push_back(measured({"s2b3"}));
    BOOST_CHECK_NO_THROW(emulator::TableVerdicts{scenario});
    auto other = measured({"s2b3"});
    other->labels[7] = (other->labels[7] + 1) % 10;
    scenario.exits.tables[1] = other;
    BOOST_CHECK_THROW(emulator::TableVerdicts{scenario}, InputError);
    scenario.exits.tables[1] = nullptr;
    BOOST_CHECK_THROW(emulator::TableVerdicts{scenario}, InputError);
}

BOOST_AUTO_TEST_CASE(a_trace_says_the_same_again) {
    auto scenario = with_table(measured(), 6);
    scenario.planner.name = "greedy";
    scenario.planner.stages.clear();
    scenario.requests.count = 3;  // more than fit, and who is rejected comes again
    scenario.requests.on_reject = OnReject::retry;
    for (auto& device : scenario.fleet) device.macs_per_round = Macs(15'000'000);
    scenario.faults.devices = MeanTimes{Seconds(0.3), Seconds(0.2)};
    scenario.faults.remedies = {Remedy::replan};
    Network const network(scenario.network.profile);
    auto const path =
        std::filesystem::temp_directory_path() / ("skipstone-exits-course-" + std::to_string(::getpid()) + ".h5");
    std::vector<RoundCourse> rounds;
    long failed = 0, rejected = 0, left = 0;
    {
        trace::Header header;
        header.devices = emulator::device_rows(scenario);
        header.blocks = emulator::block_rows(network, scenario.exits.rules);
        trace::Writer writer(path.string(), header);
        Course course(scenario, network);
        for (int n = 0; n < 60; ++n) {
            emulator::RoundResult result;
            result.course = course.next();
            result.predicted.assign(result.course.state.requests.size(), -1);
            auto const record =
                emulator::record_of(scenario, network, result, [](std::int64_t) { return std::optional<int>(); });
            writer.append(record);
            for (auto const& row : record.requests) {
                failed += row.status == trace::RequestStatus::failed;
                rejected += row.status == trace::RequestStatus::rejected;
                left += row.exit >= 0;
            }
            rounds.push_back(std::move(result.course));
        }
        writer.finish(trace::Ended::finished);
    }
    BOOST_TEST(failed > 5);
    BOOST_TEST(rejected > 5);
    BOOST_TEST(left > 5);
    auto again = scenario;
    again.exits.tables.clear();
    again.exits.verdicts = Scenario::ExitsSection::Source::trace;
    again.exits.trace = path.string();
    {
        Course course(again, network);
        for (auto const& before : rounds) {
            auto const round = course.next();
            BOOST_TEST((round.judged == before.judged));
            BOOST_REQUIRE(round.events.size() == before.events.size());
            BOOST_TEST(std::ranges::equal(round.events, before.events, [](Event const& a, Event const& b) {
                return a.begin_s == b.begin_s && a.end_s == b.end_s && a.device == b.device && a.block == b.block &&
                       a.request == b.request && a.flags == b.flags;
            }));
            BOOST_TEST((round.battery == before.battery));
        }
        BOOST_CHECK_THROW(course.next(), InputError);  // the trace has no more images
    }
    again.exits.rules[1].threshold = 0.76;
    BOOST_CHECK_THROW(Course(again, network), InputError);
    std::filesystem::remove(path);
}

BOOST_AUTO_TEST_SUITE_END()

#include "emulator/coordinator.hpp"

#include <sched.h>

#include <algorithm>
#include <atomic>
#include <boost/test/unit_test.hpp>
#include <chrono>
#include <cmath>
#include <cstring>

#include "loopback_cluster.hpp"
#include "units/error.hpp"

using namespace skipstone;
using namespace skipstone::test;
using emulator::Coordinator;
using emulator::RoundResult;

namespace {

// Everything of an event but host times.
bool same_model(Event const& a, Event const& b) {
    return a.device == b.device && a.peer == b.peer && a.round == b.round && a.request == b.request &&
           a.block == b.block && a.kind == b.kind && a.begin_s == b.begin_s && a.end_s == b.end_s &&
           a.bytes == b.bytes && a.macs == b.macs;
}

bool same_course(std::vector<RoundResult> const& a, std::vector<RoundResult> const& b) {
    if (a.size() != b.size()) return false;
    for (std::size_t i = 0; i < a.size(); ++i) {
        auto const& x = a[i].course;
        auto const& y = b[i].course;
        if (x.events.size() != y.events.size() || x.battery != y.battery || x.end != y.end) return false;
        for (std::size_t e = 0; e < x.events.size(); ++e)
            if (!same_model(x.events[e], y.events[e])) return false;
        if (a[i].predicted != b[i].predicted) return false;
    }
    return true;
}

}  // namespace

BOOST_AUTO_TEST_SUITE(virtual_clock)

BOOST_AUTO_TEST_CASE(logits_and_times_do_not_depend_on_the_number_of_nodes) {
    auto const scenario = small_scenario(5);
    auto const one = run_loopback(scenario, {.nodes = 1});
    BOOST_TEST(one.results.size() == 3);
    BOOST_TEST(!one.logits.empty());
    for (int const nodes : {2, 3, 5, 7}) {
        auto const many = run_loopback(scenario, {.nodes = nodes});
        BOOST_TEST(same_course(one.results, many.results));
        BOOST_TEST((one.logits == many.logits));
    }
}

BOOST_AUTO_TEST_CASE(predictions_are_the_same_however_the_blocks_are_spread) {
    auto scenario = small_scenario(5);
    scenario.objective.alpha = 0;  // no drops: every request runs the whole network
    scenario.objective.beta = 1;
    auto const spread = run_loopback(scenario, {.nodes = 5});
    scenario.fleet.resize(1);
    scenario.fleet[0].memory = Bytes(1'000'000'000);
    scenario.fleet[0].macs_per_round = Macs(10'000'000'000);
    auto const alone = run_loopback(scenario, {.nodes = 1});
    std::size_t hops = 0;
    for (auto const& result : spread.results)
        for (auto const& event : result.course.events) hops += event.kind == EventKind::transmit ? 1 : 0;
    BOOST_TEST(hops > 0);
    for (auto const& [key, logits] : spread.logits) BOOST_TEST((alone.logits.at(key) == logits));
}

BOOST_AUTO_TEST_CASE(another_seed_gives_another_run) {
    auto scenario = small_scenario(4);
    auto const first = run_loopback(scenario, {.nodes = 2});
    scenario.seed = 2;
    BOOST_TEST(!same_course(first.results, run_loopback(scenario, {.nodes = 2}).results));
}

BOOST_AUTO_TEST_CASE(kernels_off_gives_the_same_times_and_no_predictions) {
    auto scenario = small_scenario(4);
    auto const on = run_loopback(scenario, {.nodes = 2});
    scenario.emulation.kernels = false;
    auto off = run_loopback(scenario, {.nodes = 2});
    for (std::size_t i = 0; i < on.results.size(); ++i) {
        for (int const predicted : off.results[i].predicted) BOOST_TEST(predicted == -1);
        off.results[i].predicted = on.results[i].predicted;
    }
    BOOST_TEST(same_course(on.results, off.results));
}

BOOST_AUTO_TEST_CASE(compute_events_carry_the_host_time_of_their_kernels) {
    auto const run = run_loopback(small_scenario(4), {.nodes = 2});
    for (auto const& result : run.results)
        for (auto const& event : result.course.events)
            if (event.kind == EventKind::compute)
                BOOST_TEST(event.host_end_s >= event.host_begin_s);
            else
                BOOST_TEST(std::isnan(event.host_end_s));
}

BOOST_AUTO_TEST_CASE(an_images_way_from_its_source_is_travelled) {
    auto scenario = small_scenario(4);
    scenario.requests.source = "d3";
    auto const run = run_loopback(scenario, {.nodes = 3});
    bool image_moved = false;
    for (auto const& result : run.results)
        for (auto const& event : result.course.events)
            image_moved |= event.kind == EventKind::transmit && event.block == -1;
    BOOST_TEST(image_moved);
    auto const one = run_loopback(scenario, {.nodes = 1});
    BOOST_TEST((one.logits == run.logits));
}

BOOST_AUTO_TEST_CASE(a_failing_kernel_ends_the_run_with_its_message) {
    class Failing final : public HashExecutor {
      public:
        using HashExecutor::HashExecutor;
        Tensor run(BlockId, BlockMode, Tensor) override {
            throw EnvironmentError("dnnl_primitive_execute", "out of memory");
        }
    };
    BOOST_CHECK_EXCEPTION(
        run_loopback(small_scenario(3),
                     {.nodes = 2, .executor = [](Network const& n) { return std::make_unique<Failing>(n); }}),
        EnvironmentError,
        [](auto const& e) { return std::string(e.what()).find("out of memory") != std::string::npos; });
}

BOOST_AUTO_TEST_SUITE_END()

BOOST_AUTO_TEST_SUITE(wall_clock)

BOOST_AUTO_TEST_CASE(keeps_the_model_times_and_waits_them_out) {
    auto scenario = small_scenario(3);
    scenario.rounds.count = 2;
    auto const model = run_loopback(scenario, {.nodes = 3});
    scenario.emulation.clock = ClockKind::wall;
    auto const begin = std::chrono::steady_clock::now();
    auto const wall = run_loopback(scenario, {.nodes = 3, .dilation = 0.5});
    std::chrono::duration<double> const took = std::chrono::steady_clock::now() - begin;
    BOOST_TEST(same_course(model.results, wall.results));
    BOOST_TEST((model.logits == wall.logits));
    double emulated = 0;
    for (auto const& result : wall.results) {
        emulated += (result.course.end - result.course.state.start).value();
        for (auto const& event : result.course.events) {
            if (event.kind == EventKind::wait) continue;
            // Never early.
            double const due = result.host_start_s + (event.end_s - result.course.state.start.value()) * 0.5;
            BOOST_TEST(event.host_end_s >= due - 1e-9);
            bool const late = !(lateness(event, result.course.state.start.value(), result.host_start_s, 0.5) <= 0.01);
            BOOST_TEST(late == ((event.flags & event_flags::overrun) != 0));
        }
    }
    BOOST_TEST(took.count() >= 0.5 * emulated);
}

BOOST_AUTO_TEST_CASE(aligns_clocks_that_disagree) {
    auto scenario = small_scenario(3);
    scenario.rounds.count = 1;
    scenario.requests.count = 2;
    scenario.emulation.clock = ClockKind::wall;
    auto const run = run_loopback(scenario, {.nodes = 3, .dilation = 1, .clock_shift_s = 1000});
    auto const& result = run.results.at(0);
    BOOST_REQUIRE(result.clocks.size() == 3);
    for (auto const& clock : result.clocks)
        BOOST_TEST(std::abs(clock.offset_s - 1000.0 * clock.rank) <= clock.uncertainty_s + 1e-9);
    for (auto const& event : result.course.events)
        if (event.kind != EventKind::wait)
            BOOST_TEST(std::abs(event.host_end_s - result.host_start_s - event.end_s) < 0.5);
}

BOOST_AUTO_TEST_CASE(a_late_kernel_is_flagged_and_does_not_delay_what_does_not_need_it) {
    class Slow final : public HashExecutor {
      public:
        using HashExecutor::HashExecutor;
        Tensor run(BlockId block, BlockMode mode, Tensor input) override {
            if (block == BlockId(2)) std::this_thread::sleep_for(std::chrono::milliseconds(150));
            return HashExecutor::run(block, mode, std::move(input));
        }
    };
    auto scenario = small_scenario(1);
    scenario.fleet[0].memory = Bytes(1'000'000'000);
    scenario.fleet[0].macs_per_round = Macs(10'000'000'000);
    scenario.rounds.count = 1;
    scenario.requests.count = 1;
    scenario.objective.alpha = 0;
    scenario.objective.beta = 1;
    scenario.emulation.clock = ClockKind::wall;
    auto const run =
        run_loopback(scenario, {.nodes = 1, .executor = [](Network const& n) { return std::make_unique<Slow>(n); }});
    int late = 0;
    for (auto const& event : run.results.at(0).course.events)
        if (event.kind == EventKind::compute && event.block == 2) {
            BOOST_TEST((event.flags & event_flags::overrun) != 0);
            ++late;
        }
    BOOST_TEST(late == 1);
}

BOOST_AUTO_TEST_CASE(waits_out_the_period_of_a_round_without_requests) {
    auto scenario = small_scenario(2);
    scenario.requests.count = 0;
    scenario.rounds.count = 3;
    scenario.rounds.period = Seconds(0.2);
    scenario.emulation.clock = ClockKind::wall;
    auto const run = run_loopback(scenario, {.nodes = 2, .dilation = 0.5});
    BOOST_REQUIRE(run.results.size() == 3);
    for (std::size_t i = 1; i < 3; ++i)
        BOOST_TEST(run.results[i].host_start_s - run.results[i - 1].host_start_s >= 0.1);
}

namespace {

// How often a node looked for messages while its round ran, and how often at SCHED_FIFO.
struct Looks {
    std::atomic<int> all{0}, real_time{0};
};

class WatchedTransport final : public emulator::Transport {
  public:
    WatchedTransport(std::unique_ptr<Transport> inner, bool wakes, Looks& looks)
        : inner_(std::move(inner)), wakes_(wakes), looks_(looks) {}
    int rank() const override { return inner_->rank(); }
    int size() const override { return inner_->size(); }
    void send(int to, emulator::Tag tag, Buffer payload) override {
        running_ &= tag != emulator::Tag::report;
        inner_->send(to, tag, std::move(payload));
    }
    std::optional<emulator::Message> receive() override {
        if (running_) {
            ++looks_.all;
            if (sched_getscheduler(0) == SCHED_FIFO) ++looks_.real_time;
        }
        auto message = inner_->receive();
        running_ |= message && message->tag == emulator::Tag::go;
        return message;
    }
    bool busy() override { return inner_->busy(); }
    bool wakes() const override { return wakes_; }

  private:
    std::unique_ptr<Transport> inner_;
    bool wakes_, running_ = false;
    Looks& looks_;
};

// A device that computes a request for about two seconds of host time, and has nothing to send meanwhile.
void run_watched(bool wakes, double ranks_per_core, Looks& looks) {
    auto scenario = small_scenario(1);
    scenario.fleet[0].memory = Bytes(1'000'000'000);
    scenario.fleet[0].macs_per_round = Macs(10'000'000'000);
    scenario.rounds.count = 1;
    scenario.requests.count = 1;
    scenario.emulation.clock = ClockKind::wall;
    auto const run =
        run_loopback(scenario, {.nodes = 1, .dilation = 20, .ranks_per_core = ranks_per_core, .wrap = [&](auto inner) {
                                    return std::make_unique<WatchedTransport>(std::move(inner), wakes, looks);
                                }});
    BOOST_REQUIRE(run.results.size() == 1);
    BOOST_REQUIRE(!run.results[0].course.jobs.empty());
}

}  // namespace

BOOST_AUTO_TEST_CASE(a_node_that_is_woken_for_messages_does_not_poll_for_them) {
    Looks looks;
    run_watched(true, 1, looks);
    BOOST_TEST(looks.all < 60);
}

BOOST_AUTO_TEST_CASE(a_node_that_polls_does_so_the_less_the_more_ranks_share_a_core_and_never_in_real_time) {
    Looks looks;
    run_watched(false, 4, looks);
    BOOST_TEST(looks.all < 250);
    BOOST_TEST(looks.real_time <= 2);  // those beside the message that began the round
}

BOOST_AUTO_TEST_CASE(kernels_run_in_the_class_that_makes_way) {
    static std::atomic<int> elsewhere;
    elsewhere = 0;
    class Watching final : public HashExecutor {
      public:
        explicit Watching(Network const& network) : HashExecutor(network), network_(network) {}
        Tensor run(BlockId block, BlockMode mode, Tensor input) override {
            bool const is_short = network_.block(block).macs < Macs(1'000'000);  // computed early, and held back
            if (!is_short && sched_getscheduler(0) != SCHED_BATCH) ++elsewhere;
            return HashExecutor::run(block, mode, std::move(input));
        }

      private:
        Network network_;
    };
    auto scenario = small_scenario(3);
    scenario.rounds.count = 1;
    scenario.emulation.clock = ClockKind::wall;
    run_loopback(scenario, {.nodes = 3, .dilation = 1, .executor = [](Network const& network) {
                                return std::make_unique<Watching>(network);
                            }});
    BOOST_TEST(elsewhere == 0);
}

BOOST_AUTO_TEST_CASE(a_rehearsal_plays_the_beginning_of_the_first_round_and_run_begins_with_it) {
    auto scenario = small_scenario(3);
    scenario.rounds.count = 2;
    auto const model = run_loopback(scenario, {.nodes = 3});
    scenario.emulation.clock = ClockKind::wall;
    double const half = 0.5 * (model.results[0].course.end - model.results[0].course.state.start).value();
    std::vector<double> late;
    auto const wall = run_loopback(scenario, {.nodes = 3, .dilation = 0.5, .rehearse = Seconds(half), .late = &late});
    std::size_t expected = 0, all = 0;
    for (auto const& event : model.results[0].course.events) {
        all += event.kind != EventKind::wait;
        expected += event.kind == EventKind::compute && event.end_s <= half;
    }
    BOOST_TEST(late.size() >= expected);  // and the transfers in between
    BOOST_TEST(late.size() < all);
    BOOST_TEST(expected > 0);
    BOOST_TEST(*std::ranges::min_element(late) >= -1e-6);
    BOOST_TEST(same_course(model.results, wall.results));
    BOOST_TEST((model.logits == wall.logits));
}

BOOST_AUTO_TEST_CASE(stops_in_mid_round) {
    auto scenario = small_scenario(3);
    scenario.rounds.count = 1000;
    scenario.emulation.clock = ClockKind::wall;
    std::atomic<bool> stop{false};
    std::thread later([&] {
        std::this_thread::sleep_for(std::chrono::milliseconds(300));
        stop = true;
    });
    auto const begin = std::chrono::steady_clock::now();
    auto const run = run_loopback(scenario, {.nodes = 3, .dilation = 20, .stop = &stop});
    std::chrono::duration<double> const took = std::chrono::steady_clock::now() - begin;
    later.join();
    BOOST_TEST((run.outcome == Coordinator::Outcome::interrupted));
    BOOST_TEST(took.count() < 3);
}

BOOST_AUTO_TEST_SUITE_END()

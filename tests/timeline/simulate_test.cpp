#include <algorithm>
#include <boost/test/unit_test.hpp>
#include <limits>
#include <vector>

#include "tests/timeline/cases.hpp"
#include "units/error.hpp"

using namespace skipstone;
using namespace skipstone::timeline;
using namespace skipstone::timeline::cases;

namespace {

constexpr double tolerance = 1e-9;

void check_close(double value, double expected) {
    BOOST_TEST(value == expected, boost::test_tools::tolerance(tolerance));
}

// The MACs and output bytes of ResNet-50's first blocks.
constexpr std::int64_t macs[] = {118013952, 231211008, 218365952, 218365952};
constexpr std::int64_t output[] = {802816, 3211264, 3211264, 3211264};

Job resnet_job(double rate, std::vector<int> const& devices) {
    std::vector<Task> tasks;
    for (std::size_t j = 0; j < devices.size(); ++j)
        tasks.push_back(task(static_cast<int>(j), devices[j], static_cast<double>(macs[j]) / rate, output[j]));
    return job(0, 100, tasks);
}

}  // namespace

BOOST_AUTO_TEST_SUITE(simulate_closed_forms)

BOOST_AUTO_TEST_CASE(one_device_takes_the_sum_of_its_compute_times) {
    double const rate = 1.4e9;
    auto const times = simulate({resnet_job(rate, {0, 0, 0, 0})}, conditions(1));
    check_close(finish(times, 0) - 100, (118013952.0 + 231211008.0 + 2 * 218365952.0) / rate);
    BOOST_TEST(times.end.value() == finish(times, 0));
    BOOST_TEST(times.jobs[0].hops.empty());
}

BOOST_AUTO_TEST_CASE(two_devices_add_serialisation_and_latency_for_each_hop) {
    double const rate = 1.4e9, rho = 7.2e6, latency = 0.003;
    for (Medium const medium : {Medium::links, Medium::radio}) {
        auto c = conditions(2);
        c.links = LinkTable::dense(2, {0, rho, rho / 2, 0}, {latency});
        c.medium = medium;
        auto const times = simulate({resnet_job(rate, {0, 1, 1, 0})}, c);
        double const compute = (118013952.0 + 231211008.0 + 2 * 218365952.0) / rate;
        check_close(finish(times, 0) - 100, compute + 8 * 802816 / rho + 8 * 3211264 / (rho / 2) + 2 * latency);
        BOOST_TEST_REQUIRE(times.jobs[0].hops.size() == 2u);
        check_close((hop(times, 0, 0).end - hop(times, 0, 0).begin).value(), 8 * 802816 / rho);
        check_close((hop(times, 0, 0).arrival - hop(times, 0, 0).end).value(), latency);
    }
}

BOOST_AUTO_TEST_CASE(efficiency_stretches_serialisation) {
    LinkModel model;
    model.min = model.max = BitRate(8);
    model.efficiency = 1448.0 / 1514.0;
    auto c = conditions(2);
    c.links = LinkTable::drawn(2, model, 1, RoundId(0));
    auto const times = simulate({job(0, 0, {task(0, 0, 1, 10), task(1, 1, 1)})}, c);
    check_close(finish(times, 0), 2 + 10 * 1514.0 / 1448.0);
}

BOOST_AUTO_TEST_CASE(the_image_moves_from_its_source_when_it_is_ready) {
    Task const only = task(0, 1, 2);
    auto const times = simulate({job(0, 5, {only}, device(0), 3), job(1, 5, {only}, device(1), 3), job(2, 50, {only})},
                                conditions(2, Medium::links, 0.5));
    BOOST_TEST(hop(times, 0, 0).begin.value() == 5);
    BOOST_TEST(hop(times, 0, 0).end.value() == 8);
    BOOST_TEST(hop(times, 0, 0).arrival.value() == 8.5);
    BOOST_TEST(finish(times, 0) == 10.5);
    BOOST_TEST(times.jobs[1].hops.empty());  // it is there
    BOOST_TEST(finish(times, 1) == 7);
    BOOST_TEST(times.jobs[2].hops.empty());  // free
    BOOST_TEST(finish(times, 2) == 52);
    BOOST_TEST(times.end.value() == 52);
}

BOOST_AUTO_TEST_CASE(a_round_without_jobs_ends_at_its_start) {
    auto c = conditions(1);
    c.start = Seconds(7);
    auto const times = simulate({}, c);
    BOOST_TEST(times.end.value() == 7);
    BOOST_TEST(times.jobs.empty());
    BOOST_TEST(events_of({}, times, c).empty());
}

BOOST_AUTO_TEST_SUITE_END()

BOOST_AUTO_TEST_SUITE(simulate_queues)

BOOST_AUTO_TEST_CASE(a_processor_serves_by_ready_time_and_does_not_preempt) {
    auto const times =
        simulate({job(0, 2, {task(0, 0, 1)}), job(1, 1, {task(0, 0, 1)}), job(2, 0, {task(0, 0, 10)})}, conditions(1));
    BOOST_TEST(begin(times, 2, 0) == 0);
    BOOST_TEST(begin(times, 1, 0) == 10);
    BOOST_TEST(begin(times, 0, 0) == 11);
    BOOST_TEST(times.jobs[0].tasks[0].ready.value() == 2);
}

BOOST_AUTO_TEST_CASE(ties_at_a_processor_go_to_the_smaller_request) {
    auto const times =
        simulate({job(7, 0, {task(0, 0, 1)}), job(3, 0, {task(5, 0, 1)}), job(5, 0, {task(0, 0, 1)})}, conditions(1));
    BOOST_TEST(begin(times, 1, 0) == 0);
    BOOST_TEST(begin(times, 2, 0) == 1);
    BOOST_TEST(begin(times, 0, 0) == 2);
}

// Request 1's second block is ready at 2, at the instant at which request 0 arrives: the arrival is seen before
// anything starts.
BOOST_AUTO_TEST_CASE(what_arrives_at_an_instant_competes_with_what_ends_then) {
    auto const times = simulate({job(1, 0, {task(0, 0, 2), task(1, 0, 2)}), job(0, 2, {task(0, 0, 3)})}, conditions(1));
    BOOST_TEST(begin(times, 1, 0) == 2);
    BOOST_TEST(begin(times, 0, 1) == 5);
}

// At time 0 device 0 may start request 1; but request 0's first block, on device 1, takes no time, and so its second
// competes.
BOOST_AUTO_TEST_CASE(blocks_that_take_no_time_are_followed_before_others_start) {
    auto c = conditions(3);
    c.links = LinkTable::dense(3, std::vector<double>(9, 8.0), {0});
    auto const times =
        simulate({job(1, 0, {task(0, 0, 5)}), job(0, 0, {task(0, 1, 0), task(1, 2, 0), task(2, 0, 1)})}, c);
    BOOST_TEST(begin(times, 1, 2) == 0);
    BOOST_TEST(begin(times, 0, 0) == 1);
}

BOOST_AUTO_TEST_CASE(a_link_is_a_queue_for_each_direction) {
    // Requests 0 and 1 go 0 -> 1 (ready at 1 and 2), request 2 goes 1 -> 0 (ready at 1), request 3 goes 0 -> 2 (ready
    // at 3).
    auto const times =
        simulate({job(0, 0, {task(0, 0, 1, 10), task(1, 1, 1)}), job(1, 0, {task(0, 0, 1, 4), task(1, 1, 1)}),
                  job(2, 0, {task(0, 1, 1, 4), task(1, 0, 1)}), job(3, 0, {task(0, 0, 1, 4), task(1, 2, 1)})},
                 conditions(3, Medium::links, 0.25));
    BOOST_TEST(hop(times, 0, 0).begin.value() == 1);
    BOOST_TEST(hop(times, 0, 0).end.value() == 11);
    BOOST_TEST(hop(times, 1, 0).ready.value() == 2);
    BOOST_TEST(hop(times, 1, 0).begin.value() == 11);  // latency does not occupy the link
    BOOST_TEST(hop(times, 1, 0).arrival.value() == 15.25);
    BOOST_TEST(hop(times, 2, 0).begin.value() == 1);
    BOOST_TEST(hop(times, 3, 0).begin.value() == 3);
    BOOST_TEST(finish(times, 3) == 8.25);
}

BOOST_AUTO_TEST_CASE(a_radio_sends_or_receives_one_tensor_at_a_time) {
    // The same four; now each of them needs radio 0.
    auto const times =
        simulate({job(0, 0, {task(0, 0, 1, 10), task(1, 1, 1)}), job(1, 0, {task(0, 0, 1, 4), task(1, 1, 1)}),
                  job(2, 0, {task(0, 1, 1, 4), task(1, 0, 1)}), job(3, 0, {task(0, 0, 1, 4), task(1, 2, 1)})},
                 conditions(3, Medium::radio, 0.25));
    BOOST_TEST(hop(times, 0, 0).begin.value() == 1);  // ready at 1, as request 2's is
    BOOST_TEST(hop(times, 2, 0).begin.value() == 11);
    BOOST_TEST(hop(times, 1, 0).begin.value() == 15);  // ready at 2
    BOOST_TEST(hop(times, 3, 0).begin.value() == 19);  // ready at 3
    BOOST_TEST(finish(times, 3) == 24.25);
}

BOOST_AUTO_TEST_CASE(a_radio_receives_from_many_in_turn) {
    std::vector<Job> jobs;
    for (int r = 0; r < 4; ++r) jobs.push_back(job(r, 0, {task(0, 4 - r, 1, 3), task(1, 0, 0)}));
    auto const on_links = simulate(jobs, conditions(5, Medium::links));
    auto const on_air = simulate(jobs, conditions(5, Medium::radio));
    for (std::size_t r = 0; r < 4; ++r) {
        BOOST_TEST(finish(on_links, r) == 4);
        BOOST_TEST(finish(on_air, r) == 4 + 3 * static_cast<double>(r));
    }
}

BOOST_AUTO_TEST_CASE(independent_pairs_are_on_air_side_by_side) {
    auto const times =
        simulate({job(0, 0, {task(0, 0, 1, 9), task(1, 1, 0)}), job(1, 0, {task(0, 2, 1, 9), task(1, 3, 0)})},
                 conditions(4, Medium::radio));
    BOOST_TEST(finish(times, 0) == 10);
    BOOST_TEST(finish(times, 1) == 10);
}

// 0 -> 1 is on air until 10. 1 -> 2 (ready at 2) waits for radio 1 and does not keep 2 -> 3 (ready at 3) from starting;
// when radio 1 is free at 10, radio 2 is taken until 12; meanwhile 1 -> 0 (ready at 5) takes radio 1, and 1 -> 2 waits
// on.
BOOST_AUTO_TEST_CASE(a_hop_that_waits_for_a_radio_does_not_keep_others_from_starting) {
    auto const times =
        simulate({job(0, 0, {task(0, 0, 0, 10), task(1, 1, 0)}), job(1, 0, {task(0, 1, 2, 5), task(1, 2, 0)}),
                  job(2, 0, {task(0, 2, 3, 9), task(1, 3, 0)}), job(3, 2, {task(0, 1, 3, 7), task(1, 0, 0)})},
                 conditions(4, Medium::radio));
    BOOST_TEST(hop(times, 0, 0).begin.value() == 0);
    BOOST_TEST(hop(times, 2, 0).begin.value() == 3);
    BOOST_TEST(hop(times, 3, 0).begin.value() == 10);
    BOOST_TEST(hop(times, 1, 0).begin.value() == 17);
    BOOST_TEST(finish(times, 1) == 22);
}

BOOST_AUTO_TEST_CASE(computing_and_sending_overlap) {
    for (Medium const medium : {Medium::links, Medium::radio}) {
        auto const times =
            simulate({job(0, 0, {task(0, 0, 1, 6), task(1, 1, 1)}), job(1, 0, {task(0, 0, 4)})}, conditions(2, medium));
        BOOST_TEST(hop(times, 0, 0).begin.value() == 1);
        BOOST_TEST(begin(times, 1, 0) == 1);
        BOOST_TEST(finish(times, 1) == 5);
        BOOST_TEST(finish(times, 0) == 8);
    }
}

BOOST_AUTO_TEST_CASE(spread_arrivals_start_when_they_arrive) {
    auto const times =
        simulate({job(0, 0.5, {task(0, 0, 1)}), job(1, 1, {task(0, 0, 1)}), job(2, 4, {task(0, 0, 1)})}, conditions(1));
    BOOST_TEST(finish(times, 0) == 1.5);
    BOOST_TEST(finish(times, 1) == 2.5);
    BOOST_TEST(finish(times, 2) == 5);
}

BOOST_AUTO_TEST_SUITE_END()

BOOST_AUTO_TEST_SUITE(simulate_contracts)

BOOST_AUTO_TEST_CASE(refuses_a_plan_over_an_unreachable_link) {
    auto c = conditions(2);
    c.links = LinkTable::dense(2, {0, 0, 8, 0}, {0});
    BOOST_CHECK_THROW(simulate({job(0, 0, {task(0, 0, 1, 1), task(1, 1, 1)})}, c), ContractError);
    BOOST_TEST(finish(simulate({job(0, 0, {task(0, 1, 1, 1), task(1, 0, 1)})}, c), 0) == 3);
}

BOOST_AUTO_TEST_CASE(refuses_what_makes_no_timeline) {
    auto c = conditions(2);
    Task const work = task(0, 0, 1);
    BOOST_CHECK_THROW(simulate({job(0, 0, {})}, c), ContractError);
    BOOST_CHECK_THROW(simulate({job(0, 0, {work}), job(0, 0, {work})}, c), ContractError);  // one request twice
    BOOST_CHECK_THROW(simulate({job(0, 0, {task(0, -1, 1)})}, c), ContractError);
    BOOST_CHECK_THROW(simulate({job(0, 0, {task(0, 0, -1)})}, c), ContractError);
    BOOST_CHECK_THROW(simulate({job(0, 0, {task(0, 0, std::numeric_limits<double>::infinity())})}, c), ContractError);
    BOOST_CHECK_THROW(simulate({job(0, -1, {work})}, c), ContractError);  // before the round's start
    c.loss = 1;
    BOOST_CHECK_THROW(simulate({job(0, 0, {work})}, c), ContractError);
}

BOOST_AUTO_TEST_SUITE_END()

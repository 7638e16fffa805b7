#include "emulator/host_clock.hpp"

#include <sched.h>

#include <atomic>
#include <boost/test/unit_test.hpp>
#include <thread>

using namespace skipstone::emulator;

BOOST_AUTO_TEST_SUITE(host_clock)

BOOST_AUTO_TEST_CASE(a_thread_is_ordinary_again_when_it_waits_for_no_deadlines_any_more) {
    int const before = sched_getscheduler(0);
    BOOST_REQUIRE(before == SCHED_OTHER);
    bool const allowed = real_time_is_allowed();
    BOOST_TEST(sched_getscheduler(0) == SCHED_OTHER);
    {
        ThreadPriority priority;
        priority.compute();
        BOOST_TEST(sched_getscheduler(0) == SCHED_BATCH);
        priority.wait_for_deadlines();
        BOOST_TEST(sched_getscheduler(0) == (allowed ? SCHED_FIFO : SCHED_OTHER));
        priority.ordinary();
        BOOST_TEST(sched_getscheduler(0) == SCHED_OTHER);
        priority.wait_for_deadlines();
    }
    BOOST_TEST(sched_getscheduler(0) == SCHED_OTHER);
}

BOOST_AUTO_TEST_CASE(a_waiter_sleeps_until_its_time_or_until_its_bell_is_rung) {
    HostClock const clock(1000);
    Bell bell{0};
    Waker waker(clock, &bell);
    double const begin = clock.now();
    BOOST_TEST(!waker.wait_until(begin + 0.01));
    BOOST_TEST(clock.now() >= begin + 0.01);
    ring(bell);
    ring(bell);
    BOOST_TEST(waker.wait_until(begin + 3600));   // rung before: returns at once
    BOOST_TEST(!waker.wait_until(clock.now()));  // and once only
    std::thread other([&] { ring(bell); });
    BOOST_TEST(waker.wait_until(begin + 3600));
    other.join();
}

BOOST_AUTO_TEST_CASE(an_exact_wait_ends_when_it_is_told_to_stop) {
    HostClock const clock;
    Waker waker(clock);
    std::atomic<bool> stop{false};
    double const begin = clock.now();
    BOOST_TEST(waker.wait_exactly(begin + 0.01, stop, 20e-6));
    BOOST_TEST(clock.now() >= begin + 0.01);
    std::thread other([&] {
        stop = true;
        waker.notify();
    });
    BOOST_TEST(!waker.wait_exactly(begin + 3600, stop));
    other.join();
}

BOOST_AUTO_TEST_SUITE_END()

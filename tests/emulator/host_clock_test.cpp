#include "emulator/host_clock.hpp"

#include <sched.h>

#include <boost/test/unit_test.hpp>

using namespace skipstone::emulator;

BOOST_AUTO_TEST_SUITE(host_clock)

BOOST_AUTO_TEST_CASE(a_thread_is_ordinary_again_when_it_waits_for_no_deadlines_any_more) {
    int const before = sched_getscheduler(0);
    BOOST_REQUIRE(before == SCHED_OTHER);
    {
        ThreadPriority priority;
        priority.compute();
        BOOST_TEST(sched_getscheduler(0) == SCHED_BATCH);
        priority.wait_for_deadlines();
        BOOST_TEST(sched_getscheduler(0) != SCHED_BATCH);  // SCHED_FIFO where that is allowed
    }
    BOOST_TEST(sched_getscheduler(0) == SCHED_OTHER);
}

BOOST_AUTO_TEST_SUITE_END()

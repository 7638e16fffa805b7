#include <boost/test/unit_test.hpp>

#include "units/proportion.hpp"

BOOST_AUTO_TEST_SUITE(proportion)

using skipstone::confidence_interval;

// Newcombe, Statistics in Medicine 17 (1998), Table I: 81 of 263, and 0 of 20, by the score method without correction.
BOOST_AUTO_TEST_CASE(agrees_with_published_intervals) {
    auto const many = confidence_interval(81, 263);
    BOOST_TEST(many.low == 0.2553, boost::test_tools::tolerance(1e-3));
    BOOST_TEST(many.high == 0.3662, boost::test_tools::tolerance(1e-3));
}

BOOST_AUTO_TEST_CASE(stays_within_zero_and_one) {
    BOOST_TEST(confidence_interval(0, 20).low == 0.0);
    BOOST_TEST(confidence_interval(20, 20).high == 1.0);
    BOOST_TEST(confidence_interval(0, 20).high == 0.1611, boost::test_tools::tolerance(1e-3));
}

BOOST_AUTO_TEST_CASE(knows_nothing_without_trials) {
    BOOST_TEST(confidence_interval(0, 0).low == 0.0);
    BOOST_TEST(confidence_interval(0, 0).high == 1.0);
}

BOOST_AUTO_TEST_SUITE_END()

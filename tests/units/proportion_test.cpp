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

// R: 2 * min(pbinom(k, n, p), 1 - pbinom(k - 1, n, p)).
BOOST_AUTO_TEST_CASE(a_binomial_test_has_exact_tails) {
    using skipstone::binomial_test;
    auto const close = boost::test_tools::tolerance(1e-9);
    BOOST_TEST(binomial_test(0, 3, 0.9) == 0.002, close);
    BOOST_TEST(binomial_test(3, 3, 0.5) == 0.25, close);
    BOOST_TEST(binomial_test(10, 20, 0.8) == 2 * 0.0025948273967664, boost::test_tools::tolerance(1e-6));
    BOOST_TEST(binomial_test(5, 10, 0.5) == 1.0);
    BOOST_TEST(binomial_test(9310, 10000, 0.931) > 0.9);
    BOOST_TEST(binomial_test(9200, 10000, 0.931) < 1e-4);
    BOOST_TEST(binomial_test(0, 0, 0.5) == 1.0);
    BOOST_TEST(binomial_test(7, 7, 1) == 1.0);
    BOOST_TEST(binomial_test(6, 7, 1) == 0.0);
    BOOST_TEST(binomial_test(1, 7, 0) == 0.0);
}

BOOST_AUTO_TEST_SUITE_END()

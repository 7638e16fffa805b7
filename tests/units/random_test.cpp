#include "units/random.hpp"

#include <boost/test/unit_test.hpp>
#include <cmath>
#include <cstdint>

#include "units/quantity.hpp"

using namespace skipstone;

BOOST_AUTO_TEST_SUITE(random_stream)

BOOST_AUTO_TEST_CASE(depends_on_seed_name_and_every_index) {
    auto first = [](auto... arguments) { return RandomStream(arguments...).bits(); };
    auto const base = first(1u, "links", 2, 3, 4, 5);
    BOOST_TEST(base == first(1u, "links", 2, 3, 4, 5));
    BOOST_TEST(base != first(2u, "links", 2, 3, 4, 5));
    BOOST_TEST(base != first(1u, "jitter", 2, 3, 4, 5));
    BOOST_TEST(base != first(1u, "links", 3, 2, 4, 5));
    BOOST_TEST(base != first(1u, "links", 2, 3, 5, 4));
}

BOOST_AUTO_TEST_CASE(logarithm_agrees_with_the_library) {
    for (double x : {1e-300, 1e-10, 0.3, 0.70710678, 0.999999, 1.0, 1.000001, 2.0, 10.0, 1e300})
        BOOST_TEST(std::abs(portable_log(x) - std::log(x)) <= 2e-15 * std::abs(std::log(x)) + 1e-16);
}

BOOST_AUTO_TEST_CASE(distributions_have_their_moments) {
    RandomStream stream(7, "moments");
    int const n = 200000;
    double normal = 0, squares = 0, exponential = 0, uniform = 0, poisson = 0, poisson_squares = 0;
    for (int i = 0; i < n; ++i) {
        double const x = stream.normal();
        normal += x;
        squares += x * x;
        exponential += stream.exponential(2.5);
        uniform += stream.uniform(7.2, 72.2);
        auto const k = static_cast<double>(stream.poisson(3));
        poisson += k;
        poisson_squares += k * k;
    }
    BOOST_TEST(std::abs(normal / n) < 0.01);
    BOOST_TEST(std::abs(squares / n - 1) < 0.02);
    BOOST_TEST(std::abs(exponential / n - 2.5) < 0.03);
    BOOST_TEST(std::abs(uniform / n - 39.7) < 0.2);
    BOOST_TEST(std::abs(poisson / n - 3) < 0.03);
    BOOST_TEST(std::abs(poisson_squares / n - 12) < 0.2);
}

BOOST_AUTO_TEST_CASE(below_stays_below_and_reaches_everything) {
    RandomStream stream(1, "below");
    int seen[5] = {};
    for (int i = 0; i < 1000; ++i) ++seen[stream.below(5)];
    for (int count : seen) BOOST_TEST(count > 120);
}

BOOST_AUTO_TEST_SUITE_END()

BOOST_AUTO_TEST_SUITE(quantities)

BOOST_AUTO_TEST_CASE(convert_through_physics_only) {
    BOOST_TEST((Macs(218365952) / MacRate(1.4e9)).value() == 218365952 / 1.4e9);
    BOOST_TEST((Bytes(802816) / BitRate(8e6)).value() == 0.802816);
    BOOST_TEST((Watts(8) * Seconds(0.5)).value() == 4.0);
    BOOST_TEST((Seconds(2) / Seconds(4)) == 0.5);
}

BOOST_AUTO_TEST_SUITE_END()

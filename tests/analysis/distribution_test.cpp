#include "analysis/distribution.hpp"

#include <algorithm>
#include <boost/test/unit_test.hpp>
#include <cmath>
#include <functional>
#include <vector>

#include "units/random.hpp"

using skipstone::RandomStream;
using skipstone::analysis::Distribution;

namespace {

constexpr double quantiles[] = {0, 0.01, 0.5, 0.9, 0.99, 1};

double nearest_below(std::vector<double> const& sorted, double q) {
    return sorted[static_cast<std::size_t>(q * static_cast<double>(sorted.size() - 1))];
}

}  // namespace

BOOST_AUTO_TEST_SUITE(distribution)

BOOST_AUTO_TEST_CASE(knows_nothing_of_no_values) {
    Distribution const none;
    BOOST_TEST(none.count() == 0);
    BOOST_TEST(std::isnan(none.mean()));
    BOOST_TEST(std::isnan(none.max()));
    BOOST_TEST(std::isnan(none.quantile(0.5)));
}

BOOST_AUTO_TEST_CASE(interpolates_between_the_nearest_ranks) {
    Distribution few;
    for (double const value : {4.0, 1.0, 3.0, 2.0}) few.add(value);
    BOOST_TEST(few.quantile(0.5) == 2.5);
    BOOST_TEST(few.quantile(0.9) == 3.7, boost::test_tools::tolerance(1e-12));
    BOOST_TEST(few.mean() == 2.5);
    BOOST_TEST(few.max() == 4);
}

// Beyond the limit of what is kept, whatever the values look like and in whatever order they come.
BOOST_AUTO_TEST_CASE(is_within_a_thousandth_of_many_values) {
    std::vector<std::function<double(RandomStream&)>> const shapes{
        [](RandomStream& random) { return random.exponential(3e-3); },
        [](RandomStream& random) { return random.normal(); },
        [](RandomStream& random) { return -random.exponential(1e6); },
        [](RandomStream& random) { return random.uniform() < 0.4 ? 0.0 : 1e-9 * random.uniform(1, 2); },
        [](RandomStream& random) { return std::pow(10, random.uniform(-12, 12)); }};
    for (std::size_t shape = 0; shape < shapes.size(); ++shape) {
        RandomStream random(shape, "distribution");
        std::vector<double> values(Distribution::exact_limit + 40'000);
        for (double& value : values) value = shapes[shape](random);
        Distribution forward, backward;
        for (double const value : values) forward.add(value);
        for (auto value = values.rbegin(); value != values.rend(); ++value) backward.add(*value);
        std::ranges::sort(values);
        for (double const q : quantiles) {
            double const expected = nearest_below(values, q);
            BOOST_TEST(std::abs(forward.quantile(q) - expected) <= 1.5e-3 * std::abs(expected) + 1e-300,
                       "shape " << shape << ", q " << q << ": " << forward.quantile(q) << " for " << expected);
            BOOST_TEST(forward.quantile(q) == backward.quantile(q));
        }
        BOOST_TEST(forward.max() == values.back());
        BOOST_TEST(forward.count() == static_cast<std::int64_t>(values.size()));
    }
}

BOOST_AUTO_TEST_SUITE_END()

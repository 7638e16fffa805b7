#include "units/quantile.hpp"

#include <boost/test/unit_test.hpp>
#include <cmath>
#include <utility>
#include <vector>

BOOST_AUTO_TEST_SUITE(quantile)

// The values are those of numpy.quantile.
BOOST_AUTO_TEST_CASE(interpolates_between_the_nearest_ranks) {
    std::vector<double> values{4, 1, 3, 2};
    for (auto const& [q, expected] : {std::pair{0.0, 1.0}, {0.25, 1.75}, {0.5, 2.5}, {0.9, 3.7}, {0.99, 3.97}, {1.0, 4.0}})
        BOOST_TEST(skipstone::quantile(values, q) == expected, boost::test_tools::tolerance(1e-12));
}

BOOST_AUTO_TEST_CASE(is_the_value_itself_of_one_and_nothing_of_none) {
    std::vector<double> one{7}, none;
    BOOST_TEST(skipstone::quantile(one, 0.99) == 7);
    BOOST_TEST(std::isnan(skipstone::quantile(none, 0.5)));
}

BOOST_AUTO_TEST_SUITE_END()

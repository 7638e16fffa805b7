#include <boost/test/unit_test.hpp>
#include <limits>
#include <string>
#include <vector>

#include "sweep/points.hpp"
#include "sweep/status.hpp"
#include "sweep/table.hpp"
#include "units/error.hpp"

namespace skipstone::sweep {

namespace {

BOOST_AUTO_TEST_CASE(writes_and_reads_ranges_of_points) {
    BOOST_TEST(ranges_text({}) == "");
    BOOST_TEST(ranges_text({0, 1, 2, 5, 7, 8}) == "0-2,5,7-8");
    using Indices = std::vector<std::size_t>;
    BOOST_TEST(parse_ranges("7-8,0-2,5,1", 20) == (Indices{0, 1, 2, 5, 7, 8}), boost::test_tools::per_element());
    BOOST_TEST(parse_ranges("18-99999999", 20) == (Indices{18, 19}), boost::test_tools::per_element());
    for (char const* const wrong : {"", "-", "1-", "-1", "2-1", "a", "1,,2", "20", "1 2", "99999999999999999999"})
        BOOST_CHECK_THROW(parse_ranges(wrong, 20), InputError);
}

BOOST_AUTO_TEST_CASE(writes_numbers_that_read_back_the_same) {
    Table table;
    table.parameters = {"objective.alpha"};
    table.figures = {"a", "b"};
    Point point{3, "0123456789abcdef", "p", 7, {{"0.5", 0.5}}, ClockKind::virtual_time};
    table.rows.push_back({point, {0.1 + 0.2, std::numeric_limits<double>::quiet_NaN()}});
    BOOST_TEST(csv_text(table) ==
               "index,id,name,seed,objective.alpha,a,b\n3,0123456789abcdef,p,7,0.5,0.30000000000000004,\n");
}

}  // namespace

}  // namespace skipstone::sweep

#include "units/csv.hpp"

#include <boost/test/unit_test.hpp>

namespace skipstone {

BOOST_AUTO_TEST_SUITE(csv)

BOOST_AUTO_TEST_CASE(text_stays_as_it_is) {
    BOOST_TEST(csv_cell("a b") == "a b");
    BOOST_TEST(csv_cell("") == "");
}

BOOST_AUTO_TEST_CASE(what_a_line_is_made_of_is_quoted) {
    BOOST_TEST(csv_cell("a,b") == "\"a,b\"");
    BOOST_TEST(csv_cell("a\"b\nc") == "\"a\"\"b\nc\"");
}

BOOST_AUTO_TEST_CASE(a_formula_becomes_text) {
    BOOST_TEST(csv_cell("=1+1") == "'=1+1");
    BOOST_TEST(csv_cell("=HYPERLINK(\"x\")") == "\"'=HYPERLINK(\"\"x\"\")\"");
    BOOST_TEST(csv_cell("@x") == "'@x");
    BOOST_TEST(csv_cell("-x") == "'-x");
    BOOST_TEST(csv_cell("\t=x") == "'\t=x");
}

BOOST_AUTO_TEST_CASE(a_number_stays_one) {
    BOOST_TEST(csv_cell("-1.5e-3") == "-1.5e-3");
    BOOST_TEST(csv_cell("+2") == "+2");
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace skipstone

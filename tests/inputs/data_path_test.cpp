#include "inputs/data_path.hpp"

#include <algorithm>
#include <boost/test/unit_test.hpp>
#include <fstream>
#include <numeric>

#include "tests/images/fixtures.hpp"

using namespace skipstone;
using namespace skipstone::inputs;
using images::testing::contains;
using images::testing::Folder;
using images::testing::input_error;

BOOST_AUTO_TEST_SUITE(data_path)

BOOST_AUTO_TEST_CASE(parts_as_users_write_them) {
    auto const parsed = [](std::string const& text) { return parse_data_path(text); };
    BOOST_TEST((parsed("a.h5") == DataPath{"a.h5", std::nullopt}));
    BOOST_TEST((parsed("a.h5@0..4999") == DataPath{"a.h5", DataPart{0, 4999, std::nullopt}}));
    BOOST_TEST((parsed("a.h5@5000..") == DataPath{"a.h5", DataPart{5000, std::nullopt, std::nullopt}}));
    BOOST_TEST((parsed("b@c/a@0..9~7") == DataPath{"b@c/a", DataPart{0, 9, 7}}));
    BOOST_TEST((parsed("a@10..~7") == DataPath{"a", DataPart{10, std::nullopt, 7}}));
    for (auto const* none : {"@0..1", "me@home", "a@", "a@1", "a@1.2", "a@-1..2", "a@1..2~", "a@1..2 ", "a@1..x",
                             "a@99999999999999999999.."})
        BOOST_TEST((parsed(none) == DataPath{none, std::nullopt}), none);
    BOOST_TEST(file_of("x/a.h5@0..4999") == "x/a.h5");
}

BOOST_AUTO_TEST_CASE(files_that_are_there_come_first) {
    Folder const folder;
    auto const file = (folder / "a").string();
    std::ofstream(file) << "x";
    std::ofstream(file + "@0..1") << "x";
    BOOST_TEST((parse_data_path(file + "@0..1") == DataPath{file + "@0..1", std::nullopt}));
    BOOST_TEST((parse_data_path(file + "@0..2") == DataPath{file, DataPart{0, 2, std::nullopt}}));
    auto const error = input_error([&] { parse_data_path(file + "@0-1"); });
    BOOST_TEST(contains(error, "\"@0-1\" is no part of a data set"));
    BOOST_TEST(contains(error, "@FIRST..LAST"));
}

BOOST_AUTO_TEST_CASE(random_orders) {
    auto order = random_order(1000, 7, "a");
    BOOST_TEST((order == random_order(1000, 7, "a")));
    BOOST_TEST((order != random_order(1000, 8, "a")));
    BOOST_TEST((order != random_order(1000, 7, "b")));
    BOOST_TEST(!std::ranges::is_sorted(order));
    std::ranges::sort(order);
    std::vector<std::size_t> all(1000);
    std::iota(all.begin(), all.end(), std::size_t{0});
    BOOST_TEST((order == all));
}

BOOST_AUTO_TEST_SUITE_END()

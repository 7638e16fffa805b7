#include "planner/algorithm1.hpp"

#include <boost/test/unit_test.hpp>
#include <initializer_list>

#include "units/random.hpp"

namespace skipstone::planner {

namespace {

using Devices = std::vector<std::size_t>;

// One request; per block the devices that are allocated to it.
Allocation allocation(std::size_t devices, std::vector<Devices> const& blocks) {
    Allocation x(1, devices, blocks.size());
    for (std::size_t k = 0; k < blocks.size(); ++k)
        for (auto const i : blocks[k]) x(0, i, k) = 1;
    return x;
}

std::vector<MacRate> const equal_rates{MacRate(1), MacRate(1), MacRate(1)};

// From 0: 1 is nearer than 2; from 1: 2 nearer than 0; from 2: 0 nearer than 1.
LinkTable links() {
    return LinkTable::dense(3, {0, 9, 5, 3, 0, 7, 8, 2, 0}, {0});
}

}  // namespace

BOOST_AUTO_TEST_SUITE(algorithm1)

BOOST_AUTO_TEST_CASE(lines_7_to_11_leave_a_single_device_alone) {
    auto const x = allocation(3, {{2}, {0}, {1}});
    BOOST_TEST((allocate_devices(x, links(), equal_rates) == x));
}

BOOST_AUTO_TEST_CASE(lines_27_to_34_begin_with_the_fastest_device) {
    auto const x = allocation(3, {{0, 1, 2}});
    BOOST_TEST((allocate_devices(x, links(), {MacRate(1), MacRate(3), MacRate(2)}) == allocation(3, {{1}})));
}

BOOST_AUTO_TEST_CASE(line_30_takes_the_first_of_equally_fast_devices) {
    BOOST_TEST((allocate_devices(allocation(3, {{1, 2}}), links(), equal_rates) == allocation(3, {{1}})));
}

BOOST_AUTO_TEST_CASE(lines_12_to_15_stay_on_the_device) {
    auto const x = allocation(3, {{0, 1}, {0, 1, 2}, {0, 2}});
    BOOST_TEST((allocate_devices(x, links(), equal_rates) == allocation(3, {{0}, {0}, {0}})));
}

BOOST_AUTO_TEST_CASE(lines_17_to_25_move_along_the_fastest_link) {
    auto const x = allocation(3, {{0, 1}, {1, 2}, {0, 2}});
    BOOST_TEST((allocate_devices(x, links(), equal_rates) == allocation(3, {{0}, {1}, {2}})));
}

BOOST_AUTO_TEST_CASE(line_21_takes_the_first_of_equally_fast_links) {
    auto const same = LinkTable::dense(3, {0, 4, 4, 4, 0, 4, 4, 4, 0}, {0});
    auto const x = allocation(3, {{0, 1}, {1, 2}});
    BOOST_TEST((allocate_devices(x, same, equal_rates) == allocation(3, {{0}, {1}})));
}

BOOST_AUTO_TEST_CASE(line_11_leaves_dvc_behind_when_one_device_is_allocated) {
    // Block 1 runs on 1 alone, but dvc is still 0 after it: block 2 goes to where the rate from 0 is higher (2; from 1
    // it would be 3); and where 0 is allocated again, back to 0.
    auto const slow = LinkTable::dense(4, {0, 9, 5, 4, 3, 0, 7, 8, 8, 2, 0, 1, 1, 1, 1, 0}, {0});
    std::vector<MacRate> const rates(4, MacRate(1));
    BOOST_TEST((allocate_devices(allocation(4, {{0, 1}, {1}, {2, 3}}), slow, rates) == allocation(4, {{0}, {1}, {2}})));
    BOOST_TEST((allocate_devices(allocation(4, {{0, 1}, {1}, {0, 1}}), slow, rates) == allocation(4, {{0}, {1}, {0}})));
}

BOOST_AUTO_TEST_CASE(lines_26_to_34_come_late_when_the_first_blocks_have_one_device_each) {
    // No dvc yet at block 1, so that capacity decides, not the rate from device 2.
    auto const x = allocation(3, {{2}, {0, 1}});
    BOOST_TEST((allocate_devices(x, links(), {MacRate(1), MacRate(2), MacRate(9)}) == allocation(3, {{2}, {1}})));
}

BOOST_AUTO_TEST_CASE(line_3_forgets_the_device_with_every_request) {
    Allocation x(2, 3, 1);
    x(0, 1, 0) = x(0, 2, 0) = 1;
    x(1, 0, 0) = x(1, 1, 0) = 1;
    // Request 0 leaves dvc = 2, from where 0 has the higher rate; request 1 begins anew, by capacity.
    auto const y = allocate_devices(x, links(), {MacRate(1), MacRate(2), MacRate(3)});
    BOOST_TEST(int{y(0, 2, 0)} == 1);
    BOOST_TEST(int{y(0, 1, 0)} == 0);
    BOOST_TEST(int{y(1, 1, 0)} == 1);
    BOOST_TEST(int{y(1, 0, 0)} == 0);
}

BOOST_AUTO_TEST_CASE(a_block_without_a_device_gets_none) {
    auto const x = allocation(3, {{0, 1}, {}, {1, 2}});
    BOOST_TEST((allocate_devices(x, links(), equal_rates) == allocation(3, {{0}, {}, {1}})));
}

BOOST_AUTO_TEST_CASE(leaves_one_device_of_those_allocated_and_nothing_to_do_again) {
    for (int number = 0; number < 200; ++number) {
        RandomStream random(1, "algorithm1_test", number);
        Allocation x(2, 3, 5);
        for (std::size_t r = 0; r < 2; ++r)
            for (std::size_t i = 0; i < 3; ++i)
                for (std::size_t k = 0; k < 5; ++k) x(r, i, k) = static_cast<std::uint8_t>(random.below(2));
        auto const y = allocate_devices(x, links(), equal_rates);
        for (std::size_t r = 0; r < 2; ++r)
            for (std::size_t k = 0; k < 5; ++k) {
                int before = 0, after = 0;
                for (std::size_t i = 0; i < 3; ++i) {
                    before += x(r, i, k);
                    after += y(r, i, k);
                    BOOST_TEST(y(r, i, k) <= x(r, i, k));
                }
                BOOST_TEST(after == std::min(before, 1));
            }
        BOOST_TEST((allocate_devices(y, links(), equal_rates) == y));
    }
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace skipstone::planner

#include "planner/split_search.hpp"

#include <boost/test/unit_test.hpp>
#include <vector>

#include "fleet.hpp"
#include "model/cost_model.hpp"
#include "planner/contention.hpp"
#include "planner/planner.hpp"
#include "stream_instance.hpp"

using namespace skipstone;
using namespace skipstone::planner;

BOOST_AUTO_TEST_SUITE(split_search)

BOOST_AUTO_TEST_CASE(halves_of_a_block_are_faster) {
    // A block of 1 s whose halves take 0.5 s each; 10 ms for what moves.
    auto instance = testing::fleet(2, 1, 1);
    instance.accuracy = {{{}, 0.95}};
    InstanceBlock& block = instance.blocks.front();
    block.macs = Macs(1'000'000'000);
    block.output = Bytes(100'000);
    InstancePart part;
    part.input = part.output = {{0, 1}, {0, 1}, {0, 100}};
    part.macs = Macs(500'000'000);
    part.memory = block.memory;
    part.input_bytes = Bytes(100'000);
    part.output_bytes = Bytes(100'000);
    block.splits = {{{Split::Kind::outputs, 2}, {part, part}, Macs(0)}};
    auto const result = plan("contention", instance, {});
    BOOST_TEST(violations(instance, result).empty());
    BOOST_REQUIRE(result.requests.front().splits.size() == 1);
    BOOST_TEST(result.requests.front().latency.value() == 0.51, boost::test_tools::tolerance(1e-9));
    BOOST_TEST(!result.bound);
    // One device alone must compute all of it.
    instance.devices.pop_back();
    instance.links = LinkTable::dense(1, {0.0}, {0.0});
    BOOST_TEST(plan("contention", instance, {}).requests.front().splits.empty());
}

BOOST_AUTO_TEST_CASE(splits_never_make_it_worse) {
    int split = 0;
    for (int n = 0; n < 60; ++n) {
        RandomStream random(static_cast<std::uint64_t>(n), "split search");
        auto instance = testing::stream_instance(random, {4, 4, 3, 3});
        instance.goal = Goal::latency;
        auto whole = instance;
        for (InstanceBlock& block : whole.blocks) block.splits.clear();
        auto const with = plan("contention", instance, {}), without = plan("contention", whole, {});
        BOOST_TEST(violations(instance, with).empty());
        BOOST_TEST(with.admitted == without.admitted);
        if (without.admitted == 0) continue;
        BOOST_TEST(emulated_objective(instance, with, nullptr) <= emulated_objective(whole, without, nullptr) + 1e-9);
        for (RequestPlan const& request : with.requests) split += !request.splits.empty();
    }
    BOOST_TEST(split > 5);
}

BOOST_AUTO_TEST_SUITE_END()

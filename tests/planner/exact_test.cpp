#include <boost/test/unit_test.hpp>
#include <cmath>

#include "brute_force.hpp"
#include "model/cost_model.hpp"
#include "planner/planner.hpp"
#include "random_instance.hpp"

using namespace skipstone;
using skipstone::planner::testing::brute_force;
using skipstone::planner::testing::InstanceSize;
using skipstone::planner::testing::random_instance;

namespace {

planner::Options to_the_end() {
    planner::Options options;
    options.gap = 0;
    return options;
}

// The n-th instance of a size that brute force can do.
Instance instance_of(std::uint64_t number) {
    constexpr InstanceSize sizes[] = {{3, 4, 4, 2}, {2, 4, 3, 3}, {4, 4, 4, 1}, {2, 6, 4, 2}, {3, 3, 3, 3}};
    RandomStream random(number, "exact_test");
    return random_instance(random, sizes[number % std::size(sizes)]);
}

// Fewer requests, or the same at a higher objective.
bool worse(PlanResult const& a, PlanResult const& b) {
    if (a.admitted != b.admitted) return a.admitted < b.admitted;
    return a.admitted > 0 && *a.objective > *b.objective + 1e-6 * *b.objective;
}

}  // namespace

BOOST_AUTO_TEST_SUITE(exact)

BOOST_AUTO_TEST_CASE(finds_the_optimum_of_small_instances_and_proves_it) {
    for (std::uint64_t number = 1; number <= 4000; ++number) {
        auto const instance = instance_of(number);
        auto const truth = brute_force(instance);
        auto const result = planner::plan("exact", instance, to_the_end());
        BOOST_TEST_CONTEXT("instance " << number) {
            for (auto const& violation : violations(instance, result)) BOOST_ERROR(violation);
            BOOST_TEST(result.admitted == truth.admitted);
            BOOST_TEST(result.admitted_bound == truth.admitted);
            if (truth.admitted == 0) {
                BOOST_TEST((result.status == PlanStatus::infeasible));
                continue;
            }
            BOOST_TEST((result.status == PlanStatus::optimal));
            BOOST_TEST(*result.bound <= truth.objective * (1 + 1e-9));
            BOOST_TEST(std::abs(*result.objective - truth.objective) <= 1e-6 * truth.objective);
        }
    }
}

BOOST_AUTO_TEST_SUITE_END()

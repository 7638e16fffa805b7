// The published instances under profiles/instances and their optima.
#include <algorithm>
#include <boost/test/unit_test.hpp>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <string>
#include <vector>

#include "config/instance_json.hpp"
#include "model/cost_model.hpp"
#include "planner/planner.hpp"

namespace skipstone::planner {

namespace {

struct Published {
    std::string name;
    Instance instance;
    PlanResult exact, milp;
};

bool proven(PlanResult const& result) {
    return result.status == PlanStatus::optimal || (result.admitted == 0 && result.admitted_bound == 0);
}

std::vector<Published> published() {
    std::filesystem::path const folder = std::filesystem::path(SKIPSTONE_SOURCE_DIR) / "profiles" / "instances";
    std::vector<std::string> names;
    for (auto const& entry : std::filesystem::directory_iterator(folder)) {
        auto const file = entry.path().filename().string();
        if (file.ends_with(".json") && !file.ends_with(".optimum.json")) names.push_back(entry.path().stem().string());
    }
    std::ranges::sort(names);
    std::vector<Published> all;
    for (auto const& name : names) {
        auto instance = config::load_instance(folder / (name + ".json"));
        std::ifstream file(folder / (name + ".optimum.json"));
        std::stringstream text;
        text << file.rdbuf();
        auto const results = config::parse_results(text.str(), name, instance);
        BOOST_TEST_REQUIRE(results.size() == 2);
        all.push_back({name, std::move(instance), results[0], results[1]});
    }
    return all;
}

}  // namespace

BOOST_AUTO_TEST_SUITE(instances)

BOOST_AUTO_TEST_CASE(cover_what_the_readme_says) {
    auto const all = published();
    BOOST_TEST(all.size() >= 15);
    auto const some = [&](auto const& has) { return std::ranges::any_of(all, has); };
    BOOST_TEST(some([](Published const& p) { return p.instance.source.has_value(); }));
    BOOST_TEST(some([](Published const& p) { return p.instance.memory == MemoryModel::resident; }));
    BOOST_TEST(some([](Published const& p) { return p.exact.admitted == 0 && proven(p.exact); }));
    BOOST_TEST(some([](Published const& p) { return p.exact.binding != Binding::none && p.exact.admitted > 0; }));
    BOOST_TEST(some([](Published const& p) {
        return std::ranges::any_of(p.exact.requests, [&](RequestPlan const& request) {
            return std::ranges::any_of(request.dropped, [&](BlockId block) {
                return !p.instance.blocks[block.index()].vanishes_when_dropped();
            });
        });
    }));
}

BOOST_AUTO_TEST_CASE(published_plans_are_valid_and_cost_what_is_said) {
    for (auto const& one : published())
        for (auto result : {one.exact, one.milp}) BOOST_TEST_CONTEXT(one.name << ", " << result.planner) {
                for (auto const& violation : violations(one.instance, result)) BOOST_TEST_ERROR(violation);
                auto const objective = result.objective;
                evaluate(one.instance, result);
                BOOST_TEST((objective.has_value() == result.objective.has_value()));
                if (objective) BOOST_TEST(*objective == *result.objective, boost::test_tools::tolerance(1e-12));
            }
}

BOOST_AUTO_TEST_CASE(two_proofs_of_one_instance_agree) {
    int twice = 0;
    for (auto const& one : published()) BOOST_TEST_CONTEXT(one.name) {
            if (!proven(one.exact) || !proven(one.milp)) continue;
            ++twice;
            BOOST_TEST(one.exact.admitted == one.milp.admitted);
            if (one.exact.objective) BOOST_TEST(std::abs(*one.exact.objective - *one.milp.objective) <= 1e-6);
        }
    BOOST_TEST(twice >= 5);
}

BOOST_AUTO_TEST_CASE(planners_agree_with_the_published_optima) {
    for (auto const& one : published()) {
        if (!proven(one.exact)) continue;
        for (auto const name : {"exact", "greedy", "ga"}) BOOST_TEST_CONTEXT(one.name << ", " << name) {
                auto const result = plan(name, one.instance, {});
                BOOST_TEST(violations(one.instance, result).empty());
                BOOST_TEST(result.admitted <= one.exact.admitted);
                BOOST_TEST(result.admitted_bound >= one.exact.admitted);
                if (result.admitted < one.exact.admitted || result.admitted == 0) continue;
                BOOST_TEST(*result.objective >= *one.exact.objective * (1 - 1e-6));
                if (result.bound) BOOST_TEST(*result.bound <= *one.exact.objective * (1 + 1e-9));
                if (std::string(name) == "exact") BOOST_TEST(*result.gap <= 0.001);
            }
    }
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace skipstone::planner

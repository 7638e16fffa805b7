#include <boost/test/unit_test.hpp>
#include <vector>

#include "tests/timeline/cases.hpp"
#include "units/error.hpp"

using namespace skipstone;
using namespace skipstone::timeline;
using namespace skipstone::timeline::cases;

namespace {

InstanceBlock block(char const* name, std::int64_t macs, std::int64_t output, std::int64_t skip_macs) {
    InstanceBlock result;
    result.name = name;
    result.macs = Macs(macs);
    result.output = Bytes(output);
    result.skip_macs = Macs(skip_macs);
    return result;
}

// Three blocks: the second keeps a projection when it is dropped, the third vanishes. Device 1 is measured.
Instance small_instance() {
    Instance instance;
    instance.requests = 3;
    instance.input = Bytes(50);
    instance.blocks = {block("stem", 100, 20, 0), block("s2b1", 200, 30, 40), block("s2b2", 300, 30, 0),
                       block("head", 10, 4, 0)};
    for (char const* name : {"a", "b"}) {
        InstanceDevice device;
        device.name = name;
        device.mac_rate = MacRate(100);
        instance.devices.push_back(device);
    }
    instance.devices[1].compute = {std::nullopt, Seconds(7), Seconds(11), std::nullopt};
    instance.links = LinkTable::dense(2, {0, 80, 80, 0}, {0});
    return instance;
}

RequestPlan admitted(std::vector<int> const& devices, std::vector<int> const& dropped = {}) {
    RequestPlan plan;
    plan.admitted = true;
    for (int const d : devices) plan.devices.push_back(device(d));
    for (int const b : dropped) plan.dropped.push_back(BlockId(static_cast<std::int32_t>(b)));
    return plan;
}

}  // namespace

BOOST_AUTO_TEST_SUITE(jobs)

BOOST_AUTO_TEST_CASE(are_the_admitted_requests_of_a_plan) {
    PlanResult plan;
    plan.requests = {admitted({0, 1, 1, 0}), RequestPlan{}, admitted({0, 0, -1, 1}, {1, 2})};
    auto const jobs = jobs_of(small_instance(), plan, {Seconds(2), Seconds(2), Seconds(9)}, Seconds(5));
    BOOST_TEST_REQUIRE(jobs.size() == 2u);

    BOOST_TEST(jobs[0].request.value() == 0);
    BOOST_TEST(jobs[0].ready.value() == 5);  // arrived earlier
    BOOST_TEST(!jobs[0].source);
    BOOST_TEST_REQUIRE(jobs[0].work.tasks.size() == 4u);
    double const durations[] = {1, 7, 11, 0.1};
    std::int64_t const macs[] = {100, 200, 300, 10}, outputs[] = {20, 30};
    for (std::size_t t = 0; t < 4; ++t) {
        Task const& task = jobs[0].work.tasks[t];
        BOOST_TEST(task.block.index() == t);
        BOOST_TEST((task.mode == BlockMode::full));
        BOOST_TEST(task.device.value() == (t == 1 || t == 2 ? 1 : 0));
        BOOST_TEST(task.duration.value() == durations[t]);
        BOOST_TEST(task.macs.value() == macs[t]);
    }
    BOOST_TEST_REQUIRE(jobs[0].work.moves.size() == 2u);  // behind the first and the third
    for (std::size_t m = 0; m < 2; ++m) {
        Move const& move = jobs[0].work.moves[m];
        BOOST_TEST(move.from.index() == 2 * m);
        BOOST_TEST(move.bytes.serialised.value() == outputs[m]);
        BOOST_TEST(move.bytes.shared.value() == outputs[m]);
    }

    BOOST_TEST(jobs[1].request.value() == 2);
    BOOST_TEST(jobs[1].ready.value() == 9);
    BOOST_TEST_REQUIRE(jobs[1].work.tasks.size() == 3u);  // s2b2 has vanished, s2b1 runs its projection
    BOOST_TEST(jobs[1].work.tasks[1].block.value() == 1);
    BOOST_TEST((jobs[1].work.tasks[1].mode == BlockMode::skip));
    BOOST_TEST(jobs[1].work.tasks[1].macs.value() == 40);
    BOOST_TEST(jobs[1].work.tasks[1].duration.value() == 0.4);
    BOOST_TEST(jobs[1].work.tasks[2].block.value() == 3);
}

BOOST_AUTO_TEST_CASE(take_the_image_from_its_source) {
    auto instance = small_instance();
    instance.source = device(1);
    PlanResult plan;
    plan.requests = {admitted({0, 0, 0, 0})};
    auto const jobs = jobs_of(instance, plan, {Seconds(0)}, Seconds(0));
    BOOST_TEST_REQUIRE(jobs.size() == 1u);
    BOOST_TEST((jobs[0].source == device(1)));
    BOOST_TEST_REQUIRE(jobs[0].work.moves.size() == 1u);
    BOOST_TEST(!jobs[0].work.moves[0].from);
    BOOST_TEST(jobs[0].work.moves[0].bytes.serialised.value() == 50);
}

// One request alone meets no queue: the timeline takes as long as the cost model says, and moves the same bytes.
BOOST_AUTO_TEST_CASE(agree_with_the_cost_model_where_nothing_queues) {
    for (Residual const residual : {Residual::fused, Residual::paper})
        for (bool const has_source : {false, true})
            for (RequestPlan const& request :
                 {admitted({0, 1, 0, 1}), admitted({1, 1, -1, 0}, {1, 2}), admitted({0, 0, 0, 0})}) {
                auto instance = small_instance();
                instance.residual = residual;
                if (has_source) instance.source = device(1);
                instance.links = LinkTable::dense(2, {0, 80, 160, 0}, {0.25});
                PlanResult plan;
                plan.requests = {request};
                auto const jobs = jobs_of(instance, plan, {Seconds(3)}, Seconds(0));
                Conditions c;
                c.round = RoundId(0);
                c.links = instance.links;
                auto const times = simulate(jobs, c);
                auto const cost = request_cost(instance, request);
                BOOST_TEST((times.jobs[0].finish - jobs[0].ready).value() == cost.latency.value(),
                           boost::test_tools::tolerance(1e-12));
                std::int64_t shared = 0;
                for (Event const& e : events_of(jobs, times, c))
                    if (e.kind == EventKind::transmit) shared += e.bytes;
                BOOST_TEST(shared == cost.shared.value());
            }
}

BOOST_AUTO_TEST_CASE(need_an_arrival_for_every_request) {
    PlanResult plan;
    plan.requests = {admitted({0, 0, 0, 0})};
    BOOST_CHECK_THROW(jobs_of(small_instance(), plan, {}, Seconds(0)), ContractError);
}

BOOST_AUTO_TEST_SUITE_END()

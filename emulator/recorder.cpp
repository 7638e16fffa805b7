#include "emulator/recorder.hpp"

#include <algorithm>
#include <cmath>
#include <iterator>
#include <set>
#include <utility>

#include "model/cost_model.hpp"
#include "trace/plan_rows.hpp"
#include "units/error.hpp"

namespace skipstone::emulator {

namespace {

double value_or_nan(std::optional<double> const& value) {
    return value.value_or(trace::no_value);
}

// Rates as drawn: the link table holds payload rates.
double drawn_rate(Scenario const& scenario, LinkTable const& links, DeviceId from, DeviceId to) {
    return links.rate(from, to).value() / *scenario.links.traits(from, to).efficiency;
}

void record_links(Scenario const& scenario, RoundCourse const& course, trace::RoundRecord& record) {
    std::size_t const n = scenario.fleet.size();
    auto const& links = course.state.links;
    if (n <= trace::dense_rates_limit) {
        record.rate_bit_s.reserve(n * n);
        for (std::size_t i = 0; i < n; ++i)
            for (std::size_t k = 0; k < n; ++k)
                record.rate_bit_s.push_back(i == k ? trace::no_value
                                                   : drawn_rate(scenario, links, DeviceId(i), DeviceId(k)));
        return;
    }
    std::set<std::pair<std::int32_t, std::int32_t>> used;
    for (auto const& event : course.events)
        if (event.kind == EventKind::transmit) used.emplace(event.device, event.peer);
    for (auto const& [device, peer] : used)
        record.used_links.push_back(
            {course.state.round.value(), device, peer, drawn_rate(scenario, links, DeviceId(device), DeviceId(peer))});
}

void record_plan(RequestPlan const& plan, std::int32_t round, int revision, std::int32_t request,
                 trace::RoundRecord& record) {
    std::ranges::copy(trace::plan_rows(plan, round, revision, request), std::back_inserter(record.plans));
}

// What came out of a request that is done; its graph ends where it left.
void record_judgement(Network const& network, timeline::Job const& job, Judgement const& judgement,
                      trace::RoundRecord& record) {
    auto& row = record.requests[job.request.index()];
    auto next = judgement.heads.begin();
    for (Task const& task : job.work.tasks) {
        if (!task.is_head()) continue;
        SKIPSTONE_EXPECT(next != judgement.heads.end());
        auto const after = network.exit_of(task.block).after.value();
        bool const left = judgement.leaves && next + 1 == judgement.heads.end();
        record.exits.push_back({row.round, row.request, after, next->predicted, static_cast<double>(next->confidence),
                                left ? trace::Left::yes : trace::Left::no});
        if (left) row.exit = after;
        ++next;
    }
    row.confidence = static_cast<double>(judgement.outcome().confidence);
    row.verdict = judgement.outcome().predicted;
    if (judgement.label >= 0) row.label = judgement.label;
}

}  // namespace

std::vector<trace::DeviceRow> device_rows(Scenario const& scenario) {
    std::vector<trace::DeviceRow> rows;
    for (auto const& device : scenario.fleet)
        rows.push_back({static_cast<std::int32_t>(rows.size()), device.name,
                        device.mac_rate_in(scenario.network.profile.precision).value(), device.memory.value(),
                        device.macs_per_round.value(), device.battery.value(), device.power.compute.value(),
                        device.power.transmit.value(), device.power.receive.value(), device.power.idle.value()});
    return rows;
}

std::vector<trace::BlockRow> block_rows(Network const& network, std::span<ExitRule const> rules) {
    std::vector<trace::BlockRow> rows;
    for (auto const& block : network.blocks())
        rows.push_back({static_cast<std::int32_t>(rows.size()), block.name, block.macs.value(),
                        block.memory_bytes.value(), block.output_bytes.value(), block.weight_bytes.value(),
                        block.skip_macs.value(), block.skip_memory_bytes.value(), block.stage,
                        rows.empty() ? network.input_bytes().value() : rows.back().output_bytes});
    for (auto const& rule : rules) {
        auto const& [after, graph, head] = network.exits().at(rule.exit.index());
        rows.push_back({static_cast<std::int32_t>(rows.size()), head.name, head.macs.value(), head.memory_bytes.value(),
                        head.output_bytes.value(), head.weight_bytes.value(), head.skip_macs.value(),
                        head.skip_memory_bytes.value(), head.stage, network.block(after).output_bytes.value(),
                        after.value(), rule.threshold});
    }
    return rows;
}

trace::RoundRecord record_of(Scenario const& scenario, Network const& network, RoundResult const& result,
                             LabelOf const& label_of) {
    auto const& course = result.course;
    auto const& plan = course.plan;
    auto const round = course.state.round.value();
    trace::RoundRecord record;
    record.round = {round,
                    course.state.start.value(),
                    course.end.value(),
                    result.host_start_s,
                    result.host_end_s,
                    plan.requested,
                    plan.admitted,
                    plan.planner,
                    to_string(plan.status),
                    to_string(plan.binding),
                    value_or_nan(plan.objective),
                    value_or_nan(plan.bound),
                    value_or_nan(plan.gap),
                    plan.seconds,
                    plan.admitted > 0 ? plan.mean_latency.value() : trace::no_value,
                    course.next_start.value()};
    if (scenario.objective.goal == Goal::throughput) {
        record.round.goal = Goal::throughput;
        record.round.throughput = value_or_nan(plan.throughput);
        record.round.throughput_bound = value_or_nan(plan.throughput_bound);
        for (auto const& [resource, device, peer, price] : plan.prices)
            record.prices.push_back({round, resource, device.value(), peer.value(), price});
    }
    record_links(scenario, course, record);

    auto const as_they_went = plans_as_they_went(course);
    std::vector<timeline::JobTimes const*> times(plan.requests.size(), nullptr);
    for (std::size_t j = 0; j < course.jobs.size(); ++j) times[course.jobs[j].request.index()] = &course.times.jobs[j];
    for (std::size_t r = 0; r < plan.requests.size(); ++r) {
        auto const& request = plan.requests[r];
        auto const& pending = course.state.requests[r];
        trace::RequestRow row;
        row.round = round;
        row.request = static_cast<std::int32_t>(r);
        row.arrival_s = pending.arrival.value();
        row.attempt = pending.attempt;
        row.label = label_of(pending.image).value_or(-1);
        row.predicted_class = result.predicted[r];
        if (times[r] != nullptr) {
            row.status = trace::RequestStatus::done;
            row.finish_s = times[r]->finish.value();
            row.latency_s = row.finish_s - row.arrival_s;
            row.predicted_latency_s = request.latency.value();
            row.accuracy = scenario.knows_accuracy() ? as_they_went[r].accuracy : trace::no_value;
        } else if (request.admitted) {
            row.status = trace::RequestStatus::failed;
            row.predicted_latency_s = request.latency.value();
        }
        if (request.admitted) record_plan(request, round, 0, row.request, record);
        record.requests.push_back(row);
    }
    for (std::size_t j = 0; j < course.judged.size(); ++j)
        record_judgement(network, course.jobs[j], course.judged[j], record);
    for (auto const& revision : course.revisions)
        record_plan(revision.plan, round, revision.number, revision.request.value(), record);
    record.events = course.events;
    for (auto const& event : course.events)
        if (event.kind == EventKind::transmit)
            record.requests[static_cast<std::size_t>(event.request)].shared_bytes += event.bytes;
    record.battery.reserve(course.battery.size());
    for (std::size_t i = 0; i < course.battery.size(); ++i)
        record.battery.push_back({round, static_cast<std::int32_t>(i), course.battery[i].value()});
    record.stalled_s = result.stalled_s;
    for (auto const& clock : result.clocks)
        record.clocks.push_back({round, clock.rank, clock.offset_s, clock.uncertainty_s});
    for (auto const& outage : course.outages)
        record.outages.push_back({outage.begin.value(),
                                  std::isinf(outage.end.value()) ? trace::no_value : outage.end.value(),
                                  outage.device.value(), outage.peer.value(), outage.cause});
    return record;
}

}  // namespace skipstone::emulator

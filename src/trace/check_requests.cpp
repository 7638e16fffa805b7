#include "trace/check_requests.hpp"

#include <cmath>
#include <set>
#include <tuple>

namespace skipstone::trace {

void check_requests(Round const& round, bool knows_accuracy, Findings& findings) {
    auto const& row = round.row;
    if (row.requests != static_cast<std::int32_t>(round.requests.size()))
        findings.add("/rounds counts other requests than /requests", in_round(row), ": ", row.requests, " and ",
                     round.requests.size());
    int admitted = 0;
    for (std::size_t i = 0; i < round.requests.size(); ++i) {
        auto const& request = round.requests[i];
        auto const where = ": request " + std::to_string(request.request) + in_round(row);
        if (request.request != static_cast<std::int32_t>(i)) findings.add("requests are not numbered from 0", where);
        if (!(request.arrival_s >= 0 && std::isfinite(request.arrival_s)))
            findings.add("a request's arrival is negative, infinite or no number", where);
        if (request.attempt < 1) findings.add("a request has no attempt", where);
        switch (request.status) {
            case RequestStatus::done:
                ++admitted;
                if (!(request.finish_s >= request.arrival_s) || !not_after(request.finish_s, row.end_s))
                    findings.add("a request does not finish between its arrival and its round's end", where);
                else if (!(std::abs(request.finish_s - request.arrival_s - request.latency_s) <=
                           rounding_of(request.finish_s)))
                    findings.add("a request's latency is not the time from arrival to finish", where);
                if (knows_accuracy && !(request.accuracy >= 0 && request.accuracy <= 1))
                    findings.add("a request's accuracy is not in 0…1", where);
                if (!knows_accuracy && !std::isnan(request.accuracy))
                    findings.add("a request has an accuracy, but there was no accuracy table", where);
                break;
            case RequestStatus::rejected:
                if (!std::isnan(request.finish_s)) findings.add("a rejected request finishes", where);
                break;
            case RequestStatus::failed:
                ++admitted;
                break;
            default:
                findings.add("a request has an unknown status", where);
        }
    }
    if (admitted != row.admitted)
        findings.add("/rounds counts other admitted requests than /requests", in_round(row), ": ", row.admitted,
                     " and ", admitted);
}

void check_plans(Round const& round, std::size_t devices, std::size_t blocks, Findings& findings) {
    std::map<std::int32_t, std::set<std::int32_t>> planned;                  // blocks of a request in its first plan
    std::set<std::tuple<std::int32_t, std::int32_t, std::int32_t>> revised;  // request, revision, block
    for (auto const& plan : round.plans) {
        auto const where =
            ": request " + std::to_string(plan.request) + ", block " + std::to_string(plan.block) + in_round(round.row);
        if (!is_index(plan.request, round.requests.size()))
            findings.add("a plan names a request that does not exist", where);
        if (!is_index(plan.block, blocks)) findings.add("a plan names a block that does not exist", where);
        if (plan.device != -1 && !is_index(plan.device, devices))
            findings.add("a plan names a device that does not exist", where);
        if (plan.mode != BlockMode::full && plan.mode != BlockMode::skip && plan.mode != BlockMode::direct)
            findings.add("a plan has an unknown mode", where);
        else if (plan.device == -1 && plan.mode != BlockMode::skip)
            findings.add("a plan has no device for a block that is not dropped", where);
        if (plan.revision < 0) findings.add("a plan has a negative revision", where);
        if (plan.revision == 0) planned[plan.request].insert(plan.block);
        if (!revised.emplace(plan.request, plan.revision, plan.block).second)
            findings.add("a plan names a block twice", where);
    }
    for (auto const& request : round.requests) {
        auto const count = planned.contains(request.request) ? planned[request.request].size() : 0;
        if (request.status == RequestStatus::rejected ? count != 0 : count != blocks)
            findings.add("a request's plan does not fit its status", ": request ", request.request, in_round(round.row),
                         " has ", count, " of ", blocks, " blocks");
    }
}

}  // namespace skipstone::trace

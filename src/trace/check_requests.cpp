#include "trace/check_requests.hpp"

#include <cmath>
#include <map>
#include <set>
#include <string>
#include <tuple>

namespace skipstone::trace {

namespace {

// The rows of one block in one plan.
class PartsSeen {
  public:
    void add(PlanRow const& row) {
        if (rows_++ == 0) first_ = row;
        agree_ = agree_ && row.split == first_.split && row.parts == first_.parts && row.part >= -1 &&
                 row.part < row.parts && (row.part < 0 || row.mode == BlockMode::full);
        whole_ = whole_ || row.part == -1;
    }
    // That a row is there twice is said elsewhere.
    bool right() const {
        bool const split = first_.split != Split::Kind::whole;
        return agree_ && whole_ && (split ? first_.parts >= 2 && rows_ > first_.parts : first_.parts == 1);
    }
    std::string text() const {
        return std::to_string(rows_) + " rows of " + std::string(to_string(first_.split)) + "/" +
               std::to_string(first_.parts) + (whole_ ? "" : ", none of part -1");
    }

  private:
    PlanRow first_;
    int rows_ = 0;
    bool agree_ = true, whole_ = false;
};

}  // namespace

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
    std::map<std::int32_t, std::set<std::int32_t>> planned;  // blocks of a request in its first plan
    std::set<std::tuple<std::int32_t, std::int32_t, std::int32_t, std::int16_t>> revised;  // with revision and part
    std::map<std::tuple<std::int32_t, std::int32_t, std::int32_t>, PartsSeen> parts;       // request, revision, block
    for (auto const& plan : round.plans) {
        auto const where =
            ": request " + std::to_string(plan.request) + ", block " + std::to_string(plan.block) + in_round(round.row);
        if (!is_index(plan.request, round.requests.size()))
            findings.add("a plan names a request that does not exist", where);
        if (!is_index(plan.block, blocks)) findings.add("a plan names a block that does not exist", where);
        if (plan.split < Split::Kind::whole || plan.split > Split::Kind::tiles)
            findings.add("a plan has an unknown split", where);
        else
            parts[{plan.request, plan.revision, plan.block}].add(plan);
        if (plan.device != -1 && !is_index(plan.device, devices))
            findings.add("a plan names a device that does not exist", where);
        if (plan.mode != BlockMode::full && plan.mode != BlockMode::skip && plan.mode != BlockMode::direct)
            findings.add("a plan has an unknown mode", where);
        else if (plan.device == -1 && plan.mode != BlockMode::skip)
            findings.add("a plan has no device for a block that is not dropped", where);
        if (plan.revision < 0) findings.add("a plan has a negative revision", where);
        if (plan.revision == 0) planned[plan.request].insert(plan.block);
        if (!revised.emplace(plan.request, plan.revision, plan.block, plan.part).second)
            findings.add(plan.part < 0 ? "a plan names a block twice" : "a plan names a part twice", where);
    }
    for (auto const& [key, seen] : parts)
        if (!seen.right())
            findings.add("a plan does not have each part of a block, and its whole", ": request ", std::get<0>(key),
                         ", block ", std::get<2>(key), in_round(round.row), " has ", seen.text());
    for (auto const& request : round.requests) {
        auto const count = planned.contains(request.request) ? planned[request.request].size() : 0;
        if (request.status == RequestStatus::rejected ? count != 0 : count != blocks)
            findings.add("a request's plan does not fit its status", ": request ", request.request, in_round(round.row),
                         " has ", count, " of ", blocks, " blocks");
    }
}

}  // namespace skipstone::trace

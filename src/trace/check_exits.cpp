#include "trace/check_exits.hpp"

#include <span>
#include <string>
#include <vector>

namespace skipstone::trace {

namespace {

bool same(double a, double b) {
    return a == b || (std::isnan(a) && std::isnan(b));
}

// rows: the request's.
void check_done(RequestRow const& request, std::span<ExitRow const> rows, std::span<BlockRow const> heads,
                std::string const& where, Findings& findings) {
    for (std::size_t i = 0; i < rows.size(); ++i) {
        auto const& row = rows[i];
        if (i >= heads.size() || row.exit != heads[i].after) {
            findings.add("/exits: a request does not pass the exits in their order", where, ": block ", row.exit,
                         ", as number ", i);
            return;
        }
        bool const leaves = row.confidence >= heads[i].threshold;
        if ((row.left == Left::yes) != leaves)
            findings.add("/exits: left is not what confidence and threshold say", where, ", block ", row.exit, ": ",
                         row.confidence, " and ", heads[i].threshold);
        if (row.left == Left::yes && i + 1 < rows.size())
            findings.add("/exits: a request passes an exit after it left", where, ", block ", rows[i + 1].exit);
        if (row.predicted < 0) findings.add("/exits: an exit tells no class", where, ", block ", row.exit);
    }
    bool const left = !rows.empty() && rows.back().left == Left::yes;
    if (!left && rows.size() != heads.size())
        findings.add("/exits: a request does not pass every exit, and leaves at none", where, ": ", rows.size(), " of ",
                     heads.size());
    if (auto const exit = left ? rows.back().exit : -1; request.exit != exit)
        findings.add("/requests: exit is not where /exits says that it left", where, ": ", request.exit, " instead of ",
                     exit);
    if (request.verdict < 0) findings.add("/requests: a request that is done has no verdict", where);
    if (left && (request.verdict != rows.back().predicted || !same(request.confidence, rows.back().confidence)))
        findings.add("/requests: verdict and confidence are not those of the exit where it left", where, ": ",
                     request.verdict, " with ", request.confidence, " instead of ", rows.back().predicted, " with ",
                     rows.back().confidence);
}

}  // namespace

void check_exits(Round const& round, Header const& header, Findings& findings) {
    std::vector<std::vector<ExitRow>> passed(round.requests.size());
    std::int32_t last = 0;
    for (auto const& row : round.exits) {
        auto const where = ": request " + std::to_string(row.request) + in_round(round.row);
        if (row.request < last) findings.add("/exits is not in the order of the requests", where);
        last = row.request;
        if (is_index(row.request, passed.size()))
            passed[static_cast<std::size_t>(row.request)].push_back(row);
        else
            findings.add("/exits names a request that does not exist", where);
    }
    auto const heads = std::span(header.blocks).subspan(header.chain());
    for (std::size_t r = 0; r < passed.size(); ++r) {
        auto const& request = round.requests[r];
        auto const where = ": request " + std::to_string(r) + in_round(round.row);
        if (!heads.empty() && request.status == RequestStatus::done) {
            check_done(request, passed[r], heads, where, findings);
            continue;
        }
        if (!passed[r].empty()) findings.add("/exits: a request that is not done passes exits", where);
        if (request.exit != -1 || request.verdict != -1 || !std::isnan(request.confidence))
            findings.add(heads.empty() ? "/requests: a request leaves, and there are no exits"
                                       : "/requests: a request that is not done has an exit, a confidence or a verdict",
                         where);
    }
}

}  // namespace skipstone::trace

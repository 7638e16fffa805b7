#include "trace/check_exits.hpp"

#include <algorithm>
#include <string>
#include <vector>

#include "units/random.hpp"

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
    auto const all = std::span(header.blocks).subspan(header.chain());
    // Those that a request passes: where all before an exit vanished, there is no head.
    auto const heads_of = [&](std::size_t request) {
        std::vector<BlockRow> heads(all.begin(), all.end());
        if (auto const& plan = round.planned[request].last)
            std::erase_if(heads, [&](BlockRow const& head) {
                auto const devices = std::span(plan->devices).first(static_cast<std::size_t>(head.after) + 1);
                return std::ranges::none_of(devices, [](DeviceId device) { return bool(device); });
            });
        return heads;
    };
    for (std::size_t r = 0; r < passed.size(); ++r) {
        auto const& request = round.requests[r];
        auto const where = ": request " + std::to_string(r) + in_round(round.row);
        if (!all.empty() && request.status == RequestStatus::done) {
            check_done(request, passed[r], heads_of(r), where, findings);
            continue;
        }
        if (!passed[r].empty()) findings.add("/exits: a request that is not done passes exits", where);
        if (request.exit != -1 || request.verdict != -1 || !std::isnan(request.confidence))
            findings.add(all.empty() ? "/requests: a request leaves, and there are no exits"
                                     : "/requests: a request that is not done has an exit, a confidence or a verdict",
                         where);
    }
}

void check_verdicts(Round const& round, Scenario const& scenario, std::span<std::int64_t const> images,
                    Findings& findings) {
    using Source = Scenario::ExitsSection::Source;
    auto const& exits = scenario.exits;
    auto const text_of = [&](std::int32_t request) {
        return ": request " + std::to_string(request) + in_round(round.row);
    };
    if (exits.rules.empty()) return;
    int const classes = scenario.network.classes.value_or(scenario.network.profile.classes);
    for (auto const& row : round.exits)
        if (row.predicted >= classes)
            findings.add("/exits: predicted is not a class that the network can tell", text_of(row.request), ": ",
                         row.predicted, " of ", classes);
    std::size_t next = 0;  // row of /exits
    for (std::size_t r = 0; r < round.requests.size(); ++r) {
        auto const& request = round.requests[r];
        auto const first = next;
        while (next < round.exits.size() && round.exits[next].request == static_cast<std::int32_t>(r)) ++next;
        if (request.status != RequestStatus::done) continue;
        auto const where = text_of(request.request);
        if (exits.verdicts == Source::kernels && request.verdict != request.predicted_class)
            findings.add("/requests: verdict is not the predicted_class", where, ": ", request.verdict, " and ",
                         request.predicted_class);
        if (exits.verdicts != Source::table || exits.tables.empty() || r >= images.size() || images[r] < 0) continue;
        auto const& plans = round.planned[r];
        if (!plans.first || !plans.last || plans.first->dropped != plans.last->dropped) continue;
        auto const option = std::ranges::find(exits.promised, plans.last->dropped, &DropOption::dropped);
        if (option == exits.promised.end()) continue;
        auto const& table = *exits.tables[static_cast<std::size_t>(option - exits.promised.begin())];
        auto const sample =
            static_cast<std::size_t>(RandomStream(scenario.seed, "exits", images[r]).below(table.samples));
        auto const hold = [&](std::size_t outcome, std::int32_t predicted, double confidence) {
            auto const right = table.at(sample, outcome);
            if (predicted != right.predicted || !same(confidence, static_cast<double>(right.confidence)))
                findings.add("/exits: a verdict is not that of the table's row", where, ", outcome ", outcome, ": ",
                             predicted, " with ", confidence, " instead of ", right.predicted, " with ",
                             right.confidence);
        };
        for (auto row = first; row < next && row - first < table.exits.size(); ++row)
            hold(row - first, round.exits[row].predicted, round.exits[row].confidence);
        if (request.exit < 0) hold(table.exits.size(), request.verdict, request.confidence);
        if (request.label != table.labels[sample])
            findings.add("/requests: label is not that of the table's row", where, ": ", request.label, " instead of ",
                         table.labels[sample]);
    }
}

}  // namespace skipstone::trace

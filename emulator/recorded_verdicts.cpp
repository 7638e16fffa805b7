#include "emulator/recorded_verdicts.hpp"

#include <limits>
#include <utility>

#include "trace/reader.hpp"
#include "units/error.hpp"

namespace skipstone::emulator {

namespace {

using trace::RequestStatus;

// The trace is of a run with the same exits and thresholds.
void expect_same_exits(trace::Reader const& trace, Scenario const& scenario, Network const& network) {
    auto const refuse = [&](std::string const& what) {
        throw InputError({trace.path(), 0, ""},
                         what + "; exits.verdicts needs the trace of a run with the same network and rules");
    };
    auto const& blocks = trace.header().blocks;
    std::size_t const chain = trace.header().chain();
    if (chain != network.size())
        refuse("has " + std::to_string(chain) + " blocks, not " + std::to_string(network.size()));
    auto const& rules = scenario.exits.rules;
    if (blocks.size() - chain != rules.size())
        refuse("has " + std::to_string(blocks.size() - chain) + " open exits, not " + std::to_string(rules.size()));
    for (std::size_t r = 0; r < rules.size(); ++r) {
        auto const& row = blocks[chain + r];
        auto const& exit = network.exits().at(rules[r].exit.index());
        if (row.after != exit.after.value() || row.threshold != rules[r].threshold)
            refuse("has no exit behind block " + network.block(exit.after).name + " with the threshold " +
                   std::to_string(rules[r].threshold));
    }
}

}  // namespace

RecordedVerdicts::RecordedVerdicts(Scenario const& scenario, Network const& network) : file_(scenario.exits.trace) {
    trace::Reader const trace(file_);
    expect_same_exits(trace, scenario, network);
    std::map<std::pair<std::int32_t, std::int32_t>, std::vector<Verdict>> heads;
    for (auto const& row : trace.read<trace::ExitRow>())
        heads[{row.round, row.request}].push_back({row.predicted, static_cast<float>(row.confidence)});
    // Images are numbered as they come; who was rejected comes again, at the front of the next round.
    std::int64_t next_image = 0;
    std::vector<std::int64_t> retries;
    for (std::int32_t round = 0; round < trace.committed_rounds(); ++round) {
        std::vector<std::int64_t> rejected;
        std::size_t next_retry = 0;
        for (auto const& row : trace.read<trace::RequestRow>(trace.rows_of<trace::RequestRow>(RoundId(round)))) {
            std::int64_t image = next_image;
            if (row.attempt == 1)
                ++next_image;
            else if (next_retry < retries.size())
                image = retries[next_retry++];
            else
                throw InputError({file_, 0, ""}, "has a request that was retried, number " +
                                                     std::to_string(row.request) + " of round " +
                                                     std::to_string(round) + ", and was not rejected before");
            if (row.status == RequestStatus::rejected) {
                rejected.push_back(image);
                continue;
            }
            Recorded& recorded = images_[image];
            recorded.known = row.status == RequestStatus::done;
            recorded.judgement.heads = std::move(heads[{row.round, row.request}]);
            recorded.judgement.leaves = row.exit >= 0;
            if (row.exit < 0) recorded.judgement.end = {row.verdict, static_cast<float>(row.confidence)};
            recorded.judgement.label = row.label;
        }
        retries = std::move(rejected);
    }
}

Judgement RecordedVerdicts::judgement(Question const& question, std::span<InstanceExit const> exits) const {
    auto const found = images_.find(question.image);
    auto const refuse = [&](std::string const& what) {
        throw InputError({file_, 0, ""}, "does not say " + what + " image " + std::to_string(question.image) +
                                             " of the run; give a trace of a run of the same images and rules that is "
                                             "as long, or decide by a table");
    };
    if (found == images_.end()) refuse("where the request leaves that has");
    auto const& [known, recorded] = found->second;
    Judgement result;
    result.label = recorded.label;
    for (Task const& task : question.job->work.tasks) {
        if (!task.is_head()) continue;
        std::size_t const h = result.heads.size();
        bool const passed = h < question.passed.size();
        if (!passed && known && h >= recorded.heads.size()) refuse("what every exit says of");
        Verdict const nothing{-1, std::numeric_limits<float>::quiet_NaN()};
        Verdict const& verdict = result.heads.emplace_back(passed  ? question.passed[h]
                                                           : known ? recorded.heads[h]
                                                                   : nothing);
        result.leaves =
            !passed && static_cast<double>(verdict.confidence) >= exits[static_cast<std::size_t>(task.exit)].threshold;
        if (result.leaves) return result;
    }
    if (known && recorded.leaves) refuse("what comes out at the end of");
    result.end = recorded.end;
    return result;
}

std::vector<Judgement> RecordedVerdicts::judge(RoundId, std::span<InstanceExit const> exits,
                                               std::span<Question const> questions) {
    std::vector<Judgement> judgements;
    judgements.reserve(questions.size());
    for (Question const& question : questions) judgements.push_back(judgement(question, exits));
    return judgements;
}

}  // namespace skipstone::emulator

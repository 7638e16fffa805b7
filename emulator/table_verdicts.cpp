#include "emulator/table_verdicts.hpp"

#include <algorithm>

#include "units/error.hpp"
#include "units/random.hpp"

namespace skipstone::emulator {

TableVerdicts::TableVerdicts(Scenario const& scenario) : seed_(scenario.seed) {
    auto const& exits = scenario.exits;
    SKIPSTONE_EXPECT(!exits.tables.empty() && exits.tables.size() == exits.promised.size());
    auto const refuse = [&](std::string const& what) { throw InputError(scenario.place_of("exits.table"), what); };
    if (auto const missing = std::ranges::count(exits.tables, nullptr); missing > 0)
        refuse(
            "lacks " + std::to_string(missing) + " of " + std::to_string(exits.tables.size()) +
            " tables: the rules promise something for so many choices of dropped blocks, and each needs the table that "
            "was measured with these dropped");
    for (std::size_t i = 0; i < exits.tables.size(); ++i) {
        auto const& table = exits.tables[i];
        SKIPSTONE_EXPECT(table->samples > 0 && table->exits.size() == exits.rules.size());
        if (!tables_.empty() && table->labels != tables_.front().table->labels)
            refuse(
                "has tables of different samples, so that an image cannot be the same one in all of them; measure "
                "them all on one data set");
        tables_.push_back({exits.promised[i].dropped, table});
    }
}

std::size_t TableVerdicts::sample_of(std::int64_t image) const {
    auto const samples = static_cast<std::int64_t>(tables_.front().table->samples);
    return static_cast<std::size_t>(RandomStream(seed_, "exits", image).below(samples));
}

Judgement TableVerdicts::judgement(Question const& question, std::span<InstanceExit const> exits) const {
    auto const measured = std::ranges::find(tables_, question.plan->dropped, &Measured::dropped);
    SKIPSTONE_EXPECT(measured != tables_.end());  // plans drop what something is promised for
    std::size_t const sample = sample_of(question.image);
    Judgement result;
    result.label = measured->table->labels[sample];
    for (Task const& task : question.job->work.tasks) {
        if (!task.is_head()) continue;
        if (result.heads.size() < question.passed.size()) {
            result.heads.push_back(question.passed[result.heads.size()]);
            continue;
        }
        auto const exit = static_cast<std::size_t>(task.exit);
        auto const& verdict = result.heads.emplace_back(measured->table->at(sample, exit));
        if (static_cast<double>(verdict.confidence) >= exits[exit].threshold) {
            result.leaves = true;
            return result;
        }
    }
    result.end = measured->table->at(sample, measured->table->exits.size());
    return result;
}

std::vector<Judgement> TableVerdicts::judge(RoundId, std::span<InstanceExit const> exits,
                                            std::span<Question const> questions) {
    std::vector<Judgement> judgements;
    judgements.reserve(questions.size());
    for (Question const& question : questions) judgements.push_back(judgement(question, exits));
    return judgements;
}

}  // namespace skipstone::emulator

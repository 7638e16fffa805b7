#include "exits/head_choice.hpp"

#include <algorithm>
#include <numeric>
#include <utility>

#include "model/exit.hpp"
#include "units/error.hpp"

namespace skipstone::exits {

namespace {

Samples samples_for(HeadKind const& kind, BlockSamples const& block, std::span<std::size_t const> chosen) {
    return {block.rows,
            block.features.size(),
            block.features.offset(kind.pooling),
            pooled_shape(block.features.input, kind.pooling),
            block.labels,
            chosen};
}

double macs_of(HeadKind const& kind, TensorShape input, int classes) {
    auto const graph = head_graph("head", input, kind, classes);
    std::vector<OperatorId> all;
    for (std::size_t i = 0; i < graph.operators().size(); ++i) all.emplace_back(i);
    return static_cast<double>(graph.costs(all, Precision::float32).macs.value());
}

}  // namespace

double leaving_share(std::span<float const> logits, Samples const& samples, std::span<std::uint8_t const> right_at_end,
                     int classes, double loss) {
    auto const count = samples.chosen.size(), width = static_cast<std::size_t>(classes);
    std::vector<Verdict> verdicts;
    for (std::size_t i = 0; i < count; ++i) verdicts.push_back(verdict_of(logits.subspan(i * width, width)));
    std::vector<std::size_t> order(count);
    std::iota(order.begin(), order.end(), std::size_t{0});
    std::ranges::stable_sort(
        order, [&](std::size_t a, std::size_t b) { return verdicts[a].confidence > verdicts[b].confidence; });
    std::size_t lost = 0, most = 0;
    for (std::size_t i = 0; i < count; ++i) {
        auto const sample = order[i];
        lost += right_at_end[samples.chosen[sample]] != 0 && verdicts[sample].predicted != samples.label(sample);
        if (static_cast<double>(lost) > loss * static_cast<double>(count)) break;
        most = i + 1;
    }
    return static_cast<double>(most) / static_cast<double>(count);
}

std::optional<ChosenHead> choose_head(BlockSamples const& block, ChoiceSettings const& settings,
                                      std::atomic<bool> const& stop) {
    std::optional<ChosenHead> best;
    double least_macs = 0;
    for (auto const& kind : settings.kinds) {
        if (std::ranges::find(block.features.poolings, kind.pooling) == block.features.poolings.end()) continue;
        auto const training = samples_for(kind, block, block.training);
        auto const validation = samples_for(kind, block, block.validation);
        HeadProblem const problem(kind, training, settings.classes);
        auto numbers = problem.start();
        std::optional<ChosenHead> here;
        for (double const penalty : settings.penalties) {  // each from the one before on
            if (!problem.solve(penalty, settings.most_iterations, numbers, stop)) return std::nullopt;
            auto const logits = logits_of(kind, problem.head(numbers), validation, settings.classes);
            auto const loss = mean_loss(logits, validation, settings.classes);
            if (here && loss >= here->loss) break;
            here = ChosenHead{kind, penalty, loss, 0, 0, {}};
            here->leaving = leaving_share(logits, validation, block.right_at_end, settings.classes, settings.loss);
            std::size_t right = 0;
            auto const width = static_cast<std::size_t>(settings.classes);
            for (std::size_t i = 0; i < block.validation.size(); ++i)
                right += verdict_of(std::span(logits).subspan(i * width, width)).predicted == validation.label(i);
            here->accuracy = static_cast<double>(right) / static_cast<double>(block.validation.size());
        }
        double const macs =
            macs_of(kind, block.features.input, settings.classes) + (1 - here->leaving) * block.macs_behind;
        if (!best || macs < least_macs) {
            best = std::move(here);
            least_macs = macs;
        }
    }
    SKIPSTONE_EXPECT(best.has_value());
    std::vector<std::size_t> all = block.training;
    all.insert(all.end(), block.validation.begin(), block.validation.end());
    std::ranges::sort(all);
    HeadProblem const problem(best->kind, samples_for(best->kind, block, all), settings.classes);
    auto numbers = problem.start();
    if (!problem.solve(best->penalty, settings.most_iterations, numbers, stop)) return std::nullopt;
    best->numbers = problem.head(numbers);
    return best;
}

}  // namespace skipstone::exits

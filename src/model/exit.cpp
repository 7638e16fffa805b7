#include "model/exit.hpp"

#include <algorithm>
#include <cmath>
#include <functional>

#include "units/error.hpp"

namespace skipstone {

Verdict verdict_of(std::span<float const> logits, bool is_probability) {
    SKIPSTONE_EXPECT(!logits.empty());
    auto const best = std::ranges::max_element(logits);
    auto const predicted = static_cast<int>(best - logits.begin());
    if (is_probability) return {predicted, *best};
    double sum = 0;
    for (float const logit : logits) sum += std::exp(static_cast<double>(logit) - static_cast<double>(*best));
    return {predicted, static_cast<float>(1 / sum)};
}

ExitTable narrowed(ExitTable const& table, std::span<std::size_t const> outcomes) {
    auto const end = table.outcomes() - 1;
    std::vector<std::size_t> kept(outcomes.begin(), outcomes.end());
    SKIPSTONE_EXPECT(std::ranges::is_sorted(kept, std::less_equal()) && (kept.empty() || kept.back() < end));
    kept.push_back(end);
    ExitTable result;
    result.network = table.network;
    result.dataset = table.dataset;
    result.weights_sha256 = table.weights_sha256;
    result.dropped = table.dropped;
    result.samples = table.samples;
    result.labels = table.labels;
    double unused = 0;  // MACs of heads that are not there, before an outcome
    std::size_t next = 0;
    for (std::size_t outcome = 0; outcome <= end; ++outcome) {
        if (kept[next] != outcome) {
            unused += table.head_macs[outcome];
            continue;
        }
        ++next;
        if (outcome < end) result.exits.push_back(table.exits[outcome]);
        result.macs.push_back(table.macs[outcome] - unused);
        result.head_macs.push_back(table.head_macs[outcome]);
    }
    result.confidence.reserve(table.samples * kept.size());
    result.predicted.reserve(table.samples * kept.size());
    for (std::size_t sample = 0; sample < table.samples; ++sample)
        for (std::size_t const outcome : kept) {
            result.confidence.push_back(table.at(sample, outcome).confidence);
            result.predicted.push_back(table.at(sample, outcome).predicted);
        }
    return result;
}

ExitScore score(ExitTable const& table, std::span<TableRule const> rules) {
    auto const end = table.outcomes() - 1;
    double unused = 0;  // MACs of heads that are not there, before an outcome
    std::vector<double> macs;
    std::size_t next = 0;
    for (std::size_t outcome = 0; outcome < table.outcomes(); ++outcome) {
        bool const open = next < rules.size() && rules[next].outcome == outcome;
        if (open || outcome == end) macs.push_back(table.macs[outcome] - unused);
        if (open)
            ++next;
        else
            unused += table.head_macs[outcome];
    }
    SKIPSTONE_EXPECT(next == rules.size());  // in order, each once, none of the end
    std::vector<std::size_t> leaving(rules.size() + 1);
    std::size_t right = 0;
    for (std::size_t sample = 0; sample < table.samples; ++sample) {
        std::size_t r = 0;
        while (r < rules.size() &&
               !(static_cast<double>(table.at(sample, rules[r].outcome).confidence) >= rules[r].threshold))
            ++r;
        ++leaving[r];
        right += table.at(sample, r < rules.size() ? rules[r].outcome : end).predicted == table.labels[sample];
    }
    ExitScore result;
    auto const samples = static_cast<double>(table.samples);
    result.accuracy = static_cast<double>(right) / samples;
    for (std::size_t r = 0; r <= rules.size(); ++r) {
        result.leaving.push_back(static_cast<double>(leaving[r]) / samples);
        result.mean_macs += static_cast<double>(leaving[r]) * macs[r];
    }
    result.mean_macs /= samples;
    return result;
}

}  // namespace skipstone

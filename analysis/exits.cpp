#include "analysis/exits.hpp"

#include <algorithm>

#include "analysis/ratio.hpp"
#include "units/proportion.hpp"

namespace skipstone::analysis {

namespace {

double real(std::int64_t count) {
    return static_cast<double>(count);
}

}  // namespace

ExitTotals::ExitTotals(trace::Header const& header) {
    for (std::size_t b = header.chain(); b < header.blocks.size(); ++b) {
        auto const& head = header.blocks[b];
        sums_.push_back({.figures = {.exit = head.after, .name = head.name.str(), .threshold = head.threshold}});
    }
    sums_.push_back({.figures = {.name = "end"}});
}

std::size_t ExitTotals::exit_of(std::int32_t after) const {
    auto const found =
        std::ranges::find_if(sums_, [&](Sums const& sums) { return sums.figures.exit == after; });
    return static_cast<std::size_t>(found - sums_.begin());
}

bool ExitTotals::begin_round(std::span<trace::RequestRow const> requests, std::span<trace::ExitRow const> judged) {
    labels_.clear();
    for (auto const& row : requests) {
        if (exit_of(row.exit) == sums_.size()) return false;
        labels_.push_back(row.status == trace::RequestStatus::done ? row.label : -1);
    }
    for (auto const& row : judged) {
        auto const exit = exit_of(row.exit);
        if (row.request < 0 || static_cast<std::size_t>(row.request) >= requests.size() || row.exit < 0 ||
            exit == sums_.size())
            return false;
        if (requests[static_cast<std::size_t>(row.request)].status != trace::RequestStatus::done) continue;
        auto& sums = sums_[exit];
        ++sums.figures.reached;
        if (row.left == trace::Left::no) sums.stayed_confidence += row.confidence;
        if (auto const label = labels_[static_cast<std::size_t>(row.request)]; label >= 0) {
            ++sums.judged_labelled;
            if (row.predicted == label) ++sums.judged_correct;
        }
    }
    return true;
}

void ExitTotals::add(trace::RequestRow const& row, RequestFigures const& figures, WholeRequest const& whole,
                     std::span<double const> expected) {
    auto& sums = sums_[exit_of(row.exit)];
    ++sums.figures.left;
    sums.confidence += row.confidence;
    sums.latency_s += row.latency_s;
    sums.energy_j += figures.energy_j;
    sums.macs += real(figures.macs);
    if (row.label >= 0) {
        ++sums.figures.labelled;
        if (row.verdict == row.label) ++sums.figures.correct;
        accuracy_labelled_ += row.accuracy;
    }
    accuracy_ += row.accuracy;
    macs_ += figures.macs;
    energy_j_ += figures.energy_j;
    way_s_ += figures.compute_s + figures.transfer_s;
    whole_.macs += whole.macs;
    whole_.energy_j += whole.energy_j;
    whole_.way_s += whole.way_s;
    if (expected.size() != sums_.size()) expects_ = false;
    if (!expects_) return;
    for (std::size_t e = 0; e < sums_.size(); ++e) sums_[e].expected += expected[e];
}

LeavingFigures ExitTotals::leaving() const {
    LeavingFigures row;
    for (auto const& sums : sums_) {
        row.done += sums.figures.left;
        row.labelled += sums.figures.labelled;
        row.correct += sums.figures.correct;
    }
    auto const done = real(row.done);
    auto const saved = [](double with, double without) { return 1 - ratio(with, without); };
    row.left_early = row.done - sums_.back().figures.left;
    row.early_share = ratio(real(row.left_early), done);
    row.accuracy_promised = ratio(accuracy_, done);
    row.accuracy_promised_labelled = ratio(accuracy_labelled_, real(row.labelled));
    row.accuracy_observed = ratio(real(row.correct), real(row.labelled));
    if (row.labelled > 0) {
        auto const interval = confidence_interval(row.correct, row.labelled);
        row.accuracy_low = interval.low;
        row.accuracy_high = interval.high;
    }
    row.macs_mean = ratio(real(macs_), done);
    row.macs_whole_mean = ratio(whole_.macs, done);
    row.macs_saved = saved(row.macs_mean, row.macs_whole_mean);
    row.energy_mean_j = ratio(energy_j_, done);
    row.energy_whole_mean_j = ratio(whole_.energy_j, done);
    row.energy_saved = saved(row.energy_mean_j, row.energy_whole_mean_j);
    row.way_mean_s = ratio(way_s_, done);
    row.way_whole_mean_s = ratio(whole_.way_s, done);
    row.way_saved = saved(row.way_mean_s, row.way_whole_mean_s);
    return row;
}

void ExitTotals::finish(Analysis& analysis) const {
    auto const total = leaving();
    auto const done = real(total.done);
    double expected_before = 0;  // requests that were expected to leave at an earlier exit
    for (auto const& sums : sums_) {
        auto row = sums.figures;
        bool const is_end = row.exit < 0;
        auto const left = real(row.left);
        if (is_end) row.reached = row.left;
        row.reach_share = ratio(real(row.reached), done);
        row.left_share = ratio(left, done);
        if (total.done > 0) {
            auto const interval = confidence_interval(row.left, total.done);
            row.left_low = interval.low;
            row.left_high = interval.high;
        }
        if (expects_ && total.done > 0) {
            row.expected_reach = 1 - expected_before / done;
            row.expected_left = sums.expected / done;
            expected_before += sums.expected;
        }
        row.accuracy = ratio(real(row.correct), real(row.labelled));
        if (row.labelled > 0) {
            auto const interval = confidence_interval(row.correct, row.labelled);
            row.accuracy_low = interval.low;
            row.accuracy_high = interval.high;
        }
        row.head_accuracy = is_end ? row.accuracy : ratio(real(sums.judged_correct), real(sums.judged_labelled));
        row.confidence_mean = ratio(sums.confidence, left);
        row.confidence_stayed_mean = is_end ? none : ratio(sums.stayed_confidence, real(row.reached - row.left));
        row.latency_mean_s = ratio(sums.latency_s, left);
        row.energy_mean_j = ratio(sums.energy_j, left);
        row.macs_mean = ratio(sums.macs, left);
        analysis.exits.push_back(std::move(row));
    }
    analysis.leaving = {total};
}

}  // namespace skipstone::analysis

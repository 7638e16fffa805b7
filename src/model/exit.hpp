#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "units/id.hpp"

namespace skipstone {

using ExitId = Id<struct ExitTag>;  // index into Network::exits()

// A request leaves at the first exit whose confidence, the largest of its softmax, reaches the threshold.
struct ExitRule {
    ExitId exit;
    double threshold = 1;  // 0 … 1

    bool operator==(ExitRule const&) const = default;
};

// What came out at an exit, or at the network's end.
struct Verdict {
    int predicted = -1;
    float confidence = 0;

    bool operator==(Verdict const&) const = default;
};

// Of logits: the first of the largest ones, and its softmax. Of a network that ends with a softmax (is_probability):
// the largest output itself. NaN among them: confidence NaN, which reaches no threshold.
Verdict verdict_of(std::span<float const> logits, bool is_probability = false);

// Does a request leave with this confidence?
inline bool leaves(ExitRule const& rule, Verdict const& verdict) {
    return static_cast<double>(verdict.confidence) >= rule.threshold;
}

// What every exit said of every sample of a data set, and the network's end, which is the last outcome. Rows stay
// whole: what exits say of one image hangs together. From them any rules are scored exactly; runs without kernels draw
// one row per image.
struct ExitTable {
    std::string network, dataset, weights_sha256;
    std::vector<std::string> exits;    // the blocks behind which the exits are, in the chain's order
    std::vector<std::string> dropped;  // measured with these blocks dropped, in the chain's order
    // Per outcome: MACs of a request that leaves there, heads on its way counted (all exits open), and of the head
    // alone (0 for the end).
    std::vector<double> macs, head_macs;
    std::size_t samples = 0;
    std::vector<float> confidence;        // [samples, outcomes]
    std::vector<std::int32_t> predicted;  // likewise
    std::vector<std::int32_t> labels;     // [samples]

    std::size_t outcomes() const { return exits.size() + 1; }
    Verdict at(std::size_t sample, std::size_t outcome) const {
        auto const place = sample * outcomes() + outcome;
        return {predicted[place], confidence[place]};
    }
};

// The table of some of the exits, outcomes of the table by index, ascending, as if there were no others: MACs are
// without the others' heads.
ExitTable narrowed(ExitTable const& table, std::span<std::size_t const> outcomes);

// What rules give on a table.
struct ExitScore {
    double accuracy = 0, mean_macs = 0;
    std::vector<double> leaving;  // share of the samples per rule, and at the end
};

// rules: outcomes of the table (not the end) by index, in the chain's order, each once. Heads of exits that no rule
// names are not there, and cost nothing.
struct TableRule {
    std::size_t outcome = 0;
    double threshold = 1;
};
ExitScore score(ExitTable const& table, std::span<TableRule const> rules);

}  // namespace skipstone

#pragma once

#include <atomic>
#include <cstddef>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "study/drop_set.hpp"
#include "study/journal.hpp"
#include "study/team.hpp"
#include "study/workplace.hpp"

namespace skipstone::study {

// What is to be measured.
struct StudyPlan {
    enum class Choice { listed, greedy };

    Choice choice = Choice::listed;
    DropSets drops;  // listed: what is measured; greedy: what cannot be
    Sharing sharing = Sharing::prefixes;
    std::size_t final_count = 0;  // how many sets are measured again on the workplace's second data set, if it has one
};

struct MeasuredSet {
    DropSet set;
    std::size_t correct = 0;
    Predictions predictions;  // per image
};

// Drop sets on one data set: the baseline, the others of mode skip by accuracy, highest first, then those of direct.
struct Measurement {
    std::size_t data = 0;
    std::vector<MeasuredSet> sets;
};

struct StudyResult {
    Measurement selection;
    std::optional<Measurement> final;  // the baseline and the sets of mode skip that were best in the selection
    std::vector<BlockId> chain;        // greedy: blocks in the order in which they were dropped
};

struct StudyProgress {
    std::string what;  // "selection", "greedy step 3 of 12", "final"
    std::size_t done = 0, batches = 0;
    std::size_t known = 0;    // of those done: from the journal
    double seconds_left = 0;  // of the whole study, an estimate; negative: not known yet
};

// How many images' way through the whole network a study costs as much as, but for what the journal has. What shows on
// the way alone (greedy's chain, the sets that are measured again) is assumed.
double image_passes(Workplace const& workplace, StudyPlan const& plan, Journal const& journal);

// Measures. Greedy starts from nothing and always adds the identity block whose drop, on top of the others, leaves the
// most images right (of equals, the later block), until none is left; every set that it tried is in the result. Nothing
// when `stop` came true; the journal then has what is finished.
std::optional<StudyResult> conduct(Workplace const& workplace, StudyPlan const& plan, Team& team, Journal& journal,
                                   std::function<void(StudyProgress const&)> const& report,
                                   std::atomic<bool> const& stop);

}  // namespace skipstone::study

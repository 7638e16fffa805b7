#pragma once

#include <atomic>
#include <cstddef>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "exits/crew.hpp"
#include "exits/feature_file.hpp"
#include "exits/head_choice.hpp"
#include "study/journal.hpp"
#include "study/workplace.hpp"

namespace skipstone::exits {

// Heads to be trained: behind which blocks, and what they are chosen from.
struct TrainingPlan {
    std::vector<BlockId> blocks;  // in the chain's order, not empty
    ChoiceSettings choice;
    std::size_t most_features = 4096;  // that a head may read of one image; larger grids are passed over

    std::vector<Features> features(Network const& network) const;
};

// Every fifth sample of each class for validation, the others for training; with a second data set: its samples for
// validation, all of the first for training. Samples count on through both.
struct SampleParts {
    std::vector<std::int32_t> labels;
    std::vector<std::size_t> training, validation;
};
SampleParts parts_of(study::Workplace const& workplace);

struct TrainingProgress {
    enum class Phase { features, heads } phase = Phase::features;
    std::size_t done = 0, count = 0;  // batches, or heads
    std::size_t known = 0;            // of those done: from an earlier call
    double seconds_left = -1;         // of this phase; negative: not known yet
};

// What the threads of every rank need; to be given to Crew and serve().
HandMaker training_hands(study::Workplace const& workplace, TrainingPlan const& plan);

// Trains a head behind each of the plan's blocks, in that order. The features of all samples come from one pass through
// the network, and lie in `file`; what is finished is in the journal. Nothing when `stop` came true.
std::optional<std::vector<ChosenHead>> train_heads(study::Workplace const& workplace, TrainingPlan const& plan,
                                                   Crew& crew, FeatureFile& file, study::Journal& journal,
                                                   std::function<void(TrainingProgress const&)> const& report,
                                                   std::atomic<bool> const& stop);

}  // namespace skipstone::exits

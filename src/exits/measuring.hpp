#pragma once

#include <atomic>
#include <cstddef>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "exits/crew.hpp"
#include "model/exit.hpp"
#include "study/journal.hpp"
#include "study/workplace.hpp"

namespace skipstone::exits {

// What the exits of a network say of the samples of the workplace's only data set, all exits open.
struct MeasuringPlan {
    std::vector<BlockId> dropped;  // droppable blocks, in the chain's order
    bool ends_with_softmax = false;
};

// Whether the network gives probabilities: its last operator is a softmax.
bool ends_with_softmax(Network const& network);

struct MeasuringProgress {
    std::size_t done = 0, count = 0, known = 0;  // batches; known: from an earlier call
    double seconds_left = -1;                    // negative: not known yet
};

// What the threads of every rank need; to be given to Crew and serve().
HandMaker measuring_hands(study::Workplace const& workplace, MeasuringPlan const& plan);

// The table. Its confidences are those of the kernels that runs use, bit for bit where a run's requests have as many
// images as the workplace's batches. Nothing when `stop` came true; the journal then has what is finished.
std::optional<ExitTable> measure(study::Workplace const& workplace, MeasuringPlan const& plan, Crew& crew,
                                 study::Journal& journal, std::function<void(MeasuringProgress const&)> const& report,
                                 std::atomic<bool> const& stop);

}  // namespace skipstone::exits

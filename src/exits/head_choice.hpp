#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "exits/head.hpp"
#include "exits/head_training.hpp"
#include "exits/pooling.hpp"

namespace skipstone::exits {

// What the heads of one block are chosen from, and how.
struct ChoiceSettings {
    std::vector<HeadKind> kinds;    // not empty
    std::vector<double> penalties;  // not empty, falling
    int classes = 2;
    int most_iterations = 150;
    double loss = 0.01;  // of the validation samples: how much accuracy an exit alone may cost when kinds are compared
};

// One block's features, and what is known of every sample.
struct BlockSamples {
    Features features;
    std::span<float const> rows;  // [samples, features.size()]
    std::span<std::int32_t const> labels;
    std::span<std::uint8_t const> right_at_end;     // 1: the network's end predicts the label
    std::vector<std::size_t> training, validation;  // rows; not empty
    double macs_behind = 0;                         // of the blocks behind this one
};

// A head with what the validation samples say of it.
struct ChosenHead {
    HeadKind kind;
    double penalty = 0;
    double loss = 0;      // the mean of −log p(label)
    double accuracy = 0;  // when all samples leave here
    double leaving = 0;   // the largest share, of the most confident ones, that costs no more than ChoiceSettings::loss
    HeadNumbers numbers;  // trained on all samples with this kind and penalty
};

// Each kind with each penalty on the training samples: a kind's penalty is the one of the least loss on the validation
// samples; the kind is the one with which a request costs the fewest MACs if this is the only exit. Nothing when `stop`
// came true. Kinds whose features are not there count as not given.
std::optional<ChosenHead> choose_head(BlockSamples const& samples, ChoiceSettings const& settings,
                                      std::atomic<bool> const& stop);

// The largest share of the samples, the most confident first, that can leave with `logits` so that at most `loss` of
// all samples are wrong because of it: where the network's end is right. What the head alone has right makes up for
// none.
double leaving_share(std::span<float const> logits, Samples const& samples, std::span<std::uint8_t const> right_at_end,
                     int classes, double loss);

}  // namespace skipstone::exits

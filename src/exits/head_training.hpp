#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "exits/head.hpp"

namespace skipstone::exits {

// Samples that a head learns from, or is judged on: a row of `stride` numbers each, of which those from `offset` on are
// what the head's pooling gives, [H,W,C]. `chosen`: the rows that count, in order.
struct Samples {
    std::span<float const> rows;
    std::size_t stride = 0, offset = 0;
    TensorShape input;                     // of one row
    std::span<std::int32_t const> labels;  // of every row
    std::span<std::size_t const> chosen;

    float const* row(std::size_t sample) const { return rows.data() + chosen[sample] * stride + offset; }
    std::int32_t label(std::size_t sample) const { return labels[chosen[sample]]; }
};

// Multinomial logistic regression of a head on samples: which numbers make the mean of −log p(label) plus
// λ / 2 · (sum of the squared weights) least, for inputs of mean 0 and deviation 1 (before a convolution: deviation 1).
// One thread; the same bits for the same arguments on hosts of one kind. The samples must outlive it.
class HeadProblem {
  public:
    HeadProblem(HeadKind const& kind, Samples const& samples, int classes);

    // Zeros, but a convolution's weights, which come from a fixed random stream.
    std::vector<double> start() const;
    // By L-BFGS (Liu and Nocedal 1989), from these numbers on; false when `stop` came true. After most_iterations the
    // best numbers so far count.
    bool solve(double penalty, int most_iterations, std::vector<double>& numbers, std::atomic<bool> const& stop) const;
    // The head that reads what was not scaled.
    HeadNumbers head(std::vector<double> const& numbers) const;

  private:
    friend class Objective;

    HeadKind kind_;
    Samples samples_;
    std::size_t classes_;
    TensorShape behind_;                // what the fully connected operator reads
    std::vector<float> mean_, factor_;  // of each number of the input; of each channel before a convolution
};

// What a head gives for the chosen samples: [samples, classes].
std::vector<float> logits_of(HeadKind const& kind, HeadNumbers const& head, Samples const& samples, int classes);

// The mean of −log p(label).
double mean_loss(std::span<float const> logits, Samples const& samples, int classes);

}  // namespace skipstone::exits

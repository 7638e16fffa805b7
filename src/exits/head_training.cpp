#include "exits/head_training.hpp"

#include <lbfgs.h>

#include <Eigen/Core>
#include <algorithm>
#include <cmath>
#include <exception>
#include <string>

#include "exits/head_network.hpp"
#include "exits/pooling.hpp"
#include "units/error.hpp"
#include "units/random.hpp"

namespace skipstone::exits {

namespace {

constexpr std::size_t block_of_samples = 128;  // what is worked on at once; sums go from block to block

using Row = Eigen::Map<Eigen::ArrayXf const>;

double log_sum(float const* logits, std::size_t classes) {
    double const most = *std::max_element(logits, logits + classes);
    double sum = 0;
    for (std::size_t k = 0; k < classes; ++k) sum += std::exp(static_cast<double>(logits[k]) - most);
    return most + std::log(sum);
}

}  // namespace

// What liblbfgs asks for.
class Objective {
  public:
    Objective(HeadProblem const& problem, double penalty, std::atomic<bool> const& stop)
        : problem_(problem),
          penalty_(penalty),
          stop_(stop),
          network_(problem.kind_, problem.samples_.input, static_cast<int>(problem.classes_)),
          samples_(block_of_samples * network_.inputs()),
          logits_(block_of_samples * problem.classes_),
          numbers_(network_.numbers()),
          gradient_(network_.numbers()) {}

    static double evaluate(void* self, double const* numbers, double* gradient, int, double) {
        return static_cast<Objective*>(self)->value(numbers, gradient);
    }
    static int progress(void* self, double const*, double const*, double, double, double, double, int, int, int) {
        auto const& here = *static_cast<Objective*>(self);
        return here.stop_ || here.failure_ ? 1 : 0;
    }
    void rethrow() const {
        if (failure_) std::rethrow_exception(failure_);
    }

  private:
    double value(double const* numbers, double* gradient) noexcept try {
        auto const& samples = problem_.samples_;
        auto const count = samples.chosen.size(), inputs = network_.inputs(), classes = problem_.classes_;
        std::copy_n(numbers, numbers_.size(), numbers_.begin());
        std::ranges::fill(gradient_, 0.0F);
        double loss = 0;
        for (std::size_t first = 0; first < count; first += block_of_samples) {
            auto const here = std::min(block_of_samples, count - first);
            for (std::size_t i = 0; i < here; ++i) {
                Row const row(samples.row(first + i), static_cast<Eigen::Index>(inputs));
                Row const mean(problem_.mean_.data(), row.size()), factor(problem_.factor_.data(), row.size());
                Eigen::Map<Eigen::ArrayXf>(samples_.data() + i * inputs, row.size()) = (row - mean) * factor;
            }
            network_.forward(numbers_, samples_, here, logits_);
            for (std::size_t i = 0; i < here; ++i) {
                float* row = logits_.data() + i * classes;
                auto const sum = log_sum(row, classes);
                auto const label = static_cast<std::size_t>(samples.label(first + i));
                loss += sum - static_cast<double>(row[label]);
                for (std::size_t k = 0; k < classes; ++k)
                    row[k] = static_cast<float>((std::exp(static_cast<double>(row[k]) - sum) - (k == label ? 1 : 0)) /
                                                static_cast<double>(count));
            }
            network_.backward(numbers_, samples_, here, logits_, gradient_);
        }
        loss /= static_cast<double>(count);
        std::ranges::copy(gradient_, gradient);
        auto const punish = [&](std::size_t begin, std::size_t end) {
            for (auto i = begin; i < end; ++i) {
                loss += penalty_ / 2 * numbers[i] * numbers[i];
                gradient[i] += penalty_ * numbers[i];
            }
        };
        punish(0, network_.layer_bias_at());
        punish(network_.weights_at(), network_.bias_at());
        return loss;
    } catch (...) {
        failure_ = std::current_exception();
        return 0;
    }

    HeadProblem const& problem_;
    double penalty_;
    std::atomic<bool> const& stop_;
    HeadNetwork network_;
    std::vector<float> samples_, logits_, numbers_, gradient_;
    std::exception_ptr failure_;
};

HeadProblem::HeadProblem(HeadKind const& kind, Samples const& samples, int classes)
    : kind_(kind),
      samples_(samples),
      classes_(static_cast<std::size_t>(classes)),
      behind_(HeadNetwork(kind, samples.input, classes).behind()) {
    SKIPSTONE_EXPECT(!samples.chosen.empty());
    auto const inputs = samples.input.elements();
    auto const channels = static_cast<std::size_t>(samples.input.c);
    auto const count = static_cast<double>(samples.chosen.size());
    Eigen::ArrayXd sum = Eigen::ArrayXd::Zero(static_cast<Eigen::Index>(inputs)), squares = sum;
    for (std::size_t i = 0; i < samples.chosen.size(); ++i) sum += Row(samples.row(i), sum.size()).cast<double>();
    sum /= count;
    for (std::size_t i = 0; i < samples.chosen.size(); ++i)
        squares += (Row(samples.row(i), sum.size()).cast<double>() - sum).square();
    squares /= count;
    mean_.assign(inputs, 0);
    factor_.assign(inputs, 0);
    auto const inverse = [](double variance) {
        return variance > 1e-12 ? static_cast<float>(1 / std::sqrt(variance)) : 0.0F;
    };
    if (kind.layer != HeadKind::Layer::convolution) {
        for (std::size_t i = 0; i < inputs; ++i) {
            mean_[i] = static_cast<float>(sum[static_cast<Eigen::Index>(i)]);
            factor_[i] = inverse(squares[static_cast<Eigen::Index>(i)]);
        }
        return;
    }
    // The zeros around an image stay zeros: no mean is taken off, and all pixels of a channel have one factor.
    for (std::size_t c = 0; c < channels; ++c) {
        double mean = 0, square = 0;
        for (auto i = c; i < inputs; i += channels) {
            auto const at = static_cast<Eigen::Index>(i);
            mean += sum[at];
            square += squares[at] + sum[at] * sum[at];
        }
        auto const pixels = static_cast<double>(inputs / channels);
        auto const factor = inverse(square / pixels - mean * mean / pixels / pixels);
        for (auto i = c; i < inputs; i += channels) factor_[i] = factor;
    }
}

std::vector<double> HeadProblem::start() const {
    HeadNetwork const network(kind_, samples_.input, static_cast<int>(classes_));
    std::vector<double> numbers(network.numbers(), 0.0);
    if (kind_.layer == HeadKind::Layer::none) return numbers;
    RandomStream stream(0, "exits.head");
    auto const fill = [&](std::size_t begin, std::size_t end, double inputs, double gain) {
        for (auto i = begin; i < end; ++i) numbers[i] = stream.uniform(-1, 1) * std::sqrt(gain / inputs);
    };
    auto const inputs = network.layer_bias_at() / static_cast<std::size_t>(kind_.channels);
    fill(0, network.layer_bias_at(), static_cast<double>(inputs), 6);  // He et al. 2015
    fill(network.weights_at(), network.bias_at(), static_cast<double>(behind_.elements()), 1);
    return numbers;
}

bool HeadProblem::solve(double penalty, int most_iterations, std::vector<double>& numbers,
                        std::atomic<bool> const& stop) const {
    Objective objective(*this, penalty, stop);
    lbfgs_parameter_t parameters;
    lbfgs_parameter_init(&parameters);
    parameters.m = 10;
    parameters.max_iterations = most_iterations;
    parameters.epsilon = 1e-4;
    parameters.past = 5;
    parameters.delta = 1e-4;
    double value = 0;
    int const status = lbfgs(static_cast<int>(numbers.size()), numbers.data(), &value, Objective::evaluate,
                             Objective::progress, &objective, &parameters);
    objective.rethrow();
    if (stop) return false;
    // Float32 sums end some searches along a line early: the numbers found until then are as good.
    bool const known = status == LBFGS_SUCCESS || status == LBFGS_STOP || status == LBFGS_ALREADY_MINIMIZED ||
                       status == LBFGSERR_MAXIMUMITERATION || status == LBFGSERR_ROUNDING_ERROR ||
                       status == LBFGSERR_MAXIMUMLINESEARCH || status == LBFGSERR_MINIMUMSTEP ||
                       status == LBFGSERR_MAXIMUMSTEP || status == LBFGSERR_WIDTHTOOSMALL ||
                       status == LBFGSERR_INCREASEGRADIENT;
    if (!known) throw EnvironmentError("lbfgs", "status " + std::to_string(status));
    return true;
}

HeadNumbers HeadProblem::head(std::vector<double> const& numbers) const {
    HeadNetwork const network(kind_, samples_.input, static_cast<int>(classes_));
    auto const part = [&](std::size_t begin, std::size_t end) {
        return std::vector<float>(numbers.begin() + static_cast<std::ptrdiff_t>(begin),
                                  numbers.begin() + static_cast<std::ptrdiff_t>(end));
    };
    HeadNumbers head{part(0, network.layer_bias_at()), part(network.layer_bias_at(), network.weights_at()),
                     part(network.weights_at(), network.bias_at()), part(network.bias_at(), network.numbers())};
    auto const channels = static_cast<std::size_t>(samples_.input.c), inputs = samples_.input.elements();
    if (kind_.layer == HeadKind::Layer::convolution) {
        for (std::size_t i = 0; i < head.layer.size(); ++i) head.layer[i] *= factor_[i % channels];
        return head;
    }
    // What reads the input takes its scaling over.
    bool const is_layer = kind_.layer == HeadKind::Layer::full;
    auto& weights = is_layer ? head.layer : head.weights;
    auto& biases = is_layer ? head.layer_bias : head.bias;
    for (std::size_t k = 0; k < biases.size(); ++k) {
        double bias = static_cast<double>(biases[k]);
        for (std::size_t i = 0; i < inputs; ++i) {
            auto& weight = weights[k * inputs + i];
            weight *= factor_[i];
            bias -= static_cast<double>(weight) * static_cast<double>(mean_[i]);
        }
        biases[k] = static_cast<float>(bias);
    }
    return head;
}

std::vector<float> logits_of(HeadKind const& kind, HeadNumbers const& head, Samples const& samples, int classes) {
    HeadNetwork network(kind, samples.input, classes);
    std::vector<float> numbers;
    for (auto const* part : {&head.layer, &head.layer_bias, &head.weights, &head.bias})
        numbers.insert(numbers.end(), part->begin(), part->end());
    SKIPSTONE_EXPECT(numbers.size() == network.numbers());
    auto const count = samples.chosen.size(), inputs = network.inputs(), width = static_cast<std::size_t>(classes);
    std::vector<float> logits(count * width), block(block_of_samples * inputs);
    for (std::size_t first = 0; first < count; first += block_of_samples) {
        auto const here = std::min(block_of_samples, count - first);
        for (std::size_t i = 0; i < here; ++i) std::copy_n(samples.row(first + i), inputs, block.data() + i * inputs);
        network.forward(numbers, block, here, std::span(logits).subspan(first * width, here * width));
    }
    return logits;
}

double mean_loss(std::span<float const> logits, Samples const& samples, int classes) {
    auto const width = static_cast<std::size_t>(classes);
    double loss = 0;
    for (std::size_t i = 0; i < samples.chosen.size(); ++i)
        loss += log_sum(logits.data() + i * width, width) -
                static_cast<double>(logits[i * width + static_cast<std::size_t>(samples.label(i))]);
    return loss / static_cast<double>(samples.chosen.size());
}

}  // namespace skipstone::exits

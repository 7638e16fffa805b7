#include "kernels/ranges.hpp"

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <limits>
#include <vector>

#include "kernels/packed_weights.hpp"
#include "model/calibration.hpp"
#include "units/error.hpp"

namespace skipstone::kernels {

char const* const range_method = "least squared error";

namespace {

// How often magnitudes come up: in equal bins from 0 to the largest one. Zeros, which 8 bits hold as they are, are left
// out.
struct Histogram {
    static constexpr std::size_t bins = 4096;

    float largest = 0;
    std::vector<std::int64_t> counts = std::vector<std::int64_t>(bins);

    void add(std::span<float const> values) {
        if (largest == 0) return;
        float const per_unit = static_cast<float>(bins) / largest;
        for (float value : values)
            if (value != 0) ++counts[std::min(bins - 1, static_cast<std::size_t>(std::abs(value) * per_unit))];
    }

    // What is inside `range` is off by up to half a step, each amount as likely: a twelfth of a step squared on
    // average.
    double squared_error(double range, double steps) const {
        double const width = static_cast<double>(largest) / bins, step = range / steps;
        double error = 0;
        for (std::size_t i = 0; i < bins; ++i) {
            double const value = (static_cast<double>(i) + 0.5) * width;
            double const off = value <= range ? step * step / 12 : (value - range) * (value - range);
            error += static_cast<double>(counts[i]) * off;
        }
        return error;
    }

    double best_range(double steps) const {
        constexpr int candidates = 100;  // from a twentieth of the largest value on
        double best = largest, least = std::numeric_limits<double>::infinity();
        for (int i = candidates; i > candidates / 20; --i) {
            double const range = static_cast<double>(largest) * i / candidates;
            if (double const error = squared_error(range, steps); error < least) {
                least = error;
                best = range;
            }
        }
        return best;
    }
};

}  // namespace

std::map<std::string, double> find_ranges(Network const& network, NetworkKernels& kernels, std::size_t count,
                                          std::function<Tensor(std::size_t)> const& image,
                                          std::function<void(std::size_t)> const& progress) {
    SKIPSTONE_EXPECT(count >= 1);
    std::map<std::string, Histogram, std::less<>> histograms;
    Ranges const calibrated(network);
    for (auto const tensor : calibrated.calibrated()) histograms[calibrated.name(tensor)];
    auto const pass = [&](std::size_t done, auto&& see) {
        kernels.observe([&](std::string_view tensor, std::span<float const> values) {
            if (auto const found = histograms.find(tensor); found != histograms.end()) see(found->second, values);
        });
        for (std::size_t i = 0; i < count; ++i) {
            auto activations = image(i);
            for (std::size_t b = 0; b < network.size(); ++b)
                activations = kernels.run(BlockId(b), BlockMode::full, std::move(activations));
            progress(done + i + 1);
        }
    };
    pass(0, [](Histogram& histogram, std::span<float const> values) {
        for (float value : values) histogram.largest = std::max(histogram.largest, std::abs(value));
    });
    pass(count, [](Histogram& histogram, std::span<float const> values) { histogram.add(values); });
    kernels.observe({});
    std::map<std::string, double> ranges;
    for (auto const tensor : calibrated.calibrated()) {
        auto const& histogram = histograms.at(calibrated.name(tensor));
        // A tensor that is zero throughout fits into any range.
        ranges[calibrated.name(tensor)] =
            histogram.largest > 0 ? histogram.best_range(calibrated.largest_value(tensor)) : 1;
    }
    return ranges;
}

}  // namespace skipstone::kernels

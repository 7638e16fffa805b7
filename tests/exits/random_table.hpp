#pragma once

#include <algorithm>
#include <cmath>
#include <limits>
#include <random>
#include <string>

#include "exits/problem.hpp"

namespace skipstone::exits::test {

// A table whose exits agree more often than chance: a sample is easy or hard for all of them. Few different
// confidences, so that many are equal.
inline ExitTable random_table(std::mt19937& random, std::size_t samples, std::size_t exits) {
    auto const real = [&](double low, double high) {
        return std::uniform_real_distribution<double>(low, high)(random);
    };
    ExitTable table;
    table.network = "net";
    table.dataset = "data";
    table.weights_sha256 = std::string(64, 'a');
    table.samples = samples;
    double total = 0;
    for (std::size_t exit = 0; exit <= exits; ++exit) {
        bool const is_end = exit == exits;
        if (!is_end) table.exits.push_back("b" + std::to_string(exit));
        table.head_macs.push_back(is_end ? 0 : std::floor(real(0, 20)));
        total += std::floor(real(1, 100)) + table.head_macs.back();
        table.macs.push_back(total);
    }
    for (std::size_t s = 0; s < samples; ++s) {
        table.labels.push_back(static_cast<int>(random() % 3));
        double const ease = real(0, 1);
        for (std::size_t outcome = 0; outcome <= exits; ++outcome) {
            double const confidence = std::clamp(ease + real(-0.4, 0.4), 0.0, 1.0);
            bool const is_right = real(0, 1) < confidence;
            table.predicted.push_back(is_right ? table.labels.back() : (table.labels.back() + 1) % 3);
            table.confidence.push_back(random() % 50 == 0 ? std::numeric_limits<float>::quiet_NaN()
                                                          : static_cast<float>(std::round(confidence * 12) / 12));
        }
    }
    return table;
}

}  // namespace skipstone::exits::test

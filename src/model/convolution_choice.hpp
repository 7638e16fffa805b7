#pragma once

#include <array>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

namespace skipstone {

// How the arithmetic of a convolution is arranged. Winograd (Lavin and Gray 2016, F(2x2, 3x3) and F(4x4, 3x3)): fewer
// multiplications for 3x3 kernels with stride 1, more weights to read, other rounding. Streamed: weights are fetched
// from memory while earlier ones are used, which pays where they are many and the image is small; other rounding.
enum class ConvolutionAlgorithm {
    direct,
    winograd_2x3,
    winograd_4x3,
    streamed,
    streamed_winograd_2x3,
    streamed_winograd_4x3
};

constexpr bool is_streamed(ConvolutionAlgorithm algorithm) {
    return algorithm >= ConvolutionAlgorithm::streamed;
}

// Where a run's choices come from: a rule that depends on the instruction set and the shapes alone; what was measured
// on this host; or direct everywhere.
enum class ConvolutionPolicy { standard, measured, direct };

// By the name of the convolution; one that is not there is computed directly.
using ConvolutionChoices = std::map<std::string, ConvolutionAlgorithm, std::less<>>;

inline constexpr std::array<std::pair<ConvolutionAlgorithm, std::string_view>, 6> convolution_algorithm_names{
    {{ConvolutionAlgorithm::direct, "direct"},
     {ConvolutionAlgorithm::winograd_2x3, "winograd-2x3"},
     {ConvolutionAlgorithm::winograd_4x3, "winograd-4x3"},
     {ConvolutionAlgorithm::streamed, "streamed"},
     {ConvolutionAlgorithm::streamed_winograd_2x3, "streamed-winograd-2x3"},
     {ConvolutionAlgorithm::streamed_winograd_4x3, "streamed-winograd-4x3"}}};

inline constexpr std::array<std::pair<ConvolutionPolicy, std::string_view>, 3> convolution_policy_names{
    {{ConvolutionPolicy::standard, "standard"},
     {ConvolutionPolicy::measured, "measured"},
     {ConvolutionPolicy::direct, "direct"}}};

constexpr std::string_view to_string(ConvolutionAlgorithm algorithm) {
    for (auto const& [value, name] : convolution_algorithm_names)
        if (value == algorithm) return name;
    return "?";
}

constexpr std::string_view to_string(ConvolutionPolicy policy) {
    for (auto const& [value, name] : convolution_policy_names)
        if (value == policy) return name;
    return "?";
}

}  // namespace skipstone

#pragma once

#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

#include "model/tensor.hpp"

// Orders of axes: a text of some of the letters h, w and c, the slowest axis first. Axes that are not named have one
// element. "hwc" is the order inside ([H,W,C]), "chw" PyTorch's.
namespace skipstone::inputs {

// One input's or output's extents in such an order.
std::vector<std::uint64_t> extents_of(TensorShape shape, std::string_view axes);

// The elements of one tensor of this shape (its n does not count): from an order into [H,W,C], and back.
void into_hwc(std::span<float const> from, TensorShape shape, std::string_view axes, std::span<float> to);
void from_hwc(std::span<float const> from, TensorShape shape, std::string_view axes, std::span<float> to);

}  // namespace skipstone::inputs

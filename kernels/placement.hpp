#pragma once

#include <cstddef>
#include <vector>

#include "kernels/lowering.hpp"

namespace skipstone::kernels {

// Where a step's tensor lies: in the block's input, in its output, or in a buffer inside the block.
struct Place {
    enum class Where { input, output, inner } where = Where::inner;
    std::size_t buffer = 0;

    bool operator==(Place const&) const = default;
};

// Where each step of a block puts what it gives: no tensor is written over before it was read for the last time. The
// output lies in the input's memory where it can.
// sizes: in bytes, of what each step gives.
std::vector<Place> places_of(std::vector<Step> const& steps, Value const& input, std::vector<std::size_t> const& sizes,
                             std::size_t input_size);

}  // namespace skipstone::kernels

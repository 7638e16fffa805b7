#pragma once

#include "kernels/weights.hpp"
#include "model/network.hpp"
#include "model/tensor.hpp"

namespace skipstone::kernels {

// A block computed the plain way in double precision: one matrix product per tap of a kernel, batch norm after it,
// nothing folded.
Tensor reference_block(Network const& network, BlockId block, BlockMode mode, WeightSource& source,
                       Tensor const& input);

// max |a − b| / max |b|
double relative_error(Tensor const& a, Tensor const& b);

}  // namespace skipstone::kernels

#pragma once

#include <vector>

#include "model/network.hpp"
#include "model/split.hpp"
#include "model/tensor.hpp"

namespace skipstone::emulator {

// What a device computes with. Used by one thread at a time.
class BlockExecutor {
  public:
    virtual ~BlockExecutor() = default;

    // Makes the block's first call cheap.
    virtual void prepare(BlockId block, BlockMode mode) = 0;
    // [1,H,W,C] in, [1,H',W',C'] out, as the block has them.
    virtual Tensor run(BlockId block, BlockMode mode, Tensor input) = 0;

    // Likewise for a part of a block that is split (parts_of); part −1: for joining its parts.
    virtual void prepare_part(BlockId block, Split split, int part) = 0;
    // box: Part::input of the block's input, as a tensor of that shape. Returns Part::output.
    virtual Tensor run_part(BlockId block, Split split, int part, Tensor box) = 0;
    // The parts' outputs, in the order of parts_of(). Returns the block's whole output.
    virtual Tensor join(BlockId block, Split split, std::vector<Tensor> parts) = 0;

    // Median host time of one full block in seconds, first calls left out.
    virtual double measure(BlockId block) = 0;
};

}  // namespace skipstone::emulator

#pragma once

#include <optional>
#include <vector>

#include "kernels/convolution.hpp"
#include "model/network.hpp"

// From a block's operators to what kernels compute, in order: batch norm, sums and ReLU become part of the convolution
// before them. Pure; knows nothing of oneDNN.
namespace skipstone::kernels {

// A tensor of the network's graph as it lies in memory.
struct Value {
    TensorId tensor;
    ElementType type = ElementType::float32;

    bool operator==(Value const&) const = default;
};

struct Step {
    // convert: to another type of element. rectify: ReLU, where it is part of nothing else.
    enum class Kind { convolution, max_pool, global_average, subsample, rectify, convert } kind;
    Value reads, gives;
    std::optional<Convolution> convolution;
    // Of a convolution: what lies in its destination and is added to before a ReLU; and whether there is one.
    std::optional<Value> added;
    bool rectifies = false;
    std::string name;  // for people: the operator's, or what it is
};

// What a block does in a mode. Its last step gives the block's output, of Network::output_type(); where it has none,
// the output is the input as it is. Block and mode must fit: droppable, or full.
std::vector<Step> lower(Network const& network, BlockId block, BlockMode mode);

// What the block is given: the image is float32.
Value input_of(Network const& network, BlockId block);

}  // namespace skipstone::kernels

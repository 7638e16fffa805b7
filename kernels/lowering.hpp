#pragma once

#include <optional>
#include <string>
#include <vector>

#include "kernels/convolution.hpp"
#include "kernels/piece.hpp"
#include "kernels/pointwise.hpp"
#include "model/network.hpp"

// From a piece's operators to what kernels compute, in order: batch norms, sums and activations become part of the
// convolution before them, zeros around an image of the one behind. Pure; knows nothing of oneDNN.
namespace skipstone::kernels {

// A tensor of the piece's graph as it lies in memory.
struct Value {
    TensorId tensor;
    ElementType type = ElementType::float32;
    TensorId range = {};  // 8 bits: the network's tensor whose range it has (Ranges::of); others: none
    int copy = 0;         // a second one, that is written over

    bool operator==(Value const&) const = default;
};

struct Step {
    // operation: what its operator says, of tensors of one type; sum: of two, each of its own; convert: to another type
    // or range, behind the activation if there is one.
    enum class Kind { convolution, operation, sum, convert, copy } kind;
    std::vector<Value> reads;
    Value gives;
    OperatorId op = {};  // convolution, operation
    std::optional<Convolution> convolution = {};
    // Of a convolution: what lies in its destination and is added to before the activation.
    std::optional<Value> added = {};
    Activation activation = {};  // of convolution, sum and convert
    bool may_lie_over_input = false;
    std::string name = {};  // for people: the operator's, or what it is
};

// What a piece does in a mode. Its last step gives the piece's output, of its output_type(); where it has none, the
// output is the input as it is. Piece and mode must fit: droppable, or full.
std::vector<Step> lower(Piece const& piece, BlockMode mode);
std::vector<Step> lower(Network const& network, BlockId block, BlockMode mode);

// What the piece is given.
Value input_of(Piece const& piece);

}  // namespace skipstone::kernels

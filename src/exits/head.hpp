#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "kernels/weights.hpp"
#include "model/graph.hpp"
#include "model/tensor.hpp"

namespace skipstone::exits {

// How a block's output becomes a small grid: averages, and beside them maxima, over windows that together cover it.
struct Pooling {
    int grid = 1;  // rows and columns; fewer where the output has fewer
    bool maxima = false;

    auto operator<=>(Pooling const&) const = default;
};

// What a head is made of: pooling, perhaps a layer with a ReLU, then one fully connected operator.
struct HeadKind {
    // convolution: 3 x 3, and averages of what it gives over a grid of 2 x 2; full: fully connected.
    enum class Layer { none, convolution, full };

    Pooling pooling;
    Layer layer = Layer::none;
    int channels = 0;  // that the layer gives

    bool operator==(HeadKind const&) const = default;
};
inline constexpr int grid_behind_convolution = 2;

// "pool4", "pool4max" (with maxima), "pool4max-128" (then a fully connected layer of 128), "pool8-conv32" (then a
// convolution of 32 channels).
std::string to_string(HeadKind const& kind);
// Throws InputError for anything else.
HeadKind parse_head_kind(std::string_view text);

// Of one image's [H,W,C]. Window and stride of the rows, or of the columns, of a pooling.
TensorShape pooled_shape(TensorShape input, Pooling pooling);
struct Stride {
    int window = 1, stride = 1;
};
Stride stride_of(int extent, int grid);

// The head of an exit: a graph that reads a block's output; names begin with `name` and ".".
Graph head_graph(std::string const& name, TensorShape input, HeadKind const& kind, int classes);

// A head's numbers, as training has them: those of what is read in the order [H,W,C].
struct HeadNumbers {
    std::vector<float> layer;       // of a convolution [channels, 3, 3, C], of a full one [channels, H W C]
    std::vector<float> layer_bias;  // [channels]
    std::vector<float> weights;     // [classes, H W C]
    std::vector<float> bias;        // [classes]
};

// The tensors of head_graph() by name, in the order of weights files.
class HeadWeights : public kernels::WeightSource {
  public:
    HeadWeights(Graph const& graph, HeadKind const& kind, HeadNumbers const& numbers);
    kernels::WeightValues read(std::string_view name) override;
    std::vector<std::string> const& names() const { return names_; }

  private:
    std::vector<std::string> names_;
    std::vector<kernels::WeightValues> values_;
};

}  // namespace skipstone::exits

#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "model/operator.hpp"
#include "onnx/constant.hpp"
#include "onnx/sketch.hpp"

namespace skipstone::onnx {

// A part of an axis: axes are products of factors, and what reshapes and transposes is a new arrangement of them.
// Factors of one element do not exist.
struct Factor {
    int id = 0;
    std::int64_t size = 1;
    bool operator==(Factor const&) const = default;
};
using Factors = std::vector<Factor>;

// The images of a batch, an axis that no tensor of ours has. Of a batch of any size it stands for this many, a prime
// that no axis is as long as.
constexpr int batch_id = 0;
constexpr std::int64_t open_batch = 2147483647;

std::int64_t product(Factors const& factors);
bool has_batch(Factors const& factors);
// All factors of some lists, in their order.
Factors joined(std::vector<Factors> const& lists);
bool contains(Factors const& factors, Factor const& factor);
// For each element in the order of `memory`, where it is in the order of `order`, for which other factors count
// nothing.
std::vector<std::size_t> positions(Factors const& memory, Factors const& order);

// A tensor of the ONNX model that depends on the input: how its axes lie in one of ours.
struct View {
    TensorId tensor;
    Factors memory;             // as the elements lie, the slowest first; rows, columns and channels are runs of them
    std::vector<Factors> axes;  // each factor of memory in one axis, and the batch in one more place

    Shape shape() const;
    // A factor becomes several ones, of the same elements in the same order.
    void split(Factor const& factor, Factors const& parts);
};

// Arranges views so that operators can read them. What it must move it moves by op::Reshape and op::Transpose; all else
// is free. name: of the node for which it is.
class Layout {
  public:
    explicit Layout(Sketch& sketch) : sketch_(&sketch) {}

    Factor fresh(std::int64_t size) { return {next_id_++, size}; }
    // Factors of an axis, none for one element.
    Factors axis(std::int64_t size) { return size == 1 ? Factors{} : Factors{fresh(size)}; }
    // A tensor of rows, columns and channels as [batch, C, H, W], or [batch, C, W] of one row (rank 3).
    View image(TensorId tensor, Factors const& batch, std::size_t rank);

    // In another order of factors, with other rows, columns and channels.
    View ordered(View const& view, Factors const& order, TensorShape shape, std::string const& name);
    // Axis 1 as channels, those behind it as rows and columns; of three axes the last as columns. Throws InputError for
    // others.
    View spatial(View const& view, std::string const& name);
    // With other axes. Throws InputError when that would mix images of a batch.
    View reshaped(View view, Shape const& sizes, std::string const& name);
    // Two views with equal factors in equal axes; but where one has an axis of one element, and in `except`.
    std::pair<View, View> aligned(View a, View b, std::string const& name, int except = -1);
    // Some factors, and the others, in runs of their own: each of rows, columns and channels is of one kind.
    struct Separated {
        View view;
        bool h = false, w = false, c = false;  // these are the factors that were asked for
    };
    Separated separated(View const& view, Factors const& some, std::string const& name);
    // Some factors as channels, in any order.
    View with_channels(View const& view, Factors const& channels, std::string const& name);
    // With an axis as rows, columns or channels that has one factor at most.
    struct Placed {
        View view;
        Axis axis;
    };
    Placed placed(View const& view, std::size_t axis, bool may_be_channels, std::string const& name);

    // How many factors are rows, and how many rows and columns.
    std::pair<std::size_t, std::size_t> bounds(View const& view) const;

  private:
    TensorId converted(View const& view, Factors const& order, TensorShape shape, std::string const& name);
    TensorId with_shape(TensorId tensor, TensorShape shape, std::string const& name);
    View in_order_of_axes(View const& view, std::string const& name);

    Sketch* sketch_;
    int next_id_ = 1;
    // What was converted before: of a tensor, and rows, columns and channels of the result or the order of axes.
    std::map<std::pair<TensorId, std::array<int, 3>>, TensorId> reshapes_, transposes_;
};

}  // namespace skipstone::onnx

#pragma once

#include <algorithm>
#include <cstddef>
#include <span>
#include <utility>

#include "units/buffer.hpp"
#include "units/error.hpp"
#include "units/quantity.hpp"

namespace skipstone {

// The extent of an activation tensor. Layout everywhere, on the wire too: [N,H,W,C], C fastest ("nhwc"), float32.
struct TensorShape {
    int n = 0, h = 0, w = 0, c = 0;

    std::size_t elements() const {
        return static_cast<std::size_t>(n) * static_cast<std::size_t>(h) * static_cast<std::size_t>(w) *
               static_cast<std::size_t>(c);
    }
    Bytes bytes() const { return Bytes(static_cast<std::int64_t>(elements() * sizeof(float))); }
    bool operator==(TensorShape const&) const = default;
};

// float32 activations in one buffer, whose first 64 bytes are an envelope that a transport may fill with its header: a
// tensor travels without being copied. Move-only.
class Tensor {
  public:
    static constexpr std::size_t envelope_bytes = Buffer::alignment;

    Tensor() = default;
    explicit Tensor(TensorShape shape) : shape_(shape), storage_(envelope_bytes + shape.elements() * sizeof(float)) {}
    // Takes over a buffer that release() gave.
    Tensor(TensorShape shape, Buffer storage) : shape_(shape), storage_(std::move(storage)) {
        SKIPSTONE_EXPECT(storage_.size() == envelope_bytes + shape.elements() * sizeof(float));
    }

    TensorShape shape() const { return shape_; }
    bool empty() const { return storage_.empty(); }
    std::span<float> values() {
        return {reinterpret_cast<float*>(storage_.data() + envelope_bytes), shape_.elements()};
    }
    std::span<float const> values() const {
        return {reinterpret_cast<float const*>(storage_.data() + envelope_bytes), shape_.elements()};
    }
    Tensor clone() const {
        Tensor copy(shape_);
        std::ranges::copy(values(), copy.values().begin());
        return copy;
    }
    // The buffer, envelope first; this tensor is empty afterwards.
    Buffer release() {
        shape_ = {};
        return std::exchange(storage_, Buffer());
    }

  private:
    TensorShape shape_;
    Buffer storage_;
};

}  // namespace skipstone

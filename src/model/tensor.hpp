#pragma once

#include <algorithm>
#include <cstddef>
#include <span>
#include <utility>

#include "model/precision.hpp"
#include "units/buffer.hpp"
#include "units/error.hpp"
#include "units/quantity.hpp"

namespace skipstone {

// The extent of an activation tensor. Layout everywhere, on the wire too: [N,H,W,C], C fastest ("nhwc").
struct TensorShape {
    int n = 0, h = 0, w = 0, c = 0;

    std::size_t elements() const {
        return static_cast<std::size_t>(n) * static_cast<std::size_t>(h) * static_cast<std::size_t>(w) *
               static_cast<std::size_t>(c);
    }
    Bytes bytes(ElementType type) const { return Bytes(static_cast<std::int64_t>(elements() * size_of(type))); }
    bool operator==(TensorShape const&) const = default;
};

// Activations in one buffer, whose first 64 bytes are an envelope that a transport may fill with its header: a tensor
// travels without being copied. Move-only.
class Tensor {
  public:
    static constexpr std::size_t envelope_bytes = Buffer::alignment;

    Tensor() = default;
    explicit Tensor(TensorShape shape, ElementType type = ElementType::float32)
        : shape_(shape), type_(type), storage_(envelope_bytes + shape.elements() * size_of(type)) {}
    // Takes over a buffer that release() gave.
    Tensor(TensorShape shape, ElementType type, Buffer storage)
        : shape_(shape), type_(type), storage_(std::move(storage)) {
        SKIPSTONE_EXPECT(storage_.size() == envelope_bytes + shape.elements() * size_of(type));
    }

    TensorShape shape() const { return shape_; }
    ElementType type() const { return type_; }
    bool empty() const { return storage_.empty(); }
    // Of a float32 tensor.
    std::span<float> values() {
        SKIPSTONE_EXPECT(type_ == ElementType::float32);
        return {reinterpret_cast<float*>(bytes().data()), shape_.elements()};
    }
    std::span<float const> values() const {
        SKIPSTONE_EXPECT(type_ == ElementType::float32);
        return {reinterpret_cast<float const*>(bytes().data()), shape_.elements()};
    }
    // Of any tensor: its elements as they lie in memory.
    std::span<std::byte> bytes() { return empty() ? std::span<std::byte>() : storage_.bytes().subspan(envelope_bytes); }
    std::span<std::byte const> bytes() const {
        return empty() ? std::span<std::byte const>() : storage_.bytes().subspan(envelope_bytes);
    }
    Tensor clone() const {
        Tensor copy(shape_, type_);
        std::ranges::copy(bytes(), copy.bytes().begin());
        return copy;
    }
    // The buffer, envelope first; this tensor is empty afterwards.
    Buffer release() {
        shape_ = {};
        return std::exchange(storage_, Buffer());
    }

  private:
    TensorShape shape_;
    ElementType type_ = ElementType::float32;
    Buffer storage_;
};

}  // namespace skipstone

#pragma once

#include <cstddef>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "kernels/convolution.hpp"
#include "kernels/pointwise.hpp"
#include "model/convolution_choice.hpp"
#include "model/operator.hpp"
#include "model/tensor.hpp"

// All that Skipstone uses of oneDNN, in terms of its own; private to this room. Activations are [N,H,W,C] throughout.
namespace skipstone::kernels {

enum class Destination {
    overwrite,
    add
};  // what a convolution does with what lies in its destination (bias, then sum, then activation)

// oneDNN has that algorithm for the convolution on this host. Direct is always there; others compute in float32.
bool is_available(Convolution const& convolution, ConvolutionAlgorithm algorithm);

// Whether sums of products of 8-bit numbers are 32 bits wide all the way; else pairs of products meet in 16 bits
// (processors without VNNI).
bool has_wide_sums();

// What int8 convolutions are to read as their bias: `bias` is in real numbers, units[o] is the worth of one unit of
// channel o's accumulator.
std::vector<float> stored_bias(std::vector<float> const& bias, std::vector<float> const& units);

// What a convolution reads and writes. int8 convolutions only: `units` as above, and what one unit of the destination
// is worth as it is written and, with Destination::add, of what lies in it before.
struct Elements {
    ElementType source = ElementType::float32, destination = ElementType::float32;
    std::span<float const> units = {};
    float written = 1, added = 1;
    ElementType added_type = ElementType::float32;
};

// How a convolution's weights lie in memory: what oneDNN prefers on this host for one image. It serves every batch
// size.
class WeightFormat {
  public:
    // source: what the convolution reads. Throws EnvironmentError when oneDNN has no such convolution.
    WeightFormat(Convolution const& convolution, ConvolutionAlgorithm algorithm, ElementType source);

    ConvolutionAlgorithm algorithm() const;
    std::size_t bytes() const;        // with padding
    std::string description() const;  // dimensions, strides and inner blocks: equal if and only if the formats are
    // plain: [O, I / groups, kernel_h, kernel_w], 8-bit for an int8 convolution, else float32. packed: bytes(), aligned
    // to 64.
    void pack(std::span<std::byte const> plain, std::span<std::byte> packed) const;

  private:
    friend class PrimitiveFactory;
    struct Impl;
    std::shared_ptr<Impl const> impl_;
};

// c = a b, of square matrices with n rows, row-major, float32: oneDNN's matrix product.
void multiply(int n, std::span<float const> a, std::span<float const> b, std::span<float> c);

// One compiled kernel for one shape. Move-only; not to be used from two threads at once.
class Primitive {
  public:
    struct Arguments {
        std::byte const* source = nullptr;
        std::byte const* second = nullptr;  // sums only
        std::byte* destination = nullptr;
        std::byte const* weights = nullptr;  // convolutions only; never written
        float const* bias = nullptr;         // convolutions only
        std::byte* scratchpad = nullptr;     // scratchpad_bytes(), aligned to 64
    };

    struct Impl;
    explicit Primitive(std::unique_ptr<Impl> impl);
    Primitive(Primitive&&) noexcept;
    Primitive& operator=(Primitive&&) noexcept;
    ~Primitive();

    // Throws EnvironmentError when oneDNN fails.
    void run(Arguments const& arguments);
    std::size_t scratchpad_bytes() const;
    std::string implementation() const;  // oneDNN's name for it, e.g. "brgconv:avx512_core"

  private:
    std::unique_ptr<Impl> impl_;
};

// Makes primitives for the host's processor. Every function throws EnvironmentError when oneDNN fails.
class PrimitiveFactory {
  public:
    PrimitiveFactory();
    PrimitiveFactory(PrimitiveFactory&&) noexcept;
    PrimitiveFactory& operator=(PrimitiveFactory&&) noexcept;
    ~PrimitiveFactory();

    // By the format's algorithm. Winograd goes image by image: the same bits for every batch size. Other activations
    // than ReLU follow algorithms that are not direct as a kernel of their own.
    Primitive convolution(Convolution const& convolution, int batch, WeightFormat const& format,
                          Destination destination, Activation const& activation, Elements const& elements) const;
    enum class Pool { maximum, average, average_with_padding };
    // Of windows that are not dilated. Elements of any type; what comes out has its units.
    Primitive pool(Pool pool, TensorShape input, TensorShape output, Window const& window, ElementType type) const;
    // float32 or bfloat16; may be computed in place.
    Primitive pointwise(TensorShape shape, Pointwise const& function, ElementType type) const;
    Primitive response_norm(TensorShape shape, op::ResponseNorm const& norm) const;  // float32, of an odd size
    Primitive softmax(TensorShape shape) const;  // float32, over the channels of each pixel
    // One side of a sum, or what it gives; unit: what one unit of 8-bit elements is worth, else 1.
    struct Side {
        ElementType type = ElementType::float32;
        float unit = 1;
    };
    // Behind it an activation; may lie over the first, if that is of the same type.
    Primitive sum(TensorShape shape, Side const& first, Side const& second, Side const& gives,
                  Activation const& activation) const;
    // From one type to another; scale: what one unit of the 8-bit side is worth.
    Primitive conversion(TensorShape shape, ElementType from, ElementType to, float scale) const;

  private:
    struct Impl;
    std::unique_ptr<Impl> impl_;
};

}  // namespace skipstone::kernels

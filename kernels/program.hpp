#pragma once

#include <compare>
#include <cstddef>
#include <functional>
#include <map>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "kernels/loops.hpp"
#include "kernels/lowering.hpp"
#include "kernels/packed_weights.hpp"
#include "kernels/piece.hpp"
#include "kernels/placement.hpp"
#include "kernels/primitives.hpp"
#include "model/calibration.hpp"
#include "model/tensor.hpp"
#include "units/buffer.hpp"

namespace skipstone::kernels {

inline TensorShape batched(TensorShape one, int batch) {
    return {batch, one.h, one.w, one.c};
}

// Numbers to warm up with: random, and the same every time.
Tensor sample_input(TensorShape shape, ElementType type);

// Everything that a compiled convolution depends on; several convolutions of a network share one. Scales are part of an
// int8 convolution: it is its own.
struct ConvolutionKey {
    ConvolutionShape shape;
    std::string own;
    int batch = 0;
    ConvolutionAlgorithm algorithm = ConvolutionAlgorithm::direct;
    Destination destination = Destination::overwrite;
    Activation activation;
    ElementType gives = ElementType::float32;

    auto operator<=>(ConvolutionKey const&) const = default;
};
using CompiledConvolutions = std::map<ConvolutionKey, Primitive>;

// Memory that programs work in, one after the other.
struct Workspace {
    std::vector<Buffer> inner;  // activations inside a piece
    Buffer scratchpad;
};

// Packed weights that a program reads.
struct Packed {
    PackLayout const& layout;
    std::span<std::byte const> memory;
};

// A piece in one mode for one batch size: its steps, each with its kernel.
class Program {
  public:
    using Observer = std::function<void(std::string_view tensor, std::span<float const> values)>;

    // What is packed, and `convolutions`, must outlive it. shown: names of what an observer is shown; null: nothing.
    Program(Piece const& piece, BlockMode mode, int batch, Packed const& packed, PrimitiveFactory const& factory,
            CompiledConvolutions& convolutions, Ranges const* shown);

    // input: of the piece's shape and type. Takes it over, and where it can writes into its memory.
    Tensor run(Tensor input, Workspace& workspace, Observer const& observer);
    // oneDNN's kernels: "layer1.0.conv1: brgconv_1x1:avx512_core; …".
    std::string implementation() const;

  private:
    // A step with its kernel.
    struct CompiledStep {
        Step step;
        Primitive* primitive = nullptr;  // none: a loop, or nothing
        Loop loop;
        std::vector<Place> from;
        Place to;
        std::size_t bytes = 0;  // of what it gives
        std::byte const* weights = nullptr;
        float const* bias = nullptr;
        std::string shown;  // to an observer: the name of the range of what it gives; empty: not shown
    };
    class Compiler;

    static void execute(CompiledStep& compiled, std::span<std::byte const* const> from, std::byte* to,
                        Workspace& workspace, Observer const& observer);

    TensorShape output_;
    ElementType type_;
    std::vector<CompiledStep> steps_;
    std::vector<Primitive> own_;  // of steps that are no convolutions
    std::vector<std::size_t> inner_bytes_;
    bool ends_in_input_ = true;
};

}  // namespace skipstone::kernels

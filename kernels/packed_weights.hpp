#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string_view>
#include <vector>

#include "kernels/piece.hpp"
#include "kernels/weights.hpp"
#include "model/calibration.hpp"
#include "model/convolution_choice.hpp"
#include "model/network.hpp"

namespace skipstone::kernels {

class WeightFormat;

// Where the packed weights of every convolution, those of heads included, lie in one block of memory: batch norm folded
// in, in the formats that oneDNN wants on this host. Depends on the network, the choices, the calibration (int8), the
// host's instruction set and the number of OpenMP threads alone, so that the ranks of a host compute the same one
// without talking. A value; copies share their immutable contents.
class PackLayout {
  public:
    struct Entry {
        std::size_t weights = 0;  // offset in bytes, a multiple of 64
        std::size_t bias = 0;     // likewise; out_channels float32 values
        std::size_t scales = 0;   // int8 only: likewise, what one unit of a channel's accumulator is worth
    };

    // choices: of a float32 network; others are computed directly. calibration: of an int8 network; others need none.
    // Throws InputError when two operators have one name, when the calibration is not for this network (see
    // check_calibration) or this processor cannot compute in the network's precision, EnvironmentError when oneDNN
    // cannot run one of the convolutions, or not by the algorithm chosen for it.
    explicit PackLayout(Network const& network, ConvolutionChoices const& choices = {},
                        Calibration const& calibration = {});

    // Of a part of a block, with the ranges of the whole network's layout, and its algorithms where parts have them.
    PackLayout(PackLayout const& whole, Piece const& part);

    std::size_t bytes() const;  // of the whole block of memory
    // Equal for layouts that can share memory: to be compared between the ranks of a host before they do.
    std::uint64_t digest() const;

    // name: of a Convolution of the network, whose format refers into this layout; or of a ChannelOperator: float32
    // numbers of its channels, weights x + bias, or slopes.
    Entry entry(std::string_view name) const;
    bool has(std::string_view name) const;
    WeightFormat const& format(std::string_view convolution) const;

    // Whether it is the one of its convolutions that packs what several share.
    bool packs(std::string_view convolution) const;

    // Of an int8 network: what one unit of an 8-bit tensor is worth (its range is that of another: Ranges::of), or of
    // the one that a convolution reads; and the largest unit of a weight: 127, or 63 where two products with 127 could
    // pass the processor's 16-bit sums.
    float scale(TensorId range, ElementType type) const;
    float input_scale(std::string_view convolution) const;
    static int largest_weight();

  private:
    struct Impl;
    std::shared_ptr<Impl const> impl_;
};

// Folds and reorders one block's weights into their place in `memory` (layout.bytes(), aligned to 64). Blocks do not
// overlap: callers may pack different blocks of the same memory at the same time. Afterwards nothing else of the
// weights is kept. Folding: w' = w γ/√(σ² + 1e-5), b' = β − μ γ/√(σ² + 1e-5), computed in double. int8: each output
// channel's weights are then divided by its largest magnitude / PackLayout::largest_weight() and rounded.
void pack_block(Network const& network, PackLayout const& layout, WeightSource& source, BlockId block,
                std::span<std::byte> memory);

// A part, into memory of its own: what is folded is that share of the whole ones. int8: in the units of the whole
// channel, so that the shares of its inputs add up to it.
void pack(Piece const& piece, PackLayout const& layout, WeightSource& source, std::span<std::byte> memory);

// All blocks and heads.
void pack(Network const& network, PackLayout const& layout, WeightSource& source, std::span<std::byte> memory);

}  // namespace skipstone::kernels

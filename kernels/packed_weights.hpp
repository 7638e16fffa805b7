#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string_view>

#include "kernels/weights.hpp"
#include "model/convolution_choice.hpp"
#include "model/network.hpp"

namespace skipstone::kernels {

class WeightFormat;

// Where every convolution's packed weights lie in one block of memory: batch norm folded in, in the formats that oneDNN
// wants on this host. Depends on the network, the choices, the host's instruction set and the number of OpenMP threads
// alone, so that the ranks of a host compute the same one without talking. A value; copies share their immutable
// contents.
class PackLayout {
  public:
    struct Entry {
        std::size_t weights = 0;  // offset in bytes, a multiple of 64
        std::size_t bias = 0;     // likewise; out_channels float32 values
    };

    // Throws EnvironmentError when oneDNN cannot run one of the convolutions, or not by the algorithm chosen for it.
    explicit PackLayout(Network const& network, ConvolutionChoices const& choices = {});

    std::size_t bytes() const;  // of the whole block of memory
    // Equal for layouts that can share memory: to be compared between the ranks of a host before they do.
    std::uint64_t digest() const;

    // convolution: a Convolution::name of the network. The format refers into this layout.
    Entry entry(std::string_view convolution) const;
    WeightFormat const& format(std::string_view convolution) const;

  private:
    struct Impl;
    std::shared_ptr<Impl const> impl_;
};

// Folds and reorders one block's weights into their place in `memory` (layout.bytes(), aligned to 64). Blocks do not
// overlap: callers may pack different blocks of the same memory at the same time. Afterwards nothing else of the
// weights is kept. Folding: w' = w γ/√(σ² + 1e-5), b' = β − μ γ/√(σ² + 1e-5), computed in double.
void pack_block(Network const& network, PackLayout const& layout, WeightSource& source, BlockId block,
                std::span<std::byte> memory);

// All blocks.
void pack(Network const& network, PackLayout const& layout, WeightSource& source, std::span<std::byte> memory);

}  // namespace skipstone::kernels

#pragma once

#include <cstddef>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <string_view>

#include "kernels/packed_weights.hpp"
#include "model/network.hpp"
#include "model/tensor.hpp"
#include "units/id.hpp"
#include "units/quantity.hpp"

namespace skipstone::kernels {

// Computes a network's blocks on the host, in its precision. Activations go in and out as [N,H,W,C] (model/tensor.hpp),
// any batch size: the image and the logits float32, between blocks Network::output_type(). Kernels are compiled when a
// shape is first needed, and kept; buffers between a block's convolutions are kept, too. Move-only. One instance
// belongs to one thread at a time; several instances may use the same packed weights at once, and give the same bits.
class NetworkKernels {
  public:
    // packed: layout.bytes() that pack_block() filled, aligned to 64; never written; must outlive this object.
    NetworkKernels(Network const& network, PackLayout layout, std::span<std::byte const> packed);
    NetworkKernels(NetworkKernels&&) noexcept;
    NetworkKernels& operator=(NetworkKernels&&) noexcept;
    ~NetworkKernels();

    // The block's output for a batch of inputs, shape [n, output] for input [n, input]; takes the input over, and where
    // it can writes into its memory. Stem: convolution, ReLU (and max-pool). Residual: full ReLU(F(x) + S(x)), skip
    // ReLU(S(x)), direct ReLU(F(x)). Head: mean over the image, then logits [n,1,1,classes]. Stem and head run in full
    // mode only. Throws EnvironmentError when oneDNN fails.
    Tensor run(BlockId block, BlockMode mode, Tensor input);

    // Compiles what the block needs for this batch size, and touches its memory: the next run() costs its arithmetic
    // alone. Full mode, and for residual blocks skip.
    void warm_up(BlockId block, int batch);

    // Median host time of the block in full mode, after a warm-up. repetitions >= 1.
    Seconds measure(BlockId block, int batch, int repetitions);

    // From now on run() shows the tensors of a float32 network that an int8 one needs ranges of
    // (model/calibration.hpp), each by its name, in any order of elements, zeros possibly added.
    using Observer = std::function<void(std::string_view tensor, std::span<float const> values)>;
    void observe(Observer observer);

    // oneDNN's kernels for the block in full mode, one image: "layer1.0.conv1: brgconv_1x1:avx512_core; …".
    std::string implementation(BlockId block);

  private:
    struct Impl;
    std::unique_ptr<Impl> impl_;
};

}  // namespace skipstone::kernels

#pragma once

#include <cstddef>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "kernels/packed_weights.hpp"
#include "kernels/weights.hpp"
#include "model/network.hpp"
#include "model/split.hpp"
#include "model/tensor.hpp"
#include "units/id.hpp"
#include "units/quantity.hpp"

namespace skipstone::kernels {

// Opens the weights that were packed.
using WeightSupply = std::function<std::unique_ptr<WeightSource>()>;

// Computes a network's blocks on the host, in its precision, and the heads of its exits in float32. Activations go in
// and out as [N,H,W,C] (model/tensor.hpp), any batch size: the image and the logits float32, between blocks
// Network::output_type(). Kernels are compiled when a shape is first needed, and kept; buffers between a block's
// convolutions are kept, too. Move-only. One instance belongs to one thread at a time; several instances may use the
// same packed weights at once, and give the same bits.
class NetworkKernels {
  public:
    // packed: layout.bytes() that pack_block() filled, aligned to 64; never written; must outlive this object.
    // weights: of which parts of blocks are packed when they are first needed; none: there are no parts.
    NetworkKernels(Network const& network, PackLayout layout, std::span<std::byte const> packed,
                   WeightSupply weights = {});
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

    // A part of a split block: the box of its output, and of its input, that parts_of() names, [n, box]. In the block's
    // types; what Split::Kind::inputs gives are float32 sums in every precision. Batch norms, biases and activations
    // are the part's, but where parts are sums. Throws InputError where the block cannot be split in this way.
    Tensor run_part(BlockId block, Split split, int part, Tensor box);
    // The block's output, of all parts' in their order: their boxes put together; or their sums, added up in that
    // order, and what is behind them.
    Tensor join(BlockId block, Split split, std::vector<Tensor> parts);
    // Packs the weights of the part, compiles it for this batch size and runs it once: the next run_part() costs its
    // arithmetic alone. part −1: likewise for join().
    void prepare_part(BlockId block, Split split, int part, int batch);

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

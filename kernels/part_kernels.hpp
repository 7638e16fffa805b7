#pragma once

#include <map>
#include <memory>
#include <utility>
#include <vector>

#include "kernels/network_kernels.hpp"
#include "kernels/packed_weights.hpp"
#include "kernels/program.hpp"
#include "model/network.hpp"
#include "model/split.hpp"
#include "model/tensor.hpp"

namespace skipstone::kernels {

// The kernels of parts of blocks, and of what joins them: NetworkKernels' half for split blocks. Each part has its own
// share of the weights and its own kernels, made when it is first needed.
class PartKernels {
  public:
    // All but the supply must outlive it.
    PartKernels(Network const& network, PackLayout const& layout, PrimitiveFactory const& factory, Workspace& workspace,
                WeightSupply weights);
    ~PartKernels();

    // As NetworkKernels has them.
    void prepare(BlockId block, Split split, int part, int batch);
    Tensor run(BlockId block, Split split, int part, Tensor box);
    Tensor join(BlockId block, Split split, std::vector<Tensor> parts);

  private:
    struct Compiled;  // a piece with its weights and programs
    struct Divided;   // a block in one split

    Divided& divided(BlockId block, Split split);
    Compiled& part(BlockId block, Split split, int part);
    Compiled& rest(BlockId block, Split split);
    void prepare_join(BlockId block, Split split, int batch);

    Network const& network_;
    PackLayout const& layout_;
    PrimitiveFactory const& factory_;
    Workspace& workspace_;
    WeightSupply weights_;
    std::map<std::pair<BlockId, Split>, std::unique_ptr<Divided>> blocks_;
};

}  // namespace skipstone::kernels

#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "model/graph.hpp"
#include "model/precision.hpp"
#include "model/tensor.hpp"
#include "units/id.hpp"
#include "units/quantity.hpp"

namespace skipstone {

enum class BlockKind { bottleneck, basic };        // bottleneck: 1x1, 3x3, 1x1; basic: 3x3, 3x3
enum class ShortcutKind { projection, zero_pad };  // of a block whose shape changes: a convolution, or op::Subsample
enum class StemKind { imagenet, cifar };           // 7x7 stride 2 and a 3x3 max-pool stride 2; or one 3x3
enum class Variant { v1, v1_5 };                   // stage's stride on the first 1x1, or on the 3x3
enum class BlockMode { full = 1, skip = 2, direct = 3 };  // codes of the trace's /plans mode

// What a network is generated from; a file under profiles/networks/.
struct NetworkProfile {
    std::string name;         // "resnet50"
    std::vector<int> stages;  // blocks per stage, e.g. {3, 4, 6, 3}
    int width = 64;           // channels of the stem and of the first stage's inner convolutions; doubles every stage
    int expansion = 4;        // a bottleneck's output channels / its width; 1 for basic blocks
    BlockKind block = BlockKind::bottleneck;
    ShortcutKind shortcut = ShortcutKind::projection;
    StemKind stem = StemKind::imagenet;
    Variant variant = Variant::v1;
    int input = 224;  // input height and width, 3 channels
    int classes = 10;
    Precision precision = Precision::float32;  // the scenario's choice: no key of a profile
};

// S(x) of a block act(F(x) + S(x)).
struct Shortcut {
    std::vector<OperatorId> operators;  // none: the block's input as it is
    TensorId output;                    // S(x)
    OperatorId sum;                     // op::Add
};

// A piece of the network that is planned as one, with one tensor in and one out: stem, s2b1 … s5b3, head.
struct Block {
    std::string name;
    std::vector<OperatorId> operators;  // in the graph's order
    TensorId reads, gives;
    std::optional<Shortcut> shortcut;  // its F(x) may be dropped
    TensorShape input, output;         // of one image (n = 1)

    Macs macs{};           // c_j (Eq. 2)
    Bytes memory_bytes{};  // m_j (Eq. 1)
    Bytes output_bytes{};  // K_j = b per element of the output; the logits are float32
    Bytes weight_bytes{};
    Macs skip_macs{};  // what remains of c_j when the block is dropped: the shortcut's
    Bytes skip_memory_bytes{};

    bool is_droppable() const { return shortcut.has_value(); }
    bool has_identity_shortcut() const { return shortcut && shortcut->operators.empty(); }
    // Dropped, it needs no device: what is left of it costs nothing, and is applied where the next block runs.
    bool vanishes_when_dropped() const { return shortcut && skip_macs == Macs(0); }
};

// The pieces of a graph between two cuts, each with one weighted operator at least, in order: what has none joins the
// one before, or behind a sum and its ReLU the next one. Costs in a precision; a block is named after its first
// weighted operator.
std::vector<Block> blocks_of(Graph const& graph, Precision precision);

// A residual network, generated from a profile: a graph of operators, and the chain of blocks
// that it is cut into. Immutable.
class Network {
  public:
    // Throws InputError when the profile makes no network (no stages, input too small, …).
    explicit Network(NetworkProfile profile);

    NetworkProfile const& profile() const { return profile_; }
    std::string const& name() const { return profile_.name; }
    Precision precision() const { return profile_.precision; }
    Graph const& graph() const { return graph_; }
    std::vector<Block> const& blocks() const { return blocks_; }
    Block const& block(BlockId id) const { return blocks_.at(id.index()); }
    std::size_t size() const { return blocks_.size(); }
    std::optional<BlockId> find(std::string_view name) const;
    // Every tensor that a weights file must hold, torchvision's names, with its shape.
    struct WeightTensor {
        std::string name;
        std::vector<std::size_t> shape;
    };
    std::vector<WeightTensor> weight_tensors() const;
    Macs total_macs() const;
    TensorShape input_shape() const { return blocks_.front().input; }
    Bytes input_bytes() const;  // of an image: b per element
    // What a block hands on.
    ElementType output_type(BlockId block) const;

  private:
    NetworkProfile profile_;
    Graph graph_;
    std::vector<Block> blocks_;
};

std::string_view to_string(BlockMode mode);
std::string_view to_string(Variant variant);

}  // namespace skipstone

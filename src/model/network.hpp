#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "model/precision.hpp"
#include "model/tensor.hpp"
#include "units/id.hpp"
#include "units/quantity.hpp"

namespace skipstone {

enum class BlockKind { bottleneck, basic };  // bottleneck: 1x1, 3x3, 1x1; basic: 3x3, 3x3
enum class Shortcut { none, identity, projection, zero_pad };
enum class StemKind { imagenet, cifar };  // 7x7 stride 2 and a 3x3 max-pool stride 2; or one 3x3
enum class Variant { v1, v1_5 };          // stage's stride on the first 1x1, or on the 3x3 (design.md section 2)
enum class BlockMode { full = 1, skip = 2, direct = 3 };  // codes of the trace's /plans mode

// What a network is generated from; a file under profiles/networks/.
struct NetworkProfile {
    std::string name;         // "resnet50"
    std::vector<int> stages;  // blocks per stage, e.g. {3, 4, 6, 3}
    int width = 64;           // channels of the stem and of the first stage's inner convolutions; doubles every stage
    int expansion = 4;        // a bottleneck's output channels / its width; 1 for basic blocks
    BlockKind block = BlockKind::bottleneck;
    Shortcut shortcut = Shortcut::projection;  // of a block whose shape changes: projection or zero_pad
    StemKind stem = StemKind::imagenet;
    Variant variant = Variant::v1;
    int input = 224;  // input height and width, 3 channels
    int classes = 10;
    Precision precision = Precision::float32;  // the scenario's choice: no key of a profile
};

// One convolution (square kernel) or the fully connected layer (kernel 1 on a 1x1 image).
struct Convolution {
    std::string name;  // torchvision's: weights `name`.weight [O,I,k,k] (fully connected: [O,I], and `name`.bias [O])
    std::string batch_norm;  // torchvision's name of the batch norm behind it; empty for the fully connected layer
    int in_channels = 0, out_channels = 0;
    int kernel = 1, stride = 1, padding = 0;
    int in_height = 0, in_width = 0, out_height = 0, out_width = 0;
    Precision precision = Precision::float32;  // the network's; the fully connected layer is always float32

    Macs macs() const;           // n_in k k n_out H_out W_out (Eq. 2)
    Bytes input_bytes() const;   // b = element_bytes(precision) per element of its input (Eq. 1)
    Bytes weight_bytes() const;  // b per weight, without bias
};

// A stage of the network that runs on one device: stem, s2b1 … s5b3, head.
struct Block {
    enum class Role { stem, residual, head };

    std::string name;
    Role role = Role::residual;
    Shortcut shortcut = Shortcut::none;
    std::vector<Convolution> path;          // F(x): in order, ReLU between; stem: one; head: the fully connected layer
    std::optional<Convolution> projection;  // S(x), where shortcut is projection
    TensorShape input, output;              // for one image (n = 1); head: output [1,1,1,classes]

    Macs macs{};           // c_j (Eq. 2)
    Bytes memory_bytes{};  // m_j (Eq. 1)
    Bytes output_bytes{};  // K_j = b per element of the output; the logits are float32
    Bytes weight_bytes{};
    Macs skip_macs{};  // what remains of c_j when the block is dropped: the projection, or 0
    Bytes skip_memory_bytes{};

    bool is_residual() const { return role == Role::residual; }
    // Dropped, it needs no device: identity and zero-padding shortcuts cost nothing (zero-padding is applied where the
    // next block runs).
    bool vanishes_when_dropped() const { return is_residual() && skip_macs == Macs(0); }
};

// A residual network as a chain of blocks, generated from a profile (design.md section 2). Immutable.
class Network {
  public:
    // Throws InputError when the profile makes no network (no stages, input too small, …).
    explicit Network(NetworkProfile profile);

    NetworkProfile const& profile() const { return profile_; }
    std::string const& name() const { return profile_.name; }
    Precision precision() const { return profile_.precision; }
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
    std::vector<Block> blocks_;
};

std::string_view to_string(BlockMode mode);
std::string_view to_string(Variant variant);

}  // namespace skipstone

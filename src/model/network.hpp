#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "model/exit.hpp"
#include "model/graph.hpp"
#include "model/precision.hpp"
#include "model/tensor.hpp"
#include "units/id.hpp"
#include "units/quantity.hpp"

namespace skipstone {

enum class BlockMode { full = 1, skip = 2, direct = 3 };  // codes of the trace's /plans mode

struct NetworkProfile;

// What a network is made of, before its blocks are found.
struct Blueprint {
    Graph graph;
    // Names and stages of the blocks that are found; none: named after operators; a stage for each size of the image.
    std::vector<std::string> block_names = {};
    std::vector<int> stages = {};
    // Axes of the network's own input and output behind [N, …] in their order, of "hwc"; those that are not named have
    // one element: "hwc", "chw", "c", "w".
    std::string input_axes = "hwc", output_axes = "c";
};

// How networks of a kind are made; src/networks has them. Immutable.
class Family {
  public:
    virtual ~Family() = default;
    // As profiles call it: "resnet".
    virtual std::string_view name() const = 0;
    // The network of a profile, with its input and classes. Throws InputError, which need not name the network, when
    // the profile makes none.
    virtual Blueprint draw(NetworkProfile const& profile) const = 0;
    // False: input and classes are what they are, and a profile cannot have others (a graph that was read).
    virtual bool is_scalable() const { return true; }
    // The lines of a profile that are the family's own, "key = value" in TOML.
    virtual std::string lines() const = 0;
};

// How neighbouring blocks are joined to larger ones.
struct BlockRule {
    enum class Kind { finest, stages, listed } kind = Kind::finest;
    // Listed: the first to the last of them, names of blocks or of operators in them, are one block.
    std::vector<std::vector<std::string>> lists = {};

    bool operator==(BlockRule const&) const = default;
};

// An image's tensor.
inline TensorShape image_shape(int size, int channels = 3) {
    return {1, size, size, channels};
}

// A way out of a network as a weights file describes it: a small network of its own that reads the output of a block
// and gives logits. It computes in float32, whatever the network's precision is.
struct ExitHead {
    std::string after;  // the block's name
    Graph graph;        // weights: names of its own, in the same weights file
};

// What a network is made from; a file under profiles/networks/, or a graph in a weights file.
struct NetworkProfile {
    std::string name;  // "resnet50"
    std::shared_ptr<Family const> family;
    TensorShape input = image_shape(224);
    int classes = 10;
    // The scenario's choice: no keys of a profile.
    Precision precision = Precision::float32;
    BlockRule blocks = {};
    std::vector<ExitHead> exits = {};  // in the chain's order
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
    int stage = 0;                      // blocks of one stage have one colour in pictures; from 1 on
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
// one before, or behind a sum and its activation the next one. Costs in a precision; a block is named after its first
// weighted operator; its stage is by the size of the image that its convolutions give.
std::vector<Block> blocks_of(Graph const& graph, Precision precision);

// Neighbours joined by a rule: a joined block is called FIRST..LAST. Throws InputError when a list names what is not
// there, or not in order.
std::vector<Block> joined_blocks(Graph const& graph, Precision precision, std::vector<Block> blocks,
                                 BlockRule const& rule);

// A way out of the network. Its head is a block of its own, whose operators and tensors are those of `graph`; it is
// called "exit." and the name of the block whose output it reads.
struct Exit {
    BlockId after;
    Graph graph;
    Block head;
};

// A graph of operators, the chain of blocks that it is cut into, and the heads of its exits beside the chain.
// Immutable.
class Network {
  public:
    // Throws InputError when the profile makes no network (no stages, input too small, …), or has an exit that does not
    // fit.
    explicit Network(NetworkProfile profile);

    // A block's name is its own, and of so many bytes at most, which a trace has room for; a longer one is shortened in
    // its middle.
    static constexpr std::size_t longest_block_name = 64;

    NetworkProfile const& profile() const { return profile_; }
    std::string const& name() const { return profile_.name; }
    Precision precision() const { return profile_.precision; }
    Graph const& graph() const { return graph_; }
    // The chain: ids 0 … size() − 1.
    std::vector<Block> const& blocks() const { return blocks_; }
    std::size_t size() const { return blocks_.size(); }
    // Heads of exits: ids size() … all_blocks() − 1, in the order of exits().
    std::vector<Exit> const& exits() const { return exits_; }  // in the chain's order
    std::size_t all_blocks() const { return blocks_.size() + exits_.size(); }
    BlockId head_of(ExitId exit) const { return BlockId(size() + exit.index()); }
    bool is_head(BlockId block) const { return block.index() >= size(); }
    Exit const& exit_of(BlockId head) const { return exits_.at(head.index() - size()); }
    // Of the chain, or a head.
    Block const& block(BlockId id) const { return is_head(id) ? exit_of(id).head : blocks_.at(id.index()); }
    // The graph that a block's operators and tensors are of.
    Graph const& graph_of(BlockId id) const { return is_head(id) ? exit_of(id).graph : graph_; }
    // Of the chain.
    std::optional<BlockId> find(std::string_view name) const;
    // The exit behind a block of the chain; none: there is none.
    std::optional<ExitId> exit_after(BlockId block) const;
    // Every tensor that a weights file must hold, with its shape; those of exits last.
    using WeightTensor = Graph::WeightTensor;
    std::vector<WeightTensor> weight_tensors() const;
    Macs total_macs() const;  // of the chain
    TensorShape input_shape() const { return blocks_.front().input; }
    TensorShape output_shape() const { return blocks_.back().output; }
    // Of a classifier: the elements of what it gives.
    int classes() const { return static_cast<int>(output_shape().elements()); }
    // Of input and output, in the network's own order (Blueprint).
    std::string const& input_axes() const { return input_axes_; }
    std::string const& output_axes() const { return output_axes_; }
    Bytes input_bytes() const;  // of an image: b per element
    // What a block hands on; a head: float32.
    ElementType output_type(BlockId block) const;

  private:
    Network(Blueprint blueprint, NetworkProfile profile);
    // What is described, behind the exits that there are.
    Exit exit_of(ExitHead const& exit) const;

    NetworkProfile profile_;
    Graph graph_;
    std::vector<Block> blocks_;
    std::vector<Exit> exits_;
    std::string input_axes_, output_axes_;
};

std::string_view to_string(BlockMode mode);

}  // namespace skipstone

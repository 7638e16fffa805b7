#pragma once

#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "model/network.hpp"

namespace skipstone {

// What an int8 network has to know of the activations of the network it stands for: for each tensor the range that its
// 8 bits cover; what lies outside is clipped. Belongs to one set of weights and one input size.
struct Calibration {
    std::string name;  // profile name or path
    std::string network;
    TensorShape input;  // [H,W,C] that it was made at; C = 0: a file that says the height alone, of any W and C
    std::string weights_sha256;  // empty: random weights
    std::string dataset;
    long samples = 0;
    std::string source;
    std::map<std::string, double> ranges;  // of every calibrated_tensors(): −range … range, or 0 … range after a ReLU

    bool operator==(Calibration const&) const = default;
};

// Which of a graph's tensors lie in 8 bits, and which of these have one range. A tensor that an operator behind it is
// computed together with (a convolution's before its batch norm, sum or activation) is not stored, and has the range of
// what it becomes. Pools, concatenations and what else only moves elements give what they read the range of; a block
// with an identity shortcut hands on what has the range of its input, so that it can be added to that, or stand in its
// place when the block is dropped, as it is.
class Ranges {
  public:
    explicit Ranges(Network const& network);

    // The first of the tensors that have the range of this one.
    TensorId of(TensorId tensor) const { return roots_.at(tensor.index()); }
    // What a calibration calls it: "input"; "s3b1.output", of what a block hands on; else the convolution that gives it
    // ("layer1.0.conv1", after its ReLU; of a projection what it gives before it is added), or another operator.
    std::string const& name(TensorId tensor) const { return names_.at(of(tensor).index()); }
    // Those that lie in 8 bits somewhere, by the first tensor of each, in the graph's order.
    std::vector<TensorId> const& calibrated() const { return calibrated_; }
    // Whether it lies in 8 bits itself: it is stored, and not in float32.
    bool lies_in_8_bits(TensorId tensor) const { return lies_.at(tensor.index()); }
    // The largest value of the 8 bits of tensors with that range: 255 where nothing is negative; else 127.
    int largest_value(TensorId tensor) const { return signed_.at(of(tensor).index()) ? 127 : 255; }

  private:
    std::vector<TensorId> roots_;
    std::vector<std::string> names_;  // by root
    std::vector<bool> signed_;        // likewise
    std::vector<bool> lies_;          // by tensor
    std::vector<TensorId> calibrated_;
};

// The type of a tensor's elements in 8 bits.
ElementType eight_bits(Graph const& graph, TensorId tensor);

// Of two tensors that are added: the one whose convolution adds the other to what it gives; none: neither is given by
// a convolution (behind batch norms, perhaps) for the sum alone.
TensorId summed_by_convolution(Graph const& graph, Operator const& sum);

// The tensors whose ranges an int8 network needs, by name (Ranges).
std::vector<std::string> calibrated_tensors(Network const& network);

// Throws InputError, naming calibration and tensor, unless it is for this network at its input size, and has a positive
// range for every tensor.
void check_calibration(Calibration const& calibration, Network const& network);
// The same, and unless it was made with the weights of that hash ("": random ones).
void check_calibration(Calibration const& calibration, Network const& network, std::string const& weights_sha256);

}  // namespace skipstone

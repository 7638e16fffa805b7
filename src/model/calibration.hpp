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
    int input = 0;               // height and width
    std::string weights_sha256;  // empty: random weights
    std::string dataset;
    long samples = 0;
    std::string source;
    std::map<std::string, double> ranges;  // of every calibrated_tensors(): −range … range, or 0 … range after a ReLU

    bool operator==(Calibration const&) const = default;
};

// The tensors whose ranges an int8 network needs: "input"; what every convolution inside a block gives after its ReLU,
// by the convolution's name ("layer1.0.conv1"; of a projection what it gives before it is added); what blocks hand on.
std::vector<std::string> calibrated_tensors(Network const& network);

// The calibrated tensor whose range a tensor of the network's graph has: those that lead to it by batch norm, ReLU or
// max-pool alone are not stored, or need no more. What a block hands on is "s3b1.output"; behind an identity shortcut
// it has the name and the range of the block's input, so that it can be added to that, or stand in its place when the
// block is dropped, as it is.
std::string range_name(Network const& network, TensorId tensor);

// The largest value of a calibrated tensor's 8 bits: 255 where nothing is negative; else 127.
int largest_value(Network const& network, std::string_view tensor);

// Throws InputError, naming calibration and tensor, unless it is for this network at its input size, and has a positive
// range for every tensor.
void check_calibration(Calibration const& calibration, Network const& network);
// The same, and unless it was made with the weights of that hash ("": random ones).
void check_calibration(Calibration const& calibration, Network const& network, std::string const& weights_sha256);

}  // namespace skipstone

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

// The tensors whose ranges an int8 network needs: "input"; what every convolution inside a block gives, by the
// convolution's name ("layer1.0.conv1"; of a projection what it gives before it is added); what blocks hand on.
std::vector<std::string> calibrated_tensors(Network const& network);

// The tensor that a block hands on, "s3b1.output": an identity block's has the name and the range of its input's, so
// that it can be added to that, or stand in its place when the block is dropped, as it is.
std::string output_tensor(Network const& network, BlockId block);
// The tensor that the block's i-th convolution reads or, past the last one, hands on.
std::string path_tensor(Network const& network, BlockId block, std::size_t i);

// The largest value of a calibrated tensor's 8 bits: 255 after a ReLU; 127 of the image and of a projection.
int largest_value(Network const& network, std::string_view tensor);

// Throws InputError, naming calibration and tensor, unless it is for this network at its input size, and has a positive
// range for every tensor.
void check_calibration(Calibration const& calibration, Network const& network);
// The same, and unless it was made with the weights of that hash ("": random ones).
void check_calibration(Calibration const& calibration, Network const& network, std::string const& weights_sha256);

}  // namespace skipstone

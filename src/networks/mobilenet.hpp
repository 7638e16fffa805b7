#pragma once

#include <memory>

#include "model/network.hpp"

namespace skipstone::networks {

// version 1: Howard et al., "MobileNets", 2017 (arXiv:1704.04861), Table 1. Operators, padding ("same") and epsilon
// (1e-3) as in Keras: conv1, conv1_bn, conv_dw_1, conv_dw_1_bn, conv_pw_1, …, conv_preds. A block is a convolution,
// named after it.
// version 2: Sandler et al., "MobileNetV2", 2018 (arXiv:1801.04381), Table 2. Operators under torchvision's names
// (features.0.0, …, classifier.1), padding by one on each side. Inverted residuals with a shortcut are a block each,
// s3b2; of the others each convolution is one: s3b1_expand, s3b1_dw, s3b1_project. s counts the rows of Table 2.
struct Mobilenet {
    int version = 1;
    double width = 1;  // times as many channels: of version 1 rounded down, of version 2 to the nearest multiple of 8
};

std::shared_ptr<Family const> mobilenet(Mobilenet shape);

}  // namespace skipstone::networks

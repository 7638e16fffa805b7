#pragma once

#include <memory>

#include "model/network.hpp"

namespace skipstone::networks {

// Chollet, "Xception: deep learning with depthwise separable convolutions", CVPR 2017 (arXiv:1610.02357), Figure 5.
// Operators, padding and epsilon (1e-3) as in the author's Keras code: block1_conv1, block1_conv1_bn, …; a separable
// convolution is block2_sepconv1_dw and block2_sepconv1_pw, the shortcut's convolution block2_shortcut, the last layer
// predictions. Blocks block2 to block13 are residual and can be dropped.
struct Xception {
    int middle = 8;  // blocks of the middle flow
};

std::shared_ptr<Family const> xception(Xception shape);

}  // namespace skipstone::networks

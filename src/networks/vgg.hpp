#pragma once

#include <memory>
#include <vector>

#include "model/network.hpp"

namespace skipstone::networks {

// Simonyan and Zisserman, "Very deep convolutional networks for large-scale image recognition", ICLR 2015
// (arXiv:1409.1556), Table 1: configurations A, B, D, E. Operators under torchvision's names (features.0, …,
// classifier.6); blocks conv1_1, …, conv5_3, fc6, fc7, fc8.
struct Vgg {
    int depth = 16;           // weighted layers: 11, 13, 16 or 19
    bool batch_norm = false;  // behind every convolution, as torchvision's vgg16_bn has it
    // Outputs of the fully connected layers before the last one.
    std::vector<int> hidden = {4096, 4096};
};

std::shared_ptr<Family const> vgg(Vgg shape);

}  // namespace skipstone::networks

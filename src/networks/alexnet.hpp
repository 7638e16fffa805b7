#pragma once

#include <memory>

#include "model/network.hpp"

namespace skipstone::networks {

// AlexNet, with fully connected layers for whatever size of image comes to them. `year` says which:
// 2012: Krizhevsky, Sutskever, Hinton, NeurIPS 2012: the second, fourth and fifth convolution in groups, one per GPU;
// response normalisation with the paper's k = 2, alpha = 1e-4 for the sum of 5 squares, beta = 0.75. Operators under
// Caffe's names (conv1, …, fc8).
// 2014: Krizhevsky, "One weird trick for parallelizing convolutional neural networks", arXiv:1404.5997: one column and
// no normalisation. Operators under torchvision's names (features.0, …, classifier.6).
struct Alexnet {
    int year = 2012;
    int groups = 2;  // of 2012 alone; 1: convolutions read all channels
};

std::shared_ptr<Family const> alexnet(Alexnet shape);

}  // namespace skipstone::networks

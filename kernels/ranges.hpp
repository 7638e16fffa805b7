#pragma once

#include <cstddef>
#include <functional>
#include <map>
#include <string>

#include "kernels/network_kernels.hpp"
#include "model/network.hpp"
#include "model/tensor.hpp"

namespace skipstone::kernels {

// How ranges are found, for the record of a calibration.
extern char const* const range_method;

// The ranges that an int8 network needs (model/calibration.hpp), from what its float32 twin computes for `count` images
// [1,H,W,3]: for each tensor the one that leaves the least squared error over all its elements, those clipped and those
// rounded to 8 bits. Takes every image twice. network and kernels: the float32 one; kernels are not observed
// afterwards. progress: called with how many of 2 · count passes are done.
std::map<std::string, double> find_ranges(Network const& network, NetworkKernels& kernels, std::size_t count,
                                          std::function<Tensor(std::size_t)> const& image,
                                          std::function<void(std::size_t)> const& progress);

}  // namespace skipstone::kernels

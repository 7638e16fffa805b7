#pragma once

#include <utility>
#include <vector>

#include "model/network.hpp"
#include "networks/resnet.hpp"

// Networks that the tests of several folders share.
namespace skipstone::test {

inline NetworkProfile resnet50(int input = 224, std::vector<int> stages = {3, 4, 6, 3}) {
    return {.name = "resnet50", .family = networks::resnet({.stages = std::move(stages)}), .input = image_shape(input)};
}

// A residual network with its family changed: change(networks::Resnet&).
template <class Change>
NetworkProfile changed(NetworkProfile profile, Change&& change) {
    auto shape = *networks::as_resnet(*profile.family);
    change(shape);
    profile.family = networks::resnet(std::move(shape));
    return profile;
}

inline NetworkProfile resnet20(int input = 32) {
    return {.name = "resnet20-cifar",
            .family = networks::resnet({.stages = {3, 3, 3},
                                        .width = 16,
                                        .expansion = 1,
                                        .block = networks::BlockKind::basic,
                                        .shortcut = networks::ShortcutKind::zero_pad,
                                        .stem = networks::StemKind::cifar}),
            .input = image_shape(input)};
}

}  // namespace skipstone::test

#pragma once

#include <utility>
#include <vector>

#include "model/network.hpp"

// Networks that the tests of several folders share.
namespace skipstone::test {

inline NetworkProfile resnet50(int input = 224, std::vector<int> stages = {3, 4, 6, 3}) {
    return {.name = "resnet50", .stages = std::move(stages), .input = input};
}

inline NetworkProfile resnet20(int input = 32) {
    return {.name = "resnet20-cifar",
            .stages = {3, 3, 3},
            .width = 16,
            .expansion = 1,
            .block = BlockKind::basic,
            .shortcut = ShortcutKind::zero_pad,
            .stem = StemKind::cifar,
            .input = input};
}

}  // namespace skipstone::test

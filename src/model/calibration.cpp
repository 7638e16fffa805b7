#include "model/calibration.hpp"

#include <algorithm>
#include <cmath>

#include "units/error.hpp"

namespace skipstone {

std::string output_tensor(Network const& network, BlockId block) {
    auto index = block.index();
    while (network.blocks()[index].shortcut == Shortcut::identity) --index;
    return network.blocks()[index].name + ".output";
}

std::string path_tensor(Network const& network, BlockId block, std::size_t i) {
    auto const& path = network.block(block).path;
    if (i == path.size()) return output_tensor(network, block);
    if (i > 0) return path[i - 1].name;
    return block.index() == 0 ? "input" : output_tensor(network, BlockId(block.index() - 1));
}

std::vector<std::string> calibrated_tensors(Network const& network) {
    std::vector<std::string> tensors;
    for (std::size_t b = 0; b < network.size(); ++b) {
        auto const& block = network.blocks()[b];
        if (block.role == Block::Role::head) continue;
        if (b == 0) tensors.push_back(path_tensor(network, BlockId(b), 0));
        for (std::size_t i = 1; i < block.path.size(); ++i) tensors.push_back(path_tensor(network, BlockId(b), i));
        if (block.projection) tensors.push_back(block.projection->name);
        if (block.shortcut != Shortcut::identity) tensors.push_back(output_tensor(network, BlockId(b)));
    }
    return tensors;
}

int largest_value(Network const& network, std::string_view tensor) {
    bool const has_sign = tensor == "input" || std::ranges::any_of(network.blocks(), [&](Block const& block) {
                              return block.projection && block.projection->name == tensor;
                          });
    return has_sign ? 127 : 255;
}

void check_calibration(Calibration const& calibration, Network const& network) {
    auto const fail = [&](std::string const& message) {
        throw InputError("calibration " + calibration.name + ": " + message);
    };
    if (calibration.network != network.name())
        fail("is for " + calibration.network + ", the network is " + network.name());
    if (calibration.input != network.profile().input)
        fail("was made at " + std::to_string(calibration.input) + " x " + std::to_string(calibration.input) +
             " pixels, the network's input is " + std::to_string(network.profile().input) +
             "; make one at that size with \"skipstone calibrate\"");
    for (auto const& tensor : calibrated_tensors(network)) {
        auto const range = calibration.ranges.find(tensor);
        if (range == calibration.ranges.end()) fail("has no range of " + tensor);
        if (!(range->second > 0) || !std::isfinite(range->second))
            fail("the range of " + tensor + " must be positive, and is " + std::to_string(range->second));
    }
}

void check_calibration(Calibration const& calibration, Network const& network, std::string const& weights_sha256) {
    check_calibration(calibration, network);
    if (calibration.weights_sha256 == weights_sha256) return;
    auto const text = [](std::string const& sha256) {
        return sha256.empty() ? "random weights" : "the weights of sha256 " + sha256.substr(0, 12) + "…";
    };
    throw InputError("calibration " + calibration.name + ": was made with " + text(calibration.weights_sha256) +
                     ", and these are " + text(weights_sha256) + "; make one for them with \"skipstone calibrate\"");
}

}  // namespace skipstone

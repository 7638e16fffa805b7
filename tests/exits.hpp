#pragma once

#include <string>
#include <utility>
#include <vector>

#include "model/network.hpp"

// Heads of exits that tests put behind blocks.
namespace skipstone::test {

// Averages over a grid of so many cells a side, as far as the image has them, then one fully connected operator.
inline ExitHead pooled_head(Network const& network, std::string const& after, int grid, bool softmax = false) {
    auto const& block = network.block(network.find(after).value());
    auto const name = "exit." + after;
    Graph::Builder graph(block.output);
    TensorId tensor(0);
    auto const cell = [&](int size) { return size >= grid ? size / grid : 1; };
    if (block.output.h > 1 || block.output.w > 1)
        tensor = graph.add(
            name + ".pool",
            op::AveragePool{
                {{cell(block.output.h), cell(block.output.w)}, {cell(block.output.h), cell(block.output.w)}, {}}},
            {tensor});
    tensor = graph.add(name + ".fc", op::FullyConnected{network.classes()}, {tensor});
    if (softmax) tensor = graph.add(name + ".softmax", op::Softmax{}, {tensor});
    return {after, std::move(graph).finish(tensor)};
}

// A convolution before the average over the image.
inline ExitHead convolutional_head(Network const& network, std::string const& after, int channels) {
    auto const name = "exit." + after;
    Graph::Builder graph(network.block(network.find(after).value()).output);
    auto tensor = graph.add(name + ".conv", op::Convolution{square_window(3, 1, 1), channels, 1, false}, {TensorId(0)});
    tensor = graph.add(name + ".norm", op::BatchNorm{}, {tensor});
    tensor = graph.add(name + ".relu", op::Relu{}, {tensor});
    tensor = graph.add(name + ".mean", op::GlobalAverage{}, {tensor});
    tensor = graph.add(name + ".fc", op::FullyConnected{network.classes()}, {tensor});
    return {after, std::move(graph).finish(tensor)};
}

// The profile with a pooled head behind each of these blocks.
inline NetworkProfile with_exits(NetworkProfile profile, std::vector<std::string> const& after, int grid = 1) {
    Network const network(profile);
    for (auto const& block : after) profile.exits.push_back(pooled_head(network, block, grid));
    return profile;
}

}  // namespace skipstone::test

#include "model/calibration.hpp"

#include <algorithm>
#include <cmath>

#include "units/error.hpp"

namespace skipstone {

namespace {

struct Stored {
    std::string name;
    TensorId tensor;
};

// The one operator that reads a tensor, if it is one of these kinds.
template <class... Kinds>
Operator const* only_reader(Graph const& graph, TensorId tensor) {
    auto const& readers = graph.readers(tensor);
    if (readers.size() != 1) return nullptr;
    auto const& op = graph.at(readers.front());
    return (op.as<Kinds>() || ...) ? &op : nullptr;
}

// What a tensor is when it is stored: batch norm and ReLU behind it are applied before.
TensorId stored(Graph const& graph, TensorId tensor) {
    while (auto const* op = only_reader<op::BatchNorm, op::Relu>(graph, tensor)) tensor = op->output;
    return tensor;
}

// What lies in 8 bits somewhere, each name once.
std::vector<Stored> stored_tensors(Network const& network) {
    auto const& graph = network.graph();
    std::vector<Stored> all;
    auto const add = [&](TensorId tensor) {
        auto name = range_name(network, tensor);
        if (std::ranges::find(all, name, &Stored::name) == all.end()) all.push_back({std::move(name), tensor});
    };
    add(graph.input());
    for (auto const& block : network.blocks()) {
        if (graph.precision_of(graph.at(graph.source(block.gives)), Precision::int8) != Precision::int8) continue;
        for (auto const id : block.operators) {
            if (!graph.at(id).is_weighted()) continue;
            auto const tensor = stored(graph, graph.at(id).output);
            // F(x) is added to S(x) as it is computed.
            bool const is_added = only_reader<op::Add>(graph, tensor) && tensor != block.shortcut->output;
            if (!is_added) add(tensor);
        }
        add(block.gives);
    }
    return all;
}

}  // namespace

std::string range_name(Network const& network, TensorId tensor) {
    auto const& graph = network.graph();
    if (tensor == graph.input()) return "input";
    if (auto const block = std::ranges::find(network.blocks(), tensor, &Block::gives); block != network.blocks().end())
        return block->has_identity_shortcut() ? range_name(network, block->reads) : block->name + ".output";
    if (auto const* op = only_reader<op::BatchNorm, op::Relu, op::MaxPool>(graph, tensor))
        return range_name(network, op->output);
    auto const* source = &graph.at(graph.source(tensor));
    while (source->as<op::BatchNorm>() || source->as<op::Relu>())
        source = &graph.at(graph.source(source->inputs.front()));
    if (source->is_weighted()) return source->name;
    return range_name(network, graph.at(graph.readers(tensor).front()).output);
}

std::vector<std::string> calibrated_tensors(Network const& network) {
    std::vector<std::string> names;
    for (auto& stored : stored_tensors(network)) names.push_back(std::move(stored.name));
    return names;
}

int largest_value(Network const& network, std::string_view tensor) {
    auto const stored = stored_tensors(network);
    auto const found = std::ranges::find(stored, tensor, &Stored::name);
    SKIPSTONE_EXPECT(found != stored.end());
    return network.graph().at(found->tensor).is_negative_somewhere ? 127 : 255;
}

void check_calibration(Calibration const& calibration, Network const& network) {
    auto const fail = [&](std::string const& message) {
        throw InputError("calibration " + calibration.name + ": " + message);
    };
    if (calibration.network != network.name())
        fail("is for " + calibration.network + ", the network is " + network.name());
    if (calibration.input != network.input_shape().h)
        fail("was made at " + std::to_string(calibration.input) + " x " + std::to_string(calibration.input) +
             " pixels, the network's input is " + std::to_string(network.input_shape().h) +
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

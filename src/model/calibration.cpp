#include "model/calibration.hpp"

#include <algorithm>
#include <cmath>
#include <unordered_set>
#include <utility>

#include "units/error.hpp"

namespace skipstone {

namespace {

// The one operator that reads a tensor, if there is one.
Operator const* only_reader(Graph const& graph, TensorId tensor) {
    auto const& readers = graph.readers(tensor);
    return readers.size() == 1 && tensor != graph.output() ? &graph.at(readers.front()) : nullptr;
}

bool is_pointwise(Operator const& op) {
    return op.as<op::Relu>() || op.as<op::Activation>();
}

bool is_scaling(Operator const& op) {
    return op.as<op::BatchNorm>() || op.as<op::Affine>();
}

// What gives a tensor is a convolution or a fully connected operator, behind batch norms perhaps.
bool is_of_convolution(Graph const& graph, TensorId tensor) {
    while (auto const source = graph.source(tensor)) {
        auto const& op = graph.at(source);
        if (op.is_weighted()) return true;
        if (!is_scaling(op) || !only_reader(graph, op.inputs.front())) return false;
        tensor = op.inputs.front();
    }
    return false;
}

// The tensor that a tensor becomes before it is stored.
TensorId stored(Graph const& graph, TensorId tensor) {
    auto const source = graph.source(tensor);
    if (!source) return tensor;
    auto const* next = only_reader(graph, tensor);
    if (!next) return tensor;
    bool const convolved = is_of_convolution(graph, tensor);
    if (convolved && is_scaling(*next)) return stored(graph, next->output);
    if (is_pointwise(*next) && (convolved || graph.at(source).as<op::Add>())) return next->output;
    return tensor;
}

// It gives what it reads, in another order or less of it, or means of it.
bool keeps_range(Operator const& op) {
    return op.as<op::MaxPool>() || op.as<op::AveragePool>() || op.as<op::Concat>() || op.as<op::Slice>() ||
           op.as<op::Pad>() || op.as<op::Reshape>() || op.as<op::Transpose>();
}

}  // namespace

ElementType eight_bits(Graph const& graph, TensorId tensor) {
    return graph.at(tensor).is_negative_somewhere ? ElementType::int8 : ElementType::uint8;
}

TensorId summed_by_convolution(Graph const& graph, Operator const& sum) {
    SKIPSTONE_EXPECT(sum.as<op::Add>());
    for (auto const tensor : sum.inputs)
        if (only_reader(graph, tensor) && is_of_convolution(graph, tensor) &&
            graph.at(tensor).is_exact == graph.at(sum.output).is_exact)
            return tensor;
    return {};
}

Ranges::Ranges(Network const& network) {
    auto const& graph = network.graph();
    auto const count = graph.tensors().size();
    for (std::size_t t = 0; t < count; ++t) roots_.emplace_back(t);
    auto const root = [&](TensorId tensor) {
        while (roots_[tensor.index()] != tensor) tensor = roots_[tensor.index()] = of(roots_[tensor.index()]);
        return tensor;
    };
    auto const unite = [&](TensorId one, TensorId other) {
        auto const first = root(one), second = root(other);
        roots_[std::max(first, second).index()] = std::min(first, second);
    };
    for (std::size_t t = 0; t < count; ++t) unite(TensorId(t), stored(graph, TensorId(t)));
    std::vector<bool> is_summed(count);
    for (auto const& op : graph.operators()) {
        if (keeps_range(op))
            for (auto const input : op.inputs) unite(input, op.output);
        if (op.as<op::Add>())
            if (auto const tensor = summed_by_convolution(graph, op)) is_summed[tensor.index()] = true;
        // What is added is taken in the sum's units.
        if (op.as<op::Subsample>()) {
            auto const* next = only_reader(graph, op.output);
            unite(op.output, next && next->as<op::Add>() ? next->output : op.inputs.front());
        }
    }
    for (auto const& block : network.blocks())
        if (block.has_identity_shortcut()) unite(block.reads, block.gives);
    for (std::size_t t = 0; t < count; ++t) roots_[t] = root(TensorId(t));

    names_.resize(count);
    std::unordered_set<std::string> taken;
    auto const call = [&](TensorId tensor, std::string name) {
        auto& known = names_[of(tensor).index()];
        if (!known.empty()) return;
        while (!taken.insert(name).second) name += "'";
        known = std::move(name);
    };
    call(graph.input(), "input");
    for (auto const& block : network.blocks()) call(block.gives, block.name + ".output");
    for (auto const& op : graph.operators())
        if (op.is_weighted()) call(op.output, op.name);
    for (auto const& op : graph.operators()) call(op.output, op.name);

    // What lies in 8 bits: what is stored, but in float32; and what 8-bit kernels read of that.
    std::vector<bool> is_calibrated(count);
    signed_.resize(count);
    lies_.resize(count);
    for (std::size_t t = 0; t < count; ++t) {
        TensorId const tensor(t);
        bool const is_read = std::ranges::any_of(graph.readers(tensor), [&](OperatorId reader) {
            return graph.precision_of(graph.at(reader), Precision::int8) == Precision::int8;
        });
        lies_[t] = tensor == graph.input() ||
                   (stored(graph, tensor) == tensor && !is_summed[t] && (is_read || !graph.at(tensor).is_exact));
        if (!lies_[t]) continue;
        auto const first = of(tensor).index();
        is_calibrated[first] = true;
        signed_[first] = signed_[first] || graph.at(tensor).is_negative_somewhere;
    }
    for (std::size_t t = 0; t < count; ++t)
        if (is_calibrated[t]) calibrated_.emplace_back(t);
}

std::vector<std::string> calibrated_tensors(Network const& network) {
    Ranges const ranges(network);
    std::vector<std::string> names;
    for (auto const tensor : ranges.calibrated()) names.push_back(ranges.name(tensor));
    return names;
}

void check_calibration(Calibration const& calibration, Network const& network) {
    auto const fail = [&](std::string const& message) {
        throw InputError("calibration " + calibration.name + ": " + message);
    };
    if (calibration.network != network.name())
        fail("is for " + calibration.network + ", the network is " + network.name());
    auto const made = calibration.input, wanted = network.input_shape();
    if (made.c == 0 && made.h != wanted.h)
        fail("was made at " + std::to_string(made.h) + " x " + std::to_string(made.h) +
             " pixels, the network's input is " + std::to_string(wanted.h) +
             "; make one at that size with \"skipstone calibrate\"");
    auto const text = [](TensorShape shape) {
        return std::to_string(shape.h) + " x " + std::to_string(shape.w) + " x " + std::to_string(shape.c);
    };
    if (made.c != 0 && made != wanted)
        fail("was made for inputs of " + text(made) + ", the network's are " + text(wanted) +
             "; make one for these with \"skipstone calibrate\"");
    for (auto const& tensor : calibrated_tensors(network)) {
        auto const range = calibration.ranges.find(tensor);
        if (range == calibration.ranges.end())
            fail("has no range of " + tensor + "; make one anew with \"skipstone calibrate\"");
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

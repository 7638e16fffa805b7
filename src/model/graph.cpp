#include "model/graph.hpp"

#include <cstdint>
#include <utility>

#include "units/error.hpp"

namespace skipstone {

namespace {

template <class... Cases>
struct Overloaded : Cases... {
    using Cases::operator()...;
};

int steps(int extent, int before, int behind, int kernel, int stride) {
    return (extent + before + behind - kernel) / stride + 1;
}

TensorShape slid(TensorShape in, Window const& w, int channels) {
    return {1, steps(in.h, w.padding.top, w.padding.bottom, w.kernel.h, w.stride.h),
            steps(in.w, w.padding.left, w.padding.right, w.kernel.w, w.stride.w), channels};
}

[[noreturn]] void fail(std::string const& name, std::string const& message) {
    throw InputError("operator " + name + ": " + message);
}

std::string text(TensorShape shape) {
    return std::to_string(shape.h) + " x " + std::to_string(shape.w) + " x " + std::to_string(shape.c);
}

void require_window(std::string const& name, TensorShape in, Window const& w) {
    if (in.h + w.padding.top + w.padding.bottom < w.kernel.h || in.w + w.padding.left + w.padding.right < w.kernel.w)
        fail(name, "its window of " + std::to_string(w.kernel.h) + " x " + std::to_string(w.kernel.w) +
                       " is larger than its input of " + text(in));
}

TensorShape output_shape(std::string const& name, Operation const& operation, std::vector<TensorShape> const& inputs) {
    auto const& in = inputs.front();
    return std::visit(
        Overloaded{
            [&](op::Convolution const& c) {
                require_window(name, in, c.window);
                return slid(in, c.window, c.outputs);
            },
            [&](op::FullyConnected const& f) {
                if (in.h != 1 || in.w != 1) fail(name, "its input of " + text(in) + " has more than one pixel");
                return TensorShape{1, 1, 1, f.outputs};
            },
            [&](op::MaxPool const& p) {
                require_window(name, in, p.window);
                return slid(in, p.window, in.c);
            },
            [&](op::GlobalAverage const&) {
                return TensorShape{1, 1, 1, in.c};
            },
            [&](op::BatchNorm const&) { return in; }, [&](op::Relu const&) { return in; },
            [&](op::Add const&) {
                if (inputs.size() != 2 || inputs[0] != inputs[1]) fail(name, "needs two inputs of one shape");
                return in;
            },
            [&](op::Subsample const& s) {
                if (s.channels < in.c) fail(name, "has fewer channels than its input");
                return TensorShape{1, steps(in.h, 0, 0, 1, s.stride), steps(in.w, 0, 0, 1, s.stride), s.channels};
            }},
        operation);
}

bool can_be_negative(Operation const& operation, bool input) {
    if (std::holds_alternative<op::Relu>(operation)) return false;
    if (std::holds_alternative<op::MaxPool>(operation) || std::holds_alternative<op::GlobalAverage>(operation) ||
        std::holds_alternative<op::Subsample>(operation))
        return input;
    return true;
}

}  // namespace

Window square_window(int kernel, int stride, int padding) {
    return {{kernel, kernel}, {stride, stride}, {padding, padding, padding, padding}};
}

struct Graph::Contents {
    std::vector<Operator> operators;
    std::vector<Activations> tensors;
    std::vector<OperatorId> sources;               // by tensor
    std::vector<std::vector<OperatorId>> readers;  // likewise
    TensorId output;
};

TensorId Graph::output() const {
    return contents_->output;
}

std::vector<Operator> const& Graph::operators() const {
    return contents_->operators;
}

std::vector<Graph::Activations> const& Graph::tensors() const {
    return contents_->tensors;
}

OperatorId Graph::source(TensorId tensor) const {
    return contents_->sources.at(tensor.index());
}

std::vector<OperatorId> const& Graph::readers(TensorId tensor) const {
    return contents_->readers.at(tensor.index());
}

Costs Graph::costs(std::vector<OperatorId> const& operators, Precision precision) const {
    Costs costs;
    for (auto const id : operators) {
        auto const& op = at(id);
        if (!op.is_weighted()) continue;
        auto const in = at(op.inputs.front()).shape, out = at(op.output).shape;
        auto const* convolution = op.as<op::Convolution>();
        auto const kernel = convolution ? convolution->window.kernel : Extent{};
        auto const type = activation_type(precision_of(op, precision));
        costs.macs += Macs(std::int64_t{in.c} * kernel.h * kernel.w * out.c * out.h * out.w);
        costs.memory += in.bytes(type);
        costs.weights += TensorShape{out.c, kernel.h, kernel.w, in.c}.bytes(type);
    }
    return costs;
}

std::vector<TensorId> Graph::cuts() const {
    // How many tensors are still to be read behind each operator: one that is read last there is not.
    std::vector<TensorId> found{input()};
    std::vector<std::size_t> unread(tensors().size());
    for (std::size_t t = 0; t < tensors().size(); ++t) unread[t] = readers(TensorId(t)).size();
    std::size_t alive = 1;
    for (auto const& op : operators()) {
        for (auto const tensor : op.inputs)
            if (--unread[tensor.index()] == 0) --alive;
        ++alive;
        if (alive == 1) found.push_back(op.output);
    }
    return found;
}

Graph::Builder::Builder(TensorShape input) : contents_(std::make_shared<Contents>()) {
    contents_->tensors.push_back({"input", input, true});
    contents_->sources.emplace_back();
    contents_->readers.emplace_back();
}

TensorShape Graph::Builder::shape(TensorId tensor) const {
    return contents_->tensors.at(tensor.index()).shape;
}

TensorId Graph::Builder::add(std::string name, Operation operation, std::vector<TensorId> inputs) {
    SKIPSTONE_EXPECT(!inputs.empty());
    std::vector<TensorShape> shapes;
    for (auto const input : inputs) shapes.push_back(shape(input));
    auto const output = output_shape(name, operation, shapes);
    if (output.h < 1 || output.w < 1 || output.c < 1) fail(name, "gives nothing: " + text(output));
    bool const is_new = names_.insert(name).second;
    SKIPSTONE_EXPECT(is_new);
    bool const negative = can_be_negative(operation, contents_->tensors[inputs.front().index()].is_negative_somewhere);
    OperatorId const id(contents_->operators.size());
    TensorId const tensor(contents_->tensors.size());
    for (auto const input : inputs) contents_->readers[input.index()].push_back(id);
    contents_->tensors.push_back({name, output, negative});
    contents_->sources.push_back(id);
    contents_->readers.emplace_back();
    contents_->operators.push_back({std::move(name), std::move(operation), std::move(inputs), tensor});
    return tensor;
}

Graph Graph::Builder::finish(TensorId output) && {
    for (std::size_t t = 0; t < contents_->tensors.size(); ++t)
        SKIPSTONE_EXPECT(TensorId(t) == output || !contents_->readers[t].empty());
    contents_->output = output;
    return Graph(std::move(contents_));
}

Precision precision_of(Operator const& op, Precision network) {
    return op.as<op::FullyConnected>() || op.as<op::GlobalAverage>() ? Precision::float32 : network;
}

}  // namespace skipstone

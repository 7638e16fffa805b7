#include "model/graph.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdint>
#include <limits>
#include <ranges>
#include <unordered_map>
#include <unordered_set>
#include <utility>

#include "units/error.hpp"

namespace skipstone {

namespace {

template <class... Cases>
struct Overloaded : Cases... {
    using Cases::operator()...;
};

constexpr std::int64_t most_elements = std::numeric_limits<std::int32_t>::max();

// What comes of an operator's numbers, before it is known to fit: dimensions of any size.
struct Dimensions {
    std::int64_t h = 1, w = 1, c = 1;
};

std::int64_t steps(int extent, int before, int behind, int covered, int stride) {
    return (std::int64_t{extent} + before + behind - covered) / stride + 1;
}

Dimensions slid(TensorShape in, Window const& w, int channels) {
    auto const span = w.span();
    return {steps(in.h, w.padding.top, w.padding.bottom, span.h, w.stride.h),
            steps(in.w, w.padding.left, w.padding.right, span.w, w.stride.w), channels};
}

[[noreturn]] void fail(std::string const& name, std::string const& message) {
    throw InputError("operator " + name + ": " + message);
}

std::string text(Dimensions shape) {
    return std::to_string(shape.h) + " x " + std::to_string(shape.w) + " x " + std::to_string(shape.c);
}
std::string text(TensorShape shape) {
    return text(Dimensions{shape.h, shape.w, shape.c});
}

void require(bool fits, std::string const& name, std::string const& message) {
    if (!fits) fail(name, message);
}

// pads: the padding may not be as large as the window (of a pool: it would see nothing there).
void require_window(std::string const& name, TensorShape in, Window const& w, bool pools) {
    constexpr int most = 1 << 16;
    auto const& p = w.padding;
    for (int const n : {w.kernel.h, w.kernel.w, w.stride.h, w.stride.w, w.dilation.h, w.dilation.w})
        require(n >= 1 && n <= most, name, "its window, steps and dilation are from 1 to " + std::to_string(most));
    for (int const n : {p.top, p.left, p.bottom, p.right})
        require(n >= 0 && n <= most, name, "its padding is from 0 to " + std::to_string(most));
    require(std::int64_t{w.kernel.h - 1} * w.dilation.h < most && std::int64_t{w.kernel.w - 1} * w.dilation.w < most,
            name, "its window covers more than " + std::to_string(most) + " rows or columns");
    auto const span = w.span();
    require(std::int64_t{in.h} + p.top + p.bottom >= span.h && std::int64_t{in.w} + p.left + p.right >= span.w, name,
            "its window of " + std::to_string(span.h) + " x " + std::to_string(span.w) +
                " is larger than its input of " + text(in));
    if (pools)
        require(p.top < span.h && p.bottom < span.h && p.left < span.w && p.right < span.w, name,
                "its padding is as large as its window");
}

int& extent(TensorShape& shape, Axis axis) {
    return axis == Axis::h ? shape.h : axis == Axis::w ? shape.w : shape.c;
}

int extent(TensorShape const& shape, Axis axis) {
    return axis == Axis::h ? shape.h : axis == Axis::w ? shape.w : shape.c;
}

std::int64_t extent(Dimensions const& shape, Axis axis) {
    return axis == Axis::h ? shape.h : axis == Axis::w ? shape.w : shape.c;
}

Dimensions same(TensorShape shape) {
    return {shape.h, shape.w, shape.c};
}

Dimensions concatenated(std::string const& name, Axis axis, std::vector<TensorShape> const& inputs) {
    Dimensions out = same(inputs.front());
    std::int64_t all = 0;
    for (auto const& in : inputs) {
        for (auto const other : {Axis::h, Axis::w, Axis::c})
            require(other == axis || extent(in, other) == extent(out, other), name,
                    "its inputs of " + text(inputs.front()) + " and " + text(in) + " differ in more than one axis");
        all += extent(in, axis);
    }
    (axis == Axis::h ? out.h : axis == Axis::w ? out.w : out.c) = all;
    return out;
}

Dimensions padded(std::string const& name, TensorShape in, op::Pad const& pad) {
    auto const& p = pad.padding;
    for (int const n : {p.top, p.left, p.bottom, p.right})
        require(n >= 0 && n <= (1 << 24), name, "its padding is from 0 to 2^24");
    if (pad.mode == op::Pad::Mode::reflect)
        require(std::max(p.top, p.bottom) < in.h && std::max(p.left, p.right) < in.w, name,
                "reflects more than its input of " + text(in) + " has");
    require(std::isfinite(pad.value), name, "its value is no finite number");
    return {std::int64_t{in.h} + p.top + p.bottom, std::int64_t{in.w} + p.left + p.right, in.c};
}

std::size_t inputs_of(Operation const& operation) {
    return std::holds_alternative<op::Add>(operation) || std::holds_alternative<op::Arithmetic>(operation) ? 2 : 1;
}

Dimensions output_of(std::string const& name, Operation const& operation, std::vector<TensorShape> const& inputs) {
    auto const& in = inputs.front();
    if (std::holds_alternative<op::Concat>(operation))
        require(!inputs.empty(), name, "has no input");
    else
        require(inputs.size() == inputs_of(operation), name,
                "has " + std::to_string(inputs.size()) + " inputs, and needs " + std::to_string(inputs_of(operation)));
    return std::visit(
        Overloaded{[&](op::Convolution const& c) {
                       require_window(name, in, c.window, false);
                       require(c.outputs >= 1 && c.groups >= 1, name, "needs outputs and groups of 1 and more");
                       require(in.c % c.groups == 0 && c.outputs % c.groups == 0, name,
                               "its " + std::to_string(c.groups) + " groups do not divide " + std::to_string(in.c) +
                                   " inputs and " + std::to_string(c.outputs) + " outputs");
                       return slid(in, c.window, c.outputs);
                   },
                   [&](op::FullyConnected const& f) {
                       require(f.outputs >= 1, name, "needs outputs of 1 and more");
                       return Dimensions{1, 1, f.outputs};
                   },
                   [&](op::MaxPool const& p) {
                       require_window(name, in, p.window, true);
                       return slid(in, p.window, in.c);
                   },
                   [&](op::AveragePool const& p) {
                       require_window(name, in, p.window, true);
                       return slid(in, p.window, in.c);
                   },
                   [&](op::GlobalAverage const&) {
                       return Dimensions{1, 1, in.c};
                   },
                   [&](op::BatchNorm const& b) {
                       require(std::isfinite(b.epsilon) && b.epsilon >= 0, name,
                               "its epsilon is negative or no number");
                       return same(in);
                   },
                   [&](op::ResponseNorm const& r) {
                       require(r.size >= 1 && r.size <= (1 << 16), name, "its size is from 1 to 65536");
                       require(std::isfinite(r.alpha) && std::isfinite(r.beta) && std::isfinite(r.k), name,
                               "alpha, beta and k are finite numbers");
                       return same(in);
                   },
                   [&](op::Activation const& a) {
                       require(!std::isnan(a.alpha) && !std::isnan(a.beta), name, "alpha and beta are numbers");
                       return same(in);
                   },
                   [&](op::Add const&) {
                       require(inputs[0] == inputs[1], name,
                               "needs two inputs of one shape, and has " + text(inputs[0]) + " and " + text(inputs[1]));
                       return same(in);
                   },
                   [&](op::Arithmetic const&) {
                       for (auto const axis : {Axis::h, Axis::w, Axis::c})
                           require(extent(inputs[1], axis) == 1 || extent(inputs[1], axis) == extent(in, axis), name,
                                   "its second input of " + text(inputs[1]) + " does not fit its first of " + text(in));
                       return same(in);
                   },
                   [&](op::Concat const& c) { return concatenated(name, c.axis, inputs); },
                   [&](op::Slice const& s) {
                       require(s.step >= 1 && s.begin >= 0 && s.begin < s.end && s.end <= extent(in, s.axis), name,
                               "takes " + std::to_string(s.begin) + " to " + std::to_string(s.end) + " in steps of " +
                                   std::to_string(s.step) + " of an axis of " + std::to_string(extent(in, s.axis)));
                       auto out = in;
                       extent(out, s.axis) = (s.end - s.begin - 1) / s.step + 1;
                       return same(out);
                   },
                   [&](op::Pad const& p) { return padded(name, in, p); },
                   [&](op::Reshape const& r) {
                       require(r.h >= 1 && r.w >= 1 && r.c >= 1, name, "gives nothing");
                       Dimensions const out{r.h, r.w, r.c};
                       require(r.h <= most_elements / r.w && std::int64_t{r.h} * r.w <= most_elements / r.c &&
                                   std::int64_t{r.h} * r.w * r.c == static_cast<std::int64_t>(in.elements()),
                               name, text(in) + " has not as many elements as " + text(out));
                       return out;
                   },
                   [&](op::Transpose const& t) {
                       auto order = t.order;
                       std::ranges::sort(order);
                       require(order == std::array{Axis::h, Axis::w, Axis::c}, name, "names an axis twice");
                       return Dimensions{extent(in, t.order[0]), extent(in, t.order[1]), extent(in, t.order[2])};
                   },
                   [&](op::Reduce const& r) {
                       return Dimensions{r.h ? 1 : in.h, r.w ? 1 : in.w, r.c ? 1 : in.c};
                   },
                   [&](op::Subsample const& s) {
                       require(s.stride >= 1, name, "its stride is less than 1");
                       require(s.channels >= in.c, name, "has fewer channels than its input");
                       return Dimensions{steps(in.h, 0, 0, 1, s.stride), steps(in.w, 0, 0, 1, s.stride), s.channels};
                   },
                   [&](auto const&) { return same(in); }},
        operation);
}

// Whether what an operator gives can be negative, if some of its inputs can, or none.
bool can_be_negative(Operation const& operation, bool some) {
    return std::visit(
        Overloaded{[](op::Relu const&) { return false; }, [](op::Softmax const&) { return false; },
                   [&](op::Activation const& a) {
                       using enum op::Activation::Kind;
                       switch (a.kind) {
                           case clip:
                               return (a.alpha < 0 && some) || a.beta < 0;
                           case sigmoid:
                           case hard_sigmoid:
                           case square_root:
                           case absolute:
                           case exponential:
                               return false;
                           case logarithm:
                               return true;
                           default:
                               return some;
                       }
                   },
                   [&](op::Pad const& p) { return some || p.value < 0; },
                   [&](op::Arithmetic const& a) { return some || a.kind == op::Arithmetic::Kind::subtract; },
                   [](op::Convolution const&) { return true; }, [](op::FullyConnected const&) { return true; },
                   [](op::BatchNorm const&) { return true; }, [](op::Affine const&) { return true; },
                   [&](auto const&) { return some; }},
        operation);
}

// Whether an operator computes in float32 in every network; inputs: whether they are exact; is_hidden: a weighted
// operator comes behind it.
bool is_exact(Operation const& operation, std::vector<bool> const& inputs, bool is_hidden) {
    return std::visit(
        Overloaded{[&](op::FullyConnected const&) { return !is_hidden; }, [](op::GlobalAverage const&) { return true; },
                   [](op::Reduce const&) { return true; }, [](op::Softmax const&) { return true; },
                   [](op::Convolution const&) { return false; }, [&](op::Add const&) { return inputs[0] && inputs[1]; },
                   [&](op::Concat const&) { return std::ranges::find(inputs, false) == inputs.end(); },
                   [&](auto const&) { return bool(inputs.front()); }},
        operation);
}

}  // namespace

Window square_window(int kernel, int stride, int padding) {
    return {{kernel, kernel}, {stride, stride}, {padding, padding, padding, padding}, {}};
}

std::string_view name_of(Operation const& operation) {
    static constexpr std::array<std::string_view, std::variant_size_v<Operation>> names{
        "convolution", "fully connected", "max pool", "average pool", "global average", "batch norm",
        "affine",      "response norm",   "ReLU",     "activation",   "PReLU",          "add",
        "arithmetic",  "concat",          "slice",    "pad",          "reshape",        "transpose",
        "reduce",      "softmax",         "subsample"};
    return names[operation.index()];
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
    std::unordered_set<std::string_view> counted;
    for (auto const id : operators) {
        auto const& op = at(id);
        if (!op.is_weighted()) continue;
        auto const in = at(op.inputs.front()).shape, out = at(op.output).shape;
        auto const weights = weight_tensors(id).front().elements();
        auto const pixels = static_cast<std::size_t>(out.h) * static_cast<std::size_t>(out.w);
        auto const type = activation_type(precision_of(op, precision));
        // Every weight multiplies once for each pixel of the output.
        if (weights > static_cast<std::size_t>(largest_amount) / pixels)
            fail(op.name, "has more than " + std::to_string(largest_amount) + " MACs");
        costs.macs += Macs(static_cast<std::int64_t>(weights * pixels));
        costs.memory += in.bytes(type);
        if (counted.insert(op.weights).second)
            costs.weights += Bytes(static_cast<std::int64_t>(weights * size_of(type)));
    }
    return costs;
}

std::size_t Graph::WeightTensor::elements() const {
    std::size_t all = 1;
    for (auto const extent_here : shape) all *= extent_here;
    return all;
}

std::vector<Graph::WeightTensor> Graph::weight_tensors(OperatorId id) const {
    auto const& op = at(id);
    auto const size = [](auto n) { return static_cast<std::size_t>(n); };
    auto const shape = at(op.inputs.front()).shape;
    auto const in = size(shape.c), out = size(at(op.output).shape.c);
    std::vector<WeightTensor> tensors;
    auto const add = [&](char const* what, std::vector<std::size_t> dimensions) {
        tensors.push_back({op.weights + what, std::move(dimensions)});
    };
    if (auto const* c = op.as<op::Convolution>()) {
        add(".weight", {out, in / size(c->groups), size(c->window.kernel.h), size(c->window.kernel.w)});
        if (c->has_bias) add(".bias", {out});
    } else if (auto const* f = op.as<op::FullyConnected>()) {
        add(".weight", {out, shape.elements()});
        if (f->has_bias) add(".bias", {out});
    } else if (op.as<op::BatchNorm>()) {
        for (auto const* what : {".weight", ".bias", ".running_mean", ".running_var"}) add(what, {out});
    } else if (op.as<op::Affine>()) {
        for (auto const* what : {".weight", ".bias"}) add(what, {out});
    } else if (op.as<op::Prelu>()) {
        add(".weight", {out});
    }
    for (auto const& tensor : tensors) {
        double elements = 1;
        for (auto const extent_here : tensor.shape) elements *= static_cast<double>(extent_here);
        if (elements > static_cast<double>(largest_amount))
            fail(op.name, "has more than " + std::to_string(largest_amount) + " weights");
    }
    return tensors;
}

std::vector<Graph::WeightTensor> Graph::weight_tensors() const {
    std::vector<WeightTensor> all;
    std::unordered_set<std::string> known;
    for (std::size_t o = 0; o < operators().size(); ++o)
        for (auto& tensor : weight_tensors(OperatorId(o)))
            if (known.insert(tensor.name).second) all.push_back(std::move(tensor));
    return all;
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

Graph::Builder::Builder(TensorShape input) : Builder(Activations{"input", input}) {}

Graph::Builder::Builder(Activations input) : contents_(std::make_shared<Contents>()) {
    contents_->tensors.push_back(std::move(input));
    contents_->sources.emplace_back();
    contents_->readers.emplace_back();
}

TensorShape Graph::Builder::shape(TensorId tensor) const {
    return contents_->tensors.at(tensor.index()).shape;
}

TensorId Graph::Builder::add(std::string name, Operation operation, std::vector<TensorId> inputs, std::string weights) {
    SKIPSTONE_EXPECT(!inputs.empty());
    std::vector<TensorShape> shapes;
    bool negative = false;
    for (auto const input : inputs) {
        shapes.push_back(shape(input));
        negative = negative || contents_->tensors[input.index()].is_negative_somewhere;
    }
    auto const output = output_of(name, operation, shapes);
    if (output.h < 1 || output.w < 1 || output.c < 1) fail(name, "gives nothing: " + text(output));
    if (output.h > most_elements / output.w || output.h * output.w > most_elements / output.c)
        fail(name, "gives " + text(output) + ", more than 2^31 - 1 elements");
    if (!names_.insert(name).second) fail(name, "there are two of that name");
    OperatorId const id(contents_->operators.size());
    TensorId const tensor(contents_->tensors.size());
    for (auto const input : inputs) contents_->readers[input.index()].push_back(id);
    TensorShape const shape{1, static_cast<int>(output.h), static_cast<int>(output.w), static_cast<int>(output.c)};
    contents_->tensors.push_back({name, shape, can_be_negative(operation, negative), false, false});
    contents_->sources.push_back(id);
    contents_->readers.emplace_back();
    if (weights.empty()) weights = name;
    contents_->operators.push_back(
        {std::move(name), std::move(operation), std::move(inputs), tensor, std::move(weights)});
    return tensor;
}

// From what is behind an operator to the operator, then from what it reads.
void Graph::Builder::mark_exact(Contents& contents) {
    for (auto const& op : contents.operators | std::views::reverse)
        for (auto const input : op.inputs)
            if (op.is_weighted() || contents.tensors[op.output.index()].precedes_weights)
                contents.tensors[input.index()].precedes_weights = true;
    for (auto const& op : contents.operators) {
        std::vector<bool> inputs;
        for (auto const input : op.inputs) inputs.push_back(contents.tensors[input.index()].is_exact);
        auto& tensor = contents.tensors[op.output.index()];
        tensor.is_exact = is_exact(op.operation, inputs, tensor.precedes_weights);
    }
}

Graph Graph::Builder::finish(TensorId output, bool precedes_weights) && {
    for (std::size_t t = 0; t < contents_->tensors.size(); ++t)
        if (TensorId(t) != output && contents_->readers[t].empty())
            fail(contents_->tensors[t].name, "nothing reads what it gives");
    contents_->output = output;
    contents_->tensors[output.index()].precedes_weights = precedes_weights;
    mark_exact(*contents_);
    // One name is one tensor, whoever shares it.
    Graph graph(std::move(contents_));
    std::unordered_map<std::string, std::vector<std::size_t>> shapes;
    for (std::size_t o = 0; o < graph.operators().size(); ++o)
        for (auto& tensor : graph.weight_tensors(OperatorId(o))) {
            auto const [known, is_new] = shapes.emplace(tensor.name, tensor.shape);
            if (!is_new && known->second != tensor.shape)
                fail(graph.operators()[o].name, "shares " + tensor.name + ", whose shape is another one here");
        }
    return graph;
}

}  // namespace skipstone

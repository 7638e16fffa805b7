#include "onnx/sketch.hpp"

#include <algorithm>
#include <unordered_map>
#include <utility>

#include "onnx/limits.hpp"
#include "units/error.hpp"

namespace skipstone::onnx {

namespace {

// Of how many tensors before it a tensor is known as a function.
constexpr std::size_t most_functions = 8;

std::vector<ScalarFunction> with_itself(std::vector<ScalarFunction> functions, TensorId tensor) {
    functions.push_back(ScalarFunction::identity(tensor));
    if (functions.size() > most_functions) functions.erase(functions.begin());
    return functions;
}

std::string unique(std::unordered_map<std::string, int>& names, std::string const& wish) {
    std::string name = wish;
    for (auto count = ++names[wish]; count > 1; ++count) {
        name = wish + "_" + std::to_string(count);
        if (++names[name] == 1) {
            names[wish] = count;
            break;
        }
    }
    return name;
}

std::string joined_key(std::string const& a, std::string const& b) {
    return a.empty() || b.empty() ? std::string() : a + " then " + b;
}

// Of a scale and a shift per channel behind another one, or behind a batch norm: what both do together.
Weights scaled_weights(Weights const& first, Weights const& second) {
    auto values = first.values();
    auto const behind = second.values();
    for (std::size_t c = 0; c < behind[0].size(); ++c) {
        values[0][c] *= behind[0][c];
        values[1][c] = values[1][c] * behind[0][c] + behind[1][c];
    }
    return {joined_key(first.key, second.key), [values = std::move(values)] { return values; }};
}

// Of a shift per channel behind a product.
Weights biased_weights(Weights const& first, Weights const& second) {
    Weights both{joined_key(first.key, second.key), first.make, std::move(second.values()[1])};
    for (std::size_t c = 0; c < first.added.size(); ++c) both.added[c] += first.added[c];
    return both;
}

bool only_adds(Step const& affine) {
    auto const values = affine.weights.values();
    return std::ranges::all_of(values[0], [](float scale) { return scale == 1; });
}

bool is_zero_pad(Step const* step) {
    if (!step) return false;
    auto const* pad = std::get_if<op::Pad>(&step->operation);
    return pad && pad->mode == op::Pad::Mode::constant && pad->value == 0;
}

Padding sum(Padding a, Padding b) {
    return {a.top + b.top, a.left + b.left, a.bottom + b.bottom, a.right + b.right};
}

}  // namespace

std::vector<std::vector<float>> Weights::values() const {
    auto result = make();
    if (added.empty()) return result;
    if (result.size() == 1) result.emplace_back(added.size());
    for (std::size_t c = 0; c < added.size(); ++c) result[1][c] += added[c];
    return result;
}

TensorId Sketch::append(std::string const& name, Operation operation, std::vector<TensorId> inputs, Weights weights,
                        std::vector<ScalarFunction> functions) {
    if (steps_.size() >= limits::operators) throw InputError("the model makes more than 200,000 operators");
    auto const output = builder_.add(unique(names_, name), operation, inputs);
    steps_.push_back({name, std::move(operation), std::move(inputs), std::move(weights), {}});
    functions_.push_back(std::move(functions));
    return output;
}

TensorId Sketch::add_function(std::string const& name, Operation operation, TensorId input, Weights weights,
                              std::function<double(double)> const& function) {
    std::vector<ScalarFunction> functions;
    for (auto const& before : with_itself(functions_[input.index()], input)) functions.push_back(before.then(function));
    for (auto const& candidate : functions)
        if (auto const known = recognised(candidate)) {
            if (!known->operation) return candidate.of;
            return append(name, *known->operation, {candidate.of}, {}, functions);
        }
    return append(name, std::move(operation), {input}, std::move(weights), std::move(functions));
}

TensorId Sketch::add(std::string const& name, Operation operation, std::vector<TensorId> inputs, Weights weights) {
    if (auto const function = function_of(operation))
        return add_function(name, std::move(operation), inputs.front(), std::move(weights), function);
    std::vector<ScalarFunction> functions;
    if (auto const function = function_of_two(operation); function && shape(inputs[0]) == shape(inputs[1])) {
        auto const firsts = with_itself(functions_[inputs[0].index()], inputs[0]);
        auto const seconds = with_itself(functions_[inputs[1].index()], inputs[1]);
        for (auto const& first : firsts)
            for (auto const& second : seconds)
                if (first.of == second.of) {
                    auto both = first;
                    for (std::size_t i = 0; i < both.values.size(); ++i)
                        both.values[i] = function(first.values[i], second.values[i]);
                    functions.push_back(both);
                }
        for (auto const& candidate : functions)
            if (auto const known = recognised(candidate)) {
                if (!known->operation) return candidate.of;
                return append(name, *known->operation, {candidate.of}, {}, functions);
            }
    }
    return append(name, std::move(operation), std::move(inputs), std::move(weights), std::move(functions));
}

TensorId Sketch::add_scaled(std::string const& name, TensorId input, double scale, double shift) {
    auto const channels = static_cast<std::size_t>(shape(input).c);
    if (channels > limits::channels) throw InputError("scales more than 2^24 channels");
    return add_function(name, op::Affine{}, input,
                        {"",
                         [=] {
                             return std::vector{std::vector<float>(channels, static_cast<float>(scale)),
                                                std::vector<float>(channels, static_cast<float>(shift))};
                         }},
                        [=](double x) { return scale * x + shift; });
}

TensorId Sketch::add_missing(std::string const& name, TensorId input, std::function<double(double)> const& function,
                             std::string missing) {
    // Any operator that gives as many numbers stands for it.
    auto const output = add_function(name, op::Activation{op::Activation::Kind::tanh}, input, {}, function);
    if (output.index() == steps_.size()) steps_.back().missing = std::move(missing);
    return output;
}

std::vector<TensorId> Sketch::used() const {
    std::vector<bool> is_used(steps_.size() + 1);
    is_used[output_.index()] = true;
    for (std::size_t t = steps_.size(); t > 0; --t)
        if (is_used[t])
            for (auto const input : steps_[t - 1].inputs) is_used[input.index()] = true;
    std::vector<TensorId> tensors;
    for (std::size_t t = 1; t <= steps_.size(); ++t)
        if (is_used[t]) tensors.emplace_back(t);
    return tensors;
}

std::size_t Sketch::size() const {
    return used().size();
}

void Sketch::simplify(TensorId output) {
    output_ = output;
    while (simplify_once()) continue;
}

bool Sketch::simplify_once() {
    auto const tensors = used();
    std::vector<int> readers(steps_.size() + 1);
    ++readers[output_.index()];
    for (auto const tensor : tensors)
        for (auto const input : steps_[tensor.index() - 1].inputs) ++readers[input.index()];
    bool changed = false;
    std::vector<TensorId> instead(steps_.size() + 1);
    for (std::size_t t = 0; t < instead.size(); ++t) instead[t] = TensorId(t);
    for (auto const tensor : tensors) {
        auto& step = steps_[tensor.index() - 1];
        for (auto& input : step.inputs) input = instead[input.index()];
        auto const in = step.inputs.front();
        auto const* before = in.index() == 0 ? nullptr : &steps_[in.index() - 1];
        bool const is_alone = readers[in.index()] == 1;
        auto const skip = [&] {  // what `before` does is done here
            step.inputs.front() = before->inputs.front();
            changed = true;
        };
        auto const drop = [&] {
            instead[tensor.index()] = in;
            changed = true;
        };
        auto const* affine = std::get_if<op::Affine>(&step.operation);
        if (std::holds_alternative<op::Reshape>(step.operation)) {
            if (shape(tensor) == shape(in))
                drop();
            else if (before && std::holds_alternative<op::Reshape>(before->operation))
                skip();
        } else if (auto* transpose = std::get_if<op::Transpose>(&step.operation)) {
            if (transpose->order == std::array{Axis::h, Axis::w, Axis::c}) {
                drop();
            } else if (auto const* first = before ? std::get_if<op::Transpose>(&before->operation) : nullptr) {
                for (auto& axis : transpose->order) axis = first->order[static_cast<std::size_t>(axis)];
                skip();
            }
        } else if (affine && before && is_alone) {
            if (std::holds_alternative<op::Affine>(before->operation) ||
                std::holds_alternative<op::BatchNorm>(before->operation)) {
                step.weights = scaled_weights(before->weights, step.weights);
                step.name = before->name;
                step.operation = before->operation;
                skip();
            } else if (auto const* convolution = std::get_if<op::Convolution>(&before->operation);
                       convolution && only_adds(step)) {
                auto with_bias = *convolution;
                with_bias.has_bias = true;
                step.weights = biased_weights(before->weights, step.weights);
                step.operation = with_bias;
                step.name = before->name;
                skip();
            } else if (auto const* connected = std::get_if<op::FullyConnected>(&before->operation);
                       connected && only_adds(step)) {
                step.weights = biased_weights(before->weights, step.weights);
                step.operation = op::FullyConnected{connected->outputs, true};
                step.name = before->name;
                skip();
            }
        } else if (auto* convolution = std::get_if<op::Convolution>(&step.operation);
                   convolution && is_zero_pad(before)) {
            auto& padding = convolution->window.padding;
            padding = sum(padding, std::get<op::Pad>(before->operation).padding);
            skip();
        } else if (auto* pool = std::get_if<op::AveragePool>(&step.operation);
                   pool && is_zero_pad(before) && pool->window.padding == Padding{}) {
            auto const padding = std::get<op::Pad>(before->operation).padding;
            auto const span = pool->window.span();
            if (std::max(padding.top, padding.bottom) < span.h && std::max(padding.left, padding.right) < span.w) {
                pool->window.padding = padding;
                pool->counts_padding = true;
                skip();
            }
        } else if (auto* pad = std::get_if<op::Pad>(&step.operation); pad && before && is_alone) {
            auto const* first = std::get_if<op::Pad>(&before->operation);
            if (first && first->mode == pad->mode && first->value == pad->value) {
                auto const &p = first->padding, &q = pad->padding;
                bool const same_axis =
                    (p.top + p.bottom > 0 && q.top + q.bottom > 0) || (p.left + p.right > 0 && q.left + q.right > 0);
                if (!same_axis || pad->mode == op::Pad::Mode::constant) {
                    pad->padding = sum(p, q);
                    skip();
                }
            }
        }
    }
    output_ = instead[output_.index()];
    return changed;
}

Sketch::Drawing Sketch::finish() const {
    Graph::Builder builder(input_);
    std::unordered_map<std::string, int> names;
    std::unordered_map<std::string, std::string> sharers;  // name by key
    std::vector<TensorId> made(steps_.size() + 1);
    made[0] = TensorId(0);
    auto const tensors = used();
    for (auto const tensor : tensors) {
        auto const& step = steps_[tensor.index() - 1];
        if (!step.missing.empty()) throw InputError(step.missing);
        auto const name = unique(names, step.name);
        auto weights = name;
        if (!step.weights.key.empty()) weights = sharers.emplace(step.weights.key, name).first->second;
        std::vector<TensorId> inputs;
        for (auto const input : step.inputs) inputs.push_back(made[input.index()]);
        made[tensor.index()] = builder.add(name, step.operation, std::move(inputs), std::move(weights));
    }
    Drawing drawing{std::move(builder).finish(made[output_.index()]), {}};
    std::size_t all = 0;
    for (auto const& tensor : drawing.graph.weight_tensors()) {
        all += std::min(tensor.elements(), limits::all_weights);
        if (all > limits::all_weights) throw InputError("the model has more than 2^30 weights");
    }
    for (std::size_t o = 0; o < tensors.size(); ++o) {
        auto const& op = drawing.graph.at(OperatorId(o));
        auto const& step = steps_[tensors[o].index() - 1];
        if (op.weights != op.name || !step.weights.make) continue;
        auto values = step.weights.values();
        auto const wanted = drawing.graph.weight_tensors(OperatorId(o));
        SKIPSTONE_ENSURE(wanted.size() == values.size());
        for (std::size_t i = 0; i < wanted.size(); ++i) {
            SKIPSTONE_ENSURE(wanted[i].elements() == values[i].size());
            drawing.weights.push_back({wanted[i].name, wanted[i].shape, std::move(values[i])});
        }
    }
    return drawing;
}

}  // namespace skipstone::onnx

#include "kernels/lowering.hpp"

#include <algorithm>
#include <map>
#include <ranges>
#include <set>
#include <utility>

#include "kernels/loops.hpp"
#include "model/calibration.hpp"
#include "units/error.hpp"

namespace skipstone::kernels {

namespace {

// There are kernels for it in 16 and 8 bits; others compute in float32, between conversions.
bool has_short_kernels(Operator const& op) {
    return only_moves(op.operation) || op.as<op::Relu>() || op.as<op::Add>() ||
           ((op.as<op::MaxPool>() || op.as<op::AveragePool>()) && !has_loop(op.operation));
}

std::string text_of(Operator const& op) {
    if (op.as<op::MaxPool>()) return "max pool";
    if (op.as<op::GlobalAverage>() || op.as<op::AveragePool>()) return "average pool";
    return op.name;
}

class Lowering {
  public:
    Lowering(Piece const& piece, BlockMode mode) : piece_(piece), graph_(piece.graph()), operators_(piece.operators()) {
        if (piece.precision() == Precision::int8) ranges_.emplace(piece.network());
        for (auto& c : convolutions(piece)) {
            auto const op = c.op;
            convolutions_.emplace(op, std::move(c));
        }
        if (mode != BlockMode::full) {
            SKIPSTONE_EXPECT(piece.shortcut().has_value());
            leave_out(*piece.shortcut(), mode);
        }
    }

    std::vector<Step> lower(Value input) {
        values_[piece_.reads()] = {input};
        for (auto const id : operators_) add(id);
        get(piece_.gives(), piece_.output_type());
        keep_what_is_read_again();
        return std::move(steps_);
    }

  private:
    // What remains of the block without one side of its sum: the operators that lead to the other side, and those
    // behind.
    void leave_out(Shortcut const& shortcut, BlockMode mode) {
        auto const& sum = graph_.at(shortcut.sum);
        auto const kept =
            mode == BlockMode::skip
                ? shortcut.output
                : *std::ranges::find_if(sum.inputs, [&](TensorId tensor) { return tensor != shortcut.output; });
        replaced_ = {sum.output, kept};
        std::set<TensorId> needed{actual(piece_.gives())};
        std::vector<OperatorId> remaining;
        for (auto const id : operators_ | std::views::reverse) {
            auto const& op = graph_.at(id);
            if (!needed.contains(op.output)) continue;
            remaining.push_back(id);
            for (auto const input : op.inputs) needed.insert(actual(input));
        }
        operators_.assign(remaining.rbegin(), remaining.rend());
    }

    TensorId actual(TensorId tensor) const { return tensor == replaced_.first ? replaced_.second : tensor; }

    // Those that read a tensor and remain.
    std::vector<Operator const*> readers(TensorId tensor) const {
        std::vector<Operator const*> found;
        for (auto const id : operators_) {
            auto const& op = graph_.at(id);
            for (auto const input : op.inputs)
                if (actual(input) == tensor) found.push_back(&op);
        }
        return found;
    }

    Operator const* only_reader(TensorId tensor) const {
        if (tensor == actual(piece_.gives())) return nullptr;
        auto const found = readers(tensor);
        return found.size() == 1 ? found.front() : nullptr;
    }

    bool is_exact(TensorId tensor) const { return piece_.is_exact(tensor); }

    // A box that is cut out of what a convolution gives keeps the convolution of a part from taking along what it takes
    // along in the network, where what is between them has no range: here that is float32.
    bool has_range(TensorId tensor) const {
        return !ranges_ || piece_.is_whole() || ranges_->lies_in_8_bits(piece_.whole(tensor));
    }

    // How a tensor lies for kernels of the network's precision.
    Value in_precision(TensorId tensor) const {
        if (!ranges_) return {tensor, activation_type(piece_.precision())};
        // What stands in a sum's place is in the sum's units, if it is computed for that.
        bool const replaces = tensor == replaced_.second && tensor != piece_.reads();
        return {tensor, piece_.eight_bits(tensor), ranges_->of(piece_.whole(replaces ? replaced_.first : tensor))};
    }
    Value given(TensorId tensor) const {
        return is_exact(tensor) || !has_range(tensor) ? Value{tensor} : in_precision(tensor);
    }

    std::vector<Value> const& known(TensorId tensor) const { return values_.at(actual(tensor)); }
    bool is_known_in(TensorId tensor, ElementType type) const {
        return std::ranges::find(known(tensor), type, &Value::type) != known(tensor).end();
    }

    // A tensor as it is wanted, converted if need be. The tensor may have another name: what stands in a sum's place.
    Value get(Value wanted) {
        wanted.tensor = actual(wanted.tensor);
        auto& values = values_.at(wanted.tensor);
        if (std::ranges::find(values, wanted) != values.end()) return wanted;
        // From float32, where it is known: that rounds once.
        auto const plain = std::ranges::find(values, ElementType::float32, &Value::type);
        auto const from = plain == values.end() ? values.front() : *plain;
        steps_.push_back({Step::Kind::convert, {from}, wanted, {}, {}, {}, {}, false, "conversion"});
        values.push_back(wanted);
        return wanted;
    }
    Value get(TensorId tensor, ElementType type) {
        if (type == ElementType::float32 || !ranges_) return get({tensor, type});
        return get({tensor, type, in_precision(actual(tensor)).range});
    }

    void put(Step step) {
        values_[step.gives.tensor] = {step.gives};
        steps_.push_back(std::move(step));
    }

    // A convolution with what is folded into it.
    struct Waiting {
        OperatorId op;
        Convolution const* convolution;
    };

    // Behind it an activation that becomes part of it, and what then comes out.
    std::pair<Activation, TensorId> activated(TensorId tensor) const {
        if (auto const* next = only_reader(tensor))
            if (auto const function = pointwise_of(*next)) return {function, next->output};
        return {std::nullopt, tensor};
    }

    void emit(Waiting const& waiting, std::optional<TensorId> added, TensorId sum) {
        auto const& c = *waiting.convolution;
        auto const wanted = c.precision == Precision::float32 ? Value{c.reads} : in_precision(actual(c.reads));
        Step step{Step::Kind::convolution, {get(wanted)}, {}, waiting.op, c};
        auto const [activation, output] = activated(sum);
        step.activation = activation;
        step.gives = given(output);
        if (added) {
            if (!has_range(*added)) step.gives = {output};
            bool const is_plain = is_exact(sum) || step.gives.type == ElementType::float32;
            step.added = get(is_plain ? Value{actual(*added)} : in_precision(actual(*added)));
        }
        step.name = c.name;
        put(std::move(step));
    }

    void add(OperatorId id) {
        auto const& op = graph_.at(id);
        if (values_.contains(op.output) || is_folded(op)) return;
        if (auto const found = convolutions_.find(id); found != convolutions_.end()) {
            auto const& c = found->second;
            values_[op.output] = {};  // nowhere: they are parts of what is computed at once
            for (auto tensor = op.output; tensor != c.gives;) {
                tensor = only_reader(tensor)->output;
                values_[tensor] = {};
            }
            auto const* next = only_reader(c.gives);
            if (next && next->as<op::Add>() && is_exact(next->output) == is_exact(c.gives)) {
                waiting_.push_back({id, &c});
            } else {
                emit({id, &c}, std::nullopt, c.gives);
            }
        } else if (op.as<op::Add>()) {
            sum(op);
        } else if (auto const function = pointwise_of(op)) {
            pointwise(id, op, *function);
        } else {
            plain(id, op);
        }
    }

    // Zeros around an image that convolutions alone read are part of these.
    bool is_folded(Operator const& op) const {
        if (!op.as<op::Pad>() || op.output == piece_.gives()) return false;
        return std::ranges::all_of(operators_, [&](OperatorId id) {
            if (std::ranges::find(graph_.at(id).inputs, op.output) == graph_.at(id).inputs.end()) return true;
            auto const found = convolutions_.find(id);
            return found != convolutions_.end() && found->second.reads != op.output;
        });
    }

    // The first side that is a convolution takes the sum along; the other side is computed before it.
    void sum(Operator const& op) {
        std::vector<Waiting> sides;
        for (auto const input : op.inputs) {
            auto const found = std::ranges::find_if(waiting_, [&](auto& w) { return w.convolution->gives == input; });
            if (found == waiting_.end()) continue;
            sides.push_back(*found);
            waiting_.erase(found);
        }
        if (!sides.empty()) {
            auto const other = op.inputs[op.inputs.front() == sides.front().convolution->gives ? 1 : 0];
            if (sides.size() == 2) emit(sides.back(), std::nullopt, other);
            emit(sides.front(), other, op.output);
            return;
        }
        auto const [activation, output] = activated(op.output);
        Step step{Step::Kind::sum, {}, given(output)};
        bool const all_float32 =
            std::ranges::all_of(op.inputs, [&](auto in) { return is_known_in(in, ElementType::float32); });
        bool const all_ranged = std::ranges::all_of(op.inputs, [&](auto in) { return has_range(in); });
        if (step.gives.type != ElementType::float32 && (all_float32 || !all_ranged)) step.gives = {output};
        for (auto const input : op.inputs)
            step.reads.push_back(step.gives.type == ElementType::float32 ? get(Value{input})
                                                                         : get(in_precision(actual(input))));
        step.activation = activation;
        step.may_lie_over_input = step.reads[0].type == step.gives.type && step.reads[0] != step.reads[1];
        step.name = op.name;
        put(std::move(step));
    }

    void pointwise(OperatorId id, Operator const& op, Pointwise const& function) {
        auto const gives = given(op.output);
        auto const input = op.inputs.front();
        bool const is_short = gives.type != ElementType::float32 && !is_known_in(input, ElementType::float32);
        if (is_short && ranges_) {  // a table
            auto const from = get(in_precision(actual(input)));
            put({Step::Kind::convert, {from}, gives, {}, {}, {}, function, true, op.name});
        } else if (is_short) {
            put({Step::Kind::operation, {get(in_precision(actual(input)))}, gives, id, {}, {}, {}, true, op.name});
        } else {
            put({Step::Kind::operation, {get(Value{input})}, {op.output}, id, {}, {}, {}, true, op.name});
        }
    }

    void plain(OperatorId id, Operator const& op) {
        auto gives = given(op.output);
        bool const in_float32 =
            std::ranges::all_of(op.inputs, [&](TensorId input) { return is_known_in(input, ElementType::float32); });
        if (gives.type != ElementType::float32 && (in_float32 || !has_short_kernels(op))) gives = {op.output};
        Step step{Step::Kind::operation, {}, gives, id};
        auto const* sampled = op.as<op::Subsample>();
        for (auto const input : op.inputs) {
            Value wanted{actual(input), gives.type, gives.range};
            if (sampled && gives.range) wanted = in_precision(wanted.tensor);
            step.reads.push_back(get(wanted));
        }
        step.may_lie_over_input = may_lie_over(op.operation);
        step.name = text_of(op);
        // Zeros are zeros in every unit: the units change behind it, where there is less.
        if (sampled) {
            step.gives.type = step.reads[0].type;
            step.gives.range = step.reads[0].range;
        }
        put(std::move(step));
        if (sampled) get(gives);
    }

    // What a convolution adds to, and is read again or shown elsewhere, is copied before.
    void keep_what_is_read_again() {
        for (std::size_t i = 0; i < steps_.size(); ++i) {
            auto const& added = steps_[i].added;
            if (!added) continue;
            bool const is_read =
                std::ranges::any_of(steps_.begin() + static_cast<std::ptrdiff_t>(i) + 1, steps_.end(),
                                    [&](Step const& later) {
                                        return later.added == added ||
                                               std::ranges::find(later.reads, *added) != later.reads.end();
                                    }) ||
                std::ranges::find(steps_[i].reads, *added) != steps_[i].reads.end();
            if (!is_read) continue;
            auto copy = *added;
            copy.copy = ++copies_;
            Step const step{Step::Kind::copy, {*added}, copy, {}, {}, {}, {}, false, "copy"};
            steps_[i].added = copy;
            steps_.insert(steps_.begin() + static_cast<std::ptrdiff_t>(i), step);
            ++i;
        }
    }

    Piece const& piece_;
    Graph const& graph_;
    std::optional<Ranges> ranges_;  // int8 only
    std::vector<OperatorId> operators_;
    std::map<OperatorId, Convolution> convolutions_;
    std::pair<TensorId, TensorId> replaced_;
    // How each tensor lies that has been computed; nowhere: it is a part of a later step.
    std::map<TensorId, std::vector<Value>> values_;
    std::vector<Waiting> waiting_;  // convolutions whose result is added to something
    int copies_ = 0;
    std::vector<Step> steps_;
};

}  // namespace

Value input_of(Piece const& piece) {
    auto const tensor = piece.reads();
    if (size_of(piece.input_type()) > 1) return {tensor, piece.input_type()};
    return {tensor, piece.input_type(), Ranges(piece.network()).of(piece.reads_range_of())};
}

std::vector<Step> lower(Piece const& piece, BlockMode mode) {
    return Lowering(piece, mode).lower(input_of(piece));
}

std::vector<Step> lower(Network const& network, BlockId block, BlockMode mode) {
    return lower(Piece::block(network, block), mode);
}

}  // namespace skipstone::kernels

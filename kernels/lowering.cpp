#include "kernels/lowering.hpp"

#include <algorithm>
#include <map>
#include <utility>

#include "units/error.hpp"

namespace skipstone::kernels {

namespace {

class Lowering {
  public:
    Lowering(Network const& network, Block const& block, BlockMode mode)
        : network_(network), graph_(network.graph()), block_(block), operators_(block.operators) {
        if (mode != BlockMode::full) {
            SKIPSTONE_EXPECT(block.shortcut.has_value());
            leave_out(*block.shortcut, mode);
        }
    }

    std::vector<Step> lower(Value input) {
        values_[block_.reads] = input;
        for (auto const id : operators_) add(id);
        auto const output = value(block_.gives);
        SKIPSTONE_ENSURE(output.type == type_of(block_.gives));
        return std::move(steps_);
    }

  private:
    // The operators that remain of the block without one side of its sum. The sum then is its other side.
    void leave_out(Shortcut const& shortcut, BlockMode mode) {
        auto const& sum = graph_.at(shortcut.sum);
        auto const kept =
            mode == BlockMode::skip
                ? shortcut.output
                : *std::ranges::find_if(sum.inputs, [&](TensorId tensor) { return tensor != shortcut.output; });
        std::erase_if(operators_, [&](OperatorId id) {
            bool const on_shortcut = std::ranges::find(shortcut.operators, id) != shortcut.operators.end();
            return id <= shortcut.sum && (id == shortcut.sum || on_shortcut != (mode == BlockMode::skip));
        });
        replaced_ = {sum.output, kept};
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

    template <class Kind>
    Operator const* only_reader(TensorId tensor) const {
        if (tensor == block_.gives) return nullptr;
        auto const found = readers(tensor);
        return found.size() == 1 && found.front()->template as<Kind>() ? found.front() : nullptr;
    }

    ElementType type_of(TensorId tensor) const {
        auto const source = graph_.source(tensor);
        auto const precision =
            source ? graph_.precision_of(graph_.at(source), network_.precision()) : network_.precision();
        if (precision == Precision::int8 && graph_.at(tensor).is_negative_somewhere) return ElementType::int8;
        return activation_type(precision);
    }

    Value value(TensorId tensor) const { return values_.at(actual(tensor)); }

    // A tensor in the type that an operator computes with.
    Value converted(TensorId tensor, Operator const& op) {
        auto from = value(tensor);
        bool const exact = graph_.precision_of(op, network_.precision()) == Precision::float32;
        auto const wanted = exact ? ElementType::float32 : type_of(actual(tensor));
        if (from.type == wanted) return from;
        Value const to{from.tensor, wanted};
        steps_.push_back({Step::Kind::convert, from, to, {}, {}, false, "conversion"});
        return values_[actual(tensor)] = to;
    }

    // A convolution with what is folded into it, from what it reads to what it gives.
    struct Fused {
        Operator const* op;
        TensorId output;  // behind the batch norm
        OperatorId id;
    };

    void emit(Fused const& fused, std::optional<Value> added, TensorId output) {
        auto const reads = converted(fused.op->inputs.front(), *fused.op);
        auto const* relu = only_reader<op::Relu>(output);
        if (relu) output = relu->output;
        Value const gives{output, type_of(output)};
        steps_.push_back({Step::Kind::convolution, reads, gives, convolution_of(network_, fused.id), added,
                          relu != nullptr, fused.op->name});
        values_[output] = gives;
    }

    void add(OperatorId id) {
        auto const& op = graph_.at(id);
        if (values_.contains(op.output)) return;  // part of a convolution
        if (op.is_weighted()) {
            Fused fused{&op, op.output, id};
            if (auto const* norm = only_reader<op::BatchNorm>(op.output)) fused.output = norm->output;
            values_[op.output] = values_[fused.output] = {};  // nowhere
            if (only_reader<op::Add>(fused.output)) {
                waiting_.push_back(fused);
            } else {
                emit(fused, std::nullopt, fused.output);
            }
        } else if (op.as<op::Add>()) {
            sum(op);
        } else if (op.as<op::Relu>()) {
            simple(Step::Kind::rectify, op, op.name);
        } else if (op.as<op::MaxPool>()) {
            simple(Step::Kind::max_pool, op, "max pool");
        } else if (op.as<op::GlobalAverage>()) {
            simple(Step::Kind::global_average, op, "average pool");
        } else if (op.as<op::Subsample>()) {
            simple(Step::Kind::subsample, op, op.name);
        } else {
            contract_failed("internal condition", "a batch norm stands behind a convolution", __FILE__, __LINE__);
        }
    }

    void simple(Step::Kind kind, Operator const& op, std::string name) {
        auto const reads = converted(op.inputs.front(), op);
        Value const gives{op.output, type_of(op.output)};
        steps_.push_back({kind, reads, gives, {}, {}, false, std::move(name)});
        values_[op.output] = gives;
    }

    // The first side that is a convolution takes the sum along; the other side is computed before it.
    void sum(Operator const& op) {
        std::vector<Fused> sides;
        for (auto const input : op.inputs)
            if (auto const found = std::ranges::find(waiting_, input, &Fused::output); found != waiting_.end()) {
                sides.push_back(*found);
                waiting_.erase(found);
            }
        SKIPSTONE_ENSURE(!sides.empty());  // every block of a residual network has F(x)
        auto const other = op.inputs[op.inputs.front() == sides.front().output ? 1 : 0];
        if (sides.size() == 2) emit(sides.back(), std::nullopt, other);
        emit(sides.front(), value(other), op.output);
    }

    Network const& network_;
    Graph const& graph_;
    Block const& block_;
    std::vector<OperatorId> operators_;
    std::pair<TensorId, TensorId> replaced_;
    std::map<TensorId, Value> values_;  // what has been computed, or will be as a part of a later step
    std::vector<Fused> waiting_;        // convolutions whose result is added to something
    std::vector<Step> steps_;
};

}  // namespace

Value input_of(Network const& network, BlockId block) {
    auto const tensor = network.block(block).reads;
    return {tensor, block.index() == 0 ? ElementType::float32 : network.output_type(BlockId(block.index() - 1))};
}

std::vector<Step> lower(Network const& network, BlockId block, BlockMode mode) {
    return Lowering(network, network.block(block), mode).lower(input_of(network, block));
}

}  // namespace skipstone::kernels

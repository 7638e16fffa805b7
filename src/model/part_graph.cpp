#include "model/part_graph.hpp"

#include <algorithm>
#include <array>
#include <map>
#include <ranges>
#include <span>
#include <string>
#include <tuple>
#include <utility>

#include "model/part_need.hpp"
#include "units/error.hpp"

namespace skipstone {

namespace {

bool reads_weights(Operator const& op) {
    return op.is_weighted() || op.as<op::BatchNorm>() || op.as<op::Affine>() || op.as<op::Prelu>();
}

std::string text(Range range) {
    return std::to_string(range.begin) + ":" + std::to_string(range.end);
}

// Makes the graph of one part: what is needed, from the operators' end to their beginning; then the operators.
class PartMaker {
  public:
    PartMaker(Graph const& graph, std::span<OperatorId const> operators, TensorId reads)
        : graph_(graph), operators_(operators), reads_(reads) {}

    // The operators behind `reads` that lead to a box of a tensor.
    PartGraph box(TensorId gives, Region const& wanted) && {
        want(gives, wanted);
        find_needs();
        return make(gives);
    }
    // Likewise to a share of what an operator computes.
    PartGraph share(OperatorId mixing, Range channels) && {
        needs_.emplace(mixing, need_of_share(graph_, graph_.at(mixing), channels));
        TensorId const gives = graph_.at(mixing).output;
        want(gives, needs_.at(mixing).gives);
        find_needs();
        return make(gives);
    }

  private:
    // A tensor of the part.
    struct Known {
        TensorId tensor;
        Region box;
    };

    void want(TensorId tensor, Region const& box) {
        auto const [found, is_new] = wanted_.emplace(tensor, box);
        if (!is_new) found->second = hull(found->second, box);
    }

    void find_needs() {
        for (auto const id : operators_ | std::views::reverse) {
            auto const& op = graph_.at(id);
            auto const wanted = wanted_.find(op.output);
            if (wanted == wanted_.end()) continue;
            auto need = needs_.find(id);
            if (need == needs_.end()) need = needs_.emplace(id, need_of(graph_, op, wanted->second)).first;
            for (std::size_t i = 0; i < op.inputs.size(); ++i)
                if (auto const& box = need->second.inputs[i]) want(op.inputs[i], *box);
        }
    }

    PartGraph make(TensorId gives) {
        auto input = graph_.at(reads_);
        auto const box = wanted_.at(reads_);
        input.name = "input";
        input.shape = box.shape();
        Graph::Builder builder(std::move(input));
        tensors_.push_back({reads_, box});
        known_.emplace(reads_, Known{TensorId(0), box});
        for (auto const id : operators_)
            if (auto const need = needs_.find(id); need != needs_.end()) add(builder, id, need->second);
        return {std::move(builder).finish(known_.at(gives).tensor, graph_.at(gives).precedes_weights),
                std::move(operators_made_), std::move(tensors_)};
    }

    void add(Graph::Builder& builder, OperatorId id, PartNeed const& need) {
        auto const& op = graph_.at(id);
        std::vector<TensorId> inputs;
        for (std::size_t i = 0; i < op.inputs.size(); ++i)
            if (auto const& box = need.inputs[i]) inputs.push_back(cut(builder, op.inputs[i], *box));
        bool const has_weights = reads_weights(op);
        PartOperator part{.whole = id, .outputs = {}, .inputs = {}};
        if (has_weights) {
            part.outputs = need.weights_out;
            part.inputs = need.weights_in;
        }
        auto const tensor =
            builder.add(op.name, need.operation, std::move(inputs), has_weights ? weights_name(op, need) : "");
        operators_made_.push_back(part);
        tensors_.push_back({op.output, need.gives});
        known_[op.output] = {tensor, need.gives};
        // What is more than anyone needs is cut off at once.
        auto const wanted = wanted_.at(op.output);
        auto const kept = cut(builder, op.output, wanted);
        known_[op.output] = {kept, wanted};
    }

    // A box of a tensor.
    TensorId cut(Graph::Builder& builder, TensorId whole, Region const& box) {
        auto [tensor, has] = known_.at(whole);
        for (auto const axis : {Axis::h, Axis::w, Axis::c}) {
            auto& there = axis == Axis::h ? has.h : axis == Axis::w ? has.w : has.c;
            auto const here = axis == Axis::h ? box.h : axis == Axis::w ? box.w : box.c;
            if (there == here) continue;
            op::Slice const slice{axis, here.begin - there.begin, here.end - there.begin, 1};
            there = here;
            auto& made = cuts_[{tensor, axis, slice.begin, slice.end}];
            if (!made) {
                made = builder.add("cut " + std::to_string(cuts_.size()) + " of " + graph_.at(whole).name, slice,
                                   {tensor});
                operators_made_.push_back({});
                tensors_.push_back({whole, has});
            }
            tensor = made;
        }
        return tensor;
    }

    std::string weights_name(Operator const& op, PartNeed const& need) const {
        int const outputs = graph_.at(op.output).shape.c;
        int inputs = 0;
        if (op.is_weighted()) {
            auto const* convolution = op.as<op::Convolution>();
            inputs = graph_.at(op.inputs.front()).shape.c / (convolution ? convolution->groups : 1);
        }
        if (need.weights_out == Range{0, outputs} && need.weights_in == Range{0, inputs}) return op.weights;
        std::string name = op.weights + "[" + text(need.weights_out);
        if (need.weights_in != Range{0, inputs}) name += "," + text(need.weights_in);
        return name + "]";
    }

    Graph const& graph_;
    std::span<OperatorId const> operators_;
    TensorId reads_;
    std::map<TensorId, Region> wanted_;
    std::map<OperatorId, PartNeed> needs_;
    std::map<TensorId, Known> known_;                                // by the network's tensor
    std::map<std::tuple<TensorId, Axis, int, int>, TensorId> cuts_;  // of a part's tensor along an axis
    std::vector<PartOperator> operators_made_;
    std::vector<PartTensor> tensors_;
};

}  // namespace

Costs costs_of(PartGraph const& part, Precision precision) {
    std::vector<OperatorId> all;
    for (std::size_t o = 0; o < part.operators.size(); ++o) all.emplace_back(o);
    return part.graph.costs(all, precision);
}

PartGraph part_of_box(Graph const& graph, std::span<OperatorId const> operators, TensorId reads, TensorId gives,
                      Region const& box) {
    return PartMaker(graph, operators, reads).box(gives, box);
}

PartGraph part_of_share(Graph const& graph, std::span<OperatorId const> operators, TensorId reads, OperatorId mixing,
                        Range channels) {
    return PartMaker(graph, operators, reads).share(mixing, channels);
}

}  // namespace skipstone

#include "model/graph.hpp"

#include <algorithm>
#include <boost/test/unit_test.hpp>
#include <cmath>
#include <limits>
#include <string>
#include <vector>

#include "model/network.hpp"
#include "tests/network_profiles.hpp"
#include "units/error.hpp"

using namespace skipstone;
using namespace skipstone::test;

namespace {

op::Convolution conv(int outputs, int kernel = 3, int stride = 1) {
    return {square_window(kernel, stride, kernel / 2), outputs};
}

std::vector<std::string> names(Graph const& graph, std::vector<TensorId> const& tensors) {
    std::vector<std::string> all;
    for (auto const tensor : tensors) all.push_back(graph.at(tensor).name);
    return all;
}

std::string complaint(Graph::Builder& graph, Operation const& operation, std::vector<TensorId> const& inputs) {
    try {
        graph.add("bad", operation, inputs);
    } catch (InputError const& error) {
        return error.what();
    }
    return "";
}

}  // namespace

BOOST_AUTO_TEST_SUITE(graph)

BOOST_AUTO_TEST_CASE(shapes_follow_from_operators) {
    Graph::Builder graph({1, 11, 8, 3});
    auto const a = graph.add("a", conv(16, 3, 2), {TensorId(0)});
    BOOST_TEST((graph.shape(a) == TensorShape{1, 6, 4, 16}));
    auto const uneven = graph.add("uneven", op::Convolution{{{4, 2}, {2, 1}, {1, 0, 0, 1}}, 5}, {a});
    BOOST_TEST((graph.shape(uneven) == TensorShape{1, 2, 4, 5}));
    auto const pooled = graph.add("pooled", op::MaxPool{square_window(3, 2, 1)}, {a});
    BOOST_TEST((graph.shape(pooled) == TensorShape{1, 3, 2, 16}));
    BOOST_TEST((graph.shape(graph.add("sub", op::Subsample{2, 20}, {a})) == TensorShape{1, 3, 2, 20}));
    BOOST_TEST((graph.shape(graph.add("mean", op::GlobalAverage{}, {a})) == TensorShape{1, 1, 1, 16}));
}

BOOST_AUTO_TEST_CASE(what_does_not_fit_is_refused_by_name) {
    Graph::Builder graph({1, 4, 4, 3});
    auto const a = graph.add("a", conv(8), {TensorId(0)});
    auto const large = std::numeric_limits<int>::max();
    struct Misfit {
        Operation operation;
        std::vector<TensorId> inputs;
        std::string words;
    };
    auto grouped = conv(8);
    grouped.groups = 3;
    auto unmoving = conv(8);
    unmoving.window.stride = {0, 1};
    auto far = conv(8);
    far.window.dilation = {large, large};
    auto around = conv(8);
    around.window.padding.left = large;
    std::vector<Misfit> const misfits{
        {op::Add{}, {a, TensorId(0)}, "needs two inputs of one shape, and has 4 x 4 x 8 and 4 x 4 x 3"},
        {op::Add{}, {a}, "has 1 inputs, and needs 2"},
        {op::Relu{}, {a, a}, "has 2 inputs, and needs 1"},
        {op::MaxPool{square_window(7, 1, 0)}, {a}, "larger than its input"},
        {op::MaxPool{square_window(2, 2, 2)}, {a}, "padding is as large as its window"},
        {op::Subsample{2, 4}, {a}, "fewer channels"},
        {op::Subsample{0, 8}, {a}, "stride is less than 1"},
        {grouped, {a}, "its 3 groups do not divide 8 inputs and 8 outputs"},
        {unmoving, {a}, "are from 1 to"},
        {far, {a}, "are from 1 to"},
        {around, {a}, "padding is from 0 to"},
        {op::FullyConnected{0}, {a}, "needs outputs"},
        {op::FullyConnected{large}, {a}, ""},  // as many outputs as a tensor can have
        {op::Convolution{square_window(1, 1, 0), large}, {a}, "more than 2^31 - 1 elements"},
        {op::Arithmetic{op::Arithmetic::Kind::multiply}, {TensorId(0), a}, "does not fit its first"},
        {op::Concat{Axis::h}, {a, TensorId(0)}, "differ in more than one axis"},
        {op::Slice{Axis::c, 4, 9, 1}, {a}, "takes 4 to 9 in steps of 1 of an axis of 8"},
        {op::Slice{Axis::c, 4, 4, 1}, {a}, "takes 4 to 4"},
        {op::Reshape{2, 8, 9}, {a}, "4 x 4 x 8 has not as many elements as 2 x 8 x 9"},
        {op::Reshape{large, large, large}, {a}, "has not as many elements"},
        {op::Transpose{{Axis::h, Axis::h, Axis::c}}, {a}, "names an axis twice"},
        {op::Pad{op::Pad::Mode::reflect, {4, 0, 0, 0}, 0}, {a}, "reflects more than its input"},
        {op::Pad{op::Pad::Mode::constant, {0, 0, 0, 0}, std::nan("")}, {a}, "no finite number"},
        {op::BatchNorm{-1}, {a}, "epsilon is negative"},
        {op::ResponseNorm{0}, {a}, "size is from 1"},
    };
    for (auto const& misfit : misfits) {
        auto fresh = Graph::Builder({1, 4, 4, 3});
        fresh.add("a", conv(8), {TensorId(0)});
        auto const found = complaint(fresh, misfit.operation, misfit.inputs);
        BOOST_TEST((misfit.words.empty() ? found.empty() : found.starts_with("operator bad: ")),
                   name_of(misfit.operation) << ": " << found);
        BOOST_TEST(found.find(misfit.words) != std::string::npos, found << " should have: " << misfit.words);
    }
    graph.add("bad", conv(8), {a});
    BOOST_TEST(complaint(graph, conv(8), {a}) == "operator bad: there are two of that name");
}

BOOST_AUTO_TEST_CASE(an_operator_that_leads_nowhere_is_refused) {
    Graph::Builder builder({1, 4, 4, 3});
    auto const a = builder.add("a", conv(8), {TensorId(0)});
    builder.add("b", conv(8), {TensorId(0)});
    BOOST_CHECK_EXCEPTION(std::move(builder).finish(a), InputError, [](InputError const& error) {
        return std::string(error.what()) == "operator b: nothing reads what it gives";
    });
}

BOOST_AUTO_TEST_CASE(every_kind_of_operator_has_its_shape) {
    Graph::Builder graph({1, 11, 8, 6});
    TensorId const x(0);
    int number = 0;
    auto const shape = [&](Operation const& operation, std::vector<TensorId> const& inputs) {
        return graph.shape(graph.add(std::to_string(++number), operation, inputs));
    };
    op::Convolution dilated{{{3, 3}, {1, 1}, {0, 0, 0, 0}, {2, 3}}, 12, 3};
    BOOST_TEST((shape(dilated, {x}) == TensorShape{1, 7, 2, 12}));
    BOOST_TEST((shape(op::FullyConnected{10}, {x}) == TensorShape{1, 1, 1, 10}));
    BOOST_TEST((shape(op::AveragePool{{{2, 2}, {2, 2}, {0, 0, 1, 0}}}, {x}) == TensorShape{1, 6, 4, 6}));
    BOOST_TEST((shape(op::ResponseNorm{}, {x}) == TensorShape{1, 11, 8, 6}));
    BOOST_TEST((shape(op::Concat{Axis::w}, {x, x, x}) == TensorShape{1, 11, 24, 6}));
    BOOST_TEST((shape(op::Slice{Axis::h, 1, 11, 3}, {x}) == TensorShape{1, 4, 8, 6}));
    BOOST_TEST((shape(op::Pad{op::Pad::Mode::edge, {1, 2, 3, 4}, 0}, {x}) == TensorShape{1, 15, 14, 6}));
    BOOST_TEST((shape(op::Reshape{88, 2, 3}, {x}) == TensorShape{1, 88, 2, 3}));
    BOOST_TEST((shape(op::Transpose{{Axis::c, Axis::h, Axis::w}}, {x}) == TensorShape{1, 6, 11, 8}));
    auto const mean = graph.add("mean", op::Reduce{op::Reduce::Kind::mean, true, true, false}, {x});
    BOOST_TEST((graph.shape(mean) == TensorShape{1, 1, 1, 6}));
    BOOST_TEST((shape(op::Arithmetic{op::Arithmetic::Kind::multiply}, {x, mean}) == TensorShape{1, 11, 8, 6}));
    for (Operation const& same : {Operation(op::BatchNorm{}), Operation(op::Affine{}), Operation(op::Prelu{}),
                                  Operation(op::Softmax{}), Operation(op::Activation{op::Activation::Kind::silu})})
        BOOST_TEST((shape(same, {x}) == TensorShape{1, 11, 8, 6}), name_of(same));
}

BOOST_AUTO_TEST_CASE(weights_are_named_after_their_operator_or_the_one_that_shares_them) {
    Graph::Builder builder({1, 8, 8, 4});
    auto grouped = conv(6);
    grouped.groups = 2;
    grouped.has_bias = true;
    auto tensor = builder.add("a", grouped, {TensorId(0)});
    tensor = builder.add("n", op::BatchNorm{}, {tensor});
    tensor = builder.add("b", conv(6), {tensor});
    tensor = builder.add("c", conv(6), {tensor}, "b");
    tensor = builder.add("p", op::Prelu{}, {tensor});
    tensor = builder.add("s", op::Affine{}, {tensor});
    tensor = builder.add("f", op::FullyConnected{5}, {tensor});
    auto const graph = std::move(builder).finish(tensor);
    using Tensors = std::vector<Graph::WeightTensor>;
    Tensors const expected{
        {"a.weight", {6, 2, 3, 3}}, {"a.bias", {6}},        {"n.weight", {6}},          {"n.bias", {6}},
        {"n.running_mean", {6}},    {"n.running_var", {6}}, {"b.weight", {6, 6, 3, 3}}, {"p.weight", {6}},
        {"s.weight", {6}},          {"s.bias", {6}},        {"f.weight", {5, 384}},     {"f.bias", {5}}};
    BOOST_TEST((graph.weight_tensors() == expected));
    std::vector<OperatorId> all;
    for (std::size_t o = 0; o < graph.operators().size(); ++o) all.emplace_back(o);
    auto const costs = graph.costs(all, Precision::float32);
    BOOST_TEST(costs.macs.value() == 64 * (6 * 2 * 9 + 2 * 6 * 6 * 9) + 5 * 384);
    BOOST_TEST(costs.weights.value() == 4 * (6 * 2 * 9 + 6 * 6 * 9 + 5 * 384));  // b's once
    BOOST_TEST(costs.memory.value() == 4 * 64 * (4 + 6 + 6 + 6));
}

BOOST_AUTO_TEST_CASE(shared_weights_have_one_shape) {
    Graph::Builder builder({1, 8, 8, 4});
    auto tensor = builder.add("a", conv(6), {TensorId(0)});
    tensor = builder.add("b", conv(6), {tensor}, "a");
    BOOST_CHECK_EXCEPTION(std::move(builder).finish(tensor), InputError, [](InputError const& error) {
        return std::string(error.what()) == "operator b: shares a.weight, whose shape is another one here";
    });
}

// Float32 in every network: what these give, and what only changes it element by element.
BOOST_AUTO_TEST_CASE(what_follows_a_fully_connected_operator_is_exact_until_the_next_convolution) {
    Graph::Builder builder({1, 8, 8, 4});
    auto const a = builder.add("a", conv(6), {TensorId(0)});
    auto const mean = builder.add("mean", op::GlobalAverage{}, {a});
    auto const f = builder.add("f", op::FullyConnected{6}, {mean});
    auto const gate = builder.add("gate", op::Activation{op::Activation::Kind::sigmoid}, {f});
    auto const gated = builder.add("gated", op::Arithmetic{op::Arithmetic::Kind::multiply}, {a, gate});
    auto const graph = std::move(builder).finish(gated);
    for (auto const tensor : {mean, f, gate}) BOOST_TEST(graph.at(tensor).is_exact);
    for (auto const tensor : {a, gated}) BOOST_TEST(!graph.at(tensor).is_exact);
    BOOST_TEST((graph.precision_of(graph.at(graph.source(gate)), Precision::int8) == Precision::float32));
    BOOST_TEST((graph.precision_of(graph.at(graph.source(gated)), Precision::int8) == Precision::int8));
}

BOOST_AUTO_TEST_CASE(a_fully_connected_operator_before_a_weighted_one_has_the_networks_precision) {
    Graph::Builder builder({1, 8, 8, 4});
    auto const a = builder.add("a", conv(6), {TensorId(0)});
    auto const hidden = builder.add("hidden", op::FullyConnected{6}, {a});
    auto const relu = builder.add("relu", op::Relu{}, {hidden});
    auto const mean = builder.add("mean", op::GlobalAverage{}, {relu});
    auto const behind = builder.add("behind", op::FullyConnected{6}, {mean});
    auto const last = builder.add("last", op::FullyConnected{5}, {behind});
    auto const out = builder.add("out", op::Softmax{}, {last});
    auto const graph = std::move(builder).finish(out);
    for (auto const tensor : {hidden, relu, behind}) {
        BOOST_TEST(!graph.at(tensor).is_exact);
        BOOST_TEST((graph.precision_of(graph.at(graph.source(tensor)), Precision::int8) == Precision::int8));
    }
    for (auto const tensor : {mean, last}) BOOST_TEST(graph.at(tensor).is_exact);
    auto const bytes = [&](std::size_t op, Precision precision) {
        return graph.costs({OperatorId(op)}, precision).weights.value();
    };
    BOOST_TEST(bytes(1, Precision::int8) == 6 * 384);
    BOOST_TEST(bytes(1, Precision::bfloat16) == 2 * 6 * 384);
    BOOST_TEST(bytes(5, Precision::int8) == 4 * 5 * 6);
}

BOOST_AUTO_TEST_CASE(only_what_a_relu_gives_is_never_negative) {
    Graph::Builder builder({1, 8, 8, 3});
    auto const a = builder.add("a", conv(4), {TensorId(0)});
    auto const r = builder.add("r", op::Relu{}, {a});
    auto const p = builder.add("p", op::MaxPool{square_window(2, 2, 0)}, {r});
    // It gives nothing above −1.
    auto const below =
        builder.add("below", op::Activation{.kind = op::Activation::Kind::clip, .alpha = -2, .beta = -1}, {p});
    auto const b = builder.add("b", conv(4), {below});
    auto const graph = std::move(builder).finish(b);
    for (auto const tensor : {TensorId(0), a, below, b}) BOOST_TEST(graph.at(tensor).is_negative_somewhere);
    for (auto const tensor : {r, p}) BOOST_TEST(!graph.at(tensor).is_negative_somewhere);
}

// input, a, then two branches that meet again, then c.
BOOST_AUTO_TEST_CASE(a_cut_is_a_tensor_that_crosses_alone) {
    Graph::Builder builder({1, 8, 8, 3});
    auto const a = builder.add("a", conv(4), {TensorId(0)});
    auto const left = builder.add("left", conv(4), {a});
    auto const right = builder.add("right", conv(4), {a});
    auto const sum = builder.add("sum", op::Add{}, {left, right});
    auto const c = builder.add("c", conv(4), {sum});
    auto const graph = std::move(builder).finish(c);
    std::vector<std::string> const expected{"input", "a", "sum", "c"};
    auto const found = names(graph, graph.cuts());
    BOOST_TEST(found == expected, boost::test_tools::per_element());
}

BOOST_AUTO_TEST_CASE(costs_count_weighted_operators_alone) {
    Graph::Builder builder({1, 8, 8, 3});
    auto const a = builder.add("a", op::Convolution{{{3, 1}, {1, 1}, {1, 0, 1, 0}}, 16}, {TensorId(0)});
    auto const n = builder.add("n", op::BatchNorm{}, {a});
    auto const m = builder.add("m", op::GlobalAverage{}, {n});
    auto const f = builder.add("f", op::FullyConnected{10}, {m});
    auto const graph = std::move(builder).finish(f);
    std::vector<OperatorId> all;
    for (std::size_t o = 0; o < graph.operators().size(); ++o) all.emplace_back(o);
    auto const costs = graph.costs(all, Precision::bfloat16);
    BOOST_TEST(costs.macs.value() == 3 * 3 * 16 * 64 + 160);
    BOOST_TEST(costs.memory.value() == 2 * 3 * 64 + 4 * 16);  // the fully connected operator stays float32
    BOOST_TEST(costs.weights.value() == 2 * 3 * 3 * 16 + 4 * 160);
}

BOOST_AUTO_TEST_SUITE_END()

BOOST_AUTO_TEST_SUITE(blocks)

// The cuts of a residual network are the ends of its blocks, once what has no weights is put to its neighbours.
BOOST_AUTO_TEST_CASE(blocks_of_a_residual_network_are_found_in_its_graph) {
    auto zero_padded = resnet20();
    auto projected = resnet50(64, {2, 3, 1});
    auto basic = changed(resnet20(), [](auto& shape) { shape.shortcut = networks::ShortcutKind::projection; });
    for (auto const& profile : {zero_padded, projected, basic}) {
        Network const network(profile);
        auto const& graph = network.graph();
        std::size_t operators = 0;
        for (std::size_t b = 0; b < network.size(); ++b) {
            auto const& block = network.blocks()[b];
            operators += block.operators.size();
            BOOST_TEST((block.reads == (b == 0 ? graph.input() : network.blocks()[b - 1].gives)));
            BOOST_TEST(block.is_droppable() == (b > 0 && b + 1 < network.size()), block.name);
            if (!block.is_droppable()) continue;
            BOOST_TEST(graph.at(graph.source(block.gives)).as<op::Relu>() != nullptr, block.name);
            BOOST_TEST(block.has_identity_shortcut() == (block.input == block.output), block.name);
        }
        BOOST_TEST(operators == graph.operators().size());
        BOOST_TEST((network.blocks().back().gives == graph.output()));
    }
}

BOOST_AUTO_TEST_CASE(a_chain_without_sums_has_a_block_for_each_weighted_operator) {
    Graph::Builder builder({1, 8, 8, 3});
    auto tensor = builder.add("a", conv(4), {TensorId(0)});
    tensor = builder.add("a.relu", op::Relu{}, {tensor});
    tensor = builder.add("a.pool", op::MaxPool{square_window(2, 2, 0)}, {tensor});
    tensor = builder.add("b", conv(6), {tensor});
    tensor = builder.add("mean", op::GlobalAverage{}, {tensor});
    tensor = builder.add("f", op::FullyConnected{3}, {tensor});
    auto const blocks = blocks_of(std::move(builder).finish(tensor), Precision::float32);
    BOOST_TEST_REQUIRE(blocks.size() == 3u);
    BOOST_TEST(blocks[0].name == "a");
    BOOST_TEST(blocks[0].operators.size() == 3u);
    BOOST_TEST((blocks[0].output == TensorShape{1, 4, 4, 4}));
    BOOST_TEST(blocks[1].name == "b");
    BOOST_TEST(blocks[1].operators.size() == 2u);
    BOOST_TEST(blocks[2].macs.value() == 18);
    for (auto const& block : blocks) BOOST_TEST(!block.is_droppable());
}

// F(x) + S(x) where both sides begin with the same convolution: S does not stand alone.
BOOST_AUTO_TEST_CASE(a_sum_whose_sides_share_an_operator_cannot_be_dropped) {
    Graph::Builder builder({1, 8, 8, 4});
    auto const a = builder.add("a", conv(4), {TensorId(0)});
    auto const b = builder.add("b", conv(4), {a});
    auto const extra = builder.add("extra", op::Add{}, {TensorId(0), b});
    auto const sum = builder.add("sum", op::Add{}, {extra, a});
    auto const relu = builder.add("relu", op::Relu{}, {sum});
    auto const blocks = blocks_of(std::move(builder).finish(relu), Precision::float32);
    BOOST_TEST_REQUIRE(blocks.size() == 1u);
    BOOST_TEST(!blocks.front().is_droppable());
}

// Two residual blocks with a pool between them: it is the second one's, before both sides of the sum.
BOOST_AUTO_TEST_CASE(a_pool_before_both_sides_of_a_sum_is_part_of_the_shortcut) {
    Graph::Builder builder({1, 8, 8, 4});
    auto const a = builder.add("a", conv(4), {TensorId(0)});
    auto const first = builder.add("first", op::Relu{}, {builder.add("a.sum", op::Add{}, {a, TensorId(0)})});
    auto const pool = builder.add("pool", op::MaxPool{square_window(2, 2, 0)}, {first});
    auto const b = builder.add("b", conv(4), {pool});
    auto const second = builder.add("second", op::Relu{}, {builder.add("b.sum", op::Add{}, {pool, b})});
    auto const graph = std::move(builder).finish(second);
    auto const blocks = blocks_of(graph, Precision::float32);
    BOOST_TEST_REQUIRE(blocks.size() == 2u);
    BOOST_TEST(blocks[0].has_identity_shortcut());
    BOOST_TEST_REQUIRE(blocks[1].is_droppable());
    BOOST_TEST_REQUIRE(blocks[1].shortcut->operators.size() == 1u);
    BOOST_TEST(graph.at(blocks[1].shortcut->operators.front()).name == "pool");
    BOOST_TEST(blocks[1].vanishes_when_dropped());
}

// x + F(x) without an activation, then a chain: a mean behind the sum is the next block's.
BOOST_AUTO_TEST_CASE(a_sum_without_an_activation_can_be_dropped) {
    Graph::Builder builder({1, 8, 8, 4});
    auto const a = builder.add("a", conv(4), {TensorId(0)});
    auto const clipped = builder.add("a.clip", op::Activation{op::Activation::Kind::clip, 0, 6}, {a});
    auto const b = builder.add("b", conv(4), {clipped});
    auto const sum = builder.add("sum", op::Add{}, {clipped, b});
    auto const mean = builder.add("mean", op::GlobalAverage{}, {sum});
    auto const f = builder.add("f", op::FullyConnected{3}, {mean});
    auto const blocks = blocks_of(std::move(builder).finish(f), Precision::float32);
    BOOST_TEST_REQUIRE(blocks.size() == 3u);
    BOOST_TEST(blocks[1].name == "b");
    BOOST_TEST(blocks[1].has_identity_shortcut());
    BOOST_TEST(blocks[2].name == "f");
    BOOST_TEST(blocks[2].operators.size() == 2u);
    BOOST_TEST(blocks[0].stage == 1);
    BOOST_TEST(blocks[1].stage == 1);
    BOOST_TEST(blocks[2].stage == 2);
}

BOOST_AUTO_TEST_CASE(a_clipped_sum_can_be_dropped_too) {
    Graph::Builder builder({1, 8, 8, 4});
    auto const a = builder.add("a", conv(4), {TensorId(0)});
    auto const sum = builder.add("sum", op::Add{}, {a, TensorId(0)});
    auto const clipped = builder.add("clip", op::Activation{op::Activation::Kind::clip, 0, 6}, {sum});
    auto const blocks = blocks_of(std::move(builder).finish(clipped), Precision::float32);
    BOOST_TEST_REQUIRE(blocks.size() == 1u);
    BOOST_TEST(blocks[0].has_identity_shortcut());
}

std::vector<std::string> block_names(Network const& network) {
    std::vector<std::string> all;
    for (auto const& block : network.blocks()) all.push_back(block.name);
    return all;
}

Network joined(BlockRule rule) {
    auto profile = resnet20();
    profile.blocks = std::move(rule);
    return Network(profile);
}

BOOST_AUTO_TEST_CASE(blocks_of_a_stage_can_be_joined) {
    auto const network = joined({BlockRule::Kind::stages});
    std::vector<std::string> const expected{"stem", "s2b1..s2b3", "s3b1..s3b3", "s4b1..s4b3", "head"};
    BOOST_TEST(block_names(network) == expected, boost::test_tools::per_element());
    Network const finest(resnet20());
    BOOST_TEST(network.total_macs().value() == finest.total_macs().value());
    BOOST_TEST(
        network.blocks()[2].weight_bytes.value() ==
        (finest.blocks()[4].weight_bytes + finest.blocks()[5].weight_bytes + finest.blocks()[6].weight_bytes).value());
    BOOST_TEST(network.blocks()[2].stage == 3);
    for (auto const& block : network.blocks()) BOOST_TEST(!block.is_droppable(), block.name);
}

BOOST_AUTO_TEST_CASE(neighbours_can_be_joined_by_name) {
    // An operator's name stands for the block that has it.
    auto const network = joined({BlockRule::Kind::listed, {{"stem", "s2b1"}, {"layer3.2.conv1", "linear"}}});
    std::vector<std::string> const expected{"stem..s2b1", "s2b2", "s2b3", "s3b1",      "s3b2",
                                            "s3b3",       "s4b1", "s4b2", "s4b3..head"};
    BOOST_TEST(block_names(network) == expected, boost::test_tools::per_element());
    BOOST_TEST(network.blocks()[1].is_droppable());
    auto const refusal = [](std::vector<std::vector<std::string>> lists) {
        try {
            joined({BlockRule::Kind::listed, std::move(lists)});
        } catch (InputError const& error) {
            return std::string(error.what());
        }
        return std::string();
    };
    BOOST_TEST(refusal({{"stem", "s2b9"}}).find("there is no block or operator \"s2b9\"; the nearest block is") !=
               std::string::npos);
    BOOST_TEST(refusal({{"s2b1", "stem"}}).find("\"stem\" is out of order, or in two lists") != std::string::npos);
    BOOST_TEST(refusal({{"s2b1", "s2b3"}, {"s2b2", "s3b1"}}).find("in two lists") != std::string::npos);
    BOOST_TEST(refusal({{}}).find("a list is empty") != std::string::npos);
}

BOOST_AUTO_TEST_SUITE_END()

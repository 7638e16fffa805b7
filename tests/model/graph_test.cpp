#include "model/graph.hpp"

#include <algorithm>
#include <boost/test/unit_test.hpp>
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
    BOOST_TEST(complaint(graph, op::FullyConnected{10}, {a})
                   .find("operator bad: its input of 4 x 4 x 8 has more than one pixel") == 0u);
    BOOST_TEST(complaint(graph, op::Add{}, {a, TensorId(0)}).find("needs two inputs of one shape") !=
               std::string::npos);
    BOOST_TEST(complaint(graph, op::MaxPool{square_window(7, 1, 0)}, {a}).find("larger than its input") !=
               std::string::npos);
    BOOST_TEST(complaint(graph, op::Subsample{2, 4}, {a}).find("fewer channels") != std::string::npos);
}

BOOST_AUTO_TEST_CASE(only_what_a_relu_gives_is_never_negative) {
    Graph::Builder builder({1, 8, 8, 3});
    auto const a = builder.add("a", conv(4), {TensorId(0)});
    auto const r = builder.add("r", op::Relu{}, {a});
    auto const p = builder.add("p", op::MaxPool{square_window(2, 2, 0)}, {r});
    auto const b = builder.add("b", conv(4), {p});
    auto const graph = std::move(builder).finish(b);
    for (auto const tensor : {TensorId(0), a, b}) BOOST_TEST(graph.at(tensor).is_negative_somewhere);
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

BOOST_AUTO_TEST_SUITE_END()

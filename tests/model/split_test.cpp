#include "model/split.hpp"

#include <boost/test/unit_test.hpp>
#include <string>
#include <vector>

#include "model/part_graph.hpp"
#include "tests/drawn_network.hpp"
#include "units/error.hpp"

using namespace skipstone;
using Kind = Split::Kind;

namespace {

constexpr BlockId first(0);

TensorShape shape(int h, int w, int c) {
    return {1, h, w, c};
}

Network one_block(TensorShape input, test::DrawnFamily::Draw draw) {
    auto profile = test::drawn("small", input, std::move(draw));
    profile.blocks = {BlockRule::Kind::listed, {}};
    Network const found(profile);
    profile.blocks.lists = {{found.blocks().front().name, found.blocks().back().name}};
    return Network(profile);
}

// One convolution.
Network convolution(TensorShape input, op::Convolution const& c) {
    return one_block(input, [=](Graph::Builder& graph) { return graph.add("conv", c, {TensorId(0)}); });
}

std::vector<Range> rows_read(Network const& network, Split split) {
    std::vector<Range> rows;
    for (auto const& part : parts_of(network, first, split)) rows.push_back(part.input.h);
    return rows;
}

bool offers(Network const& network, Split split, int most = 9) {
    auto const splits = splits_of(network, first, most);
    return std::ranges::find(splits, split) != splits.end();
}

std::string refusal(Network const& network, Split split) {
    try {
        parts_of(network, first, split);
    } catch (InputError const& error) {
        return error.what();
    }
    return "";
}

}  // namespace

BOOST_AUTO_TEST_SUITE(split)

BOOST_AUTO_TEST_CASE(rows_of_a_convolution_read_a_halo_on_the_sides_that_have_neighbours) {
    auto const network = convolution(shape(8, 6, 4), {square_window(3, 1, 1), 5});
    auto const parts = parts_of(network, first, {Kind::rows, 3});
    BOOST_TEST_REQUIRE(parts.size() == 3U);
    // 3, 3 and 2 rows.
    BOOST_TEST((parts[0].output == Region{{0, 3}, {0, 6}, {0, 5}}));
    BOOST_TEST((parts[1].output == Region{{3, 6}, {0, 6}, {0, 5}}));
    BOOST_TEST((parts[2].output == Region{{6, 8}, {0, 6}, {0, 5}}));
    BOOST_TEST((parts[0].input == Region{{0, 4}, {0, 6}, {0, 4}}));
    BOOST_TEST((parts[1].input == Region{{2, 7}, {0, 6}, {0, 4}}));
    BOOST_TEST((parts[2].input == Region{{5, 8}, {0, 6}, {0, 4}}));
    BOOST_TEST(parts[1].costs.macs.value() == 3 * 6 * 5 * 4 * 9);
    BOOST_TEST(parts[1].costs.memory.value() == 4 * 5 * 6 * 4);
    BOOST_TEST(parts[1].costs.weights.value() == 4 * 5 * 4 * 9);
}

BOOST_AUTO_TEST_CASE(steps_and_dilation_stretch_what_rows_read) {
    // 9 rows, of which 5 are made: row r reads 2 r − 1, 2 r, 2 r + 1.
    BOOST_TEST((rows_read(convolution(shape(9, 9, 1), {square_window(3, 2, 1), 1}), {Kind::rows, 2}) ==
                std::vector<Range>{{0, 6}, {5, 9}}));
    // A window of one element passes over rows at the end.
    BOOST_TEST((rows_read(convolution(shape(8, 8, 1), {square_window(1, 2, 0), 1}), {Kind::rows, 2}) ==
                std::vector<Range>{{0, 3}, {4, 7}}));
    auto dilated = square_window(3, 1, 2);
    dilated.dilation = {2, 2};
    BOOST_TEST(
        (rows_read(convolution(shape(8, 8, 1), {dilated, 1}), {Kind::rows, 2}) == std::vector<Range>{{0, 6}, {2, 8}}));
    // Five rows of padding: the first rows that are made see it alone, and are made with the first that does not.
    BOOST_TEST((rows_read(convolution(shape(4, 4, 1), {square_window(3, 1, 5), 1}), {Kind::rows, 4}) ==
                std::vector<Range>{{0, 1}, {0, 3}, {1, 4}, {3, 4}}));
}

BOOST_AUTO_TEST_CASE(padding_is_at_the_borders_of_the_whole_image_alone) {
    auto const network = convolution(shape(8, 8, 1), {square_window(3, 1, 1), 1});
    auto const graphs = part_graphs(network, first, {Kind::tiles, 9});
    auto const padding = [&](std::size_t part) {
        return graphs[part].graph.operators().front().as<op::Convolution>()->window.padding;
    };
    BOOST_TEST((padding(0) == Padding{1, 1, 0, 0}));
    BOOST_TEST((padding(1) == Padding{1, 0, 0, 0}));
    BOOST_TEST((padding(4) == Padding{0, 0, 0, 0}));
    BOOST_TEST((padding(5) == Padding{0, 0, 0, 1}));
    BOOST_TEST((padding(8) == Padding{0, 0, 1, 1}));
    BOOST_TEST((graphs[4].input() == Region{{2, 7}, {2, 7}, {0, 1}}));
}

BOOST_AUTO_TEST_CASE(tiles_are_a_grid_as_square_as_their_number_allows) {
    auto const high = convolution(shape(12, 12, 1), {square_window(3, 1, 1), 1});
    auto const wide = convolution(shape(12, 13, 1), {square_window(3, 1, 1), 1});
    BOOST_TEST((parts_of(high, first, {Kind::tiles, 6}).front().output == Region{{0, 4}, {0, 6}, {0, 1}}));
    BOOST_TEST((parts_of(wide, first, {Kind::tiles, 6}).front().output == Region{{0, 6}, {0, 5}, {0, 1}}));
    BOOST_TEST((parts_of(high, first, {Kind::tiles, 4}).back().output == Region{{6, 12}, {6, 12}, {0, 1}}));
    BOOST_TEST(refusal(high, {Kind::tiles, 5}) ==
               "network small: block conv cannot be split by tiles/5 (5 tiles make no grid; use rows); possible: "
               "rows/2 to rows/12, tiles/4, tiles/6, tiles/8 to tiles/10, tiles/12, tiles/14 to tiles/16");
}

BOOST_AUTO_TEST_CASE(neurons_of_a_fully_connected_operator_are_divided_with_their_weights) {
    auto const network = one_block(shape(7, 7, 512), [](Graph::Builder& graph) {
        auto const given = graph.add("fc", op::FullyConnected{4096}, {TensorId(0)});
        return graph.add("relu", op::Relu{}, {given});
    });
    auto const halves = parts_of(network, first, {Kind::outputs, 2});
    BOOST_TEST_REQUIRE(halves.size() == 2U);
    BOOST_TEST((halves[0].input == whole_region(shape(7, 7, 512))));
    BOOST_TEST((halves[1].output == Region{{0, 1}, {0, 1}, {2048, 4096}}));
    BOOST_TEST(halves[0].costs.macs.value() == 25088LL * 2048);
    BOOST_TEST(halves[0].costs.weights.value() == 4 * 25088LL * 2048);
    BOOST_TEST(halves[0].input.bytes(ElementType::float32).value() == 100352);
    BOOST_TEST(halves[0].output.bytes(ElementType::float32).value() == 8192);
    BOOST_TEST(join_macs(network, first, {Kind::outputs, 2}).value() == 0);
    // The first parts get one more.
    auto const thirds = parts_of(network, first, {Kind::outputs, 3});
    BOOST_TEST((thirds[0].output.c == Range{0, 1366}));
    BOOST_TEST((thirds[1].output.c == Range{1366, 2731}));
    BOOST_TEST((thirds[2].output.c == Range{2731, 4096}));
}

BOOST_AUTO_TEST_CASE(inputs_are_divided_by_channels_and_give_partial_sums_without_bias) {
    auto const network = one_block(shape(7, 7, 512), [](Graph::Builder& graph) {
        auto const given = graph.add("fc", op::FullyConnected{1000}, {TensorId(0)});
        return graph.add("relu", op::Relu{}, {given});
    });
    Split const split{Kind::inputs, 3};
    auto const parts = parts_of(network, first, split);
    BOOST_TEST((parts[0].input == Region{{0, 7}, {0, 7}, {0, 171}}));
    BOOST_TEST((parts[2].input == Region{{0, 7}, {0, 7}, {342, 512}}));
    for (auto const& part : parts) BOOST_TEST((part.output == whole_region(shape(1, 1, 1000))));
    BOOST_TEST(parts[0].costs.macs.value() == 49 * 171 * 1000);
    BOOST_TEST(join_macs(network, first, split).value() == 3000);
    auto const graphs = part_graphs(network, first, split);
    BOOST_TEST_REQUIRE(graphs[1].operators.size() == 1U);
    BOOST_TEST(!graphs[1].graph.operators().front().as<op::FullyConnected>()->has_bias);
    BOOST_TEST((graphs[1].operators.front() == PartOperator{OperatorId(0), {0, 1000}, {171, 342}}));
    auto const join = join_graph(network, first, 3);
    BOOST_TEST((join.mixing == OperatorId(0)));
    BOOST_TEST((join.rest.operators == std::vector<PartOperator>{{OperatorId(1), {}, {}}}));
}

BOOST_AUTO_TEST_CASE(a_depthwise_separable_block_runs_its_depthwise_operator_on_a_part_s_channels) {
    auto const network = one_block(shape(6, 6, 9), [](Graph::Builder& graph) {
        auto t = graph.add("depthwise", op::Convolution{square_window(3, 1, 1), 9, 9}, {TensorId(0)});
        t = graph.add("norm", op::BatchNorm{}, {t});
        t = graph.add("pointwise", op::Convolution{square_window(1, 1, 0), 4}, {t});
        t = graph.add("norm2", op::BatchNorm{}, {t});
        return graph.add("relu", op::Relu{}, {t});
    });
    auto const graphs = part_graphs(network, first, {Kind::inputs, 3});
    BOOST_TEST((graphs[1].input() == Region{{0, 6}, {0, 6}, {3, 6}}));
    BOOST_TEST((graphs[1].operators == std::vector<PartOperator>{{OperatorId(0), {3, 6}, {0, 1}},
                                                                 {OperatorId(1), {3, 6}, {}},
                                                                 {OperatorId(2), {0, 4}, {3, 6}}}));
    BOOST_TEST(graphs[1].graph.operators()[0].weights == "depthwise[3:6]");
    BOOST_TEST(graphs[1].graph.operators()[2].weights == "pointwise[0:4,3:6]");
    BOOST_TEST(costs_of(graphs[1], Precision::float32).macs.value() == 36 * (9 * 3 + 4 * 3));
    BOOST_TEST(join_macs(network, first, {Kind::inputs, 3}).value() == 3 * 36 * 4);
    // Outputs: each part would run the depthwise operator on all channels; that is more, but less than the whole.
    BOOST_TEST(parts_of(network, first, {Kind::outputs, 2}).front().costs.macs.value() == 36 * (9 * 9 + 2 * 9));
}

BOOST_AUTO_TEST_CASE(groups_are_divided_where_their_borders_allow) {
    auto const network = convolution(shape(4, 4, 8), {square_window(3, 1, 1), 12, 4});
    // 6 outputs are two groups; 3 are one; 2 and 3 lie in one, or across two, which are made whole.
    auto const halves = part_graphs(network, first, {Kind::outputs, 2});
    BOOST_TEST((halves[1].input().c == Range{4, 8}));
    BOOST_TEST(halves[1].graph.operators().front().as<op::Convolution>()->groups == 2);
    auto const quarters = part_graphs(network, first, {Kind::outputs, 4});
    BOOST_TEST(quarters[3].graph.operators().front().as<op::Convolution>()->groups == 1);
    auto const fifths = part_graphs(network, first, {Kind::outputs, 5});
    BOOST_TEST((fifths[1].output().c == Range{3, 6}));
    BOOST_TEST((fifths[2].output().c == Range{6, 8}));
    BOOST_TEST(fifths[2].graph.operators().size() == 1U);
    BOOST_TEST((fifths[3].output().c == Range{8, 10}));
    BOOST_TEST(fifths[3].graph.operators().size() == 2U);  // and a cut
    BOOST_TEST((fifths[3].operators[0] == PartOperator{OperatorId(0), {6, 12}, {0, 2}}));
    BOOST_TEST(refusal(network, {Kind::inputs, 2}).find("operator conv has 4 groups") != std::string::npos);
}

BOOST_AUTO_TEST_CASE(both_sides_of_a_residual_block_are_cut_alike) {
    auto const network = one_block(shape(8, 8, 4), [](Graph::Builder& graph) {
        auto t = test::convolved(graph, "a", TensorId(0), 4);
        t = graph.add("a.relu", op::Relu{}, {t});
        t = test::convolved(graph, "b", t, 4);
        t = graph.add("sum", op::Add{}, {t, TensorId(0)});
        return graph.add("relu", op::Relu{}, {t});
    });
    auto const parts = part_graphs(network, first, {Kind::rows, 2});
    // Two halos; the shortcut reads a cut of that.
    BOOST_TEST((parts[0].input() == Region{{0, 6}, {0, 8}, {0, 4}}));
    BOOST_TEST((parts[1].input() == Region{{2, 8}, {0, 8}, {0, 4}}));
    auto const& sum = parts[1].graph.operators().at(parts[1].graph.operators().size() - 2);
    BOOST_TEST_REQUIRE(sum.as<op::Add>());
    BOOST_TEST((parts[1].tensors[sum.inputs[1].index()].box == Region{{4, 8}, {0, 8}, {0, 4}}));
    // 5 rows of the first convolution, 4 of the second.
    BOOST_TEST(costs_of(parts[0], Precision::float32).macs.value() == 9 * 8 * 16 * 9);
    // The first one is needed whole by every part.
    BOOST_TEST(parts_of(network, first, {Kind::outputs, 2}).front().costs.macs.value() == 3 * 8 * 8 * 8 * 9);
    BOOST_TEST(!offers(network, {Kind::inputs, 2}));
    BOOST_TEST(refusal(network, {Kind::inputs, 2}).find("operator sum behind operator b reads more") !=
               std::string::npos);
}

BOOST_AUTO_TEST_CASE(response_norm_reads_the_channels_around) {
    auto const network = one_block(shape(4, 4, 3), [](Graph::Builder& graph) {
        auto const t = graph.add("conv", op::Convolution{square_window(1, 1, 0), 12}, {TensorId(0)});
        return graph.add("lrn", op::ResponseNorm{}, {t});
    });
    auto const parts = part_graphs(network, first, {Kind::outputs, 3});
    BOOST_TEST((parts[1].operators.front() == PartOperator{OperatorId(0), {2, 10}, {0, 3}}));
    BOOST_TEST((parts[1].output().c == Range{4, 8}));
}

BOOST_AUTO_TEST_CASE(a_split_that_lessens_nothing_is_not_offered) {
    auto const network = one_block(shape(8, 8, 3), [](Graph::Builder& graph) {
        auto t = graph.add("conv", op::Convolution{square_window(3, 1, 1), 10}, {TensorId(0)});
        return graph.add("softmax", op::Softmax{}, {t});
    });
    BOOST_TEST(!offers(network, {Kind::outputs, 2}));
    BOOST_TEST(
        refusal(network, {Kind::outputs, 2})
            .find("outputs/2 (a part would have 17280 MACs, and the whole block has 17280: of operator conv, every "
                  "part needs all); possible: inputs/2, inputs/3, rows/2 to rows/8") != std::string::npos);
    BOOST_TEST(offers(network, {Kind::rows, 8}));
    BOOST_TEST(!offers(network, {Kind::rows, 9}));
    BOOST_TEST(refusal(network, {Kind::rows, 9}).find("operator softmax gives 8 x 8 pixels") != std::string::npos);
    BOOST_TEST(offers(network, {Kind::inputs, 3}));
    BOOST_TEST(refusal(network, {Kind::inputs, 4}).find("operator conv reads 3 channels") != std::string::npos);
}

BOOST_AUTO_TEST_SUITE_END()

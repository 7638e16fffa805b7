#include "onnx/translate.hpp"

#include <boost/test/unit_test.hpp>

#include "tests/onnx/maker.hpp"

namespace skipstone {

namespace {

using test::Maker;
using test::values_of;

using Floats = std::vector<float>;

// A 3 x 3 convolution of 2 to 4 channels on 6 x 6 pixels, "in" to "conv".
Maker with_convolution(int opset = 13) {
    Maker maker(opset);
    maker.input("in", {-1, 2, 6, 6}).weight("w", {4, 2, 3, 3}).node("Conv", {"in", "w"}, "conv");
    return maker.with("pads", {1, 1, 1, 1});
}

Maker with_activation(std::string const& type, int opset = 13) {
    auto maker = with_convolution(opset);
    return maker.node(type, {"conv"}, "out").output("out");
}

template <class Kind>
Kind operator_of(onnx::Model const& model, std::size_t index) {
    auto const* found = model.blueprint.graph.operators().at(index).as<Kind>();
    BOOST_REQUIRE(found);
    return *found;
}

bool has(std::string const& text, std::string const& part) {
    return text.find(part) != std::string::npos;
}

}  // namespace

BOOST_AUTO_TEST_SUITE(translate)

BOOST_AUTO_TEST_CASE(reads_a_convolution_with_batch_norm_and_relu) {
    auto maker = with_convolution();
    for (auto const* name : {"scale", "shift", "mean", "var"}) maker.weight(name, {4});
    maker.node("BatchNormalization", {"conv", "scale", "shift", "mean", "var"}, "bn").with("epsilon", 0.5F);
    maker.node("Relu", {"bn"}, "out").output("out");
    BOOST_TEST(maker.operators() == "convolution, batch norm, ReLU");
    auto const model = maker.translated();
    BOOST_TEST(operator_of<op::BatchNorm>(model, 1).epsilon == 0.5);
    BOOST_TEST(model.blueprint.input_axes == "chw");
    BOOST_TEST(model.blueprint.output_axes == "chw");
    BOOST_TEST(model.weights.size() == 5U);
    BOOST_TEST(values_of(model, "bn.running_var") == Floats({1, 2, 3, 4}));
    BOOST_TEST(model.name == "made");
}

BOOST_AUTO_TEST_CASE(transposes_of_a_model_with_channels_last_vanish) {
    Maker maker;
    maker.input("in", {-1, 6, 6, 2}).weight("w", {4, 2, 3, 3});
    maker.node("Transpose", {"in"}, "first").with("perm", {0, 3, 1, 2});
    maker.node("Conv", {"first", "w"}, "conv");
    maker.node("Transpose", {"conv"}, "last").with("perm", {0, 2, 3, 1});
    maker.node("Relu", {"last"}, "out").output("out");
    BOOST_TEST(maker.operators() == "convolution, ReLU");
    BOOST_TEST(maker.translated().blueprint.input_axes == "hwc");
    BOOST_TEST(maker.translated().blueprint.output_axes == "hwc");
}

BOOST_AUTO_TEST_CASE(flatten_moves_weights_and_no_activations) {
    // [N,H,W,C] flattened as it lies has its columns in the order H, W, C; ours reads C, H, W.
    Maker maker;
    maker.input("in", {-1, 1, 2, 2}).weight("w", {4, 1}, {10, 20, 30, 40});
    maker.node("Flatten", {"in"}, "flat").node("MatMul", {"flat", "w"}, "out").output("out");
    auto model = maker.translated();
    BOOST_TEST(maker.operators() == "fully connected");
    BOOST_TEST(values_of(model, "out.weight") == Floats({10, 20, 30, 40}));

    Maker last;
    last.input("in", {-1, 1, 2, 2}).weight("k", {2, 2, 1, 1}).weight("w", {4, 1}, {10, 20, 30, 40});
    last.node("Transpose", {"in"}, "first").with("perm", {0, 3, 1, 2}).node("Conv", {"first", "k"}, "conv");
    last.node("Transpose", {"conv"}, "last").with("perm", {0, 2, 3, 1});
    last.node("Flatten", {"last"}, "flat").node("MatMul", {"flat", "w"}, "out").output("out");
    model = last.translated();
    BOOST_TEST(last.operators() == "convolution, fully connected");
    BOOST_TEST(values_of(model, "out.weight") == Floats({10, 30, 20, 40}));
}

BOOST_AUTO_TEST_CASE(a_channel_shuffle_is_one_transpose) {
    Maker maker;
    maker.input("in", {-1, 6, 4, 4}).integers("apart", {-1, 2, 3, 4, 4}).integers("together", {-1, 6, 4, 4});
    maker.weight("w", {6, 1, 3, 3});
    maker.node("Reshape", {"in", "apart"}, "a").node("Transpose", {"a"}, "b").with("perm", {0, 2, 1, 3, 4});
    maker.node("Reshape", {"b", "together"}, "c").node("Conv", {"c", "w"}, "out").with("group", 6).output("out");
    BOOST_TEST(maker.operators() == "reshape, transpose, reshape, convolution");
}

BOOST_AUTO_TEST_CASE(functions_that_are_spelled_out_are_one_operator) {
    auto maker = with_convolution();
    maker.scalar("3", 3).scalar("0", 0).scalar("6", 6);
    maker.node("Add", {"conv", "3"}, "a").node("Clip", {"a", "0", "6"}, "b").node("Mul", {"conv", "b"}, "c");
    maker.node("Div", {"c", "6"}, "out").output("out");
    BOOST_TEST(maker.operators() == "convolution, activation");
    BOOST_CHECK(operator_of<op::Activation>(maker.translated(), 1).kind == op::Activation::Kind::hard_swish);

    auto silu = with_convolution();
    silu.node("Sigmoid", {"conv"}, "a").node("Mul", {"a", "conv"}, "out").output("out");
    BOOST_TEST(silu.operators() == "convolution, activation");
    BOOST_CHECK(operator_of<op::Activation>(silu.translated(), 1).kind == op::Activation::Kind::silu);

    auto gelu = with_convolution();
    gelu.scalar("root", 1.41421354F).scalar("1", 1).scalar("half", 0.5F);
    gelu.node("Div", {"conv", "root"}, "a").node("Erf", {"a"}, "b").node("Add", {"b", "1"}, "c");
    gelu.node("Mul", {"conv", "c"}, "d").node("Mul", {"d", "half"}, "out").output("out");
    BOOST_TEST(gelu.operators() == "convolution, activation");
    BOOST_CHECK(operator_of<op::Activation>(gelu.translated(), 1).kind == op::Activation::Kind::gelu);
}

BOOST_AUTO_TEST_CASE(what_only_looks_like_a_known_function_stays) {
    auto maker = with_convolution();
    maker.scalar("low", 0).scalar("high", 2000);
    maker.node("Clip", {"conv", "low", "high"}, "out").output("out");
    auto const clip = operator_of<op::Activation>(maker.translated(), 1);
    BOOST_CHECK(clip.kind == op::Activation::Kind::clip);
    BOOST_TEST(clip.beta == 2000);
    BOOST_TEST(has(with_activation("Erf").problem(), "node out (Erf): there is an operator for GELU"));
}

BOOST_AUTO_TEST_CASE(shapes_that_are_computed_are_constant) {
    auto maker = with_convolution();
    maker.integers("0", {0}).integers("-1", {-1}).weight("fc", {144, 3});
    maker.node("Shape", {"conv"}, "s").node("Gather", {"s", "0"}, "n").with("axis", 0);
    maker.node("Concat", {"n", "-1"}, "t").with("axis", 0).node("Reshape", {"conv", "t"}, "flat");
    maker.node("MatMul", {"flat", "fc"}, "out").output("out");
    BOOST_TEST(maker.operators() == "convolution, fully connected");
    BOOST_TEST(maker.translated().blueprint.output_axes == "c");
}

BOOST_AUTO_TEST_CASE(constants_behind_products_are_their_biases) {
    Maker maker;
    maker.input("in", {-1, 8}).weight("w", {8, 3}).weight("b", {3});
    maker.node("MatMul", {"in", "w"}, "fc").node("Add", {"fc", "b"}, "sum").node("Relu", {"sum"}, "out").output("out");
    BOOST_TEST(maker.operators() == "fully connected, ReLU");
    BOOST_TEST(values_of(maker.translated(), "fc.bias") == Floats({1, 2, 3}));
    BOOST_TEST(values_of(maker.translated(), "fc.weight").at(1) == 4);  // [outputs, inputs]
}

BOOST_AUTO_TEST_CASE(scales_and_shifts_join_the_batch_norm_before_them) {
    auto maker = with_convolution();
    for (auto const* name : {"scale", "shift", "mean", "var"}) maker.weight(name, {4});
    maker.weight("m", {4, 1, 1}, {2, 2, 2, 3}).weight("a", {4, 1, 1}, {5, 5, 5, 6});
    maker.node("BatchNormalization", {"conv", "scale", "shift", "mean", "var"}, "bn");
    maker.node("Mul", {"bn", "m"}, "mul").node("Add", {"mul", "a"}, "out").output("out");
    BOOST_TEST(maker.operators() == "convolution, batch norm");
    auto const model = maker.translated();
    auto const name = model.blueprint.graph.operators()[1].name;
    BOOST_TEST(values_of(model, name + ".weight") == Floats({2, 4, 6, 12}));
    BOOST_TEST(values_of(model, name + ".bias") == Floats({7, 9, 11, 18}));
}

BOOST_AUTO_TEST_CASE(rows_times_a_matrix_are_a_convolution_of_one_pixel) {
    Maker maker;
    maker.input("in", {-1, 5, 8}).weight("w", {8, 3}).node("MatMul", {"in", "w"}, "out").output("out");
    BOOST_TEST(maker.operators() == "convolution");
    auto const model = maker.translated();
    BOOST_TEST(model.blueprint.graph.costs({OperatorId(0)}, Precision::float32).macs.value() == 5 * 8 * 3);
    BOOST_TEST(model.blueprint.output_axes.size() == 2U);
}

BOOST_AUTO_TEST_CASE(one_of_several_outputs_is_chosen) {
    auto maker = with_convolution();
    maker.node("Relu", {"conv"}, "first").node("Sigmoid", {"conv"}, "second").output("first").output("second");
    BOOST_TEST(has(maker.problem(), "choose it with --output: first"));
    BOOST_TEST(maker.operators({.output = "first"}) == "convolution, ReLU");
    BOOST_TEST(maker.operators({.output = "conv"}) == "convolution");
    BOOST_TEST(maker.translated({.output = "second"}).remarks.at(0) == "outputs that are left out: first");
    BOOST_TEST(has(maker.problem({.output = "third"}), "no tensor \"third\""));
}

BOOST_AUTO_TEST_CASE(weights_of_two_operators_are_there_once) {
    Maker maker;
    maker.input("in", {-1, 2, 6, 6}).weight("w", {2, 2, 1, 1}).weight("b", {2});
    maker.node("Conv", {"in", "w", "b"}, "one").node("Conv", {"one", "w", "b"}, "two").output("two");
    auto const model = maker.translated();
    BOOST_TEST(model.weights.size() == 2U);
    BOOST_TEST(model.blueprint.graph.operators()[1].weights == "one");
}

BOOST_AUTO_TEST_CASE(initializers_may_be_inputs_too) {
    auto maker = with_convolution();
    maker.input("w", {4, 2, 3, 3}).output("conv");
    BOOST_TEST(maker.operators() == "convolution");
    maker.input("other", {-1, 4, 6, 6}).node("Add", {"conv", "other"}, "sum");
    BOOST_TEST(has(maker.problem({.output = "sum"}), "several inputs, and must have one: in [?,2,6,6], other"));
}

BOOST_AUTO_TEST_CASE(open_rows_and_columns_are_told) {
    Maker maker;
    maker.input("in", {-1, 2, -1, -1}).weight("w", {4, 2, 3, 3}).node("Conv", {"in", "w"}, "out").output("out");
    BOOST_TEST(has(maker.problem(), "--input HxW"));
    auto const model = maker.translated({.input = Extent{5, 7}});
    BOOST_CHECK((model.blueprint.graph.at(model.blueprint.graph.output()).shape == TensorShape{1, 3, 5, 4}));
    BOOST_TEST(has(with_activation("Relu").problem({.input = Extent{5, 5}}), "cannot be others"));
}

BOOST_AUTO_TEST_CASE(padding_is_put_into_the_operator_that_reads_it) {
    Maker maker;
    maker.input("in", {-1, 2, 5, 5}).weight("w", {4, 2, 3, 3}).integers("p", {0, 0, 0, 1, 0, 0, 2, 3});
    maker.node("Pad", {"in", "p"}, "pad").node("Conv", {"pad", "w"}, "out").output("out");
    BOOST_TEST(maker.operators() == "convolution");
    BOOST_CHECK((operator_of<op::Convolution>(maker.translated(), 0).window.padding == Padding{0, 1, 2, 3}));
}

BOOST_AUTO_TEST_CASE(automatic_padding_gives_as_many_outputs_as_steps_begin) {
    std::pair<char const*, Padding> const cases[] = {
        {"SAME_UPPER", {0, 0, 1, 1}}, {"SAME_LOWER", {1, 1, 0, 0}}, {"VALID", {}}};
    for (auto const& [how, padding] : cases) {
        Maker maker;
        maker.input("in", {-1, 2, 6, 6}).weight("w", {4, 2, 3, 3}).node("Conv", {"in", "w"}, "out").output("out");
        maker.with("auto_pad", how).with("strides", {2, 2});
        BOOST_CHECK((operator_of<op::Convolution>(maker.translated(), 0).window.padding == padding));
    }
}

BOOST_AUTO_TEST_CASE(pools_round_up_where_the_model_says_so) {
    auto const pool = [](char const* type, std::vector<std::int64_t> const& pads, int counts) {
        Maker maker;
        maker.input("in", {-1, 2, 6, 6}).node(type, {"in"}, "out").output("out");
        maker.with("kernel_shape", {3, 3}).with("strides", {2, 2}).with("ceil_mode", 1).with("pads", pads);
        if (counts) maker.with("count_include_pad", 1);
        return maker;
    };
    BOOST_CHECK((operator_of<op::MaxPool>(pool("MaxPool", {0, 0, 0, 0}, 0).translated(), 0).window.padding ==
                 Padding{0, 0, 1, 1}));
    BOOST_TEST(pool("AveragePool", {0, 0, 0, 0}, 1).operators() == "average pool");
    BOOST_TEST(pool("AveragePool", {1, 1, 1, 1}, 1).operators() == "pad, average pool");
    auto const counted = operator_of<op::AveragePool>(pool("AveragePool", {1, 1, 0, 0}, 1).translated(), 0);
    BOOST_TEST(counted.counts_padding);
}

BOOST_AUTO_TEST_CASE(softmax_of_old_runs_over_all_axes_behind) {
    for (int const opset : {12, 13}) {
        Maker maker(opset);
        maker.input("in", {-1, 2, 3, 4}).node("Softmax", {"in"}, "out").with("axis", 1).output("out");
        auto const model = maker.translated();
        // Of all 24 numbers, or of 2 for each pixel.
        auto const& graph = model.blueprint.graph;
        for (auto const& op : graph.operators())
            if (op.as<op::Softmax>()) BOOST_TEST(graph.at(op.output).shape.c == (opset == 12 ? 24 : 2));
    }
}

BOOST_AUTO_TEST_CASE(per_pixel_constants_and_broadcast_tensors_are_run) {
    auto maker = with_convolution();
    maker.node("GlobalAveragePool", {"conv"}, "mean").node("Sigmoid", {"mean"}, "gate");
    maker.node("Mul", {"gate", "conv"}, "out").output("out");
    BOOST_TEST(maker.operators() == "convolution, global average, activation, arithmetic");
    auto pixels = with_convolution();
    pixels.weight("grid", {1, 1, 6, 6}).node("Add", {"conv", "grid"}, "out").output("out");
    BOOST_TEST(pixels.operators() == "convolution, reshape, affine, reshape");
}

BOOST_AUTO_TEST_CASE(numbers_of_every_type_are_read) {
    auto const first_weight = [](::onnx::TensorProto::DataType type, std::string raw) {
        Maker maker;
        maker.input("in", {-1, 1}).node("MatMul", {"in", "w"}, "out").output("out");
        auto* tensor = maker.model().mutable_graph()->add_initializer();
        tensor->set_name("w");
        tensor->set_data_type(type);
        tensor->add_dims(1);
        tensor->add_dims(1);
        tensor->set_raw_data(std::move(raw));
        return values_of(maker.translated(), "out.weight").at(0);
    };
    using ::onnx::TensorProto;
    BOOST_TEST(first_weight(TensorProto::FLOAT16, std::string("\x00\xc1", 2)) == -2.5F);
    BOOST_TEST(first_weight(TensorProto::FLOAT16, std::string("\x01\x00", 2)) == 5.9604645e-8F);
    BOOST_TEST(first_weight(TensorProto::BFLOAT16, std::string("\x20\xc0", 2)) == -2.5F);
    BOOST_TEST(first_weight(TensorProto::DOUBLE, std::string("\0\0\0\0\0\0\x04\xc0", 8)) == -2.5F);
}

BOOST_AUTO_TEST_CASE(newer_opsets_are_read) {
    BOOST_TEST(with_activation("Gelu", 20).operators() == "convolution, activation");
    BOOST_TEST(with_activation("Mish", 24).operators().starts_with("convolution, "));
    auto maker = with_convolution(21);
    maker.integers("axes", {2, 3}).node("ReduceMean", {"conv", "axes"}, "out").output("out");
    BOOST_TEST(maker.operators() == "convolution, global average");
    BOOST_TEST(has(with_activation("Relu", 6).problem(), "opset 6; 7 and newer are read"));
    auto untold = with_activation("Relu");
    untold.model().clear_opset_import();
    BOOST_TEST(has(untold.problem(), "does not tell its opset"));
}

BOOST_AUTO_TEST_CASE(what_cannot_be_run_is_refused_with_its_node_and_what_would_help) {
    std::pair<char const*, char const*> const cases[] = {{"If", "traced"},
                                                         {"Loop", "traced"},
                                                         {"LSTM", "recurrent"},
                                                         {"ArgMax", "--output"},
                                                         {"NonMaxSuppression", "--output"},
                                                         {"QuantizeLinear", "float32"},
                                                         {"ConvTranspose", "larger"},
                                                         {"Sin", "is not run"}};
    for (auto const& [type, help] : cases) {
        auto const problem = with_activation(type, 20).problem();
        BOOST_TEST(has(problem, "node out (" + std::string(type) + "): "), problem);
        BOOST_TEST(has(problem, help), problem);
    }
    auto custom = with_activation("Special");
    custom.model().mutable_graph()->mutable_node(1)->set_domain("com.example");
    custom.model().add_opset_import()->set_domain("com.example");
    custom.model().mutable_opset_import(1)->set_version(1);
    BOOST_TEST(has(custom.problem(), "node out (com.example.Special): is no operator of ONNX's own"));
    auto unknown = with_activation("Relu", 20);
    unknown.with("slope", 1.0F);
    BOOST_TEST(has(unknown.problem(), "its attribute slope is not known"));
}

BOOST_AUTO_TEST_CASE(two_constants_of_one_name_are_refused) {
    auto maker = with_activation("Relu");
    maker.weight("w", {4, 2, 3, 3});
    BOOST_TEST(has(maker.problem(), "tensor w: there are two initializers of that name"));
}

BOOST_AUTO_TEST_CASE(what_mixes_the_images_of_a_batch_is_refused) {
    auto maker = with_convolution();
    maker.integers("one", {1, -1}).node("Reshape", {"conv", "one"}, "flat").weight("w2", {144, 2});
    maker.node("MatMul", {"flat", "w2"}, "out").output("out");
    BOOST_TEST(has(maker.problem(), "images of a batch"));
    auto mean = with_convolution();
    mean.node("ReduceMean", {"conv"}, "out").with("axes", std::vector<std::int64_t>{0}).output("out");
    BOOST_TEST(has(mean.problem(), "images of a batch"));
    // Of a model for one image they are fine.
    maker.model()
        .mutable_graph()
        ->mutable_input(0)
        ->mutable_type()
        ->mutable_tensor_type()
        ->mutable_shape()
        ->mutable_dim(0)
        ->set_dim_value(1);
    BOOST_TEST(maker.operators() == "convolution, fully connected");
}

BOOST_AUTO_TEST_CASE(nothing_is_made_beyond_a_limit) {
    auto maker = with_convolution();
    maker.integers("huge", {1 << 20, 1 << 10, 9, 9}).node("ConstantOfShape", {"huge"}, "c");
    maker.node("Add", {"conv", "c"}, "out").output("out");
    BOOST_TEST(!maker.problem().empty());
    auto tiled = with_convolution();
    tiled.integers("often", {1 << 30}).integers("x", {1}).node("Tile", {"x", "often"}, "c");
    tiled.node("Reshape", {"conv", "c"}, "out").output("out");
    BOOST_TEST(has(tiled.problem(), "more than 2^22 elements"));
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace skipstone

#include "networks/graph_text.hpp"

#include <boost/test/unit_test.hpp>
#include <chrono>
#include <cmath>
#include <limits>
#include <string>
#include <variant>
#include <vector>

#include "networks/graph_family.hpp"
#include "tests/network_profiles.hpp"
#include "units/error.hpp"

using namespace skipstone;
using namespace skipstone::networks;

namespace {

constexpr double infinite = std::numeric_limits<double>::infinity();
InputPlace const place{"net.h5", 0, "graph"};

// A graph with every kind of operator, each field other than usual.
Blueprint everything() {
    Graph::Builder graph({1, 17, 12, 6});
    auto t = graph.add("conv", op::Convolution{{{3, 2}, {2, 1}, {1, 0, 2, 1}, {2, 1}}, 8, 2, true}, {TensorId(0)});
    t = graph.add("norm", op::BatchNorm{1e-3}, {t});
    t = graph.add("relu", op::Relu{}, {t});
    auto const first = t;
    t = graph.add("again", op::Convolution{square_window(1, 1, 0), 8}, {t});
    t = graph.add("shared", op::Convolution{square_window(1, 1, 0), 8}, {t}, "again");
    t = graph.add("sum", op::Add{}, {t, first});
    t = graph.add("max", op::MaxPool{{{2, 3}, {1, 2}, {1, 1, 0, 1}, {1, 2}}}, {t});
    t = graph.add("mean", op::AveragePool{square_window(3, 1, 1), true}, {t});
    t = graph.add("scale", op::Affine{}, {t});
    t = graph.add("lrn", op::ResponseNorm{3, 0.1 + 0.2, 0.5, 2}, {t});
    t = graph.add("relu6", op::Activation{op::Activation::Kind::clip, -0.0, infinite}, {t});
    t = graph.add("elu", op::Activation{op::Activation::Kind::elu, 1e-300, 0}, {t});
    t = graph.add("slope", op::Prelu{}, {t});
    auto const wide = graph.add("pad", op::Pad{op::Pad::Mode::reflect, {1, 0, 1, 2}, 0}, {t});
    auto const low = graph.add("part", op::Slice{Axis::c, 1, 8, 2}, {wide});
    auto const high = graph.add("rest", op::Slice{Axis::c, 4, 8, 1}, {wide});
    t = graph.add("concat", op::Concat{Axis::c}, {low, high, low});
    auto const squeezed = graph.add("squeeze", op::Reduce{op::Reduce::Kind::mean, true, true, false}, {t});
    t = graph.add("gate", op::Arithmetic{op::Arithmetic::Kind::multiply}, {t, squeezed});
    t = graph.add("turn", op::Transpose{{Axis::w, Axis::h, Axis::c}}, {t});
    auto const shape = graph.shape(t);
    t = graph.add("flat", op::Reshape{1, shape.w, shape.h * shape.c}, {t});
    t = graph.add("sub", op::Subsample{2, shape.h * shape.c + 2}, {t});
    t = graph.add("means", op::GlobalAverage{}, {t});
    t = graph.add("fc 'é\"\\", op::FullyConnected{10, false}, {t}, "fc/quoted");
    t = graph.add("softmax", op::Softmax{}, {t});
    Blueprint blueprint{std::move(graph).finish(t)};
    blueprint.input_axes = "chw";
    return blueprint;
}

std::string complaint(std::string const& text) {
    try {
        read_graph(text, place);
    } catch (InputError const& error) {
        return error.what();
    }
    return "nothing is wrong";
}

std::string replaced(std::string text, std::string const& what, std::string const& with) {
    auto const at = text.find(what);
    BOOST_REQUIRE_MESSAGE(at != std::string::npos, what + " is not in " + text);
    return text.replace(at, what.size(), with);
}

// 4 x 4 x 3, a convolution and the mean.
std::string const small =
    R"({"format":"skipstone-graph","version":1,"input":[4,4,3],"input_axes":"hwc","output_axes":"c","output":2,)"
    R"("operators":[{"name":"conv","is":"convolution","kernel":[3,3],"outputs":5},{"name":"mean","is":"global average"}]})";

}  // namespace

BOOST_AUTO_TEST_SUITE(graph_text_of)

BOOST_AUTO_TEST_CASE(every_kind_of_operator_comes_back_with_all_that_it_has) {
    auto const blueprint = everything();
    std::vector<bool> seen(std::variant_size_v<Operation>);
    for (auto const& op : blueprint.graph.operators()) seen[op.operation.index()] = true;
    for (std::size_t kind = 0; kind < seen.size(); ++kind)
        BOOST_TEST(seen[kind], "no operator of kind " << kind << " is in this test");

    auto const text = graph_text(blueprint);
    auto const back = read_graph(text, place);
    BOOST_TEST(graph_text(back) == text);
    BOOST_TEST(back.input_axes == "chw");
    BOOST_TEST(back.output_axes == "c");
    auto const &before = blueprint.graph.operators(), &after = back.graph.operators();
    BOOST_REQUIRE_EQUAL(after.size(), before.size());
    for (std::size_t o = 0; o < before.size(); ++o) {
        BOOST_TEST(after[o].name == before[o].name);
        BOOST_TEST(after[o].weights == before[o].weights);
        BOOST_TEST((after[o].inputs == before[o].inputs));
        BOOST_TEST(after[o].operation.index() == before[o].operation.index());
        BOOST_TEST((back.graph.at(after[o].output).shape == blueprint.graph.at(before[o].output).shape));
    }
    auto const& find = [&](std::string const& name) -> Operator const& {
        for (auto const& op : after)
            if (op.name == name) return op;
        throw std::out_of_range(name);
    };
    auto const& conv = *find("conv").as<op::Convolution>();
    BOOST_TEST((conv.window == Window{{3, 2}, {2, 1}, {1, 0, 2, 1}, {2, 1}}));
    BOOST_TEST((conv.outputs == 8 && conv.groups == 2 && conv.has_bias));
    BOOST_TEST(find("norm").as<op::BatchNorm>()->epsilon == 1e-3);
    BOOST_TEST(find("lrn").as<op::ResponseNorm>()->alpha == 0.1 + 0.2);
    auto const& clip = *find("relu6").as<op::Activation>();
    BOOST_TEST((clip.alpha == 0 && std::signbit(clip.alpha) && clip.beta == infinite));
    BOOST_TEST((find("turn").as<op::Transpose>()->order == std::array{Axis::w, Axis::h, Axis::c}));
    BOOST_TEST((find("rest").as<op::Slice>()->begin == 4 && find("rest").as<op::Slice>()->end == 8));
    BOOST_TEST((back.graph.weight_tensors() == blueprint.graph.weight_tensors()));
}

BOOST_AUTO_TEST_CASE(a_family_s_network_keeps_blocks_names_and_stages) {
    for (auto const& profile : {test::resnet50(), test::resnet20()}) {
        Network const drawn(profile);
        auto const text = graph_text(profile.family->draw(profile));
        BOOST_TEST(text.find('\'') == std::string::npos);
        auto const again = profile_of(profile.name, read_graph(text, place));
        BOOST_TEST((again.input == profile.input));
        BOOST_TEST(again.classes == profile.classes);
        Network const network(again);
        BOOST_REQUIRE_EQUAL(network.size(), drawn.size());
        for (std::size_t b = 0; b < network.size(); ++b) {
            auto const &one = network.blocks()[b], &other = drawn.blocks()[b];
            BOOST_TEST(one.name == other.name);
            BOOST_TEST(one.stage == other.stage);
            BOOST_TEST(one.macs.value() == other.macs.value());
            BOOST_TEST(one.is_droppable() == other.is_droppable());
        }
        BOOST_TEST((network.weight_tensors() == drawn.weight_tensors()));
    }
}

BOOST_AUTO_TEST_CASE(a_graph_s_network_has_no_other_input_and_no_other_classes) {
    auto profile = profile_of("net", read_graph(small, place));
    BOOST_TEST(!profile.family->is_scalable());
    BOOST_TEST(as_graph(*profile.family) != nullptr);
    BOOST_TEST(as_graph(*test::resnet20().family) == nullptr);
    BOOST_TEST(Network(profile).classes() == 5);
    auto other = profile;
    other.input = image_shape(5);
    BOOST_CHECK_THROW(Network{other}, InputError);
    other = profile;
    other.classes = 10;
    BOOST_CHECK_THROW(Network{other}, InputError);
}

BOOST_AUTO_TEST_CASE(what_is_wrong_is_said_with_operator_and_key) {
    BOOST_TEST(complaint(small) == "nothing is wrong");
    struct Wrong {
        char const *what, *with, *says;
    };
    for (auto const& [what, with, says] : std::vector<Wrong>{
             {"skipstone-graph", "other", "net.h5: graph: is no graph: its \"format\" is not \"skipstone-graph\""},
             {"\"version\":1", "\"version\":2", "is a graph of version 2; this program reads version 1"},
             {"\"version\":1,", "", "\"version\" is missing"},
             {"[4,4,3]", "[4,4]", "input: has 2 entries, and must have 3"},
             {"[4,4,3]", "[4,0,3]", "input: must be three numbers from 1 to 65536"},
             {"[4,4,3]", "[65536,65536,3]", "with at most 50331648 elements"},
             {"[4,4,3]", "[4,99999999999,3]", "input: is out of range"},
             {"\"hwc\"", "\"hwk\"", "input_axes: must have each of h, w and c once at most"},
             {"\"hwc\"", "\"hwh\"", "input_axes: must have each of h, w and c once at most"},
             {"\"hwc\"", "\"hw\"", "input_axes: \"hw\" leaves out c, which has more than one element"},
             {"\"output_axes\":\"c\"", "\"output_axes\":\"\"", "output_axes: \"\" leaves out c"},
             {"\"output\":2", "\"output\":0", "output: must be the number of an operator, from 1 to 2"},
             {"\"output\":2", "\"output\":3", "output: must be the number of an operator, from 1 to 2"},
             {"\"output\":2", "\"output\":1", "operator mean: nothing reads what it gives"},
             {"\"output\":2", "\"output\":2,\"blocks\":[\"a\",\"b\"]", "blocks: has 2 entries, and must have 1"},
             {"\"output\":2", "\"output\":2,\"blocks\":[\"\"]", "blocks: \"\" is no name of a block"},
             {"\"output\":2", "\"output\":2,\"stages\":[0]", "stages: must be from 1 to 1000000"},
             {"\"output\":2", "\"output\":2,\"output\":1", "the key \"output\" stands twice"},
             {"\"output\":2", "\"output\":2,\"more\":1", "unknown key \"more\""},
             {"\"name\":\"conv\",", "", "operator 1: \"name\" is missing"},
             {"\"conv\"", "\"\"", "operator 1: name: must have 1 to 255 bytes"},
             {"\"conv\"", "\"a\\u0007b\"", "operator 1: name: must have 1 to 255 bytes and no control characters"},
             {"\"conv\"", "\"mean\"", "operator mean: there are two of that name"},
             {"\"conv\"", "\"/conv\"", "operator /conv: weights: \"/conv\" cannot be the name of a dataset"},
             {"\"conv\"", "\"conv\",\"weights\":\"a/./b\"", "operator conv: weights: \"a/./b\" cannot be"},
             {"\"convolution\"", "\"convolutoin\"", "operator conv: is: there is no kind of operator \"convolutoin\""},
             {"[3,3]", "[3]", "operator conv: kernel: has 1 entries, and must have 2"},
             {"[3,3]", "[3,\"3\"]", "operator conv: kernel: must be a whole number"},
             {"[3,3]", "[3,2.5]", "operator conv: kernel: must be a whole number"},
             {"[3,3]", "[3,[3]]", "is nested deeper"},
             {"[3,3]", "[5,5]", "operator conv: its window of 5 x 5 is larger than its input of 4 x 4 x 3"},
             {"[3,3]", "[1000000,1]", "operator conv: its window, steps and dilation are from 1 to 65536"},
             {",\"outputs\":5", "", "operator conv: \"outputs\" is missing"},
             {"\"outputs\":5", "\"outputs\":5,\"alpha\":1", "operator conv: unknown key \"alpha\""},
             {"\"outputs\":5", "\"outputs\":5,\"bias\":1", "operator conv: bias: must be true or false"},
             {"\"outputs\":5", "\"outputs\":5,\"groups\":2", "operator conv: its 2 groups do not divide 3 inputs"},
             {"\"outputs\":5", "\"outputs\":5,\"reads\":[1]", "operator conv: reads: there is no tensor 1 before it"},
             {"\"outputs\":5", "\"outputs\":5,\"reads\":[-1]", "operator conv: reads: there is no tensor -1 before it"},
             {"\"outputs\":5", "\"outputs\":5,\"reads\":[]", "operator conv: reads: has 0 entries"},
             {"\"outputs\":5", "\"outputs\":5,\"reads\":[0,0]", "operator conv: has 2 inputs, and needs 1"},
             {"\"outputs\":5", "\"outputs\":2147483647", "operator conv: gives 2 x 2 x 2147483647"},
             {"\"global average\"", "\"activation\",\"kind\":\"relu\"", "operator mean: kind: must be one of clip, "},
             {"\"global average\"", "\"activation\",\"kind\":\"clip\",\"beta\":\"high\"",
              "operator mean: beta: must be a number, or \"inf\" or \"-inf\""},
             {"}]}", "", "is not valid JSON"},
             {"[4,4,3]", "[4,4,1e999]", "is not valid JSON"},
             {"\"conv\"", "\"\xff\"", "is not valid JSON"},
         }) {
        auto const said = complaint(replaced(small, what, with));
        BOOST_TEST(said.starts_with("net.h5: graph: "), said);
        BOOST_TEST(said.find(says) != std::string::npos, said << " does not say: " << says);
    }
    for (auto const* text : {"", "[]", "1", "null", "\"text\"", "{}"})
        BOOST_TEST(complaint(text) != "nothing is wrong");
}

BOOST_AUTO_TEST_CASE(hostile_texts_take_neither_time_nor_memory) {
    auto const begin = std::chrono::steady_clock::now();
    std::string const head = small.substr(0, small.find('[', small.find("operators")) + 1);
    BOOST_TEST(complaint(std::string(30'000'000, '[')).find("has 30000000 bytes") != std::string::npos);
    BOOST_TEST(complaint(std::string(10'000'000, '[')).find("nested deeper") != std::string::npos);
    std::string many = head;
    for (int i = 0; i < 5'000'000; ++i) many += "0,";
    BOOST_TEST(complaint(many + "0]}").find("more values") != std::string::npos);
    // More operators than a graph has.
    many = head;
    for (int i = 0; i <= 100'000; ++i)
        many += (i > 0 ? ",{" : "{") + ("\"name\":\"" + std::to_string(i)) + "\",\"is\":\"ReLU\"}";
    BOOST_TEST(complaint(many + "]}").find("operators: has 100001 entries") != std::string::npos);
    // As many as it may have: in a chain, and in one block whose shortcut is as long as its path.
    auto const chain = [&](int count) {
        auto text = replaced(head, "\"output\":2", "\"output\":" + std::to_string(count));
        for (int i = 0; i < count; ++i)
            text += (i > 0 ? ",{" : "{") + ("\"name\":\"" + std::to_string(i)) + "\",\"is\":\"ReLU\"}";
        return text;
    };
    auto const axes = [](std::string const& text) {
        return replaced(text, "\"output_axes\":\"c\"", "\"output_axes\":\"hwc\"");
    };
    BOOST_TEST(Network(profile_of("chain", read_graph(axes(chain(100'000) + "]}"), place))).size() == 1u);
    auto two = replaced(head, "\"output\":2", "\"output\":100000");
    for (int i = 0; i < 99'999; ++i)
        two += (i > 0 ? ",{" : "{") + ("\"name\":\"" + std::to_string(i)) + "\",\"is\":\"ReLU\"" +
               (i == 50'000 ? ",\"reads\":[0]}" : "}");
    two += ",{\"name\":\"sum\",\"is\":\"add\",\"reads\":[50000,99999]}]}";
    BOOST_TEST(Network(profile_of("two", read_graph(axes(two), place))).size() == 1u);
    // Weights beyond any count.
    auto const monster = replaced(
        replaced(small, "\"is\":\"global average\"}",
                 "\"is\":\"global average\"},{\"name\":\"fc\",\"is\":\"fully connected\",\"outputs\":2000000000}"
                 ",{\"name\":\"fc2\",\"is\":\"fully connected\",\"outputs\":2000000000}"),
        "\"output\":2", "\"output\":4");
    BOOST_TEST(complaint(monster).find("operator fc2: has more than 9007199254740992 weights") != std::string::npos);
    BOOST_TEST(std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count() < 60);
}

BOOST_AUTO_TEST_SUITE_END()

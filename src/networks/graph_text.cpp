#include "networks/graph_text.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <cstdint>
#include <limits>
#include <optional>
#include <set>
#include <type_traits>
#include <utility>
#include <vector>

#include "networks/json_reading.hpp"
#include "networks/operator_fields.hpp"

namespace skipstone::networks {

namespace {

constexpr std::size_t longest_block_name = 63;  // bytes, as the names in a trace
constexpr int most_stages = 1'000'000;
constexpr int longest_axis = 65536;  // of an input
constexpr std::size_t most_input_elements = std::size_t{4096} * 4096 * 3;

// ---- writing

std::string json_of(int value) {
    return std::to_string(value);
}

std::string json_of(bool value) {
    return value ? "true" : "false";
}

// The shortest text that is read as the same number; infinities as words.
std::string json_of(double value) {
    if (std::isinf(value)) return value < 0 ? "\"-inf\"" : "\"inf\"";
    std::array<char, 32> digits{};
    auto const end = std::to_chars(digits.data(), digits.data() + digits.size(), value).ptr;
    std::string const text(digits.data(), end);
    return text == "-0" ? "-0.0" : text;
}

std::string json_of(Extent const& extent) {
    return "[" + json_of(extent.h) + "," + json_of(extent.w) + "]";
}

std::string json_of(Padding const& p) {
    return "[" + json_of(p.top) + "," + json_of(p.left) + "," + json_of(p.bottom) + "," + json_of(p.right) + "]";
}

template <class E>
requires std::is_enum_v<E> std::string json_of(E value) {
    return "\"" + std::string(word_of(words<E>, value)) + "\"";
}

std::string json_of(std::array<Axis, 3> const& order) {
    return "[" + json_of(order[0]) + "," + json_of(order[1]) + "," + json_of(order[2]) + "]";
}

// The fields of an operator as ,"key":value; those with their default value left out.
class FieldWriter {
  public:
    template <class Value>
    void operator()(std::string_view key, Value const& value, Value const& usual) {
        if (json_of(value) != json_of(usual)) needed(key, value);  // −0 is another number than 0
    }
    template <class Value>
    void needed(std::string_view key, Value const& value) {
        text_ += ",\"" + std::string(key) + "\":" + json_of(value);
    }
    std::string take() { return std::move(text_); }

  private:
    std::string text_;
};

std::string operator_text(Operator const& op, TensorId before) {
    std::string text = "{\"name\":" + quoted_json(op.name) + ",\"is\":\"" + std::string(name_of(op.operation)) + "\"";
    if (op.inputs != std::vector{before}) {
        text += ",\"reads\":[";
        for (std::size_t i = 0; i < op.inputs.size(); ++i)
            text += (i > 0 ? "," : "") + std::to_string(op.inputs[i].index());
        text += "]";
    }
    if (op.weights != op.name) text += ",\"weights\":" + quoted_json(op.weights);
    FieldWriter writer;
    auto operation = op.operation;
    std::visit([&](auto& kind) { fields(kind, writer); }, operation);
    return text + writer.take() + "}";
}

// ---- reading
// The keys of an operator's own.
class KeyList {
  public:
    template <class Value>
    void operator()(std::string_view key, Value const&, Value const&) {
        keys.push_back(key);
    }
    template <class Value>
    void needed(std::string_view key, Value const&) {
        keys.push_back(key);
    }
    std::vector<std::string_view> keys{"name", "is", "reads", "weights"};
};

template <std::size_t... Indices>
std::optional<Operation> operation_called(std::string_view name, std::index_sequence<Indices...>) {
    std::optional<Operation> found;
    auto const look = [&](Operation operation) {
        if (!found && name_of(operation) == name) found = std::move(operation);
    };
    (look(Operation(std::in_place_index<Indices>)), ...);
    return found;
}

std::optional<Operation> operation_called(std::string_view name) {
    return operation_called(name, std::make_index_sequence<std::variant_size_v<Operation>>());
}

// HDF5 takes '/' as a path's, and a part "." as nothing.
bool can_be_datasets(std::string const& weights) {
    for (std::size_t begin = 0; begin <= weights.size();) {
        auto const end = std::min(weights.find('/', begin), weights.size());
        auto const part = std::string_view(weights).substr(begin, end - begin);
        if (part.empty() || part == "." || part == "..") return false;
        begin = end + 1;
    }
    return true;
}

void read_operator(Graph::Builder& graph, std::vector<TensorId>& tensors, Json const& json, Reading const& reading) {
    auto const number = std::to_string(tensors.size());
    auto const name = [&] {
        Keys keys(reading, json, "operator " + number + ": ");
        auto const text = reading.text(keys.at("name"), keys.what("name"));
        if (!is_plain_name(text, longest_operator_name))
            reading.fail(keys.what("name") + ": must have 1 to " + std::to_string(longest_operator_name) +
                         " bytes and no control characters");
        return text;
    }();
    Keys keys(reading, json, "operator " + name + ": ");
    keys.find("name");
    auto const word = reading.text(keys.at("is"), keys.what("is"));
    auto operation = operation_called(word);
    if (!operation) reading.fail(keys.what("is") + ": there is no kind of operator \"" + word + "\"");
    std::vector<TensorId> inputs{tensors.back()};
    if (auto const* reads = keys.find("reads")) {
        inputs.clear();
        for (auto const& entry : reading.list(*reads, 1, most_operators, keys.what("reads"))) {
            int const tensor = reading.whole(entry, keys.what("reads"));
            if (tensor < 0 || static_cast<std::size_t>(tensor) >= tensors.size())
                reading.fail(keys.what("reads") + ": there is no tensor " + std::to_string(tensor) +
                             " before it; they are numbered from 0 to " + std::to_string(tensors.size() - 1));
            inputs.push_back(tensors[static_cast<std::size_t>(tensor)]);
        }
    }
    auto weights = name;
    if (auto const* shared = keys.find("weights")) weights = reading.text(*shared, keys.what("weights"));
    if (!is_plain_name(weights, longest_operator_name)) reading.fail(keys.what("weights") + ": is no name");
    KeyList known;
    std::visit(
        [&](auto& kind) {
            fields(kind, keys);
            fields(kind, known);
        },
        *operation);
    keys.finish(known.keys);
    tensors.push_back(graph.add(name, *std::move(operation), std::move(inputs), std::move(weights)));
}

// Axes of a tensor: none twice, and those that are left out of one element.
std::string read_axes(Json const& json, TensorShape shape, std::string const& what, Reading const& reading) {
    auto const axes = reading.text(json, what);
    std::string left = "hwc";
    for (char const axis : axes) {
        auto const at = left.find(axis);
        if (at == std::string::npos)
            reading.fail(what + ": must have each of h, w and c once at most, and nothing else");
        left.erase(at, 1);
    }
    for (char const axis : left)
        if ((axis == 'h' ? shape.h : axis == 'w' ? shape.w : shape.c) != 1)
            reading.fail(what + ": \"" + axes + "\" leaves out " + std::string(1, axis) +
                         ", which has more than one element");
    return axes;
}

void read_blocks(Keys& keys, Blueprint& blueprint, Reading const& reading) {
    auto const* names = keys.find("blocks");
    auto const* stages = keys.find("stages");
    if (names == nullptr && stages == nullptr) return;
    auto const blocks = blocks_of(blueprint.graph, Precision::float32).size();
    if (names != nullptr) {
        std::set<std::string> taken;
        for (auto const& entry : reading.list(*names, blocks, blocks, keys.what("blocks"))) {
            auto const name = reading.text(entry, keys.what("blocks"));
            if (!is_plain_name(name, longest_block_name) || !taken.insert(name).second)
                reading.fail(keys.what("blocks") + ": \"" + name + "\" is no name of a block, or stands there twice");
            blueprint.block_names.push_back(name);
        }
    }
    if (stages == nullptr) return;
    for (auto const& entry : reading.list(*stages, blocks, blocks, keys.what("stages"))) {
        int const stage = reading.whole(entry, keys.what("stages"));
        if (stage < 1 || stage > most_stages)
            reading.fail(keys.what("stages") + ": must be from 1 to " + std::to_string(most_stages));
        blueprint.stages.push_back(stage);
    }
}

Blueprint read_blueprint(Json const& json, Reading const& reading) {
    Keys keys(reading, json, "");
    if (auto const* format = keys.find("format"); format == nullptr || *format != graph_format)
        reading.fail("is no graph: its \"format\" is not \"" + std::string(graph_format) + "\"");
    if (int const version = reading.whole(keys.at("version"), "version"); version != graph_version)
        reading.fail("is a graph of version " + std::to_string(version) + "; this program reads version " +
                     std::to_string(graph_version));
    TensorShape input{1, 0, 0, 0};
    auto const& extents = reading.list(keys.at("input"), 3, 3, "input");
    std::array<int*, 3> const axes{&input.h, &input.w, &input.c};
    for (std::size_t i = 0; i < axes.size(); ++i) *axes[i] = reading.whole(extents[i], "input");
    if (input.h < 1 || input.w < 1 || input.c < 1 || std::max({input.h, input.w, input.c}) > longest_axis ||
        input.elements() > most_input_elements)
        reading.fail("input: must be three numbers from 1 to " + std::to_string(longest_axis) + ", with at most " +
                     std::to_string(most_input_elements) + " elements together");
    Graph::Builder graph(input);
    std::vector<TensorId> tensors{TensorId(0)};
    for (auto const& entry : reading.list(keys.at("operators"), 1, most_operators, "operators"))
        read_operator(graph, tensors, entry, reading);
    int const output = reading.whole(keys.at("output"), "output");
    if (output < 1 || static_cast<std::size_t>(output) >= tensors.size())
        reading.fail("output: must be the number of an operator, from 1 to " + std::to_string(tensors.size() - 1));
    Blueprint blueprint{std::move(graph).finish(tensors[static_cast<std::size_t>(output)])};
    for (std::size_t o = 0; o < blueprint.graph.operators().size(); ++o) {
        auto const& op = blueprint.graph.operators()[o];
        if (!blueprint.graph.weight_tensors(OperatorId(o)).empty() && !can_be_datasets(op.weights))
            reading.fail("operator " + op.name + ": weights: \"" + op.weights +
                         "\" cannot be the name of a dataset; no '/' at its ends, nor two, nor a part \".\"");
    }
    blueprint.input_axes = read_axes(keys.at("input_axes"), input, "input_axes", reading);
    blueprint.output_axes =
        read_axes(keys.at("output_axes"), blueprint.graph.at(blueprint.graph.output()).shape, "output_axes", reading);
    read_blocks(keys, blueprint, reading);
    keys.finish({"format", "version", "input", "input_axes", "output_axes", "output", "blocks", "stages", "operators"});
    return blueprint;
}

}  // namespace

std::string graph_text(Blueprint const& blueprint) {
    auto const& graph = blueprint.graph;
    auto const input = graph.at(graph.input()).shape;
    if (graph.operators().size() > most_operators)
        throw InputError("the network has " + std::to_string(graph.operators().size()) +
                         " operators; a graph has at most " + std::to_string(most_operators));
    std::string text = "{\"format\":\"" + std::string(graph_format) +
                       "\",\"version\":" + std::to_string(graph_version) + ",\"input\":[" + json_of(input.h) + "," +
                       json_of(input.w) + "," + json_of(input.c) +
                       "],\"input_axes\":" + quoted_json(blueprint.input_axes) +
                       ",\"output_axes\":" + quoted_json(blueprint.output_axes) +
                       ",\"output\":" + std::to_string(graph.output().index());
    auto const add_list = [&](char const* key, auto const& values, auto const& text_of) {
        if (values.empty()) return;
        text += std::string(",\"") + key + "\":[";
        for (std::size_t i = 0; i < values.size(); ++i) text += (i > 0 ? "," : "") + text_of(values[i]);
        text += "]";
    };
    add_list("blocks", blueprint.block_names, quoted_json);
    add_list("stages", blueprint.stages, [](int stage) { return json_of(stage); });
    text += ",\"operators\":[";
    for (std::size_t o = 0; o < graph.operators().size(); ++o)
        text += (o > 0 ? "," : "") + operator_text(graph.operators()[o], TensorId(o));
    return text + "]}";
}

Blueprint blueprint_of(Json const& json, Reading const& reading) {
    try {
        return read_blueprint(json, reading);
    } catch (InputError const& error) {  // the graph's own complaints have no place
        if (error.place().file == reading.place().file && error.place().key == reading.place().key) throw;
        reading.fail(error.what());
    }
}

Blueprint read_graph(std::string_view text, InputPlace const& place) {
    Reading const reading(place);
    return blueprint_of(parsed(text, graph_limits, reading), reading);
}

}  // namespace skipstone::networks

#include "onnx/node.hpp"

#include <algorithm>
#include <cmath>

#include "units/error.hpp"

namespace skipstone::onnx {

namespace {

constexpr std::size_t longest_name = 120;     // in messages
constexpr std::size_t longest_operator = 56;  // a block that is named after it is found in a trace by its name

bool is_plain(char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '.' || c == '_' ||
           c == '-' || c == ':';
}

std::string shortened(std::string text) {
    if (text.size() > longest_name) text = text.substr(0, longest_name) + "…";
    return text;
}

}  // namespace

std::string plain_name(std::string_view name) {
    while (!name.empty() && name.front() == '/') name.remove_prefix(1);
    // Names begin with what is common to all, and end with what is their own.
    if (name.size() > longest_operator) name.remove_prefix(name.size() - longest_operator);
    std::string plain;
    for (char const c : name) plain += is_plain(c) ? c : c == '/' ? '.' : '_';
    // A weights file has no tensor of a name that is dots alone.
    if (plain.find_first_not_of('.') == std::string::npos) plain += "_";
    return plain;
}

std::string Node::name() const {
    if (!node_->name().empty()) {
        std::string_view name = node_->name();
        // PyTorch calls an operator of its own after its module: "/layer1/conv1/Conv".
        auto const ending = "/" + node_->op_type();
        if (name.starts_with('/') && name.ends_with(ending) && name.size() > ending.size())
            name.remove_suffix(ending.size());
        return plain_name(name);
    }
    for (auto const& output : node_->output())
        if (!output.empty()) return plain_name(output);
    return plain_name(node_->op_type());
}

std::string Node::label() const {
    std::string name = node_->name();
    if (name.empty() && node_->output_size() > 0) name = node_->output(0);
    auto type = node_->op_type();
    if (!node_->domain().empty() && node_->domain() != "ai.onnx") type = node_->domain() + "." + type;
    return "node " + (name.empty() ? "without a name" : shortened(name)) + " (" + shortened(type) + ")";
}

void Node::refuse(std::string const& problem) const {
    throw InputError(label() + ": " + problem);
}

std::string const& Node::input(int i) const {
    if (!has_input(i)) refuse("has no input " + std::to_string(i + 1));
    return node_->input(i);
}

::onnx::AttributeProto const* Node::find(std::string_view name, ::onnx::AttributeProto::AttributeType type) const {
    asked_.emplace(name);
    for (auto const& attribute : node_->attribute())
        if (attribute.name() == name) {
            // IR version 1 did not tell types.
            if (attribute.type() != type && attribute.type() != ::onnx::AttributeProto::UNDEFINED)
                refuse("its attribute " + std::string(name) + " is of another type");
            return &attribute;
        }
    return nullptr;
}

bool Node::has(std::string_view name) const {
    return std::ranges::any_of(node_->attribute(), [&](auto const& a) { return a.name() == name; });
}

std::int64_t Node::integer(std::string_view name, std::int64_t otherwise) const {
    auto const* found = find(name, ::onnx::AttributeProto::INT);
    return found ? found->i() : otherwise;
}

double Node::number(std::string_view name, double otherwise) const {
    auto const* found = find(name, ::onnx::AttributeProto::FLOAT);
    double const value = found ? double{found->f()} : otherwise;
    require(!std::isnan(value), "its attribute " + std::string(name) + " is no number");
    return value;
}

std::string Node::text(std::string_view name, std::string_view otherwise) const {
    auto const* found = find(name, ::onnx::AttributeProto::STRING);
    return found ? found->s() : std::string(otherwise);
}

std::optional<std::vector<std::int64_t>> Node::integers(std::string_view name) const {
    auto const* found = find(name, ::onnx::AttributeProto::INTS);
    if (!found) return std::nullopt;
    return std::vector<std::int64_t>(found->ints().begin(), found->ints().end());
}

std::optional<std::vector<double>> Node::numbers(std::string_view name) const {
    auto const* found = find(name, ::onnx::AttributeProto::FLOATS);
    if (!found) return std::nullopt;
    return std::vector<double>(found->floats().begin(), found->floats().end());
}

::onnx::TensorProto const* Node::tensor(std::string_view name) const {
    auto const* found = find(name, ::onnx::AttributeProto::TENSOR);
    return found ? &found->t() : nullptr;
}

void Node::ignore(std::string_view name) const {
    asked_.emplace(name);
}

void Node::expect_known_attributes() const {
    for (auto const& attribute : node_->attribute())
        if (!asked_.contains(attribute.name()))
            refuse("its attribute " + shortened(attribute.name()) + " is not known for this type");
}

}  // namespace skipstone::onnx

#include "tests/onnx/maker.hpp"

#include <boost/test/unit_test.hpp>
#include <numeric>

#include "units/error.hpp"

namespace skipstone::test {

using ::onnx::AttributeProto;
using ::onnx::TensorProto;

Maker::Maker(int opset) {
    model_.set_ir_version(8);
    model_.add_opset_import()->set_version(opset);
    model_.mutable_graph()->set_name("made");
}

Maker& Maker::input(std::string const& name, std::vector<std::int64_t> const& shape) {
    auto* value = model_.mutable_graph()->add_input();
    value->set_name(name);
    auto* type = value->mutable_type()->mutable_tensor_type();
    type->set_elem_type(TensorProto::FLOAT);
    for (auto const size : shape) {
        auto* axis = type->mutable_shape()->add_dim();
        if (size >= 0) axis->set_dim_value(size);
    }
    return *this;
}

Maker& Maker::output(std::string const& name) {
    auto* value = model_.mutable_graph()->add_output();
    value->set_name(name);
    value->mutable_type()->mutable_tensor_type()->set_elem_type(TensorProto::FLOAT);
    return *this;
}

Maker& Maker::weight(std::string const& name, std::vector<std::int64_t> const& shape, std::vector<float> values) {
    auto* tensor = model_.mutable_graph()->add_initializer();
    tensor->set_name(name);
    tensor->set_data_type(TensorProto::FLOAT);
    std::size_t all = 1;
    for (auto const size : shape) {
        tensor->add_dims(size);
        all *= static_cast<std::size_t>(size);
    }
    if (values.empty()) {
        values.resize(all);
        std::iota(values.begin(), values.end(), 1.0F);
    }
    tensor->mutable_float_data()->Add(values.begin(), values.end());
    return *this;
}

Maker& Maker::integers(std::string const& name, std::vector<std::int64_t> const& values) {
    auto* tensor = model_.mutable_graph()->add_initializer();
    tensor->set_name(name);
    tensor->set_data_type(TensorProto::INT64);
    tensor->add_dims(static_cast<std::int64_t>(values.size()));
    tensor->mutable_int64_data()->Add(values.begin(), values.end());
    return *this;
}

Maker& Maker::scalar(std::string const& name, float value) {
    return weight(name, {}, {value});
}

Maker& Maker::node(std::string const& type, std::vector<std::string> const& inputs, std::string const& output,
                   std::string const& name) {
    auto* node = model_.mutable_graph()->add_node();
    node->set_op_type(type);
    node->set_name(name.empty() ? output : name);
    for (auto const& input : inputs) node->add_input(input);
    node->add_output(output);
    return *this;
}

Maker& Maker::more_output(std::string const& name) {
    auto* graph = model_.mutable_graph();
    graph->mutable_node(graph->node_size() - 1)->add_output(name);
    return *this;
}

AttributeProto& Maker::attribute(std::string const& name, AttributeProto::AttributeType type) {
    auto* graph = model_.mutable_graph();
    auto* made = graph->mutable_node(graph->node_size() - 1)->add_attribute();
    made->set_name(name);
    made->set_type(type);
    return *made;
}

Maker& Maker::with(std::string const& name, std::vector<std::int64_t> const& values) {
    attribute(name, AttributeProto::INTS).mutable_ints()->Add(values.begin(), values.end());
    return *this;
}

Maker& Maker::with(std::string const& name, std::int64_t value) {
    attribute(name, AttributeProto::INT).set_i(value);
    return *this;
}

Maker& Maker::with(std::string const& name, float value) {
    attribute(name, AttributeProto::FLOAT).set_f(value);
    return *this;
}

Maker& Maker::with(std::string const& name, char const* value) {
    attribute(name, AttributeProto::STRING).set_s(value);
    return *this;
}

std::string Maker::operators(onnx::Options const& options) const {
    std::string text;
    auto const read = translated(options);
    for (auto const& op : read.blueprint.graph.operators())
        text += (text.empty() ? "" : ", ") + std::string(name_of(op.operation));
    return text;
}

std::string Maker::problem(onnx::Options const& options) const {
    try {
        translated(options);
    } catch (InputError const& error) {
        return error.what();
    }
    return {};
}

std::vector<float> const& values_of(onnx::Model const& model, std::string const& weight) {
    for (auto const& tensor : model.weights)
        if (tensor.name == weight) return tensor.values;
    BOOST_FAIL("there is no " + weight);
    throw std::logic_error(weight);
}

}  // namespace skipstone::test

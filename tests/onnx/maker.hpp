#pragma once

#include <onnx/onnx_pb.h>

#include <string>
#include <vector>

#include "onnx/translate.hpp"

namespace skipstone::test {

// A model that is written down node by node; -1 is an axis that is left open.
class Maker {
  public:
    explicit Maker(int opset = 13);

    Maker& input(std::string const& name, std::vector<std::int64_t> const& shape);
    Maker& output(std::string const& name);
    // Values count up from 1 where none are given.
    Maker& weight(std::string const& name, std::vector<std::int64_t> const& shape, std::vector<float> values = {});
    Maker& integers(std::string const& name, std::vector<std::int64_t> const& values);
    Maker& scalar(std::string const& name, float value);
    // Of the last node; the next calls give it attributes.
    Maker& node(std::string const& type, std::vector<std::string> const& inputs, std::string const& output,
                std::string const& name = {});
    Maker& more_output(std::string const& name);
    Maker& with(std::string const& attribute, std::vector<std::int64_t> const& values);
    Maker& with(std::string const& attribute, std::int64_t value);
    Maker& with(std::string const& attribute, int value) { return with(attribute, std::int64_t{value}); }
    Maker& with(std::string const& attribute, float value);
    Maker& with(std::string const& attribute, char const* value);

    ::onnx::ModelProto& model() { return model_; }
    onnx::Model translated(onnx::Options const& options = {}) const { return onnx::translate(model_, options); }
    // "convolution, ReLU, …".
    std::string operators(onnx::Options const& options = {}) const;
    // What the InputError says that translating throws; empty: none.
    std::string problem(onnx::Options const& options = {}) const;

  private:
    ::onnx::AttributeProto& attribute(std::string const& name, ::onnx::AttributeProto::AttributeType type);

    ::onnx::ModelProto model_;
};

std::vector<float> const& values_of(onnx::Model const& model, std::string const& weight);

}  // namespace skipstone::test

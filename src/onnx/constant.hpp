#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "onnx/onnx_pb.h"

namespace skipstone::onnx {

using Shape = std::vector<std::int64_t>;  // of an ONNX tensor: its axes in order; none: a scalar

// "[3,224,224]".
std::string text_of(Shape const& shape);
// Throws InputError, naming what, when there are more than 2^40 or an axis is negative.
std::size_t elements_of(Shape const& shape, std::string const& what);

// A tensor that is the same for every input: an initializer, or what is computed of such. Numbers are float or
// integers; integers of ONNX and bool are int64 here, its other floats float. Immutable; the model must outlive it.
class Constant {
  public:
    enum class Type { real, integer };

    // What lies in a model is decoded where it is asked for. Throws InputError, naming the tensor, when its type has no
    // numbers (strings), or it holds not as many as its shape says.
    static Constant of(::onnx::TensorProto const& tensor, std::string const& name);
    Constant(Shape shape, std::vector<float> values);
    Constant(Shape shape, std::vector<std::int64_t> values);
    // All elements have one value.
    static Constant filled(Shape shape, Type type, double value);

    Shape const& shape() const { return shape_; }
    std::int64_t rank() const { return static_cast<std::int64_t>(shape_.size()); }
    std::size_t elements() const { return elements_; }
    Type type() const { return type_; }
    bool is_filled() const { return is_filled_; }
    // Row-major. Integers of a real tensor are cut off towards zero. Throw InputError when a filled tensor has more
    // than 2^28 elements.
    std::vector<float> reals() const;
    std::vector<std::int64_t> integers() const;
    // Of a tensor of one element.
    double number() const;
    // All elements are one number.
    bool is_uniform() const;
    // The same numbers with another shape of as many elements.
    Constant reshaped(Shape shape) const;
    // What tells it apart from others of its model: one name is one constant.
    std::string const& name() const { return name_; }

  private:
    Constant() = default;
    void expect_storable() const;

    Shape shape_;
    std::size_t elements_ = 1;
    Type type_ = Type::real;
    bool is_filled_ = false;
    double fill_ = 0;
    ::onnx::TensorProto const* source_ = nullptr;  // none: the values lie here
    std::shared_ptr<std::vector<float> const> reals_;
    std::shared_ptr<std::vector<std::int64_t> const> integers_;
    std::string name_;
};

using ConstantPointer = std::shared_ptr<Constant const>;

}  // namespace skipstone::onnx

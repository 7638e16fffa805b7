#include "onnx/constant.hpp"

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstring>
#include <limits>

#include "onnx/limits.hpp"
#include "units/error.hpp"

namespace skipstone::onnx {

namespace {

using ::onnx::TensorProto;

constexpr std::int64_t most_elements = std::int64_t{1} << 40;

float widened(std::uint16_t half) {
    auto const sign = static_cast<std::uint32_t>(half & 0x8000U) << 16U;
    auto const exponent = (half >> 10U) & 0x1fU;
    auto const fraction = static_cast<std::uint32_t>(half & 0x3ffU);
    if (exponent == 31) return std::bit_cast<float>(sign | 0x7f800000U | (fraction << 13U));
    if (exponent == 0) {
        auto const value = std::ldexp(static_cast<float>(fraction), -24);
        return sign ? -value : value;
    }
    return std::bit_cast<float>(sign | ((exponent + 112U) << 23U) | (fraction << 13U));
}

// Beyond what int64 holds: its ends; no number: 0.
std::int64_t truncated(double value) {
    if (std::isnan(value)) return 0;
    if (value >= 9.2233720368547758e18) return std::numeric_limits<std::int64_t>::max();
    if (value <= -9.2233720368547758e18) return std::numeric_limits<std::int64_t>::min();
    return static_cast<std::int64_t>(value);
}

// Numbers of type Stored that lie in raw_data, little-endian as the host.
template <class Stored, class To, class Change>
std::vector<To> from_raw(std::string const& raw, std::size_t count, Change change) {
    static_assert(std::endian::native == std::endian::little);
    std::vector<To> values(count);
    for (std::size_t i = 0; i < count; ++i) {
        Stored stored;
        std::memcpy(&stored, raw.data() + i * sizeof stored, sizeof stored);
        values[i] = static_cast<To>(change(stored));
    }
    return values;
}

template <class To, class Field, class Change>
std::vector<To> from_field(Field const& field, Change change) {
    std::vector<To> values;
    values.reserve(static_cast<std::size_t>(field.size()));
    for (auto const value : field) values.push_back(static_cast<To>(change(value)));
    return values;
}

template <class To>
To converted(double value) {
    if constexpr (std::is_same_v<To, std::int64_t>)
        return truncated(value);
    else
        return static_cast<float>(value);
}

template <class Stored, class To, class Field>
std::vector<To> numbers(TensorProto const& tensor, std::size_t count, Field const& field) {
    auto const change = [](auto value) {
        if constexpr (std::is_floating_point_v<decltype(value)>)
            return converted<To>(double{value});
        else
            return static_cast<To>(value);
    };
    return tensor.has_raw_data()
               ? from_raw<Stored, To>(tensor.raw_data(), count, change)
               : from_field<To>(field, [&](auto value) { return change(static_cast<Stored>(value)); });
}

template <class To>
std::vector<To> decoded(TensorProto const& tensor, std::size_t count) {
    auto const halves = [&](auto widen) {
        auto const change = [&](std::uint16_t bits) { return converted<To>(double{widen(bits)}); };
        return tensor.has_raw_data() ? from_raw<std::uint16_t, To>(tensor.raw_data(), count, change)
                                     : from_field<To>(tensor.int32_data(), [&](auto bits) {
                                           return change(static_cast<std::uint16_t>(bits));
                                       });
    };
    switch (tensor.data_type()) {
        case TensorProto::FLOAT:
            if constexpr (std::is_same_v<To, float>)
                if (tensor.has_raw_data()) {
                    std::vector<float> values(count);
                    if (count > 0) std::memcpy(values.data(), tensor.raw_data().data(), count * sizeof(float));
                    return values;
                }
            return numbers<float, To>(tensor, count, tensor.float_data());
        case TensorProto::DOUBLE:
            return numbers<double, To>(tensor, count, tensor.double_data());
        case TensorProto::FLOAT16:
            return halves([](std::uint16_t bits) { return widened(bits); });
        case TensorProto::BFLOAT16:
            return halves(
                [](std::uint16_t bits) { return std::bit_cast<float>(static_cast<std::uint32_t>(bits) << 16U); });
        case TensorProto::INT64:
            return numbers<std::int64_t, To>(tensor, count, tensor.int64_data());
        case TensorProto::INT32:
            return numbers<std::int32_t, To>(tensor, count, tensor.int32_data());
        case TensorProto::INT16:
            return numbers<std::int16_t, To>(tensor, count, tensor.int32_data());
        case TensorProto::INT8:
            return numbers<std::int8_t, To>(tensor, count, tensor.int32_data());
        case TensorProto::UINT8:
        case TensorProto::BOOL:
            return numbers<std::uint8_t, To>(tensor, count, tensor.int32_data());
        case TensorProto::UINT16:
            return numbers<std::uint16_t, To>(tensor, count, tensor.int32_data());
        case TensorProto::UINT32:
            return numbers<std::uint32_t, To>(tensor, count, tensor.uint64_data());
        default:
            return numbers<std::uint64_t, To>(tensor, count, tensor.uint64_data());
    }
}

struct Stored {
    std::size_t bytes;  // of an element in raw_data
    int values;         // in the field of its type
    Constant::Type type;
};

Stored stored(TensorProto const& tensor, std::string const& name) {
    using enum Constant::Type;
    switch (tensor.data_type()) {
        case TensorProto::FLOAT:
            return {4, tensor.float_data_size(), real};
        case TensorProto::DOUBLE:
            return {8, tensor.double_data_size(), real};
        case TensorProto::FLOAT16:
        case TensorProto::BFLOAT16:
            return {2, tensor.int32_data_size(), real};
        case TensorProto::INT64:
            return {8, tensor.int64_data_size(), integer};
        case TensorProto::INT32:
            return {4, tensor.int32_data_size(), integer};
        case TensorProto::INT16:
        case TensorProto::UINT16:
            return {2, tensor.int32_data_size(), integer};
        case TensorProto::INT8:
        case TensorProto::UINT8:
        case TensorProto::BOOL:
            return {1, tensor.int32_data_size(), integer};
        case TensorProto::UINT32:
            return {4, tensor.uint64_data_size(), integer};
        case TensorProto::UINT64:
            return {8, tensor.uint64_data_size(), integer};
        default:
            break;
    }
    auto const type = tensor.data_type();
    auto const word = type == TensorProto::STRING ? "text"
                      : type == TensorProto::COMPLEX64 || type == TensorProto::COMPLEX128
                          ? "complex numbers"
                          : "numbers of a type that is not read";
    throw InputError("tensor " + name + ": holds " + word + "; float, double, float16, bfloat16 and integers are read");
}

}  // namespace

std::string text_of(Shape const& shape) {
    std::string text = "[";
    for (auto const extent : shape) text += (text.size() > 1 ? "," : "") + std::to_string(extent);
    return text + "]";
}

std::size_t elements_of(Shape const& shape, std::string const& what) {
    std::int64_t all = 1;
    bool is_empty = false;
    for (auto const extent : shape) {
        if (extent < 0) throw InputError(what + ": its shape " + text_of(shape) + " has a negative axis");
        if (extent == 0) {
            is_empty = true;
        } else if (all > most_elements / extent) {
            throw InputError(what + ": its shape " + text_of(shape) + " has more than 2^40 elements");
        } else {
            all *= extent;
        }
    }
    return is_empty ? 0 : static_cast<std::size_t>(all);
}

Constant Constant::of(TensorProto const& tensor, std::string const& name) {
    Constant constant;
    constant.name_ = name;
    constant.shape_.assign(tensor.dims().begin(), tensor.dims().end());
    constant.elements_ = elements_of(constant.shape_, "tensor " + name);
    auto const how = stored(tensor, name);
    constant.type_ = how.type;
    auto const there =
        tensor.has_raw_data() ? tensor.raw_data().size() / how.bytes : static_cast<std::size_t>(how.values);
    bool const is_even = !tensor.has_raw_data() || tensor.raw_data().size() % how.bytes == 0;
    if (there != constant.elements_ || !is_even || tensor.data_location() == TensorProto::EXTERNAL)
        throw InputError("tensor " + name + ": holds " + std::to_string(there) + " numbers, and its shape " +
                         text_of(constant.shape_) + " has " + std::to_string(constant.elements_));
    constant.source_ = &tensor;
    return constant;
}

Constant::Constant(Shape shape, std::vector<float> values)
    : shape_(std::move(shape)),
      elements_(values.size()),
      reals_(std::make_shared<std::vector<float> const>(std::move(values))) {
    SKIPSTONE_ENSURE(elements_of(shape_, "constant") == elements_);
}

Constant::Constant(Shape shape, std::vector<std::int64_t> values)
    : shape_(std::move(shape)),
      elements_(values.size()),
      type_(Type::integer),
      integers_(std::make_shared<std::vector<std::int64_t> const>(std::move(values))) {
    SKIPSTONE_ENSURE(elements_of(shape_, "constant") == elements_);
}

Constant Constant::filled(Shape shape, Type type, double value) {
    Constant constant;
    constant.shape_ = std::move(shape);
    constant.elements_ = elements_of(constant.shape_, "constant");
    constant.type_ = type;
    constant.is_filled_ = true;
    constant.fill_ = value;
    return constant;
}

void Constant::expect_storable() const {
    if (is_filled_ && elements_ > limits::filled_elements)
        throw InputError("a constant of shape " + text_of(shape_) + " that a node makes has more than 2^28 elements");
}

std::vector<float> Constant::reals() const {
    expect_storable();
    if (is_filled_) return std::vector<float>(elements_, static_cast<float>(fill_));
    if (source_) return decoded<float>(*source_, elements_);
    if (reals_) return *reals_;
    return {integers_->begin(), integers_->end()};
}

std::vector<std::int64_t> Constant::integers() const {
    expect_storable();
    if (is_filled_) return std::vector<std::int64_t>(elements_, truncated(fill_));
    if (source_) return decoded<std::int64_t>(*source_, elements_);
    if (integers_) return *integers_;
    std::vector<std::int64_t> values;
    for (float const value : *reals_) values.push_back(truncated(double{value}));
    return values;
}

double Constant::number() const {
    SKIPSTONE_EXPECT(elements_ >= 1);
    if (is_filled_) return fill_;
    return type_ == Type::integer ? static_cast<double>(integers().front()) : double{reals().front()};
}

bool Constant::is_uniform() const {
    if (is_filled_ || elements_ <= 1) return elements_ > 0;
    auto const values = reals();
    return std::ranges::all_of(values, [&](float value) { return value == values.front(); });
}

Constant Constant::reshaped(Shape shape) const {
    Constant constant = *this;
    SKIPSTONE_EXPECT(elements_of(shape, "constant") == elements_);
    constant.shape_ = std::move(shape);
    return constant;
}

}  // namespace skipstone::onnx

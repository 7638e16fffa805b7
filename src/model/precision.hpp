#pragma once

#include <cstddef>
#include <string_view>

namespace skipstone {

// What a network computes in (its classifier excepted, which stays float32: Graph::precision_of). int8: weights −127 …
// 127 with a scale per output channel, activations in 8 bits with a scale per tensor (model/calibration.hpp).
enum class Precision { float32, bfloat16, int8 };

enum class ElementType { float32, bfloat16, int8, uint8 };

constexpr std::size_t size_of(ElementType type) {
    return type == ElementType::float32 ? 4 : type == ElementType::bfloat16 ? 2 : 1;
}

// Of what blocks hand on: after a ReLU nothing is negative, so 8 bits need no sign.
constexpr ElementType activation_type(Precision precision) {
    return precision == Precision::float32    ? ElementType::float32
           : precision == Precision::bfloat16 ? ElementType::bfloat16
                                              : ElementType::uint8;
}

// The paper's b: bytes of a weight or an activation.
constexpr std::size_t element_bytes(Precision precision) {
    return size_of(activation_type(precision));
}

// "float32", "bfloat16", "int8"; throws InputError for any other text.
Precision parse_precision(std::string_view text);

constexpr std::string_view to_string(Precision precision) {
    switch (precision) {
        case Precision::float32:
            return "float32";
        case Precision::bfloat16:
            return "bfloat16";
        case Precision::int8:
            return "int8";
    }
    return "?";
}

}  // namespace skipstone

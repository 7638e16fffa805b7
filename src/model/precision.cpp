#include "model/precision.hpp"

#include <string>

#include "units/error.hpp"

namespace skipstone {

Precision parse_precision(std::string_view text) {
    for (auto const precision : {Precision::float32, Precision::bfloat16, Precision::int8})
        if (text == to_string(precision)) return precision;
    throw InputError("\"" + std::string(text) + "\" is no precision; there are float32, bfloat16 and int8");
}

}  // namespace skipstone

#pragma once

#include <memory>
#include <string_view>

#include "config/value.hpp"

namespace skipstone::config {

// The value that a JSON text holds. Throws InputError with file and line when it is no JSON, when a key stands twice in
// an object, and when it is nested deeper than 64 levels. Numbers beyond int64 become real ones; beyond the range of a
// double they are refused.
Value parse_json(std::string_view text, std::shared_ptr<Origin const> origin);

}  // namespace skipstone::config

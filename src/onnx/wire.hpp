#pragma once

#include <cstdint>
#include <string>

namespace skipstone::onnx {

// Looks through a file in the form of Protocol Buffers before it is parsed: what it claims is there, and parsing it
// will take bounded memory. Throws InputError, naming the file, when it is no model in ONNX, is cut off or damaged,
// holds a text that is no UTF-8, or is beyond a limit of limits.hpp. descriptor: of the file, whose first `bytes` bytes
// are read from where it stands.
void require_sound_model(int descriptor, std::int64_t bytes, std::string const& file);

}  // namespace skipstone::onnx

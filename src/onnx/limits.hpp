#pragma once

#include <cstdint>

// What a model in ONNX may be at most, so that reading any file takes bounded memory and time.
namespace skipstone::onnx::limits {

constexpr std::int64_t file_bytes = (std::int64_t{1} << 31) - 1;  // what Protocol Buffers can read
constexpr std::int64_t weight_bytes = std::int64_t{4} << 30;      // of all tensors, in this file and in others
constexpr std::int64_t structure_bytes = std::int64_t{1} << 29;   // memory for all that is no weight
constexpr std::int64_t nodes = 100'000;                           // with those of graphs in nodes
constexpr int nesting = 32;                                       // messages within messages
constexpr std::int64_t elements = (std::int64_t{1} << 31) - 1;    // of one tensor

}  // namespace skipstone::onnx::limits

#pragma once

#include <cstddef>
#include <cstdint>

// What a model in ONNX may be at most, so that reading any file takes bounded memory and time.
namespace skipstone::onnx::limits {

constexpr std::int64_t file_bytes = (std::int64_t{1} << 31) - 1;  // what Protocol Buffers can read
constexpr std::int64_t weight_bytes = std::int64_t{4} << 30;      // of all tensors, in this file and in others
constexpr std::int64_t structure_bytes = std::int64_t{1} << 29;   // memory for all that is no weight
constexpr std::int64_t nodes = 100'000;                           // with those of graphs in nodes
constexpr int nesting = 32;                                       // messages within messages
constexpr std::int64_t elements = (std::int64_t{1} << 31) - 1;    // of one tensor

// What is made of a model, whatever it says: operators while it is read, numbers of a constant that a node fills or
// makes larger, channels that are scaled, rows of a matrix, and numbers of all weights.
constexpr std::size_t operators = 200'000;
constexpr std::size_t filled_elements = std::size_t{1} << 28;  // VGG19's first fully connected operator has 2^26.6
constexpr std::size_t grown_elements = std::size_t{1} << 22;
constexpr std::size_t channels = std::size_t{1} << 24;
constexpr std::size_t all_weights = std::size_t{1} << 30;

}  // namespace skipstone::onnx::limits

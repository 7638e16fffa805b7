#pragma once

#include <array>
#include <string_view>
#include <utility>

#include "model/split.hpp"

namespace skipstone::config {

// How files call the ways in which a block can be split.
inline constexpr std::array<std::pair<std::string_view, Split::Kind>, 4> split_words{{{"outputs", Split::Kind::outputs},
                                                                                      {"inputs", Split::Kind::inputs},
                                                                                      {"rows", Split::Kind::rows},
                                                                                      {"tiles", Split::Kind::tiles}}};
inline constexpr int most_parts = 128;  // of a block

}  // namespace skipstone::config

#pragma once

// Private to this room.

#include <string_view>

namespace skipstone::analysis {

// What stands in page_text() where a page has its data, as JSON.
inline constexpr std::string_view data_mark = "%DATA%";

// The page without its data, put together by CMake from analysis/page and D3.
std::string_view page_text();

}  // namespace skipstone::analysis

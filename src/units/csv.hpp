#pragma once

#include <string>
#include <string_view>

namespace skipstone {

// A text as a cell of a CSV line (RFC 4180): quoted where it has to be. A spreadsheet would run what begins with "=",
// "+", "-" or "@": such text gets an apostrophe in front, which it takes for "this is text"; a number stays a number.
std::string csv_cell(std::string_view text);

}  // namespace skipstone

#include "units/csv.hpp"

#include <charconv>

namespace skipstone {

namespace {

bool is_number(std::string_view text) {
    if (text.starts_with('+')) text.remove_prefix(1);
    double value = 0;
    auto const [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
    return error == std::errc() && end == text.data() + text.size();
}

}  // namespace

std::string csv_cell(std::string_view text) {
    bool const formula = text.find_first_of("=+-@\t\r") == 0 && !is_number(text);
    std::string const shown = (formula ? "'" : "") + std::string(text);
    if (shown.find_first_of(",\"\r\n") == std::string::npos) return shown;
    std::string cell = "\"";
    for (char const c : shown) cell += c == '"' ? "\"\"" : std::string(1, c);
    return cell + '"';
}

}  // namespace skipstone

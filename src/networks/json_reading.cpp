#include "networks/json_reading.hpp"

#include <algorithm>
#include <set>

namespace skipstone::networks {

Json parsed(std::string_view text, TextLimits const& limits, Reading const& reading) {
    auto const is = std::string(limits.is);
    if (text.size() > limits.bytes)
        reading.fail("has " + std::to_string(text.size()) + " bytes; a " + is + " has at most " +
                     std::to_string(limits.bytes));
    std::size_t values = 0;
    std::vector<std::set<std::string>> keys(static_cast<std::size_t>(limits.depth) + 1);
    auto const watch = [&](int depth, Json::parse_event_t event, Json& value) {
        if (depth > limits.depth || ++values > limits.values)
            reading.fail("is no " + is + ": it is nested deeper, or has more values");
        auto& here = keys[static_cast<std::size_t>(depth)];
        if (event == Json::parse_event_t::object_start && depth < limits.depth)
            keys[static_cast<std::size_t>(depth) + 1].clear();
        if (event == Json::parse_event_t::key && !here.insert(value.get<std::string>()).second)
            reading.fail("is no " + is + ": the key " + value.dump(-1, ' ', true) + " stands twice in one object");
        return true;
    };
    try {
        return Json::parse(text.begin(), text.end(), watch);
    } catch (Json::exception const& error) {
        std::string reason = error.what();
        if (auto const mark = reason.find("] "); mark != std::string::npos) reason = reason.substr(mark + 2);
        reading.fail("is no " + is + ", because it is not valid JSON: " + reason);
    }
}

bool is_plain_name(std::string const& name, std::size_t longest) {
    return !name.empty() && name.size() <= longest &&
           std::ranges::none_of(name, [](char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7f; });
}

std::string quoted_json(std::string const& text) {
    std::string quoted;
    try {
        quoted = Json(text).dump();
    } catch (Json::exception const&) {
        throw InputError("the name \"" + text + "\" is not UTF-8");
    }
    // So that the whole text can stand between single quotes.
    for (auto at = quoted.find('\''); at != std::string::npos; at = quoted.find('\'', at))
        quoted.replace(at, 1, "\\u0027");
    return quoted;
}

}  // namespace skipstone::networks

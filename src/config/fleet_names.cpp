#include "config/fleet_names.hpp"

#include <algorithm>
#include <charconv>
#include <cstdint>
#include <utility>

#include "units/error.hpp"
#include "units/nearest.hpp"

namespace skipstone::config {

namespace {

bool is_number(std::string_view text) {
    return !text.empty() && text.find_first_not_of("0123456789") == std::string_view::npos;
}

// "pi-", "3"; what has no dash has no base.
std::pair<std::string_view, std::string_view> parts_of(std::string_view name) {
    auto const dash = name.rfind('-');
    auto const length = dash == std::string_view::npos ? 0 : dash + 1;
    return {name.substr(0, length), name.substr(length)};
}

// "2..5"; nothing: that is no range.
std::optional<std::pair<std::int64_t, std::int64_t>> range_of(std::string_view text) {
    auto const dots = text.find("..");
    if (dots == std::string_view::npos) return std::nullopt;
    auto const number = [](std::string_view digits) -> std::optional<std::int64_t> {
        std::int64_t value = 0;
        if (!is_number(digits)) return std::nullopt;
        if (std::from_chars(digits.data(), digits.data() + digits.size(), value).ec != std::errc()) return std::nullopt;
        return value;
    };
    auto const first = number(text.substr(0, dots)), last = number(text.substr(dots + 2));
    if (!first || !last) return std::nullopt;
    return std::pair(*first, *last);
}

}  // namespace

FleetNames::FleetNames(std::vector<Device> const& fleet) : fleet_(fleet) {
    for (std::size_t i = 0; i < fleet.size(); ++i) {
        std::string_view const name = fleet[i].name;
        ids_.emplace(name, DeviceId(i));
        auto const [base, rest] = parts_of(name);
        if (!base.empty() && is_number(rest)) numbered_[base].emplace_back(i);
    }
}

DeviceId FleetNames::find(std::string const& name) const {
    auto const found = ids_.find(name);
    return found == ids_.end() ? DeviceId() : found->second;
}

DeviceId FleetNames::at(std::string const& name, std::string_view or_else) const {
    if (auto const device = find(name)) return device;
    std::size_t members = 0;
    while (ids_.contains(name + "-" + std::to_string(members))) ++members;
    if (members > 0)
        throw InputError("no device is called \"" + name + "\"; the devices of that entry of the fleet are \"" + name +
                         "-0\"" + (members > 1 ? " to \"" + name + "-" + std::to_string(members - 1) + "\"" : "") +
                         "; name one of them, or " + std::string(or_else));
    std::vector<std::string_view> names;
    constexpr std::size_t most = 10'000;
    for (std::size_t i = 0; i < std::min(fleet_.size(), most); ++i) names.push_back(fleet_[i].name);
    throw InputError("no device is called \"" + name + "\" (nearest: \"" + nearest(name, names) +
                     "\"); name one of the fleet, or " + std::string(or_else));
}

std::vector<DeviceId> FleetNames::all(std::string const& text) const {
    if (auto const device = find(text)) return {device};
    auto const [base, rest] = parts_of(text);
    if (rest == "*")
        if (auto const found = numbered_.find(base); found != numbered_.end()) return found->second;
    if (auto const range = base.empty() ? std::nullopt : range_of(rest)) {
        auto const [first, last] = *range;
        auto const member = [&](std::int64_t number) { return std::string(base) + std::to_string(number); };
        if (first > last)
            throw InputError("\"" + text + "\" is the wrong way round; write \"" + member(last) + ".." +
                             std::to_string(first) + "\"");
        std::vector<DeviceId> devices;
        for (auto number = first;; ++number) {
            devices.push_back(at(member(number), "\"" + std::string(base) + "*\" for all that are numbered"));
            if (number == last) return devices;
        }
    }
    return {at(text, "several, as \"NAME-*\" or \"NAME-0..3\"")};
}

}  // namespace skipstone::config

#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

#include "model/network.hpp"
#include "networks/graph_text.hpp"
#include "networks/operator_fields.hpp"
#include "units/error.hpp"

// What the readers of JSON texts in weights files have in common.
namespace skipstone::networks {

using Json = nlohmann::json;

// Where something is wrong in a text, and what.
class Reading {
  public:
    // within: what messages begin with behind the place.
    explicit Reading(InputPlace place, std::string within = "")
        : place_(std::move(place)), within_(std::move(within)) {}

    InputPlace const& place() const { return place_; }
    std::string const& within() const { return within_; }
    [[noreturn]] void fail(std::string const& message) const { throw InputError(place_, within_ + message); }

    // Whole numbers that an int holds; the graph says which are right.
    int whole(Json const& value, std::string const& what) const {
        if (!value.is_number_integer()) fail(what + ": must be a whole number");
        bool const fits = value.is_number_unsigned()
                              ? value.get<std::uint64_t>() <= std::uint64_t{std::numeric_limits<int>::max()}
                              : value.get<std::int64_t>() >= std::numeric_limits<int>::min() &&
                                    value.get<std::int64_t>() <= std::numeric_limits<int>::max();
        if (!fits) fail(what + ": is out of range");
        return value.get<int>();
    }

    std::string text(Json const& value, std::string const& what) const {
        if (!value.is_string()) fail(what + ": must be a string");
        return value.get<std::string>();
    }

    Json const& list(Json const& value, std::size_t least, std::size_t most, std::string const& what) const {
        if (!value.is_array()) fail(what + ": must be a list");
        if (value.size() < least || value.size() > most)
            fail(what + ": has " + std::to_string(value.size()) + " entries, and must have " + std::to_string(least) +
                 (least == most ? "" : " to " + std::to_string(most)));
        return value;
    }

    void read(Json const& value, int& to, std::string const& what) const { to = whole(value, what); }
    void read(Json const& value, bool& to, std::string const& what) const {
        if (!value.is_boolean()) fail(what + ": must be true or false");
        to = value.get<bool>();
    }
    void read(Json const& value, double& to, std::string const& what) const {
        if (value == "inf" || value == "-inf")
            to = value == "inf" ? std::numeric_limits<double>::infinity() : -std::numeric_limits<double>::infinity();
        else if (value.is_number())
            to = value.get<double>();
        else
            fail(what + ": must be a number, or \"inf\" or \"-inf\"");
    }
    void read(Json const& value, Extent& to, std::string const& what) const {
        list(value, 2, 2, what);
        to = {whole(value[0], what), whole(value[1], what)};
    }
    void read(Json const& value, Padding& to, std::string const& what) const {
        list(value, 4, 4, what);
        to = {whole(value[0], what), whole(value[1], what), whole(value[2], what), whole(value[3], what)};
    }
    template <class E>
    requires std::is_enum_v<E>
    void read(Json const& value, E& to, std::string const& what) const {
        auto const word = text(value, what);
        std::string known;
        for (auto const& [name, meant] : words<E>) {
            if (name == word) {
                to = meant;
                return;
            }
            known += (known.empty() ? "" : ", ") + std::string(name);
        }
        fail(what + ": must be one of " + known + ", and is \"" + word + "\"");
    }
    void read(Json const& value, std::array<Axis, 3>& to, std::string const& what) const {
        list(value, 3, 3, what);
        for (std::size_t i = 0; i < to.size(); ++i) read(value[i], to[i], what);
    }

  private:
    InputPlace place_;
    std::string within_;
};

// An object key by key: what nobody asked for is refused.
class Keys {
  public:
    // what: what messages call it.
    Keys(Reading const& reading, Json const& object, std::string what)
        : reading_(reading), object_(object), what_(std::move(what)) {
        if (!object.is_object()) reading_.fail(what_ + "must be an object");
    }

    Json const* find(std::string_view key) {
        auto const found = object_.find(key);
        if (found == object_.end()) return nullptr;
        ++asked_;
        return &*found;
    }
    Json const& at(std::string_view key) {
        auto const* found = find(key);
        if (found == nullptr) reading_.fail(what_ + "\"" + std::string(key) + "\" is missing");
        return *found;
    }
    std::string what(std::string_view key) const { return what_ + std::string(key); }

    // As FieldWriter.
    template <class Value>
    void operator()(std::string_view key, Value& value, Value const& usual) {
        value = usual;
        if (auto const* found = find(key)) reading_.read(*found, value, what(key));
    }
    template <class Value>
    void needed(std::string_view key, Value& value) {
        reading_.read(at(key), value, what(key));
    }

    // known: all keys that were asked for.
    void finish(std::vector<std::string_view> const& known) const {
        if (asked_ == object_.size()) return;
        for (auto const& [key, value] : object_.items())
            if (std::ranges::find(known, key) == known.end()) reading_.fail(what_ + "unknown key \"" + key + "\"");
    }

  private:
    Reading const& reading_;
    Json const& object_;
    std::string what_;
    std::size_t asked_ = 0;
};

// The JSON value of a text of at most so many bytes and values, nested so deep at most; no key stands twice in an
// object. is: what it is, "graph". Throws as Reading::fail.
struct TextLimits {
    std::string_view is;
    std::size_t bytes, values;
    int depth;
};
Json parsed(std::string_view text, TextLimits const& limits, Reading const& reading);

// 1 to so many bytes, no control characters.
bool is_plain_name(std::string const& name, std::size_t longest);

// Text in JSON, without single quotes. Throws InputError when it is not UTF-8.
std::string quoted_json(std::string const& text);

// The graph that a value is, as read_graph() takes it. Throws InputError with the place.
inline constexpr TextLimits graph_limits{"graph", longest_graph, 40 * most_operators, 4};
Blueprint blueprint_of(Json const& json, Reading const& reading);

}  // namespace skipstone::networks

#include <algorithm>
#include <array>
#include <charconv>
#include <utility>

#include "config/scenario_file.hpp"
#include "config/toml_reader.hpp"
#include "units/error.hpp"
#include "units/plain_text.hpp"

// Keys of a scenario that are set from outside of its file.
namespace skipstone::config {

namespace {

struct Step {
    std::string key;        // of a table; or, when empty,
    std::size_t index = 0;  // of a list
};

// "fleet.devices[0].battery" -> fleet, devices, 0, battery
std::vector<Step> steps_of(std::string const& key, InputPlace const& place) {
    auto const fail = [&] {
        throw InputError(place, "\"" + key + "\" is no key; a key is written section.key, such as objective.alpha");
    };
    std::vector<Step> steps;
    std::string_view rest = key;
    while (true) {
        auto const end = std::min(rest.find_first_of(".["), rest.size());
        if (end == 0) fail();
        steps.push_back({std::string(rest.substr(0, end))});
        rest.remove_prefix(end);
        while (rest.starts_with('[')) {
            std::size_t index = 0;
            auto const [stop, error] = std::from_chars(rest.data() + 1, rest.data() + rest.size(), index);
            if (error != std::errc() || stop == rest.data() + rest.size() || *stop != ']') fail();
            rest.remove_prefix(static_cast<std::size_t>(stop - rest.data()) + 1);
            steps.push_back({"", index});
        }
        if (rest.empty()) return steps;
        if (!rest.starts_with('.')) fail();
        rest.remove_prefix(1);
    }
}

void erase_key(Value& table, std::string_view key) {
    for (std::size_t i = 0; i < table.keys.size(); ++i)
        if (table.keys[i] == key) {
            table.keys.erase(table.keys.begin() + static_cast<std::ptrdiff_t>(i));
            table.items.erase(table.items.begin() + static_cast<std::ptrdiff_t>(i));
            return;
        }
}

void apply(Setting const& set, Value& root) {
    auto const& origin = set.value->origin;
    int const line = set.value->line;
    Value* place = &root;
    std::string path;
    for (Step const& step : steps_of(set.key, {origin->name, line, ""})) {
        auto const fail = [&](std::string const& message) { throw InputError({origin->name, line, path}, message); };
        if (step.key.empty()) {
            if (place->type != Value::Type::list) fail("is not a list; it has no number " + std::to_string(step.index));
            if (step.index >= place->items.size())
                fail("has " + std::to_string(place->items.size()) + " entries, counted from 0; there is no [" +
                     std::to_string(step.index) + "]");
            place = &place->items[step.index];
            path += "[" + std::to_string(step.index) + "]";
            continue;
        }
        if (place->type == Value::Type::list)
            fail("is a list; say which of its " + std::to_string(place->items.size()) + " entries is meant: \"" + path +
                 "[0]." + step.key + "\" is a key of the first");
        if (place->type != Value::Type::table) fail("is not a table; it has no key \"" + step.key + "\"");
        auto found = std::ranges::find(place->keys, step.key);
        if (found == place->keys.end()) {
            place->keys.push_back(step.key);
            Value section;
            section.type = Value::Type::table;
            section.origin = origin;
            section.line = line;
            place->items.push_back(std::move(section));
            found = place->keys.end() - 1;
        }
        place = &place->items[static_cast<std::size_t>(found - place->keys.begin())];
        path += (path.empty() ? "" : ".") + step.key;
    }
    *place = *set.value;
}

void apply_all(std::vector<Setting> const& settings, Value& root) {
    struct Replaces {
        std::string_view section, key;
        std::array<std::string_view, 3> others;  // that the override of `key` takes the place of
    };
    static constexpr std::array replacements{
        Replaces{"requests", "count", {"rate", "", ""}},    Replaces{"requests", "rate", {"count", "", ""}},
        Replaces{"objective", "alpha", {"beta", "", ""}},   Replaces{"objective", "beta", {"alpha", "", ""}},
        Replaces{"links", "rate", {"min", "max", "model"}}, Replaces{"links", "min", {"rate", "model", ""}},
        Replaces{"links", "max", {"rate", "model", ""}},    Replaces{"links", "model", {"rate", "", ""}},
        Replaces{"objective", "goal", {"memory", "", ""}}};
    for (Setting const& set : settings)
        for (auto const& [section, key, others] : replacements) {
            if (set.key != std::string(section) + "." + std::string(key)) continue;
            auto const found = std::ranges::find(root.keys, section);
            if (found == root.keys.end()) continue;
            Value& table = root.items[static_cast<std::size_t>(found - root.keys.begin())];
            for (std::string_view const other : others) erase_key(table, other);
        }
    for (Setting const& set : settings) {
        if (set.key != "requests.arrivals") continue;
        auto const found = std::ranges::find(root.keys, "requests");
        if (found == root.keys.end()) continue;
        Value& requests = root.items[static_cast<std::size_t>(found - root.keys.begin())];
        if (set.value->text != "every") erase_key(requests, "interval");
        if (set.value->text != "closed") erase_key(requests, "in_flight");
    }
    for (Setting const& set : settings) {
        if (set.key != "exits.verdicts" || set.value->text == "table") continue;
        auto const found = std::ranges::find(root.keys, "exits");
        if (found != root.keys.end())
            erase_key(root.items[static_cast<std::size_t>(found - root.keys.begin())], "table");
    }
    for (Setting const& set : settings) apply(set, root);
}

}  // namespace

Override parse_override(std::string const& text) {
    auto const mark = text.find('=');
    auto const trimmed = [](std::string_view part) {
        while (part.starts_with(' ')) part.remove_prefix(1);
        while (part.ends_with(' ')) part.remove_suffix(1);
        return std::string(part);
    };
    std::string const origin = "--set " + text;
    if (mark == std::string::npos)
        throw InputError({origin, 0, ""}, "there is no '='; write section.key=value, such as objective.alpha=0.5");
    Override set{trimmed(plain_text(text.substr(0, mark))), trimmed(text.substr(mark + 1)), origin};
    steps_of(set.key, {origin, 0, ""});
    return set;
}

std::vector<Setting> settings_of(std::vector<Override> const& overrides) {
    std::vector<Setting> settings;
    for (Override const& set : overrides) {
        auto const origin = std::make_shared<Origin const>(Origin{set.origin, {}});
        settings.push_back({set.key, std::make_shared<Value const>(parse_toml_value(set.value, origin))});
    }
    return settings;
}

Value with_settings(Value table, std::vector<Setting> const& settings) {
    apply_all(settings, table);
    return table;
}

}  // namespace skipstone::config

#include "config/sweep_file.hpp"

#include <algorithm>
#include <limits>
#include <map>
#include <memory>
#include <set>
#include <string_view>
#include <utility>

#include "config/file_kind.hpp"
#include "config/table_reader.hpp"
#include "config/toml_reader.hpp"
#include "units/error.hpp"
#include "units/nearest.hpp"

namespace skipstone::config {

namespace fs = std::filesystem;

namespace {

constexpr std::size_t longest_name = 200;       // bytes
constexpr std::size_t most_values = 5'000'000;  // of all parameters at all points
constexpr std::int64_t largest_seed = std::numeric_limits<std::int64_t>::max();

using SharedValue = std::shared_ptr<Value const>;

// A value of a parameter, and what it is called.
struct Choice {
    SharedValue value;
    SweepLabel label;
};

// Keys that change together: each alternative gives each key a value.
struct Axis {
    std::vector<std::string> keys;
    std::vector<std::vector<Choice>> alternatives;
};

bool is_path(std::string_view key) {
    return key.find_first_of(".[") != std::string_view::npos;
}

// Calls take(key, value) for every scenario key that a table sets: sections hold keys, a quoted path stands alone.
template <class Take>
void for_each_key(Value const& table, Take const& take) {
    for (std::size_t i = 0; i < table.keys.size(); ++i) {
        auto const& key = table.keys[i];
        auto const& item = table.items[i];
        bool const labelled = item.find("value") != nullptr;
        if (item.type != Value::Type::table || is_path(key) || labelled) {
            take(key, item);
            continue;
        }
        for (std::size_t k = 0; k < item.keys.size(); ++k) take(key + "." + item.keys[k], item.items[k]);
    }
}

SweepLabel label_of(Value const& value, std::string const& key) {
    switch (value.type) {
        case Value::Type::text:
            return {value.text, std::nullopt};
        case Value::Type::integer:
            return {std::to_string(value.integer), static_cast<double>(value.integer)};
        case Value::Type::real:
            return {number_text(number_of(value, key, {})), value.real};
        case Value::Type::boolean:
            return {value.boolean ? "true" : "false", std::nullopt};
        default:
            fail_at(value, key,
                    "is " + std::string(describe(value.type)) +
                        ", which needs a name in tables; write {label = \"large\", value = …}");
    }
}

// One value as a sweep has it: plain, or {label = …, value = …}.
Choice choice_of(Value const& item, std::string const& key) {
    if (item.type != Value::Type::table || !item.find("value"))
        return {std::make_shared<Value const>(item), label_of(item, key)};
    TableReader reader(item, key);
    auto const* value = reader.get("value");
    auto const* label = reader.get("label");
    reader.finish();
    if (label && (label->type == Value::Type::list || label->type == Value::Type::table))
        fail_at(*label, key + ".label", "must be a string or a number");
    auto shown = label_of(label ? *label : *value, key);
    if (shown.text.empty()) fail_at(label ? *label : *value, key, "is empty; a label is at least one character");
    return {std::make_shared<Value const>(*value), std::move(shown)};
}

// The value that is set, without its label.
SharedValue plain_value(Value const& item, std::string const& key) {
    bool const labelled = item.type == Value::Type::table && item.find("value");
    return labelled && item.find("label") ? choice_of(item, key).value
                                          : std::make_shared<Value const>(labelled ? *item.find("value") : item);
}

std::vector<Choice> choices_of(Value const& list, std::string const& key) {
    if (list.type == Value::Type::table && !list.keys.empty()) {
        bool const of_entry = key.ends_with("fleet.devices") || key.ends_with("faults.outages");
        fail_at(list, key,
                "must be a list of values, not a table; the path of a deeper key stands in quotes: \"" +
                    key.substr(key.find('.') + 1) + (of_entry ? "[0]." : ".") + list.keys.front() + "\" = […]" +
                    (of_entry ? " ([0]: of the first entry)" : ""));
    }
    if (list.type != Value::Type::list)
        fail_at(list, key, "must be a list of values, not " + std::string(describe(list.type)));
    if (list.items.empty()) fail_at(list, key, "is empty; at least one value is needed");
    std::vector<Choice> choices;
    for (std::size_t i = 0; i < list.items.size(); ++i)
        choices.push_back(choice_of(list.items[i], key + "[" + std::to_string(i) + "]"));
    return choices;
}

// ---- names

// "alpha{objective.alpha}-{seed}" in pieces.
class NameTemplate {
  public:
    NameTemplate(std::string const& text, std::vector<std::string> const& parameters, TableReader const& place) {
        auto const fail = [&](std::string const& message) { place.fail("name", message); };
        std::vector<std::string> known = parameters;
        known.insert(known.end(), {"seed", "index"});
        for (std::string_view rest = text; !rest.empty();) {
            auto const open = std::min(rest.find('{'), rest.size());
            if (!all_allowed(rest.substr(0, open)))
                fail(
                    "has characters that a name cannot have; letters, digits and \"._+=,@-\" are allowed beside "
                    "{keys}");
            pieces_.push_back({std::string(rest.substr(0, open)), ""});
            rest.remove_prefix(open);
            if (rest.empty()) break;
            auto const close = rest.find('}');
            if (close == std::string_view::npos) fail("has a { without its }");
            std::string const key(rest.substr(1, close - 1));
            if (std::ranges::find(known, key) == known.end())
                fail("{" + key + "} is no parameter of this sweep; the nearest is {" + nearest(key, known) + "}");
            pieces_.push_back({"", key});
            rest.remove_prefix(close + 1);
        }
    }

    std::string name(SweepPoint const& point, std::size_t index, std::vector<std::string> const& parameters) const {
        std::string name;
        for (auto const& [literal, key] : pieces_) {
            name += literal;
            if (key.empty()) continue;
            auto const found = std::ranges::find(parameters, key);
            name += key == "seed"    ? std::to_string(point.seed)
                    : key == "index" ? std::to_string(index)
                                     : plain(point.labels[static_cast<std::size_t>(found - parameters.begin())].text);
        }
        return name;
    }

    static bool allowed(char c) {
        return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') ||
               std::string_view("._+=,@-").find(c) != std::string_view::npos;
    }
    static bool all_allowed(std::string_view text) { return std::ranges::all_of(text, allowed); }
    // The text with "_" in place of what a name cannot have; spaces fall away ("800 J" is 800J).
    static std::string plain(std::string_view text) {
        std::string result;
        for (char const c : text)
            if (c != ' ') result += allowed(c) ? c : '_';
        return result;
    }

  private:
    struct Piece {
        std::string literal, key;
    };
    std::vector<Piece> pieces_;
};

// "alpha0.5-battery800J-seed1": the last word of each key that the point sets, with its value.
std::string automatic_name(SweepPoint const& point, std::vector<std::string> const& parameters) {
    std::string name;
    for (std::size_t i = 0; i < parameters.size(); ++i)
        if (!point.labels[i].text.empty())
            name += NameTemplate::plain(parameters[i].substr(parameters[i].rfind('.') + 1)) +
                    NameTemplate::plain(point.labels[i].text) + "-";
    return name + "seed" + std::to_string(point.seed);
}

bool is_name(std::string const& name) {
    return !name.empty() && name.size() <= longest_name && name.front() != '.' && name.front() != '-';
}

// ---- points

class Expansion {
  public:
    Expansion(TableReader& reader, Value base) : reader_(reader), base_(std::move(base)) {}

    Sweep sweep(fs::path const& file) {
        Sweep sweep;
        sweep.file = file;
        read_common();
        auto const axes = read_axes();
        auto const extra = read_points();
        auto const seeds = read_seeds();
        sweep.parameters = parameters_;

        auto combinations = axes.empty() && !extra.empty() ? std::size_t{0} : std::size_t{1};
        for (auto const& axis : axes) combinations = multiplied(combinations, axis.alternatives.size());
        auto const total = multiplied(combinations + extra.size(), std::max<std::size_t>(1, seeds.size()));
        if (total * parameters_.size() > most_values)
            reader_.fail("point", "sets more than " + std::to_string(most_values) +
                                      " values of parameters at all points together; split it into several");
        sweep.points.reserve(total);
        for (std::size_t i = 0; i < combinations; ++i) add(sweep, combination(axes, i), seeds);
        for (auto const& chosen : extra) add(sweep, chosen, seeds);
        name_all(sweep);
        sweep.base = std::move(base_);
        return sweep;
    }

  private:
    using Chosen = std::map<std::string, Choice>;  // by key

    // Throws when the sweep becomes too large.
    std::size_t multiplied(std::size_t a, std::size_t b) const {
        if (a > most_sweep_points || (b != 0 && a > most_sweep_points / b))
            reader_.fail("grid", "makes more than " + std::to_string(most_sweep_points) +
                                     " points, the most that a sweep can have; split it into several");
        return a * b;
    }

    void read_common() {
        auto const set = reader_.table("set");
        if (!set) return;
        std::vector<Setting> settings;
        for_each_key(set->value(), [&](std::string const& key, Value const& value) {
            settings.push_back({key, plain_value(value, "set." + key)});
            common_.insert(key);
        });
        base_ = with_settings(std::move(base_), settings);
    }

    // A key may be on one axis only, and not in [set]: there it would have no effect.
    void claim(std::string const& key, Value const& value, std::string const& path) {
        if (common_.contains(key)) fail_at(value, path, "stands in [set], too, where it has no effect; keep one");
        if (!on_axes_.insert(key).second) fail_at(value, path, "stands twice in grid and lists; keep one");
        note(key);
    }

    void note(std::string const& key) {
        if (key != "seed" && std::ranges::find(parameters_, key) == parameters_.end()) parameters_.push_back(key);
    }

    std::vector<Axis> read_axes() {
        std::vector<Axis> axes;
        if (auto const grid = reader_.table("grid")) {
            for_each_key(grid->value(), [&](std::string const& key, Value const& value) {
                claim(key, value, "grid." + key);
                Axis axis{{key}, {}};
                for (auto& choice : choices_of(value, "grid." + key)) axis.alternatives.push_back({std::move(choice)});
                axes.push_back(std::move(axis));
            });
            if (axes.empty()) reader_.fail("grid", "is empty; give it keys with lists of values, or leave it out");
        }
        auto const lists = reader_.tables("list");
        if (!lists) return axes;
        for (auto const& list : *lists) axes.push_back(read_list(list));
        return axes;
    }

    Axis read_list(TableReader const& list) {
        Axis axis;
        for_each_key(list.value(), [&](std::string const& key, Value const& value) {
            auto const path = list.path() + "." + key;
            claim(key, value, path);
            auto choices = choices_of(value, path);
            if (axis.keys.empty()) axis.alternatives.resize(choices.size());
            if (choices.size() != axis.alternatives.size())
                fail_at(value, path,
                        "has " + std::to_string(choices.size()) + " values, the list's first key has " +
                            std::to_string(axis.alternatives.size()) +
                            "; values of one [[list]] stand side by side, so there must be as many");
            for (std::size_t i = 0; i < choices.size(); ++i) axis.alternatives[i].push_back(std::move(choices[i]));
            axis.keys.push_back(key);
        });
        if (axis.keys.empty())
            fail_at(list.value(), list.path(), "is empty; give it keys with lists of values, or leave it out");
        return axis;
    }

    std::vector<Chosen> read_points() {
        std::vector<Chosen> points;
        auto const tables = reader_.tables("point");
        if (!tables) return points;
        for (auto const& table : *tables) {
            Chosen chosen;
            for_each_key(table.value(), [&](std::string const& key, Value const& value) {
                note(key);
                if (key == "seed") point_seed_ = &value;
                chosen.emplace(key, choice_of(value, table.path() + "." + key));
            });
            points.push_back(std::move(chosen));
        }
        return points;
    }

    std::vector<SharedValue> read_seeds() {
        auto const repetitions = reader_.integer("repetitions", 1, static_cast<std::int64_t>(most_sweep_points));
        auto const listed = reader_.integers("seeds", 0, largest_seed);
        Value const* const base_seed = base_.find("seed");
        first_seed_ = base_seed ? integer_of(*base_seed, "seed", 0, largest_seed) : 1;
        if (!repetitions && !listed) return {};
        char const* const key = listed ? "seeds" : "repetitions";
        if (repetitions && listed) reader_.fail("repetitions", "does not go with seeds; give one of them");
        if (on_axes_.contains("seed") || point_seed_)
            reader_.fail(key, "does not go with a seed in [grid], [[list]] or [[point]]; give one of them");
        if (listed && common_.contains("seed")) reader_.fail(key, "does not go with a seed in [set]; give one of them");
        std::vector<std::int64_t> seeds;
        if (listed) {
            seeds = *listed;
            if (seeds.empty()) reader_.fail(key, "is empty; at least one seed is needed");
            auto sorted = seeds;
            std::ranges::sort(sorted);
            if (auto const twice = std::ranges::adjacent_find(sorted); twice != sorted.end())
                reader_.fail(key, "has " + std::to_string(*twice) +
                                      " twice, which would count the same run as two observations");
        } else {
            if (first_seed_ > largest_seed - *repetitions) reader_.fail(key, "the scenario's seed is too large for it");
            for (std::int64_t i = 0; i < *repetitions; ++i) seeds.push_back(first_seed_ + i);
        }
        std::vector<SharedValue> values;
        for (auto const seed : seeds) {
            Value value = *reader_.get(key);
            value.type = Value::Type::integer;
            value.integer = seed;
            value.items.clear();
            values.push_back(std::make_shared<Value const>(std::move(value)));
        }
        return values;
    }

    static Chosen combination(std::vector<Axis> const& axes, std::size_t index) {
        Chosen chosen;
        for (auto axis = axes.rbegin(); axis != axes.rend(); ++axis) {  // the last one changes fastest
            auto const& alternative = axis->alternatives[index % axis->alternatives.size()];
            index /= axis->alternatives.size();
            for (std::size_t k = 0; k < axis->keys.size(); ++k) chosen.emplace(axis->keys[k], alternative[k]);
        }
        return chosen;
    }

    // The point once per seed.
    void add(Sweep& sweep, Chosen const& chosen, std::vector<SharedValue> const& seeds) const {
        SweepPoint point;
        point.labels.resize(parameters_.size());
        for (auto const& [key, choice] : chosen) {
            point.settings.push_back({key, choice.value});
            auto const found = std::ranges::find(parameters_, key);
            if (found != parameters_.end())
                point.labels[static_cast<std::size_t>(found - parameters_.begin())] = choice.label;
        }
        auto const seed = chosen.find("seed");
        point.seed = static_cast<std::uint64_t>(
            seed == chosen.end() ? first_seed_ : integer_of(*seed->second.value, "seed", 0, largest_seed));
        if (seeds.empty()) sweep.points.push_back(std::move(point));
        for (auto const& value : seeds) {
            auto repeated = point;
            repeated.seed = static_cast<std::uint64_t>(value->integer);
            repeated.settings.push_back({"seed", value});
            sweep.points.push_back(std::move(repeated));
        }
    }

    void name_all(Sweep& sweep) {
        auto const text = reader_.text("name");
        std::optional<NameTemplate> wanted;
        if (text) wanted.emplace(*text, parameters_, reader_);
        std::map<std::string, std::size_t> taken;
        for (std::size_t i = 0; i < sweep.points.size(); ++i) {
            auto& point = sweep.points[i];
            point.name = wanted ? wanted->name(point, i, parameters_) : automatic_name(point, parameters_);
            if (!wanted && (!is_name(point.name) || taken.contains(point.name)))
                point.name = "point" + std::to_string(i);
            if (!is_name(point.name))
                reader_.fail("name", "makes \"" + point.name + "\" of point " + std::to_string(i) +
                                         "; a name has 1 to " + std::to_string(longest_name) +
                                         " bytes and begins with no point or minus");
            if (auto const [first, fresh] = taken.emplace(point.name, i); !fresh)
                reader_.fail("name", "makes \"" + point.name + "\" of points " + std::to_string(first->second) +
                                         " and " + std::to_string(i) + "; add what tells them apart, such as " +
                                         (sweep.points[first->second].seed != point.seed ? "{seed}" : "{index}"));
        }
    }

    TableReader& reader_;
    Value base_;
    std::set<std::string> common_;   // keys of [set]
    std::set<std::string> on_axes_;  // keys of [grid] and [[list]]
    std::vector<std::string> parameters_;
    Value const* point_seed_ = nullptr;
    std::int64_t first_seed_ = 1;
};

}  // namespace

namespace {

Sweep read_sweep(fs::path const& path, ProfileFolders const& folders) {
    Value const root = read_toml_file(path);
    TableReader reader(root, "");
    auto const format = reader.required("format", reader.text("format"), "the kind of file: \"skipstone-sweep\"");
    if (format != "skipstone-sweep") reader.fail("format", "is \"" + format + "\"; it must be \"skipstone-sweep\"");
    reader.required("version", reader.integer("version", 1, 1), "the format's version: 1");
    auto const scenario =
        reader.required("scenario", reader.text("scenario"), "the scenario that all points start from");
    for (char const* const key : {"name", "repetitions", "seeds", "set", "grid", "list", "point"}) reader.get(key);
    reader.finish();
    Value base;
    try {
        base = read_scenario_table(scenario, folders, root.origin->folder);
    } catch (InputError const& error) {
        if (error.place().line > 0) throw;
        reader.fail("scenario", error.what());
    }
    return Expansion(reader, std::move(base)).sweep(path);
}

}  // namespace

Sweep load_sweep(fs::path const& path, ProfileFolders const& folders) {
    return read_as(FileKind::sweep, path, [&] { return read_sweep(path, folders); });
}

Scenario scenario_of(Sweep const& sweep, SweepPoint const& point, ProfileFolders const& folders) {
    return scenario_of_table(with_settings(sweep.base, point.settings), folders);
}

}  // namespace skipstone::config

#pragma once

#include <cmath>
#include <cstdint>
#include <limits>
#include <map>
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "config/table_reader.hpp"
#include "config/value.hpp"
#include "model/instance.hpp"
#include "units/nearest.hpp"

// What instances and plans in JSON have in common.
namespace skipstone::config {

using Json = nlohmann::ordered_json;

inline constexpr std::int64_t any_integer = std::numeric_limits<std::int64_t>::max();
inline constexpr std::int64_t most_requests = 1'000'000;
// Rates, times, energies and powers: what a scenario's numbers can lead to, and no more than can be counted with.
inline constexpr double least_measure = 1e-24, most_measure = 1e24;
inline constexpr Interval some{0, most_measure, Ends::open_low, least_measure};
inline constexpr Interval some_or_none{0, most_measure, Ends::closed, least_measure};

// Indices by name, with an error that names the nearest.
class Names {
  public:
    void add(TableReader const& reader, std::string const& name) {
        if (name.empty()) reader.fail("name", "is empty; give it a name");
        if (!index_.emplace(name, names_.size()).second)
            reader.fail("name", "\"" + name + "\" stands twice; names must differ");
        if (printable(name) != name) reader.fail("name", "has control characters");
        names_.push_back(name);
    }
    std::optional<std::size_t> find(std::string const& name) const {
        auto const found = index_.find(name);
        if (found == index_.end()) return std::nullopt;
        return found->second;
    }
    std::size_t at(Value const& place, std::string const& key, std::string const& name, std::string_view noun) const {
        auto const found = find(name);
        if (!found)
            fail_at(
                place, key,
                "there is no " + std::string(noun) + " \"" + name + "\" (nearest: \"" + nearest(name, names_) + "\")");
        return *found;
    }

  private:
    std::vector<std::string> names_;
    std::map<std::string, std::size_t, std::less<>> index_;
};

template <class T>
T needed(TableReader const& reader, std::string_view key, std::optional<T> value, std::string_view meaning) {
    return reader.required(key, std::move(value), meaning);
}

inline Json names_json(Instance const& instance, std::vector<BlockId> const& blocks) {
    Json names = Json::array();
    for (BlockId const block : blocks) names.push_back(instance.blocks.at(block.index()).name);
    return names;
}

// Null for what is not finite.
inline Json finite(double value) {
    return std::isfinite(value) ? Json(value) : Json(nullptr);
}
inline Json finite(std::optional<double> value) {
    return value ? finite(*value) : Json(nullptr);
}

inline std::shared_ptr<Origin const> origin_of(std::string const& file) {
    return std::make_shared<Origin const>(Origin{file, std::filesystem::path(file).parent_path()});
}

}  // namespace skipstone::config

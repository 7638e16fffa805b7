#pragma once

#include <array>
#include <cstdint>
#include <initializer_list>
#include <limits>
#include <optional>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

#include "config/units_text.hpp"
#include "config/value.hpp"
#include "units/error.hpp"

namespace skipstone::config {

enum class Ends { closed, open_low, open_high, open };

// Where a number must lie.
struct Interval {
    double low = -std::numeric_limits<double>::max(), high = std::numeric_limits<double>::max();
    Ends ends = Ends::closed;
    double least = 0;  // of a number that is not 0
};
inline constexpr Interval not_negative{0};
inline constexpr Interval positive{0, std::numeric_limits<double>::max(), Ends::open_low};

// Throws InputError at the value's place when it is no quantity that a file may give; key: its full path.
void refuse_outside(Value const& value, std::string const& key, double quantity, UnitSystem const& system);

// Reads a table key by key, each at most once, and refuses what nobody asked for. Every read of a key that is missing
// gives nothing; of one that is there but wrong throws InputError "file:line: path.key: problem; what would be right".
// A view: the Value must outlive it.
class TableReader {
  public:
    // path: what messages put before a key, "" at the top. Throws InputError when the value is no table.
    TableReader(Value const& table, std::string path);

    bool has(std::string_view key) const { return table_->find(key) != nullptr; }
    Value const& value() const { return *table_; }
    std::string const& path() const { return path_; }
    std::string path_of(std::string_view key) const;

    // The value itself; nullptr when missing.
    Value const* get(std::string_view key);
    std::optional<std::string> text(std::string_view key);
    std::optional<bool> boolean(std::string_view key);
    std::optional<double> number(std::string_view key, Interval interval);
    // A whole number in [low, high]; "1e8" counts as one.
    std::optional<std::int64_t> integer(std::string_view key, std::int64_t low, std::int64_t high);
    std::optional<std::vector<std::string>> texts(std::string_view key);
    std::optional<std::vector<std::int64_t>> integers(std::string_view key, std::int64_t low, std::int64_t high);
    std::optional<TableReader> table(std::string_view key);
    // A list of tables; none when missing.
    std::optional<std::vector<TableReader>> tables(std::string_view key);

    // A quantity from text with a unit.
    template <class Q>
    std::optional<Q> quantity(std::string_view key) {
        auto const written = quantity_source(key, unit_system<Q>());
        if (!written) return std::nullopt;
        Q const value = [&] {
            try {
                return parse_quantity<Q>(*written);
            } catch (InputError const& error) {
                fail(key, error.what());
            }
        }();
        if constexpr (std::is_floating_point_v<typename Q::rep>)
            refuse_outside(*get(key), path_of(key), value.value(), unit_system<Q>());
        return value;
    }

    // One of several words.
    template <class E>
    std::optional<E> choice(std::string_view key, std::initializer_list<std::pair<std::string_view, E>> choices) {
        std::vector<std::string_view> words;
        for (auto const& choice : choices) words.push_back(choice.first);
        auto const index = chosen(key, words);
        if (!index) return std::nullopt;
        return (choices.begin() + *index)->second;
    }

    template <class E, std::size_t Size>
    std::optional<E> choice(std::string_view key, std::array<std::pair<std::string_view, E>, Size> const& choices) {
        std::vector<std::string_view> words;
        for (auto const& choice : choices) words.push_back(choice.first);
        auto const index = chosen(key, words);
        if (!index) return std::nullopt;
        return choices[*index].second;
    }

    // The value, or an InputError that says that this key is needed, with what it means.
    template <class T>
    T required(std::string_view key, std::optional<T> value, std::string_view meaning) const {
        if (!value) missing(key, meaning);
        return *std::move(value);
    }

    // Throws InputError at the key's place, or the table's when the key is missing.
    [[noreturn]] void fail(std::string_view key, std::string const& message) const;
    // Throws InputError when a key that was not asked for yet is like this one, which is missing.
    void refuse_slip_of(std::string_view key) const;
    // Throws InputError for the first key that was never asked for, naming the nearest that was.
    void finish() const;

  private:
    std::optional<std::string> quantity_source(std::string_view key, UnitSystem const& system);
    std::optional<std::size_t> chosen(std::string_view key, std::vector<std::string_view> const& words);
    [[noreturn]] void missing(std::string_view key, std::string_view meaning) const;
    [[noreturn]] void wrong_type(std::string_view key, Value const& value, std::string_view expected) const;

    Value const* table_;
    std::string path_;
    std::vector<std::string> known_;
};

// "[0, 1)" and the like, for messages: "must be at least 0 and below 1".
std::string describe(Interval const& interval);
// Throws InputError at the value's place; key: its full path.
[[noreturn]] void fail_at(Value const& value, std::string const& key, std::string const& message);
// A number in the interval from an integer or real value.
double number_of(Value const& value, std::string const& key, Interval interval);
std::int64_t integer_of(Value const& value, std::string const& key, std::int64_t low, std::int64_t high);

}  // namespace skipstone::config

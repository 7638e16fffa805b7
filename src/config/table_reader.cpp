#include "config/table_reader.hpp"

#include <algorithm>
#include <charconv>
#include <cmath>

#include "units/nearest.hpp"
#include "units/plain_text.hpp"

namespace skipstone::config {

namespace {

std::string number_as_written(Value const& value) {
    if (value.type == Value::Type::integer) return std::to_string(value.integer);
    if (!std::isfinite(value.real)) return std::isnan(value.real) ? "nan" : value.real > 0 ? "inf" : "-inf";
    return number_text(value.real);
}

std::string short_number(double value) {
    std::string text = number_text(value);
    if (text.ends_with(".0")) text.resize(text.size() - 2);
    return text;
}

std::string joined(std::vector<std::string_view> const& words) {
    std::string text;
    for (std::size_t i = 0; i < words.size(); ++i) {
        if (i > 0) text += i + 1 == words.size() ? " or " : ", ";
        text += '"' + std::string(words[i]) + '"';
    }
    return text;
}

// Of a string that stands where a number is needed: what to do if it is one in quotes; throws InputError, saying what is
// wrong with it, if it is none; "" for other values.
std::string without_quotes(Value const& value, std::string const& key, std::string const& expected) {
    if (value.type != Value::Type::text) return "";
    auto const plain = plain_text(value.text);
    try {
        parse_decimal(value.text, expected);
    } catch (InputError const& error) {
        fail_at(value, key, error.what());
    }
    return "; write " + std::string(plain) + " without quotes";
}

std::string shortened(std::string_view text) {
    constexpr std::size_t longest = 60;
    return '"' + std::string(text.substr(0, longest)) + (text.size() > longest ? "…\"" : "\"");
}

}  // namespace

void fail_at(Value const& value, std::string const& key, std::string const& message) {
    throw InputError({value.origin ? value.origin->name : "", value.line, key}, message);
}

std::string describe(Interval const& interval) {
    constexpr double limit = std::numeric_limits<double>::max();
    bool const open_low = interval.ends == Ends::open_low || interval.ends == Ends::open;
    bool const open_high = interval.ends == Ends::open_high || interval.ends == Ends::open;
    std::string text;
    if (interval.low > -limit) text = (open_low ? "above " : "at least ") + short_number(interval.low);
    if (interval.high < limit)
        text += (text.empty() ? "" : " and ") + std::string(open_high ? "below " : "at most ") +
                short_number(interval.high);
    return text.empty() ? "a finite number" : text;
}

double number_of(Value const& value, std::string const& key, Interval interval) {
    auto const hint = without_quotes(value, key, describe(interval));
    if (value.type != Value::Type::integer && value.type != Value::Type::real)
        fail_at(value, key,
                "must be a number (" + describe(interval) + "), not " + std::string(describe(value.type)) + hint);
    double const number = value.type == Value::Type::integer ? static_cast<double>(value.integer) : value.real;
    bool const open_low = interval.ends == Ends::open_low || interval.ends == Ends::open;
    bool const open_high = interval.ends == Ends::open_high || interval.ends == Ends::open;
    bool const inside = std::isfinite(number) && (open_low ? number > interval.low : number >= interval.low) &&
                        (open_high ? number < interval.high : number <= interval.high);
    if (!inside) fail_at(value, key, "is " + number_as_written(value) + "; it must be " + describe(interval));
    if (number != 0 && std::abs(number) < interval.least)
        fail_at(value, key,
                "is " + number_as_written(value) + "; it must be at least " + short_number(interval.least) +
                    (interval.low < 0 || (interval.low == 0 && !open_low) ? ", or 0" : ""));
    return number;
}

void refuse_outside(Value const& value, std::string const& key, double quantity, UnitSystem const& system) {
    if (quantity == 0 || (quantity >= system.least && quantity <= system.most)) return;
    std::string_view const noun = system.noun;
    auto const what = std::string(noun.substr(noun.rfind(' ') + 1));
    fail_at(value, key,
            (value.type == Value::Type::text ? shortened(value.text) : number_as_written(value)) + " is no " + what +
                " that can be counted with; " + range_text(system));
}

std::int64_t integer_of(Value const& value, std::string const& key, std::int64_t low, std::int64_t high) {
    std::string const range = whole_range(low, high);
    auto const hint = without_quotes(value, key, range);
    std::int64_t number = 0;
    if (value.type == Value::Type::integer) {
        number = value.integer;
    } else if (value.type == Value::Type::real) {
        if (!(std::abs(value.real) < 0x1p63) || value.real != std::floor(value.real))
            fail_at(value, key, "is " + number_as_written(value) + "; it must be " + range);
        number = static_cast<std::int64_t>(value.real);
    } else {
        fail_at(value, key, "must be " + range + ", not " + std::string(describe(value.type)) + hint);
    }
    if (number < low || number > high) fail_at(value, key, "is " + std::to_string(number) + "; it must be " + range);
    return number;
}

TableReader::TableReader(Value const& table, std::string path) : table_(&table), path_(std::move(path)) {
    if (table.type != Value::Type::table)
        fail_at(table, path_, "must be a table of keys, not " + std::string(describe(table.type)));
}

std::string TableReader::path_of(std::string_view key) const {
    return path_.empty() ? std::string(key) : path_ + "." + std::string(key);
}

Value const* TableReader::get(std::string_view key) {
    if (std::ranges::find(known_, key) == known_.end()) known_.emplace_back(key);
    return table_->find(key);
}

void TableReader::fail(std::string_view key, std::string const& message) const {
    Value const* value = table_->find(key);
    if (!value) refuse_slip_of(key);
    fail_at(value ? *value : *table_, path_of(key), message);
}

void TableReader::refuse_slip_of(std::string_view key) const {
    for (std::string const& there : table_->keys)
        if (std::ranges::find(known_, there) == known_.end() && edit_distance(there, key) <= (key.size() < 4 ? 1U : 2U))
            fail_at(*table_->find(there), path_of(there),
                    "unknown key; the nearest known one is \"" + path_of(key) + "\"");
}

void TableReader::missing(std::string_view key, std::string_view meaning) const {
    fail(key, "is missing; it gives " + std::string(meaning));
}

void TableReader::wrong_type(std::string_view key, Value const& value, std::string_view expected) const {
    fail_at(value, path_of(key), "must be " + std::string(expected) + ", not " + std::string(describe(value.type)));
}

std::optional<std::string> TableReader::text(std::string_view key) {
    Value const* value = get(key);
    if (!value) return std::nullopt;
    if (value->type != Value::Type::text) wrong_type(key, *value, "a string");
    return value->text;
}

std::optional<bool> TableReader::boolean(std::string_view key) {
    Value const* value = get(key);
    if (!value) return std::nullopt;
    if (value->type != Value::Type::boolean) wrong_type(key, *value, "true or false");
    return value->boolean;
}

std::optional<double> TableReader::number(std::string_view key, Interval interval) {
    Value const* value = get(key);
    if (!value) return std::nullopt;
    return number_of(*value, path_of(key), interval);
}

std::optional<std::int64_t> TableReader::integer(std::string_view key, std::int64_t low, std::int64_t high) {
    Value const* value = get(key);
    if (!value) return std::nullopt;
    return integer_of(*value, path_of(key), low, high);
}

std::optional<std::vector<std::string>> TableReader::texts(std::string_view key) {
    Value const* value = get(key);
    if (!value) return std::nullopt;
    if (value->type != Value::Type::list) wrong_type(key, *value, "a list of strings");
    std::vector<std::string> texts;
    for (Value const& item : value->items) {
        if (item.type != Value::Type::text) wrong_type(key, item, "a list of strings alone");
        texts.push_back(item.text);
    }
    return texts;
}

std::optional<std::vector<std::int64_t>> TableReader::integers(std::string_view key, std::int64_t low,
                                                               std::int64_t high) {
    Value const* value = get(key);
    if (!value) return std::nullopt;
    if (value->type != Value::Type::list) wrong_type(key, *value, "a list of whole numbers");
    std::vector<std::int64_t> numbers;
    for (std::size_t i = 0; i < value->items.size(); ++i)
        numbers.push_back(integer_of(value->items[i], path_of(key) + "[" + std::to_string(i) + "]", low, high));
    return numbers;
}

std::optional<TableReader> TableReader::table(std::string_view key) {
    Value const* value = get(key);
    if (!value) return std::nullopt;
    return TableReader(*value, path_of(key));
}

std::optional<std::vector<TableReader>> TableReader::tables(std::string_view key) {
    Value const* value = get(key);
    if (!value) return std::nullopt;
    if (value->type != Value::Type::list) wrong_type(key, *value, "a list of tables");
    std::vector<TableReader> tables;
    for (std::size_t i = 0; i < value->items.size(); ++i)
        tables.emplace_back(value->items[i], path_of(key) + "[" + std::to_string(i) + "]");
    return tables;
}

std::optional<std::string> TableReader::quantity_source(std::string_view key, UnitSystem const& system) {
    Value const* value = get(key);
    if (!value) return std::nullopt;
    if (value->type == Value::Type::integer || value->type == Value::Type::real)
        fail(key, number_as_written(*value) + " has no unit; " + how_to_write(system));
    if (value->type != Value::Type::text)
        fail(key, "must be " + std::string(system.noun) + ", not " + std::string(describe(value->type)) + "; " +
                      how_to_write(system));
    return value->text;
}

std::optional<std::size_t> TableReader::chosen(std::string_view key, std::vector<std::string_view> const& words) {
    Value const* value = get(key);
    if (!value) return std::nullopt;
    if (value->type != Value::Type::text) wrong_type(key, *value, joined(words));
    auto const plain = plain_text(value->text);
    auto const found = std::ranges::find(words, plain);
    if (found == words.end()) {
        auto const problem = lookalike(plain);
        fail(key, shortened(value->text) + " is none of its values; write " + joined(words) + " (nearest: \"" +
                      nearest(value->text, words) + "\"" + (problem.empty() ? "" : "; " + problem) + ")");
    }
    return static_cast<std::size_t>(found - words.begin());
}

void TableReader::finish() const {
    for (std::size_t i = 0; i < table_->keys.size(); ++i) {
        std::string const& key = table_->keys[i];
        if (std::ranges::find(known_, key) != known_.end()) continue;
        std::string const close = nearest(key, known_);
        fail(key, "unknown key" + (close.empty() ? std::string("; none is known here")
                                                 : "; the nearest known one is \"" + path_of(close) + "\""));
    }
}

}  // namespace skipstone::config

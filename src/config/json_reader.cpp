#include "config/json_reader.hpp"

#include <algorithm>
#include <limits>
#include <nlohmann/json.hpp>
#include <string>
#include <utility>
#include <vector>

#include "units/error.hpp"
#include "units/plain_text.hpp"

namespace skipstone::config {

namespace {

using Json = nlohmann::json;

// Builds a Value from the parser's events; open_ holds the lists and tables that are not closed yet, outermost first.
class Builder : public nlohmann::json_sax<Json> {
  public:
    Builder(std::string_view text, std::shared_ptr<Origin const> origin) : text_(text), origin_(std::move(origin)) {}

    Value take() { return std::move(root_); }

    bool null() override { return add(make(Value::Type::null)); }
    bool boolean(bool value) override {
        Value item = make(Value::Type::boolean);
        item.boolean = value;
        return add(std::move(item));
    }
    bool number_integer(number_integer_t value) override {
        Value item = make(Value::Type::integer);
        item.integer = value;
        return add(std::move(item));
    }
    bool number_unsigned(number_unsigned_t value) override {
        if (value <= static_cast<number_unsigned_t>(std::numeric_limits<std::int64_t>::max()))
            return number_integer(static_cast<std::int64_t>(value));
        return number_float(static_cast<double>(value), "");
    }
    bool number_float(number_float_t value, string_t const&) override {
        Value item = make(Value::Type::real);
        item.real = value;
        return add(std::move(item));
    }
    bool string(string_t& value) override {
        Value item = make(Value::Type::text);
        item.text = std::move(value);
        return add(std::move(item));
    }
    bool binary(binary_t&) override { return false; }
    bool start_object(std::size_t) override { return open(Value::Type::table); }
    bool start_array(std::size_t) override { return open(Value::Type::list); }
    bool end_object() override {
        std::vector<std::string_view> keys(open_.back().keys.begin(), open_.back().keys.end());
        std::ranges::sort(keys);
        if (auto const twice = std::ranges::adjacent_find(keys); twice != keys.end())
            throw InputError({origin_->name, 0, std::string(*twice)}, "stands twice in one object; keep one");
        return close();
    }
    bool end_array() override { return close(); }
    bool key(string_t& key) override {
        open_.back().keys.push_back(std::move(key));
        return true;
    }
    bool parse_error(std::size_t position, std::string const&, nlohmann::detail::exception const& error) override {
        auto const end = text_.begin() + static_cast<std::ptrdiff_t>(std::min(position, text_.size()));
        int const line = 1 + static_cast<int>(std::count(text_.begin(), end, '\n'));
        std::string reason = error.what();
        if (auto const mark = reason.find("] "); mark != std::string::npos) reason = reason.substr(mark + 2);
        // The character where the parser stopped, from its first byte on.
        auto begin = std::min(position, text_.size());
        begin -= begin > 0 ? 1 : 0;
        while (begin > 0 && (static_cast<unsigned char>(text_[begin]) & 0xc0U) == 0x80U) --begin;
        if (auto const problem = lookalike(text_.substr(begin, 4)); !problem.empty()) reason = problem;
        throw InputError({origin_->name, line, ""}, "not valid JSON: " + reason);
    }

  private:
    static constexpr std::size_t deepest = 64;

    Value make(Value::Type type) const {
        Value value;
        value.type = type;
        value.origin = origin_;
        return value;
    }
    bool add(Value item) {
        if (open_.empty())
            root_ = std::move(item);
        else
            open_.back().items.push_back(std::move(item));
        return true;
    }
    bool open(Value::Type type) {
        if (open_.size() == deepest)
            throw InputError({origin_->name, 0, ""}, "is nested deeper than " + std::to_string(deepest) + " levels");
        open_.push_back(make(type));
        return true;
    }
    bool close() {
        Value item = std::move(open_.back());
        open_.pop_back();
        return add(std::move(item));
    }

    std::string_view text_;
    std::shared_ptr<Origin const> origin_;
    std::vector<Value> open_;
    Value root_;
};

// Blanks of other kinds between strings as JSON has them.
std::string plain_outside_strings(std::string_view text) {
    std::string plain;
    while (!text.empty()) {
        auto end = std::min(text.find('"'), text.size());
        plain += plain_text(text.substr(0, end));
        text.remove_prefix(end);
        if (text.empty()) break;
        for (end = 1; end < text.size() && text[end] != '"'; ++end)
            if (text[end] == '\\') ++end;
        end = std::min(end + 1, text.size());
        plain += text.substr(0, end);
        text.remove_prefix(end);
    }
    return plain;
}

}  // namespace

Value parse_json(std::string_view text, std::shared_ptr<Origin const> origin) {
    if (is_utf16(text)) throw InputError({origin->name, 0, ""}, "is text in UTF-16; save it as UTF-8");
    auto const plain = plain_outside_strings(text);
    Builder builder(plain, std::move(origin));
    Json::sax_parse(plain.begin(), plain.end(), &builder);
    return builder.take();
}

}  // namespace skipstone::config

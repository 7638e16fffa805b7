#include "config/link_section.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <filesystem>
#include <map>
#include <optional>
#include <string_view>
#include <unordered_map>
#include <utility>

#include "config/file_kind.hpp"
#include "config/fleet_names.hpp"
#include "config/profiles.hpp"
#include "config/toml_reader.hpp"
#include "units/nearest.hpp"
#include "units/plain_text.hpp"

namespace skipstone::config {

namespace {

constexpr std::string_view any_device = "*";
constexpr std::string_view no_link = "none";
constexpr Interval loss_interval{0, 0.999};
constexpr Interval efficiency_interval{0.001, 1};

using End = std::optional<DeviceId>;  // none: any device
using Direction = std::pair<End, End>;

// What one place says of a link, and where it says that.
struct Said {
    LinkTraits traits;
    InputPlace place;
};
using Links = std::map<Direction, Said>;

class Names {
  public:
    explicit Names(std::vector<Device> const& fleet) : fleet_(fleet) {}

    // Throws InputError without a place where there is no such device.
    End end(std::string const& name) const {
        if (name == any_device) return std::nullopt;
        return fleet_.at(name, "\"*\" for every device");
    }

    std::string text(End end) const { return end ? fleet_.name(*end) : std::string(any_device); }
    std::string text(Direction const& link) const {
        return "from \"" + text(link.first) + "\" to \"" + text(link.second) + "\"";
    }

  private:
    FleetNames fleet_;
};

std::string place_text(InputPlace const& place) {
    std::string text = place.file;
    if (place.line > 0) text += ":" + std::to_string(place.line);
    return text;
}

// Calls what(name, trait of a, trait of b) for each trait.
template <class A, class B, class What>
void for_each_trait(A& a, B& b, What what) {
    what("rate", a.rate, b.rate);
    what("latency", a.latency, b.latency);
    what("jitter", a.jitter, b.jitter);
    what("loss", a.loss, b.loss);
    what("efficiency", a.efficiency, b.efficiency);
}

// One entry, as it stands in `pair` or in a line of a file.
struct Entry {
    End from, to;
    LinkTraits traits;
    bool symmetric = false;
    InputPlace place;
};

// fail(key, message) throws at the entry's place.
template <class Fail>
void check_entry(Entry const& entry, Names const& names, Fail const& fail) {
    if (entry.from && entry.from == entry.to)
        fail("to", "is \"" + names.text(entry.to) + "\", as `from` is; a device has no link to itself");
    LinkTraits const& traits = entry.traits;
    if (traits == LinkTraits()) fail("", "says nothing of its link; give rate, latency, jitter, loss or efficiency");
    if (traits.rate != BitRate(0)) return;
    LinkTraits const none;
    for_each_trait(traits, none, [&](char const* name, auto const& value, auto const&) {
        if (std::string_view(name) != "rate" && value)
            fail(name, "has no effect where rate = \"none\" says that there is no link; leave one of them out");
    });
}

std::optional<BitRate> not_zero(BitRate rate) {
    if (rate == BitRate(0)) throw InputError("is 0; write \"none\" where there is no link");
    return rate;
}

void add(Direction const& link, Entry const& entry, Names const& names, Links& links) {
    auto const [found, is_new] = links.try_emplace(link, Said{entry.traits, entry.place});
    if (is_new) return;
    Said& said = found->second;
    for_each_trait(said.traits, entry.traits, [&](char const* name, auto& known, auto const& given) {
        if (known && given)
            throw InputError(entry.place, std::string(name) + " of the link " + names.text(link) +
                                              " is given twice, here and " + place_text(said.place) +
                                              "; keep one of them");
        if (given) known = given;
    });
}

void add(Entry const& entry, Names const& names, Links& links) {
    add({entry.from, entry.to}, entry, names, links);
    if (entry.symmetric && entry.from != entry.to) add({entry.to, entry.from}, entry, names, links);
}

// Entries for (a, any) and (any, b) are equally near to the link from a to b.
void check_ambiguity(Links const& links, Names const& names) {
    std::vector<Links::value_type const*> senders, receivers;
    for (auto const& link : links) {
        if (link.first.first && !link.first.second) senders.push_back(&link);
        if (!link.first.first && link.first.second) receivers.push_back(&link);
    }
    for (auto const* sender : senders)
        for (auto const* receiver : receivers) {
            Direction const between{sender->first.first, receiver->first.second};
            if (between.first == between.second) continue;
            auto const& [from, from_place] = sender->second;
            auto const& [to, to_place] = receiver->second;
            if (from == to) continue;
            auto const own = links.find(between);
            for_each_trait(from, to, [&](char const* name, auto const& a, auto const& b) {
                if (!a || !b || *a == *b) return;
                bool decided = false;
                if (own != links.end())
                    for_each_trait(own->second.traits, own->second.traits,
                                   [&](char const* of, auto const& value, auto const&) {
                                       decided = decided || (std::string_view(of) == name && value);
                                   });
                if (!decided)
                    throw InputError(to_place, std::string(name) + " of the link " + names.text(between) +
                                                   " is given differently for " + names.text(sender->first) + " (" +
                                                   place_text(from_place) + ") and for " + names.text(receiver->first) +
                                                   "; give it for " + names.text(between) + ", too");
            });
        }
}

// ---- pair

Links read_pairs(TableReader& reader, Names const& names) {
    Links links;
    auto entries = reader.tables("pair");
    if (!entries) return links;
    if (entries->empty()) reader.fail("pair", "is empty; leave it out, or say which links are other than the model's");
    for (TableReader& table : *entries) {
        auto const end = [&](std::string_view key) {
            auto const name = table.required(key, table.text(key), "a device's name, or \"*\" for every device");
            try {
                return names.end(name);
            } catch (InputError const& error) {
                table.fail(key, error.what());
            }
        };
        Entry entry;
        entry.from = end("from");
        entry.to = end("to");
        if (Value const* rate = table.get("rate"); rate && rate->type == Value::Type::text && rate->text == no_link) {
            entry.traits.rate = BitRate(0);
        } else if (rate) {
            auto const given = *table.quantity<BitRate>("rate");
            try {
                entry.traits.rate = not_zero(given);
            } catch (InputError const& error) {
                table.fail("rate", error.what());
            }
        }
        entry.traits.latency = table.quantity<Seconds>("latency");
        entry.traits.jitter = table.quantity<Seconds>("jitter");
        entry.traits.loss = table.number("loss", loss_interval);
        entry.traits.efficiency = table.number("efficiency", efficiency_interval);
        entry.symmetric = table.boolean("symmetric").value_or(false);
        table.finish();
        Value const& value = table.value();
        entry.place = {value.origin ? value.origin->name : "", value.line, table.path()};
        check_entry(entry, names, [&](std::string_view key, std::string const& message) {
            if (key.empty()) fail_at(value, table.path(), message);
            table.fail(key, message);
        });
        add(entry, names, links);
    }
    return links;
}

// ---- file

struct Column {
    std::string name;  // as it stands in the head
    std::string_view what;
    std::string_view unit;  // of numbers without one
};

constexpr std::string_view columns_there_are =
    "from, to, rate, latency, jitter, loss, efficiency and symmetric, some with a unit (rate_mbit_s, latency_ms)";

// from, rate_mbit_s, …; nothing for another word.
std::optional<Column> column_of(std::string const& name) {
    using Units = std::initializer_list<std::pair<std::string_view, std::string_view>>;
    static constexpr std::array plain{"from", "to", "rate", "latency", "jitter", "loss", "efficiency", "symmetric"};
    for (std::string_view const what : plain)
        if (name == what) return Column{name, what, ""};
    auto const with_unit = [&](std::string_view what, Units units) -> std::optional<Column> {
        for (auto const& [ending, unit] : units)
            if (name == std::string(what) + std::string(ending)) return Column{name, what, unit};
        return std::nullopt;
    };
    if (auto rate = with_unit(
            "rate", {{"_bit_s", "bit/s"}, {"_kbit_s", "kbit/s"}, {"_mbit_s", "Mbit/s"}, {"_gbit_s", "Gbit/s"}}))
        return rate;
    for (std::string_view const what : {"latency", "jitter"})
        if (auto time = with_unit(what, {{"_s", "s"}, {"_ms", "ms"}, {"_us", "us"}, {"_ns", "ns"}})) return time;
    return std::nullopt;
}

// The cells of a line of a CSV file (RFC 4180), without the blanks around them. Throws InputError without a place.
std::vector<std::string> cells_of(std::string_view line) {
    std::vector<std::string> cells;
    auto const blank = [](char c) { return c == ' ' || c == '\t'; };
    while (true) {
        while (!line.empty() && blank(line.front())) line.remove_prefix(1);
        std::string cell;
        if (line.starts_with('"')) {
            line.remove_prefix(1);
            while (true) {
                auto const quote = line.find('"');
                if (quote == std::string_view::npos) throw InputError("a quotation mark is not closed");
                cell += line.substr(0, quote);
                line.remove_prefix(quote + 1);
                if (!line.starts_with('"')) break;
                cell += '"';
                line.remove_prefix(1);
            }
            while (!line.empty() && blank(line.front())) line.remove_prefix(1);
            if (!line.empty() && line.front() != ',') throw InputError("a comma is missing behind a quoted cell");
        } else {
            auto const end = std::min(line.find(','), line.size());
            cell = line.substr(0, end);
            while (!cell.empty() && blank(cell.back())) cell.pop_back();
            line.remove_prefix(end);
        }
        cells.push_back(std::move(cell));
        if (line.empty()) return cells;
        line.remove_prefix(1);
    }
}

class LinkFile {
  public:
    LinkFile(std::string path, Names const& names)
        : path_(std::move(path)), origin_(std::make_shared<Origin const>(Origin{path_, {}})), names_(names) {}

    Links read() {
        auto const text = read_text_file(path_);
        if (is_utf16(text)) fail("", "is text in UTF-16; save it as UTF-8");
        std::string_view rest = text;
        if (rest.starts_with("\xef\xbb\xbf")) rest.remove_prefix(3);
        while (!rest.empty()) {
            ++line_;
            auto const end = std::min(rest.find('\n'), rest.size());
            auto line = rest.substr(0, end);
            rest.remove_prefix(std::min(end + 1, rest.size()));
            if (line.ends_with('\r')) line.remove_suffix(1);
            if (auto const first = line.find_first_not_of(" \t"); first == std::string_view::npos || line[first] == '#')
                continue;
            if (columns_.empty())
                read_head(line);
            else
                read_line(line);
        }
        if (columns_.empty())
            fail("", "has no line; its first one names the columns: " + std::string(columns_there_are));
        if (links_.empty()) fail("", "has no link below its head; leave links.file out, or write a line for each link");
        return std::move(links_);
    }

  private:
    [[noreturn]] void fail(std::string const& column, std::string const& message) const {
        throw InputError({path_, line_, column}, message);
    }

    std::vector<std::string> cells(std::string_view line) const {
        try {
            return cells_of(line);
        } catch (InputError const& error) {
            fail("", error.what());
        }
    }

    void read_head(std::string_view line) {
        for (std::string const& name : cells(line)) {
            auto column = column_of(name);
            if (!column) {
                static constexpr std::array some{"from",        "to",         "rate",       "latency",    "jitter",
                                                 "loss",        "efficiency", "symmetric",  "rate_bit_s", "rate_kbit_s",
                                                 "rate_mbit_s", "latency_s",  "latency_ms", "jitter_s",   "jitter_ms"};
                fail(name, "unknown column (nearest: \"" + nearest(name, some) +
                               "\"); the first line names the columns, with commas between them: " +
                               std::string(columns_there_are));
            }
            for (Column const& other : columns_)
                if (other.what == column->what)
                    fail(name, "stands beside \"" + other.name + "\", which gives the same; keep one column");
            columns_.push_back(*std::move(column));
        }
        auto const has = [&](std::string_view what) {
            return std::ranges::find(columns_, what, &Column::what) != columns_.end();
        };
        for (std::string_view const needed : {"from", "to"})
            if (!has(needed))
                fail("",
                     "there is no column \"" + std::string(needed) + "\"; every link is from a device to another one");
        if (std::ranges::all_of(columns_, [](Column const& column) {
                return column.what == "from" || column.what == "to" || column.what == "symmetric";
            }))
            fail("", "no column says anything of the links; give rate, latency, jitter, loss or efficiency");
    }

    void read_line(std::string_view line) {
        auto const texts = cells(line);
        if (texts.size() != columns_.size())
            fail("", "has " + std::to_string(texts.size()) + (texts.size() == 1 ? " cell" : " cells") +
                         ", but there are " + std::to_string(columns_.size()) +
                         " columns; leave a cell empty where there is nothing to say");
        Entry entry;
        entry.place = {path_, line_, ""};
        for (std::size_t c = 0; c < columns_.size(); ++c) {
            try {
                take(columns_[c], texts[c], entry);
            } catch (InputError const& error) {
                if (error.place().line > 0) throw;
                fail(columns_[c].name, error.what());
            }
        }
        check_entry(entry, names_, [&](std::string_view what, std::string const& message) {
            auto const column = std::ranges::find(columns_, what, &Column::what);
            fail(column == columns_.end() ? "" : column->name, message);
        });
        add(entry, names_, links_);
    }

    // As a scenario's quantities are read, with their limits.
    template <class Q>
    Q quantity(Column const& column, std::string const& text) const {
        Value cell;
        cell.type = Value::Type::text;
        cell.text = text;
        cell.origin = origin_;
        cell.line = line_;
        Value table;
        table.type = Value::Type::table;
        table.origin = origin_;
        table.keys = {column.name};
        table.items = {cell};
        return *TableReader(table, "").quantity<Q>(column.name);
    }

    // Throws InputError, without a place where it does not know it.
    void take(Column const& column, std::string const& cell, Entry& entry) const {
        bool const is_end = column.what == "from" || column.what == "to";
        if (cell.empty()) {
            if (is_end) throw InputError("is empty; name a device, or \"*\" for every device");
            return;
        }
        std::string const text = cell + (column.unit.empty() ? "" : " ") + std::string(column.unit);
        if (is_end) (column.what == "from" ? entry.from : entry.to) = names_.end(cell);
        if (column.what == "rate")
            entry.traits.rate = cell == no_link ? BitRate(0) : not_zero(quantity<BitRate>(column, text));
        if (column.what == "latency") entry.traits.latency = quantity<Seconds>(column, text);
        if (column.what == "jitter") entry.traits.jitter = quantity<Seconds>(column, text);
        if (column.what == "loss") entry.traits.loss = number(cell, loss_interval);
        if (column.what == "efficiency") entry.traits.efficiency = number(cell, efficiency_interval);
        if (column.what == "symmetric") entry.symmetric = boolean(cell);
    }

    static double number(std::string const& cell, Interval const& interval) {
        Value value;
        value.type = Value::Type::real;
        auto const [end, error] = std::from_chars(cell.data(), cell.data() + cell.size(), value.real);
        if (error != std::errc() || end != cell.data() + cell.size())
            throw InputError("\"" + cell + "\" is no number; it must be " + describe(interval));
        try {
            return number_of(value, "", interval);
        } catch (InputError const& wrong) {
            throw InputError(wrong.what());
        }
    }

    static bool boolean(std::string const& cell) {
        std::string small = cell;
        for (char& c : small)
            if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
        if (small != "true" && small != "false") throw InputError("is \"" + cell + "\"; write true or false");
        return small == "true";
    }

    std::string path_;
    std::shared_ptr<Origin const> origin_;
    Names const& names_;
    int line_ = 0;
    std::vector<Column> columns_;
    Links links_;
};

Links read_file(TableReader& reader, Names const& names) {
    auto const file = reader.text("file");
    if (!file) return {};
    std::string path;
    try {
        path = find_file(*file, reader.get("file")->origin->folder, "table of links").string();
    } catch (InputError const& error) {
        reader.fail("file", error.what());
    }
    return read_as(FileKind::link_table, path, [&] { return LinkFile(path, names).read(); });
}

}  // namespace

std::shared_ptr<LinkPairs const> read_link_pairs(TableReader& links, std::vector<Device> const& fleet) {
    if (!links.has("pair") && !links.has("file")) {
        links.get("pair");
        links.get("file");
        return nullptr;
    }
    Names const names(fleet);
    Links all = read_pairs(links, names);
    for (auto const& [link, said] : read_file(links, names)) {
        auto const [found, is_new] = all.try_emplace(link, said);
        if (is_new) continue;
        for_each_trait(found->second.traits, said.traits, [](char const*, auto& known, auto const& given) {
            if (!known) known = given;
        });
    }
    check_ambiguity(all, names);
    std::vector<LinkPairs::Entry> entries;
    for (auto& [link, said] : all) {
        if (said.traits.rate == BitRate(0)) said.traits = {.rate = BitRate(0)};
        entries.push_back({link.first, link.second, said.traits});
    }
    return std::make_shared<LinkPairs const>(std::move(entries));
}

std::string link_pairs_text(std::shared_ptr<LinkPairs const> const& pairs, std::vector<Device> const& fleet) {
    if (!pairs) return "";
    std::map<Direction, LinkTraits> links;
    for (auto const& [from, to, traits] : pairs->entries()) links.emplace(Direction{from, to}, traits);
    auto const name = [&](End end) { return toml_string(end ? fleet[end->index()].name : any_device); };
    std::string text = "pair = [\n";
    for (auto const& [link, traits] : links) {
        auto const back = links.find({link.second, link.first});
        bool const symmetric = link.first != link.second && back != links.end() && back->second == traits;
        if (symmetric && back->first < link) continue;
        text += "    {from = " + name(link.first) + ", to = " + name(link.second);
        if (traits.rate)
            text += ", rate = " +
                    toml_string(*traits.rate == BitRate(0) ? std::string(no_link) : quantity_text(*traits.rate));
        if (traits.latency) text += ", latency = " + toml_string(quantity_text(*traits.latency));
        if (traits.jitter) text += ", jitter = " + toml_string(quantity_text(*traits.jitter));
        if (traits.loss) text += ", loss = " + number_text(*traits.loss);
        if (traits.efficiency) text += ", efficiency = " + number_text(*traits.efficiency);
        text += std::string(symmetric ? ", symmetric = true" : "") + "},\n";
    }
    return text + "]\n";
}

}  // namespace skipstone::config

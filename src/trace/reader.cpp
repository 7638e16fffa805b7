#include "trace/reader.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstring>
#include <limits>
#include <map>
#include <optional>

#include "hdf5/file.hpp"
#include "trace/drawn_rates.hpp"
#include "trace/table_type.hpp"
#include "trace/version1.hpp"
#include "trace/write_mark.hpp"
#include "units/error.hpp"
#include "units/quantity.hpp"

namespace skipstone::trace {

namespace {

hdf5::File open_trace(std::string const& path) {
    // A file of an older HDF5 format cannot be opened for following a writer, but then nobody is writing it.
    try {
        return hdf5::File::open(path, hdf5::Access::read_swmr);
    } catch (InputError const&) {
        return hdf5::File::open(path, hdf5::Access::read);
    }
}

void require_format(hdf5::File const& file) {
    auto const refuse = [&](std::string const& problem) -> InputError { return {{file.path(), 0, ""}, problem}; };
    if (!file.has_attribute("format"))
        throw refuse("is an HDF5 file but not a Skipstone trace (it has no attribute 'format')");
    auto const found = file.read_string("format");
    if (found != format) throw refuse("is not a Skipstone trace (its format is '" + found + "')");
    auto const version = file.read_integer("format_version");
    if (version < oldest_format_version || version > format_version)
        throw refuse("is a trace of format version " + std::to_string(version) + "; this program reads versions " +
                     std::to_string(oldest_format_version) + " to " + std::to_string(format_version));
}

Ended ended_of(hdf5::File const& file) {
    auto const text = file.read_string("ended");
    for (auto const ended : {Ended::running, Ended::finished, Ended::interrupted, Ended::failed})
        if (text == to_string(ended)) return ended;
    throw InputError({file.path(), 0, "/@ended"}, "'" + text + "' is not a way to end a run");
}

hdf5::TypeClass class_of(Column const& column) {
    switch (column.type) {
        case ColumnType::int16:
        case ColumnType::int32:
        case ColumnType::int64:
            return hdf5::TypeClass::integer;
        case ColumnType::float64:
            return hdf5::TypeClass::real;
        case ColumnType::text:
            return hdf5::TypeClass::text;
        case ColumnType::uint8_code:
        case ColumnType::int32_code:
            return column.codes.empty() ? hdf5::TypeClass::integer : hdf5::TypeClass::enumeration;
    }
    return hdf5::TypeClass::other;
}

std::size_t size_of(ColumnType type) {
    switch (type) {
        case ColumnType::uint8_code:
            return 1;
        case ColumnType::int16:
            return 2;
        case ColumnType::int32:
        case ColumnType::int32_code:
            return 4;
        case ColumnType::int64:
        case ColumnType::float64:
            return 8;
        case ColumnType::text:
            return Text::capacity;
    }
    contract_failed("precondition", "a column type", __FILE__, __LINE__);
}

// Names end up in tables, reports and on terminals.
void require_name(std::string_view text, std::string const& file, std::string const& place) {
    if (printable(text) != text || text.find_first_of("\n\t") != std::string_view::npos)
        throw InputError({file, 0, place}, "\"" + std::string(text) + "\" has control characters");
}

void require_index(std::string const& file, std::string const& table, std::string const& what, std::int32_t index,
                   std::size_t count) {
    if (index < 0 || static_cast<std::size_t>(index) >= count)
        throw InputError({file, 0, table}, "names " + what + " " + std::to_string(index) + "; there are " +
                                               std::to_string(count) + ", counted from 0");
}

// The most bytes or MACs in a row of a table: as in text files, and less where the sum of all rows could overflow.
std::int64_t most_amount(std::uint64_t rows) {
    return std::min(largest_amount, std::numeric_limits<std::int64_t>::max() /
                                        static_cast<std::int64_t>(std::max<std::uint64_t>(rows, 1)));
}

template <class Value, class Row>
Value value_in(Row const& row, Column const& column) {
    Value value;
    std::memcpy(&value, reinterpret_cast<std::byte const*>(&row) + column.offset, sizeof value);
    return value;
}

// A table in the file, and how many of its rows are committed.
struct Store {
    hdf5::RowType type;
    hdf5::Dataset dataset;
    std::uint64_t rows = 0;
    std::vector<Column> absent = {};  // columns that the file lacks
    // Where rounds begin, as far as somebody asked: rounds are mostly asked for one after the other, and then the next
    // is near.
    mutable std::map<std::int32_t, std::uint64_t> first_rows = {{0, 0}};

    bool has(std::string_view column) const { return std::ranges::find(absent, column, &Column::name) == absent.end(); }

    template <class Row>
    std::vector<Row> read(RowRange range) const {
        std::vector<Row> read_rows(range.count);
        dataset.read_rows(type, range.first, range.count, std::as_writable_bytes(std::span(read_rows)));
        for (auto const& column : absent)
            for (Row const none; auto& row : read_rows)
                std::memcpy(reinterpret_cast<std::byte*>(&row) + column.offset,
                            reinterpret_cast<std::byte const*>(&none) + column.offset, size_of(column.type));
        for (auto const& column : table_of<Row>().columns) {
            auto const place = [&] { return dataset.name() + "." + std::string(column.name); };
            if (column.type == ColumnType::text)
                for (auto const& row : read_rows)
                    require_name(value_in<Text>(row, column).view(), dataset.file(), place());
            if (column.type == ColumnType::int64)
                for (auto const most = most_amount(rows); auto const& row : read_rows)
                    if (auto const amount = value_in<std::int64_t>(row, column); amount < -1 || amount > most)
                        throw InputError({dataset.file(), 0, place()},
                                         "an amount must be 0 to " + std::to_string(most) + " (or -1: none), and is " +
                                             std::to_string(amount));
        }
        return read_rows;
    }

    // The first row whose round is not before `round`, or none (−1: an extent that was written before its rows). Rows
    // are in the order of their rounds.
    std::uint64_t first_row_from(std::int32_t round) const {
        auto const after = first_rows.upper_bound(round);
        auto const [known, first] = *std::prev(after);
        if (known == round) return first;
        auto const found = search(round, first, after == first_rows.end() ? rows : std::min(rows, after->second));
        first_rows[round] = found;
        return found;
    }

  private:
    static constexpr std::uint64_t near = 4096;  // rows whose rounds are read at once

    std::vector<std::int32_t> rounds_of(std::uint64_t first, std::uint64_t count) const {
        hdf5::RowType const only_round(sizeof(std::int32_t), {{"round", hdf5::ColumnType::int32, 0, 0, {}}});
        std::vector<std::int32_t> rounds(count);
        dataset.read_rows(only_round, first, count, std::as_writable_bytes(std::span(rounds)));
        return rounds;
    }

    std::uint64_t search(std::int32_t round, std::uint64_t low, std::uint64_t high) const {
        auto const before = [&](std::int32_t found) { return found >= 0 && found < round; };
        auto const in_block = [&](std::uint64_t first, std::uint64_t end) {
            auto const rounds = rounds_of(first, end - first);
            return first + static_cast<std::uint64_t>(std::ranges::partition_point(rounds, before) - rounds.begin());
        };
        auto const before_row = [&](std::uint64_t row) { return before(rounds_of(row, 1).front()); };
        for (auto step = near; high - low > step; step *= 2) {  // mostly it is near
            if (!before_row(low + step)) {
                high = low + step;
                break;
            }
            low += step;
        }
        while (high - low > near) {
            auto const middle = low + (high - low) / 2;
            (before_row(middle) ? low : high) = middle;
        }
        return in_block(low, high);
    }
};

Store open_table(hdf5::File const& file, Table const& table) {
    auto dataset = file.dataset(table.path);
    auto const names = dataset.column_names();
    auto present = table;
    std::vector<Column> absent;
    std::erase_if(present.columns, [&](Column const& column) {
        std::string const name(column.name);
        if (std::ranges::find(names, name) != names.end()) {
            if (dataset.column_class(name) == class_of(column)) return false;
            throw InputError({file.path(), 0, dataset.name()},
                             "column '" + name + "' has another type than the format's");
        }
        if (column.since == Since::first)
            throw InputError({file.path(), 0, dataset.name()}, "column '" + name + "' is missing");
        absent.push_back(column);
        return true;
    });
    Store store{row_type_of(present), std::move(dataset), 0, std::move(absent)};
    store.rows = store.dataset.rows();
    return store;
}

bool has_round(Table const& table) {
    return std::ranges::find(table.columns, "round", &Column::name) != table.columns.end();
}

// An attribute that is shown.
std::string line_of(hdf5::Object const& object, std::string const& attribute) {
    auto text = object.read_string(attribute);
    require_name(text, object.file(), object.name() + "@" + attribute);
    return text;
}

Provenance provenance_of(hdf5::File const& file) {
    auto const group = file.group("provenance");
    auto const line = [&](std::string const& name) { return line_of(group, name); };
    auto const later = [&](std::string const& name) { return group.has_attribute(name) ? line(name) : ""; };
    auto const later_number = [&](std::string const& name) {
        return group.has_attribute(name) ? group.read_integer(name) : -1;
    };
    return {group.read_string("scenario"),
            group.read_string("command_line"),
            line("git_revision"),
            line("library_versions"),
            line("instruction_set"),
            group.read_string("hosts"),
            line("clock"),
            group.read_double("dilation"),
            line("network"),
            line("weights_hash"),
            later("convolutions"),
            later("job_id"),
            later("job_array"),
            later_number("job_restarts"),
            later("launcher"),
            later("processor"),
            later_number("cores"),
            later_number("threads"),
            later_number("memory_bytes"),
            later("realtime"),
            group.has_attribute("images") ? group.read_string("images") : "",
            group.has_attribute("labels") ? group.read_string("labels") : "",
            later("scenario_name")};
}

// What the rates are drawn from, where the file says that instead of the rates.
std::optional<LinkModel> link_model_of(hdf5::File const& file) {
    if (!file.has_group("links") || file.has_dataset(std::string(rates_path))) return std::nullopt;
    auto const group = file.group("links");
    if (!group.has_attribute("drawn_min_bit_s")) return std::nullopt;
    LinkModel links;
    links.min = BitRate(group.read_double("drawn_min_bit_s"));
    links.max = BitRate(group.read_double("drawn_max_bit_s"));
    links.efficiency = group.read_double("drawn_efficiency");
    links.symmetric = group.read_integer("drawn_symmetric") != 0;
    links.redraw = group.read_string("drawn_anew") == "never" ? Redraw::never : Redraw::round;
    if (!(links.min > BitRate(0) && links.max >= links.min && std::isfinite(links.max.value())))
        throw InputError({file.path(), 0, "/links@drawn_min_bit_s"},
                         "and drawn_max_bit_s must be rates above 0, in this order");
    if (!(links.efficiency > 0 && links.efficiency <= 1))
        throw InputError({file.path(), 0, "/links@drawn_efficiency"}, "must be above 0 and at most 1");
    return links;
}

std::array<Table const*, 9> all_tables() {
    return {&table_of<DeviceRow>(),  &table_of<BlockRow>(),   &table_of<RoundRow>(),
            &table_of<PlanRow>(),    &table_of<RequestRow>(), &table_of<Event>(),
            &table_of<BatteryRow>(), &table_of<ClockRow>(),   &table_of<OutageRow>()};
}

}  // namespace

struct Reader::State {
    explicit State(std::string const& path) : file(open_trace(path)) {
        require_format(file);
        complete = file.read_integer("complete") != 0;
        ended = ended_of(file);
        if (file.has_attribute("stalled_s")) stalled_s = file.read_double("stalled_s");
        header.software_version = line_of(file, "software_version");
        header.date = line_of(file, "date");
        header.seed = file.read_unsigned("seed");
        header.provenance = provenance_of(file);
        // /rounds first: its rows say which rows of the others are committed, and those are there before.
        for (auto const* table : all_tables()) tables.emplace(table->path, open_table(file, *table));
        header.devices = store<DeviceRow>().read<DeviceRow>({0, store<DeviceRow>().rows});
        header.blocks = store<BlockRow>().read<BlockRow>({0, store<BlockRow>().rows});
        if (!store<BlockRow>().has("stage")) complete_blocks(header.blocks);
        header.links = link_model_of(file);
        if (auto const& prices = table_of<PriceRow>(); file.has_dataset(prices.path)) {
            header.goal = Goal::throughput;
            tables.emplace(prices.path, open_table(file, prices));
        }
        require_chain();
        if (header.has_exits()) tables.emplace(table_of<ExitRow>().path, open_table(file, table_of<ExitRow>()));
        bool const dense = header.devices.size() <= dense_rates_limit;
        if (dense && !header.links) {
            rates = file.dataset(std::string(rates_path));
            auto const devices = header.devices.size();
            if (rates->shape().size() != 3 || rates->shape()[1] != devices || rates->shape()[2] != devices)
                throw InputError({path, 0, rates->name()},
                                 "is not an array [round, device, device] of the trace's devices");
        } else if (!dense) {
            auto const& used = table_of<UsedLinkRow>();
            tables.emplace(used.path, open_table(file, used));
        }
        commit();
    }

    template <class Row>
    Store const& store() const {
        return tables.at(table_of<Row>().path);
    }

    // That heads stand behind the chain.
    void require_chain() const {
        auto const chain = header.chain();
        for (std::size_t b = 0; b < header.blocks.size(); ++b) {
            auto const after = header.blocks[b].after;
            if (b < chain ? after != -1 : after < 0 || static_cast<std::size_t>(after) >= chain)
                throw InputError({file.path(), 0, "/blocks.after"},
                                 "row " + std::to_string(b) + " has " + std::to_string(after) +
                                     "; it must be -1 for the blocks of the chain, which come first, and one of them "
                                     "for the head of an exit");
        }
    }

    // Counts the committed rounds, and cuts every table to them.
    void commit() {
        auto& rounds = tables.at(table_of<RoundRow>().path);
        auto const rows = rounds.read<RoundRow>({0, rounds.rows});
        std::int32_t count = 0;
        for (auto const& row : rows) {
            if (row.round != count) break;
            ++count;
        }
        // A round is committed when its row is there; what the others lack then is damage, and must not be read past.
        if (rates)
            count =
                static_cast<std::int32_t>(std::min<std::uint64_t>(static_cast<std::uint64_t>(count), rates->rows()));
        committed = count;
        rounds.rows = static_cast<std::uint64_t>(count);
        for (auto& [path, table] : tables)
            if (path != table_of<RoundRow>().path && path != table_of<DeviceRow>().path &&
                path != table_of<BlockRow>().path && path != table_of<OutageRow>().path)
                table.rows = table.first_row_from(count);
        commit_outages(std::span(rows).first(static_cast<std::size_t>(count)));
    }

    // Outages carry no round: the rounds tell how many there are. Of earlier programs' traces, which do not tell, all
    // are shown that were written whole: those of a round that is not committed begin after the last one that is.
    void commit_outages(std::span<RoundRow const> rounds) {
        auto& outages = tables.at(table_of<OutageRow>().path);
        if (tables.at(table_of<RoundRow>().path).has("outages")) {
            std::uint64_t told = 0;
            for (auto const& row : rounds) told += static_cast<std::uint64_t>(std::max(row.outages, 0));
            outages.rows = std::min(outages.rows, told);
            return;
        }
        if (rounds.empty()) outages.rows = 0;
        while (outages.rows > 0 && outages.read<OutageRow>({outages.rows - 1, 1}).front().device < 0) --outages.rows;
    }

    hdf5::File file;
    bool complete = false;
    double stalled_s = 0;
    Ended ended = Ended::running;
    Header header;
    std::map<std::string, Store> tables;
    std::optional<hdf5::Dataset> rates;
    std::int32_t committed = 0;
};

Reader::Reader(std::string path) : state_(std::make_unique<State>(path)) {}
Reader::Reader(Reader&&) noexcept = default;
Reader& Reader::operator=(Reader&&) noexcept = default;
Reader::~Reader() = default;

std::string const& Reader::path() const {
    return state_->file.path();
}

Header const& Reader::header() const {
    return state_->header;
}

bool Reader::complete() const {
    return state_->complete;
}

Ended Reader::ended() const {
    return state_->ended;
}

double Reader::stalled_s() const {
    return state_->stalled_s;
}

std::int32_t Reader::committed_rounds() const {
    return state_->committed;
}

bool Reader::being_written() const {
    return WriteMark::is_on(path());
}

void Reader::refresh() {
    auto const path = state_->file.path();
    state_.reset();  // HDF5 looks at the file anew only when it is not open
    state_ = std::make_unique<State>(path);
}

template <class Row>
std::uint64_t Reader::rows() const {
    auto const found = state_->tables.find(table_of<Row>().path);
    return found == state_->tables.end() ? 0 : found->second.rows;
}

template <class Row>
RowRange Reader::rows_of(RoundId round) const {
    SKIPSTONE_EXPECT(has_round(table_of<Row>()));
    SKIPSTONE_EXPECT(round.value() >= 0 && round.value() < committed_rounds());
    auto const found = state_->tables.find(table_of<Row>().path);
    if (found == state_->tables.end()) return {};
    auto const& store = found->second;
    auto const first = store.first_row_from(round.value());
    return {first, store.first_row_from(round.value() + 1) - first};
}

template <class Row>
std::vector<Row> Reader::read(RowRange range) const {
    SKIPSTONE_EXPECT(range.first <= rows<Row>() && range.count <= rows<Row>() - range.first);
    if (range.count == 0) return {};
    return state_->store<Row>().template read<Row>(range);
}

void Reader::require_device(std::int32_t device, std::string const& table) const {
    require_index(path(), table, "device", device, header().devices.size());
}

void Reader::require_block(std::int32_t block, std::string const& table) const {
    require_index(path(), table, "block", block, header().blocks.size());
}

bool Reader::has_dense_rates() const {
    return header().devices.size() <= dense_rates_limit;
}

std::vector<double> Reader::rates(RoundId round) const {
    SKIPSTONE_EXPECT(has_dense_rates() && round.value() >= 0 && round.value() < committed_rounds());
    if (header().links) return drawn_rates(*header().links, header().seed, round, header().devices.size());
    return state_->rates->read_doubles(round.index(), 1);
}

std::vector<std::string> Reader::units(std::string const& table) const {
    auto const found = state_->file.find_dataset(table);
    if (!found || !found->has_attribute("units")) return {};
    return found->read_strings("units");
}

template <class Row>
bool Reader::has_column(std::string_view name) const {
    return state_->store<Row>().has(name);
}

#define INSTANTIATE(Row)                                           \
    template bool Reader::has_column<Row>(std::string_view) const; \
    template std::uint64_t Reader::rows<Row>() const;              \
    template RowRange Reader::rows_of<Row>(RoundId) const;         \
    template std::vector<Row> Reader::read<Row>(RowRange) const;

INSTANTIATE(DeviceRow)
INSTANTIATE(BlockRow)
INSTANTIATE(RoundRow)
INSTANTIATE(UsedLinkRow)
INSTANTIATE(PlanRow)
INSTANTIATE(PriceRow)
INSTANTIATE(RequestRow)
INSTANTIATE(ExitRow)
INSTANTIATE(Event)
INSTANTIATE(BatteryRow)
INSTANTIATE(ClockRow)
INSTANTIATE(OutageRow)

}  // namespace skipstone::trace

#include "analysis/csv_export.hpp"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <cstring>
#include <ostream>
#include <string_view>
#include <type_traits>

#include "units/csv.hpp"
#include "units/error.hpp"

namespace skipstone::analysis {

namespace {

constexpr std::uint64_t batch_rows = 65536;
constexpr std::string_view links_table = "links";

template <class Number>
void append_number(std::string& text, Number value) {
    if constexpr (std::is_floating_point_v<Number>)
        if (std::isnan(value)) return;
    char buffer[32];
    auto const end = std::to_chars(buffer, buffer + sizeof buffer, value).ptr;
    text.append(buffer, end);
}

template <class Value>
Value member(std::byte const* row, trace::Column const& column) {
    Value value;
    std::memcpy(&value, row + column.offset, sizeof value);
    return value;
}

void append_code(std::string& text, int value, trace::Column const& column) {
    auto const code = std::ranges::find(column.codes, value, [](auto const& named) { return named.second; });
    if (code == column.codes.end())
        append_number(text, value);
    else
        text += code->first;
}

void append_cell(std::string& text, std::byte const* row, trace::Column const& column) {
    switch (column.type) {
        case trace::ColumnType::int16:
            return append_number(text, member<std::int16_t>(row, column));
        case trace::ColumnType::int32:
            return append_number(text, member<std::int32_t>(row, column));
        case trace::ColumnType::int64:
            return append_number(text, member<std::int64_t>(row, column));
        case trace::ColumnType::float64:
            return append_number(text, member<double>(row, column));
        case trace::ColumnType::text:
            text += csv_cell(member<trace::Text>(row, column).view());
            return;
        case trace::ColumnType::uint8_code:
            return append_code(text, member<std::uint8_t>(row, column), column);
        case trace::ColumnType::int32_code:
            return append_code(text, member<std::int32_t>(row, column), column);
    }
}

std::string heading(std::vector<trace::Column> const& columns) {
    std::string text;
    for (auto const& column : columns) {
        if (!text.empty()) text += ',';
        text += column.name;
        if (!column.unit.empty() && column.unit != "1") text += " [" + std::string(column.unit) + "]";
    }
    return text + "\n";
}

template <class Row>
void write_rows(trace::Reader const& trace, std::ostream& out, std::function<void(double)> const& progress) {
    auto const& columns = trace::table_of<Row>().columns;
    out << heading(columns);
    std::string text;
    std::uint64_t done = 0;
    trace.for_each_batch<Row>(batch_rows, [&](std::span<Row const> rows) {
        text.clear();
        for (auto const& row : rows) {
            auto const* const bytes = reinterpret_cast<std::byte const*>(&row);
            for (auto const& column : columns) {
                if (&column != &columns.front()) text += ',';
                append_cell(text, bytes, column);
            }
            text += '\n';
        }
        out << text;
        done += rows.size();
        if (progress) progress(static_cast<double>(done) / static_cast<double>(trace.rows<Row>()));
    });
}

void write_dense_rates(trace::Reader const& trace, std::ostream& out, std::function<void(double)> const& progress) {
    out << heading(trace::table_of<trace::UsedLinkRow>().columns);
    auto const devices = trace.header().devices.size();
    std::string text;
    for (std::int32_t round = 0; round < trace.committed_rounds(); ++round) {
        auto const rates = trace.rates(RoundId(round));
        text.clear();
        for (std::size_t i = 0; i < devices; ++i)
            for (std::size_t k = 0; k < devices; ++k) {
                if (i == k) continue;
                text += std::to_string(round) + ',' + std::to_string(i) + ',' + std::to_string(k) + ',';
                append_number(text, rates[i * devices + k]);
                text += '\n';
            }
        out << text;
        if (progress) progress((round + 1.0) / trace.committed_rounds());
    }
}

// Calls visit with a null pointer to every row type that is a table of its own.
template <class Visit>
void for_each_row_type(Visit&& visit) {
    visit(static_cast<trace::DeviceRow const*>(nullptr));
    visit(static_cast<trace::BlockRow const*>(nullptr));
    visit(static_cast<trace::RoundRow const*>(nullptr));
    visit(static_cast<trace::PlanRow const*>(nullptr));
    visit(static_cast<trace::PriceRow const*>(nullptr));
    visit(static_cast<trace::RequestRow const*>(nullptr));
    visit(static_cast<trace::ExitRow const*>(nullptr));
    visit(static_cast<Event const*>(nullptr));
    visit(static_cast<trace::BatteryRow const*>(nullptr));
    visit(static_cast<trace::ClockRow const*>(nullptr));
    visit(static_cast<trace::OutageRow const*>(nullptr));
}

// Some traces lack a table: prices are of streams alone, what exits say of runs in which some are open.
template <class Row>
bool has_table(trace::Reader const& trace) {
    if constexpr (std::is_same_v<Row, trace::PriceRow>) return trace.header().goal == Goal::throughput;
    if constexpr (std::is_same_v<Row, trace::ExitRow>) return trace.header().has_exits();
    return true;
}

}  // namespace

std::vector<std::string> csv_tables() {
    std::vector<std::string> names;
    for_each_row_type([&]<class Row>(Row const*) { names.push_back(trace::table_of<Row>().path); });
    names.emplace_back(links_table);
    return names;
}

std::vector<std::string> csv_tables(trace::Reader const& trace) {
    std::vector<std::string> names;
    for_each_row_type([&]<class Row>(Row const*) {
        if (has_table<Row>(trace)) names.push_back(trace::table_of<Row>().path);
    });
    names.emplace_back(links_table);
    return names;
}

void write_csv(trace::Reader const& trace, std::string const& table, std::ostream& out,
               std::function<void(double share)> const& progress) {
    if (table == links_table) {
        if (trace.has_dense_rates()) return write_dense_rates(trace, out, progress);
        return write_rows<trace::UsedLinkRow>(trace, out, progress);
    }
    bool known = false;
    for_each_row_type([&]<class Row>(Row const*) {
        if (table != trace::table_of<Row>().path) return;
        known = true;
        write_rows<Row>(trace, out, progress);
    });
    SKIPSTONE_EXPECT(known);
}

}  // namespace skipstone::analysis

#include "trace/digest.hpp"

#include <bit>
#include <cmath>
#include <cstring>

#include "trace/reader.hpp"
#include "units/error.hpp"
#include "units/sha256.hpp"

namespace skipstone::trace {

namespace {

constexpr std::uint64_t batch_rows = 1 << 14;
// The oldest version that has the columns which enter: later versions' columns follow from these.
constexpr int version = 1;

// Appends an integer's bytes, the lowest first.
template <class Value>
void put(std::vector<std::byte>& bytes, Value value) {
    for (std::size_t i = 0; i < sizeof(Value); ++i) {
        bytes.push_back(static_cast<std::byte>(value & 0xFFU));
        value = static_cast<Value>(value >> 7 >> 1);
    }
}

void put_double(std::vector<std::byte>& bytes, double value) {
    constexpr std::uint64_t not_a_number = 0x7FF8000000000000U;
    put(bytes, std::isnan(value) ? not_a_number : std::bit_cast<std::uint64_t>(value == 0 ? 0.0 : value));
}

template <class Value>
Value value_at(std::byte const* place) {
    Value value;
    std::memcpy(&value, place, sizeof(Value));
    return value;
}

void put_cell(std::vector<std::byte>& bytes, Column const& column, std::byte const* row) {
    auto const* const place = row + column.offset;
    switch (column.type) {
        case ColumnType::int32:
        case ColumnType::int32_code:
            return put(bytes, value_at<std::uint32_t>(place));
        case ColumnType::int64:
            return put(bytes, value_at<std::uint64_t>(place));
        case ColumnType::uint8_code:
            return put(bytes, static_cast<std::uint8_t>(value_at<std::uint8_t>(place) & ~column.host_bits));
        case ColumnType::float64:
            return put_double(bytes, value_at<double>(place));
        case ColumnType::text:
            bytes.insert(bytes.end(), place, place + Text::capacity);
            return;
    }
    contract_failed("precondition", "a column type", __FILE__, __LINE__);
}

void add_line(Sha256& sum, std::string const& line) {
    auto const text = line + "\n";
    sum.update(std::as_bytes(std::span(text)));
}

// Every column is a stream of its own, so that one pass over the rows serves all; their digests, with the names, make
// the trace's.
template <class Row>
void add_table(Sha256& sum, Reader const& trace) {
    auto const& table = table_of<Row>();
    std::vector<Column> columns;
    for (auto const& column : table.columns)
        if (column.in_digest == InDigest::yes) columns.push_back(column);
    std::vector<Sha256> streams(columns.size());
    std::vector<std::byte> bytes;
    trace.for_each_batch<Row>(batch_rows, [&](std::span<Row const> rows) {
        auto const* const begin = std::as_bytes(rows).data();
        for (std::size_t c = 0; c < columns.size(); ++c) {
            bytes.clear();
            for (std::size_t r = 0; r < rows.size(); ++r) put_cell(bytes, columns[c], begin + r * sizeof(Row));
            streams[c].update(bytes);
        }
    });
    add_line(sum, "table " + table.path + " " + std::to_string(trace.rows<Row>()));
    for (std::size_t c = 0; c < columns.size(); ++c)
        add_line(sum, "column " + std::string(columns[c].name) + " " + streams[c].finish());
}

void add_rates(Sha256& sum, Reader const& trace) {
    Sha256 stream;
    std::vector<std::byte> bytes;
    for (std::int32_t round = 0; round < trace.committed_rounds(); ++round) {
        bytes.clear();
        for (double const rate : trace.rates(RoundId(round))) put_double(bytes, rate);
        stream.update(bytes);
    }
    add_line(sum, "array " + std::string(rates_path) + " " + std::to_string(trace.committed_rounds()) + " " +
                      std::to_string(trace.header().devices.size()) + " " + stream.finish());
}

}  // namespace

std::string digest(Reader const& trace) {
    Sha256 sum;
    add_line(sum, std::string(format) + " " + std::to_string(version));
    add_table<DeviceRow>(sum, trace);
    add_table<BlockRow>(sum, trace);
    add_table<RoundRow>(sum, trace);
    if (trace.has_dense_rates())
        add_rates(sum, trace);
    else
        add_table<UsedLinkRow>(sum, trace);
    add_table<PlanRow>(sum, trace);
    add_table<RequestRow>(sum, trace);
    add_table<Event>(sum, trace);
    add_table<BatteryRow>(sum, trace);
    add_table<OutageRow>(sum, trace);
    return sum.finish();
}

std::string digest(std::string const& path) {
    return digest(Reader(path));
}

}  // namespace skipstone::trace

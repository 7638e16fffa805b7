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
// The oldest version that has the columns which enter: 2 where one enters that version 1 lacks.
constexpr int first_version = 1, second_version = 2;

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
        case ColumnType::int16:
            return put(bytes, value_at<std::uint16_t>(place));
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

// What the digest is made of, line by line, and the version that has all of it.
struct Lines {
    int version = first_version;
    std::string text;

    void add(std::string const& line) { text += line + "\n"; }
};

// A column's bytes, row after row.
struct Stream {
    Column column;
    bool told;  // enters: always, or since a row has another value than the default
    Sha256 sum{};
};

// Every column is a stream of its own, so that one pass over the rows serves all; their digests, with the names, make
// the trace's.
template <class Row>
void add_table(Lines& lines, Reader const& trace) {
    auto const& table = table_of<Row>();
    std::vector<Stream> streams;
    for (auto const& column : table.columns)
        if (column.in_digest != InDigest::no) streams.push_back({column, column.in_digest == InDigest::yes});
    Row const none{};
    std::vector<std::byte> bytes, unsaid;
    trace.for_each_batch<Row>(batch_rows, [&](std::span<Row const> rows) {
        auto const* const begin = std::as_bytes(rows).data();
        for (auto& stream : streams) {
            bytes.clear();
            for (std::size_t r = 0; r < rows.size(); ++r) put_cell(bytes, stream.column, begin + r * sizeof(Row));
            stream.sum.update(bytes);
            if (stream.told) continue;
            unsaid.clear();
            for (std::size_t r = 0; r < rows.size(); ++r)
                put_cell(unsaid, stream.column, std::as_bytes(std::span(&none, 1)).data());
            stream.told = bytes != unsaid;
        }
    });
    lines.add("table " + table.path + " " + std::to_string(trace.rows<Row>()));
    for (auto& stream : streams) {
        if (!stream.told) continue;
        if (stream.column.in_digest == InDigest::where_told) lines.version = second_version;
        lines.add("column " + std::string(stream.column.name) + " " + stream.sum.finish());
    }
}

void add_rates(Lines& lines, Reader const& trace) {
    Sha256 stream;
    std::vector<std::byte> bytes;
    for (std::int32_t round = 0; round < trace.committed_rounds(); ++round) {
        bytes.clear();
        for (double const rate : trace.rates(RoundId(round))) put_double(bytes, rate);
        stream.update(bytes);
    }
    lines.add("array " + std::string(rates_path) + " " + std::to_string(trace.committed_rounds()) + " " +
              std::to_string(trace.header().devices.size()) + " " + stream.finish());
}

}  // namespace

std::string digest(Reader const& trace) {
    Lines lines;
    add_table<DeviceRow>(lines, trace);
    add_table<BlockRow>(lines, trace);
    add_table<RoundRow>(lines, trace);
    if (trace.has_dense_rates())
        add_rates(lines, trace);
    else
        add_table<UsedLinkRow>(lines, trace);
    add_table<PlanRow>(lines, trace);
    if (trace.rows<PriceRow>() > 0) add_table<PriceRow>(lines, trace);
    add_table<RequestRow>(lines, trace);
    if (trace.rows<ExitRow>() > 0) add_table<ExitRow>(lines, trace);
    add_table<Event>(lines, trace);
    add_table<BatteryRow>(lines, trace);
    add_table<OutageRow>(lines, trace);
    auto const text = std::string(format) + " " + std::to_string(lines.version) + "\n" + lines.text;
    Sha256 sum;
    sum.update(std::as_bytes(std::span(text)));
    return sum.finish();
}

std::string digest(std::string const& path) {
    return digest(Reader(path));
}

}  // namespace skipstone::trace

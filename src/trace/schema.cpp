#include "trace/schema.hpp"

#include <type_traits>

#include "units/error.hpp"

namespace skipstone::trace {

Text::Text(std::string_view text) {
    auto length = std::min({text.size(), text.find('\0'), capacity});
    auto const continues = [&](std::size_t i) { return (static_cast<unsigned char>(text[i]) & 0xC0U) == 0x80U; };
    if (length == capacity && length < text.size())
        while (length > 0 && continues(length)) --length;
    std::ranges::copy(text.substr(0, length), bytes_.begin());
}

std::string_view to_string(Ended ended) {
    switch (ended) {
        case Ended::running:
            return "running";
        case Ended::finished:
            return "finished";
        case Ended::interrupted:
            return "interrupted";
        case Ended::failed:
            return "failed";
    }
    contract_failed("precondition", "a way to end", __FILE__, __LINE__);
}

namespace {

template <class Value>
constexpr ColumnType type_of() {
    if constexpr (std::is_same_v<Value, std::int16_t>)
        return ColumnType::int16;
    else if constexpr (std::is_same_v<Value, std::int32_t>)
        return ColumnType::int32;
    else if constexpr (std::is_same_v<Value, std::int64_t>)
        return ColumnType::int64;
    else if constexpr (std::is_same_v<Value, double>)
        return ColumnType::float64;
    else if constexpr (std::is_same_v<Value, Text>)
        return ColumnType::text;
    else {
        static_assert(sizeof(Value) == 1 || sizeof(Value) == 4);
        return sizeof(Value) == 1 ? ColumnType::uint8_code : ColumnType::int32_code;
    }
}

// A Column of a row's member.
#define COLUMN(Row, member, ...)                                                        \
    Column {                                                                            \
#member, type_of < decltype(Row::member)>(), offsetof(Row, member), __VA_ARGS__ \
    }

constexpr auto host = InDigest::no;
constexpr auto model = InDigest::yes;

// Of a column that follows from others, and that traces of earlier programs lack.
Column added(Column column) {
    column.in_digest = InDigest::no;
    column.since = Since::later;
    return column;
}

// Of a column that says what traces of earlier programs could not hold: what its default says holds for all of theirs.
Column told(Column column) {
    column.in_digest = InDigest::where_told;
    column.since = Since::later;
    return column;
}

std::vector<std::pair<std::string, int>> split_codes() {
    using Kind = Split::Kind;
    std::vector<std::pair<std::string, int>> codes;
    for (auto const kind : {Kind::whole, Kind::outputs, Kind::inputs, Kind::rows, Kind::tiles})
        codes.emplace_back(to_string(kind), static_cast<int>(kind));
    return codes;
}

Column with_host_bits(Column column, std::uint8_t bits) {
    column.host_bits = bits;
    return column;
}

}  // namespace

template <>
Table const& table_of<DeviceRow>() {
    static Table const table{"devices",
                             sizeof(DeviceRow),
                             {
                                 COLUMN(DeviceRow, device, ""),
                                 COLUMN(DeviceRow, name, ""),
                                 COLUMN(DeviceRow, mac_rate, "MAC/s"),
                                 COLUMN(DeviceRow, memory_bytes, "B"),
                                 COLUMN(DeviceRow, macs_per_round, "MAC"),
                                 COLUMN(DeviceRow, battery_j, "J"),
                                 COLUMN(DeviceRow, power_compute_w, "W"),
                                 COLUMN(DeviceRow, power_transmit_w, "W"),
                                 COLUMN(DeviceRow, power_receive_w, "W"),
                                 COLUMN(DeviceRow, power_idle_w, "W"),
                             }};
    return table;
}

template <>
Table const& table_of<BlockRow>() {
    static Table const table{"blocks",
                             sizeof(BlockRow),
                             {
                                 COLUMN(BlockRow, block, ""),
                                 COLUMN(BlockRow, name, ""),
                                 COLUMN(BlockRow, macs, "MAC"),
                                 COLUMN(BlockRow, memory_bytes, "B"),
                                 COLUMN(BlockRow, output_bytes, "B"),
                                 COLUMN(BlockRow, weight_bytes, "B"),
                                 COLUMN(BlockRow, skip_macs, "MAC"),
                                 COLUMN(BlockRow, skip_memory_bytes, "B"),
                                 added(COLUMN(BlockRow, stage, "")),
                                 added(COLUMN(BlockRow, input_bytes, "B")),
                                 told(COLUMN(BlockRow, after, "")),
                                 told(COLUMN(BlockRow, threshold, "1")),
                             }};
    return table;
}

template <>
Table const& table_of<RoundRow>() {
    static Table const table{"rounds",
                             sizeof(RoundRow),
                             {
                                 COLUMN(RoundRow, round, ""),
                                 COLUMN(RoundRow, start_s, "s"),
                                 COLUMN(RoundRow, end_s, "s"),
                                 COLUMN(RoundRow, host_start_s, "s", host),
                                 COLUMN(RoundRow, host_end_s, "s", host),
                                 COLUMN(RoundRow, requests, ""),
                                 COLUMN(RoundRow, admitted, ""),
                                 COLUMN(RoundRow, planner, ""),
                                 COLUMN(RoundRow, status, ""),
                                 COLUMN(RoundRow, binding, ""),
                                 COLUMN(RoundRow, objective, "1"),
                                 COLUMN(RoundRow, bound, "1"),
                                 COLUMN(RoundRow, gap, "1"),
                                 COLUMN(RoundRow, plan_host_s, "s", host),
                                 COLUMN(RoundRow, predicted_latency_s, "s"),
                                 added(COLUMN(RoundRow, next_start_s, "s")),
                                 added(COLUMN(RoundRow, outages, "")),
                                 told(COLUMN(RoundRow, goal, "", model, {{"latency", 0}, {"throughput", 1}})),
                                 told(COLUMN(RoundRow, throughput, "1/s")),
                                 told(COLUMN(RoundRow, throughput_bound, "1/s")),
                             }};
    return table;
}

template <>
Table const& table_of<UsedLinkRow>() {
    static Table const table{"links/used",
                             sizeof(UsedLinkRow),
                             {
                                 COLUMN(UsedLinkRow, round, ""),
                                 COLUMN(UsedLinkRow, device, ""),
                                 COLUMN(UsedLinkRow, peer, ""),
                                 COLUMN(UsedLinkRow, rate_bit_s, "bit/s"),
                             }};
    return table;
}

template <>
Table const& table_of<PlanRow>() {
    static Table const table{"plans",
                             sizeof(PlanRow),
                             {
                                 COLUMN(PlanRow, round, ""),
                                 COLUMN(PlanRow, revision, ""),
                                 COLUMN(PlanRow, request, ""),
                                 COLUMN(PlanRow, block, ""),
                                 COLUMN(PlanRow, device, ""),
                                 COLUMN(PlanRow, mode, "", model, {{"full", 1}, {"skip", 2}, {"direct", 3}}),
                                 told(COLUMN(PlanRow, part, "")),
                                 told(COLUMN(PlanRow, parts, "")),
                                 told(COLUMN(PlanRow, split, "", model, split_codes())),
                             }};
    return table;
}

template <>
Table const& table_of<PriceRow>() {
    static Table const table{
        "prices",
        sizeof(PriceRow),
        {
            COLUMN(PriceRow, round, ""),
            COLUMN(PriceRow, resource, "", model, {{"processor", 1}, {"link", 2}, {"radio", 3}, {"memory", 4}}),
            COLUMN(PriceRow, device, ""),
            COLUMN(PriceRow, peer, ""),
            COLUMN(PriceRow, price, "1/s"),
        }};
    return table;
}

template <>
Table const& table_of<RequestRow>() {
    static Table const table{"requests",
                             sizeof(RequestRow),
                             {
                                 COLUMN(RequestRow, round, ""),
                                 COLUMN(RequestRow, request, ""),
                                 COLUMN(RequestRow, arrival_s, "s"),
                                 COLUMN(RequestRow, finish_s, "s"),
                                 COLUMN(RequestRow, latency_s, "s"),
                                 COLUMN(RequestRow, predicted_latency_s, "s"),
                                 COLUMN(RequestRow, accuracy, "1"),
                                 COLUMN(RequestRow, shared_bytes, "B"),
                                 COLUMN(RequestRow, label, ""),
                                 COLUMN(RequestRow, predicted_class, ""),
                                 COLUMN(RequestRow, status, "", model, {{"done", 1}, {"rejected", 2}, {"failed", 3}}),
                                 COLUMN(RequestRow, attempt, ""),
                                 told(COLUMN(RequestRow, exit, "")),
                                 told(COLUMN(RequestRow, confidence, "1")),
                                 told(COLUMN(RequestRow, verdict, "")),
                             }};
    return table;
}

template <>
Table const& table_of<ExitRow>() {
    static Table const table{"exits",
                             sizeof(ExitRow),
                             {
                                 COLUMN(ExitRow, round, ""),
                                 COLUMN(ExitRow, request, ""),
                                 COLUMN(ExitRow, exit, ""),
                                 COLUMN(ExitRow, predicted, ""),
                                 COLUMN(ExitRow, confidence, "1"),
                                 COLUMN(ExitRow, left, "", model, {{"no", 0}, {"yes", 1}}),
                             }};
    return table;
}

template <>
Table const& table_of<Event>() {
    static Table const table{
        "events",
        sizeof(Event),
        {
            COLUMN(Event, device, ""),
            COLUMN(Event, peer, ""),
            COLUMN(Event, round, ""),
            COLUMN(Event, request, ""),
            COLUMN(Event, block, ""),
            COLUMN(Event, kind, "", model, {{"compute", 1}, {"transmit", 2}, {"receive", 3}, {"wait", 4}}),
            with_host_bits(COLUMN(Event, flags, ""), event_flags::overrun),
            told(COLUMN(Event, part, "")),
            COLUMN(Event, begin_s, "s"),
            COLUMN(Event, end_s, "s"),
            COLUMN(Event, host_begin_s, "s", host),
            COLUMN(Event, host_end_s, "s", host),
            COLUMN(Event, bytes, "B"),
            COLUMN(Event, macs, "MAC"),
        }};
    return table;
}

template <>
Table const& table_of<BatteryRow>() {
    static Table const table{"battery",
                             sizeof(BatteryRow),
                             {
                                 COLUMN(BatteryRow, round, ""),
                                 COLUMN(BatteryRow, device, ""),
                                 COLUMN(BatteryRow, remaining_j, "J"),
                             }};
    return table;
}

template <>
Table const& table_of<ClockRow>() {
    static Table const table{"clocks",
                             sizeof(ClockRow),
                             {
                                 COLUMN(ClockRow, round, ""),
                                 COLUMN(ClockRow, rank, ""),
                                 COLUMN(ClockRow, offset_s, "s", host),
                                 COLUMN(ClockRow, uncertainty_s, "s", host),
                             }};
    return table;
}

template <>
Table const& table_of<OutageRow>() {
    static Table const table{"outages",
                             sizeof(OutageRow),
                             {
                                 COLUMN(OutageRow, begin_s, "s"),
                                 COLUMN(OutageRow, end_s, "s"),
                                 COLUMN(OutageRow, device, ""),
                                 COLUMN(OutageRow, peer, ""),
                                 COLUMN(OutageRow, cause, ""),
                             }};
    return table;
}

}  // namespace skipstone::trace

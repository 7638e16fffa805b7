#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "model/event.hpp"
#include "model/instance.hpp"
#include "model/link.hpp"
#include "model/network.hpp"
#include "model/plan.hpp"
#include "model/split.hpp"
#include "units/id.hpp"

// The rows of a trace, format "skipstone-trace" version 2: plain structs whose members are the
// columns. Units are in the members' names; −1 and NaN stand for none.
namespace skipstone::trace {

inline constexpr std::string_view format = "skipstone-trace";
inline constexpr std::int64_t format_version = 2;
inline constexpr std::int64_t oldest_format_version = 1;  // that is read
// Fleets of at most so many devices have /links/rate_bit_s, larger ones /links/used.
inline constexpr std::size_t dense_rates_limit = 256;

inline constexpr double no_value = std::numeric_limits<double>::quiet_NaN();

// UTF-8 text of at most 64 bytes, padded with zeros; longer text is cut between two characters.
class Text {
  public:
    static constexpr std::size_t capacity = 64;

    Text() = default;
    Text(std::string_view text);
    Text(std::string const& text) : Text(std::string_view(text)) {}
    Text(char const* text) : Text(std::string_view(text)) {}

    std::string_view view() const {
        return {bytes_.data(), static_cast<std::size_t>(std::ranges::find(bytes_, '\0') - bytes_.begin())};
    }
    std::string str() const { return std::string(view()); }
    bool operator==(Text const&) const = default;

  private:
    std::array<char, capacity> bytes_{};
};

enum class RequestStatus : std::uint8_t { done = 1, rejected = 2, failed = 3 };
// How a run ended; `complete` is 1 only after finished.
enum class Ended { running, finished, interrupted, failed };

std::string_view to_string(Ended ended);

struct DeviceRow {
    std::int32_t device = -1;
    Text name;
    double mac_rate = no_value;
    std::int64_t memory_bytes = -1, macs_per_round = -1;
    double battery_j = no_value;
    double power_compute_w = no_value, power_transmit_w = no_value, power_receive_w = no_value, power_idle_w = no_value;
};

// The chain's blocks, then the heads of the exits that are open, in the chain's order: events of a head name its row.
struct BlockRow {
    std::int32_t block = -1;
    Text name;
    std::int64_t macs = -1, memory_bytes = -1, output_bytes = -1, weight_bytes = -1;
    std::int64_t skip_macs = -1, skip_memory_bytes = -1;
    std::int32_t stage = -1;        // Block::stage
    std::int64_t input_bytes = -1;  // what the block reads: the image, or the output of the block before it
    // Of a head: the block whose output it reads, and the confidence that requests leave with; −1: of the chain.
    std::int32_t after = -1;
    double threshold = no_value;
};

struct RoundRow {
    std::int32_t round = -1;
    double start_s = no_value, end_s = no_value, host_start_s = no_value, host_end_s = no_value;
    std::int32_t requests = 0, admitted = 0;
    Text planner, status, binding;  // names as to_string(PlanStatus) and to_string(Binding) give them
    double objective = no_value, bound = no_value, gap = no_value, plan_host_s = no_value,
           predicted_latency_s = no_value;
    double next_start_s = no_value;  // when the next round starts, or would: until then batteries are charged for it
    std::int32_t outages = -1;       // rows of /outages that were written with this round; the writer counts them
    Goal goal = Goal::latency;
    // Goal::throughput: requests per second in the steady state, by the cost model, and what no schedule can pass.
    double throughput = no_value, throughput_bound = no_value;
};

struct UsedLinkRow {
    std::int32_t round = -1, device = -1, peer = -1;
    double rate_bit_s = no_value;
};

// A block that is split has a row per part, and one, of part −1, for the device that joins them: it has the whole then.
struct PlanRow {
    std::int32_t round = -1, revision = 0, request = -1, block = -1;
    std::int32_t device = -1;  // −1: the block vanished
    BlockMode mode = BlockMode::full;
    std::int16_t part = -1, parts = 1;  // −1: the whole block; how many parts it has
    Split::Kind split = Split::Kind::whole;
};

// A price of the throughput's bound: ResourcePrice.
struct PriceRow {
    std::int32_t round = -1;
    ResourcePrice::Resource resource = ResourcePrice::Resource::processor;
    std::int32_t device = -1, peer = -1;  // peer: a link's receiver; −1: the resource is no link
    double price = no_value;              // of memory: per byte
};

struct RequestRow {
    std::int32_t round = -1, request = -1;
    double arrival_s = no_value, finish_s = no_value, latency_s = no_value, predicted_latency_s = no_value;
    double accuracy = no_value;
    std::int64_t shared_bytes = 0;
    std::int32_t label = -1, predicted_class = -1;
    RequestStatus status = RequestStatus::rejected;
    std::int32_t attempt = 1;
    // Where exits are open, of a request that is done: the block behind which it left (−1: at the network's end), and
    // what came out there.
    std::int32_t exit = -1;
    double confidence = no_value;
    std::int32_t verdict = -1;
};

enum class Left : std::uint8_t { no = 0, yes = 1 };

// What the head of an exit said of a request that is done; by request, in the chain's order.
struct ExitRow {
    std::int32_t round = -1, request = -1;
    std::int32_t exit = -1;  // the block behind which it is
    std::int32_t predicted = -1;
    double confidence = no_value;
    Left left = Left::no;
};

struct BatteryRow {
    std::int32_t round = -1, device = -1;
    double remaining_j = no_value;  // when the next round starts
};

struct ClockRow {
    std::int32_t round = -1, rank = -1;
    double offset_s = no_value, uncertainty_s = no_value;
};

struct OutageRow {
    double begin_s = no_value, end_s = no_value;
    std::int32_t device = -1;
    std::int32_t peer = -1;  // −1: the device itself, else the link to it
    Text cause;
};

inline constexpr std::string_view battery_cause = "battery";  // cause of an outage: the device's battery is empty

inline constexpr std::string_view random_weights = "he-initialised from the seed";  // Provenance::weights_hash then

// How a run came about: group /provenance.
struct Provenance {
    std::string scenario;  // the resolved scenario's text
    std::string command_line;
    std::string git_revision;
    std::string libraries;
    std::string instruction_set;
    std::string hosts;  // hosts and their ranks
    std::string clock;  // "virtual" or "wall"
    double dilation = 1;
    std::string network;
    std::string weights_hash;
    std::string convolutions{};         // "NAME: ALGORITHM; …" of those that were not computed directly
    std::string job_id{}, job_array{};  // of the batch system; array: "JOB_TASK"; empty: none
    std::int64_t job_restarts = -1;     // how often the batch system has started the job again
    std::string launcher{};             // what started the ranks; empty: nobody
    std::string processor{};            // model, of rank 0's host
    std::int64_t cores = -1;            // that rank 0 may use
    std::int64_t threads = -1;          // that compute kernels, in each rank
    std::int64_t memory_bytes = -1;     // of rank 0's host
    std::string realtime{};             // wall clock: ranks that may use SCHED_FIFO, "11 of 11 ranks"; else ""
    std::string images{};               // where they come from, how many, and what was passed over; empty: synthetic
    std::string labels{};               // "0 = cat; 1 = dog; …": class folders by label; empty where there are none
    std::string scenario_name{};        // its file without folder and ending; empty: not recorded
};

// What is known before the first round.
struct Header {
    // How many rounds and requests are expected, which chunks are cut to; 0: nobody knows.
    double expected_rounds = 0, expected_requests = 0;
    // What the rates are drawn from, with the seed; none where they are not, or not all. When a trace is read: only
    // where it holds this instead of the rates.
    std::optional<LinkModel> links;
    std::string software_version;
    std::string date;  // ISO 8601
    std::uint64_t seed = 0;
    Provenance provenance;
    std::vector<DeviceRow> devices;
    std::vector<BlockRow> blocks;
    Goal goal = Goal::latency;  // throughput: the trace has a table of prices

    // Blocks of the chain; those behind them in `blocks` are heads, and where there are some the trace has a table of
    // what they said.
    std::size_t chain() const { return static_cast<std::size_t>(std::ranges::count(blocks, -1, &BlockRow::after)); }
    bool has_exits() const { return chain() < blocks.size(); }
};

// One round's rows of all tables; every row carries the round of `round`.
struct RoundRecord {
    RoundRow round;
    std::vector<double> rate_bit_s;       // [device, peer], diagonal NaN; only up to dense_rates_limit devices
    std::vector<UsedLinkRow> used_links;  // only above that
    std::vector<PlanRow> plans;
    std::vector<PriceRow> prices;  // none where Header::goal is latency
    std::vector<RequestRow> requests;
    std::vector<ExitRow> exits;  // none where Header::has_exits() does not hold
    std::vector<Event> events;
    std::vector<BatteryRow> battery;  // one per device
    std::vector<ClockRow> clocks;
    std::vector<OutageRow> outages;  // those that begin until the next round starts, and were not told before
    double stalled_s = 0;            // host time that rank 0 stood still, before or in the round
};

enum class ColumnType { int16, int32, int64, float64, text, uint8_code, int32_code };
// no: depends on the host, or follows from the rest; where_told: only where a row has another value than the default.
enum class InDigest { yes, no, where_told };
enum class Since { first, later };  // later: traces of earlier programs lack the column, and read as its default

struct Column {
    std::string_view name;
    ColumnType type;
    std::size_t offset;
    std::string_view unit;  // "" for ids, counts, codes and text; "1" for ratios
    InDigest in_digest = InDigest::yes;
    std::vector<std::pair<std::string, int>> codes = {};
    Since since = Since::first;
    std::uint8_t host_bits = 0;  // of a column of bits: those that depend on the host, and are not in the digest
};

// A table: where it is in the file, and its columns with their place in the row's struct.
struct Table {
    std::string path;
    std::size_t row_size;
    std::vector<Column> columns;
};

// Declared for every row type above, and Event.
template <class Row>
Table const& table_of();

template <>
Table const& table_of<DeviceRow>();
template <>
Table const& table_of<BlockRow>();
template <>
Table const& table_of<RoundRow>();
template <>
Table const& table_of<UsedLinkRow>();
template <>
Table const& table_of<PlanRow>();
template <>
Table const& table_of<PriceRow>();
template <>
Table const& table_of<RequestRow>();
template <>
Table const& table_of<ExitRow>();
template <>
Table const& table_of<Event>();
template <>
Table const& table_of<BatteryRow>();
template <>
Table const& table_of<ClockRow>();
template <>
Table const& table_of<OutageRow>();

// The dense rates, a table of none of the row types: float64 [round, device, device]. A trace of a run that has ended
// lacks them where they follow from the seed and the attributes of the group /links, and would take more room than
// stored_rates_limit.
inline constexpr std::string_view rates_path = "links/rate_bit_s";
inline constexpr std::uint64_t stored_rates_limit = 1 << 20;  // bytes

}  // namespace skipstone::trace

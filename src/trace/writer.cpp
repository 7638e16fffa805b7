#include "trace/writer.hpp"

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <span>
#include <system_error>

#include "hdf5/file.hpp"
#include "trace/drawn_rates.hpp"
#include "trace/place.hpp"
#include "trace/table_type.hpp"
#include "trace/trace_file.hpp"
#include "trace/write_mark.hpp"
#include "units/draft.hpp"
#include "units/error.hpp"

namespace skipstone::trace {

namespace fs = std::filesystem;

namespace {

// A table in the file and its rows' type.
struct Store {
    hdf5::RowType type;
    hdf5::Dataset dataset;

    template <class Row>
    void append(std::vector<Row> const& rows) {
        if (rows.empty()) return;
        dataset.append_rows(type, bytes_of(rows));
        dataset.flush();
    }
};

bool same_bits(std::vector<double> const& a, std::vector<double> const& b) {
    return std::ranges::equal(a, b, [](double x, double y) { return x == y || (std::isnan(x) && std::isnan(y)); });
}

template <class Row>
bool all_of_round(std::vector<Row> const& rows, std::int32_t round) {
    return std::ranges::all_of(rows, [&](Row const& row) { return row.round == round; });
}

}  // namespace

struct Writer::State {
    struct Tables {
        Store rounds, plans, requests, events, battery, clocks, outages;
        std::optional<Store> prices, exits, used_links;
        std::optional<hdf5::Dataset> rates;
    };
    enum class Phase { writing, broken, finished };

    std::string path;  // as the user gave it
    fs::path target;   // that path, links followed
    fs::path written;  // the file that is being written: the target or one in the scratch folder
    fs::path scratch;  // the folder of our own for that; empty: none
    Header header;
    std::size_t devices = 0;
    double stalled_s = 0;       // over all rounds
    bool rates_follow = false;  // all rates so far are as the header's link model gives them
    std::optional<std::string> warning;
    WriteMark mark;  // on the written file, until it is finished
    Claim claim;     // on the target, if the trace is written elsewhere
    std::optional<hdf5::File> file;
    std::optional<Tables> tables;
    Phase phase = Phase::writing;
    std::int32_t next_round = 0;

    ~State() {
        if (phase == Phase::writing) close_as_failed();
        std::error_code ignored;
        if (!scratch.empty()) fs::remove(scratch, ignored);  // where nothing was written into it
    }

    void close_as_failed() noexcept {
        try {
            end(Ended::failed);
            pack(Ended::failed);
        } catch (std::exception const&) {
            give_up();
        }
    }

    void open() {
        file = hdf5::File::open(written.string(), hdf5::Access::write_swmr);
        auto const store = [&]<class Row>(Row const*) {
            return Store{row_type_of(table_of<Row>()), file->dataset(table_of<Row>().path)};
        };
        constexpr auto row = []<class Row>() -> Row const* { return nullptr; };
        tables = Tables{store(row.operator()<RoundRow>()),
                        store(row.operator()<PlanRow>()),
                        store(row.operator()<RequestRow>()),
                        store(row.operator()<Event>()),
                        store(row.operator()<BatteryRow>()),
                        store(row.operator()<ClockRow>()),
                        store(row.operator()<OutageRow>()),
                        {},
                        {},
                        {},
                        {}};
        if (header.goal == Goal::throughput) tables->prices = store(row.operator()<PriceRow>());
        if (header.has_exits()) tables->exits = store(row.operator()<ExitRow>());
        if (devices <= dense_rates_limit)
            tables->rates = file->dataset(std::string(rates_path));
        else
            tables->used_links = store(row.operator()<UsedLinkRow>());
    }

    // Writes how the run ended and closes the file.
    void end(Ended ended) {
        file->write_string("ended", to_string(ended), ended_size);
        file->write_double("stalled_s", stalled_s);
        if (ended == Ended::finished) file->write_integer("complete", 1);
        file->flush();  // while a failure still leaves something that can be abandoned
        tables.reset();
        file->close();
        file.reset();
        mark = {};
        phase = Phase::finished;
    }

    // A compressed copy takes the file's place. What is there is whole already, and stays when there is no room for a
    // copy, or when it would keep somebody waiting who ended the run.
    void pack(Ended ended) noexcept {
        constexpr std::uintmax_t at_once = 16 << 20;  // bytes
        try {
            if (ended != Ended::finished && fs::file_size(written) > at_once) return;
            Draft draft(written, Draft::Name::at_once);
            pack_trace(written.string(), draft.path().string(), header, ended, stalled_s, rates_follow);
            take_its_place(draft, written);  // unless a run writes there already
        } catch (std::exception const&) {
            return;
        }
    }

    void give_up() noexcept {
        phase = Phase::broken;
        if (file) file->abandon();
        tables.reset();
        file.reset();
    }

    // Runs `work`; when it fails, gives up and throws an error that names the trace.
    template <class Work>
    void attempt(Work&& work) {
        try {
            work();
        } catch (EnvironmentError const& error) {
            give_up();
            throw EnvironmentError("writing the trace " + path, error.what());
        }
    }

    // A copy of the finished scratch file takes the target's place.
    void deliver() {
        if (written == target) return;
        std::error_code error;
        try {
            Draft draft(target);
            if (!fs::copy_file(written, draft.path(), fs::copy_options::overwrite_existing, error))
                throw EnvironmentError("copy", error.message());
            if (!take_its_place(draft, target)) throw EnvironmentError("rename", "another run is writing there now");
        } catch (EnvironmentError const& failure) {
            throw EnvironmentError("moving the trace to " + path,
                                   std::string(failure.what()) + "; it stays at " + written.string());
        }
        fs::remove_all(scratch, error);
        written = target;
    }
};

void require_writable(std::string const& path) {
    auto const target = writable(path).string();
    if (WriteMark::is_on(target) || WriteMark::is_on(claim_of(target).string())) throw being_written(path);
}

std::optional<Earlier> earlier_file(std::string const& path) {
    std::error_code error;
    auto const size = fs::file_size(path, error);
    if (error || size == 0) return std::nullopt;
    Earlier earlier;
    earlier.trace = hdf5::has_signature(path);
    if (!earlier.trace) return earlier;
    try {
        auto const file = hdf5::File::open(path, hdf5::Access::read_swmr);
        earlier.trace = file.has_attribute("format") && file.read_string("format") == format;
        if (!earlier.trace) return earlier;
        earlier.finished = file.read_integer("complete") != 0;
        earlier.date = file.read_string("date");
        auto const rounds = file.dataset(table_of<RoundRow>().path);
        earlier.rounds = static_cast<std::int64_t>(rounds.shape().front());
        hdf5::RowType const host_end(sizeof(double), {{"host_end_s", hdf5::ColumnType::float64, 0, 0, {}}});
        if (earlier.rounds > 0)
            rounds.read_rows(host_end, static_cast<std::uint64_t>(earlier.rounds) - 1, 1,
                             std::as_writable_bytes(std::span(&earlier.host_s, 1)));
    } catch (InputError const&) {  // damaged
    } catch (EnvironmentError const&) {
    }
    return earlier;
}

Writer::Writer(std::string path, Header const& header, Placement placement) : state_(std::make_unique<State>()) {
    auto& state = *state_;
    state.phase = State::Phase::broken;  // until it is open
    require_writable(path);
    state.target = writable(path);
    state.path = std::move(path);
    state.header = header;
    state.devices = header.devices.size();
    state.rates_follow = header.links.has_value();
    auto const direct = placement == Placement::direct ||
                        (placement == Placement::automatic && orders_writes(state.target.parent_path()));
    if (direct) {
        state.written = state.target;
    } else {
        state.claim = Claim(state.target, state.path);
        auto const folder = fs::temp_directory_path();
        state.scratch = own_folder(folder);
        state.written = state.scratch / state.target.filename();
        state.warning = orders_writes(folder)
                            ? "the file system of " + state.path +
                                  " does not keep writes in order: the trace is written to " + state.written.string() +
                                  " and moved at the end"
                            : "neither the file system of " + state.path + " nor that of " + folder.string() +
                                  " keeps writes in order: if the run is killed, the trace in " +
                                  state.written.string() + " may not be readable";
    }
    state.attempt([&] {
        std::optional<Draft> draft;
        try {
            draft.emplace(state.written, Draft::Name::at_once);
        } catch (EnvironmentError const& error) {
            throw InputError({state.path, 0, ""}, "the trace cannot be written (" + std::string(error.what()) + ")");
        }
        try {
            create_trace(draft->path().string(), header);
        } catch (InputError const& error) {
            throw InputError({state.path, 0, ""}, "the trace cannot be written (" + std::string(error.what()) + ")");
        }
        state.mark = WriteMark(draft->path().string());
        if (!take_its_place(*draft, state.written)) throw being_written(state.path);
        state.open();
    });
    state.phase = State::Phase::writing;
}

Writer::Writer(Writer&&) noexcept = default;
Writer& Writer::operator=(Writer&&) noexcept = default;
Writer::~Writer() = default;

void Writer::append(RoundRecord const& record) {
    auto& state = *state_;
    auto const round = record.round.round;
    SKIPSTONE_EXPECT(state.phase == State::Phase::writing);
    SKIPSTONE_EXPECT(round == state.next_round);
    SKIPSTONE_EXPECT(state.tables->rates ? record.rate_bit_s.size() == state.devices * state.devices
                                         : record.rate_bit_s.empty());
    SKIPSTONE_EXPECT(state.tables->used_links || record.used_links.empty());
    SKIPSTONE_EXPECT(state.tables->prices || record.prices.empty());
    SKIPSTONE_EXPECT(state.tables->exits || record.exits.empty());
    SKIPSTONE_EXPECT(all_of_round(record.used_links, round) && all_of_round(record.plans, round) &&
                     all_of_round(record.prices, round) && all_of_round(record.requests, round) &&
                     all_of_round(record.exits, round) && all_of_round(record.events, round) &&
                     all_of_round(record.battery, round) && all_of_round(record.clocks, round));
    state.attempt([&] {
        auto& tables = *state.tables;
        if (tables.rates) {
            state.rates_follow =
                state.rates_follow &&
                same_bits(record.rate_bit_s,
                          drawn_rates(stored(*state.header.links), state.header.seed, RoundId(round), state.devices));
            tables.rates->append_doubles(record.rate_bit_s);
            tables.rates->flush();
        }
        if (tables.used_links) tables.used_links->append(record.used_links);
        tables.plans.append(record.plans);
        if (tables.prices) tables.prices->append(record.prices);
        tables.requests.append(record.requests);
        if (tables.exits) tables.exits->append(record.exits);
        tables.events.append(record.events);
        tables.battery.append(record.battery);
        tables.clocks.append(record.clocks);
        tables.outages.append(record.outages);
        auto row = record.round;
        row.outages = static_cast<std::int32_t>(record.outages.size());
        tables.rounds.append(std::vector{row});
    });
    state.stalled_s += record.stalled_s;
    ++state.next_round;
}

void Writer::finish(Ended ended) {
    auto& state = *state_;
    SKIPSTONE_EXPECT(ended != Ended::running && state.phase != State::Phase::finished);
    if (state.phase == State::Phase::broken) {
        SKIPSTONE_EXPECT(ended != Ended::finished);
        return;
    }
    state.attempt([&] { state.end(ended); });
    state.pack(ended);
    state.deliver();
    state.claim = Claim();
}

std::optional<std::string> Writer::warning() const {
    return state_->warning;
}

std::string const& Writer::file() const {
    return state_->written.native();
}

}  // namespace skipstone::trace

#include "trace/writer.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cmath>
#include <cstdlib>
#include <filesystem>
#include <functional>
#include <system_error>

#include "hdf5/file.hpp"
#include "trace/drawn_rates.hpp"
#include "trace/table_type.hpp"
#include "trace/write_mark.hpp"
#include "units/draft.hpp"
#include "units/error.hpp"
#include "units/input_files.hpp"

namespace skipstone::trace {

namespace {

namespace fs = std::filesystem;

std::string message_of(int error) {
    return std::generic_category().message(error);
}

// Network and user-space file systems give no promise about the order in which a reader sees writes; f_type as in
// statfs(2) and linux/magic.h.
bool orders_writes(fs::path const& folder) {
    constexpr std::array<std::uint64_t, 9> without{
        0x6969,      // NFS
        0x517B,      // SMB
        0xFF534D42,  // CIFS
        0xFE534D42,  // SMB2
        0x65735546,  // FUSE
        0x01021997,  // 9P
        0x00C36400,  // Ceph
        0x5346414F,  // AFS
        0x6B414653,  // kAFS
    };
    struct statfs status {};
    if (::statfs(folder.c_str(), &status) != 0) return true;
    return std::ranges::find(without, static_cast<std::uint64_t>(status.f_type) & 0xFFFFFFFFU) == without.end();
}

// A new folder that nobody else can write into. Throws EnvironmentError.
fs::path own_folder(fs::path const& parent) {
    auto name = (parent / "skipstone-XXXXXX").string();
    if (::mkdtemp(name.data()) == nullptr) throw EnvironmentError::from_errno("mkdtemp(" + name + ")");
    return name;
}

// The path as it will be written, links followed, so that replacing it keeps a link. Throws InputError when that cannot
// be.
fs::path writable(std::string const& path) {
    auto const refuse = [&](std::string const& reason) -> InputError {
        return {InputPlace{path, 0, ""}, "the trace cannot be written (" + reason + ")"};
    };
    if (path.empty()) throw InputError("the trace cannot be written (its path is empty)");
    std::error_code error;
    auto const target = fs::weakly_canonical(fs::absolute(path), error);
    if (error) throw refuse(error.message());
    auto const folder = target.parent_path();
    if (!fs::exists(folder, error)) throw refuse("the folder " + folder.string() + " does not exist");
    if (!fs::is_directory(folder, error)) throw refuse(folder.string() + " is not a folder");
    if (fs::is_directory(target, error)) throw refuse("it is a folder");
    if (fs::exists(target, error)) {
        if (!fs::is_regular_file(target, error)) throw refuse("it is not a regular file");
        if (::access(target.c_str(), W_OK) != 0) throw refuse(message_of(errno));
    }
    if (::access(folder.c_str(), W_OK) != 0) throw refuse(message_of(errno));
    refuse_to_replace_input(path);
    return target;
}

InputError being_written(std::string const& path) {
    return {InputPlace{path, 0, ""}, "a run is writing this trace now; wait for its end, or name another file"};
}

// The file that holds the mark of a trace that comes to its place at the end only.
fs::path claim_of(fs::path const& target) {
    return target.parent_path() / ("." + target.filename().string() + ".writing");
}

// Keeps other writers of a trace away while it is written elsewhere. A killed process leaves the empty file behind,
// without the mark.
class Claim {
  public:
    Claim() = default;
    // path: as the user gave it, for the InputError when another one has it.
    Claim(fs::path const& target, std::string const& path) : file_(claim_of(target)) {
        int const descriptor = ::open(file_.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0666);
        if (descriptor >= 0) ::close(descriptor);
        mark_ = WriteMark(file_.string());
        if (!mark_.held() && WriteMark::is_on(file_.string())) {
            file_.clear();
            throw being_written(path);
        }
    }
    Claim(Claim const&) = delete;
    Claim& operator=(Claim&& other) noexcept {
        std::swap(file_, other.file_);
        std::swap(mark_, other.mark_);
        return *this;
    }
    ~Claim() {
        std::error_code ignored;
        if (!file_.empty()) fs::remove(file_, ignored);  // before the mark goes
    }

  private:
    fs::path file_;
    WriteMark mark_;
};

// Replaces what is at the target, but not a trace that is being written: then false, and all is as it was.
bool take_its_place(Draft& draft, fs::path const& target) {
    auto const path = draft.give_name();
    auto const rename = [&](unsigned flags) {
        return ::renameat2(AT_FDCWD, path.c_str(), AT_FDCWD, target.c_str(), flags) == 0;
    };
    if (rename(RENAME_NOREPLACE)) return true;
    // Exchanged first and looked at then, so that of two writers at the same time one always sees the other.
    bool const exchanged = errno == EEXIST && rename(RENAME_EXCHANGE);
    if (WriteMark::is_on((exchanged ? path : target).string())) {
        if (exchanged) rename(RENAME_EXCHANGE);
        return false;
    }
    // Exchanged, the draft's name is now that of what was there, and goes with it.
    if (!exchanged && !rename(0)) throw EnvironmentError::from_errno("rename(" + target.string() + ")");
    return true;
}

// Chunks are stored whole, so small ones keep a short run's file small. But the index of more than 8000 chunks has
// parts that are larger than a page of memory, which a kill may leave half written: the tables that grow fastest have
// larger chunks, no larger than the rows that are expected.
std::uint64_t chunk_rows_of(Table const& table, double expected_rows) {
    auto const grows_fast = table.path == table_of<Event>().path || table.path == table_of<PlanRow>().path ||
                            table.path == table_of<UsedLinkRow>().path;
    constexpr std::uint64_t least = 16;
    auto const most = std::max<std::uint64_t>(least, (grows_fast ? 98304 : 8192) / table.row_size);
    if (!(expected_rows > 0 && expected_rows < static_cast<double>(most))) return most;
    return std::max(least, static_cast<std::uint64_t>(expected_rows));
}

// So much is compressed at a time: HDF5 keeps a chunk of this size while rows are read from it.
std::uint64_t packed_chunk_rows(std::uint64_t row_size, std::uint64_t rows) {
    constexpr std::uint64_t bytes = 256 << 10;
    return std::clamp<std::uint64_t>(bytes / std::max<std::uint64_t>(row_size, 1), 1, std::max<std::uint64_t>(rows, 1));
}

std::vector<std::string> units_of(Table const& table) {
    std::vector<std::string> units;
    for (auto const& column : table.columns)
        if (!column.unit.empty()) units.push_back(std::string(column.name) + "=" + std::string(column.unit));
    return units;
}

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

template <class Row>
hdf5::Dataset create_table(hdf5::File& file, hdf5::Rows const& rows) {
    auto const& table = table_of<Row>();
    Row const none{};
    auto dataset = file.create_table(table.path, row_type_of(table), rows, std::as_bytes(std::span(&none, 1)));
    dataset.write_strings("units", units_of(table));
    return dataset;
}

constexpr std::size_t ended_size = 16;  // bytes of the attribute, so that it can be rewritten in place

void write_root(hdf5::File& file, Header const& header, Ended ended, double stalled_s) {
    file.write_string("format", format);
    file.write_integer("format_version", format_version);
    file.write_string("software", "skipstone");
    file.write_string("software_version", header.software_version);
    file.write_string("date", header.date);
    file.write_unsigned("seed", header.seed);
    file.write_integer("complete", ended == Ended::finished ? 1 : 0);
    file.write_string("ended", to_string(ended), ended_size);
    file.write_double("stalled_s", stalled_s);
    auto group = file.create_group("provenance");
    auto const& provenance = header.provenance;
    group.write_string("scenario", provenance.scenario);
    group.write_string("command_line", provenance.command_line);
    group.write_string("git_revision", provenance.git_revision);
    group.write_string("library_versions", provenance.libraries);
    group.write_string("instruction_set", provenance.instruction_set);
    group.write_string("hosts", provenance.hosts);
    group.write_string("clock", provenance.clock);
    group.write_double("dilation", provenance.dilation);
    group.write_string("network", provenance.network);
    group.write_string("weights_hash", provenance.weights_hash);
    group.write_string("convolutions", provenance.convolutions);
    group.write_string("job_id", provenance.job_id);
    group.write_string("job_array", provenance.job_array);
    group.write_integer("job_restarts", provenance.job_restarts);
    group.write_string("launcher", provenance.launcher);
    group.write_string("processor", provenance.processor);
    group.write_integer("cores", provenance.cores);
    group.write_integer("threads", provenance.threads);
    group.write_integer("memory_bytes", provenance.memory_bytes);
    group.write_string("realtime", provenance.realtime);
    if (!provenance.images.empty()) group.write_string("images", provenance.images);
    if (!provenance.labels.empty()) group.write_string("labels", provenance.labels);
    if (!provenance.scenario_name.empty()) group.write_string("scenario_name", provenance.scenario_name);
}

// Closes a file that `write` has written, and abandons it when that failed. Datasets are kept until all is written:
// closing them on a full disk would crash HDF5.
void write_and_close(hdf5::File file, std::function<void(hdf5::File&, std::vector<hdf5::Dataset>&)> const& write) {
    std::vector<hdf5::Dataset> open;
    try {
        write(file, open);
        file.flush();
        open.clear();
        file.close();
    } catch (...) {
        file.abandon();
        throw;
    }
}

// Creates a trace without rounds.
void create_trace(std::string const& path, Header const& header) {
    write_and_close(hdf5::File::create(path), [&](hdf5::File& file, std::vector<hdf5::Dataset>& open) {
        write_root(file, header, Ended::running, 0);
        auto const create = [&]<class Row>(Row const*, double expected) {
            create_table<Row>(file, chunk_rows_of(table_of<Row>(), expected));
        };
        auto const fill = [&]<class Row>(std::vector<Row> const& rows) {
            auto dataset = create_table<Row>(file, std::max<std::uint64_t>(1, rows.size()));
            dataset.append_rows(row_type_of(table_of<Row>()), bytes_of(rows));
            open.push_back(std::move(dataset));
        };
        auto const devices = header.devices.size();
        auto const rounds = header.expected_rounds, requests = header.expected_requests;
        auto const steps = requests * static_cast<double>(header.blocks.size());
        fill(header.devices);
        fill(header.blocks);
        create(static_cast<RoundRow const*>(nullptr), rounds);
        file.create_group("links");
        if (devices <= dense_rates_limit) {
            auto const row = std::max<std::uint64_t>(1, 8 * devices * devices);
            auto rates = file.create_doubles(std::string(rates_path), {devices, devices},
                                             std::clamp<std::uint64_t>(8192 / row, 1, 64));
            rates.write_strings("units", {"rate_bit_s=bit/s"});
        } else {
            create(static_cast<UsedLinkRow const*>(nullptr), steps);
        }
        create(static_cast<PlanRow const*>(nullptr), steps);
        create(static_cast<RequestRow const*>(nullptr), requests);
        create(static_cast<Event const*>(nullptr), 2 * steps);
        // A round has a row per device: no more than a few chunks.
        auto const ledger = chunk_rows_of(table_of<BatteryRow>(), rounds * static_cast<double>(devices));
        create_table<BatteryRow>(file, std::clamp<std::uint64_t>(devices, ledger, 12 * ledger));
        create(static_cast<ClockRow const*>(nullptr), rounds * static_cast<double>(devices));
        create(static_cast<OutageRow const*>(nullptr), rounds);
    });
}

// What of a link model is written, so what a reader can draw rates from.
LinkModel stored(LinkModel const& links) {
    LinkModel model;
    model.min = links.min;
    model.max = links.max;
    model.efficiency = links.efficiency;
    model.symmetric = links.symmetric;
    model.redraw = links.redraw;
    return model;
}

void write_link_model(hdf5::Group& group, LinkModel const& links) {
    group.write_double("drawn_min_bit_s", links.min.value());
    group.write_double("drawn_max_bit_s", links.max.value());
    group.write_double("drawn_efficiency", links.efficiency);
    group.write_integer("drawn_symmetric", links.symmetric ? 1 : 0);
    group.write_string("drawn_anew", links.redraw == Redraw::round ? "round" : "never");
}

// Copies a trace that nobody writes any more, compressed and with checksums. rates_follow: from header.links and the
// seed.
void pack_trace(std::string const& from, std::string const& to, Header const& header, Ended ended, double stalled_s,
                bool rates_follow) {
    auto const source = hdf5::File::open(from, hdf5::Access::read_swmr);
    write_and_close(hdf5::File::create(to, hdf5::Storage::packed),
                    [&](hdf5::File& file, std::vector<hdf5::Dataset>& open) {
                        write_root(file, header, ended, stalled_s);
                        auto links = file.create_group("links");
                        auto const copy = [&]<class Row>(Row const*) {
                            auto const& table = table_of<Row>();
                            auto const type = row_type_of(table);
                            auto const old = source.dataset(table.path);
                            auto const rows = old.rows(), batch = packed_chunk_rows(table.row_size, rows);
                            auto dataset = create_table<Row>(file, {batch, rows, hdf5::Storage::packed});
                            std::vector<Row> part;
                            for (std::uint64_t first = 0; first < rows; first += batch) {
                                part.resize(std::min(batch, rows - first));
                                old.read_rows(type, first, part.size(), std::as_writable_bytes(std::span(part)));
                                dataset.write_rows(type, first, bytes_of(part));
                            }
                            open.push_back(std::move(dataset));
                        };
                        copy(static_cast<DeviceRow const*>(nullptr));
                        copy(static_cast<BlockRow const*>(nullptr));
                        copy(static_cast<RoundRow const*>(nullptr));
                        copy(static_cast<PlanRow const*>(nullptr));
                        copy(static_cast<RequestRow const*>(nullptr));
                        copy(static_cast<Event const*>(nullptr));
                        copy(static_cast<BatteryRow const*>(nullptr));
                        copy(static_cast<ClockRow const*>(nullptr));
                        copy(static_cast<OutageRow const*>(nullptr));
                        if (header.devices.size() > dense_rates_limit)
                            return copy(static_cast<UsedLinkRow const*>(nullptr));
                        auto const old = source.dataset(std::string(rates_path));
                        auto const rounds = old.rows(), devices = header.devices.size(), row = 8 * devices * devices;
                        if (rates_follow && rounds * row > stored_rates_limit)
                            return write_link_model(links, *header.links);
                        auto const batch = packed_chunk_rows(row, rounds);
                        auto rates = file.create_doubles(std::string(rates_path), {devices, devices},
                                                         {batch, rounds, hdf5::Storage::packed});
                        rates.write_strings("units", {"rate_bit_s=bit/s"});
                        for (std::uint64_t first = 0; first < rounds; first += batch)
                            rates.write_doubles(first, old.read_doubles(first, std::min(batch, rounds - first)));
                        open.push_back(std::move(rates));
                    });
}

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
        std::optional<Store> used_links;
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
                        {}};
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
            if (!take_its_place(draft, target))
                throw EnvironmentError("rename", "another run is writing there now");
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
    SKIPSTONE_EXPECT(all_of_round(record.used_links, round) && all_of_round(record.plans, round) &&
                     all_of_round(record.requests, round) && all_of_round(record.events, round) &&
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
        tables.requests.append(record.requests);
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

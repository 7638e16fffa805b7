#include "trace/trace_file.hpp"

#include <algorithm>
#include <functional>
#include <span>
#include <utility>
#include <vector>

#include "hdf5/file.hpp"
#include "trace/table_type.hpp"

namespace skipstone::trace {

namespace {

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

template <class Row>
hdf5::Dataset create_table(hdf5::File& file, hdf5::Rows const& rows) {
    auto const& table = table_of<Row>();
    Row const none{};
    auto dataset = file.create_table(table.path, row_type_of(table), rows, std::as_bytes(std::span(&none, 1)));
    dataset.write_strings("units", units_of(table));
    return dataset;
}

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

void write_link_model(hdf5::Group& group, LinkModel const& links) {
    group.write_double("drawn_min_bit_s", links.min.value());
    group.write_double("drawn_max_bit_s", links.max.value());
    group.write_double("drawn_efficiency", links.efficiency);
    group.write_integer("drawn_symmetric", links.symmetric ? 1 : 0);
    group.write_string("drawn_anew", links.redraw == Redraw::round ? "round" : "never");
}

}  // namespace

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
        if (header.goal == Goal::throughput) create(static_cast<PriceRow const*>(nullptr), rounds);
        create(static_cast<RequestRow const*>(nullptr), requests);
        if (header.has_exits())
            create(static_cast<ExitRow const*>(nullptr),
                   requests * static_cast<double>(header.blocks.size() - header.chain()));
        create(static_cast<Event const*>(nullptr), 2 * steps);
        // A round has a row per device: no more than a few chunks.
        auto const ledger = chunk_rows_of(table_of<BatteryRow>(), rounds * static_cast<double>(devices));
        create_table<BatteryRow>(file, std::clamp<std::uint64_t>(devices, ledger, 12 * ledger));
        create(static_cast<ClockRow const*>(nullptr), rounds * static_cast<double>(devices));
        create(static_cast<OutageRow const*>(nullptr), rounds);
    });
}

LinkModel stored(LinkModel const& links) {
    LinkModel model;
    model.min = links.min;
    model.max = links.max;
    model.efficiency = links.efficiency;
    model.symmetric = links.symmetric;
    model.redraw = links.redraw;
    return model;
}

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
                        if (header.goal == Goal::throughput) copy(static_cast<PriceRow const*>(nullptr));
                        copy(static_cast<RequestRow const*>(nullptr));
                        if (header.has_exits()) copy(static_cast<ExitRow const*>(nullptr));
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

}  // namespace skipstone::trace

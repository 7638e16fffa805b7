#include <boost/test/unit_test.hpp>
#include <cmath>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <iomanip>
#include <sstream>

#include "hdf5/file.hpp"
#include "sample.hpp"
#include "trace/check.hpp"
#include "trace/drawn_rates.hpp"
#include "trace/reader.hpp"
#include "trace/writer.hpp"
#include "units/error.hpp"

using namespace skipstone;
using namespace skipstone::trace;

namespace {

// Column by column, NaN equal to NaN.
template <class Row>
bool same(Row const& a, Row const& b) {
    for (auto const& column : table_of<Row>().columns) {
        auto const* const left = reinterpret_cast<char const*>(&a) + column.offset;
        auto const* const right = reinterpret_cast<char const*>(&b) + column.offset;
        auto const equal = [&](std::size_t size) { return std::memcmp(left, right, size) == 0; };
        switch (column.type) {
            case ColumnType::int16:
                if (!equal(2)) return false;
                break;
            case ColumnType::int32:
            case ColumnType::int32_code:
                if (!equal(4)) return false;
                break;
            case ColumnType::int64:
                if (!equal(8)) return false;
                break;
            case ColumnType::uint8_code:
                if (!equal(1)) return false;
                break;
            case ColumnType::text:
                if (!equal(Text::capacity)) return false;
                break;
            case ColumnType::float64: {
                double x = 0, y = 0;
                std::memcpy(&x, left, 8);
                std::memcpy(&y, right, 8);
                if (!(x == y || (std::isnan(x) && std::isnan(y)))) return false;
            }
        }
    }
    return true;
}

template <class Row>
bool same(std::vector<Row> const& a, std::vector<Row> const& b) {
    return std::ranges::equal(a, b, [](Row const& x, Row const& y) { return same(x, y); });
}

// Rows in which every column has a value of its own.
template <class Row>
std::vector<Row> distinct_rows(std::int32_t round, int count) {
    std::vector<Row> rows(static_cast<std::size_t>(count));
    int value = 0;
    for (auto& row : rows)
        for (auto const& column : table_of<Row>().columns) {
            ++value;
            auto* const place = reinterpret_cast<char*>(&row) + column.offset;
            auto const put = [&](auto typed) { std::memcpy(place, &typed, sizeof(typed)); };
            switch (column.type) {
                case ColumnType::int16:
                    put(static_cast<std::int16_t>(value));
                    break;
                case ColumnType::int32:
                    put(column.name == "round" ? round : std::int32_t{-value});
                    break;
                case ColumnType::int64:
                    put((std::int64_t{1} << 40) + value);
                    break;
                case ColumnType::float64:
                    put(value % 5 == 0 ? no_value : 1.0 / value);
                    break;
                case ColumnType::text:
                    put(Text("text " + std::to_string(value)));
                    break;
                case ColumnType::uint8_code:
                    put(static_cast<std::uint8_t>(1 + value % 3));
                    break;
                case ColumnType::int32_code:
                    put(std::int32_t{1 + value % 3});
                    break;
            }
        }
    return rows;
}

}  // namespace

BOOST_FIXTURE_TEST_SUITE(round_trip, sample::Folder)

BOOST_AUTO_TEST_CASE(every_column_of_every_table_comes_back) {
    auto header = sample::header();
    header.devices = distinct_rows<DeviceRow>(0, 3);
    header.blocks = distinct_rows<BlockRow>(0, 4);
    for (std::int32_t b = 0; b < 4; ++b) header.blocks[static_cast<std::size_t>(b)].after = b < 2 ? -1 : b - 2;
    header.goal = Goal::throughput;
    std::vector<RoundRecord> written;
    for (std::int32_t round = 0; round < 5; ++round) {
        RoundRecord record;
        record.round = distinct_rows<RoundRow>(round, 1).front();
        record.rate_bit_s = std::vector<double>(9, 1.5 + round);
        record.plans = distinct_rows<PlanRow>(round, 7 + round);
        record.prices = distinct_rows<PriceRow>(round, round);
        record.requests = distinct_rows<RequestRow>(round, 3);
        record.exits = distinct_rows<ExitRow>(round, 2 * round);
        record.events = distinct_rows<Event>(round, round == 2 ? 3000 : 11);
        record.battery = distinct_rows<BatteryRow>(round, 3);
        record.clocks = distinct_rows<ClockRow>(round, round);
        record.outages = distinct_rows<OutageRow>(round, round % 2);
        record.round.outages = round % 2;
        written.push_back(record);
    }
    sample::write(file("t.h5"), header, written);

    Reader const trace(file("t.h5"));
    BOOST_TEST(trace.committed_rounds() == 5);
    BOOST_TEST(same(trace.header().devices, header.devices));
    BOOST_TEST(same(trace.header().blocks, header.blocks));
    std::vector<OutageRow> outages;
    for (auto const& record : written) {
        RoundId const round(record.round.round);
        auto const of_round = [&]<class Row>(std::vector<Row> const& rows) {
            return same(trace.read<Row>(trace.rows_of<Row>(round)), rows);
        };
        BOOST_TEST(of_round(std::vector{record.round}));
        BOOST_TEST(of_round(record.plans));
        BOOST_TEST(of_round(record.prices));
        BOOST_TEST(of_round(record.requests));
        BOOST_TEST(of_round(record.exits));
        BOOST_TEST(of_round(record.events));
        BOOST_TEST(of_round(record.battery));
        BOOST_TEST(of_round(record.clocks));
        BOOST_TEST(trace.rates(round) == record.rate_bit_s, boost::test_tools::per_element());
        outages.insert(outages.end(), record.outages.begin(), record.outages.end());
    }
    BOOST_TEST(same(trace.read<OutageRow>(), outages));
    BOOST_TEST(trace.rows<UsedLinkRow>() == 0);

    std::vector<Event> streamed;
    std::size_t calls = 0;
    trace.for_each_batch<Event>(1000, [&](std::span<Event const> rows) {
        ++calls;
        streamed.insert(streamed.end(), rows.begin(), rows.end());
    });
    BOOST_TEST(calls == 4);
    BOOST_TEST(same(streamed, trace.read<Event>()));
}

BOOST_AUTO_TEST_CASE(the_attributes_come_back) {
    auto const header = sample::header();
    sample::write(file("t.h5"), header, sample::records(2));
    Reader const trace(file("t.h5"));
    BOOST_TEST(trace.complete());
    BOOST_TEST((trace.ended() == Ended::finished));
    BOOST_TEST(trace.header().software_version == header.software_version);
    BOOST_TEST(trace.header().date == header.date);
    BOOST_TEST(trace.header().seed == header.seed);
    auto const& read = trace.header().provenance;
    auto const& written = header.provenance;
    BOOST_TEST(read.scenario == written.scenario);
    BOOST_TEST(read.command_line == written.command_line);
    BOOST_TEST(read.git_revision == written.git_revision);
    BOOST_TEST(read.libraries == written.libraries);
    BOOST_TEST(read.instruction_set == written.instruction_set);
    BOOST_TEST(read.hosts == written.hosts);
    BOOST_TEST(read.clock == written.clock);
    BOOST_TEST(read.dilation == written.dilation);
    BOOST_TEST(read.network == written.network);
    BOOST_TEST(read.weights_hash == written.weights_hash);
    BOOST_TEST(read.images == written.images);
    BOOST_TEST(read.labels == written.labels);
    BOOST_TEST(read.convolutions == written.convolutions);
    BOOST_TEST(read.job_id == written.job_id);
    BOOST_TEST(read.job_array == written.job_array);
    BOOST_TEST(read.job_restarts == written.job_restarts);
    BOOST_TEST(read.launcher == written.launcher);
    BOOST_TEST(read.processor == written.processor);
    BOOST_TEST(read.cores == written.cores);
    BOOST_TEST(read.threads == written.threads);
    BOOST_TEST(read.memory_bytes == written.memory_bytes);
    BOOST_TEST(read.realtime == written.realtime);
    auto const units = trace.units("events");
    BOOST_TEST((units == std::vector<std::string>{"begin_s=s", "end_s=s", "host_begin_s=s", "host_end_s=s", "bytes=B",
                                                  "macs=MAC"}));
    BOOST_TEST((trace.units(std::string(rates_path)) == std::vector<std::string>{"rate_bit_s=bit/s"}));
}

BOOST_AUTO_TEST_CASE(a_resolved_scenario_of_any_length_is_kept) {
    auto header = sample::header();
    header.provenance.scenario = std::string(300'000, 's');
    sample::write(file("t.h5"), header, sample::records(1));
    BOOST_TEST(Reader(file("t.h5")).header().provenance.scenario == header.provenance.scenario);
}

BOOST_AUTO_TEST_CASE(large_fleets_have_a_table_of_used_links) {
    for (std::size_t const devices : {dense_rates_limit, dense_rates_limit + 1}) {
        bool const dense = devices <= dense_rates_limit;
        auto record = sample::record(0);
        record.rate_bit_s.assign(dense ? devices * devices : 0, 1.0);
        if (!dense) record.used_links = {{0, 1, 256, 2e6}, {0, 256, 3, 3e6}};
        sample::write(file("t.h5"), sample::header(devices), {record});
        Reader const trace(file("t.h5"));
        BOOST_TEST(trace.has_dense_rates() == dense);
        BOOST_TEST(trace.rows<UsedLinkRow>() == (dense ? 0U : 2U));
        if (dense) {
            BOOST_TEST(trace.rates(RoundId(0)).size() == devices * devices);
        } else {
            BOOST_TEST(same(trace.read<UsedLinkRow>(), record.used_links));
            BOOST_TEST(trace.rows_of<UsedLinkRow>(RoundId(0)).count == 2);
        }
    }
}

BOOST_AUTO_TEST_CASE(a_run_without_rounds_leaves_a_trace) {
    sample::write(file("t.h5"), sample::header(), {}, Ended::interrupted);
    Reader const trace(file("t.h5"));
    BOOST_TEST(trace.committed_rounds() == 0);
    BOOST_TEST(trace.rows<Event>() == 0);
    BOOST_TEST(!trace.complete());
    BOOST_TEST((trace.ended() == Ended::interrupted));
}

BOOST_AUTO_TEST_CASE(a_small_run_is_a_small_file) {
    std::vector<RoundRecord> records;
    for (std::int32_t round = 0; round < 20; ++round) {
        RoundRecord record;
        record.round.round = round;
        record.round.outages = 0;
        record.rate_bit_s.assign(100, 1);
        record.requests = distinct_rows<RequestRow>(round, 3);
        record.plans = distinct_rows<PlanRow>(round, 54);
        record.events = distinct_rows<Event>(round, 250);
        record.battery = distinct_rows<BatteryRow>(round, 10);
        record.clocks = distinct_rows<ClockRow>(round, 11);
        records.push_back(record);
    }
    sample::write(file("t.h5"), sample::header(10), records);
    BOOST_TEST(std::filesystem::file_size(file("t.h5")) < 300'000U);
}

BOOST_AUTO_TEST_CASE(rates_that_the_seed_gives_are_not_stored_but_where_they_are_few) {
    auto header = sample::header();
    header.links = LinkModel{};
    header.links->efficiency = 0.7;
    auto const write = [&](std::int32_t rounds, bool other) {
        std::vector<RoundRecord> records;
        for (std::int32_t round = 0; round < rounds; ++round) {
            RoundRecord record;
            record.round.round = round;
            record.rate_bit_s = drawn_rates(*header.links, header.seed, RoundId(round), 3);
            if (other && round == 7) record.rate_bit_s[1] = 1;
            records.push_back(record);
        }
        sample::write(file("t.h5"), header, records);
        Reader const trace(file("t.h5"));
        BOOST_REQUIRE(trace.has_dense_rates());
        for (auto const& record : records)
            for (std::size_t i = 0; i < 9; ++i) {
                auto const rate = trace.rates(RoundId(record.round.round))[i];
                BOOST_REQUIRE((rate == record.rate_bit_s[i] || i % 4 == 0));
            }
        return hdf5::File::open(file("t.h5"), hdf5::Access::read).has_dataset(std::string(rates_path));
    };
    BOOST_TEST(write(5, false));
    BOOST_TEST(!write(15000, false));
    BOOST_TEST(write(15000, true));
#ifdef SKIPSTONE_H5PY
    write(15000, false);
    double sum = 0;
    for (double const rate : Reader(file("t.h5")).rates(RoundId(999)))
        if (!std::isnan(rate)) sum += rate;
    std::ostringstream command;
    command << std::setprecision(17) << SKIPSTONE_H5PY << " drawn " << file("t.h5") << " 999 " << sum;
    BOOST_TEST(std::system(command.str().c_str()) == 0);
#endif
}

BOOST_AUTO_TEST_CASE(a_byte_that_changes_in_a_closed_trace_is_noticed) {
    sample::write(file("t.h5"), sample::header(), sample::records(8));
    std::ifstream stream(file("t.h5"), std::ios::binary);
    std::string const whole(std::istreambuf_iterator<char>(stream), {});
    int noticed = 0, tried = 0;
    for (std::size_t at = 0; at < whole.size(); at += 97, ++tried) {
        auto changed = whole;
        changed[at] = static_cast<char>(changed[at] ^ 0x10);
        std::ofstream(file("u.h5"), std::ios::binary) << changed;
        try {
            noticed += !check(file("u.h5")).empty();
        } catch (std::runtime_error const&) {
            ++noticed;
        }
    }
    BOOST_TEST_MESSAGE(noticed << " of " << tried);
    BOOST_TEST(noticed > 0.6 * tried);  // the rest lies between objects, where nothing is
}

BOOST_AUTO_TEST_CASE(text_is_cut_between_characters) {
    BOOST_TEST(Text("short").view() == "short");
    BOOST_TEST(Text(std::string(64, 'x')).view() == std::string(64, 'x'));
    BOOST_TEST(Text(std::string(65, 'x')).view() == std::string(64, 'x'));
    BOOST_TEST(Text(std::string(63, 'x') + "é").view() == std::string(63, 'x'));
    BOOST_TEST(Text(std::string(62, 'x') + "éé").view() == std::string(62, 'x') + "é");
}

#ifdef SKIPSTONE_H5PY
BOOST_AUTO_TEST_CASE(pandas_reads_every_table) {
    auto const records = sample::records(6);
    std::size_t events = 0;
    for (auto const& record : records) events += record.events.size();
    sample::write(file("t.h5"), sample::header(), records);
    auto const command = std::string(SKIPSTONE_H5PY) + " frames " + file("t.h5") + " " + std::to_string(events);
    BOOST_TEST(std::system(command.c_str()) == 0);
}
#endif

BOOST_AUTO_TEST_SUITE_END()

#include "trace/digest.hpp"

#include <boost/test/unit_test.hpp>
#include <cmath>
#include <cstdlib>
#include <cstring>
#include <limits>

#include "earlier.hpp"
#include "sample.hpp"
#include "trace/reader.hpp"
#include "units/error.hpp"

using namespace skipstone;
using namespace skipstone::trace;

namespace {

struct Content {
    Header header = sample::header();
    std::vector<RoundRecord> records = sample::records(5);
};

std::string digest_of(sample::Folder const& folder, Content const& content) {
    return digest(sample::write(folder.file("d.h5"), content.header, content.records));
}

// Gives a column of a row another value.
template <class Row>
void change(Row& row, Column const& column) {
    auto* const place = reinterpret_cast<char*>(&row) + column.offset;
    auto const put = [&](auto value) { std::memcpy(place, &value, sizeof(value)); };
    auto const get = [&]<class Value>(Value) {
        Value value;
        std::memcpy(&value, place, sizeof(value));
        return value;
    };
    switch (column.type) {
        case ColumnType::int16:
            return put(static_cast<std::int16_t>(get(std::int16_t{}) + 1));
        case ColumnType::int32:
            return put(get(std::int32_t{}) + 1);
        case ColumnType::int64:
            return put(get(std::int64_t{}) + (std::int64_t{1} << 40));
        case ColumnType::float64:
            return put(std::isnan(get(0.0)) ? 0.0 : get(0.0) + 1.0 / 1024);
        case ColumnType::text:
            return put(Text(get(Text()).str() + "!"));
        case ColumnType::uint8_code:
            return put(static_cast<std::uint8_t>(get(std::uint8_t{}) == 1 ? 2 : 1));
        case ColumnType::int32_code:
            return put(get(std::int32_t{}) == 1 ? 2 : 1);
    }
}

// Changes each column of one row of a table in turn; the digest must change, but for the columns of the host and those
// that follow from the rest.
template <class Row>
void check_columns(sample::Folder const& folder, std::function<Row&(Content&)> const& row_of) {
    auto const before = digest_of(folder, {});
    for (auto const& column : table_of<Row>().columns) {
        if (column.name == "round") continue;  // fixed by the round that the row is appended with
        Content content;
        if (column.name == "flags")
            reinterpret_cast<std::uint8_t&>(*(reinterpret_cast<char*>(&row_of(content)) + column.offset)) ^=
                event_flags::retransmitted;
        else
            change(row_of(content), column);
        bool const of_host =
            column.name.starts_with("host_") || column.name == "plan_host_s" || table_of<Row>().path == "clocks";
        bool const follows = column.name == "next_start_s" || column.name == "outages" || column.name == "stage" ||
                             column.name == "input_bytes";
        BOOST_TEST_CONTEXT("/" << table_of<Row>().path << " " << column.name)
        BOOST_TEST((digest_of(folder, content) == before) == (of_host || follows));
    }
}

}  // namespace

BOOST_FIXTURE_TEST_SUITE(trace_digest, sample::Folder)

BOOST_AUTO_TEST_CASE(is_64_hex_digits_and_the_same_for_the_same_rows) {
    auto const first = digest_of(*this, {});
    BOOST_TEST(first.size() == 64);
    BOOST_TEST(first.find_first_not_of("0123456789abcdef") == std::string::npos);
    BOOST_TEST(digest_of(*this, {}) == first);
}

BOOST_AUTO_TEST_CASE(changes_with_every_column_but_those_of_the_host) {
    check_columns<DeviceRow>(*this, [](Content& content) -> DeviceRow& { return content.header.devices[1]; });
    check_columns<BlockRow>(*this, [](Content& content) -> BlockRow& { return content.header.blocks[2]; });
    check_columns<RoundRow>(*this, [](Content& content) -> RoundRow& { return content.records[1].round; });
    check_columns<PlanRow>(*this, [](Content& content) -> PlanRow& { return content.records[2].plans[1]; });
    check_columns<RequestRow>(*this, [](Content& content) -> RequestRow& { return content.records[4].requests[0]; });
    check_columns<Event>(*this, [](Content& content) -> Event& { return content.records[4].events.back(); });
    check_columns<BatteryRow>(*this, [](Content& content) -> BatteryRow& { return content.records[0].battery[0]; });
    check_columns<ClockRow>(*this, [](Content& content) -> ClockRow& { return content.records[0].clocks[1]; });
    check_columns<OutageRow>(*this, [](Content& content) -> OutageRow& { return content.records[3].outages[0]; });
}

BOOST_AUTO_TEST_CASE(changes_with_rates_and_with_the_number_of_rows) {
    auto const before = digest_of(*this, {});
    Content rate;
    rate.records[3].rate_bit_s[1] *= 1 + 1e-15;
    BOOST_TEST(digest_of(*this, rate) != before);
    Content fewer;
    fewer.records.pop_back();
    BOOST_TEST(digest_of(*this, fewer) != before);
    Content clocks;
    clocks.records[0].clocks.clear();
    BOOST_TEST(digest_of(*this, clocks) == before);
}

BOOST_AUTO_TEST_CASE(changes_with_the_used_links_of_a_large_fleet) {
    auto const of = [&](double rate, std::int32_t peer) {
        Content content{sample::header(dense_rates_limit + 1), sample::records(1)};
        content.records[0].rate_bit_s.clear();
        content.records[0].used_links = {{0, 1, peer, rate}};
        return digest_of(*this, content);
    };
    BOOST_TEST(of(1e6, 2) == of(1e6, 2));
    BOOST_TEST(of(1e6, 2) != of(2e6, 2));
    BOOST_TEST(of(1e6, 2) != of(1e6, 3));
}

BOOST_AUTO_TEST_CASE(does_not_see_how_zero_and_nan_are_written) {
    Content zero, negative_zero;
    zero.records[0].events[0].begin_s = 0.0;
    negative_zero.records[0].events[0].begin_s = -0.0;
    BOOST_TEST(digest_of(*this, zero) == digest_of(*this, negative_zero));
    Content quiet, other;
    quiet.records[0].requests[1].accuracy = std::numeric_limits<double>::quiet_NaN();
    other.records[0].requests[1].accuracy = -std::nan("7");
    BOOST_TEST(digest_of(*this, quiet) == digest_of(*this, other));
}

BOOST_AUTO_TEST_CASE(does_not_see_overruns) {
    Content late;
    late.records[1].events[0].flags = event_flags::overrun;
    BOOST_TEST(digest_of(*this, late) == digest_of(*this, {}));
    for (auto const flag : {event_flags::retransmitted, event_flags::failed}) {
        Content other;
        other.records[1].events[0].flags = flag;
        BOOST_TEST(digest_of(*this, other) != digest_of(*this, {}));
    }
}

BOOST_AUTO_TEST_CASE(has_columns_that_hold_more_than_their_defaults_and_no_others) {
    auto const version_1 = [&](Content const& content) {
        return digest(sample::without_later_columns(sample::write(file("e.h5"), content.header, content.records)));
    };
    Content split;
    split.records[1].plans[0].split = Split::Kind::rows;
    BOOST_TEST(digest_of(*this, {}) == version_1({}));
    BOOST_TEST(digest_of(*this, split) != version_1(split));
    BOOST_TEST(version_1(split) == version_1({}));
    Content left;
    left.records[1].requests[0].exit = 1;
    BOOST_TEST(digest_of(*this, left) != version_1(left));
    // A table that says nothing is as one that is not there.
    Content throughput;
    throughput.header.goal = Goal::throughput;
    BOOST_TEST(digest_of(*this, throughput) == digest_of(*this, {}));
    throughput.records[4].prices = {{4, ResourcePrice::Resource::memory, 1, -1, 1e-9}};
    BOOST_TEST(digest_of(*this, throughput) != digest_of(*this, {}));
}

BOOST_AUTO_TEST_CASE(does_not_see_attributes) {
    Content other;
    other.header.date = "tomorrow";
    other.header.provenance.hosts = "elsewhere";
    other.header.seed = 2;
    BOOST_TEST(digest_of(*this, other) == digest_of(*this, {}));
}

BOOST_AUTO_TEST_CASE(covers_committed_rounds_only) {
    Content four;
    four.records.pop_back();
    auto const before = digest_of(*this, four);
    sample::write(file("t.h5"), four.header, four.records, Ended::interrupted);
    BOOST_TEST(digest(file("t.h5")) == before);
}

#ifdef SKIPSTONE_H5PY
BOOST_AUTO_TEST_CASE(does_not_see_chunks_or_compression) {
    sample::write(file("t.h5"), sample::header(), sample::records(5));
    auto const command = std::string(SKIPSTONE_H5PY) + " rechunk " + file("t.h5") + " " + file("u.h5");
    BOOST_REQUIRE(std::system(command.c_str()) == 0);
    BOOST_TEST(digest(file("u.h5")) == digest(file("t.h5")));
}
#endif

BOOST_AUTO_TEST_CASE(of_what_is_no_trace_is_an_input_error) {
    BOOST_CHECK_THROW(digest(file("none.h5")), InputError);
}

BOOST_AUTO_TEST_SUITE_END()

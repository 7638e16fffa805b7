#include "trace/reader.hpp"

#include <boost/test/unit_test.hpp>
#include <cmath>
#include <fstream>

#include "earlier.hpp"
#include "hdf5/file.hpp"
#include "sample.hpp"
#include "trace/digest.hpp"
#include "units/error.hpp"

using namespace skipstone;
using namespace skipstone::trace;
using sample::says;

namespace {

// An HDF5 file that has what a trace's root has.
hdf5::File like_a_trace(std::string const& path) {
    auto file = hdf5::File::create(path);
    file.write_string("format", format);
    file.write_integer("format_version", format_version);
    file.write_string("software_version", "0");
    file.write_string("date", "today");
    file.write_unsigned("seed", 1);
    file.write_integer("complete", 0);
    file.write_string("ended", "running");
    auto group = file.create_group("provenance");
    for (auto const* name : {"scenario", "command_line", "git_revision", "library_versions", "instruction_set", "hosts",
                             "clock", "network", "weights_hash"})
        group.write_string(name, "x");
    group.write_double("dilation", 1);
    return file;
}

}  // namespace

BOOST_FIXTURE_TEST_SUITE(trace_reader, sample::Folder)

BOOST_AUTO_TEST_CASE(what_is_no_trace_is_refused_with_a_sentence) {
    std::ofstream(file("text.h5")) << "seed = 1\n";
    BOOST_CHECK_EXCEPTION(Reader(file("text.h5")), InputError, says("text.h5: is not an HDF5 file (it is text)"));
    std::ofstream(file("empty.h5")).flush();
    BOOST_CHECK_EXCEPTION(Reader(file("empty.h5")), InputError, says("empty.h5: is not an HDF5 file (it is empty)"));
    BOOST_CHECK_EXCEPTION(Reader(file("none.h5")), InputError,
                          says("none.h5: cannot be opened (No such file or directory)"));
    hdf5::File::create(file("other.h5")).write_string("network", "resnet50");
    BOOST_CHECK_EXCEPTION(Reader(file("other.h5")), InputError,
                          says("other.h5: is an HDF5 file but not a Skipstone trace"));
    hdf5::File::create(file("openpmd.h5")).write_string("format", "openPMD");
    BOOST_CHECK_EXCEPTION(Reader(file("openpmd.h5")), InputError,
                          says("is not a Skipstone trace (its format is 'openPMD')"));
}

BOOST_AUTO_TEST_CASE(another_version_is_refused) {
    for (auto const version : {0, 3}) {
        like_a_trace(file("t.h5")).write_integer("format_version", version);
        BOOST_CHECK_EXCEPTION(Reader(file("t.h5")), InputError,
                              says("t.h5: is a trace of format version " + std::to_string(version) +
                                   "; this program reads versions 1 to 2"));
    }
}

BOOST_AUTO_TEST_CASE(a_missing_attribute_is_named) {
    auto created = hdf5::File::create(file("t.h5"));
    created.write_string("format", format);
    created.write_integer("format_version", format_version);
    created.close();
    BOOST_CHECK_EXCEPTION(Reader(file("t.h5")), InputError, says("t.h5: /@complete: this attribute is missing"));
}

BOOST_AUTO_TEST_CASE(a_missing_table_or_column_is_named) {
    like_a_trace(file("t.h5")).close();
    BOOST_CHECK_EXCEPTION(Reader(file("t.h5")), InputError, says("t.h5: /devices: this dataset is missing"));
    {
        auto created = like_a_trace(file("u.h5"));
        hdf5::RowType const type(4, {{"device", hdf5::ColumnType::int32, 0, 0, {}}});
        created.create_table("devices", type, 1, {});
    }
    BOOST_CHECK_EXCEPTION(Reader(file("u.h5")), InputError, says("u.h5: /devices: column 'name' is missing"));
    {
        auto created = like_a_trace(file("v.h5"));
        hdf5::RowType const type(8, {{"device", hdf5::ColumnType::float64, 0, 0, {}}});
        created.create_table("devices", type, 1, {});
    }
    BOOST_CHECK_EXCEPTION(Reader(file("v.h5")), InputError, says("column 'device' has another type than the format's"));
    {
        auto created = like_a_trace(file("w.h5"));
        created.create_floats("devices", {2}, std::vector<float>{1, 2});
    }
    BOOST_CHECK_EXCEPTION(Reader(file("w.h5")), InputError, says("w.h5: /devices: this dataset is not a table"));
}

BOOST_AUTO_TEST_CASE(a_truncated_trace_is_refused) {
    sample::write(file("t.h5"), sample::header(), sample::records(3));
    auto const size = std::filesystem::file_size(file("t.h5"));
    for (auto const part : {size / 4, size / 2, size - 1}) {
        std::filesystem::copy_file(file("t.h5"), file("short.h5"), std::filesystem::copy_options::overwrite_existing);
        std::filesystem::resize_file(file("short.h5"), part);
        BOOST_CHECK_THROW(Reader(file("short.h5")), std::runtime_error);
    }
}

BOOST_AUTO_TEST_CASE(opening_changes_nothing) {
    sample::write(file("t.h5"), sample::header(), sample::records(3));
    auto const bytes = [&] {
        std::ifstream stream(file("t.h5"), std::ios::binary);
        return std::string(std::istreambuf_iterator<char>(stream), {});
    };
    auto const before = bytes();
    auto const time = std::filesystem::last_write_time(file("t.h5"));
    Reader const trace(file("t.h5"));
    BOOST_TEST(trace.read<Event>().size() > 0);
    BOOST_TEST((bytes() == before));
    BOOST_TEST((std::filesystem::last_write_time(file("t.h5")) == time));
}

BOOST_AUTO_TEST_CASE(rows_of_a_round_that_is_not_committed_are_not_shown) {
    sample::write(file("t.h5"), sample::header(), sample::records(4), Ended::interrupted);
    {  // as if the run had been killed between its last round's events and its row in /rounds
        auto trace = hdf5::File::open(file("t.h5"), hdf5::Access::write);
        trace.write_string("ended", "running", 16);
        auto const& table = table_of<Event>();
        hdf5::RowType const type(table.row_size, {{"round", hdf5::ColumnType::int32, offsetof(Event, round), 0, {}},
                                                  {"device", hdf5::ColumnType::int32, offsetof(Event, device), 0, {}}});
        std::vector<Event> const rows{sample::event(EventKind::compute, 0, -1, 0, 0, 40, 41)};
        auto late = rows;
        late.front().round = 4;
        trace.dataset("events").append_rows(type, std::as_bytes(std::span(late)));
        auto torn = rows;  // its extent was written, its row not
        torn.front().round = -1;
        trace.dataset("events").append_rows(type, std::as_bytes(std::span(torn)));
        hdf5::RowType const outage(sizeof(OutageRow),
                                   {{"begin_s", hdf5::ColumnType::float64, offsetof(OutageRow, begin_s), 0, {}}});
        std::vector<OutageRow> const next{{41, no_value, 0, -1, "battery"}};
        trace.dataset("outages").append_rows(outage, std::as_bytes(std::span(next)));
    }
    Reader const trace(file("t.h5"));
    BOOST_TEST(trace.committed_rounds() == 4);
    BOOST_TEST(trace.rows<Event>() == 32U);
    BOOST_TEST(trace.rows_of<Event>(RoundId(3)).count == 8U);
    // The battery that emptied after round 3's end is told; the outage of the round that is not there is not.
    BOOST_TEST(trace.rows<OutageRow>() == 1U);
    BOOST_CHECK_THROW(trace.rows_of<Event>(RoundId(4)), ContractError);
    BOOST_CHECK_THROW(trace.read<Event>({30, 3}), ContractError);
}

BOOST_AUTO_TEST_CASE(columns_that_earlier_programs_did_not_write_may_be_missing) {
    sample::write(file("t.h5"), sample::header(), sample::records(4));
    Reader const trace(sample::without_later_columns(file("t.h5")));
    BOOST_TEST(trace.has_column<RoundRow>("end_s"));
    BOOST_TEST(!trace.has_column<RoundRow>("next_start_s"));
    auto const rows = trace.read<RoundRow>();
    BOOST_REQUIRE(rows.size() == 4);
    BOOST_TEST(rows[3].start_s == 30);
    BOOST_TEST(std::isnan(rows[3].next_start_s));
    BOOST_TEST(rows[3].outages == -1);
    BOOST_TEST((rows[3].goal == Goal::latency));
    BOOST_TEST(std::isnan(rows[3].throughput_bound));
    BOOST_TEST(trace.rows<OutageRow>() == 1U);
    BOOST_TEST(!trace.has_column<PlanRow>("split"));
    BOOST_REQUIRE(trace.rows<PlanRow>() == 24U);
    for (auto const& plan : trace.read<PlanRow>()) {
        BOOST_TEST(plan.part == -1);
        BOOST_TEST(plan.parts == 1);
        BOOST_TEST((plan.split == Split::Kind::whole));
    }
    BOOST_TEST(trace.read<PlanRow>()[1].device == 1);
    BOOST_TEST(!trace.has_column<Event>("part"));
    BOOST_REQUIRE(trace.rows<Event>() == 32U);
    for (auto const& event : trace.read<Event>()) BOOST_TEST(event.part == -1);
    BOOST_TEST(trace.read<Event>()[3].peer == 0);
    BOOST_TEST((trace.header().goal == Goal::latency));
    BOOST_TEST(trace.rows<PriceRow>() == 0U);
}

BOOST_AUTO_TEST_CASE(blocks_of_version_1_have_the_stages_of_a_residual_network) {
    auto header = sample::header();
    header.blocks.clear();
    for (std::string const name : {"stem", "s2b1", "s2b12", "s10b1", "sb", "s3x", "s12", "s1234567b1", "", "head"}) {
        auto const index = static_cast<std::int32_t>(header.blocks.size());
        header.blocks.push_back({index, name, 1000, 20 + index, 70 + index, 40, 0, 0, 99, 99});
    }
    sample::write(file("t.h5"), header, {});
    Reader const trace(sample::without_later_columns(file("t.h5")));
    BOOST_TEST(!trace.has_column<BlockRow>("stage"));
    std::vector<std::int32_t> stages;
    std::vector<std::int64_t> inputs;
    for (auto const& block : trace.header().blocks) {
        stages.push_back(block.stage);
        inputs.push_back(block.input_bytes);
    }
    BOOST_TEST(stages == (std::vector<std::int32_t>{1, 2, 2, 10, 11, 12, 13, 14, 15, 16}),
               boost::test_tools::per_element());
    BOOST_TEST(inputs == (std::vector<std::int64_t>{20, 70, 71, 72, 73, 74, 75, 76, 77, 78}),
               boost::test_tools::per_element());
}

BOOST_AUTO_TEST_CASE(versions_1_and_2_of_a_trace_have_one_digest) {
    sample::write(file("t.h5"), sample::header(), sample::records(4));
    auto const newest = digest(file("t.h5"));
    BOOST_TEST(digest(sample::without_later_columns(file("t.h5"))) == newest);
}

BOOST_AUTO_TEST_CASE(the_outages_of_committed_rounds_are_shown_and_no_others) {
    {
        Writer writer(file("t.h5"), sample::header());
        auto first = sample::record(0);  // ends at 4 s; the next one would start at 10 s
        first.outages = {{7, 8, 0, -1, "failure"}, {9, no_value, 1, -1, "failure"}};
        writer.append(first);
        writer.append(sample::record(1));
        writer.finish(Ended::interrupted);
    }
    {  // as if the run had been killed after it wrote the outages of its third round
        auto trace = hdf5::File::open(file("t.h5"), hdf5::Access::write);
        trace.write_string("ended", "running", 16);
        auto const& table = table_of<OutageRow>();
        hdf5::RowType const type(table.row_size,
                                 {{"begin_s", hdf5::ColumnType::float64, offsetof(OutageRow, begin_s), 0, {}}});
        std::vector<OutageRow> const rows{{20, 21, 2, -1, "failure"}};
        trace.dataset("outages").append_rows(type, std::as_bytes(std::span(rows)));
    }
    Reader const trace(file("t.h5"));
    BOOST_TEST(trace.rows<OutageRow>() == 2U);
    BOOST_TEST(trace.read<OutageRow>()[1].begin_s == 9);
}

BOOST_AUTO_TEST_SUITE_END()

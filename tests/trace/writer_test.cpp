#include "trace/writer.hpp"

#include <boost/test/unit_test.hpp>
#include <filesystem>
#include <fstream>

#include "sample.hpp"
#include "trace/check.hpp"
#include "trace/reader.hpp"
#include "units/error.hpp"

using namespace skipstone;
using namespace skipstone::trace;
using sample::says;
namespace fs = std::filesystem;

BOOST_FIXTURE_TEST_SUITE(trace_writer, sample::Folder)

BOOST_AUTO_TEST_CASE(says_how_a_run_ended) {
    for (auto const ended : {Ended::finished, Ended::interrupted, Ended::failed}) {
        sample::write(file("t.h5"), sample::header(), sample::records(2), ended);
        Reader const trace(file("t.h5"));
        BOOST_TEST((trace.ended() == ended));
        BOOST_TEST(trace.complete() == (ended == Ended::finished));
        BOOST_TEST(trace.committed_rounds() == 2);
    }
}

BOOST_AUTO_TEST_CASE(a_writer_that_goes_without_finish_says_failed) {
    {
        Writer writer(file("t.h5"), sample::header());
        writer.append(sample::record(0));
    }
    Reader const trace(file("t.h5"));
    BOOST_TEST((trace.ended() == Ended::failed));
    BOOST_TEST(!trace.complete());
    BOOST_TEST(trace.committed_rounds() == 1);
}

BOOST_AUTO_TEST_CASE(replaces_a_trace_and_leaves_nothing_else) {
    sample::write(file("t.h5"), sample::header(), sample::records(3));
    sample::write(file("t.h5"), sample::header(), sample::records(1));
    BOOST_TEST(Reader(file("t.h5")).committed_rounds() == 1);
    BOOST_TEST(files() == 1);
}

BOOST_AUTO_TEST_CASE(a_trace_that_is_being_written_is_not_replaced) {
    for (auto const placement : {Placement::direct, Placement::scratch}) {
        Writer first(file("t.h5"), sample::header(), placement);
        for (auto const other : {Placement::direct, Placement::scratch})
            BOOST_CHECK_EXCEPTION(Writer(file("t.h5"), sample::header(), other), InputError,
                                  says("a run is writing this trace now"));
        first.append(sample::record(0));
        first.finish(Ended::finished);
        BOOST_TEST(Reader(file("t.h5")).committed_rounds() == 1);
        BOOST_TEST(!fs::exists(file(".t.h5.writing")));
        sample::write(file("t.h5"), sample::header(), sample::records(2));
        BOOST_TEST(Reader(file("t.h5")).committed_rounds() == 2);
    }
}

BOOST_AUTO_TEST_CASE(tells_what_is_at_a_path) {
    BOOST_TEST(!earlier_file(file("none.h5")));
    sample::write(file("t.h5"), sample::header(), sample::records(3));
    auto const finished = earlier_file(file("t.h5"));
    BOOST_TEST((finished && finished->trace && finished->finished && finished->rounds == 3));
    sample::write(file("u.h5"), sample::header(), sample::records(1), Ended::interrupted);
    auto const interrupted = earlier_file(file("u.h5"));
    BOOST_TEST((interrupted && interrupted->trace && !interrupted->finished));
    std::ofstream(file("text")) << "words";
    auto const text = earlier_file(file("text"));
    BOOST_TEST((text && !text->trace));
    fs::resize_file(file("t.h5"), 3000);
    auto const torn = earlier_file(file("t.h5"));
    BOOST_TEST((torn && torn->trace && !torn->finished));
}

BOOST_AUTO_TEST_CASE(writes_through_a_link) {
    std::filesystem::create_directory(path / "elsewhere");
    sample::write(file("elsewhere/t.h5"), sample::header(), sample::records(3));
    std::filesystem::create_symlink(path / "elsewhere/t.h5", path / "link.h5");
    sample::write(file("link.h5"), sample::header(), sample::records(1));
    BOOST_TEST(std::filesystem::is_symlink(path / "link.h5"));
    BOOST_TEST(Reader(file("elsewhere/t.h5")).committed_rounds() == 1);
}

BOOST_AUTO_TEST_CASE(does_not_follow_a_link_that_waits_for_its_draft) {
    std::ofstream(file("victim")) << "dear";
    std::filesystem::create_symlink(path / "victim", path / (".t.h5.new-" + std::to_string(::getpid())));
    sample::write(file("t.h5"), sample::header(), sample::records(2));
    std::ifstream victim(file("victim"));
    BOOST_TEST(std::string(std::istreambuf_iterator<char>(victim), {}) == "dear");
    BOOST_TEST(files() == 3);  // the link, too: drafts have names that nobody can guess
    BOOST_TEST(Reader(file("t.h5")).complete());
}

BOOST_AUTO_TEST_CASE(a_path_that_cannot_be_written_is_refused_with_the_reason) {
    auto const refused = [&](std::string const& where, std::string const& reason) {
        BOOST_CHECK_EXCEPTION(Writer(where, sample::header()), InputError,
                              says(where + ": the trace cannot be written (" + reason));
    };
    refused(file("none/t.h5"), "the folder " + file("none") + " does not exist");
    refused(path.string(), "it is a folder");
    refused("/dev/null", "it is not a regular file");
    std::ofstream(file("text")) << "x";
    refused(file("text/t.h5"), "");
    BOOST_CHECK_EXCEPTION(Writer("", sample::header()), InputError, says("path is empty"));
}

BOOST_AUTO_TEST_CASE(a_file_without_write_permission_is_refused_and_kept) {
    if (::geteuid() == 0) {
        BOOST_TEST_MESSAGE("skipped: root may write everything");
        return;
    }
    sample::write(file("t.h5"), sample::header(), sample::records(2));
    std::filesystem::permissions(file("t.h5"), std::filesystem::perms::owner_read);
    BOOST_CHECK_EXCEPTION(Writer(file("t.h5"), sample::header()), InputError, says("Permission denied"));
    BOOST_TEST(Reader(file("t.h5")).committed_rounds() == 2);
}

BOOST_AUTO_TEST_CASE(writes_to_scratch_where_writes_are_not_ordered_and_moves_at_the_end) {
    sample::write(file("t.h5"), sample::header(), sample::records(1));
    {
        Writer writer(file("t.h5"), sample::header(), Placement::scratch);
        BOOST_REQUIRE(writer.warning());
        BOOST_TEST(says("moved at the end")(std::runtime_error(*writer.warning())));
        auto const scratch = writer.file();
        BOOST_TEST(scratch != file("t.h5"));
        auto const folder = std::filesystem::path(scratch).parent_path();  // nobody else can plant a link there
        BOOST_TEST((std::filesystem::status(folder).permissions() == std::filesystem::perms::owner_all));
        for (auto const& record : sample::records(3)) writer.append(record);
        BOOST_TEST(Reader(file("t.h5")).committed_rounds() == 1);
        writer.finish(Ended::finished);
        BOOST_TEST(!std::filesystem::exists(folder));
        BOOST_TEST(writer.file() == file("t.h5"));
    }
    Reader const trace(file("t.h5"));
    BOOST_TEST(trace.committed_rounds() == 3);
    BOOST_TEST(trace.complete());
    BOOST_TEST(files() == 1);
}

BOOST_AUTO_TEST_CASE(a_local_path_is_written_in_place_without_a_warning) {
    Writer writer(file("t.h5"), sample::header());
    BOOST_TEST(!writer.warning());
    BOOST_TEST(writer.file() == file("t.h5"));
    BOOST_TEST(std::filesystem::exists(file("t.h5")));
    writer.finish(Ended::interrupted);
}

BOOST_AUTO_TEST_CASE(rounds_must_come_in_order_and_carry_their_rows) {
    Writer writer(file("t.h5"), sample::header());
    BOOST_CHECK_THROW(writer.append(sample::record(1)), ContractError);
    auto record = sample::record(0);
    record.events.front().round = 1;
    BOOST_CHECK_THROW(writer.append(record), ContractError);
    record = sample::record(0);
    record.rate_bit_s.pop_back();
    BOOST_CHECK_THROW(writer.append(record), ContractError);
    writer.append(sample::record(0));
    writer.finish(Ended::finished);
    BOOST_CHECK_THROW(writer.append(sample::record(1)), ContractError);
    BOOST_CHECK_THROW(writer.finish(Ended::finished), ContractError);
}

BOOST_AUTO_TEST_SUITE_END()

#include "sweep/folder.hpp"

#include <boost/test/unit_test.hpp>
#include <cmath>
#include <fstream>
#include <limits>

#include "support.hpp"
#include "units/error.hpp"

namespace skipstone::sweep {

namespace {

namespace fs = std::filesystem;

config::SweepRecord record_of(std::string const& id, std::int64_t bytes) {
    return {id,
            "a-seed1",
            "digest",
            bytes,
            0.25,
            "host",
            "2026-01-01T00:00:00Z",
            "skipstone 1",
            "abc",
            {{"latency_mean_s", 0.1 + 0.2}, {"none", std::numeric_limits<double>::quiet_NaN()}, {"requests", 3}}};
}

fs::path attempt_with_trace(Folder const& folder, std::string const& id, std::string const& trace) {
    auto const attempt = folder.new_attempt(id);
    std::ofstream(attempt / attempt_trace) << trace;
    return attempt;
}

BOOST_AUTO_TEST_CASE(calls_a_point_done_when_record_and_trace_are_there) {
    test::ScratchFolder const scratch;
    Folder const folder(scratch.path() / "out");
    BOOST_TEST(!folder.exists());
    folder.create();
    BOOST_TEST(!folder.is_done("0123456789abcdef"));
    folder.write_failure({"0123456789abcdef", "a", 1, "no \"luck\"", "\xff", 1, "host", "now"});
    BOOST_REQUIRE(folder.failure("0123456789abcdef"));
    BOOST_TEST(folder.failure("0123456789abcdef")->reason == "no \"luck\"");
    folder.publish(attempt_with_trace(folder, "0123456789abcdef", "trace"), record_of("0123456789abcdef", 5));
    auto const record = folder.record("0123456789abcdef");
    BOOST_REQUIRE(record);
    BOOST_TEST(record->summary[0].second == 0.1 + 0.2);
    BOOST_TEST(std::isnan(record->summary[1].second));
    BOOST_TEST(record->seconds == 0.25);
    BOOST_TEST(!folder.failure("0123456789abcdef"));
    fs::resize_file(folder.trace("0123456789abcdef"), 4);
    BOOST_TEST(!folder.is_done("0123456789abcdef"));
}

BOOST_AUTO_TEST_CASE(gives_every_attempt_a_folder_of_its_own) {
    test::ScratchFolder const scratch;
    Folder const folder(scratch.path());
    folder.create();
    auto const first = folder.new_attempt("0123456789abcdef"), second = folder.new_attempt("0123456789abcdef");
    BOOST_TEST(first != second);
    BOOST_TEST(folder.attempts().size() == 2U);
    BOOST_TEST(folder.attempts().front().id == "0123456789abcdef");
}

BOOST_AUTO_TEST_CASE(leaves_strays_in_running_alone) {
    test::ScratchFolder const scratch;
    Folder const folder(scratch.path());
    folder.create();
    auto const running = scratch.path() / "running";
    auto const attempt = folder.new_attempt("0123456789abcdef");
    for (auto const* name : {"", "x", "stray", ".hidden", "abc", "0123456789abcdef", "0123456789abcdef.mine",
                             "0123456789abcdef.h.1.x", "0123456789abcdef0123.h.1.2", "ffffffffffffffffffff"})
        fs::create_directories(running / name);
    std::ofstream(running / "0123456789abcdef.h.1.2") << "a file";
    fs::create_directory_symlink(scratch.path(), running / "0123456789abcdef.h.1.3");
    BOOST_TEST_REQUIRE(folder.attempts().size() == 1U);
    BOOST_TEST(folder.attempts().front().folder == attempt);
}

BOOST_AUTO_TEST_CASE(lists_what_is_left_of_points_that_are_gone) {
    test::ScratchFolder const scratch;
    Folder const folder(scratch.path());
    folder.create();
    for (auto const* id : {"0123456789abcdef", "aaaaaaaaaaaaaaaa"})
        folder.publish(attempt_with_trace(folder, id, "trace"), record_of(id, 5));
    folder.write_failure({"bbbbbbbbbbbbbbbb", "b", 1, "why", "", 1, "host", "now"});
    std::ofstream(scratch.path() / "points" / "notes.txt") << "mine";
    std::ofstream(scratch.path() / "points" / "notes.json") << "mine";
    auto const left = folder.leftovers({"0123456789abcdef"});
    BOOST_TEST_REQUIRE(left.size() == 2U);
    BOOST_TEST(left[0].id == "aaaaaaaaaaaaaaaa");
    BOOST_TEST(left[0].name == "a-seed1");
    BOOST_TEST(left[0].files.size() == 2U);
    BOOST_TEST(left[1].name == "b");
}

BOOST_AUTO_TEST_CASE(leaves_what_was_there_when_a_file_cannot_be_written) {
    test::ScratchFolder const scratch;
    Folder const folder(scratch.path());
    BOOST_CHECK_THROW(folder.write(scratch.path() / "missing" / "file", "text"), EnvironmentError);
    folder.write(scratch.path() / "file", "first");
    folder.write(scratch.path() / "file", "second");
    std::ifstream file(scratch.path() / "file");
    std::string text;
    file >> text;
    BOOST_TEST(text == "second");
    BOOST_TEST(std::distance(fs::directory_iterator(scratch.path()), {}) == 1);
}

}  // namespace

}  // namespace skipstone::sweep

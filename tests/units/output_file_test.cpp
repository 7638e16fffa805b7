#include "units/output_file.hpp"

#include <sys/wait.h>
#include <unistd.h>

#include <boost/test/unit_test.hpp>
#include <csignal>
#include <fstream>
#include <iterator>
#include <stdexcept>
#include <string>

#include "units/error.hpp"

using namespace skipstone;
namespace fs = std::filesystem;

namespace {

struct Folder {
    Folder() {
        std::string name = (fs::temp_directory_path() / "skipstone-output-XXXXXX").string();
        BOOST_REQUIRE(::mkdtemp(name.data()) != nullptr);
        path = name;
    }
    ~Folder() { fs::remove_all(path); }

    std::string content(char const* name) const {
        std::ifstream file(path / name);
        return {std::istreambuf_iterator<char>(file), {}};
    }
    auto files() const { return std::distance(fs::directory_iterator(path), fs::directory_iterator()); }

    fs::path path;
};

}  // namespace

BOOST_FIXTURE_TEST_SUITE(output_file, Folder)

BOOST_AUTO_TEST_CASE(writes_and_replaces) {
    write_file(path / "a", "one");
    BOOST_TEST(content("a") == "one");
    write_file(path / "a", [](std::ostream& out) { out << "two"; });
    BOOST_TEST(content("a") == "two");
    BOOST_TEST(files() == 1);
}

BOOST_AUTO_TEST_CASE(writes_into_the_working_folder) {
    auto const before = fs::current_path();
    fs::current_path(path);
    write_file("a", "one");
    fs::current_path(before);
    BOOST_TEST(content("a") == "one");
}

BOOST_AUTO_TEST_CASE(what_was_there_stays_when_writing_fails) {
    write_file(path / "a", "one");
    auto const fail = [](std::ostream& out) {
        out << "two";
        throw std::runtime_error("in the middle");
    };
    BOOST_CHECK_THROW(write_file(path / "a", fail), std::runtime_error);
    BOOST_TEST(content("a") == "one");
    BOOST_TEST(files() == 1);
}

BOOST_AUTO_TEST_CASE(a_kill_leaves_what_was_there_and_nothing_else) {
    write_file(path / "a", "one");
    pid_t const child = ::fork();
    if (child == 0)
        write_file(path / "a", [](std::ostream& out) {
            out << "two" << std::flush;
            ::raise(SIGKILL);
        });
    int status = 0;
    BOOST_REQUIRE(::waitpid(child, &status, 0) == child);
    BOOST_TEST(WTERMSIG(status) == SIGKILL);
    BOOST_TEST(content("a") == "one");
    BOOST_TEST(files() == 1);
}

BOOST_AUTO_TEST_CASE(a_link_stays_one) {
    fs::create_directory(path / "elsewhere");
    write_file(path / "elsewhere" / "a", "one");
    fs::create_symlink("elsewhere/a", path / "link");
    write_file(path / "link", "two");
    BOOST_TEST(fs::is_symlink(path / "link"));
    BOOST_TEST(content("elsewhere/a") == "two");
}

BOOST_AUTO_TEST_CASE(a_link_in_a_folder_does_not_lead_out_of_it) {
    fs::create_directory(path / "folder");
    write_file(path / "outside", "one");
    fs::create_symlink("../outside", path / "folder" / "a");
    write_file_in(path / "folder", "a", [](std::ostream& out) { out << "two"; });
    BOOST_TEST(content("outside") == "one");
    BOOST_TEST(content("folder/a") == "two");
}

BOOST_AUTO_TEST_CASE(says_what_cannot_be_written) {
    BOOST_CHECK_THROW(write_file("", "one"), InputError);
    BOOST_CHECK_THROW(write_file(path, "one"), InputError);
    BOOST_CHECK_THROW(write_file(path / "no" / "folder", "one"), InputError);
    BOOST_CHECK_THROW(write_file("/dev/full", std::string(1 << 20, 'x')), EnvironmentError);
}

BOOST_AUTO_TEST_SUITE_END()

#include "units/file_memo.hpp"

#include <unistd.h>

#include <boost/test/unit_test.hpp>
#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>
#include <stop_token>
#include <thread>

#include "units/error.hpp"
#include "units/sha256.hpp"

using namespace skipstone;
namespace fs = std::filesystem;

namespace {

struct Fixture {
    Fixture() {
        fs::remove_all(folder);
        fs::create_directories(folder);
        ::setenv("SKIPSTONE_CACHE", (folder / "cache").c_str(), 1);
        write("one");
    }
    ~Fixture() {
        ::setenv("SKIPSTONE_CACHE", "off", 1);
        fs::remove_all(folder);
    }
    void write(std::string const& text) const { std::ofstream(file) << text; }
    static void settle() { std::this_thread::sleep_for(std::chrono::milliseconds(2100)); }
    // The one file under hashes/.
    fs::path memo() const {
        auto const hashes = folder / "cache" / "hashes";
        if (!fs::exists(hashes)) return {};
        auto const entry = fs::directory_iterator(hashes);
        return entry == fs::directory_iterator() ? fs::path() : entry->path();
    }

    fs::path folder = fs::temp_directory_path() / ("skipstone_file_memo_" + std::to_string(::getpid()));
    fs::path file = folder / "file";
};

}  // namespace

BOOST_FIXTURE_TEST_SUITE(file_memo, Fixture)

BOOST_AUTO_TEST_CASE(a_file_that_just_changed_is_not_remembered) {
    BOOST_TEST(!settled_identity(file).has_value());
    BOOST_TEST(remembered_sha256(file) == sha256_of_file(file));
    BOOST_TEST(memo().empty());
}

BOOST_AUTO_TEST_CASE(a_hash_is_remembered_until_the_file_changes) {
    settle();
    auto const before = sha256_of_file(file);
    BOOST_TEST(remembered_sha256(file) == before);
    BOOST_TEST_REQUIRE(!memo().empty());
    // What is remembered is what is said: proof that the file is not read.
    auto text = read_short_text(memo()).value();
    text[0] = text[0] == '0' ? '1' : '0';
    BOOST_TEST_REQUIRE(replace_text(memo(), text));
    BOOST_TEST(remembered_sha256(file) == text.substr(0, 64));
    // Same size, same time of writing: the time of change still tells.
    auto const written = fs::last_write_time(file);
    write("two");
    fs::last_write_time(file, written);
    BOOST_TEST(remembered_sha256(file) == sha256_of_file(file));
    BOOST_TEST(remembered_sha256(file) != before);
    settle();
    BOOST_TEST(remembered_sha256(file) == sha256_of_file(file));
    // Not what was remembered of another file that stood here.
    write("three");
    settle();
    BOOST_TEST(remembered_sha256(file) == sha256_of_file(file));
}

BOOST_AUTO_TEST_CASE(a_damaged_memo_is_ignored) {
    settle();
    auto const hash = remembered_sha256(file);
    auto const right = read_short_text(memo()).value();
    for (auto const& text : {std::string(), right.substr(0, 70), right + "x", "X" + right.substr(1),
                             std::string(5000, '0'), right.substr(0, 63)}) {
        BOOST_TEST_REQUIRE(replace_text(memo(), text));
        BOOST_TEST(remembered_sha256(file) == hash);
        BOOST_TEST(read_short_text(memo()).value() == right);
    }
}

BOOST_AUTO_TEST_CASE(does_without_a_cache_folder) {
    settle();
    for (auto const* place : {"off", "/proc/none", "/dev/null/cache"}) {
        ::setenv("SKIPSTONE_CACHE", place, 1);
        BOOST_TEST(remembered_sha256(file) == sha256_of_file(file));
    }
}

BOOST_AUTO_TEST_CASE(hash_and_identity_are_of_one_file_while_a_link_changes) {
    auto const other = folder / "other", link = folder / "link";
    std::ofstream(other) << std::string(100'000, 'o');
    std::ofstream(file) << std::string(100'000, 'f');
    settle();
    auto const hash_of_file = sha256_of_file(file), hash_of_other = sha256_of_file(other);
    auto const identity_of_file = remembered_hash(file).identity, identity_of_other = remembered_hash(other).identity;
    fs::create_symlink(file, link);
    {
        std::jthread const flips([&](std::stop_token const& stop) {
            for (bool to_other = true; !stop.stop_requested(); to_other = !to_other) {
                auto const next = folder / "next";
                fs::create_symlink(to_other ? other : file, next);
                fs::rename(next, link);
            }
        });
        for (int i = 0; i < 300; ++i) {
            fs::remove_all(folder / "cache");
            auto const hashed = remembered_hash(link);
            BOOST_TEST_REQUIRE(hashed.identity == (hashed.sha256 == hash_of_file ? identity_of_file : identity_of_other));
            auto const again = remembered_hash(link);  // with a memo, perhaps of the other one
            BOOST_TEST_REQUIRE(again.sha256 == (again.identity == identity_of_file ? hash_of_file : hash_of_other));
        }
    }
}

BOOST_AUTO_TEST_CASE(complains_of_a_missing_file) {
    BOOST_CHECK_THROW(remembered_sha256(folder / "none"), InputError);
    BOOST_TEST(!settled_identity(folder).has_value());
}

BOOST_AUTO_TEST_SUITE_END()

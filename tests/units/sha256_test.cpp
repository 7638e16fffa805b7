#include "units/sha256.hpp"

#include <unistd.h>

#include <algorithm>
#include <boost/test/unit_test.hpp>
#include <filesystem>
#include <fstream>
#include <span>
#include <string>

#include "units/error.hpp"

using namespace skipstone;

namespace {

std::string hash_of(std::string const& text, std::size_t piece) {
    Sha256 stream;
    for (std::size_t begin = 0; begin < text.size(); begin += piece)
        stream.update(std::as_bytes(std::span(text).subspan(begin, std::min(piece, text.size() - begin))));
    return stream.finish();
}

}  // namespace

BOOST_AUTO_TEST_SUITE(sha256)

// FIPS 180-4 examples.
BOOST_AUTO_TEST_CASE(gives_the_digests_of_the_standard) {
    BOOST_TEST(hash_of("", 1) == "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
    BOOST_TEST(hash_of("abc", 3) == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    BOOST_TEST(hash_of("abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq", 5) ==
               "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1");
    BOOST_TEST(hash_of(std::string(1'000'000, 'a'), 999) ==
               "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0");
}

BOOST_AUTO_TEST_CASE(a_file_has_the_digest_of_its_bytes) {
    auto const path = std::filesystem::temp_directory_path() / ("skipstone_sha256_" + std::to_string(::getpid()));
    std::ofstream(path) << std::string(1'000'000, 'a');
    BOOST_TEST(sha256_of_file(path.string()) == "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0");
    std::filesystem::remove(path);
}

BOOST_AUTO_TEST_CASE(a_file_that_cannot_be_read_is_named) {
    BOOST_CHECK_EXCEPTION(sha256_of_file("no-such-file"), InputError, [](InputError const& error) {
        return std::string(error.what()) == "no-such-file: cannot be read (No such file or directory)";
    });
    BOOST_CHECK_THROW(sha256_of_file("."), InputError);
}

BOOST_AUTO_TEST_SUITE_END()

#include <boost/test/unit_test.hpp>
#include <memory>
#include <string>

#include "config/json_reader.hpp"
#include "config/profile_tables.hpp"
#include "config/profiles.hpp"
#include "config/toml_reader.hpp"
#include "networks/resnet.hpp"
#include "units/error.hpp"

// Files that want to hurt.
namespace skipstone::config {

namespace {

auto const origin = std::make_shared<Origin const>(Origin{"file", ""});

std::string repeated(std::string const& text, std::size_t times) {
    std::string all;
    for (std::size_t i = 0; i < times; ++i) all += text;
    return all;
}

template <class Read>
std::string refusal(Read const& read) {
    try {
        read();
    } catch (InputError const& error) {
        return error.what();
    }
    return "none";
}

bool is_too_deep(std::string const& text) {
    return refusal([&] { parse_toml(text, origin); }).find("a key has more than 32 dots") != std::string::npos;
}

}  // namespace

BOOST_AUTO_TEST_SUITE(hostile)

BOOST_AUTO_TEST_CASE(keys_of_a_million_parts_are_refused_before_the_stack_ends) {
    BOOST_TEST(is_too_deep(repeated("a.", 1'000'000) + "a = 1"));
    BOOST_TEST(is_too_deep("[" + repeated("\"a\" . ", 1'000'000) + "a]"));
    BOOST_TEST(is_too_deep("x = {" + repeated("'a'.", 1'000'000) + "a = 1}"));
    BOOST_TEST(is_too_deep("x = \"\"\"a\"\"\"\n" + repeated("a.", 100) + "a = 1"));
    BOOST_TEST(refusal([&] { parse_toml_value("{" + repeated("a.", 1'000'000) + "a = 1}", origin); }) != "none");
}

BOOST_AUTO_TEST_CASE(dots_elsewhere_are_no_depth) {
    auto const dots = repeated("a.", 100);
    for (auto const& text : {"x = \"" + dots + "\"", "x = '" + dots + "'", "x = \"\"\"\n" + dots + "\"\"\"",
                             "# " + dots + "\nx = 1", "x = \"\\\"" + dots + "\" # " + dots, "x = '''" + dots + "'''"})
        BOOST_TEST(refusal([&] { parse_toml(text, origin); }) == "none", text);
    BOOST_TEST(refusal([&] { parse_toml("x = [" + repeated("1.5, ", 100) + "]", origin); }) == "none");
}

BOOST_AUTO_TEST_CASE(a_file_without_an_end_is_refused) {
    BOOST_TEST(refusal([] { read_text_file("/dev/zero"); }) ==
               "/dev/zero: is too large; files of text have at most 64 MiB");
}

BOOST_AUTO_TEST_CASE(a_path_does_not_end_before_its_text) {
    std::string const path("/dev/null\0.toml", 15);
    BOOST_TEST(refusal([&] { find_file(path, "", "scenario"); }).find("there is no scenario") == 0U);
}

BOOST_AUTO_TEST_CASE(an_object_of_many_keys_is_read_in_time) {
    std::string text = "{";
    for (int i = 0; i < 300'000; ++i) text += "\"" + std::to_string(i) + "\":0,";
    BOOST_TEST(parse_json(text + "\"x\":0}", origin).keys.size() == 300'001U);
    BOOST_TEST(refusal([&] { parse_json(text + "\"7\":0}", origin); }) ==
               "file: 7: stands twice in one object; keep one");
}

BOOST_AUTO_TEST_CASE(a_network_whose_sums_overflow_is_refused) {
    NetworkProfile profile{.name = "huge",
                           .family = networks::resnet({.stages = {1000, 1000},
                                                       .width = 4096,
                                                       .expansion = 64,
                                                       .block = networks::BlockKind::basic,
                                                       .stem = networks::StemKind::cifar}),
                           .input = image_shape(64)};
    BOOST_TEST(refusal([&] { Network const network(profile); }).find("network huge: it is too large") == 0U);
    profile.input = image_shape(4096);
    BOOST_TEST(refusal([&] { Network const network(profile); }) ==
               "network huge: operator conv1: gives 4096 x 4096 x 4096, more than 2^31 - 1 elements");
}

BOOST_AUTO_TEST_CASE(a_device_with_more_than_can_be_counted_is_refused) {
    auto const text = [](std::string const& memory) {
        return "name = \"d\"\nmac_rate = \"1 MAC/s\"\nmemory = \"" + memory +
               "\"\nmacs_per_round = \"1 MAC\"\nbattery = \"1 J\"\npower = {compute = \"1 W\", transmit = \"1 W\"}";
    };
    auto const read = [&](std::string const& memory) {
        return refusal([&] {
            auto const value = parse_toml(text(memory), origin);
            read_device_profile(TableReader(value, ""));
        });
    };
    BOOST_TEST(read("9007199254740992 B") == "none");
    BOOST_TEST(read("9007199254740993 B") == "file:3: memory: is too large; the most there can be is 9007199254740992");
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace skipstone::config

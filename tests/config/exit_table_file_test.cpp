#include "config/exit_table_file.hpp"

#include <unistd.h>

#include <boost/test/unit_test.hpp>
#include <cmath>
#include <functional>

#include "hdf5/file.hpp"
#include "units/error.hpp"

using namespace skipstone;
using namespace skipstone::config;

namespace {

ExitTable small_table() {
    ExitTable table;
    table.network = "net";
    table.dataset = "data";
    table.weights_sha256 = std::string(64, 'a');
    table.exits = {"s1b1", "s2b1"};
    table.dropped = {"s1b2"};
    table.macs = {110, 230, 400};
    table.head_macs = {10, 20, 0};
    table.samples = 3;
    table.confidence = {0.5F, 0.7F, 0.9F, std::nanf(""), 1, 0, 0.25F, 0.125F, 1};
    table.predicted = {0, 1, 2, 2, 1, 0, 1, 1, 1};
    table.labels = {2, 1, 0};
    return table;
}

struct Folder {
    std::filesystem::path path =
        std::filesystem::temp_directory_path() / ("skipstone_exit_table_" + std::to_string(::getpid()));
    Folder() { std::filesystem::create_directories(path); }
    Folder(Folder const&) = delete;
    Folder& operator=(Folder const&) = delete;
    ~Folder() { std::filesystem::remove_all(path); }
};

// What reading says of the small table after that damage.
std::string complaint(std::function<void(hdf5::File&)> const& damage, ExitTable const& table = small_table()) {
    Folder const folder;
    auto const path = folder.path / "table.h5";
    write_exit_table(path, table, {});
    if (damage) {
        auto file = hdf5::File::open(path.string(), hdf5::Access::write);
        damage(file);
        file.close();
    }
    try {
        read_exit_table(path);
    } catch (InputError const& error) {
        return error.what();
    }
    return "";
}

void expect(std::string const& said, std::string const& part) {
    BOOST_TEST(said.find(part) != std::string::npos, "\"" << said << "\" lacks \"" << part << "\"");
}

}  // namespace

BOOST_AUTO_TEST_SUITE(exit_table_file)

BOOST_AUTO_TEST_CASE(a_table_comes_back_as_it_was_written) {
    Folder const folder;
    auto const path = folder.path / "table.h5";
    auto const table = small_table();
    write_exit_table(path, table, {"2026-12-01", "skipstone", "avx2", "w.h5", "b"});
    auto const back = read_exit_table(path);
    BOOST_TEST(back.network == table.network);
    BOOST_TEST(back.dataset == table.dataset);
    BOOST_TEST(back.weights_sha256 == table.weights_sha256);
    BOOST_TEST(back.exits == table.exits, boost::test_tools::per_element());
    BOOST_TEST(back.dropped == table.dropped, boost::test_tools::per_element());
    BOOST_TEST(back.macs == table.macs, boost::test_tools::per_element());
    BOOST_TEST(back.head_macs == table.head_macs, boost::test_tools::per_element());
    BOOST_TEST(back.predicted == table.predicted, boost::test_tools::per_element());
    BOOST_TEST(back.labels == table.labels, boost::test_tools::per_element());
    BOOST_REQUIRE(back.confidence.size() == table.confidence.size());
    for (std::size_t i = 0; i < back.confidence.size(); ++i)
        BOOST_TEST((back.confidence[i] == table.confidence[i] ||
                    (std::isnan(back.confidence[i]) && std::isnan(table.confidence[i]))));
    BOOST_TEST(hdf5::File::open(path.string(), hdf5::Access::read).read_string("instruction_set") == "avx2");
}

BOOST_AUTO_TEST_CASE(what_contradicts_itself_is_refused) {
    BOOST_TEST(complaint({}) == "");
    expect(complaint([](auto& file) { file.write_string("format", "skipstone-trace"); }), "is a trace");
    expect(complaint([](auto& file) { file.write_integer("format_version", 7); }), "version 1");
    expect(complaint([](auto& file) { file.write_strings("outcomes", {"s1b1", "s2b1"}); }), "\"end\" last");
    expect(complaint([](auto& file) { file.write_strings("outcomes", {"s1b1", "s1b1", "end"}); }), "names s1b1 twice");
    expect(complaint([](auto& file) { file.write_strings("outcomes", {"s1b1", "end"}); }), "macs: has 3 values for 2");
    expect(complaint([](auto& file) {
               file.write_doubles("macs", std::vector<double>{110, 100, 400});
           }),
           "less than what comes before");
    expect(complaint([](auto& file) {
               file.write_doubles("macs", std::vector<double>{110, NAN, 400});
           }),
           "no number of MACs");
    expect(complaint([](auto& file) {
               file.write_doubles("head_macs", std::vector<double>{10, 20, 5});
           }),
           "the end has no head");
    expect(complaint([](auto& file) {
               file.dataset("predicted").write_integers(1, std::vector<std::int32_t>{0, -1, 0});
           }),
           "a class below 0");
    expect(complaint([](auto& file) { file.dataset("labels").write_integers(2, std::vector<std::int32_t>{-5}); }),
           "labels: has a class below 0");
    expect(complaint([](auto& file) {
               file.dataset("confidence").write_floats(2, std::vector<float>{0, 1.5F, 0});
           }),
           "outside 0 … 1 in row 2");
    expect(complaint([](auto& file) { file.write_strings("dropped", {"a", "a"}); }), "names a twice");
}

BOOST_AUTO_TEST_SUITE_END()

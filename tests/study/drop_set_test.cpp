#include "study/drop_set.hpp"

#include <boost/test/unit_test.hpp>
#include <fstream>

#include "tests/drawn_network.hpp"
#include "tests/network_profiles.hpp"
#include "tests/study/support.hpp"
#include "units/error.hpp"

namespace skipstone::study {

namespace {

Network const resnet50(test::resnet50());
std::vector<BlockMode> const both{BlockMode::skip, BlockMode::direct};

DropSet set_of(Network const& network, std::vector<std::string> const& names, BlockMode mode = BlockMode::skip) {
    DropSet set{{}, mode};
    for (auto const& name : names) set.dropped.push_back(*network.find(name));
    return set;
}

std::string error_of(std::string const& text) {
    Folder const folder;
    auto const file = folder.write("drops.toml", text);
    try {
        read_drops_file(file, resnet50);
    } catch (InputError const& error) {
        return std::string(error.what()).substr(file.size());
    }
    return "none";
}

}  // namespace

BOOST_AUTO_TEST_SUITE(drop_sets)

BOOST_AUTO_TEST_CASE(singles_are_the_baseline_and_every_residual_block_in_every_mode) {
    auto const singles = single_drops(resnet50, both);
    BOOST_TEST(singles.sets.size() == 1U + 16 + 16);
    BOOST_CHECK(singles.sets.front() == DropSet{});
    BOOST_CHECK(singles.sets[1] == set_of(resnet50, {"s2b1"}));
    BOOST_CHECK(singles.sets.back() == set_of(resnet50, {"s5b3"}, BlockMode::direct));
    BOOST_TEST(single_drops(resnet50, {BlockMode::direct}).sets.size() == 1U + 16);
}

BOOST_AUTO_TEST_CASE(blocks_that_cannot_run_in_a_mode_are_listed_with_the_reason) {
    auto const not_run = single_drops(resnet50, both).not_run;
    BOOST_TEST(not_run.size() == 4U);
    BOOST_TEST(not_run[0].block == "stem");
    BOOST_TEST(
        not_run[0].reason ==
        "it has no skip connection, and its input (224 x 224 x 3) does not fit in place of its output (56 x 56 x 64)");
    BOOST_TEST(not_run[3].block == "head");
    BOOST_TEST(not_run[3].reason == "it has no skip connection that could be dropped");
    Network const plain(test::drawn(
        "plain", {1, 8, 8, 4}, [](Graph::Builder& graph) { return test::convolved(graph, "conv", TensorId(0), 4); }));
    BOOST_TEST(single_drops(plain, both).not_run.front().reason == "it has no skip connection");
}

BOOST_AUTO_TEST_CASE(pairs_are_of_identity_blocks) {
    auto const pairs = pair_drops(resnet50, both);
    BOOST_TEST(pairs.sets.size() == 33U + 66);
    BOOST_CHECK(pairs.sets[33] == set_of(resnet50, {"s2b2", "s2b3"}));
    for (std::size_t i = 33; i < pairs.sets.size(); ++i)
        for (auto const block : pairs.sets[i].dropped) BOOST_CHECK(resnet50.block(block).has_identity_shortcut());
}

BOOST_AUTO_TEST_CASE(gains_are_those_of_table_ii) {
    BOOST_TEST(memory_gain(set_of(resnet50, {"s2b2", "s4b3"}), resnet50).value() == 4'816'896 + 1'204'224);
    BOOST_TEST(computation_gain(set_of(resnet50, {"s2b2", "s4b3"}), resnet50).value() == 2 * 218'365'952);
    BOOST_TEST(computation_gain(DropSet{}, resnet50).value() == 0);
}

BOOST_AUTO_TEST_CASE(a_block_with_a_projection_keeps_it_in_skip_and_loses_it_in_direct) {
    auto const& block = resnet50.block(*resnet50.find("s3b1"));
    auto const skip = set_of(resnet50, {"s3b1"}), direct = set_of(resnet50, {"s3b1"}, BlockMode::direct);
    BOOST_TEST(computation_gain(direct, resnet50).value() == block.skip_macs.value());
    BOOST_TEST((computation_gain(skip, resnet50) + computation_gain(direct, resnet50)).value() == block.macs.value());
    BOOST_TEST((memory_gain(skip, resnet50) + memory_gain(direct, resnet50)).value() == block.memory_bytes.value());
}

BOOST_AUTO_TEST_CASE(an_accuracy_table_is_a_drops_file) {
    auto const table = read_drops_file(SKIPSTONE_SOURCE_DIR "/profiles/accuracy/khan2023-table2.toml", resnet50);
    BOOST_TEST(table.sets.size() == 20U);  // 22 rows, of which two sets stand twice
    BOOST_CHECK(table.sets.front() == DropSet{});
}

BOOST_AUTO_TEST_CASE(a_drops_file_gets_the_baseline_and_each_set_once_in_any_order_of_its_blocks) {
    Folder const folder;
    auto const sets = read_drops_file(folder.write("drops.toml",
                                                   "[[row]]\ndropped = [\"s5b2\", \"s4b3\"]\n"
                                                   "[[row]]\ndropped = [\"s4b3\", \"s5b2\"]\n"
                                                   "[[row]]\ndropped = [\"s4b3\", \"s5b2\"]\nmode = \"direct\"\n"),
                                      resnet50)
                          .sets;
    BOOST_TEST(sets.size() == 3U);
    BOOST_CHECK(sets[1] == set_of(resnet50, {"s4b3", "s5b2"}));
    BOOST_CHECK(sets[2] == set_of(resnet50, {"s4b3", "s5b2"}, BlockMode::direct));
}

BOOST_AUTO_TEST_CASE(what_is_wrong_with_a_drops_file_is_said_with_its_line) {
    BOOST_TEST(error_of("[[row]]\ndropped = []\n[[row]]\ndropped = [\"s4b7\"]\n") ==
               ":4: row[1].dropped: there is no block \"s4b7\" in resnet50; the nearest is \"s4b1\"");
    BOOST_TEST(error_of("[[row]]\ndropped = [\"stem\"]\n")
                   .starts_with(":2: row[0].dropped: block \"stem\" cannot be dropped: it has no skip connection"));
    BOOST_TEST(error_of("[[row]]\ndropped = [\"s4b2\", \"s4b2\"]\n") ==
               ":2: row[0].dropped: names block \"s4b2\" twice");
    BOOST_TEST(error_of("[[row]]\ndropped = [\"s4b2\"]\nmode = \"full\"\n").starts_with(":3: row[0].mode: "));
    BOOST_TEST(error_of("[[row]]\naccuracy = 0.5\n").starts_with(":1: row[0].dropped: is missing"));
    BOOST_TEST(error_of("dropped = []\n").starts_with(":1: row: is missing"));
    BOOST_TEST(error_of("network = \"resnet101\"\n[[row]]\ndropped = []\n") ==
               ":1: network: is \"resnet101\"; the network here is resnet50");
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace skipstone::study

#include "config/profiles.hpp"

#include <boost/test/unit_test.hpp>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <map>
#include <optional>
#include <set>

#include "config/file_kind.hpp"
#include "config/toml_reader.hpp"
#include "networks/resnet.hpp"
#include "support.hpp"

using namespace skipstone;
using namespace skipstone::config;
using namespace skipstone::config::test;

BOOST_AUTO_TEST_SUITE(profiles)

std::filesystem::path const root = std::filesystem::path(SKIPSTONE_SOURCE_DIR) / "profiles";

BOOST_AUTO_TEST_CASE(every_network_is_there_and_loads) {
    std::vector<std::string> const expected{"alexnet",
                                            "alexnet-2014",
                                            "all-cnn-c",
                                            "cnn-m-2048",
                                            "ds-cnn",
                                            "ds_cnn_kws_float32",
                                            "ecg_acharya_odai",
                                            "hadidi-action-classifier",
                                            "hadidi-action-spatial",
                                            "hadidi-action-temporal",
                                            "hadidi-alexnet",
                                            "hadidi-vgg16",
                                            "lenet-5",
                                            "mobilenet-v1",
                                            "mobilenet-v2",
                                            "resnet101",
                                            "resnet110-cifar",
                                            "resnet152",
                                            "resnet20-cifar",
                                            "resnet32-cifar",
                                            "resnet44-cifar",
                                            "resnet50",
                                            "resnet50-v1.5",
                                            "resnet56-cifar",
                                            "vgg11",
                                            "vgg13",
                                            "vgg16",
                                            "vgg19",
                                            "xception"};
    auto const names = profile_names(ProfileKind::network, shipped());
    BOOST_TEST(names == expected, boost::test_tools::per_element());
    for (auto const& name : names) BOOST_TEST(Network(load_network_profile(name, shipped())).name() == name);
}

BOOST_AUTO_TEST_CASE(every_residual_network_has_the_right_depth) {
    std::map<std::string, std::pair<int, int>> const expected{
        // layers, blocks with stem and head
        {"resnet50", {50, 18}},       {"resnet50-v1.5", {50, 18}},  {"resnet101", {101, 35}},
        {"resnet152", {152, 52}},     {"resnet20-cifar", {20, 11}}, {"resnet32-cifar", {32, 17}},
        {"resnet44-cifar", {44, 23}}, {"resnet56-cifar", {56, 29}}, {"resnet110-cifar", {110, 56}}};
    for (auto const& [name, counts] : expected) {
        Network const network(load_network_profile(name, shipped()));
        BOOST_TEST(network.name() == name);
        int layers = 0;
        for (auto const& op : network.graph().operators())
            layers += op.is_weighted() && op.name.find("downsample") == std::string::npos;
        BOOST_TEST(layers == counts.first, name);
        BOOST_TEST(static_cast<int>(network.size()) == counts.second, name);
        BOOST_TEST(network.classes() == 10);
        auto const& shape = *networks::as_resnet(*network.profile().family);
        BOOST_TEST((shape.variant == (name == "resnet50-v1.5" ? networks::Variant::v1_5 : networks::Variant::v1)));
        bool const cifar = name.ends_with("-cifar");
        BOOST_TEST(network.input_shape().h == (cifar ? 32 : 224));
        BOOST_TEST((shape.stem == (cifar ? networks::StemKind::cifar : networks::StemKind::imagenet)));
        BOOST_TEST((shape.shortcut == (cifar ? networks::ShortcutKind::zero_pad : networks::ShortcutKind::projection)));
    }
}

BOOST_AUTO_TEST_CASE(every_device_and_link_is_there_and_named_after_its_file) {
    std::vector<std::string> const devices{"esp32",
                                           "jetson-nano",
                                           "khan2023-high",
                                           "khan2023-low",
                                           "nrf52840",
                                           "nucleo-h7a3zi",
                                           "nucleo-l4r5zi",
                                           "raspberry-pi-3-keras-action",
                                           "raspberry-pi-3-keras-alexnet",
                                           "raspberry-pi-3-keras-vgg16",
                                           "raspberry-pi-3b-plus",
                                           "raspberry-pi-4b",
                                           "raspberry-pi-5"};
    BOOST_TEST(profile_names(ProfileKind::device, shipped()) == devices, boost::test_tools::per_element());
    for (auto const& name : devices) {
        Device const device = load_device_profile(name, shipped());
        BOOST_TEST(device.name == name);
        BOOST_TEST(device.profile == name);
        BOOST_TEST(device.power.compute.value() > device.power.idle.value());
        BOOST_TEST(device.power.transmit.value() > device.power.idle.value());
        BOOST_TEST(device.battery.value() > 0);
    }
    BOOST_TEST(load_device_profile("raspberry-pi-3b-plus", shipped()).mac_rate.value() == 3.856e9 / 0.58742,
               boost::test_tools::tolerance(1e-3));
    BOOST_TEST(load_device_profile("raspberry-pi-4b", shipped()).mac_rate.value() == 3.856e9 / 0.26283,
               boost::test_tools::tolerance(1e-3));
    BOOST_TEST(profile_names(ProfileKind::link, shipped()).size() == 11U);
    double const rates[] = {7.2e6, 14.4e6, 21.7e6, 28.9e6, 43.3e6, 57.8e6, 65e6, 72.2e6};
    for (int mcs = 0; mcs < 8; ++mcs) {
        LinkModel const links = load_link_profile("ieee80211n-mcs" + std::to_string(mcs), shipped());
        BOOST_TEST(links.profile == "ieee80211n-mcs" + std::to_string(mcs));
        BOOST_TEST(links.min.value() == rates[mcs]);
        BOOST_TEST(links.max.value() == rates[mcs]);
        BOOST_TEST(links.efficiency > 0.8);
        BOOST_TEST(links.efficiency < 1);
    }
    LinkModel const paper = load_link_profile("khan2023", shipped());
    BOOST_TEST(paper.min.value() == 7.2e6);
    BOOST_TEST(paper.max.value() == 72.2e6);
    BOOST_TEST(paper.efficiency == 1.0);
}

BOOST_AUTO_TEST_CASE(every_accuracy_table_loads_and_can_be_planned_with) {
    for (auto const& name : profile_names(ProfileKind::accuracy, shipped())) {
        AccuracyTable const table = load_accuracy_table(name, shipped());
        BOOST_TEST(table.name == name);
        BOOST_TEST(!table.source.empty());
        for (auto const& row : table.rows)
            if (row.correct)
                BOOST_TEST(row.accuracy == static_cast<double>(*row.correct) / static_cast<double>(table.samples));
            else
                BOOST_TEST(table.samples == 10000);
        Network const network(load_network_profile(table.network, shipped()));
        BOOST_TEST(drop_options(table, network).front().dropped.empty());
    }
    BOOST_TEST(load_accuracy_table("resnet20-cifar-published", shipped()).rows[0].accuracy == 0.9173);
    BOOST_TEST(load_accuracy_table("resnet56-cifar-published", shipped()).rows[0].accuracy == 0.9339);
    BOOST_TEST(load_accuracy_table("resnet50-cifar10-skipstone", shipped()).rows[0].accuracy == 0.931);
    BOOST_TEST(load_accuracy_table("khan2023-table1", shipped()).rows.size() == 1U + 30 + 29 + 29);
    BOOST_TEST(load_accuracy_table("khan2023-table2", shipped()).rows.size() == 22U);
}

BOOST_AUTO_TEST_CASE(every_shipped_file_says_where_its_numbers_come_from) {
    for (auto const& folder : {"networks", "devices", "links", "accuracy"})
        for (auto const& entry : std::filesystem::directory_iterator(root / folder)) {
            Value const table = read_toml_file(entry.path());
            Value const* source = table.find("source");
            BOOST_TEST((source && source->text.size() > 20), entry.path());
        }
}

BOOST_AUTO_TEST_CASE(where_table_ii_lists_a_set_twice_planning_uses_the_lower_accuracy) {
    Network const network(load_network_profile("resnet50", shipped()));
    auto const options = drop_options(load_accuracy_table("khan2023-table2", shipped()), network);
    BOOST_TEST(options.size() == 20U);
    auto const accuracy_of = [&](std::vector<std::string> const& names) {
        std::vector<BlockId> blocks;
        for (auto const& name : names) blocks.push_back(*network.find(name));
        for (auto const& option : options)
            if (option.dropped == blocks) return option.accuracy;
        return 0.0;
    };
    BOOST_TEST(accuracy_of({"s4b6", "s5b2"}) == 0.8228);
    BOOST_TEST(accuracy_of({"s2b3", "s5b3"}) == 0.8122);
    BOOST_TEST(accuracy_of({"s3b3"}) == 0.8911);
    BOOST_TEST(accuracy_of({"s2b3"}) == 0.8523);
}

// Memory to the printed two places, computation to the last digit; what is known to be misprinted is listed with what
// it should read.
BOOST_AUTO_TEST_CASE(the_gains_of_table_ii_follow_from_the_network) {
    Network const network(load_network_profile("resnet50", shipped()));
    Value const table = read_toml_file(root / "accuracy/khan2023-table2.toml");
    Value const& rows = *table.find("row");
    BOOST_REQUIRE_EQUAL(rows.items.size(), 22U);
    std::map<std::string, double> const memory_misprints{{"Stage 4: block 2 and Stage 5: block 3", 1.81}};
    std::map<std::string, std::int64_t> const macs_misprints{{"Stage 5: block 2 and block 3", 436'731'904}};
    for (std::size_t i = 1; i < rows.items.size(); ++i) {
        Value const& row = rows.items[i];
        double memory = 0;
        std::int64_t macs = 0;
        for (Value const& name : row.find("dropped")->items) {
            Block const& block = network.block(network.find(name.text).value());
            memory += static_cast<double>(block.memory_bytes.value()) * 1e-6;
            macs += block.macs.value();
        }
        std::string const printed = row.find("printed")->text;
        auto const memory_fix = memory_misprints.find(printed);
        auto const macs_fix = macs_misprints.find(printed);
        double const expected =
            memory_fix != memory_misprints.end() ? memory_fix->second : row.find("printed_memory_mb")->real;
        BOOST_TEST(std::round(memory * 100) == std::round(expected * 100), printed << ": " << memory);
        BOOST_TEST(
            macs == (macs_fix != macs_misprints.end() ? macs_fix->second : row.find("printed_computation")->integer),
            printed);
        bool const misprint = memory_fix != memory_misprints.end() || macs_fix != macs_misprints.end();
        if (misprint) BOOST_TEST(row.find("remark")->text.starts_with("misprint"), printed);
    }
}

BOOST_AUTO_TEST_CASE(a_device_profile_text_loads_as_the_same_device) {
    Device device = load_device_profile("raspberry-pi-4b", shipped());
    device.name = device.profile = "this \"host\"";
    device.speedup = {{Precision::int8, 1.0 / 3}, {Precision::bfloat16, 2}};
    device.compute_seconds = {{"stem", Seconds(0.1)}, {"s2b1", Seconds(1.0 / 3)}, {"odd name", Seconds(1e-7)}};
    Folder const folder("device");
    auto const file = folder.write("d.toml", device_profile_text(device, "measured"));
    Device const again = load_device_profile(file.string(), shipped());
    BOOST_TEST(again.name == device.name);
    BOOST_TEST(again.mac_rate.value() == device.mac_rate.value());
    BOOST_TEST(again.memory.value() == device.memory.value());
    BOOST_TEST(again.macs_per_round.value() == device.macs_per_round.value());
    BOOST_TEST(again.battery.value() == device.battery.value());
    BOOST_TEST(again.power.compute.value() == device.power.compute.value());
    BOOST_TEST(again.power.transmit.value() == device.power.transmit.value());
    BOOST_TEST(again.power.receive.value() == device.power.receive.value());
    BOOST_TEST(again.power.idle.value() == device.power.idle.value());
    BOOST_TEST((again.compute_seconds == device.compute_seconds));
    BOOST_TEST((again.speedup == device.speedup));
}

BOOST_AUTO_TEST_CASE(an_accuracy_table_text_loads_as_the_same_table) {
    AccuracyTable table = load_accuracy_table("khan2023-table1", shipped());
    table.weights_sha256 = "abc";
    Folder const folder("accuracy");
    auto const text = accuracy_table_text(table, {"2024-01-01",
                                                  "w.h5",
                                                  "skipstone 0.1.0",
                                                  "a \"remark\"",
                                                  "direct",
                                                  96,
                                                  {"cat", "dog"},
                                                  {"stem", "a.conv1", "head"},
                                                  {1, 2, 2}});
    BOOST_TEST(text.find("\nblocks = [\"stem\", \"a.conv1\", \"head\"]\nstages = [1, 2, 2]\n") != std::string::npos);
    auto const file = folder.write("t.toml", text);
    AccuracyTable const again = load_accuracy_table(file.string(), shipped());
    BOOST_TEST(again.network == table.network);
    BOOST_TEST(again.dataset == table.dataset);
    BOOST_TEST(again.samples == table.samples);
    BOOST_TEST(again.source == table.source);
    BOOST_TEST(again.weights_sha256 == "abc");
    BOOST_REQUIRE_EQUAL(again.rows.size(), table.rows.size());
    for (std::size_t i = 0; i < table.rows.size(); ++i) {
        BOOST_TEST(again.rows[i].dropped == table.rows[i].dropped, boost::test_tools::per_element());
        BOOST_TEST((again.rows[i].mode == table.rows[i].mode));
        BOOST_TEST(again.rows[i].accuracy == table.rows[i].accuracy);
        BOOST_TEST(again.rows[i].source == table.rows[i].source);
    }
}

BOOST_AUTO_TEST_CASE(what_a_study_says_of_a_row_is_kept) {
    AccuracyTable const table = load_accuracy_table("resnet50-cifar10-skipstone", shipped());
    Folder const folder("measured");
    auto const again = load_accuracy_table(folder.write("t.toml", accuracy_table_text(table)).string(), shipped());
    BOOST_REQUIRE_EQUAL(again.rows.size(), table.rows.size());
    for (std::size_t i = 0; i < table.rows.size(); ++i) {
        auto const &row = again.rows[i], &expected = table.rows[i];
        BOOST_TEST((row.correct == expected.correct && row.correct > 0));
        BOOST_TEST((row.samples == expected.samples && row.samples == 10000));
        BOOST_TEST((row.confidence->low == expected.confidence->low && row.confidence->low < row.accuracy));
        BOOST_TEST((row.confidence->high == expected.confidence->high && row.confidence->high > row.accuracy));
        BOOST_TEST((row.memory_gain == expected.memory_gain && row.computation_gain == expected.computation_gain));
    }
}

BOOST_AUTO_TEST_CASE(bad_profiles_say_what_is_wrong) {
    Folder const folder("bad");
    std::string const accuracy = "format = \"skipstone-accuracy\"\nversion = 1\nnetwork = \"resnet50\"\n";
    struct {
        ProfileKind kind;
        std::string text;
        char const* expected;
    } const cases[] = {
        {ProfileKind::network, "name = \"n\"\nstages = [3]\nblok = \"basic\"\n",
         ":3: blok: unknown key; the nearest known one is \"block\""},
        {ProfileKind::network, "name = \"n\"\nstages = [3]\nblock = \"basic\"\nstag = 1\n",
         ":4: stag: unknown key; the nearest known one is \"stages\""},
        {ProfileKind::network, "name = \"n\"\nstages = []\nblock = \"basic\"\n",
         "network n: stages must list 1 to 8 stages"},
        {ProfileKind::network, "name = \"n\"\nstages = [0]\nblock = \"basic\"\n",
         ":2: stages[0]: is 0; it must be a whole number from 1 to 1000"},
        {ProfileKind::network, "stages = [1]\nblock = \"basic\"\n", "name: is missing"},
        {ProfileKind::device, "name = \"d\"\nmac_rate = 5\n",
         ":2: mac_rate: 5 has no unit; an arithmetic rate is a number and one of MAC/s, kMAC/s, MMAC/s, GMAC/s, "
         "TMAC/s, such as \"1.4 GMAC/s\""},
        {ProfileKind::device, "name = \"d\"\nmac_rate = \"5 GFLOPS\"\n",
         "mac_rate: \"5 GFLOPS\" has the unknown unit \"GFLOPS\""},
        {ProfileKind::device,
         "name = \"d\"\nmac_rate = \"5 MAC/s\"\nmemory = \"1 B\"\nmacs_per_round = \"1 MAC\"\nbattery = \"1 J\"\npower "
         "= {compute = \"1 W\"}\n",
         ":6: power.transmit: is missing"},
        {ProfileKind::link, "name = \"l\"\nmin = \"1 Mbit/s\"\n", "max: is missing"},
        {ProfileKind::link, "name = \"\"\n", ":1: name: is empty"},
        {ProfileKind::accuracy, accuracy, "row: is missing"},
        {ProfileKind::accuracy, accuracy + "[[row]]\ndropped = [\"s5b2\"]\naccuracy = 0.5\n",
         ":4: row: the first row must be the network with nothing dropped; write dropped = [] and its accuracy"},
        {ProfileKind::accuracy, accuracy + "[[row]]\ndropped = []\naccuracy = nan\n", "row[0].accuracy: is nan"},
        {ProfileKind::accuracy, accuracy + "[[row]]\ndropped = []\n", "row[0].accuracy: is missing"},
        {ProfileKind::accuracy, accuracy + "[[row]]\ndropped = []\naccuracy = 0.5\nacuracy = 1\n",
         ":7: row[0].acuracy: unknown key; the nearest known one is \"row[0].accuracy\""},
        {ProfileKind::accuracy,
         accuracy + "[[row]]\ndropped = []\naccuracy = 0.5\n[[row]]\ndropped = [\"a\", \"a\"]\naccuracy = 0.1\n",
         "row[1].dropped: names block \"a\" twice"},
        {ProfileKind::accuracy, accuracy + "[[row]]\ndropped = []\naccuracy = 0.5\nmode = \"full\"\n",
         "write \"skip\" or \"direct\""},
        {ProfileKind::accuracy, accuracy + "[[row]]\ndropped = []\naccuracy = 0.5\ncorrect = 6\nsamples = 5\n",
         "row[0].correct: is 6; it must be a whole number from 0 to 5"},
        {ProfileKind::accuracy, accuracy + "[[row]]\ndropped = []\naccuracy = 0.5\nconfidence = [0.6, 0.4]\n",
         "row[0].confidence: is 0.4; it must be"},
        {ProfileKind::accuracy, accuracy + "[[row]]\ndropped = []\naccuracy = 0.5\nconfidence = [0.6]\n",
         "row[0].confidence: must be the two ends of an interval"},
        {ProfileKind::accuracy, "version = 1\n", "format: is missing"},
    };
    for (auto const& [kind, text, expected] : cases) {
        std::string const file = folder.write("f.toml", text).string();
        std::string const message = message_of([&] {
            switch (kind) {
                case ProfileKind::network:
                    load_network_profile(file, {});
                    break;
                case ProfileKind::device:
                    load_device_profile(file, {});
                    break;
                case ProfileKind::link:
                    load_link_profile(file, {});
                    break;
                default:
                    load_accuracy_table(file, {});
                    break;
            }
        });
        check_contains(message, expected);
        check_contains(message, "f.toml");
    }
}

BOOST_AUTO_TEST_CASE(profile_folders_are_found_beside_and_above_the_executable) {
    Folder const folder("folders");
    std::filesystem::create_directories(folder.path() / "usr/share/skipstone/profiles/networks");
    std::filesystem::create_directories(folder.path() / "checkout/profiles/scenarios");
    std::filesystem::create_directories(folder.path() / "own/networks");
    ::unsetenv("SKIPSTONE_PROFILES");
    auto const installed = default_profile_folders(folder.path() / "usr/bin/skipstone");
    BOOST_TEST(installed.roots.front() == folder.path() / "usr/share/skipstone/profiles");
    auto const built = default_profile_folders(folder.path() / "checkout/build/release/skipstone");
    BOOST_TEST(built.roots.front() == folder.path() / "checkout/profiles");
    ::setenv("SKIPSTONE_PROFILES", ("/nowhere:" + (folder.path() / "own").string() + ":").c_str(), 1);
    auto const chosen = default_profile_folders(folder.path() / "usr/bin/skipstone");
    ::unsetenv("SKIPSTONE_PROFILES");
    BOOST_TEST(chosen.roots.front() == folder.path() / "own");
    BOOST_TEST(default_profile_folders("skipstone").roots.size() >= 1U);
}

BOOST_AUTO_TEST_CASE(files_are_told_apart) {
    Folder const folder("kinds");
    BOOST_TEST((identify(root / "scenarios/khan2023.toml") == FileKind::scenario));
    BOOST_TEST((identify(root / "networks/resnet50.toml") == FileKind::network_profile));
    BOOST_TEST((identify(root / "devices/esp32.toml") == FileKind::device_profile));
    BOOST_TEST((identify(root / "links/khan2023.toml") == FileKind::link_profile));
    BOOST_TEST((identify(root / "links/ieee80211n-mcs0.toml") == FileKind::link_profile));
    BOOST_TEST((identify(root / "accuracy/khan2023-table1.toml") == FileKind::accuracy_table));
    std::string const signature = "\x89HDF\r\n\x1a\n";
    BOOST_TEST((identify(folder.write("a.h5", signature + "rest")) == FileKind::hdf5));
    BOOST_TEST((identify(folder.write("b.h5", std::string(1024, '\0') + signature)) == FileKind::hdf5));
    BOOST_TEST((identify(folder.write("i.json", "{\"format\": \"skipstone-instance\"}")) == FileKind::instance));
    BOOST_TEST((identify(folder.write("i", "{\"format\": \"skipstone-instance\"}")) == FileKind::instance));
    BOOST_TEST((identify(folder.write("cut.json", "{\"format\": ")) == FileKind::instance));
    BOOST_TEST((identify(folder.write("cut.toml", "[network")) == FileKind::scenario));
    BOOST_TEST(
        (identify(folder.write("typo.toml", "name = \"x\"\nmac_rat = 3\nmemory = 2\n")) == FileKind::device_profile));
    BOOST_TEST((identify(folder.write("notes.txt", "hello\n")) == FileKind::unknown));
    BOOST_TEST((identify(folder.write("empty", "")) == FileKind::empty));
    check_contains(message_of([&] { identify(folder.path() / "none"); }), "there is no such file");
    check_contains(message_of([&] { identify(folder.path()); }), "is a folder");
}

BOOST_AUTO_TEST_SUITE_END()

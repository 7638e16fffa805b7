#include "config/scenario_file.hpp"

#include <boost/test/unit_test.hpp>
#include <cmath>
#include <filesystem>
#include <memory>

#include "config/toml_reader.hpp"
#include "config/units_text.hpp"
#include "networks/resnet.hpp"
#include "support.hpp"
#include "units/random.hpp"

using namespace skipstone;
using namespace skipstone::config;
using namespace skipstone::config::test;

BOOST_AUTO_TEST_SUITE(scenario_file)

BOOST_AUTO_TEST_CASE(a_short_scenario_gets_the_documented_defaults) {
    Scenario const s = parsed(scenario_with());
    BOOST_TEST(s.file == "test.toml");
    BOOST_TEST(s.seed == 1U);
    BOOST_TEST(s.network.profile.name == "resnet50");
    BOOST_TEST((networks::as_resnet(*s.network.profile.family)->variant == networks::Variant::v1));
    BOOST_TEST(!s.network.input.has_value());
    BOOST_TEST(!s.network.classes.has_value());
    BOOST_TEST(!s.network.weights.has_value());
    BOOST_TEST((s.network.profile.precision == Precision::float32));
    BOOST_TEST(s.accuracy.name == "khan2023-table2");
    BOOST_TEST(s.requests.rate == 3.0);
    BOOST_TEST(!s.requests.count.has_value());
    BOOST_TEST((s.requests.arrivals == Arrivals::batch));
    BOOST_TEST(s.requests.source == "any");
    BOOST_TEST((s.requests.on_reject == OnReject::drop));
    BOOST_TEST(s.rounds.count == 20);
    BOOST_TEST(s.rounds.period.value() == 0.0);
    BOOST_TEST(s.objective.alpha == 0.7);
    BOOST_TEST(s.objective.beta == 0.3);
    BOOST_TEST(s.objective.accuracy_threshold == 0.8);
    BOOST_TEST((s.objective.latency_reference == LatencyReference::compute));
    BOOST_TEST((s.objective.residual == Residual::fused));
    BOOST_TEST((s.objective.memory == MemoryModel::paper));
    BOOST_TEST(s.planner.name == default_planner(Goal::latency));
    BOOST_TEST(s.planner.gap == 0.001);
    BOOST_TEST(!s.planner.charge);
    BOOST_TEST(s.faults.none());
    BOOST_TEST((s.emulation.clock == ClockKind::wall));
    BOOST_TEST(!s.emulation.dilation.has_value());
    BOOST_TEST(s.emulation.kernels);
}

BOOST_AUTO_TEST_CASE(the_seed_and_the_network_reach_the_scenario) {
    BOOST_TEST(parsed("seed = 77\n" + scenario_with()).seed == 77U);
    auto const other = parsed(scenario_with("network", "profile = \"resnet50\"\nvariant = \"v1.5\""));
    BOOST_TEST((networks::as_resnet(*other.network.profile.family)->variant == networks::Variant::v1_5));
    BOOST_TEST(parsed(scenario_with("network", "profile = \"resnet50\"\ninput = 96")).network.input.value() == 96);
    BOOST_TEST(parsed(scenario_with("network", "profile = \"resnet50\"\nclasses = 7")).network.classes.value() == 7);
    BOOST_TEST((parsed(scenario_with("network", "profile = \"resnet50\"\nprecision = \"bfloat16\""))
                    .network.profile.precision == Precision::bfloat16));
    Scenario const inline_profile = parsed(scenario_with(
        "network", "[network.profile]\nname = \"resnet50\"\nstages = [3, 4, 6, 3]\nblock = \"bottleneck\"\nwidth = 8"));
    BOOST_TEST(networks::as_resnet(*inline_profile.network.profile.family)->width == 8);
}

BOOST_AUTO_TEST_CASE(weights_are_found_beside_the_scenario_first) {
    Folder const folder("weights");
    folder.write("w.h5", "x");
    auto const file = folder.write("s.toml", scenario_with("network", "profile = \"resnet50\"\nweights = \"w.h5\""));
    BOOST_TEST(load_scenario(file.string(), {}, shipped()).network.weights.value() ==
               (folder.path() / "w.h5").string());
}

BOOST_AUTO_TEST_CASE(profiles_are_found_by_path_beside_the_scenario) {
    Folder const folder("paths");
    folder.write("own/link.toml", "name = \"own\"\nmodel = \"fixed\"\nrate = \"1 Mbit/s\"\n");
    auto const file = folder.write("s.toml", scenario_with("links", "profile = \"own/link.toml\""));
    Scenario const s = load_scenario(file.string(), {}, shipped());
    BOOST_TEST(s.links.profile == "own");
    BOOST_TEST(s.links.min.value() == 1e6);
}

BOOST_AUTO_TEST_CASE(an_accuracy_table_reaches_the_scenario_by_name_and_inline) {
    Scenario const named = parsed(scenario_with("accuracy", "table = \"khan2023-table1\""));
    BOOST_TEST(named.accuracy.name == "khan2023-table1");
    Scenario const written = parsed(scenario_with("accuracy", R"([accuracy.table]
format = "skipstone-accuracy"
version = 1
network = "resnet50"
row = [{dropped = [], accuracy = 0.9}, {dropped = ["s5b2"], accuracy = 0.8, source = "here"}])"));
    BOOST_TEST(written.accuracy.rows.size() == 2U);
    BOOST_TEST(written.accuracy.rows[1].dropped.front() == "s5b2");
    BOOST_TEST(written.accuracy.rows[1].accuracy == 0.8);
    BOOST_TEST(written.accuracy.rows[1].source == "here");
}

BOOST_AUTO_TEST_CASE(devices_get_unique_names) {
    Scenario const s = parsed(scenario_with("fleet", R"(devices = [
  {profile = "khan2023-low", count = 2}, {profile = "khan2023-high", count = 2, name = "big"},
  {profile = "khan2023-low"}, {profile = "khan2023-low", name = "gateway"}])"));
    std::vector<std::string> names;
    for (auto const& device : s.fleet) names.push_back(device.name);
    std::vector<std::string> const expected{"khan2023-low-0", "khan2023-low-1", "big-0",
                                            "big-1",          "khan2023-low-2", "gateway"};
    BOOST_TEST(names == expected, boost::test_tools::per_element());
    BOOST_TEST(s.fleet[2].profile == "khan2023-high");
    BOOST_TEST(s.fleet[2].mac_rate.value() == 2.8e9);
    BOOST_TEST(s.fleet[2].memory.value() == 200'000'000);
}

BOOST_AUTO_TEST_CASE(every_key_of_a_device_can_be_overridden) {
    Scenario const s = parsed(scenario_with("fleet", R"([[fleet.devices]]
profile = "khan2023-low"
mac_rate = "2 GMAC/s"
memory = "1 MB"
macs_per_round = "3 GMAC"
battery = "60 J"
power = {compute = "1 W", transmit = "2 W", receive = "3 W", idle = "4 W"}
compute_seconds = {s2b1 = 0.25, stem = "5 ms"})"));
    Device const& device = s.fleet.front();
    BOOST_TEST(device.mac_rate.value() == 2e9);
    BOOST_TEST(device.memory.value() == 1'000'000);
    BOOST_TEST(device.macs_per_round.value() == 3'000'000'000);
    BOOST_TEST(device.battery.value() == 60.0);
    BOOST_TEST(device.power.compute.value() == 1.0);
    BOOST_TEST(device.power.transmit.value() == 2.0);
    BOOST_TEST(device.power.receive.value() == 3.0);
    BOOST_TEST(device.power.idle.value() == 4.0);
    BOOST_TEST(device.compute_seconds.at("s2b1").value() == 0.25);
    BOOST_TEST(device.compute_seconds.at("stem").value() == 0.005);
    BOOST_TEST(device.profile == "khan2023-low");
}

BOOST_AUTO_TEST_CASE(a_power_that_is_not_overridden_stays_the_profiles) {
    Device const device =
        parsed(scenario_with("fleet", "devices = [{profile = \"khan2023-low\", power = {idle = \"1 W\"}}]")).fleet[0];
    BOOST_TEST(device.power.compute.value() == 8.0);
    BOOST_TEST(device.power.idle.value() == 1.0);
}

BOOST_AUTO_TEST_CASE(another_rate_makes_measured_times_void) {
    Folder const folder("times");
    folder.write(
        "d.toml",
        "name = \"d\"\nmac_rate = \"1 GMAC/s\"\nmemory = \"1 GB\"\nmacs_per_round = \"9 GMAC\"\nbattery = \"1 kJ\"\n"
        "power = {compute = \"1 W\", transmit = \"1 W\"}\n[compute_seconds]\nstem = 0.5\n");
    auto const fleet = [&](std::string const& entry) {
        auto const file =
            folder.write("s.toml", scenario_with("fleet", "devices = [{profile = \"./d.toml\"" + entry + "}]"));
        return load_scenario(file.string(), {}, shipped()).fleet.front();
    };
    BOOST_TEST(fleet("").compute_seconds.size() == 1U);
    BOOST_TEST(fleet(", memory = \"2 GB\"").compute_seconds.size() == 1U);
    BOOST_TEST(fleet(", mac_rate = \"2 GMAC/s\"").compute_seconds.empty());
    BOOST_TEST(fleet(", compute_seconds = {}").compute_seconds.empty());
}

BOOST_AUTO_TEST_CASE(every_key_of_the_links_reaches_the_scenario_and_overrides_the_profile) {
    std::string const keys = R"(min = "1 Mbit/s"
max = "2 Mbit/s"
symmetric = false
redraw = "never"
latency = "3 ms"
jitter = "1 ms"
loss = 0.25
efficiency = 0.5
medium = "radio")";
    for (std::string const& head :
         {std::string("profile = \"khan2023\"\n"), std::string("model = \"uniform\"\n"), std::string()}) {
        LinkModel const links = parsed(scenario_with("links", head + keys)).links;
        BOOST_TEST(links.min.value() == 1e6);
        BOOST_TEST(links.max.value() == 2e6);
        BOOST_TEST(!links.symmetric);
        BOOST_TEST((links.redraw == Redraw::never));
        BOOST_TEST(links.latency.value() == 0.003);
        BOOST_TEST(links.jitter.value() == 0.001);
        BOOST_TEST(links.loss == 0.25);
        BOOST_TEST(links.efficiency == 0.5);
        BOOST_TEST((links.medium == Medium::radio));
        BOOST_TEST(links.profile == (head.starts_with("profile") ? "khan2023" : "inline"));
    }
    LinkModel const fixed = parsed(scenario_with("links", "model = \"fixed\"\nrate = \"5 Mbit/s\"")).links;
    BOOST_TEST(fixed.min.value() == 5e6);
    BOOST_TEST(fixed.max.value() == 5e6);
}

BOOST_AUTO_TEST_CASE(every_key_of_requests_and_rounds_reaches_the_scenario) {
    BOOST_TEST(parsed(scenario_with("requests", "rate = 4.5")).requests.rate == 4.5);
    BOOST_TEST(parsed(scenario_with("requests", "count = 4")).requests.count.value() == 4);
    BOOST_TEST((
        parsed(scenario_with("requests", "arrivals = \"spread\"") + "[rounds]\nperiod = \"2 s\"\n").requests.arrivals ==
        Arrivals::spread));
    BOOST_TEST(parsed(scenario_with("requests", "source = \"big\"")).requests.source == "big");
    BOOST_TEST((parsed(scenario_with("requests", "on_reject = \"retry\"")).requests.on_reject == OnReject::retry));
    BOOST_TEST(parsed(scenario_with("rounds", "count = 8")).rounds.count == 8);
    BOOST_TEST(parsed(scenario_with("rounds", "period = \"90 s\"")).rounds.period.value() == 90.0);
}

BOOST_AUTO_TEST_CASE(every_key_of_the_objective_reaches_the_scenario) {
    auto const objective = [](std::string_view body) { return parsed(scenario_with("objective", body)).objective; };
    BOOST_TEST(objective("alpha = 0.25\nbeta = 0.75").alpha == 0.25);
    BOOST_TEST(objective("alpha = 1").beta == 0.0);
    BOOST_TEST(objective("beta = 1").alpha == 0.0);
    BOOST_TEST(objective("accuracy_threshold = 0.9").accuracy_threshold == 0.9);
    BOOST_TEST((objective("latency_reference = \"worst-case\"").latency_reference == LatencyReference::worst_case));
    auto const fixed = objective("latency_reference = \"2.5 s\"");
    BOOST_TEST((fixed.latency_reference == LatencyReference::fixed));
    BOOST_TEST(fixed.reference_time.value() == 2.5);
    BOOST_TEST((objective("residual = \"paper\"").residual == Residual::paper));
    BOOST_TEST((objective("memory = \"resident\"").memory == MemoryModel::resident));
}

BOOST_AUTO_TEST_CASE(every_key_of_planner_and_emulation_reaches_the_scenario) {
    auto const planner = [](std::string_view body) { return parsed(scenario_with("planner", body)).planner; };
    BOOST_TEST(planner("name = \"no-drop\"").name == "no-drop");
    BOOST_TEST(planner("gap = 0.02").gap == 0.02);
    BOOST_TEST(planner("charge = true").charge);
    BOOST_TEST(!planner("charge = true").charge_time.has_value());
    BOOST_TEST(!planner("charge = false").charge);
    BOOST_TEST(planner("charge = \"5 ms\"").charge);
    BOOST_TEST(planner("charge = \"5 ms\"").charge_time.value().value() == 0.005);
    auto const emulation = [](std::string_view body) { return parsed(scenario_with("emulation", body)).emulation; };
    BOOST_TEST((emulation("clock = \"virtual\"").clock == ClockKind::virtual_time));
    BOOST_TEST(emulation("dilation = 0.5").dilation.value() == 0.5);
    BOOST_TEST(!emulation("dilation = \"auto\"").dilation.has_value());
    BOOST_TEST(!emulation("kernels = false").kernels);
}

BOOST_AUTO_TEST_CASE(overrides_replace_and_add_keys) {
    auto const with = [](std::vector<std::string> const& sets) {
        return parsed(scenario_with("requests", "rate = 3"), sets);
    };
    BOOST_TEST(with({"seed=9"}).seed == 9U);
    BOOST_TEST(with({"rounds.period=5 ms"}).rounds.period.value() == 0.005);
    BOOST_TEST(
        (with({"objective.latency_reference=worst-case"}).objective.latency_reference == LatencyReference::worst_case));
    BOOST_TEST(with({"requests.count=4"}).requests.count.value() == 4);
    BOOST_TEST(with({"objective.alpha=0"}).objective.beta == 1.0);
    BOOST_TEST(with({"objective.alpha=0.5", "objective.beta=0.5"}).objective.beta == 0.5);
    BOOST_TEST(with({"links.rate=5 Mbit/s"}).links.max.value() == 5e6);
    BOOST_TEST(with({"fleet.devices[0].battery=60 J"}).fleet[1].battery.value() == 60.0);
    BOOST_TEST(with({"fleet.devices[1].power.idle=\"1 W\""}).fleet[2].power.idle.value() == 1.0);
    BOOST_TEST(with({"fleet.devices=[{profile = \"khan2023-low\", count = 3}]"}).fleet.size() == 3U);
    BOOST_TEST(with({"network.profile=resnet50", "seed=1", "seed=2"}).seed == 2U);
    BOOST_TEST(parsed(scenario_with("requests", "count = 4"), {"requests.rate=7"}).requests.rate == 7.0);
    BOOST_TEST(parsed(scenario_with("objective", "alpha = 0.7\nbeta = 0.3"), {"objective.alpha=1"}).objective.beta ==
               0.0);
}

BOOST_AUTO_TEST_CASE(errors_name_the_override) {
    struct {
        char const* set;
        char const* expected;
    } const cases[] = {
        {"objective.alhpa=1",
         "--set objective.alhpa=1: objective.alhpa: unknown key; the nearest known one is \"objective.alpha\""},
        {"objective.alpha=2", "--set objective.alpha=2: objective.alpha: is 2; it must be at least 0 and at most 1"},
        {"rounds.count=few",
         "--set rounds.count=few: rounds.count: \"few\" is no number; it must be a whole number from 1 to"},
        {"rounds", "--set rounds: there is no '='"},
        {"=3", "--set =3: \"\" is no key"},
        {"a..b=3", "is no key"},
        {"a[x]=3", "is no key"},
        {"a[0=3", "is no key"},
        {"seed.x=3", "seed: is not a table; it has no key \"x\""},
        {"fleet.devices[7].battery=1 J", "has 2 entries, counted from 0; there is no [7]"},
        {"network[0]=1", "network: is not a list"},
        {"fleet.devices=[1", "the value is not valid TOML"},
        {"network.weights=none.h5", "there is no weights file \"none.h5\""},
        {"requests.source=bg", "no device is called \"bg\"; write \"any\" or the name of one (nearest: \"big\")"},
    };
    std::string const base = "seed = 1\n" + scenario_with();
    for (auto const& [set, expected] : cases) check_contains(message_of([&] { parsed(base, {set}); }), expected);
}

BOOST_AUTO_TEST_CASE(bad_input_says_where_it_is_and_what_would_be_right) {
    struct {
        char const* section;
        char const* body;
        char const* expected;
    } const cases[] = {
        {"network", "profile = \"resnet5\"",
         "test.toml:2: network.profile: there is no network profile \"resnet5\"; the nearest is \"resnet50\", and "
         "there are alexnet"},
        {"network", "profile = \"resnet50\"\nclases = 3",
         "test.toml:3: network.clases: unknown key; the nearest known one is \"network.classes\""},
        {"network", "", "network.profile: is missing; it gives the network, such as \"resnet50\""},
        {"network", "profile = \"resnet50\"\nvariant = \"v2\"",
         "network.variant: \"v2\" is none of its values; write \"v1\" or \"v1.5\""},
        {"network", "profile = \"resnet20-cifar\"\nvariant = \"v1\"", "network.variant: has no effect on basic blocks"},
        {"network", "profile = \"vgg16\"\nvariant = \"v1\"",
         "network.variant: has no effect but on residual networks, which vgg16 is not; leave it out"},
        {"network", "profile = \"ds-cnn\"\ninput = 49",
         "test.toml:3: network.input: is of square inputs, and that of ds-cnn has 49 x 10; leave it out"},
        {"network", "profile = \"alexnet\"\ninput = 32",
         "test.toml:3: network.input: network alexnet: operator pool2: its window of 3 x 3 is larger than its input"},
        {"network", "profile = \"resnet50\"\nblocks = \"stage\"",
         "test.toml:3: network.blocks: \"stage\" is none of its values; write \"finest\" or \"stages\" (nearest: "
         "\"stages\")"},
        {"network", "profile = \"resnet50\"\nblocks = 3", "network.blocks: must be \"finest\" or \"stages\""},
        {"network", "profile = \"resnet50\"\nblocks = [\"s2b1\", \"s2b2\"]",
         "network.blocks[0]: must be a list of names, the blocks that are one, such as"},
        {"network", "profile = \"resnet50\"\nblocks = [[\"s2b1\", 2]]", "network.blocks[0]: must be a list of names"},
        {"network", "profile = \"resnet50\"\nblocks = [[]]",
         "network.blocks: network resnet50: a list is empty; name the blocks that are one"},
        {"network", "profile = \"resnet50\"\nblocks = [[\"s2b1\", \"s9b1\"]]",
         "test.toml:3: network.blocks: network resnet50: there is no block or operator \"s9b1\"; the nearest block is \"s2b1\""},
        {"network", "profile = \"resnet50\"\nblocks = [[\"s2b2\", \"s2b1\"]]",
         "network.blocks: network resnet50: \"s2b1\" is out of order, or in two lists"},
        {"network", "profile = \"resnet50\"\nblocks = [[\"stem\", \"s2b2\"], [\"s2b1\", \"s3b1\"]]",
         "network.blocks: network resnet50: \"s2b1\" is out of order, or in two lists"},
        {"network", "profile = \"resnet50\"\nprecision = \"float16\"",
         "network.precision: \"float16\" is none of its values; write \"float32\", \"bfloat16\" or \"int8\""},
        {"network", "profile = \"resnet50\"\ncalibration = {}",
         "network.calibration.format: is missing; it gives the kind of file: \"skipstone-calibration\""},
        {"network",
         "profile = \"resnet50\"\ncalibration = {format = \"skipstone-calibration\", version = 1, "
         "network = \"resnet50\", input = 224, ranges = {input = 1}}",
         "network.calibration: has no effect on a float32 network; leave it out, or choose precision = \"int8\""},
        {"network",
         "profile = \"resnet50\"\nprecision = \"int8\"\ncalibration = {format = \"skipstone-calibration\", "
         "version = 1, network = \"resnet50\", input = 224, ranges = {input = 0}}",
         "network.calibration.ranges.input: is 0"},
        {"network", "profile = \"resnet50\"\nprecision = \"int8\"\ncalibration = \"nothing-like-it\"",
         "network.calibration: there is no calibration \"nothing-like-it\""},
        {"network", "profile = \"resnet50\"\ninput = 0",
         "network.input: is 0; it must be a whole number from 1 to 4096"},
        {"network", "profile = \"resnet50\"\ninput = 2.5", "network.input: is 2.5; it must be a whole number"},
        {"network", "profile = \"resnet50\"\ninput = \"224\"",
         "network.input: must be a whole number from 1 to 4096, not a string"},
        {"network", "profile = 50", "network.profile: must be a string, not a whole number"},
        {"network", "profile = \"resnet50\"\nweights = \"no.h5\"",
         "test.toml:3: network.weights: there is no weights file \"no.h5\"; check the path"},
        {"network", "profile = \"nowhere/n.toml\"", "there is no network profile \"nowhere/n.toml\""},
        {"network", "profile = \"resnet101\"",
         "accuracy.table: accuracy table khan2023-table2: it was measured on resnet50, the network here is resnet101"},
        // accuracy
        {"accuracy", "table = \"khan2023-tabel2\"",
         "accuracy.table: there is no accuracy table \"khan2023-tabel2\"; the nearest is \"khan2023-table2\""},
        {"accuracy",
         "table = {format = \"skipstone-accuracy\", version = 1, network = \"resnet50\", row = [{dropped = [], "
         "accuracy = 0.9}, {dropped = [\"s9b1\"], accuracy = 0.8}]}",
         "there is no block s9b1 in resnet50"},
        {"accuracy",
         "table = {format = \"skipstone-accuracy\", version = 1, network = \"resnet50\", row = [{dropped = [\"s5b2\"], "
         "accuracy = 0.8}]}",
         "accuracy.table.row: the first row must be the network with nothing dropped"},
        {"accuracy", "table = {format = \"skipstone-accuracy\", version = 2, network = \"resnet50\", row = []}",
         "accuracy.table.version: is 2; this program reads version 1"},
        {"accuracy",
         "table = {format = \"skipstone-accuracy\", version = 1, network = \"resnet50\", row = [{dropped = [], "
         "accuracy = 94.73}]}",
         "accuracy.table.row[0].accuracy: is above 1; it is a fraction, not per cent: write 0.9473"},
        // fleet
        {"fleet", "devices = []", "fleet.devices: is empty; at least one device is needed"},
        {"fleet", "", "fleet.devices: is missing"},
        {"fleet", "devices = [{profile = \"khan2023-hgih\"}]",
         "fleet.devices[0].profile: there is no device profile \"khan2023-hgih\"; the nearest is \"khan2023-high\""},
        {"fleet", "devices = [{profile = \"khan2023-low\", count = 0}]",
         "fleet.devices[0].count: is 0; it must be a whole number from 1 to 1000000"},
        {"fleet",
         "devices = [{profile = \"khan2023-low\", count = 600000}, {profile = \"khan2023-low\", count = 600000}]",
         "fleet.devices[1].count: makes the fleet larger than 1000000 devices"},
        {"fleet", "devices = [{profile = \"khan2023-low\", batery = \"60 J\"}]",
         "fleet.devices[0].batery: unknown key; the nearest known one is \"fleet.devices[0].battery\""},
        {"fleet", "devices = [{profile = \"khan2023-low\", battery = \"60 W\"}]",
         "fleet.devices[0].battery: \"60 W\" has the unknown unit \"W\" (nearest: J); an energy is a number and one "
         "of"},
        {"fleet", "devices = [{profile = \"khan2023-low\", battery = 60}]",
         "fleet.devices[0].battery: 60 has no unit; an energy is a number and one of uJ, mJ, J, kJ, MJ, mWh, Wh, kWh, "
         "such as \"800 J\""},
        {"fleet", "devices = [{profile = \"khan2023-low\", mac_rate = \"-1 GMAC/s\"}]",
         "fleet.devices[0].mac_rate: \"-1 GMAC/s\" is negative"},
        {"fleet", "devices = [{profile = \"khan2023-low\", mac_rate = \"0 GMAC/s\"}]",
         "fleet.devices[0].mac_rate: is 0"},
        {"fleet", "devices = [{profile = \"khan2023-low\", name = \"a\"}, {profile = \"khan2023-low\", name = \"a\"}]",
         "fleet.devices[1].name: two devices are called \"a\""},
        {"fleet", "devices = [{profile = \"khan2023-low\", name = \"any\"}]", "\"any\" cannot be a device's name"},
        {"fleet", "devices = [{profile = \"khan2023-low\", name = \"\"}]", "a name has 1 to 63 bytes"},
        {"fleet", "devices = [{mac_rate = \"1 GMAC/s\"}]",
         "fleet.devices[0].name: is missing; a device without a profile needs a name"},
        {"fleet", "devices = [{name = \"x\", mac_rate = \"1 GMAC/s\"}]", "fleet.devices[0].memory: is missing"},
        {"fleet", "devices = [{profile = \"khan2023-low\", power = {idel = \"1 W\"}}]",
         "fleet.devices[0].power.idel: unknown key; the nearest known one is \"fleet.devices[0].power.idle\""},
        {"fleet", "devices = [{profile = \"khan2023-low\", compute_seconds = {s9b9 = 1.0}}]",
         "there is no block \"s9b9\" in resnet50"},
        {"fleet", "devices = [{profile = \"khan2023-low\", speedup = {int8 = 0}}]",
         "speedup.int8: is 0; it must be at least 0.001 and at most 1000"},
        {"fleet", "devices = [{profile = \"khan2023-low\", speedup = {int4 = 2}}]", "speedup.int4"},
        {"fleet", "devices = [{profile = \"khan2023-low\", speedup = {int8 = 1000}, mac_rate = \"1e308 MAC/s\"}]",
         "no rate that can be counted with"},
        {"fleet", "devices = [{profile = \"khan2023-low\", mac_rate = \"1e-300 MAC/s\"}]",
         "fleet.devices[0].mac_rate: \"1e-300 MAC/s\" is no rate that can be counted with; an arithmetic rate is 0, or "
         "from 1 MAC/s to 1e+18 MAC/s"},
        {"fleet", "devices = [{profile = \"khan2023-low\", battery = \"1e30 J\"}]",
         "fleet.devices[0].battery: \"1e30 J\" is no energy that can be counted with"},
        {"fleet", "devices = [{profile = \"khan2023-low\", power = {idle = \"1e30 W\"}}]",
         "fleet.devices[0].power.idle: \"1e30 W\" is no power that can be counted with"},
        {"fleet", "devices = [{profile = \"khan2023-low\", compute_seconds = {stem = 1e30}}]",
         "fleet.devices[0].compute_seconds.stem: 1e+30 is no time that can be counted with"},
        {"fleet", "devices = [{profile = \"khan2023-low\", compute_seconds = {stem = 0.0}}]",
         "compute_seconds.stem: is 0.0; it must be above 0"},
        {"fleet", "devices = {profile = \"khan2023-low\"}", "fleet.devices: must be a list of tables, not a table"},
        {"fleet", "devices = [3]", "fleet.devices[0]: must be a table of keys, not a whole number"},
        // links
        {"links", "profile = \"khan2023\"\nlatency = \"1e30 s\"",
         "links.latency: \"1e30 s\" is no time that can be counted with; a time is 0, or from 1e-12 s to 1e+10 s"},
        {"links", "profile = \"khan2023\"\njitter = \"1e-30 s\"", "links.jitter: \"1e-30 s\" is no time that"},
        {"links", "rate = \"1e30 bit/s\"",
         "links.rate: \"1e30 bit/s\" is no rate that can be counted with; a data rate"},
        {"links", "profile = \"khan2023\"\nloss = 0.9999", "links.loss: is 0.9999; it must be at most 0.999"},
        {"links", "profile = \"khan2023\"\nefficiency = 1e-9", "links.efficiency: is 1e-09; it must be at least 0.001"},
        {"links", "", "links.profile: is missing; name a link profile such as \"khan2023\", or give min and max"},
        {"links", "min = \"7.2 Mbit/s\"", "links.max: is missing"},
        {"links", "min = \"7.2 Mb/s\"\nmax = \"8 Mbit/s\"",
         "test.toml:8: links.min: \"7.2 Mb/s\" has the unknown unit \"Mb/s\" (nearest: Mbit/s)"},
        {"links", "min = \"9 Mbit/s\"\nmax = \"8 Mbit/s\"", "links.min: min (9 Mbit/s) is above max (8 Mbit/s)"},
        {"links", "min = \"0 Mbit/s\"\nmax = \"8 Mbit/s\"", "links.min: is 0"},
        {"links", "profile = \"khan2023\"\nrate = \"1 Mbit/s\"\nmin = \"1 Mbit/s\"",
         "links.rate: does not go with min, max"},
        {"links", "model = \"fixed\"", "links.profile: is missing"},
        {"links", "profile = \"khan2023\"\nmodel = \"fixed\"",
         "links.rate: is missing; model = \"fixed\" needs the rate"},
        {"links", "profile = \"khan2023\"\nmodel = \"normal\"",
         "links.model: \"normal\" is none of its values; write \"uniform\" or \"fixed\""},
        {"links", "profile = \"khan2023\"\nloss = 1.0", "links.loss: is 1.0; it must be at least 0 and below 1"},
        {"links", "profile = \"khan2023\"\nloss = -0.1", "links.loss: is -0.1; it must be at least 0"},
        {"links", "profile = \"khan2023\"\nloss = nan", "links.loss: is nan; it must be"},
        {"links", "profile = \"khan2023\"\nefficiency = 0.0",
         "links.efficiency: is 0.0; it must be above 0 and at most 1"},
        {"links", "profile = \"khan2023\"\nefficiency = 1.5",
         "links.efficiency: is 1.5; it must be above 0 and at most 1"},
        {"links", "profile = \"khan2023\"\nlatency = 5",
         "links.latency: 5 has no unit; a time is a number and one of ns, us, ms, s, min, h"},
        {"links", "profile = \"khan2023\"\nsymmetric = \"yes\"",
         "links.symmetric: must be true or false, not a string"},
        {"links", "profile = \"khan2023\"\nredraw = \"often\"",
         "links.redraw: \"often\" is none of its values; write \"round\" or \"never\""},
        {"links", "profile = \"khan2023\"\nmedium = \"air\"",
         "links.medium: \"air\" is none of its values; write \"links\" or \"radio\""},
        // requests, rounds
        {"requests", "rate = 3\ncount = 3", "requests.count: does not go with rate"},
        {"requests", "rate = -1", "requests.rate: is -1; it must be at least 0"},
        {"requests", "rate = inf", "requests.rate: is inf; it must be"},
        {"requests", "count = 0", "requests.count: is 0; it must be a whole number from 1"},
        {"requests", "arrivals = \"spread\"",
         "requests.arrivals: \"spread\" needs a period to spread over; set rounds.period"},
        {"requests", "source = \"bigg\"",
         "requests.source: no device is called \"bigg\"; write \"any\" or the name of one (nearest: \"big\")"},
        {"requests", "on_reject = \"wait\"",
         "requests.on_reject: \"wait\" is none of its values; write \"drop\" or \"retry\""},
        {"rounds", "count = 0", "rounds.count: is 0; it must be a whole number from 1"},
        {"rounds", "period = \"soon\"", "rounds.period: \"soon\" has no number; a time is a number and one of"},
        // objective
        {"objective", "alpha = 0.7\nbeta = 0.4", "objective.alpha: alpha + beta is 1.1"},
        {"objective", "alpha = -0.5\nbeta = 1.5", "objective.alpha: is -0.5; it must be at least 0 and at most 1"},
        {"objective", "accuracy_threshold = 80",
         "objective.accuracy_threshold: is 80; it must be at least 0 and at most 1"},
        {"objective", "latency_reference = \"slowest\"",
         "objective.latency_reference: is \"slowest\"; write \"compute\", \"worst-case\" or a time such as \"2.5 s\""},
        {"objective", "latency_reference = 2.5", "objective.latency_reference: 2.5 has no unit"},
        {"objective", "latency_reference = \"0 s\"", "objective.latency_reference: is 0 s"},
        {"objective", "residual = \"fuesd\"", "write \"fused\" or \"paper\" (nearest: \"fused\")"},
        {"objective", "memory = \"all\"", "write \"paper\" or \"resident\""},
        // planner, emulation
        {"planner", "gap = 1.0", "planner.gap: is 1.0; it must be at least 0 and below 1"},
        {"planner", "charge = 5",
         "planner.charge: must be false, true or a constant time such as \"5 ms\", not a whole number"},
        {"planner", "charge = \"5\"", "planner.charge: \"5\" has no unit"},
        {"planner", "name = \"\"", "planner.name: is empty"},
        {"emulation", "clock = \"real\"",
         "emulation.clock: \"real\" is none of its values; write \"wall\" or \"virtual\""},
        {"emulation", "dilation = 0", "emulation.dilation: is 0; it must be above 0"},
        {"emulation", "dilation = \"fast\"", "emulation.dilation: is \"fast\"; write \"auto\" or a number above 0"},
        // faults
        {"faults", "profile = \"survival-por\"",
         "there is no fault profile \"survival-por\"; the nearest is \"survival-poor\""},
        {"faults", "survival = 1.5", "faults.survival: is 1.5; it must be at least 0 and at most 1"},
        {"faults", "survival = [0.9, -1]", "faults.survival[1]: is -1; it must be at least 0"},
        {"faults", "survival = [0.9, nan]", "faults.survival[1]: is nan"},
        {"faults", "devices = {mean_time_to_failure = \"1 s\"}", "faults.devices.mean_time_to_repair: is missing"},
        {"faults", "links = {mean_time_to_failure = \"1 us\", mean_time_to_repair = \"1 s\"}",
         "faults.links.mean_time_to_failure: is 1 us; it must be at least 1 ms"},
        {"faults", "remedies = [\"retry\"]", "faults.remedies: has \"retry\"; there are \"skip\" and \"replan\""},
        {"faults", "remedies = [\"skip\", \"skip\"]", "faults.remedies: names one of them twice"},
        {"faults", "detection = 3", "faults.detection: 3 has no unit"},
        {"faults", "outages = [{device = \"khan2023-low-9\", begin = \"1 s\"}]",
         "no device is called \"khan2023-low-9\""},
        {"faults", "outages = [{device = \"khan2023-low-0\", begin = \"2 s\", end = \"2 s\"}]", "is not after begin"},
        {"faults", "outages = [{device = \"khan2023-low-0\", peer = \"khan2023-low-0\", begin = \"2 s\"}]",
         "peer: is the device itself"},
        {"faults", "outages = [{device = \"khan2023-low-0\"}]", "begin: is missing"},
        {"emulation", "kernels = 1", "emulation.kernels: must be true or false, not a whole number"},
    };
    for (auto const& [section, body, expected] : cases) {
        std::string const message = message_of([&] { parsed(scenario_with(section, body)); });
        check_contains(message, expected);
        check_contains(message, "test.toml");
    }
    check_contains(message_of([] { parsed("seed = -1\n" + scenario_with()); }),
                   "test.toml:1: seed: is -1; it must be a whole number of at least 0");
    check_contains(message_of([] { parsed("[netwrok]\n" + scenario_with()); }),
                   "test.toml:1: netwrok: unknown key; the nearest known one is \"network\"");
    check_contains(message_of([] { parsed("network = 3\n"); }),
                   "test.toml:1: network: must be a table of keys, not a whole number");
    check_contains(message_of([] { parsed("seed = \n"); }), "test.toml:1: not valid TOML: ");
    check_contains(message_of([] { parsed("seed = 1\nseed = 2\n"); }), "test.toml:2: not valid TOML: ");
    check_contains(message_of([] { parsed("seed = 2020-01-01\n" + scenario_with()); }), "not a date or time of day");
}

BOOST_AUTO_TEST_CASE(an_unknown_scenario_names_the_nearest) {
    check_contains(
        message_of([] { load_scenario("khan2032", {}, shipped()); }),
        "there is no scenario \"khan2032\"; the nearest is \"khan2023\", and there are early-exit-cifar10, ");
    check_contains(message_of([] { load_scenario("khan2023", {}, {}); }), "set SKIPSTONE_PROFILES");
    check_contains(message_of([] { load_scenario("./", {}, shipped()); }), "is a folder");
    check_contains(message_of([] { load_scenario("no/such.toml", {}, shipped()); }),
                   "there is no scenario \"no/such.toml\"");
}

// Fields that the text does not show directly.
void check_same(Scenario const& a, Scenario const& b) {
    BOOST_TEST(scenario_text(a) == scenario_text(b));
    BOOST_TEST(a.accuracy.name == b.accuracy.name);
    BOOST_TEST(a.accuracy.rows.size() == b.accuracy.rows.size());
    BOOST_TEST(a.links.profile == b.links.profile);
    BOOST_TEST(a.network.profile.name == b.network.profile.name);
    BOOST_TEST((a.network.weights == b.network.weights));
    BOOST_TEST((a.network.input == b.network.input));
    BOOST_TEST((a.planner.charge_time == b.planner.charge_time));
    BOOST_TEST((a.requests.count == b.requests.count));
    BOOST_TEST(a.objective.alpha == b.objective.alpha);
    BOOST_TEST(a.objective.beta == b.objective.beta);
    BOOST_TEST((a.faults == b.faults));
    BOOST_TEST(a.accuracy.none == b.accuracy.none);
    BOOST_REQUIRE_EQUAL(bool(a.links.pairs), bool(b.links.pairs));
    if (a.links.pairs) BOOST_TEST((a.links.pairs->entries() == b.links.pairs->entries()));
    BOOST_REQUIRE_EQUAL(a.fleet.size(), b.fleet.size());
    for (std::size_t i = 0; i < a.fleet.size(); ++i) {
        BOOST_TEST(a.fleet[i].name == b.fleet[i].name);
        BOOST_TEST(a.fleet[i].profile == b.fleet[i].profile);
        BOOST_TEST(a.fleet[i].battery.value() == b.fleet[i].battery.value());
        BOOST_TEST((a.fleet[i].compute_seconds == b.fleet[i].compute_seconds));
        BOOST_TEST((a.fleet[i].speedup == b.fleet[i].speedup));
    }
}

BOOST_AUTO_TEST_CASE(the_resolved_text_gives_the_same_scenario_without_any_profile) {
    Folder const folder("round-trip");
    auto const weights = folder.write("w \"x\".h5", "x").string();
    std::vector<std::string> const texts{
        scenario_with(),
        "seed = 9223372036854775807\n" +
            scenario_with("network", "profile = \"resnet50\"\nvariant = \"v1.5\"\ninput = 97\nclasses = 3") +
            "[planner]\ncharge = \"5 ms\"\n",
        scenario_with("fleet", R"(devices = [
{profile = "khan2023-low", count = 3, name = "a-b"}, {profile = "khan2023-low", name = "x-0"}, {profile = "khan2023-low", battery = "0.1 J"},
{profile = "esp32", count = 2, compute_seconds = {stem = 0.1, s2b1 = "3 ms"}, speedup = {int8 = 3.3, bfloat16 = 0.5}}, {name = "q\"uoted", mac_rate = "3 MAC/s", memory = "3 B", macs_per_round = "7 MAC", battery = "1 mJ", power = {compute = "1 W", transmit = "1 uW"}}, {profile = "khan2023-high", count = 1, name = "a-b"}])"),
        scenario_with("links",
                      "model = \"fixed\"\nrate = \"3 Mbit/s\"\nloss = 0.1\nefficiency = 0.3\nmedium = \"radio\""),
        scenario_with("accuracy", "table = \"none\""),
        scenario_with("network", "profile = \"resnet50\"\nblocks = \"finest\""),
        scenario_with("fleet", "devices = [{profile = \"khan2023-low\", battery = \"mains\"}]"),
        scenario_with(
            "links",
            "profile = \"khan2023\"\npair = [{from = \"big\", to = \"*\", rate = \"3 Mbit/s\", loss = 0.1}, {from = "
            "\"*\", to = \"*\", latency = \"0.1 ms\"}, {from = \"big\", to = \"khan2023-low-1\", rate = \"none\", "
            "symmetric = true}]"),
        scenario_with("objective",
                      "alpha = 0.1\nlatency_reference = \"2.5 s\"\nresidual = \"paper\"\nmemory = \"resident\""),
        scenario_with("requests", "count = 7\narrivals = \"spread\"\nsource = \"big\"\non_reject = \"retry\"") +
            "[rounds]\nperiod = \"0.3 s\"\n[emulation]\nclock = \"virtual\"\ndilation = 0.1\nkernels = false\n",
        scenario_with("faults", "profile = \"survival-poor\"\ndetection = \"3 ms\"\nremedies = []"),
        scenario_with(
            "faults",
            "survival = 0.5\ndevices = {mean_time_to_failure = \"1 min\", mean_time_to_repair = \"3 s\"}\n"
            "links = {mean_time_to_failure = \"9 s\", mean_time_to_repair = \"1 s\"}\nremedies = [\"replan\"]\n"
            "outages = [{device = \"khan2023-low-0\", begin = \"0 s\"}, "
            "{device = \"khan2023-low-1\", peer = \"khan2023-low-0\", begin = \"1.5 s\", end = \"3 s\"}]"),
    };
    for (auto const& text : texts) {
        Scenario s = parsed(text);
        check_same(s, parse_scenario(scenario_text(s), "again.toml", "", {}, {}));
        s.network.weights = weights;
        check_same(s, parse_scenario(scenario_text(s), "again.toml", "", {}, {}));
    }
    for (auto const& name : profile_names(ProfileKind::scenario, shipped())) {
        Scenario const s = load_scenario(name, {}, shipped());
        check_same(s, parse_scenario(scenario_text(s), "again.toml", "", {}, {}));
    }
}

BOOST_AUTO_TEST_CASE(numbers_in_toml_come_back_to_the_last_bit) {
    auto const origin = std::make_shared<Origin const>(Origin{"test", {}});
    RandomStream random(2, "numbers");
    for (int i = 0; i < 2000; ++i) {
        double const value = std::ldexp(random.uniform(), static_cast<int>(random.below(200)) - 100);
        BOOST_REQUIRE_EQUAL(parse_toml_value(number_text(value), origin).real, value);
    }
}

BOOST_AUTO_TEST_CASE(a_large_fleet_is_written_in_few_lines) {
    Scenario const s = parsed(scenario_with("fleet", "devices = [{profile = \"khan2023-low\", count = 20000}]"));
    BOOST_TEST(s.fleet.size() == 20000U);
    BOOST_TEST(s.fleet.back().name == "khan2023-low-19999");
    BOOST_TEST(scenario_text(s).size() < 10000U);
    BOOST_TEST(parse_scenario(scenario_text(s), "again.toml", "", {}, {}).fleet.back().name == "khan2023-low-19999");
}

BOOST_AUTO_TEST_CASE(the_papers_scenario_is_section_v_a) {
    Scenario const s = load_scenario("khan2023", {}, shipped());
    BOOST_TEST(s.fleet.size() == 10U);
    BOOST_TEST(s.fleet[4].mac_rate.value() == 1.4e9);
    BOOST_TEST(s.fleet[5].mac_rate.value() == 2.8e9);
    BOOST_TEST(s.fleet[4].battery.value() == 800.0);
    BOOST_TEST(s.fleet[5].battery.value() == 1000.0);
    BOOST_TEST(s.fleet[4].memory.value() == 100'000'000);
    BOOST_TEST(s.fleet[5].macs_per_round.value() == 2'800'000'000);
    BOOST_TEST(s.fleet[0].power.compute.value() == 8.0);
    BOOST_TEST(s.fleet[0].power.transmit.value() == 10.0);
    BOOST_TEST(s.fleet[0].power.idle.value() == 0.0);
    BOOST_TEST(s.links.min.value() == 7.2e6);
    BOOST_TEST(s.links.max.value() == 72.2e6);
    BOOST_TEST(s.requests.rate == 3.0);
    BOOST_TEST(s.rounds.count == 20);
    BOOST_TEST(!s.network.input.has_value());  // the profile says 224, weights say their own
    BOOST_TEST(s.objective.accuracy_threshold == 0.8);
    Scenario const tight = load_scenario("khan2023-tight", {}, shipped());
    BOOST_TEST(tight.requests.rate == 5.0);
    BOOST_TEST(tight.rounds.count == 8);
    BOOST_TEST(tight.fleet[0].battery.value() == 60.0);
    BOOST_TEST(tight.fleet[9].battery.value() == 80.0);
}

BOOST_AUTO_TEST_CASE(the_papers_scenario_shows_every_key) {
    std::string const text =
        read_text_file(std::filesystem::path(SKIPSTONE_SOURCE_DIR) / "profiles/scenarios/khan2023.toml");
    for (std::string const& key : std::vector<std::string>{"seed",
                                                           "profile",
                                                           "variant",
                                                           "weights",
                                                           "precision",
                                                           "input",
                                                           "classes",
                                                           "blocks",
                                                           "table",
                                                           "devices",
                                                           "model",
                                                           "min",
                                                           "max",
                                                           "symmetric",
                                                           "redraw",
                                                           "latency",
                                                           "jitter",
                                                           "loss",
                                                           "efficiency",
                                                           "pair",
                                                           "file",
                                                           "medium",
                                                           "rate",
                                                           "count",
                                                           "arrivals",
                                                           "source",
                                                           "on_reject",
                                                           "period",
                                                           "alpha",
                                                           "beta",
                                                           "accuracy_threshold",
                                                           "latency_reference",
                                                           "residual",
                                                           "memory",
                                                           "name",
                                                           "gap",
                                                           "charge",
                                                           "survival",
                                                           "detection",
                                                           "remedies",
                                                           "outages",
                                                           "clock",
                                                           "dilation",
                                                           "goal",
                                                           "interval",
                                                           "in_flight",
                                                           "stages",
                                                           "splits",
                                                           "most_parts",
                                                           "rules",
                                                           "verdicts",
                                                           "reserve",
                                                           "kernels"})
        BOOST_TEST((text.find("\n" + key + " = ") != std::string::npos ||
                    text.find("\n# " + key + " = ") != std::string::npos),
                   key);
}

// Whatever the text, a scenario or an InputError comes out of it.
void check_survives(std::string const& text) {
    try {
        Scenario const s = parsed(text);
        BOOST_REQUIRE(!scenario_text(s).empty());
    } catch (InputError const& error) {
        BOOST_REQUIRE(std::string_view(error.what()).size() > 5);
    }
}

BOOST_AUTO_TEST_CASE(truncated_and_mutated_texts_never_crash) {
    std::string const shipped_text =
        read_text_file(std::filesystem::path(SKIPSTONE_SOURCE_DIR) / "profiles/scenarios/khan2023.toml");
    std::string const resolved = scenario_text(parsed(scenario_with()));
    std::string const bytes("\"'[]{}=,.#\n\\ -+0123456789aeinfx\t\x00\x7f\xff\xc3", 36);
    for (std::string const& base : {shipped_text, resolved}) {
        for (std::size_t length = 0; length < base.size(); length += 7) check_survives(base.substr(0, length));
        RandomStream random(3, "mutants", static_cast<std::int64_t>(base.size()));
        auto const below = [&](std::size_t bound) {
            return static_cast<std::size_t>(random.below(static_cast<std::int64_t>(bound)));
        };
        for (int i = 0; i < 1500; ++i) {
            std::string text = base;
            for (std::int64_t edits = 1 + random.below(4); edits > 0; --edits) {
                std::size_t const at = below(text.size());
                switch (random.below(4)) {
                    case 0:
                        text[at] = bytes[below(bytes.size())];
                        break;
                    case 1:
                        text.insert(at, 1, bytes[below(bytes.size())]);
                        break;
                    case 2:
                        text.erase(at, 1 + below(20));
                        break;
                    default:
                        text.insert(at, base.substr(below(base.size()), below(40)));
                        break;
                }
                if (text.empty()) text = "x";
            }
            check_survives(text);
        }
    }
    check_survives("a = " + std::string(100000, '['));
    check_survives(std::string(100000, 'a') + " = 1\n");
    for (std::string const& set : {"seed=" + std::string(100000, '['), std::string("seed=\n[x]\n"),
                                   std::string("seed="), std::string("fleet.devices[99999999999999999999]=1")})
        BOOST_TEST(!message_of([&] { parsed(scenario_with(), {set}); }).empty());
}

BOOST_AUTO_TEST_SUITE_END()

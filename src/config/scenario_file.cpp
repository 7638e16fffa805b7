#include "config/scenario_file.hpp"

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <limits>
#include <map>
#include <memory>
#include <set>
#include <utility>

#include "config/exits_section.hpp"
#include "config/fault_section.hpp"
#include "config/file_kind.hpp"
#include "config/link_section.hpp"
#include "config/network_section.hpp"
#include "config/planner_section.hpp"
#include "config/profile_at.hpp"
#include "config/profile_tables.hpp"
#include "config/split_words.hpp"
#include "config/toml_reader.hpp"
#include "units/error.hpp"
#include "units/nearest.hpp"
#include "units/plain_text.hpp"

namespace skipstone::config {

namespace fs = std::filesystem;

namespace {

constexpr std::int64_t most_devices = 1'000'000;
constexpr std::int64_t most_requests = 1'000'000;  // per round
constexpr std::int64_t most_rounds = 10'000'000;
constexpr std::size_t longest_name = 63;  // bytes: the trace's fixed-length strings, less their end

// ---- sections

// A section that is missing reads as an empty one.
class Sections {
  public:
    Sections(Value const& root, std::shared_ptr<Origin const> origin) : reader_(root, "") {
        empty_.type = Value::Type::table;
        empty_.origin = std::move(origin);
    }

    TableReader section(std::string_view name) {
        if (auto reader = reader_.table(name)) return *reader;
        return TableReader(empty_, std::string(name));
    }
    TableReader& top() { return reader_; }

  private:
    Value empty_;
    TableReader reader_;
};

// Names as the trace can hold them.
void check_name(TableReader const& reader, std::string_view key, std::string const& name) {
    bool const printable =
        std::ranges::all_of(name, [](char c) { return static_cast<unsigned char>(c) >= 0x20 && c != 0x7f; });
    if (name.empty() || name.size() > longest_name || !printable)
        reader.fail(key, "a name has 1 to " + std::to_string(longest_name) + " bytes and no control characters");
    if (name == "any")
        reader.fail(key, "\"any\" cannot be a device's name (requests.source has that word); choose another");
    if (name == "*")
        reader.fail(key, "\"*\" cannot be a device's name (in links.pair it is every device); choose another");
}

// Device names: a name without a count stands alone; everything else is numbered, "big-0", "big-1", … over the whole
// fleet.
class DeviceNames {
  public:
    std::string numbered(std::string const& base) { return base + "-" + std::to_string(next_[base]++); }
    // False when the name is taken.
    bool take(std::string const& name) { return taken_.insert(name).second; }

  private:
    std::map<std::string, std::int64_t> next_;
    std::set<std::string> taken_;
};

// That measured times are of the network's blocks, of heads of exits behind them, open or not, and of ways in which
// they can be split.
void check_times(TableReader const& entry, Device const& device, Network const& network) {
    auto const block_of = [&](std::string const& name) {
        auto const block = network.find(name);
        if (!block)
            entry.fail("compute_seconds", "there is no block \"" + name + "\" in " + network.name() +
                                              "; measured times of another network do not apply");
        return *block;
    };
    constexpr std::string_view head = "exit.";
    for (auto const& [name, time] : device.compute_seconds)
        block_of(name.starts_with(head) ? name.substr(head.size()) : name);
    for (auto const& [part, time] : device.part_seconds) {
        auto const& [name, split] = part;
        BlockId const block = block_of(name);
        if (split.parts > most_parts)
            entry.fail("compute_seconds", "has " + to_string(split) + " of \"" + name + "\"; a block has " +
                                              std::to_string(most_parts) + " parts at most");
        try {
            parts_of(network, block, split);
        } catch (InputError const& error) {
            entry.fail("compute_seconds", error.what());
        }
    }
}

std::vector<Device> read_fleet(TableReader reader, ProfileFolders const& folders, Network const& network) {
    std::vector<Device> fleet;
    DeviceNames names;
    auto entries = reader.required("devices", reader.tables("devices"),
                                   "the devices, such as [{profile = \"khan2023-low\", count = 5}]");
    for (TableReader& entry : entries) {
        auto const profile = profile_at(
            entry, "profile", ProfileKind::device, folders,
            [&](std::string const& path) { return load_device_profile(path, folders); }, read_device_profile);
        Device device;
        device.profile = "inline";
        device = profile.value_or(device);
        auto const name = entry.text("name");
        auto const count = entry.integer("count", 1, most_devices);
        if (name && name->empty()) check_name(entry, "name", *name);
        if (!name && !profile) entry.fail("name", "is missing; a device without a profile needs a name");
        device = read_device_keys(entry, std::move(device), profile ? Keys::some : Keys::all);
        entry.text("source");
        entry.finish();
        check_times(entry, device, network);
        if (static_cast<std::int64_t>(fleet.size()) + count.value_or(1) > most_devices)
            entry.fail("count", "makes the fleet larger than " + std::to_string(most_devices) +
                                    " devices, the most there can be");
        for (std::int64_t i = 0; i < count.value_or(1); ++i) {
            device.name = name && !count ? *name : names.numbered(name.value_or(device.profile));
            check_name(entry, "name", device.name);
            if (!names.take(device.name))
                entry.fail("name", "two devices are called \"" + device.name + "\"; names must differ");
            fleet.push_back(device);
        }
    }
    if (fleet.empty()) reader.fail("devices", "is empty; at least one device is needed");
    reader.finish();
    return fleet;
}

LinkModel read_links(TableReader reader, ProfileFolders const& folders, std::vector<Device> const& fleet) {
    auto const profile = profile_at(
        reader, "profile", ProfileKind::link, folders,
        [&](std::string const& path) { return load_link_profile(path, folders); }, read_link_profile);
    for (auto const key : {"rate", "min", "max"})
        if (!profile && !reader.get(key)) reader.refuse_slip_of(key);
    auto pairs = read_link_pairs(reader, fleet);
    bool const all_have_rates = pairs && pairs->everywhere() && pairs->everywhere()->rate;
    if (!profile && !all_have_rates && !reader.has("min") && !reader.has("max") && !reader.has("rate"))
        reader.fail(
            "profile",
            "is missing; name a link profile such as \"khan2023\", or give min and max (or, in links.pair, a rate "
            "from \"*\" to \"*\")");
    LinkModel links;
    links.profile = "inline";
    links = read_link_keys(reader, profile.value_or(links), profile || all_have_rates ? Keys::some : Keys::all);
    links.pairs = std::move(pairs);
    reader.finish();
    return links;
}

Scenario::RequestsSection read_requests(TableReader reader, std::vector<Device> const& fleet,
                                        TableReader const& rounds) {
    Scenario::RequestsSection requests;
    auto const rate = reader.number("rate", {0, static_cast<double>(most_requests)});
    auto const count = reader.integer("count", 1, most_requests);
    if (rate && count)
        reader.fail("count", "does not go with rate; give rate (drawn per round) or count (exactly so many)");
    requests.rate = rate.value_or(requests.rate);
    if (count) requests.count = static_cast<int>(*count);
    requests.arrivals = reader
                            .choice<Arrivals>("arrivals", {{"batch", Arrivals::batch},
                                                           {"spread", Arrivals::spread},
                                                           {"every", Arrivals::every},
                                                           {"closed", Arrivals::closed}})
                            .value_or(requests.arrivals);
    if (requests.arrivals == Arrivals::spread) {
        TableReader period = rounds;
        if (!(period.quantity<Seconds>("period").value_or(Seconds(0)) > Seconds(0)))
            reader.fail("arrivals", "\"spread\" needs a period to spread over; set rounds.period, such as \"10 s\"");
    }
    auto const interval = reader.quantity<Seconds>("interval");
    auto const in_flight = reader.integer("in_flight", 1, most_requests);
    auto const refuse_without = [&](std::string_view key, Arrivals kind, std::string const& word) {
        if (reader.has(key) && requests.arrivals != kind)
            reader.fail(key, "has no effect but with arrivals = \"" + word + "\"; leave it out");
    };
    refuse_without("interval", Arrivals::every, "every");
    refuse_without("in_flight", Arrivals::closed, "closed");
    if (requests.arrivals == Arrivals::every) {
        requests.interval =
            reader.required("interval", interval, "the time from one request to the next, such as \"30 ms\"");
        if (!(requests.interval > Seconds(0)))
            reader.fail("interval", "is 0 s; write arrivals = \"batch\" for requests that come all at once");
    }
    if (requests.arrivals == Arrivals::closed)
        requests.in_flight = static_cast<int>(
            reader.required("in_flight", in_flight, "how many requests are under way at a time, such as 8"));
    requests.source = reader.text("source").value_or(requests.source);
    if (requests.source != "any" && std::ranges::find(fleet, requests.source, &Device::name) == fleet.end()) {
        std::vector<std::string_view> names{"any"};
        constexpr std::size_t most = 10000;
        for (std::size_t i = 0; i < std::min(fleet.size(), most); ++i) names.push_back(fleet[i].name);
        reader.fail("source", "no device is called \"" + requests.source +
                                  "\"; write \"any\" or the name of one (nearest: \"" +
                                  nearest(requests.source, names) + "\")");
    }
    requests.on_reject = reader.choice<OnReject>("on_reject", {{"drop", OnReject::drop}, {"retry", OnReject::retry}})
                             .value_or(requests.on_reject);
    reader.finish();
    return requests;
}

Scenario::RoundsSection read_rounds(TableReader reader) {
    Scenario::RoundsSection rounds;
    rounds.count = static_cast<int>(reader.integer("count", 1, most_rounds).value_or(rounds.count));
    rounds.period = reader.quantity<Seconds>("period").value_or(rounds.period);
    reader.finish();
    return rounds;
}

Scenario::ObjectiveSection read_objective(TableReader reader) {
    Scenario::ObjectiveSection objective;
    objective.goal = reader.choice<Goal>("goal", {{"latency", Goal::latency}, {"throughput", Goal::throughput}})
                         .value_or(objective.goal);
    auto const alpha = reader.number("alpha", {0, 1});
    auto const beta = reader.number("beta", {0, 1});
    if (alpha || beta) {
        objective.alpha = alpha ? *alpha : 1 - *beta;
        objective.beta = beta ? *beta : 1 - *alpha;
    }
    if (std::abs(objective.alpha + objective.beta - 1) > 1e-9)
        reader.fail(alpha ? "alpha" : "beta", "alpha + beta is " + number_text(objective.alpha + objective.beta) +
                                                  "; it must be 1 (give one of them, and the other follows)");
    objective.accuracy_threshold = reader.number("accuracy_threshold", {0, 1}).value_or(objective.accuracy_threshold);
    if (auto const reference = reader.get("latency_reference")) {
        bool const text = reference->type == Value::Type::text;
        if (text && reference->text == "compute") {
            objective.latency_reference = LatencyReference::compute;
        } else if (text && reference->text == "worst-case") {
            objective.latency_reference = LatencyReference::worst_case;
        } else if (text && reference->text.find_first_of("0123456789") == std::string::npos) {
            reader.fail("latency_reference", "is \"" + reference->text +
                                                 "\"; write \"compute\", \"worst-case\" or a time such as \"2.5 s\"");
        } else {
            objective.latency_reference = LatencyReference::fixed;
            objective.reference_time = *reader.quantity<Seconds>("latency_reference");
            if (!(objective.reference_time > Seconds(0)))
                reader.fail("latency_reference", "is 0 s; latencies are divided by it, so it must be above 0");
        }
    }
    objective.residual = reader.choice<Residual>("residual", {{"fused", Residual::fused}, {"paper", Residual::paper}})
                             .value_or(objective.residual);
    auto const memory =
        reader.choice<MemoryModel>("memory", {{"paper", MemoryModel::paper}, {"resident", MemoryModel::resident}});
    if (objective.goal == Goal::throughput && memory == MemoryModel::paper)
        reader.fail(
            "memory",
            "\"paper\" does not go with goal = \"throughput\", where requests come without end and weights stay "
            "on their devices; write \"resident\", or leave it out");
    objective.memory = memory.value_or(objective.goal == Goal::throughput ? MemoryModel::resident : objective.memory);
    reader.finish();
    return objective;
}

FaultModel read_faults(TableReader reader, ProfileFolders const& folders, std::vector<Device> const& fleet) {
    auto const profile = profile_at(
        reader, "profile", ProfileKind::fault, folders,
        [&](std::string const& path) { return load_fault_profile(path, folders); }, read_fault_profile);
    return read_fault_section(std::move(reader), profile.value_or(FaultModel()), fleet);
}

Scenario::EmulationSection read_emulation(TableReader reader) {
    Scenario::EmulationSection emulation;
    emulation.clock =
        reader.choice<ClockKind>("clock", {{"wall", ClockKind::wall}, {"virtual", ClockKind::virtual_time}})
            .value_or(emulation.clock);
    if (Value const* dilation = reader.get("dilation")) {
        if (dilation->type == Value::Type::text) {
            if (dilation->text != "auto")
                reader.fail("dilation", "is \"" + dilation->text + "\"; write \"auto\" or a number above 0");
        } else {
            emulation.dilation = reader.number("dilation", positive);
        }
    }
    emulation.kernels = reader.boolean("kernels").value_or(emulation.kernels);
    reader.finish();
    return emulation;
}

// A key that stands at the top, where only sections are: "alpha" for "objective.alpha".
void refuse_key_without_section(Value const& root) {
    using Keys = std::vector<std::string_view>;
    static std::vector<std::pair<std::string_view, Keys>> const sections{
        {"network",
         {"profile", "variant", "input", "classes", "weights", "precision", "convolutions", "calibration", "blocks"}},
        {"accuracy", {"table"}},
        {"fleet", {"devices"}},
        {"links",
         {"model", "rate", "min", "max", "symmetric", "redraw", "latency", "jitter", "loss", "efficiency", "medium"}},
        {"requests", {"rate", "count", "arrivals", "interval", "in_flight", "source", "on_reject"}},
        {"rounds", {"count", "period"}},
        {"objective", {"goal", "alpha", "beta", "accuracy_threshold", "latency_reference", "residual", "memory"}},
        {"planner", {"name", "gap", "charge", "stages"}},
        {"collaboration", {"splits", "most_parts"}},
        {"exits", {"rules", "verdicts", "reserve"}},
        {"faults", {"survival", "detection", "remedies", "outages"}},
        {"emulation", {"clock", "dilation", "kernels"}}};
    for (std::size_t i = 0; i < root.keys.size(); ++i) {
        auto const& key = root.keys[i];
        if (key == "seed" || std::ranges::find(sections, key, [](auto const& s) { return s.first; }) != sections.end())
            continue;
        std::string places;
        for (auto const& [section, keys] : sections)
            if (std::ranges::find(keys, key) != keys.end())
                places += (places.empty() ? "\"" : " or \"") + std::string(section) + "." + key + "\"";
        if (!places.empty()) fail_at(root.items[i], key, "stands without its section; write " + places);
    }
}

Scenario read_scenario(Value const& root, std::shared_ptr<Origin const> const& origin, ProfileFolders const& folders) {
    Sections sections(root, origin);
    Scenario scenario;
    scenario.file = origin->name;
    for (auto const& [section, key] :
         {std::pair("planner", "name"), std::pair("planner", "charge"), std::pair("planner", "stages"),
          std::pair("objective", "goal"), std::pair("network", "calibration"), std::pair("requests", "source"),
          std::pair("exits", "verdicts"), std::pair("exits", "table")})
        if (Value const* table = root.find(section))
            if (Value const* value = table->find(key)) {
                auto const path = std::string(section) + "." + key;
                scenario.places[path] = {value->origin->name, value->line, path};
            }
    scenario.seed = static_cast<std::uint64_t>(
        sections.top().integer("seed", 0, std::numeric_limits<std::int64_t>::max()).value_or(1));
    // Every section is asked for before any is read, so that a misspelt section is named rather than missed.
    auto network_section = sections.section("network");
    auto accuracy_section = sections.section("accuracy");
    auto fleet_section = sections.section("fleet");
    auto links_section = sections.section("links");
    auto requests_section = sections.section("requests");
    auto rounds_section = sections.section("rounds");
    auto objective_section = sections.section("objective");
    auto planner_section = sections.section("planner");
    auto collaboration_section = sections.section("collaboration");
    auto exits_section = sections.section("exits");
    auto faults_section = sections.section("faults");
    auto emulation_section = sections.section("emulation");
    refuse_key_without_section(root);
    sections.top().finish();

    TableReader const network_place = network_section;
    scenario.network = read_network_section(std::move(network_section), folders);
    auto rules = open_exits(exits_section, scenario.network);
    bool const promised = rules && !rules->rules.empty() && !rules->promised.empty();
    auto const network = network_of_section(scenario.network, network_place);
    scenario.accuracy = read_accuracy_section(std::move(accuracy_section), folders, network, promised);
    if (promised && !scenario.accuracy.none) {  // what the rules promise takes its place
        scenario.accuracy = {};
        scenario.accuracy.name = no_table;
        scenario.accuracy.none = true;
    }
    scenario.fleet = read_fleet(std::move(fleet_section), folders, network);
    scenario.links = read_links(std::move(links_section), folders, scenario.fleet);
    scenario.rounds = read_rounds(rounds_section);
    scenario.requests = read_requests(std::move(requests_section), scenario.fleet, rounds_section);
    bool const has_threshold = objective_section.has("accuracy_threshold");
    TableReader const objective_place = objective_section;
    scenario.objective = read_objective(std::move(objective_section));
    if (scenario.accuracy.none && !promised) {
        scenario.objective.accuracy_threshold = 0;
        scenario.objective.threshold_without_table = has_threshold;
    }
    scenario.planner =
        read_planner_section(std::move(planner_section), scenario.objective.goal, network, scenario.fleet);
    scenario.collaboration = read_collaboration_section(std::move(collaboration_section), scenario.planner.stages);
    if (!scenario.collaboration.splits.empty() && scenario.objective.residual == Residual::paper)
        objective_place.fail("residual",
                             "\"paper\" moves two tensors after a block, and parts have one; write \"fused\", or let "
                             "no block be split");
    scenario.faults = read_faults(std::move(faults_section), folders, scenario.fleet);
    scenario.emulation = read_emulation(std::move(emulation_section));
    scenario.exits = read_exits_section(std::move(exits_section), std::move(rules), network, scenario.emulation);
    return scenario;
}

Scenario scenario_of(Value root, std::shared_ptr<Origin const> const& origin, std::vector<Override> const& overrides,
                     ProfileFolders const& folders) {
    return read_scenario(with_settings(std::move(root), settings_of(overrides)), origin, folders);
}

}  // namespace

Scenario load_scenario(std::string const& name_or_path, std::vector<Override> const& overrides,
                       ProfileFolders const& folders) {
    auto const path = find_profile(ProfileKind::scenario, name_or_path, folders);
    return read_as(FileKind::scenario, path, [&] {
        Value root = read_toml_file(path);
        auto const origin = root.origin;
        return with_exit_tables(scenario_of(std::move(root), origin, overrides, folders));
    });
}

Scenario parse_scenario(std::string_view text, std::string const& file, fs::path const& folder,
                        std::vector<Override> const& overrides, ProfileFolders const& folders) {
    auto const origin = std::make_shared<Origin const>(Origin{file, folder});
    return scenario_of(parse_toml(text, origin), origin, overrides, folders);
}

Value read_scenario_table(std::string const& name_or_path, ProfileFolders const& folders, fs::path const& folder) {
    auto const path = find_profile(ProfileKind::scenario, name_or_path, folders, folder);
    refuse_other_kind(FileKind::scenario, path);  // its keys are only looked at later
    return read_toml_file(path);
}

Scenario scenario_of_table(Value const& table, ProfileFolders const& folders) {
    return with_exit_tables(read_scenario(table, table.origin, folders));
}

}  // namespace skipstone::config

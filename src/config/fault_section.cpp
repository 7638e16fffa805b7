#include "config/fault_section.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <optional>
#include <string_view>
#include <utility>

#include "config/toml_reader.hpp"
#include "units/nearest.hpp"

namespace skipstone::config {

namespace {

constexpr Seconds shortest_mean{1e-3};  // of times between failures: bounds how many there can be
constexpr std::size_t most_outages = 10'000;
constexpr std::size_t most_devices_with_links = 256;  // whose links each fail for themselves

std::optional<MeanTimes> read_mean_times(TableReader& reader, std::string_view key) {
    auto table = reader.table(key);
    if (!table) return std::nullopt;
    auto const mean = [&](std::string_view name, char const* meaning) {
        auto const time = table->required(name, table->quantity<Seconds>(name), meaning);
        if (time < shortest_mean)
            table->fail(name, "is " + quantity_text(time) + "; it must be at least " + quantity_text(shortest_mean));
        return time;
    };
    MeanTimes const times{mean("mean_time_to_failure", "how long it works on average, such as \"10 min\""),
                          mean("mean_time_to_repair", "how long it then does not, such as \"30 s\"")};
    table->finish();
    return times;
}

std::optional<std::vector<double>> read_survival(TableReader& reader) {
    Value const* value = reader.get("survival");
    if (!value) return std::nullopt;
    std::vector<double> shares;
    if (value->type == Value::Type::list)
        for (std::size_t i = 0; i < value->items.size(); ++i)
            shares.push_back(
                number_of(value->items[i], reader.path_of("survival") + "[" + std::to_string(i) + "]", {0, 1}));
    else
        shares.push_back(*reader.number("survival", {0, 1}));
    return shares;
}

std::optional<std::vector<Remedy>> read_remedies(TableReader& reader) {
    auto const words = reader.texts("remedies");
    if (!words) return std::nullopt;
    std::vector<Remedy> remedies;
    for (std::string const& word : *words) {
        if (word != "skip" && word != "replan")
            reader.fail("remedies", "has \"" + word + "\"; there are \"skip\" and \"replan\"");
        remedies.push_back(word == "skip" ? Remedy::skip : Remedy::replan);
    }
    if (remedies.size() == 2 && remedies[0] == remedies[1]) reader.fail("remedies", "names one of them twice");
    if (remedies.size() > 2) reader.fail("remedies", "has more than two; there are \"skip\" and \"replan\"");
    return remedies;
}

FaultModel read_fault_keys(TableReader& reader, FaultModel faults) {
    if (auto const devices = read_mean_times(reader, "devices")) faults.devices = devices;
    if (auto const links = read_mean_times(reader, "links")) faults.links = links;
    if (auto survival = read_survival(reader)) faults.survival = *std::move(survival);
    faults.detection = reader.quantity<Seconds>("detection").value_or(faults.detection);
    if (auto remedies = read_remedies(reader)) faults.remedies = *std::move(remedies);
    return faults;
}

DeviceId device_named(TableReader& reader, std::string_view key, std::vector<Device> const& fleet) {
    auto const name = reader.required(key, reader.text(key), "the name of a device");
    auto const found = std::ranges::find(fleet, name, &Device::name);
    if (found != fleet.end()) return DeviceId(static_cast<std::size_t>(found - fleet.begin()));
    std::vector<std::string_view> names;
    for (auto const& device : fleet) names.push_back(device.name);
    reader.fail(key, "no device is called \"" + name + "\"; the nearest is \"" + nearest(name, names) + "\"");
}

Outage read_outage(TableReader reader, std::vector<Device> const& fleet) {
    Outage outage;
    outage.device = device_named(reader, "device", fleet);
    if (reader.has("peer")) {
        outage.peer = device_named(reader, "peer", fleet);
        if (outage.peer == outage.device)
            reader.fail("peer", "is the device itself; leave it out for the device's own outage");
    }
    outage.begin = reader.required("begin", reader.quantity<Seconds>("begin"), "when it begins, such as \"10 s\"");
    outage.end = reader.quantity<Seconds>("end").value_or(Seconds(std::numeric_limits<double>::infinity()));
    if (outage.end <= outage.begin) reader.fail("end", "is not after begin; leave it out for an outage that lasts");
    outage.cause = schedule_cause;
    reader.finish();
    return outage;
}

std::string mean_times_text(MeanTimes const& times) {
    return "{mean_time_to_failure = " + toml_string(quantity_text(times.to_failure)) +
           ", mean_time_to_repair = " + toml_string(quantity_text(times.to_repair)) + "}";
}

}  // namespace

FaultModel read_fault_profile(TableReader reader) {
    FaultModel faults;
    faults.profile = reader.required("name", reader.text("name"), "the profile's name");
    reader.text("source");
    if (reader.has("outages")) reader.fail("outages", "names devices of one fleet; it belongs in a scenario");
    faults = read_fault_keys(reader, std::move(faults));
    reader.finish();
    return faults;
}

FaultModel read_fault_section(TableReader reader, FaultModel base, std::vector<Device> const& fleet) {
    reader.get("profile");
    FaultModel faults = read_fault_keys(reader, std::move(base));
    if (auto outages = reader.tables("outages")) {
        if (outages->size() > most_outages)
            reader.fail("outages",
                        "has more than " + std::to_string(most_outages) + " entries; give mean times instead");
        for (TableReader& outage : *outages) faults.schedule.push_back(read_outage(std::move(outage), fleet));
    }
    bool const links_fail =
        faults.links || std::ranges::any_of(faults.schedule, [](Outage const& outage) { return bool(outage.peer); });
    if (links_fail && fleet.size() > most_devices_with_links)
        reader.fail(faults.links ? "links" : "outages", "links fail in fleets of up to " +
                                                            std::to_string(most_devices_with_links) +
                                                            " devices; this one has " + std::to_string(fleet.size()));
    reader.finish();
    return faults;
}

std::string fault_section_text(FaultModel const& faults, std::vector<Device> const& fleet) {
    if (faults == FaultModel()) return "";
    auto const line = [](std::string_view key, std::string const& value) {
        return std::string(key) + " = " + value + "\n";
    };
    std::string text = "\n[faults]\n";
    if (faults.devices) text += line("devices", mean_times_text(*faults.devices));
    if (faults.links) text += line("links", mean_times_text(*faults.links));
    if (!faults.survival.empty()) {
        std::string shares;
        for (double const share : faults.survival) shares += (shares.empty() ? "" : ", ") + number_text(share);
        text += line("survival", "[" + shares + "]");
    }
    text += line("detection", toml_string(quantity_text(faults.detection)));
    std::string remedies;
    for (Remedy const remedy : faults.remedies)
        remedies += std::string(remedies.empty() ? "" : ", ") + (remedy == Remedy::skip ? "\"skip\"" : "\"replan\"");
    text += line("remedies", "[" + remedies + "]");
    if (!faults.profile.empty()) text += "[faults.profile]\n" + line("name", toml_string(faults.profile));
    for (Outage const& outage : faults.schedule) {
        text += "[[faults.outages]]\n" + line("device", toml_string(fleet[outage.device.index()].name));
        if (outage.peer) text += line("peer", toml_string(fleet[outage.peer.index()].name));
        text += line("begin", toml_string(quantity_text(outage.begin)));
        if (!std::isinf(outage.end.value())) text += line("end", toml_string(quantity_text(outage.end)));
    }
    return text;
}

}  // namespace skipstone::config

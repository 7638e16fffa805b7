#include "config/profile_tables.hpp"

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <limits>
#include <utility>

#include "config/toml_reader.hpp"

namespace skipstone::config {

namespace {

constexpr std::int64_t any_integer = std::numeric_limits<std::int64_t>::max();
constexpr double most_loss = 0.999;

std::string line(std::string_view key, std::string const& value) {
    return std::string(key) + " = " + value + "\n";
}

template <class Q>
std::string quantity_string(Q quantity) {
    return toml_string(quantity_text(quantity));
}

std::string_view word(Redraw redraw) {
    return redraw == Redraw::round ? "round" : "never";
}
std::string_view word(Medium medium) {
    return medium == Medium::links ? "links" : "radio";
}

std::string name_of(TableReader& reader) {
    auto const name = reader.required("name", reader.text("name"), "what the profile is called");
    if (name.empty()) reader.fail("name", "is empty; a profile needs a name");
    if (printable(name) != name) reader.fail("name", "has control characters");
    return name;
}

constexpr std::string_view mains = "mains";  // a battery that never empties

std::optional<Joules> read_battery(TableReader& reader) {
    Value const* value = reader.get("battery");
    if (value && value->type == Value::Type::text && value->text == mains)
        return Joules(std::numeric_limits<double>::infinity());
    return reader.quantity<Joules>("battery");
}

Powers read_powers(TableReader reader, Powers base, Keys keys) {
    auto const compute = reader.quantity<Watts>("compute");
    auto const transmit = reader.quantity<Watts>("transmit");
    if (keys == Keys::all) {
        reader.required("compute", compute, "the power while it computes");
        reader.required("transmit", transmit, "the power while it transmits");
    }
    Powers const powers{.compute = compute.value_or(base.compute),
                        .transmit = transmit.value_or(base.transmit),
                        .receive = reader.quantity<Watts>("receive").value_or(base.receive),
                        .idle = reader.quantity<Watts>("idle").value_or(base.idle)};
    reader.finish();
    return powers;
}

// "conv1_2:outputs/3"; nothing: that is a block's name.
std::optional<std::pair<std::string, Split>> part_of(std::string const& key) {
    auto const colon = key.rfind(':');
    if (colon == std::string::npos) return std::nullopt;
    auto const split = split_of(std::string_view(key).substr(colon + 1));
    if (!split) return std::nullopt;
    return std::pair(key.substr(0, colon), *split);
}

void read_compute_seconds(TableReader reader, Device& device) {
    constexpr std::size_t most = 10'000;
    if (reader.value().keys.size() > most)
        fail_at(reader.value(), reader.path(),
                "has more than " + std::to_string(most) + " times; no network has so many blocks and parts");
    for (std::string const& key : reader.value().keys) {
        Value const& value = *reader.get(key);
        Seconds time{};
        if (value.type == Value::Type::text)
            time = *reader.quantity<Seconds>(key);
        else
            time = Seconds(number_of(value, reader.path_of(key), positive));
        refuse_outside(value, reader.path_of(key), time.value(), unit_system<Seconds>());
        auto const part = part_of(key);
        if (!(time > Seconds(0)))
            reader.fail(key, std::string("is 0 s; a ") + (part ? "part" : "block") + " takes some time");
        if (part)
            device.part_seconds.emplace(*part, time);
        else
            device.compute_seconds.emplace(key, time);
    }
}

// The keys that a study adds to a row.
void read_measurement(TableReader& reader, AccuracyRow& row) {
    row.samples = reader.integer("samples", 0, any_integer);
    row.correct = reader.integer("correct", 0, row.samples.value_or(any_integer));
    if (Value const* ends = reader.get("confidence")) {
        if (ends->type != Value::Type::list || ends->items.size() != 2)
            reader.fail("confidence", "must be the two ends of an interval, such as [0.91, 0.93]");
        auto const key = reader.path_of("confidence");
        auto const low = number_of(ends->items[0], key, {0, 1});
        row.confidence = {low, number_of(ends->items[1], key, {low, 1})};
    }
    if (auto const bytes = reader.integer("memory_gain_bytes", 0, any_integer)) row.memory_gain = Bytes(*bytes);
    if (auto const macs = reader.integer("computation_gain_macs", 0, any_integer)) row.computation_gain = Macs(*macs);
}

AccuracyRow read_accuracy_row(TableReader reader) {
    AccuracyRow row;
    row.dropped = reader.required("dropped", reader.texts("dropped"), "the blocks that are dropped, [] for none");
    auto sorted = row.dropped;
    std::ranges::sort(sorted);
    if (auto const twice = std::ranges::adjacent_find(sorted); twice != sorted.end())
        reader.fail("dropped", "names block \"" + *twice + "\" twice");
    row.mode = reader.choice<BlockMode>("mode", {{"skip", BlockMode::skip}, {"direct", BlockMode::direct}})
                   .value_or(BlockMode::skip);
    Value const* accuracy = reader.get("accuracy");
    if (!accuracy) reader.fail("accuracy", "is missing; it gives the share of right answers, 0 to 1");
    if (accuracy->type == Value::Type::real && accuracy->real > 1 && accuracy->real <= 100)
        reader.fail("accuracy",
                    "is above 1; it is a fraction, not per cent: write " + number_text(accuracy->real / 100));
    row.accuracy = number_of(*accuracy, reader.path_of("accuracy"), {0, 1});
    row.source = reader.text("source").value_or("");
    read_measurement(reader, row);
    // What a printed table says beside the accuracy; kept for the reader of the file.
    reader.text("printed");
    reader.text("remark");
    reader.number("printed_memory_mb", not_negative);
    reader.integer("printed_computation", 0, any_integer);
    reader.finish();
    return row;
}

}  // namespace

std::optional<Precision> read_precision(TableReader& reader) {
    return reader.choice<Precision>(
        "precision", {{"float32", Precision::float32}, {"bfloat16", Precision::bfloat16}, {"int8", Precision::int8}});
}

std::map<Precision, double> read_speedup(TableReader reader) {
    std::map<Precision, double> speedup;
    for (auto const precision : {Precision::bfloat16, Precision::int8})
        if (auto const factor = reader.number(to_string(precision), {0.001, 1000})) speedup.emplace(precision, *factor);
    reader.finish();
    return speedup;
}

Device read_device_keys(TableReader& reader, Device base, Keys keys) {
    auto const rate = reader.quantity<MacRate>("mac_rate");
    auto const memory = reader.quantity<Bytes>("memory");
    auto const macs = reader.quantity<Macs>("macs_per_round");
    auto const battery = read_battery(reader);
    auto const power = reader.table("power");
    auto const times = reader.table("compute_seconds");
    auto const speedup = reader.table("speedup");
    if (keys == Keys::all) {
        reader.required("mac_rate", rate, "how fast it computes, such as \"1.4 GMAC/s\"");
        reader.required("memory", memory, "its memory for blocks in a round, such as \"100 MB\"");
        reader.required("macs_per_round", macs, "how much it may compute in a round, such as \"1.4 GMAC\"");
        reader.required("battery", battery, "its energy for the whole run, such as \"800 J\", or \"mains\"");
        reader.required("power", power, "its powers, such as {compute = \"8 W\", transmit = \"10 W\"}");
    }
    auto const refuse_above = [&](std::string_view key, std::int64_t amount) {
        if (amount > largest_amount)
            reader.fail(key, "is too large; the most there can be is " + std::to_string(largest_amount));
    };
    refuse_above("memory", memory.value_or(Bytes(0)).value());
    refuse_above("macs_per_round", macs.value_or(Macs(0)).value());
    if (rate && !(*rate > MacRate(0))) reader.fail("mac_rate", "is 0; a device computes at some rate above 0");
    Device device = std::move(base);
    device.mac_rate = rate.value_or(device.mac_rate);
    device.memory = memory.value_or(device.memory);
    device.macs_per_round = macs.value_or(device.macs_per_round);
    device.battery = battery.value_or(device.battery);
    if (power) device.power = read_powers(*power, device.power, keys);
    if (rate || times) {
        device.compute_seconds.clear();
        device.part_seconds.clear();
    }
    if (times) read_compute_seconds(*times, device);
    if (speedup) device.speedup = read_speedup(*speedup);
    return device;
}

Device read_device_profile(TableReader reader) {
    Device device;
    device.name = name_of(reader);
    device.profile = device.name;
    reader.text("source");
    device = read_device_keys(reader, std::move(device), Keys::all);
    reader.finish();
    return device;
}

LinkModel read_link_keys(TableReader& reader, LinkModel base, Keys keys) {
    enum class Model { uniform, fixed };
    LinkModel links = std::move(base);
    auto const model = reader.choice<Model>("model", {{"uniform", Model::uniform}, {"fixed", Model::fixed}});
    auto const rate = reader.quantity<BitRate>("rate");
    auto const min = reader.quantity<BitRate>("min");
    auto const max = reader.quantity<BitRate>("max");
    if (rate && (min || max || model == Model::uniform))
        reader.fail("rate", "does not go with min, max or model = \"uniform\"; give rate, or min and max");
    if (model == Model::fixed && !rate)
        reader.fail("rate", "is missing; model = \"fixed\" needs the rate of every link");
    if (keys == Keys::all && !rate) {
        reader.required("min", min, "the lowest rate that is drawn, such as \"7.2 Mbit/s\"");
        reader.required("max", max, "the highest rate that is drawn, such as \"72.2 Mbit/s\"");
    }
    if (rate) links.min = links.max = *rate;
    links.min = min.value_or(links.min);
    links.max = max.value_or(links.max);
    std::string_view const low = rate ? "rate" : "min";
    if (!(links.min > BitRate(0))) reader.fail(low, "is 0; a link carries some rate above 0");
    if (links.min > links.max)
        reader.fail(min ? "min" : "max", "min (" + quantity_text(links.min) + ") is above max (" +
                                             quantity_text(links.max) + "); rates are drawn between min and max");
    links.symmetric = reader.boolean("symmetric").value_or(links.symmetric);
    links.redraw =
        reader.choice<Redraw>("redraw", {{"round", Redraw::round}, {"never", Redraw::never}}).value_or(links.redraw);
    links.latency = reader.quantity<Seconds>("latency").value_or(links.latency);
    links.jitter = reader.quantity<Seconds>("jitter").value_or(links.jitter);
    links.loss = reader.number("loss", {0, 1, Ends::open_high}).value_or(links.loss);
    if (links.loss > most_loss)
        reader.fail("loss", "is " + number_text(links.loss) + "; it must be at most " + number_text(most_loss) +
                                ", when every packet is sent a thousand times");
    links.efficiency = reader.number("efficiency", {0, 1, Ends::open_low, 0.001}).value_or(links.efficiency);
    links.medium =
        reader.choice<Medium>("medium", {{"links", Medium::links}, {"radio", Medium::radio}}).value_or(links.medium);
    return links;
}

LinkModel read_link_profile(TableReader reader) {
    LinkModel links;
    links.profile = name_of(reader);
    reader.text("source");
    links = read_link_keys(reader, std::move(links), Keys::all);
    reader.finish();
    return links;
}

AccuracyTable read_accuracy_table(TableReader reader, std::string const& name) {
    auto const format = reader.required("format", reader.text("format"), "the kind of file: \"skipstone-accuracy\"");
    if (format != "skipstone-accuracy")
        reader.fail("format", "is \"" + format + "\"; an accuracy table has \"skipstone-accuracy\"");
    auto const version =
        reader.required("version", reader.integer("version", 0, any_integer), "the version of the format: 1");
    if (version != 1) reader.fail("version", "is " + std::to_string(version) + "; this program reads version 1");
    AccuracyTable table;
    table.name = reader.text("name").value_or(name);
    table.network = reader.required("network", reader.text("network"), "the network that was measured");
    table.precision = read_precision(reader).value_or(table.precision);
    table.dataset = reader.text("dataset").value_or("");
    table.samples = reader.integer("samples", 0, any_integer).value_or(0);
    table.source = reader.text("source").value_or("");
    table.weights_sha256 = reader.text("weights_sha256").value_or("");
    for (auto const* key : {"date", "weights", "software", "remark", "convolutions"}) reader.text(key);
    for (auto const* key : {"labels", "blocks"}) reader.texts(key);
    reader.integers("stages", 1, std::numeric_limits<int>::max());
    reader.integer("input", 1, any_integer);
    for (TableReader& row : reader.required("row", reader.tables("row"), "its rows, [[row]] each"))
        table.rows.push_back(read_accuracy_row(std::move(row)));
    reader.finish();
    if (table.rows.empty() || !table.rows.front().dropped.empty())
        reader.fail("row",
                    "the first row must be the network with nothing dropped; write dropped = [] and its accuracy");
    return table;
}

std::string string_list(std::vector<std::string> const& texts) {
    std::string list = "[";
    for (std::size_t i = 0; i < texts.size(); ++i) list += (i > 0 ? ", " : "") + toml_string(texts[i]);
    return list + "]";
}

std::string toml_key(std::string_view key) {
    bool const bare = !key.empty() && std::ranges::all_of(key, [](char c) {
        return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' || c == '-';
    });
    return bare ? std::string(key) : toml_string(key);
}

std::string device_lines(Device const& device) {
    std::string text =
        line("mac_rate", quantity_string(device.mac_rate)) + line("memory", quantity_string(device.memory)) +
        line("macs_per_round", quantity_string(device.macs_per_round)) +
        line("battery", std::isinf(device.battery.value()) ? toml_string(mains) : quantity_string(device.battery)) +
        line("power", "{compute = " + quantity_string(device.power.compute) +
                          ", transmit = " + quantity_string(device.power.transmit) +
                          ", receive = " + quantity_string(device.power.receive) +
                          ", idle = " + quantity_string(device.power.idle) + "}");
    std::string times;
    auto const add_time = [&](std::string const& key, Seconds time) {
        times += (times.empty() ? "" : ", ") + toml_key(key) + " = " + number_text(time.value());
    };
    for (auto const& [block, time] : device.compute_seconds) add_time(block, time);
    for (auto const& [part, time] : device.part_seconds) add_time(part.first + ":" + to_string(part.second), time);
    if (!times.empty()) text += line("compute_seconds", "{" + times + "}");
    if (!device.speedup.empty()) {
        std::string factors;
        for (auto const& [precision, factor] : device.speedup)
            factors += (factors.empty() ? "" : ", ") + std::string(to_string(precision)) + " = " + number_text(factor);
        text += line("speedup", "{" + factors + "}");
    }
    return text;
}

std::string link_lines(LinkModel const& links) {
    return line("model", "\"uniform\"") + line("min", quantity_string(links.min)) +
           line("max", quantity_string(links.max)) + line("symmetric", links.symmetric ? "true" : "false") +
           line("redraw", toml_string(word(links.redraw))) + line("latency", quantity_string(links.latency)) +
           line("jitter", quantity_string(links.jitter)) + line("loss", number_text(links.loss)) +
           line("efficiency", number_text(links.efficiency)) + line("medium", toml_string(word(links.medium)));
}

std::string accuracy_lines(AccuracyTable const& table) {
    std::string text = line("format", "\"skipstone-accuracy\"") + line("version", "1") +
                       line("network", toml_string(table.network)) +
                       line("precision", toml_string(to_string(table.precision))) +
                       line("dataset", toml_string(table.dataset)) + line("samples", std::to_string(table.samples));
    if (!table.source.empty()) text += line("source", toml_string(table.source));
    return text;
}

std::string accuracy_rows(AccuracyTable const& table, std::string_view section) {
    std::string text;
    for (AccuracyRow const& row : table.rows) {
        text += "\n[[" + std::string(section) + "]]\n" + line("dropped", string_list(row.dropped));
        if (row.mode == BlockMode::direct) text += line("mode", "\"direct\"");
        text += line("accuracy", number_text(row.accuracy));
        if (row.correct) text += line("correct", std::to_string(*row.correct));
        if (row.samples) text += line("samples", std::to_string(*row.samples));
        if (row.confidence)
            text += line("confidence",
                         "[" + number_text(row.confidence->low) + ", " + number_text(row.confidence->high) + "]");
        if (row.memory_gain) text += line("memory_gain_bytes", std::to_string(row.memory_gain->value()));
        if (row.computation_gain) text += line("computation_gain_macs", std::to_string(row.computation_gain->value()));
        if (!row.source.empty()) text += line("source", toml_string(row.source));
    }
    return text;
}

}  // namespace skipstone::config

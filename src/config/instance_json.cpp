#include "config/instance_json.hpp"

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <limits>
#include <map>
#include <optional>
#include <set>
#include <utility>

#include "config/exit_json.hpp"
#include "config/file_kind.hpp"
#include "config/json_names.hpp"
#include "config/json_reader.hpp"
#include "config/split_json.hpp"
#include "config/table_reader.hpp"
#include "config/toml_reader.hpp"
#include "units/error.hpp"

namespace skipstone::config {

namespace {

constexpr std::int64_t most_in_sum = std::int64_t{1} << 60;  // MACs or bytes of all blocks together

InstanceBlock read_block(TableReader reader, Names& names) {
    InstanceBlock block;
    block.name = needed(reader, "name", reader.text("name"), "the block's name");
    names.add(reader, block.name);
    auto const whole = [&](std::string_view key) { return reader.integer(key, 0, largest_amount); };
    block.macs = Macs(needed(reader, "macs", whole("macs"), "its multiply-accumulates"));
    block.memory = Bytes(needed(reader, "memory_bytes", whole("memory_bytes"), "the memory that it needs"));
    block.output = Bytes(needed(reader, "output_bytes", whole("output_bytes"), "the size of its output"));
    block.weights = Bytes(whole("weight_bytes").value_or(0));
    block.skip_macs =
        Macs(needed(reader, "skip_macs", whole("skip_macs"), "what remains of macs when it is dropped, 0 for nothing"));
    block.skip_memory = Bytes(needed(reader, "skip_memory_bytes", whole("skip_memory_bytes"),
                                     "what remains of memory_bytes when it is dropped, 0 for nothing"));
    block.splits = read_splits(reader);
    reader.finish();
    if (block.skip_macs > block.macs)
        reader.fail("skip_macs", "is above macs; dropping a block leaves at most what it had");
    return block;
}

DropOption read_drop_option(TableReader reader, Names const& blocks, Instance const& instance) {
    DropOption option;
    auto const names = needed(reader, "dropped", reader.texts("dropped"), "the blocks that are dropped, [] for none");
    Value const& list = *reader.get("dropped");
    for (std::size_t i = 0; i < names.size(); ++i)
        option.dropped.push_back(
            BlockId(blocks.at(list, reader.path_of("dropped") + "[" + std::to_string(i) + "]", names[i], "block")));
    std::ranges::sort(option.dropped);
    if (std::ranges::adjacent_find(option.dropped) != option.dropped.end())
        reader.fail("dropped", "names a block twice");
    option.accuracy =
        needed(reader, "accuracy", reader.number("accuracy", {0, 1}), "the share of right answers, 0 to 1");
    option.reach = read_reach(reader, instance.exits, instance.blocks.size());
    reader.finish();
    return option;
}

// Measured times of parts: {"conv1_2:outputs/3": 0.794}.
std::map<std::pair<BlockId, Split>, Seconds> read_part_times(TableReader times, Names const& names,
                                                             std::vector<InstanceBlock> const& blocks) {
    std::map<std::pair<BlockId, Split>, Seconds> parts;
    for (std::string const& key : times.value().keys) {
        Value const& value = *times.get(key);
        auto const colon = std::min(key.rfind(':'), key.size());
        auto const split = read_split(value, times.path_of(key), key.substr(std::min(colon + 1, key.size())));
        BlockId const block(names.at(value, times.path_of(key), key.substr(0, colon), "block"));
        if (!blocks[block.index()].find(split))
            times.fail(key, "is of a split that is not among the \"splits\" of " + blocks[block.index()].name);
        parts[{block, split}] = Seconds(*times.number(key, some));
    }
    return parts;
}

InstanceDevice read_device(TableReader reader, Names& names, Names const& block_names, Instance const& instance) {
    auto const& blocks = instance.blocks;
    InstanceDevice device;
    device.name = needed(reader, "name", reader.text("name"), "the device's name");
    names.add(reader, device.name);
    device.mac_rate = MacRate(needed(reader, "mac_rate", reader.number("mac_rate", some), "its rate in MAC/s"));
    device.memory =
        Bytes(needed(reader, "memory_bytes", reader.integer("memory_bytes", 0, largest_amount), "its memory in bytes"));
    device.macs =
        Macs(needed(reader, "macs", reader.integer("macs", 0, largest_amount), "what it may compute in the round"));
    Value const* energy = reader.get("energy_j");
    device.energy = energy && energy->type == Value::Type::null
                        ? Joules(std::numeric_limits<double>::infinity())
                        : Joules(needed(reader, "energy_j", reader.number("energy_j", some_or_none),
                                        "the energy that it has left, or null: mains supply"));
    auto const power = [&](std::string_view key) { return reader.number(key, some_or_none); };
    device.power_compute =
        Watts(needed(reader, "power_compute_w", power("power_compute_w"), "its power while it computes"));
    device.power_transmit =
        Watts(needed(reader, "power_transmit_w", power("power_transmit_w"), "its power while it transmits"));
    device.power_receive = Watts(power("power_receive_w").value_or(0));
    if (auto times = reader.table("compute_s")) {
        device.compute.resize(blocks.size());
        for (std::string const& block : times->value().keys) {
            std::size_t const index = block_names.at(*times->get(block), times->path_of(block), block, "block");
            device.compute[index] = Seconds(*times->number(block, some));
        }
        if (times->value().keys.empty()) device.compute.clear();
    }
    if (auto times = reader.table("part_compute_s"))
        device.part_compute = read_part_times(std::move(*times), block_names, blocks);
    if (auto times = reader.table("head_compute_s")) device.head_compute = read_head_times(*times, instance.exits);
    if (auto const because =
            reader.choice<OffBecause>("off", {{"energy", OffBecause::energy}, {"outage", OffBecause::outage}}))
        device.switch_off(*because);
    reader.finish();
    return device;
}

// Pairs of devices whose link is down.
std::set<std::pair<DeviceId, DeviceId>> read_cut(Value const& value, Names const& devices) {
    std::set<std::pair<DeviceId, DeviceId>> pairs;
    if (value.type != Value::Type::list) fail_at(value, "cut", "must be a list of pairs of devices");
    for (std::size_t i = 0; i < value.items.size(); ++i) {
        Value const& pair = value.items[i];
        std::string const path = "cut[" + std::to_string(i) + "]";
        if (pair.type != Value::Type::list || pair.items.size() != 2 || pair.items[0].type != Value::Type::text ||
            pair.items[1].type != Value::Type::text)
            fail_at(pair, path, "must be the names of two devices");
        DeviceId const a(devices.at(pair, path, pair.items[0].text, "device"));
        DeviceId const b(devices.at(pair, path, pair.items[1].text, "device"));
        if (a == b) fail_at(pair, path, "names a device twice; a link joins two");
        pairs.insert(std::minmax(a, b));
    }
    return pairs;
}

enum class Null { refused, zero };  // what null off the diagonal is

// A square matrix as lists of rows; the diagonal may be null or a number, and counts as 0.
std::vector<double> read_matrix(Value const& value, std::string const& key, std::size_t size, Interval interval,
                                Null null) {
    std::string const shape =
        "must be " + std::to_string(size) + " rows of " + std::to_string(size) + " numbers, one per device";
    if (value.type != Value::Type::list || value.items.size() != size) fail_at(value, key, shape);
    std::vector<double> matrix;
    matrix.reserve(size * size);
    for (std::size_t i = 0; i < size; ++i) {
        Value const& row = value.items[i];
        std::string const path = key + "[" + std::to_string(i) + "]";
        if (row.type != Value::Type::list || row.items.size() != size) fail_at(row, path, shape);
        for (std::size_t k = 0; k < size; ++k) {
            Value const& item = row.items[k];
            std::string const here = path + "[" + std::to_string(k) + "]";
            bool const empty = item.type == Value::Type::null && (i == k || null == Null::zero);
            double const number = empty ? 0 : number_of(item, here, i == k ? some_or_none : interval);
            matrix.push_back(i == k ? 0 : number);
        }
    }
    return matrix;
}

// So that what a request computes, holds and moves can be added up, however its blocks are split.
void limit_sums(TableReader const& reader, std::vector<InstanceBlock> const& blocks) {
    auto const limit = [&](std::string_view key, auto whole, auto of_part) {
        double sum = 0;
        for (auto const& block : blocks) {
            double most = static_cast<double>((block.*whole).value());
            for (auto const& way : block.splits) {
                double parts = key == "macs" ? static_cast<double>(way.join_macs.value()) : 0;
                for (auto const& part : way.parts) parts += static_cast<double>((part.*of_part).value());
                most = std::max(most, parts);
            }
            sum += most;
        }
        if (sum > static_cast<double>(most_in_sum))
            reader.fail("blocks", "has " + std::string(key) + " of more than " + std::to_string(most_in_sum) +
                                      " in sum; that is the most there can be");
    };
    limit("macs", &InstanceBlock::macs, &InstancePart::macs);
    limit("memory_bytes", &InstanceBlock::memory, &InstancePart::memory);
    limit("output_bytes", &InstanceBlock::output, &InstancePart::output_bytes);
    limit("weight_bytes", &InstanceBlock::weights, &InstancePart::weights);
}

Instance read_instance(Value const& root) {
    TableReader reader(root, "");
    auto const format = needed(reader, "format", reader.text("format"), "the kind of file: \"skipstone-instance\"");
    if (format != "skipstone-instance")
        reader.fail("format", "is \"" + format + "\"; an instance has \"skipstone-instance\"");
    auto const version =
        needed(reader, "version", reader.integer("version", 0, any_integer), "the version of the format: 1");
    if (version != 1) reader.fail("version", "is " + std::to_string(version) + "; this program reads version 1");

    Instance instance;
    instance.goal = reader.choice<Goal>("goal", {{"latency", Goal::latency}, {"throughput", Goal::throughput}})
                        .value_or(Goal::latency);
    instance.alpha = needed(reader, "alpha", reader.number("alpha", {0, 1}), "the weight of the latency");
    instance.beta = needed(reader, "beta", reader.number("beta", {0, 1}), "the weight of the accuracy loss");
    if (std::abs(instance.alpha + instance.beta - 1) > 1e-9)
        reader.fail("alpha", "alpha + beta is " + number_text(instance.alpha + instance.beta) + "; it must be 1");
    instance.accuracy_threshold = needed(reader, "accuracy_threshold", reader.number("accuracy_threshold", {0, 1}),
                                         "the accuracy that every request must have");
    instance.requests = static_cast<int>(
        needed(reader, "requests", reader.integer("requests", 0, most_requests), "the number of requests"));
    instance.reference_latency = Seconds(needed(
        reader, "reference_latency_s", reader.number("reference_latency_s", some), "what latencies are divided by"));
    instance.residual = reader.choice<Residual>("residual", {{"fused", Residual::fused}, {"paper", Residual::paper}})
                            .value_or(Residual::fused);
    instance.memory =
        reader.choice<MemoryModel>("memory", {{"paper", MemoryModel::paper}, {"resident", MemoryModel::resident}})
            .value_or(instance.goal == Goal::throughput ? MemoryModel::resident : MemoryModel::paper);
    if (instance.goal == Goal::throughput && instance.memory == MemoryModel::paper)
        reader.fail("memory",
                    "\"paper\" does not go with \"goal\": \"throughput\", where weights stay on their devices; "
                    "write \"resident\", or leave it out");
    instance.input = Bytes(reader.integer("input_bytes", 0, largest_amount).value_or(0));

    Names blocks;
    for (TableReader& block : needed(reader, "blocks", reader.tables("blocks"), "the network's blocks, in order"))
        instance.blocks.push_back(read_block(std::move(block), blocks));
    if (instance.blocks.empty()) reader.fail("blocks", "is empty; a network has at least one block");
    limit_sums(reader, instance.blocks);
    if (instance.residual == Residual::paper &&
        std::ranges::any_of(instance.blocks, [](auto const& block) { return !block.splits.empty(); }))
        reader.fail("residual",
                    "\"paper\" moves two tensors after a block, and parts have one; write \"fused\", or leave out "
                    "\"splits\"");

    instance.exits = read_exits(reader, blocks, instance.blocks.size());
    if (!instance.exits.empty())
        instance.reserve_expected =
            reader.choice<bool>("reserve", {{"worst", false}, {"expected", true}}).value_or(false);

    Value const* accuracy = reader.get("accuracy");
    instance.accuracy_known = !accuracy || accuracy->type != Value::Type::null;
    if (!instance.accuracy_known) {
        instance.accuracy = {{.dropped = {}, .accuracy = 1}};
        if (instance.accuracy_threshold > 0)
            reader.fail("accuracy_threshold", "has no effect where \"accuracy\" is null; write 0");
    }
    std::vector<TableReader> rows;
    if (instance.accuracy_known)
        rows =
            needed(reader, "accuracy", reader.tables("accuracy"),
                   "the sets that may be dropped, with their accuracy, or null: none may be, and no accuracy is known");
    for (TableReader& row : rows) {
        DropOption option = read_drop_option(std::move(row), blocks, instance);
        auto const same = std::ranges::find(instance.accuracy, option.dropped, &DropOption::dropped);
        if (same == instance.accuracy.end())
            instance.accuracy.push_back(std::move(option));
        else
            same->accuracy = std::min(same->accuracy, option.accuracy);
    }
    auto const nothing = std::ranges::find_if(instance.accuracy, [](DropOption const& o) { return o.dropped.empty(); });
    if (nothing == instance.accuracy.end())
        reader.fail("accuracy", "has no entry with \"dropped\": []; the accuracy of the whole network must be known");
    std::rotate(instance.accuracy.begin(), nothing, nothing + 1);

    Names devices;
    for (TableReader& device : needed(reader, "devices", reader.tables("devices"), "the devices"))
        instance.devices.push_back(read_device(std::move(device), devices, blocks, instance));
    if (instance.devices.empty()) reader.fail("devices", "is empty; at least one device is needed");
    std::size_t const count = instance.devices.size();

    if (Value const* source = reader.get("source"); source && source->type != Value::Type::null) {
        if (source->type != Value::Type::text) reader.fail("source", "must be a device's name or null");
        instance.source = DeviceId(devices.at(*source, "source", source->text, "device"));
        if (!reader.has("input_bytes"))
            reader.fail("input_bytes", "is missing; with a source the size of an image must be known");
    }
    Value const* rates = reader.get("rate_bit_s");
    if (!rates) reader.fail("rate_bit_s", "is missing; it gives the rates from every device to every other");
    std::vector<double> latency{0};
    if (Value const* value = reader.get("latency_s"))
        latency = value->type == Value::Type::list
                      ? read_matrix(*value, "latency_s", count, some_or_none, Null::refused)
                      : std::vector{number_of(*value, "latency_s", some_or_none)};
    instance.links = LinkTable::dense(count, read_matrix(*rates, "rate_bit_s", count, some, Null::zero), latency);
    if (Value const* cut = reader.get("cut")) instance.cut_links(read_cut(*cut, devices));
    reader.finish();
    return instance;
}

}  // namespace

Instance parse_instance(std::string_view text, std::string const& file) {
    return read_instance(parse_json(text, origin_of(file)));
}

Instance load_instance(std::filesystem::path const& path) {
    return read_as(FileKind::instance, path, [&] { return parse_instance(read_text_file(path), path.string()); });
}

}  // namespace skipstone::config

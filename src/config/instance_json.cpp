#include "config/instance_json.hpp"

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <limits>
#include <map>
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>
#include <set>
#include <utility>

#include "config/file_kind.hpp"
#include "config/json_reader.hpp"
#include "config/table_reader.hpp"
#include "config/toml_reader.hpp"
#include "units/error.hpp"
#include "units/nearest.hpp"

namespace skipstone::config {

namespace {

using Json = nlohmann::ordered_json;

constexpr std::int64_t any_integer = std::numeric_limits<std::int64_t>::max();
constexpr std::int64_t most_requests = 1'000'000;
constexpr std::int64_t most_in_sum = std::int64_t{1} << 60;  // MACs or bytes of all blocks together
// Rates, times, energies and powers: what a scenario's numbers can lead to, and no more than can be counted with.
constexpr double least_measure = 1e-24, most_measure = 1e24;
constexpr Interval some{0, most_measure, Ends::open_low, least_measure};
constexpr Interval some_or_none{0, most_measure, Ends::closed, least_measure};

// Indices by name, with an error that names the nearest.
class Names {
  public:
    void add(TableReader const& reader, std::string const& name) {
        if (name.empty()) reader.fail("name", "is empty; give it a name");
        if (!index_.emplace(name, names_.size()).second)
            reader.fail("name", "\"" + name + "\" stands twice; names must differ");
        if (printable(name) != name) reader.fail("name", "has control characters");
        names_.push_back(name);
    }
    std::optional<std::size_t> find(std::string const& name) const {
        auto const found = index_.find(name);
        if (found == index_.end()) return std::nullopt;
        return found->second;
    }
    std::size_t at(Value const& place, std::string const& key, std::string const& name, std::string_view noun) const {
        auto const found = find(name);
        if (!found)
            fail_at(
                place, key,
                "there is no " + std::string(noun) + " \"" + name + "\" (nearest: \"" + nearest(name, names_) + "\")");
        return *found;
    }

  private:
    std::vector<std::string> names_;
    std::map<std::string, std::size_t, std::less<>> index_;
};

template <class T>
T needed(TableReader const& reader, std::string_view key, std::optional<T> value, std::string_view meaning) {
    return reader.required(key, std::move(value), meaning);
}

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
    reader.finish();
    if (block.skip_macs > block.macs)
        reader.fail("skip_macs", "is above macs; dropping a block leaves at most what it had");
    return block;
}

DropOption read_drop_option(TableReader reader, Names const& blocks) {
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
    reader.finish();
    return option;
}

InstanceDevice read_device(TableReader reader, Names& names, Names const& blocks, std::size_t block_count) {
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
        device.compute.resize(block_count);
        for (std::string const& block : times->value().keys) {
            std::size_t const index = blocks.at(*times->get(block), times->path_of(block), block, "block");
            device.compute[index] = Seconds(*times->number(block, some));
        }
        if (times->value().keys.empty()) device.compute.clear();
    }
    if (auto const because = reader.choice<OffBecause>("off", {{"energy", OffBecause::energy},
                                                               {"outage", OffBecause::outage}}))
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

Instance read_instance(Value const& root) {
    TableReader reader(root, "");
    auto const format = needed(reader, "format", reader.text("format"), "the kind of file: \"skipstone-instance\"");
    if (format != "skipstone-instance")
        reader.fail("format", "is \"" + format + "\"; an instance has \"skipstone-instance\"");
    auto const version =
        needed(reader, "version", reader.integer("version", 0, any_integer), "the version of the format: 1");
    if (version != 1) reader.fail("version", "is " + std::to_string(version) + "; this program reads version 1");

    Instance instance;
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
            .value_or(MemoryModel::paper);
    instance.input = Bytes(reader.integer("input_bytes", 0, largest_amount).value_or(0));

    Names blocks;
    for (TableReader& block : needed(reader, "blocks", reader.tables("blocks"), "the network's blocks, in order"))
        instance.blocks.push_back(read_block(std::move(block), blocks));
    if (instance.blocks.empty()) reader.fail("blocks", "is empty; a network has at least one block");
    auto const limit_sum = [&](std::string_view key, auto InstanceBlock::*amount) {
        double sum = 0;
        for (auto const& block : instance.blocks) sum += static_cast<double>((block.*amount).value());
        if (sum > static_cast<double>(most_in_sum))
            reader.fail("blocks", "has " + std::string(key) + " of more than " + std::to_string(most_in_sum) +
                                      " in sum; that is the most there can be");
    };
    limit_sum("macs", &InstanceBlock::macs);
    limit_sum("memory_bytes", &InstanceBlock::memory);
    limit_sum("output_bytes", &InstanceBlock::output);
    limit_sum("weight_bytes", &InstanceBlock::weights);

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
        DropOption option = read_drop_option(std::move(row), blocks);
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
        instance.devices.push_back(read_device(std::move(device), devices, blocks, instance.blocks.size()));
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

struct LinksJson {
    Json rates;    // matrix
    Json latency;  // a number where all are equal, else a matrix
};

LinksJson links_json(Instance const& instance) {
    LinkTable const& links = instance.cut ? instance.cut->whole : instance.links;
    auto const count = instance.devices.size();
    std::optional<double> common;
    bool uniform = true;
    Json matrix = Json::array();
    Json rates = Json::array();
    for (std::size_t i = 0; i < count; ++i) {
        Json rate_row = Json::array(), latency_row = Json::array();
        for (std::size_t k = 0; k < count; ++k) {
            if (i == k) {
                rate_row.push_back(nullptr);
                latency_row.push_back(nullptr);
                continue;
            }
            DeviceId const from(i), to(k);
            double const rate = links.rate(from, to).value();
            double const latency = links.latency(from, to).value();
            rate_row.push_back(rate > 0 ? Json(rate) : Json(nullptr));
            latency_row.push_back(latency);
            if (!common) common = latency;
            uniform = uniform && latency == *common;
        }
        rates.push_back(std::move(rate_row));
        matrix.push_back(std::move(latency_row));
    }
    return {std::move(rates), uniform ? Json(common.value_or(0)) : std::move(matrix)};
}

Json names_json(Instance const& instance, std::vector<BlockId> const& dropped) {
    Json names = Json::array();
    for (BlockId const block : dropped) names.push_back(instance.blocks.at(block.index()).name);
    return names;
}

Json finite(double value) {
    return std::isfinite(value) ? Json(value) : Json(nullptr);
}
Json finite(std::optional<double> value) {
    return value ? finite(*value) : Json(nullptr);
}

Json request_json(Instance const& instance, RequestPlan const& request) {
    Json devices = Json::object();
    for (std::size_t block = 0; block < request.devices.size(); ++block) {
        DeviceId const device = request.devices[block];
        devices[instance.blocks.at(block).name] =
            device ? Json(instance.devices.at(device.index()).name) : Json(nullptr);
    }
    return {{"admitted", request.admitted},
            {"dropped", names_json(instance, request.dropped)},
            {"accuracy", request.admitted ? finite(request.accuracy) : Json(nullptr)},
            {"latency_s", request.admitted ? finite(request.latency.value()) : Json(nullptr)},
            {"devices", std::move(devices)}};
}

Json result_json(Instance const& instance, PlanResult const& result) {
    Json energy = Json::array();
    for (Joules const joules : result.energy) energy.push_back(joules.value());
    Json requests = Json::array();
    for (RequestPlan const& request : result.requests) requests.push_back(request_json(instance, request));
    std::string_view const binding = to_string(result.binding);
    bool const any = result.admitted > 0;
    return {{"planner", result.planner},
            {"status", to_string(result.status)},
            {"objective", finite(result.objective)},
            {"bound", finite(result.bound)},
            {"gap", finite(result.gap)},
            {"seconds", finite(result.seconds)},
            {"requested", result.requested},
            {"admitted", result.admitted},
            {"admitted_bound", result.admitted_bound},
            {"binding", binding.empty() ? Json(nullptr) : Json(binding)},
            {"mean_latency_s", any ? finite(result.mean_latency.value()) : Json(nullptr)},
            {"mean_accuracy", any ? finite(result.mean_accuracy) : Json(nullptr)},
            {"shared_bytes", result.shared.value()},
            {"energy_j", std::move(energy)},
            {"requests", std::move(requests)}};
}

// A number, or none for null.
std::optional<double> number_or_null(TableReader& reader, std::string_view key, Interval interval) {
    Value const* value = reader.get(key);
    if (!value) reader.fail(key, "is missing; it is a number or null");
    if (value->type == Value::Type::null) return std::nullopt;
    return number_of(*value, reader.path_of(key), interval);
}

struct InstanceNames {
    Names blocks, devices;
};

InstanceNames names_of(Instance const& instance, TableReader const& reader) {
    InstanceNames names;
    for (auto const& block : instance.blocks) names.blocks.add(reader, block.name);
    for (auto const& device : instance.devices) names.devices.add(reader, device.name);
    return names;
}

RequestPlan read_request(TableReader reader, InstanceNames const& names, Instance const& instance) {
    RequestPlan request;
    request.admitted = needed(reader, "admitted", reader.boolean("admitted"), "whether the request is admitted");
    auto const dropped = needed(reader, "dropped", reader.texts("dropped"), "the blocks that are dropped");
    for (std::string const& name : dropped)
        request.dropped.push_back(
            BlockId(names.blocks.at(*reader.get("dropped"), reader.path_of("dropped"), name, "block")));
    std::ranges::sort(request.dropped);
    auto const unknown = request.admitted && !instance.accuracy_known ? std::numeric_limits<double>::quiet_NaN() : 0;
    request.accuracy = number_or_null(reader, "accuracy", {0, 1}).value_or(unknown);
    request.latency = Seconds(number_or_null(reader, "latency_s", not_negative).value_or(0));
    TableReader devices = needed(reader, "devices", reader.table("devices"), "the device of every block");
    if (!devices.value().keys.empty()) request.devices.resize(instance.blocks.size());
    for (std::string const& block : devices.value().keys) {
        Value const& value = *devices.get(block);
        std::size_t const index = names.blocks.at(value, devices.path_of(block), block, "block");
        if (value.type == Value::Type::null) continue;
        if (value.type != Value::Type::text) devices.fail(block, "must be a device's name or null");
        request.devices[index] = DeviceId(names.devices.at(value, devices.path_of(block), value.text, "device"));
    }
    reader.finish();
    return request;
}

PlanResult read_result(TableReader reader, Instance const& instance) {
    InstanceNames const names = names_of(instance, reader);
    PlanResult result;
    result.planner = needed(reader, "planner", reader.text("planner"), "the planner's name");
    result.status = needed(reader, "status",
                           reader.choice<PlanStatus>("status", {{"optimal", PlanStatus::optimal},
                                                                {"feasible", PlanStatus::feasible},
                                                                {"infeasible", PlanStatus::infeasible}}),
                           "\"optimal\", \"feasible\" or \"infeasible\"");
    result.objective = number_or_null(reader, "objective", {});
    result.bound = number_or_null(reader, "bound", {});
    result.gap = number_or_null(reader, "gap", {});
    result.seconds = number_or_null(reader, "seconds", not_negative).value_or(0);
    auto const count = [&](std::string_view key) {
        return static_cast<int>(needed(reader, key, reader.integer(key, 0, most_requests), "a number of requests"));
    };
    result.requested = count("requested");
    result.admitted = count("admitted");
    result.admitted_bound = count("admitted_bound");
    if (Value const* binding = reader.get("binding"); binding && binding->type != Value::Type::null)
        result.binding = *reader.choice<Binding>("binding", {{"memory", Binding::memory},
                                                             {"compute", Binding::compute},
                                                             {"energy", Binding::energy},
                                                             {"accuracy", Binding::accuracy},
                                                             {"link", Binding::link},
                                                             {"outage", Binding::outage}});
    result.mean_latency = Seconds(number_or_null(reader, "mean_latency_s", not_negative).value_or(0));
    result.mean_accuracy = number_or_null(reader, "mean_accuracy", {0, 1}).value_or(0);
    result.shared =
        Bytes(needed(reader, "shared_bytes", reader.integer("shared_bytes", 0, any_integer), "bytes that move"));
    Value const* energy = reader.get("energy_j");
    if (!energy || energy->type != Value::Type::list || energy->items.size() != instance.devices.size())
        reader.fail("energy_j",
                    "must be a list of " + std::to_string(instance.devices.size()) + " numbers, one per device");
    for (std::size_t i = 0; i < energy->items.size(); ++i)
        result.energy.push_back(Joules(
            number_of(energy->items[i], reader.path_of("energy_j") + "[" + std::to_string(i) + "]", not_negative)));
    for (TableReader& request : needed(reader, "requests", reader.tables("requests"), "the plan of every request"))
        result.requests.push_back(read_request(std::move(request), names, instance));
    reader.finish();
    return result;
}

std::shared_ptr<Origin const> origin_of(std::string const& file) {
    return std::make_shared<Origin const>(Origin{file, std::filesystem::path(file).parent_path()});
}

}  // namespace

Instance parse_instance(std::string_view text, std::string const& file) {
    return read_instance(parse_json(text, origin_of(file)));
}

Instance load_instance(std::filesystem::path const& path) {
    return read_as(FileKind::instance, path, [&] { return parse_instance(read_text_file(path), path.string()); });
}

std::string instance_text(Instance const& instance) {
    Json json{{"format", "skipstone-instance"},
              {"version", 1},
              {"alpha", instance.alpha},
              {"beta", instance.beta},
              {"accuracy_threshold", instance.accuracy_threshold},
              {"requests", instance.requests},
              {"reference_latency_s", instance.reference_latency.value()},
              {"residual", instance.residual == Residual::fused ? "fused" : "paper"},
              {"memory", instance.memory == MemoryModel::paper ? "paper" : "resident"},
              {"source", instance.source ? Json(instance.devices.at(instance.source->index()).name) : Json(nullptr)},
              {"input_bytes", instance.input.value()}};
    Json blocks = Json::array();
    for (auto const& block : instance.blocks)
        blocks.push_back({{"name", block.name},
                          {"macs", block.macs.value()},
                          {"memory_bytes", block.memory.value()},
                          {"output_bytes", block.output.value()},
                          {"weight_bytes", block.weights.value()},
                          {"skip_macs", block.skip_macs.value()},
                          {"skip_memory_bytes", block.skip_memory.value()}});
    json["blocks"] = std::move(blocks);
    Json accuracy = Json::array();
    for (auto const& option : instance.accuracy)
        accuracy.push_back({{"dropped", names_json(instance, option.dropped)}, {"accuracy", option.accuracy}});
    json["accuracy"] = instance.accuracy_known ? std::move(accuracy) : Json(nullptr);
    Json devices = Json::array();
    for (auto const& device : instance.devices) {
        auto on = device;
        on.switch_on();
        Json entry{{"name", device.name},
                   {"mac_rate", device.mac_rate.value()},
                    {"memory_bytes", on.memory.value()},
                    {"macs", on.macs.value()},
                    {"energy_j", finite(on.energy.value())},
                   {"power_compute_w", device.power_compute.value()},
                   {"power_transmit_w", device.power_transmit.value()},
                   {"power_receive_w", device.power_receive.value()}};
        Json times = Json::object();
        for (std::size_t block = 0; block < device.compute.size(); ++block)
            if (device.compute[block]) times[instance.blocks.at(block).name] = device.compute[block]->value();
        if (!times.empty()) entry["compute_s"] = std::move(times);
        if (device.off) entry["off"] = device.off->because == OffBecause::energy ? "energy" : "outage";
        devices.push_back(std::move(entry));
    }
    json["devices"] = std::move(devices);
    LinksJson links = links_json(instance);
    json["rate_bit_s"] = std::move(links.rates);
    json["latency_s"] = std::move(links.latency);
    if (instance.cut) {
        json["cut"] = Json::array();
        for (auto const& [a, b] : instance.cut->pairs)
            json["cut"].push_back({instance.devices.at(a.index()).name, instance.devices.at(b.index()).name});
    }
    return json.dump(1) + "\n";
}

std::string results_text(Instance const& instance, std::vector<PlanResult> const& results) {
    if (results.size() == 1) return result_json(instance, results.front()).dump(1) + "\n";
    Json list = Json::array();
    for (PlanResult const& result : results) list.push_back(result_json(instance, result));
    return list.dump(1) + "\n";
}

std::vector<PlanResult> parse_results(std::string_view text, std::string const& file, Instance const& instance) {
    Value const root = parse_json(text, origin_of(file));
    std::vector<PlanResult> results;
    if (root.type != Value::Type::list) {
        results.push_back(read_result(TableReader(root, ""), instance));
        return results;
    }
    for (std::size_t i = 0; i < root.items.size(); ++i)
        results.push_back(read_result(TableReader(root.items[i], "[" + std::to_string(i) + "]"), instance));
    return results;
}

}  // namespace skipstone::config

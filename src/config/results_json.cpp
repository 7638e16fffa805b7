#include <algorithm>
#include <array>
#include <limits>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "config/instance_json.hpp"
#include "config/json_names.hpp"
#include "config/json_reader.hpp"
#include "config/split_json.hpp"
#include "config/table_reader.hpp"

// What planners answer, as JSON.
namespace skipstone::config {

namespace {

std::string const& name_of(Instance const& instance, DeviceId device) {
    return instance.devices.at(device.index()).name;
}

Json request_json(Instance const& instance, RequestPlan const& request) {
    Json devices = Json::object();
    for (std::size_t block = 0; block < request.devices.size(); ++block) {
        DeviceId const device = request.devices[block];
        devices[instance.blocks.at(block).name] = device ? Json(name_of(instance, device)) : Json(nullptr);
    }
    for (SplitBlock const& way : request.splits) {
        Json parts = Json::array();
        for (DeviceId const device : way.parts) parts.push_back(name_of(instance, device));
        devices[instance.blocks.at(way.block.index()).name] = {
            {"split", to_string(way.split)},
            {"parts", std::move(parts)},
            {"device", name_of(instance, request.devices.at(way.block.index()))}};
    }
    return {{"admitted", request.admitted},
            {"dropped", names_json(instance, request.dropped)},
            {"accuracy", request.admitted ? finite(request.accuracy) : Json(nullptr)},
            {"latency_s", request.admitted ? finite(request.latency.value()) : Json(nullptr)},
            {"devices", std::move(devices)}};
}

constexpr std::array<std::pair<std::string_view, ResourcePrice::Resource>, 4> resource_words{
    {{"processor", ResourcePrice::Resource::processor},
     {"link", ResourcePrice::Resource::link},
     {"radio", ResourcePrice::Resource::radio},
     {"memory", ResourcePrice::Resource::memory}}};

Json price_json(Instance const& instance, ResourcePrice const& price) {
    auto const word = std::ranges::find(resource_words, price.resource, [](auto const& pair) { return pair.second; });
    Json json{{"resource", word->first}, {"device", name_of(instance, price.device)}};
    if (price.peer) json["peer"] = name_of(instance, price.peer);
    json["price"] = price.price;
    return json;
}

Json result_json(Instance const& instance, PlanResult const& result) {
    Json energy = Json::array();
    for (Joules const joules : result.energy) energy.push_back(joules.value());
    Json requests = Json::array();
    for (RequestPlan const& request : result.requests) requests.push_back(request_json(instance, request));
    std::string_view const binding = to_string(result.binding);
    bool const any = result.admitted > 0;
    Json json{{"planner", result.planner},
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
              {"energy_j", std::move(energy)}};
    if (result.throughput || result.throughput_bound) {
        json["throughput"] = finite(result.throughput);
        json["period_s"] = result.throughput ? finite(1 / *result.throughput) : Json(nullptr);
        json["throughput_bound"] = finite(result.throughput_bound);
        Json prices = Json::array();
        for (ResourcePrice const& price : result.prices) prices.push_back(price_json(instance, price));
        json["prices"] = std::move(prices);
    }
    json["requests"] = std::move(requests);
    return json;
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

// A block in parts, and the device that has it whole.
std::pair<SplitBlock, DeviceId> read_split_block(TableReader reader, InstanceNames const& names) {
    SplitBlock way;
    auto const text = needed(reader, "split", reader.text("split"), "how it is split, such as \"outputs/2\"");
    way.split = read_split(*reader.get("split"), reader.path_of("split"), text);
    auto const device = [&](std::string_view key, std::string const& name) {
        return DeviceId(names.devices.at(*reader.get(key), reader.path_of(key), name, "device"));
    };
    for (auto const& name : needed(reader, "parts", reader.texts("parts"), "who computes each part"))
        way.parts.push_back(device("parts", name));
    auto const whole = device("device", needed(reader, "device", reader.text("device"), "who has the whole"));
    reader.finish();
    return {std::move(way), whole};
}

ResourcePrice read_price(TableReader reader, Names const& devices) {
    ResourcePrice price;
    auto const device = [&](std::string_view key, std::string const& name) {
        return DeviceId(devices.at(*reader.get(key), reader.path_of(key), name, "device"));
    };
    price.resource = needed(reader, "resource", reader.choice("resource", resource_words), "what would be more");
    price.device = device("device", needed(reader, "device", reader.text("device"), "whose it is"));
    if (auto const peer = reader.text("peer")) price.peer = device("peer", *peer);
    price.price = needed(reader, "price", reader.number("price", {}), "what one more of it adds to the bound");
    reader.finish();
    return price;
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
        auto const path = devices.path_of(block);
        if (value.type == Value::Type::null) continue;
        if (value.type == Value::Type::table) {
            auto [way, whole] = read_split_block(TableReader(value, path), names);
            way.block = BlockId(index);
            request.devices[index] = whole;
            request.splits.push_back(std::move(way));
            continue;
        }
        if (value.type != Value::Type::text)
            devices.fail(block, "must be a device's name, null, or {\"split\", \"parts\", \"device\"}");
        request.devices[index] = DeviceId(names.devices.at(value, path, value.text, "device"));
    }
    std::ranges::sort(request.splits, {}, &SplitBlock::block);
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
                                                                {"infeasible", PlanStatus::infeasible},
                                                                {"unknown", PlanStatus::unknown}}),
                           "\"optimal\", \"feasible\", \"infeasible\" or \"unknown\"");
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
                                                             {"outage", Binding::outage},
                                                             {"unknown", Binding::unknown}});
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
    if (reader.has("throughput")) {
        result.throughput = number_or_null(reader, "throughput", some_or_none);
        result.throughput_bound = number_or_null(reader, "throughput_bound", some_or_none);
        number_or_null(reader, "period_s", {});
        for (TableReader& price : needed(reader, "prices", reader.tables("prices"), "prices of the bound"))
            result.prices.push_back(read_price(std::move(price), names.devices));
    }
    for (TableReader& request : needed(reader, "requests", reader.tables("requests"), "the plan of every request"))
        result.requests.push_back(read_request(std::move(request), names, instance));
    reader.finish();
    return result;
}

}  // namespace

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

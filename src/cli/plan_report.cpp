#include "cli/plan_report.hpp"

#include <algorithm>
#include <map>
#include <optional>
#include <string>
#include <utility>

#include "cli/console.hpp"
#include "model/task_graph.hpp"
#include "planner/stream.hpp"

namespace skipstone::cli {

namespace {

std::string optional_figure(std::optional<double> const& value, int digits) {
    return value ? fixed(*value, digits) : "–";
}

std::string counted(std::size_t number, std::string const& noun) {
    return std::to_string(number) + " " + noun + (number == 1 ? "" : "s");
}

std::string head(Instance const& instance) {
    return counted(static_cast<std::size_t>(instance.requests), "request") + ", " +
           std::to_string(instance.devices.size()) + " devices, " + std::to_string(instance.blocks.size()) + " blocks";
}

double energy_of(PlanResult const& result) {
    double energy = 0;
    for (auto const joules : result.energy) energy += joules.value();
    return energy;
}

std::string latency_report(Instance const& instance, std::vector<PlanResult> const& results) {
    TextTable table({{"planner", Align::left},
                     {"status", Align::left},
                     {"admitted"},
                     {"objective"},
                     {"bound"},
                     {"gap"},
                     {"latency/s"},
                     {"accuracy"},
                     {"shared/MB"},
                     {"energy/J"},
                     {"time/ms"},
                     {"binding", Align::left}});
    for (auto const& result : results) {
        bool const any = result.admitted > 0;
        table.add({result.planner, std::string(to_string(result.status)),
                   std::to_string(result.admitted) + "/" + std::to_string(result.requested),
                   optional_figure(result.objective, 6), optional_figure(result.bound, 6),
                   result.gap ? percent(*result.gap) : "–", any ? fixed(result.mean_latency.value(), 4) : "–",
                   any ? percent(result.mean_accuracy) : "–",
                   fixed(static_cast<double>(result.shared.value()) / 1e6, 3), fixed(energy_of(result), 2),
                   fixed(1e3 * result.seconds, 2), std::string(to_string(result.binding))});
    }
    return head(instance) + "\n" + table.text();
}

// ---- throughput

std::string const& name_of(Instance const& instance, DeviceId device) {
    return instance.devices[device.index()].name;
}

std::string resource_text(Instance const& instance, ResourcePrice const& what) {
    switch (what.resource) {
        case ResourcePrice::Resource::processor:
            return "processor of " + name_of(instance, what.device);
        case ResourcePrice::Resource::link:
            return "link from " + name_of(instance, what.device) + " to " + name_of(instance, what.peer);
        case ResourcePrice::Resource::radio:
            return "radio of " + name_of(instance, what.device);
        case ResourcePrice::Resource::memory:
            return "memory of " + name_of(instance, what.device);
    }
    return "?";
}

// Seconds per admitted request that a stream of these requests keeps each processor, link and radio busy.
std::map<std::size_t, double> busy_per_request(Instance const& instance, PlanResult const& result, Medium medium) {
    std::map<std::size_t, double> busy;
    for (auto const& plan : result.requests)
        if (plan.admitted)
            for (auto const& use : planner::uses_of(instance, plan, task_graph(instance, plan), medium))
                busy[use.resource] += use.seconds / result.admitted;
    return busy;
}

std::string bottleneck(Instance const& instance, PlanResult const& result, Medium medium) {
    auto const busy = busy_per_request(instance, result, medium);
    if (busy.empty()) return "";
    auto const most = std::ranges::max_element(busy, {}, [](auto const& entry) { return entry.second; });
    return resource_text(instance, planner::priced(most->first, 0, instance.devices.size(), medium));
}

// Who computes a block of one request.
struct Way {
    DeviceId device;
    std::optional<SplitBlock> split;
    bool dropped = false;  // and vanished

    bool operator==(Way const&) const = default;
};

std::vector<Way> ways_of(PlanResult const& result, BlockId block) {
    std::vector<Way> ways;
    for (auto const& plan : result.requests) {
        if (!plan.admitted) continue;
        Way way{plan.devices[block.index()], std::nullopt, !plan.devices[block.index()]};
        auto const split = std::ranges::find(plan.splits, block, &SplitBlock::block);
        if (split != plan.splits.end()) way.split = *split;
        ways.push_back(std::move(way));
    }
    return ways;
}

std::string names_text(Instance const& instance, std::vector<DeviceId> const& devices) {
    constexpr std::size_t most = 8;
    std::string text;
    for (std::size_t i = 0; i < std::min(devices.size(), most); ++i)
        text += (text.empty() ? "" : ", ") + name_of(instance, devices[i]);
    if (devices.size() > most) text += " and " + std::to_string(devices.size() - most) + " more";
    return text;
}

// "a", "b, c, d in turn", "g, h; joined on i", or several of these with their shares.
std::string who_text(Instance const& instance, std::vector<Way> const& ways) {
    std::vector<std::pair<Way, std::size_t>> kinds;  // each once, and how many requests go it
    for (Way const& way : ways) {
        auto const known = std::ranges::find(kinds, way, &std::pair<Way, std::size_t>::first);
        if (known == kinds.end())
            kinds.emplace_back(way, 1);
        else
            ++known->second;
    }
    auto const text_of = [&](Way const& way) {
        if (way.dropped) return std::string("dropped");
        if (!way.split) return name_of(instance, way.device);
        return names_text(instance, way.split->parts) + "; joined on " + name_of(instance, way.device);
    };
    if (kinds.size() == 1) return text_of(kinds.front().first);
    auto const [least, most] = std::ranges::minmax(kinds, {}, &std::pair<Way, std::size_t>::second);
    bool const whole =
        std::ranges::none_of(kinds, [](auto const& kind) { return kind.first.split || kind.first.dropped; });
    if (whole && most.second - least.second <= 1) {
        std::vector<DeviceId> devices;
        for (auto const& kind : kinds) devices.push_back(kind.first.device);
        return names_text(instance, devices) + " in turn";
    }
    std::ranges::stable_sort(kinds, std::greater(), &std::pair<Way, std::size_t>::second);
    constexpr std::size_t shown = 4;
    std::string text;
    for (std::size_t i = 0; i < std::min(kinds.size(), shown); ++i)
        text += (text.empty() ? "" : "; ") +
                percent(static_cast<double>(kinds[i].second) / static_cast<double>(ways.size()), 0) + " " +
                text_of(kinds[i].first);
    if (kinds.size() > shown) text += "; and " + counted(kinds.size() - shown, "other way");
    return text;
}

std::string how_text(std::vector<Way> const& ways) {
    std::string text;
    for (Way const& way : ways) {
        std::string const word = way.split ? to_string(way.split->split) : "whole";
        if (text.find(word) == std::string::npos) text += (text.empty() ? "" : ", ") + word;
    }
    return text;
}

// Neighbouring blocks that each request computes on one device are a stage.
std::string stages_text(Instance const& instance, PlanResult const& result, Medium medium) {
    auto const busy = busy_per_request(instance, result, medium);
    double const period = result.throughput ? 1 / *result.throughput : 0;
    TextTable table({{"blocks", Align::left}, {"devices", Align::left}, {"how", Align::left}, {"busy"}});
    for (std::size_t first = 0; first < instance.blocks.size();) {
        auto const ways = ways_of(result, BlockId(first));
        bool const split = std::ranges::any_of(ways, [](Way const& way) { return way.split.has_value(); });
        auto end = first + 1;
        while (!split && end < instance.blocks.size() && ways_of(result, BlockId(end)) == ways) ++end;
        double most = 0;
        auto const look_at = [&](DeviceId device) {
            auto const found = device ? busy.find(device.index()) : busy.end();
            if (found != busy.end() && period > 0) most = std::max(most, found->second / period);
        };
        for (Way const& way : ways) {
            look_at(way.device);
            if (way.split) std::ranges::for_each(way.split->parts, look_at);
        }
        auto const& from = instance.blocks[first].name;
        table.add({end == first + 1 ? from : from + ".." + instance.blocks[end - 1].name, who_text(instance, ways),
                   how_text(ways), percent(most, 0)});
        first = end;
    }
    return "\nStages of " + result.planner + "; busy: the busiest of the devices, of all the time\n" + table.text();
}

std::string prices_text(Instance const& instance, PlanResult const& result) {
    constexpr std::size_t most = 5;
    std::vector<std::string> parts;
    for (std::size_t i = 0; i < std::min(result.prices.size(), most); ++i) {
        auto const& price = result.prices[i];
        bool const memory = price.resource == ResourcePrice::Resource::memory;
        parts.push_back(resource_text(instance, price) + (memory ? ", 1 MB more" : ", twice as fast") + ": +" +
                        fixed(memory ? 1e6 * price.price : price.price, 3));
    }
    if (parts.empty()) return "";
    return "\nWhat more of it would add to the bound, in images/s, to first order:\n  " + flowed(parts, "; ", 2) + "\n";
}

std::string throughput_report(Instance const& instance, std::vector<PlanResult> const& results, Medium medium) {
    TextTable table({{"planner", Align::left},
                     {"status", Align::left},
                     {"admitted"},
                     {"images/s"},
                     {"bound"},
                     {"gap"},
                     {"period/s"},
                     {"latency/s"},
                     {"accuracy"},
                     {"energy/J"},
                     {"time/ms"},
                     {"bottleneck", Align::left}});
    for (auto const& result : results) {
        bool const any = result.admitted > 0;
        std::optional<double> period, energy;
        if (result.throughput) period = 1 / *result.throughput;
        if (any) energy = energy_of(result) / result.admitted;
        table.add({result.planner, std::string(to_string(result.status)),
                   std::to_string(result.admitted) + "/" + std::to_string(result.requested),
                   optional_figure(result.throughput, 4), optional_figure(result.throughput_bound, 4),
                   result.gap ? percent(*result.gap) : "–", optional_figure(period, period && *period < 0.01 ? 7 : 4),
                   any ? fixed(result.mean_latency.value(), 4) : "–", any ? percent(result.mean_accuracy) : "–",
                   optional_figure(energy, 2), fixed(1e3 * result.seconds, 2),
                   any ? bottleneck(instance, result, medium) : std::string(to_string(result.binding))});
    }
    std::string text =
        head(instance) + "; goal: throughput. Latency, accuracy and energy are those of an image.\n" + table.text();
    for (auto const& result : results)
        if (result.admitted > 0) text += stages_text(instance, result, medium);
    auto const priced = std::ranges::find_if(results, [](PlanResult const& result) { return !result.prices.empty(); });
    return priced == results.end() ? text : text + prices_text(instance, *priced);
}

}  // namespace

std::string plan_report(Instance const& instance, std::vector<PlanResult> const& results, Medium medium) {
    return instance.goal == Goal::throughput ? throughput_report(instance, results, medium)
                                             : latency_report(instance, results);
}

}  // namespace skipstone::cli

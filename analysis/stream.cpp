#include "analysis/stream.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <functional>
#include <limits>
#include <set>
#include <string>

#include "analysis/ratio.hpp"
#include "units/quantile.hpp"

namespace skipstone::analysis {

namespace {

constexpr std::size_t most_batches = 10, least_of_batch = 2;

// Half the width of the 95 % interval of the mean of n values that are alike and independent, over their standard
// deviation: Student's t of n − 1 degrees of freedom, over the root of n.
double half_width(std::size_t n) {
    constexpr std::array<double, most_batches - 1> t{12.706, 4.303, 3.182, 2.776, 2.571, 2.447, 2.365, 2.306, 2.262};
    return t[n - 2] / std::sqrt(static_cast<double>(n));
}

// By how much the rate of these intervals may be off: they are cut into batches of equal counts, the first few left
// over, and the batches' mean intervals held against each other. (Several finishes may be at one time: a batch may have
// no length, and so no rate.) NaN: there are too few.
double error_of_rate(std::vector<double> const& intervals, double rate, std::int64_t& batches) {
    auto const count = std::min(most_batches, intervals.size() / least_of_batch);
    batches = static_cast<std::int64_t>(count < 2 ? 0 : count);
    if (count < 2) return none;
    auto const length = intervals.size() / count;
    std::vector<double> periods;
    for (std::size_t at = intervals.size() - count * length; at < intervals.size(); at += length) {
        double sum = 0;
        for (std::size_t i = at; i < at + length; ++i) sum += intervals[i];
        periods.push_back(sum / static_cast<double>(length));
    }
    double mean = 0, squares = 0;
    for (double const period : periods) mean += period / static_cast<double>(count);
    for (double const period : periods) squares += (period - mean) * (period - mean);
    return rate * rate * half_width(count) * std::sqrt(squares / static_cast<double>(count - 1));
}

}  // namespace

void StreamTotals::begin_round(trace::RoundRow const& round, std::span<trace::RequestRow const> requests,
                               std::span<trace::PlanRow const> plans, std::span<trace::PriceRow const> prices) {
    constexpr double never = std::numeric_limits<double>::infinity();
    std::int64_t done = 0;
    passages_.clear();
    for (auto const& row : requests) {
        bool const is_done = row.status == trace::RequestStatus::done;
        passages_.push_back({row.arrival_s, never, is_done ? row.finish_s : none});
        if (is_done) ++done;
    }
    ++rounds_;
    done_ += done;
    planned_s_ += ratio(static_cast<double>(done), round.throughput);
    bound_s_ += ratio(static_cast<double>(done), round.throughput_bound);
    for (auto const& row : plans)
        if (row.part < 0 && row.split != Split::Kind::whole) splits_[row.block] = {row.split, row.parts};
    for (auto const& row : prices) prices_[{row.resource, {row.device, row.peer}}] += row.price;
}

void StreamTotals::add(Event const& event) {
    if (event.kind == EventKind::wait) return;
    load_.add(event);
    auto& passage = passages_[static_cast<std::size_t>(event.request)];
    passage.begin_s = std::min(passage.begin_s, event.begin_s);
    if (event.kind != EventKind::compute) return;
    auto const head = header_.blocks[static_cast<std::size_t>(event.block)].after;
    auto const block = head < 0 ? event.block : head;  // an exit's head is part of the block that it stands behind
    compute_s_[{block, event.device}] += event.end_s - event.begin_s;
}

void StreamTotals::end_round() {
    std::erase_if(passages_, [](Passage const& passage) { return std::isnan(passage.finish_s); });
    auto const [intervals, latencies] = steady_state(passages_);
    intervals_.insert(intervals_.end(), intervals.begin(), intervals.end());
    latencies_.insert(latencies_.end(), latencies.begin(), latencies.end());
}

double StreamTotals::throughput() const {
    double sum = 0;
    for (double const interval : intervals_) sum += interval;
    return ratio(static_cast<double>(intervals_.size()), sum);
}

std::vector<ResourceFigures> StreamTotals::resources() const {
    std::vector<ResourceFigures> all;
    auto const name = [&](DeviceId device) { return header_.devices[device.index()].name.str(); };
    for (auto const& [resource, device, peer, seconds] : load_.busiest()) {
        ResourceFigures row;
        row.resource = to_string(resource);
        row.device = device.value();
        row.peer = peer.value();
        row.name = peer ? name(device) + " to " + name(peer) : name(device);
        row.busy_s = seconds;
        row.per_request_s = ratio(seconds, static_cast<double>(done_));
        row.share = row.per_request_s * throughput();
        all.push_back(std::move(row));
    }
    return all;
}

// Blocks that follow each other on the same devices.
std::vector<StageFigures> StreamTotals::stages() const {
    std::vector<StageFigures> all;
    std::set<std::int32_t> devices;       // of the last stage
    std::map<std::int32_t, double> busy;  // on it
    auto const close = [&] {
        if (all.empty()) return;
        auto& stage = all.back();
        double sum = 0, most = 0;
        for (auto const& [device, seconds] : busy) {
            sum += seconds;
            most = std::max(most, seconds);
        }
        auto const done = static_cast<double>(done_);
        stage.per_request_s = ratio(most, done);
        stage.share = ratio(sum, done * static_cast<double>(stage.devices)) * throughput();
        busy.clear();
    };
    for (auto at = compute_s_.begin(); at != compute_s_.end();) {
        auto const block = at->first.first;
        auto const begin = at;
        std::set<std::int32_t> mine;
        for (; at != compute_s_.end() && at->first.first == block; ++at) mine.insert(at->first.second);
        if (all.empty() || mine != devices) {
            close();
            devices = mine;
            StageFigures stage;
            stage.stage = static_cast<std::int32_t>(all.size()) + 1;
            stage.first_block = block;
            stage.devices = static_cast<std::int64_t>(mine.size());
            for (std::int32_t const device : mine)
                stage.on +=
                    (stage.on.empty() ? "" : ", ") + header_.devices[static_cast<std::size_t>(device)].name.str();
            all.push_back(std::move(stage));
        }
        auto& stage = all.back();
        stage.last_block = block;
        auto const name = header_.blocks[static_cast<std::size_t>(block)].name.str();
        stage.blocks = stage.first_block == block
                           ? name
                           : header_.blocks[static_cast<std::size_t>(stage.first_block)].name.str() + ".." + name;
        if (auto const split = splits_.find(block); split != splits_.end()) {
            auto const way = to_string(split->second);
            if (stage.split.find(way) == std::string::npos) stage.split += (stage.split.empty() ? "" : ", ") + way;
        }
        for (auto row = begin; row != at; ++row) busy[row->first.second] += row->second;
    }
    close();
    return all;
}

// Doubling all that a device has is at least as good as another device like it.
std::vector<GainFigures> StreamTotals::gains(double bound_per_s) const {
    using Resource = ResourcePrice::Resource;
    std::vector<GainFigures> all;
    for (auto const& device : header_.devices) {
        all.emplace_back();
        all.back().device = device.device;
        all.back().name = device.name.str();
    }
    for (auto const& [key, sum] : prices_) {
        auto const& [resource, place] = key;
        double const price = sum / static_cast<double>(rounds_);
        auto& gain = all[static_cast<std::size_t>(place.first)];
        if (resource == Resource::processor) gain.processor_per_s += price;
        if (resource == Resource::radio) gain.radio_per_s += price;
        if (resource == Resource::memory)
            gain.memory_per_s +=
                price * static_cast<double>(header_.devices[static_cast<std::size_t>(place.first)].memory_bytes);
        if (resource != Resource::link) continue;
        gain.links_per_s += price;
        all[static_cast<std::size_t>(place.second)].links_per_s += price;
    }
    for (auto& gain : all) {
        gain.gain_per_s = gain.processor_per_s + gain.memory_per_s + gain.radio_per_s + gain.links_per_s;
        gain.bound_per_s = bound_per_s + gain.gain_per_s;
    }
    std::erase_if(all, [](GainFigures const& gain) { return !(gain.gain_per_s > 0); });
    std::ranges::stable_sort(all, std::greater(), &GainFigures::gain_per_s);
    return all;
}

StreamFigures StreamTotals::figures(std::vector<ResourceFigures> const& resources) const {
    StreamFigures row;
    row.rounds = rounds_;
    row.done = done_;
    row.counted = static_cast<std::int64_t>(intervals_.size());
    row.window_s = 0;
    for (double const interval : intervals_) row.window_s += interval;
    row.throughput_per_s = throughput();
    row.throughput_error_per_s = error_of_rate(intervals_, row.throughput_per_s, row.batches);
    row.period_s = ratio(1, row.throughput_per_s);
    row.planned_per_s = ratio(static_cast<double>(done_), planned_s_);
    row.bound_per_s = ratio(static_cast<double>(done_), bound_s_);
    row.gap = 1 - row.throughput_per_s / row.bound_per_s;
    double sum = 0;
    for (double const latency : latencies_) sum += latency;
    row.latency_mean_s = ratio(sum, static_cast<double>(latencies_.size()));
    auto latencies = latencies_;
    row.latency_p50_s = quantile(latencies, 0.5);
    row.latency_p90_s = quantile(latencies, 0.9);
    row.latency_p99_s = quantile(latencies, 0.99);
    if (resources.empty()) return row;
    auto const& busiest = resources.front();
    row.bottleneck = busiest.resource + " " + busiest.name;
    row.bottleneck_s = busiest.per_request_s;
    row.bottleneck_share = busiest.share;
    return row;
}

void StreamTotals::finish(Analysis& analysis) const {
    analysis.resources = resources();
    analysis.stages = stages();
    analysis.stream = {figures(analysis.resources)};
    analysis.gains = gains(analysis.stream.front().bound_per_s);
}

}  // namespace skipstone::analysis

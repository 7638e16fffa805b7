#include "planner/pricer.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <utility>

#include "units/error.hpp"

namespace skipstone::planner {

namespace {

constexpr double infinity = std::numeric_limits<double>::infinity();

double bytes(Bytes size) {
    return static_cast<double>(size.value());
}

}  // namespace

Pricer::Pricer(Instance const& instance, std::vector<Choice> const& choices, std::vector<Step> const& works)
    : instance_(&instance), choices_(&choices), works_(&works), devices_(instance.devices.size()) {
    per_byte_.assign(devices_ * devices_, infinity);
    latency_.assign(devices_ * devices_, 0);
    double slowest = 0, latest = 0;
    for (std::size_t i = 0; i < devices_; ++i)
        for (std::size_t k = 0; k < devices_; ++k) {
            if (i == k) continue;
            double const rate = instance.links.rate(DeviceId(i), DeviceId(k)).value();
            if (!(rate > 0)) continue;
            per_byte_[i * devices_ + k] = 8 / rate;
            latency_[i * devices_ + k] = instance.links.latency(DeviceId(i), DeviceId(k)).value();
            slowest = std::max(slowest, 8 / rate);
            latest = std::max(latest, latency_[i * devices_ + k]);
        }
    from_source_.assign(devices_, 0);
    source_latency_.assign(devices_, 0);
    if (instance.source)
        for (std::size_t i = 0; i < devices_; ++i) {
            auto const pair = instance.source->index() * devices_ + i;
            if (i == instance.source->index()) continue;
            from_source_[i] = per_byte_[pair];
            source_latency_[i] = latency_[pair];
        }
    longest_latency_ = slowest * bytes(instance.input) + latest;
    std::vector<double> longest(instance.blocks.size(), 0);
    for (Step const& work : works)
        for (std::size_t i = 0; i < devices_; ++i) {
            compute_.push_back(expected_time(instance, work, DeviceId(i)).value());
            reserved_.push_back(reserved_time(instance, work, DeviceId(i)).value());
            longest[work.block.index()] = std::max(longest[work.block.index()], compute_.back());
        }
    for (std::size_t j = 0; j < longest.size(); ++j)
        longest_latency_ += longest[j] + slowest * bytes(hop_bytes(instance, BlockId(j)).serialised) + latest;
    build({});
}

void Pricer::build(std::vector<std::size_t> const& separate) {
    separate_ = separate;
    nodes_.clear();
    counts_.clear();
    length_ = 0;
    leaf_.assign(choices_->size(), 0);
    std::vector<std::vector<std::size_t>> children(1);  // of the root, then of node n at n + 1
    for (std::size_t c = 0; c < choices_->size(); ++c) {
        auto const& steps = (*choices_)[c].steps;
        length_ = std::max(length_, steps.size());
        bool const own = std::ranges::find(separate, c) != separate.end();
        std::int32_t parent = -1;
        for (std::size_t s = 0; s < steps.size(); ++s) {
            auto const& siblings = children[static_cast<std::size_t>(parent + 1)];
            auto const same = std::ranges::find_if(siblings, [&](std::size_t n) {
                return nodes_[n].step.work == steps[s].work &&
                       nodes_[n].choice == (own ? c : TransitionPrice::every_choice);
            });
            if (same != siblings.end()) {
                parent = static_cast<std::int32_t>(*same);
                continue;
            }
            Node node;
            node.parent = parent;
            node.depth = static_cast<std::int32_t>(s);
            node.choice = own ? c : TransitionPrice::every_choice;
            node.moved = s == 0 ? bytes(instance_->input) : bytes(steps[s - 1].output.serialised);
            node.step = steps[s];
            if (parent >= 0) {
                node.macs = nodes_[static_cast<std::size_t>(parent)].macs;
                node.memory = nodes_[static_cast<std::size_t>(parent)].memory;
            }
            node.macs += steps[s].macs.value();
            node.memory += steps[s].memory.value();
            children[static_cast<std::size_t>(parent + 1)].push_back(nodes_.size());
            parent = static_cast<std::int32_t>(nodes_.size());
            nodes_.push_back(node);
            children.emplace_back();
        }
        leaf_[c] = static_cast<std::size_t>(parent);
    }
    find_windows();
}

void Pricer::separate(std::vector<std::size_t> const& choices) {
    if (choices != separate_) build(choices);
}

void Pricer::restrict_to(Capacity const& capacity) {
    capacity_.assign(1, capacity);
    find_windows();
}

void Pricer::find_windows() {
    first_.assign(nodes_.size() * devices_, 0);
    if (capacity_.empty()) return;
    auto const& capacity = capacity_.front();
    for (std::size_t i = 0; i < devices_; ++i) {
        DeviceId const id(i);
        double const power = instance_->devices[i].power_compute.value();
        for (std::size_t n = 0; n < nodes_.size(); ++n) {
            auto macs = capacity.macs(id);
            auto memory = capacity.memory(id);
            auto energy = capacity.energy(id).value();
            auto first = nodes_[n].depth + 1;
            for (auto a = static_cast<std::int32_t>(n); a >= 0; a = nodes_[static_cast<std::size_t>(a)].parent) {
                auto const& node = nodes_[static_cast<std::size_t>(a)];
                macs -= node.step.macs;
                memory -= node.step.memory;
                memory -= capacity.weights(id, node.step);
                energy -= power * reserved_[node.step.work * devices_ + i];
                if (macs < Macs(0) || memory < Bytes(0) || energy < 0) break;
                first = node.depth;
            }
            first_[n * devices_ + i] = first;
        }
    }
}

void Pricer::price_segments() {
    segment_price_.assign(devices_, {});
    for (auto const& [rule, price] : prices_.segments) {
        auto [found, fresh] = counts_.try_emplace(rule);
        auto& table = found->second;
        if (fresh) {
            table.assign(nodes_.size() * length_, 0);
            for (std::size_t n = 0; n < nodes_.size(); ++n) {
                auto const& end = nodes_[n];
                for (auto a = static_cast<std::int32_t>(n); a >= 0; a = nodes_[static_cast<std::size_t>(a)].parent) {
                    auto const& start = nodes_[static_cast<std::size_t>(a)];
                    auto const part = rule->load == Load::macs ? end.macs - start.macs + start.step.macs.value()
                                                               : end.memory - start.memory + start.step.memory.value();
                    table[n * length_ + static_cast<std::size_t>(end.depth - start.depth)] =
                        static_cast<float>(rule->count(part));
                }
            }
        }
        auto& sum = segment_price_[rule->device];
        if (sum.empty()) sum.assign(table.size(), 0);
        for (std::size_t e = 0; e < table.size(); ++e) sum[e] += price * static_cast<double>(table[e]);
    }
}

double Pricer::plain_hop(std::size_t node, std::size_t from, std::size_t to) const {
    auto const pair = from * devices_ + to;
    double const moved = nodes_[node].moved;
    auto const& step = nodes_[node].step;
    if (step.reach == 1 || !(hop_fixed_[pair] < infinity)) return moved * hop_price_[pair] + hop_fixed_[pair];
    return step.reach * (moved * hop_time_[pair] + hop_fixed_[pair]) + step.reserved * moved * hop_use_[pair];
}

double Pricer::hop(std::size_t node, std::size_t from, std::size_t to) const {
    double price = plain_hop(node, from, to);
    if (prices_.transitions.empty()) return price;
    auto const before = nodes_[static_cast<std::size_t>(nodes_[node].parent)].step.block;
    for (auto const& extra : prices_.transitions)
        if (extra.block == before && extra.from == from && extra.to == to &&
            (extra.choice == TransitionPrice::every_choice || extra.choice == nodes_[node].choice))
            price += extra.price;
    return price;
}

// No sum of prices along a path is larger, whatever its sign. work: of a block on a device.
double Pricer::largest_price(std::vector<double> const& work) const {
    double sum = 0, hop = 0, most_moved = 0, extra = 0;
    for (std::size_t w = 0; w < works_->size(); ++w) {
        double most = 0;
        for (std::size_t i = 0; i < devices_; ++i) most = std::max(most, std::abs(work[w * devices_ + i]));
        sum += most;
    }
    for (auto const& node : nodes_) most_moved = std::max(most_moved, node.moved);
    for (std::size_t pair = 0; pair < hop_price_.size(); ++pair)
        if (hop_fixed_[pair] < infinity)
            hop = std::max(hop, std::abs(hop_price_[pair]) * most_moved + std::abs(hop_fixed_[pair]));
    for (auto const& transition : prices_.transitions) extra = std::max(extra, std::abs(transition.price));
    for (auto const& segment : prices_.segments)
        extra = std::max(extra, std::abs(segment.price) * static_cast<double>(segment.rule->whole));
    double most_choice = 0;
    for (double const price : prices_.choice) most_choice = std::max(most_choice, std::abs(price));
    return sum + most_choice + static_cast<double>(length_) * (hop + extra);
}

std::vector<PricedPath> Pricer::run(Prices const& prices, double limit, std::size_t per_choice) {
    auto const count = devices_;
    prices_ = prices;
    hop_price_.resize(count * count);
    hop_time_.resize(count * count);
    hop_use_.resize(count * count);
    hop_fixed_.resize(count * count);
    for (std::size_t i = 0; i < count; ++i)
        for (std::size_t k = 0; k < count; ++k) {
            auto const pair = i * count + k;
            // No hop at all where the link is missing, whatever the duals are.
            hop_price_[pair] = per_byte_[pair] < infinity
                                   ? per_byte_[pair] * (prices.per_second + prices.transmit[i] + prices.receive[k])
                                   : 0;
            hop_fixed_[pair] = per_byte_[pair] < infinity ? prices.per_second * latency_[pair] : infinity;
            hop_time_[pair] = per_byte_[pair] < infinity ? per_byte_[pair] * prices.per_second : 0;
            hop_use_[pair] =
                per_byte_[pair] < infinity ? per_byte_[pair] * (prices.transmit[i] + prices.receive[k]) : 0;
        }
    price_segments();
    std::vector<double> work(prices.work);
    for (std::size_t w = 0; w < work.size(); ++w) work[w] += prices.per_second * compute_[w];
    rounding_ = 4 * std::numeric_limits<double>::epsilon() * static_cast<double>(length_) * largest_price(work);

    opening_.resize(nodes_.size() * count);
    running_.resize(nodes_.size() * count);
    ending_.resize(nodes_.size() * count);
    std::vector<double> best(count);
    for (std::size_t n = 0; n < nodes_.size(); ++n) {
        auto const& node = nodes_[n];
        double* const opening = &opening_[n * count];
        double* const running = &running_[n * count];
        double* const ending = &ending_[n * count];
        double const* const price = &work[node.step.work * count];
        if (node.parent < 0) {
            for (std::size_t i = 0; i < count; ++i) {
                running[i] = price[i];
                opening[i] = 0;
                if (!instance_->source || i == instance_->source->index()) continue;
                if (!(from_source_[i] < infinity))
                    opening[i] = infinity;
                else if (node.step.reach == 1)
                    opening[i] =
                        node.moved * from_source_[i] *
                            (prices.per_second + prices.transmit[instance_->source->index()] + prices.receive[i]) +
                        prices.per_second * source_latency_[i];
                else
                    opening[i] =
                        node.step.reach * prices.per_second * (node.moved * from_source_[i] + source_latency_[i]) +
                        node.step.reserved * node.moved * from_source_[i] *
                            (prices.transmit[instance_->source->index()] + prices.receive[i]);
            }
        } else {
            auto const parent = static_cast<std::size_t>(node.parent);
            double const* const before = &ending_[parent * count];
            double const* const sum = &running_[parent * count];
            for (std::size_t i = 0; i < count; ++i) {
                best[i] = infinity;
                running[i] = sum[i] + price[i];
            }
            double const moved = node.moved;
            for (std::size_t k = 0; k < count; ++k) {
                double const base = before[k];
                if (!(base < infinity)) continue;
                double const* const per_byte = &hop_price_[k * count];
                double const* const fixed = &hop_fixed_[k * count];
                if (node.step.reach != 1) {
                    for (std::size_t i = 0; i < count; ++i) best[i] = std::min(best[i], base + plain_hop(n, k, i));
                    continue;
                }
                for (std::size_t i = 0; i < count; ++i) {
                    double const candidate = base + moved * per_byte[i] + fixed[i];
                    best[i] = candidate < best[i] ? candidate : best[i];
                }
            }
            if (!prices.transitions.empty()) {
                auto const block = nodes_[parent].step.block;
                std::vector<bool> again(count, false);
                for (auto const& extra : prices.transitions) {
                    if (extra.block != block ||
                        (extra.choice != TransitionPrice::every_choice && extra.choice != node.choice))
                        continue;
                    if (extra.from == extra.to)
                        running[extra.to] += extra.price;
                    else
                        again[extra.to] = true;
                }
                for (std::size_t i = 0; i < count; ++i) {
                    if (!again[i]) continue;
                    best[i] = infinity;
                    for (std::size_t k = 0; k < count; ++k)
                        if (before[k] < infinity) best[i] = std::min(best[i], before[k] + hop(n, k, i));
                }
            }
            for (std::size_t i = 0; i < count; ++i) opening[i] = best[i] + price[i] - running[i];
        }
        for (std::size_t i = 0; i < count; ++i) best[i] = infinity;
        std::int32_t const* const first = &first_[n * count];
        std::int32_t earliest = node.depth + 1;
        for (std::size_t i = 0; i < count; ++i) earliest = std::min(earliest, first[i]);
        for (auto a = static_cast<std::int32_t>(n); a >= 0; a = nodes_[static_cast<std::size_t>(a)].parent) {
            auto const depth = nodes_[static_cast<std::size_t>(a)].depth;
            if (depth < earliest) break;
            double const* const from = &opening_[static_cast<std::size_t>(a) * count];
            for (std::size_t i = 0; i < count; ++i) {
                double const candidate = depth >= first[i] ? from[i] : infinity;
                best[i] = candidate < best[i] ? candidate : best[i];
            }
        }
        for (std::size_t i = 0; i < count; ++i) {
            if (segment_price_[i].empty()) continue;
            best[i] = infinity;
            for (auto a = static_cast<std::int32_t>(n); a >= 0 && nodes_[static_cast<std::size_t>(a)].depth >= first[i];
                 a = nodes_[static_cast<std::size_t>(a)].parent)
                best[i] = std::min(best[i], opening_[static_cast<std::size_t>(a) * count + i] +
                                                segment(static_cast<std::size_t>(a), n, i));
        }
        for (std::size_t i = 0; i < count; ++i) ending[i] = running[i] + best[i];
    }

    lowest_ = infinity;
    struct End {
        double price;
        std::size_t choice, device;
    };
    std::vector<End> ends;
    for (std::size_t c = 0; c < choices_->size(); ++c) {
        double const* const ending = &ending_[leaf_[c] * count];
        auto const begin = static_cast<std::ptrdiff_t>(ends.size());
        for (std::size_t i = 0; i < count; ++i) {
            double const price = ending[i] + prices.choice[c];
            lowest_ = std::min(lowest_, price);
            if (price < limit) ends.push_back({price, c, i});
        }
        std::stable_sort(ends.begin() + begin, ends.end(),
                         [](End const& a, End const& b) { return a.price < b.price; });
        ends.resize(std::min(ends.size(), static_cast<std::size_t>(begin) + per_choice));
    }
    std::ranges::stable_sort(ends, {}, &End::price);
    std::vector<PricedPath> paths;
    for (auto const& end : ends) {
        paths.push_back(path_to(end.choice, leaf_[end.choice], end.device));
        paths.back().price = end.price;
    }
    return paths;
}

struct Pricer::Enumeration {
    double limit;
    std::size_t most;
    std::size_t choice = 0;
    std::vector<DeviceId> devices;
    std::vector<PricedPath> paths;
    std::vector<std::int64_t> macs, memory;  // per device, of the segments so far
    Meter meter;
};

std::optional<std::vector<PricedPath>> Pricer::enumerate(double limit, std::size_t most, Budget& budget) const {
    Enumeration all{
        limit,        most, 0, {}, {}, std::vector<std::int64_t>(devices_), std::vector<std::int64_t>(devices_),
        Meter(budget)};
    if (!enumerate_into(all)) return std::nullopt;
    return std::move(all.paths);
}

bool Pricer::enumerate_into(Enumeration& all) const {
    for (std::size_t c = 0; c < choices_->size(); ++c) {
        all.choice = c;
        all.devices.assign((*choices_)[c].steps.size(), DeviceId());
        for (std::size_t i = 0; i < devices_; ++i)
            if (ending_[leaf_[c] * devices_ + i] + prices_.choice[c] < all.limit &&
                !extend(all, leaf_[c], i, prices_.choice[c]))
                return false;
    }
    return true;
}

// Every way to have the node there at the end of a segment; rest: the price of all that comes after it. False: too
// many, or the budget is spent.
bool Pricer::extend(Enumeration& all, std::size_t node, std::size_t device, double rest) const {
    auto const first = first_[node * devices_ + device];
    for (auto a = static_cast<std::int32_t>(node); a >= 0 && nodes_[static_cast<std::size_t>(a)].depth >= first;
         a = nodes_[static_cast<std::size_t>(a)].parent) {
        auto const start = static_cast<std::size_t>(a);
        double const total = rest + running_[node * devices_ + device] + opening_[start * devices_ + device] +
                             segment(start, node, device);
        if (!all.meter.work(4)) return false;
        if (!(total < all.limit)) continue;
        auto const macs = nodes_[node].macs - nodes_[start].macs + nodes_[start].step.macs.value();
        auto const memory = nodes_[node].memory - nodes_[start].memory + nodes_[start].step.memory.value();
        if (all.macs[device] + macs > capacity_.front().macs(DeviceId(device)).value() ||
            all.memory[device] + memory > capacity_.front().memory(DeviceId(device)).value())
            continue;  // with its other segments there
        for (auto d = nodes_[start].depth; d <= nodes_[node].depth; ++d)
            all.devices[static_cast<std::size_t>(d)] = DeviceId(device);
        if (nodes_[start].parent < 0) {
            if (all.paths.size() == all.most || !all.meter.work(100)) return false;
            all.paths.push_back({all.choice, all.devices, total});
            continue;
        }
        all.macs[device] += macs;
        all.memory[device] += memory;
        if (!all.meter.work(static_cast<double>(devices_ * (6 + 2 * prices_.transitions.size())))) return false;
        auto const before = static_cast<std::size_t>(nodes_[start].parent);
        double best = infinity;
        for (std::size_t k = 0; k < devices_; ++k)
            if (ending_[before * devices_ + k] < infinity)
                best = std::min(best, ending_[before * devices_ + k] + hop(start, k, device));
        for (std::size_t k = 0; k < devices_; ++k) {
            double const reach = ending_[before * devices_ + k];
            if (!(reach < infinity)) continue;
            double const through = total + (reach + hop(start, k, device) - best);
            if (through < all.limit && !extend(all, before, k, through - reach)) return false;
        }
        all.macs[device] -= macs;
        all.memory[device] -= memory;
    }
    return true;
}

PricedPath Pricer::path_to(std::size_t choice, std::size_t leaf, std::size_t device) const {
    PricedPath path;
    path.choice = choice;
    path.devices.resize((*choices_)[choice].steps.size());
    auto node = static_cast<std::int32_t>(leaf);
    while (node >= 0) {
        // Where the segment that ends here begins.
        auto const first = first_[static_cast<std::size_t>(node) * devices_ + device];
        auto start = node;
        double cheapest = infinity;
        for (auto a = node; a >= 0 && nodes_[static_cast<std::size_t>(a)].depth >= first;
             a = nodes_[static_cast<std::size_t>(a)].parent) {
            double const price = opening_[static_cast<std::size_t>(a) * devices_ + device] +
                                 segment(static_cast<std::size_t>(a), static_cast<std::size_t>(node), device);
            if (price < cheapest) {
                cheapest = price;
                start = a;
            }
        }
        auto const from = nodes_[static_cast<std::size_t>(start)].depth;
        for (auto d = from; d <= nodes_[static_cast<std::size_t>(node)].depth; ++d)
            path.devices[static_cast<std::size_t>(d)] = DeviceId(device);
        node = nodes_[static_cast<std::size_t>(start)].parent;
        if (node < 0) break;
        double best = infinity;
        std::size_t sender = devices_;
        for (std::size_t k = 0; k < devices_; ++k) {
            double const before = ending_[static_cast<std::size_t>(node) * devices_ + k];
            if (!(before < infinity)) continue;
            double const price = before + hop(static_cast<std::size_t>(start), k, device);
            if (price < best) {
                best = price;
                sender = k;
            }
        }
        SKIPSTONE_ENSURE(sender < devices_);
        device = sender;
    }
    return path;
}

}  // namespace skipstone::planner

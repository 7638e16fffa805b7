#include "planner/way_pricer.hpp"

#include <algorithm>
#include <array>
#include <bit>
#include <cmath>
#include <numeric>
#include <tuple>
#include <utility>

#include "model/cost_model.hpp"
#include "units/error.hpp"

namespace skipstone::planner {

namespace {

constexpr double infinity = std::numeric_limits<double>::infinity();
constexpr std::size_t most_exact_parts = 6;

// Bytes of the input that each part has for itself: what several read counts for each in equal shares.
std::vector<double> own_bytes(InstanceSplit const& split, double element) {
    std::array<std::vector<int>, 3> ends;  // where boxes begin or end, along each axis
    for (auto const& part : split.parts) {
        std::size_t axis = 0;
        for (Range const range : {part.input.h, part.input.w, part.input.c}) {
            ends[axis].push_back(range.begin);
            ends[axis++].push_back(range.end);
        }
    }
    for (auto& axis : ends) {
        std::ranges::sort(axis);
        axis.erase(std::ranges::unique(axis).begin(), axis.end());
    }
    auto const covers = [](Range range, int at) { return range.begin <= at && at < range.end; };
    std::vector<double> own(split.parts.size(), 0);
    std::vector<std::size_t> readers;
    for (std::size_t h = 0; h + 1 < ends[0].size(); ++h)
        for (std::size_t w = 0; w + 1 < ends[1].size(); ++w)
            for (std::size_t c = 0; c + 1 < ends[2].size(); ++c) {
                readers.clear();
                for (std::size_t p = 0; p < split.parts.size(); ++p) {
                    Region const& box = split.parts[p].input;
                    if (covers(box.h, ends[0][h]) && covers(box.w, ends[1][w]) && covers(box.c, ends[2][c]))
                        readers.push_back(p);
                }
                double const size = element * static_cast<double>(ends[0][h + 1] - ends[0][h]) *
                                    static_cast<double>(ends[1][w + 1] - ends[1][w]) *
                                    static_cast<double>(ends[2][c + 1] - ends[2][c]);
                for (auto const p : readers) own[p] += size / static_cast<double>(readers.size());
            }
    return own;
}

}  // namespace

WayPricer::WayPricer(Instance const& instance, std::vector<Choice> const& choices, Items const& items)
    : instance_(instance), choices_(choices), items_(items), devices_(instance.devices.size()) {
    order_.resize(choices.size());
    std::iota(order_.begin(), order_.end(), std::size_t{0});
    std::ranges::stable_sort(order_, [&](std::size_t a, std::size_t b) {
        return std::ranges::lexicographical_compare(
            choices[a].steps, choices[b].steps, [](Step const& s, Step const& t) {
                return std::tuple(s.block, s.mode, s.work) < std::tuple(t.block, t.mode, t.work);
            });
    });
    seconds_.assign(devices_ * devices_, infinity);
    for (std::size_t i = 0; i < devices_; ++i)
        for (std::size_t k = 0; k < devices_; ++k) {
            if (i == k) continue;
            auto const rate = instance.links.rate(DeviceId(i), DeviceId(k)).value();
            if (rate > 0) seconds_[i * devices_ + k] = 8 / rate;
        }
    all_byte_.resize(devices_ * devices_);
    for (Step const& work : works_of(instance, choices))
        for (std::size_t i = 0; i < devices_; ++i) {
            times_.push_back(compute_time(instance, work.block, work.mode, DeviceId(i)).value());
            if (instance.exits.empty()) continue;
            double expected_heads = 0, heads = 0;
            for (StepHead const& head : work.heads) {
                auto const time = head_time(instance, instance.exits[head.exit], DeviceId(i));
                expected_heads += expected(time, head.reach).value();
                heads += time.value();
            }
            heads_.push_back(expected_heads);
            heads_reserved_.push_back(heads);
        }
    ways_.resize(instance.blocks.size());
    for (std::size_t j = 0; j < instance.blocks.size(); ++j)
        for (std::size_t s = 0; s < instance.blocks[j].splits.size(); ++s) measure(j, s);
}

void WayPricer::measure(std::size_t block, std::size_t split) {
    InstanceSplit const& offered = instance_.blocks[block].splits[split];
    auto const parts = offered.parts.size();
    InstancePart const& sample = offered.parts.front();
    auto const elements = static_cast<std::int64_t>(sample.input.shape().elements());
    // As task_graph() counts a box.
    auto const bytes_of = [&](Region const& box) {
        return static_cast<double>(sample.input_bytes.value() / elements *
                                   static_cast<std::int64_t>(box.shape().elements()));
    };
    Way way;
    way.same_boxes = true;
    for (std::size_t p = 0; p < parts; ++p) {
        InstancePart const& part = offered.parts[p];
        way.box.push_back(bytes_of(part.input));
        way.output.push_back(static_cast<double>(part.output_bytes.value()));
        way.same_boxes &= part.input == sample.input;
        for (std::size_t i = 0; i < devices_; ++i)
            way.time.push_back(part_time(instance_, BlockId(block), offered.split, p, DeviceId(i)).value());
    }
    for (std::size_t i = 0; i < devices_; ++i)
        way.join.push_back(join_time(instance_, BlockId(block), offered.split, DeviceId(i)).value());
    way.own = own_bytes(offered, static_cast<double>(sample.input_bytes.value() / elements));
    if (parts <= most_exact_parts) {
        way.hull.assign(std::size_t{1} << parts, 0);
        for (std::size_t set = 1; set < way.hull.size(); ++set) {
            std::optional<Region> box;
            for (std::size_t p = 0; p < parts; ++p)
                if (set >> p & 1) box = box ? hull(*box, offered.parts[p].input) : offered.parts[p].input;
            way.hull[set] = bytes_of(*box);
        }
    }
    ways_[block].push_back(std::move(way));
}

// What the parts cost, their inputs' way from `from` and their outputs' way to the device that joins; no more than that
// if it is not exact.
double WayPricer::assignment(Way const& way, std::size_t split, std::int32_t from, std::size_t join, bool exact,
                             std::vector<DeviceId>* parts) {
    if (!exact) return bounded(way, split, from, join, parts);
    auto const count = way.box.size();
    auto const sets = std::size_t{1} << count;
    std::vector<double> best(sets, infinity), cost(sets, 0);
    std::vector<std::vector<std::size_t>> taken;  // per device and set, which parts the device takes
    best[0] = 0;
    auto const& price = parts_price_[split];
    for (std::size_t q = 0; q < devices_; ++q) {
        if (parts) taken.emplace_back(sets, 0);
        for (std::size_t set = 1; set < sets; ++set) {
            auto const low = static_cast<std::size_t>(std::countr_zero(set));
            cost[set] = cost[set & (set - 1)] + price[low * devices_ + q] + move(q, join, way.output[low]);
        }
        if (std::ranges::all_of(cost.begin() + 1, cost.end(), [](double c) { return c == infinity; })) continue;
        for (std::size_t set = sets; --set > 0;)
            for (std::size_t sub = set; sub > 0; sub = (sub - 1) & set) {
                if (cost[sub] == infinity || best[set ^ sub] == infinity) continue;
                double const in = from < 0 ? 0 : move(static_cast<std::size_t>(from), q, way.hull[sub]);
                double const sum = best[set ^ sub] + cost[sub] + in;
                if (sum < best[set]) {
                    best[set] = sum;
                    if (parts) taken[q][set] = sub;
                }
            }
    }
    if (parts && best[sets - 1] < infinity) {
        // Sets shrink in place, so a device's entry is of the devices up to it.
        parts->assign(count, DeviceId());
        auto left = sets - 1;
        for (std::size_t q = devices_; q-- > 0 && left > 0;) {
            auto const sub = taken[q][left];
            for (std::size_t p = 0; p < count; ++p)
                if (sub >> p & 1) (*parts)[p] = DeviceId(q);
            left ^= sub;
        }
    }
    return best[sets - 1];
}

double WayPricer::bounded(Way const& way, std::size_t split, std::int32_t from, std::size_t join,
                          std::vector<DeviceId>* parts) {
    auto const count = way.box.size();
    auto const& price = parts_price_[split];
    auto const in = [&](std::size_t q, double bytes) {
        return from < 0 ? 0.0 : move(static_cast<std::size_t>(from), q, bytes);
    };
    double sum = 0;
    for (std::size_t p = 0; p < count; ++p) {
        double least = infinity;
        for (std::size_t q = 0; q < devices_; ++q)
            least = std::min(least, price[p * devices_ + q] + move(q, join, way.output[p]) + in(q, way.own[p]));
        sum += least;
    }
    if (way.same_boxes) {
        // Who takes some of the parts is given the whole input: the parts cost at least what as many of the cheapest
        // would cost on one device.
        double least = infinity;
        for (std::size_t q = 0; q < devices_; ++q) {
            double part = infinity;
            for (std::size_t p = 0; p < count; ++p)
                part = std::min(part, price[p * devices_ + q] + move(q, join, way.output[p]));
            least = std::min(least, static_cast<double>(count) * part + in(q, way.box.front()));
        }
        sum = std::max(sum, least);
    }
    if (parts && sum < infinity) {
        parts->assign(count, DeviceId());
        double apart = 0;
        for (std::size_t p = 0; p < count; ++p) {
            double least = infinity;
            for (std::size_t q = 0; q < devices_; ++q) {
                double const cost = price[p * devices_ + q] + move(q, join, way.output[p]) + in(q, way.box[p]);
                if (cost < least) {
                    least = cost;
                    (*parts)[p] = DeviceId(q);
                }
            }
            apart += least;
        }
        for (std::size_t q = 0; way.same_boxes && q < devices_; ++q) {
            double together = in(q, way.box.front());
            for (std::size_t p = 0; p < count; ++p) together += price[p * devices_ + q] + move(q, join, way.output[p]);
            if (together < apart) {
                apart = together;
                parts->assign(count, DeviceId(q));
            }
        }
    }
    return sum;
}

void WayPricer::splits(Step const& step, Layer const* before, Layer& layer) {
    auto const block = step.block.index();
    auto const& ways = ways_[block];
    parts_price_.resize(std::max(parts_price_.size(), ways.size()));
    std::vector<std::int32_t> froms;
    if (before) {
        for (std::size_t i = 0; i < devices_; ++i)
            if ((*before)[i].cost < infinity) froms.push_back(static_cast<std::int32_t>(i));
        std::ranges::stable_sort(froms, {},
                                 [&](std::int32_t i) { return (*before)[static_cast<std::size_t>(i)].cost; });
    } else {
        froms.push_back(instance_.source ? instance_.source->value() : -1);
    }
    for (std::size_t s = 0; s < ways.size(); ++s) {
        Way const& way = ways[s];
        auto const count = way.box.size();
        auto& price = parts_price_[s];
        price.assign(count * devices_, infinity);
        double least = 0;
        for (std::size_t p = 0; p < count; ++p) {
            auto const item = items_.part(step.block, s, p);
            double cheapest = infinity;
            for (std::size_t q = 0; q < devices_; ++q) {
                double const hold = prices_->hold[item * devices_ + q];
                if (hold == infinity) continue;
                double& own = price[p * devices_ + q];
                own = way.time[p * devices_ + q] * compute_[q] + hold;
                cheapest = std::min(cheapest, own);
            }
            least += cheapest;
        }
        work_ += static_cast<double>(count * devices_);
        if (least == infinity) continue;
        double const exact_work = std::pow(3, count) * static_cast<double>(devices_);
        for (auto const from : froms) {
            double const base = before ? (*before)[static_cast<std::size_t>(from)].cost : 0;
            for (std::size_t j = 0; j < devices_; ++j) {
                if (instance_.devices[j].off) continue;
                double rest = base + way.join[j] * compute_[j];
                if (!head_.empty()) rest += head_[j];
                State& state = layer[j];
                if (!(rest + least < state.cost)) continue;
                work_ += static_cast<double>(2 * count * devices_);
                double cost = rest + bounded(way, s, from, j, nullptr);
                if (!(cost < state.cost)) continue;
                bool const exact = count <= most_exact_parts && split_work_ >= exact_work;
                if (exact) {
                    split_work_ -= exact_work;
                    work_ += exact_work;
                    cost = rest + assignment(way, s, from, j, true, nullptr);
                }
                if (cost < state.cost) state = {cost, from, static_cast<std::int32_t>(s), exact};
            }
        }
    }
}

// Prices of what a step does and of the move to it.
void WayPricer::price(Step const& step) {
    if (instance_.exits.empty()) return;
    for (std::size_t i = 0; i < devices_; ++i) compute_[i] = step.reach * prices_->compute[i];
    for (std::size_t pair = 0; pair < byte_.size(); ++pair)
        byte_[pair] = all_byte_[pair] == infinity ? infinity : step.reach * all_byte_[pair];
    head_.resize(devices_);
    for (std::size_t i = 0; i < devices_; ++i) {
        auto const place = step.work * devices_ + i;
        head_[i] = heads_[place] * prices_->compute[i];
        for (StepHead const& head : step.heads) head_[i] += prices_->hold[items_.head(head.exit) * devices_ + i];
        if (!prices_->reserve) continue;
        compute_[i] += prices_->reserve->compute[i];
        head_[i] += heads_reserved_[place] * prices_->reserve->compute[i];
    }
    for (std::size_t pair = 0; pair < reserve_byte_.size(); ++pair) byte_[pair] += reserve_byte_[pair];
}

void WayPricer::step(Step const& step, Layer const* before, Layer& layer) {
    price(step);
    layer.assign(devices_, State{});
    double const* const hold = &prices_->hold[items_.whole(step.block) * devices_];
    if (before) {
        // hop_bytes() of the step before.
        auto const bytes = static_cast<double>(bytes_before_.value());
        for (std::size_t from = 0; from < devices_; ++from) {
            double const base = (*before)[from].cost;
            if (base == infinity) continue;
            for (std::size_t to = 0; to < devices_; ++to) {
                if (hold[to] == infinity) continue;
                double const cost = base + move(from, to, bytes);
                if (cost < layer[to].cost) layer[to] = {cost, static_cast<std::int32_t>(from)};
            }
        }
    } else {
        for (std::size_t to = 0; to < devices_; ++to) {
            if (hold[to] == infinity) continue;
            layer[to].cost = instance_.source
                                 ? move(instance_.source->index(), to, static_cast<double>(instance_.input.value()))
                                 : 0;
            layer[to].from = instance_.source ? instance_.source->value() : -1;
        }
    }
    for (std::size_t to = 0; to < devices_; ++to)
        if (layer[to].cost < infinity) {
            layer[to].cost += times_[step.work * devices_ + to] * compute_[to] + hold[to];
            if (!head_.empty()) layer[to].cost += head_[to];
        }
    work_ += static_cast<double>(devices_ * (before ? devices_ : 1));
    if (step.mode == BlockMode::full && !ways_[step.block.index()].empty()) splits(step, before, layer);
}

RequestPlan WayPricer::trace(Choice const& choice, std::vector<Layer> const& layers, std::size_t device) {
    RequestPlan plan;
    plan.admitted = true;
    plan.dropped = instance_.accuracy[choice.option].dropped;
    plan.accuracy = choice.accuracy;
    plan.devices.resize(instance_.blocks.size());
    for (std::size_t s = choice.steps.size(); s-- > 0;) {
        State const& state = layers[s][device];
        auto const block = choice.steps[s].block;
        plan.devices[block.index()] = DeviceId(device);
        if (state.split >= 0) {
            auto const split = static_cast<std::size_t>(state.split);
            InstanceSplit const& offered = instance_.blocks[block.index()].splits[split];
            Way const& way = ways_[block.index()][split];
            price(choice.steps[s]);
            auto& price = parts_price_[split];
            price.assign(way.box.size() * devices_, infinity);
            for (std::size_t p = 0; p < way.box.size(); ++p)
                for (std::size_t q = 0; q < devices_; ++q) {
                    double const hold = prices_->hold[items_.part(block, split, p) * devices_ + q];
                    if (hold < infinity) price[p * devices_ + q] = way.time[p * devices_ + q] * compute_[q] + hold;
                }
            SplitBlock parts{block, offered.split, {}};
            assignment(way, split, state.from, device, state.exact, &parts.parts);
            plan.splits.push_back(std::move(parts));
        }
        if (s > 0) device = static_cast<std::size_t>(state.from);
    }
    std::ranges::reverse(plan.splits);
    return plan;
}

WayPricer::Answer WayPricer::run(WayPrices const& prices, std::size_t most_ways, double split_work) {
    prices_ = &prices;
    split_work_ = split_work;
    work_ = static_cast<double>(devices_ * devices_);
    for (std::size_t i = 0; i < devices_; ++i)
        for (std::size_t k = 0; k < devices_; ++k) {
            double const seconds = seconds_[i * devices_ + k];
            double const link = prices.link.empty() ? 0 : prices.link[i * devices_ + k];
            all_byte_[i * devices_ + k] =
                seconds == infinity ? infinity : seconds * (prices.send[i] + prices.receive[k] + link);
        }
    reserve_byte_.clear();
    for (std::size_t pair = 0; prices.reserve && pair < seconds_.size(); ++pair)
        reserve_byte_.push_back(
            seconds_[pair] == infinity
                ? infinity
                : seconds_[pair] * (prices.reserve->send[pair / devices_] + prices.reserve->receive[pair % devices_]));
    compute_ = prices.compute;
    byte_ = all_byte_;
    Answer answer;
    std::vector<std::pair<double, RequestPlan>> found;
    std::vector<Layer> layers;
    Choice const* last = nullptr;
    for (auto const c : order_) {
        Choice const& choice = choices_[c];
        std::size_t same = 0;  // steps that begin it like the choice before
        while (last && same < last->steps.size() && same < choice.steps.size() &&
               last->steps[same].work == choice.steps[same].work)
            ++same;
        last = &choice;
        layers.resize(same);
        for (std::size_t s = same; s < choice.steps.size(); ++s) {
            if (s > 0) bytes_before_ = choice.steps[s - 1].output.serialised;
            layers.emplace_back();
            step(choice.steps[s], s > 0 ? &layers[s - 1] : nullptr, layers[s]);
        }
        for (std::size_t device = 0; device < devices_; ++device) {
            double const cost = layers.back()[device].cost;
            if (cost == infinity) continue;
            answer.bound = std::min(answer.bound, cost);
            if (found.size() >= most_ways && !(cost < found.back().first)) continue;
            auto const place = std::ranges::upper_bound(found, cost, {}, &std::pair<double, RequestPlan>::first);
            found.emplace(place, cost, trace(choice, layers, device));
            if (found.size() > most_ways) found.pop_back();
        }
    }
    for (auto& [cost, plan] : found) answer.ways.push_back(std::move(plan));
    answer.work = work_;
    return answer;
}

}  // namespace skipstone::planner

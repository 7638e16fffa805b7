#include "planner/turns.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <map>
#include <optional>
#include <set>
#include <utility>

#include "model/cost_model.hpp"
#include "planner/capacity.hpp"
#include "units/error.hpp"

namespace skipstone::planner {

namespace {

constexpr double infinity = std::numeric_limits<double>::infinity();
constexpr double sharpness = 24;           // of the norm of busy times that stands for the largest of them
constexpr std::size_t most_new_ways = 24;  // of one pricing
constexpr int most_sweeps = 30;
constexpr double split_work = 2e6;

// A way with what it takes of the fleet. Resources are those of Use; batteries come behind them.
struct Lane {
    RequestPlan plan;
    std::vector<Use> uses;
    std::vector<std::pair<std::size_t, double>> energy;  // J by device
    std::vector<Holding> held;
    std::vector<Bytes> weights, memory;  // of `held`
    int requests = 0;
};

class Turns {
  public:
    Turns(Instance const& instance, std::vector<Choice> const& choices, Medium medium, Budget& budget)
        : instance_(instance),
          medium_(medium),
          budget_(budget),
          items_(instance),
          pricer_(instance, choices, items_),
          joules_(instance.devices.size(), 0) {}

    void add(Share const& share, int requests) {
        lanes_.push_back(lane_of(share.plan));
        change(lanes_.back(), static_cast<int>(share.share * requests));
    }

    // Requests that rounding left over, one by one where they do least harm.
    void fill(int requests) {
        int placed = 0;
        for (Lane const& lane : lanes_) placed += lane.requests;
        unit_ = std::max(most_busy() / std::max(placed, 1) * requests, largest_use());
        for (; placed < requests; ++placed) {
            std::size_t best = 0;
            double least = infinity;
            for (std::size_t l = 0; l < lanes_.size(); ++l) {
                double const harm = change_of(lanes_[l], nullptr);
                if (harm < least) {
                    least = harm;
                    best = l;
                }
            }
            change(lanes_[best], 1);
        }
    }

    void improve() {
        for (int sweep = 0; sweep < most_sweeps && !budget_.spent(); ++sweep) {
            settle();
            double const before = most_busy();
            unit_ = before > 0 ? before : 1;
            bool better = exchange();
            if (most_busy() > before * (1 - 1e-6)) better |= reroute();
            if (!better) break;
        }
        settle();
    }

    std::vector<RequestPlan> plans() const {
        int requests = 0;
        for (Lane const& lane : lanes_) requests += lane.requests;
        std::vector<RequestPlan> result;
        std::vector<double> due(lanes_.size(), 0);
        for (int r = 0; r < requests; ++r) {
            std::size_t next = 0;
            for (std::size_t l = 0; l < lanes_.size(); ++l) {
                due[l] += static_cast<double>(lanes_[l].requests) / requests;
                if (due[l] > due[next] + 1e-12) next = l;
            }
            due[next] -= 1;
            result.push_back(lanes_[next].plan);
        }
        return result;
    }

    double most_busy() const {
        double most = 0;
        for (auto const& [resource, seconds] : busy_) most = std::max(most, seconds);
        return most;
    }

  private:
    Lane lane_of(RequestPlan plan) const {
        Lane lane;
        auto const graph = task_graph(instance_, plan);
        lane.uses = uses_of(instance_, plan, graph, medium_);
        for (auto const& [i, energy] : reserved_energy(instance_, plan, graph))
            if (std::isfinite(instance_.devices[i].energy.value())) lane.energy.emplace_back(i, energy.value());
        for (Task const& task : graph.tasks) {
            lane.held.push_back({task.device, task.block, task.split, task.part});
            lane.weights.push_back(instance_.weights_needed(task.device, task.block, task.weights));
            lane.memory.push_back(task.memory);
        }
        lane.plan = std::move(plan);
        return lane;
    }

    double largest_use() const {
        double most = 0;
        for (Lane const& lane : lanes_)
            for (Use const& use : lane.uses) most = std::max(most, use.seconds);
        return most > 0 ? most : 1;
    }

    void change(Lane& lane, int by) {
        lane.requests += by;
        for (Use const& use : lane.uses) busy_[use.resource] += by * use.seconds;
        for (auto const& [i, joules] : lane.energy) joules_[i] += by * joules;
    }

    double norm(double seconds) const { return std::pow(std::max(seconds, 0.0) / unit_, sharpness); }
    double over(std::size_t device, double joules) const {
        double const limit = instance_.devices[device].energy.value() * (1 + energy_rounding);
        return joules > limit ? 1e6 * (1 + (joules - limit) / std::max(limit, 1e-9)) : 0;
    }

    // What the norm of the busy times changes by if one request takes `to` (that none of `from` takes any more).
    double change_of(Lane const& to, Lane const* from) const {
        std::map<std::size_t, double> by;
        for (Use const& use : to.uses) by[use.resource] += use.seconds;
        std::map<std::size_t, double> joules;
        for (auto const& [i, one] : to.energy) joules[i] += one;
        if (from) {
            for (Use const& use : from->uses) by[use.resource] -= use.seconds;
            for (auto const& [i, one] : from->energy) joules[i] -= one;
        }
        double sum = 0;
        for (auto const& [resource, seconds] : by) {
            auto const found = busy_.find(resource);
            double const now = found == busy_.end() ? 0 : found->second;
            sum += norm(now + seconds) - norm(now);
        }
        for (auto const& [i, one] : joules) sum += over(i, joules_[i] + one) - over(i, joules_[i]);
        budget_.spend(120.0 * static_cast<double>(by.size()));
        return sum;
    }

    // Requests go over from one way to another.
    bool exchange() {
        bool any = false;
        for (std::size_t a = 0; a < lanes_.size() && !budget_.spent(); ++a)
            for (bool better = true; better && lanes_[a].requests > 0;) {
                better = false;
                std::size_t best = a;
                double least = -1e-9;
                for (std::size_t b = 0; b < lanes_.size(); ++b) {
                    if (a == b) continue;
                    double const harm = change_of(lanes_[b], &lanes_[a]);
                    if (harm < least) {
                        least = harm;
                        best = b;
                    }
                }
                if (best == a) break;
                change(lanes_[a], -1);
                change(lanes_[best], 1);
                any = better = true;
            }
        return any;
    }

    // Requests take ways that none takes yet: the cheapest where a second costs what the norm grows by.
    bool reroute() {
        bool any = false;
        auto const lanes = lanes_.size();
        for (std::size_t a = 0; a < lanes && !budget_.spent(); ++a) {
            if (lanes_[a].requests == 0) continue;
            change(lanes_[a], -1);
            auto answer = pricer_.run(prices(), most_new_ways, split_work);
            change(lanes_[a], 1);
            budget_.spend(answer.work);
            double least = -1e-9;
            std::optional<Lane> best;
            for (RequestPlan& plan : answer.ways) {
                Lane lane = lane_of(std::move(plan));
                double const harm = change_of(lane, &lanes_[a]);
                if (harm < least && fits(lane)) {
                    least = harm;
                    best = std::move(lane);
                }
            }
            if (!best) continue;
            change(lanes_[a], -1);
            auto const known = std::ranges::find_if(lanes_, [&](Lane const& lane) {
                return lane.plan.devices == best->plan.devices && lane.plan.dropped == best->plan.dropped &&
                       lane.plan.splits == best->plan.splits;
            });
            if (known != lanes_.end()) {
                change(*known, 1);
            } else {
                hold(*best);
                lanes_.push_back(std::move(*best));
                change(lanes_.back(), 1);
            }
            any = true;
        }
        return any;
    }

    WayPrices prices() const {
        auto const devices = instance_.devices.size();
        WayPrices prices;
        prices.compute.assign(devices, 1e-9 / unit_);
        prices.send.assign(devices, 1e-9 / unit_);
        prices.receive.assign(devices, medium_ == Medium::radio ? 1e-9 / unit_ : 0);
        for (auto const& [resource, seconds] : busy_) {
            // Of what a typical request adds, a half is counted on top.
            double const price = std::pow((seconds + 0.02 * unit_) / unit_, sharpness / 2) / unit_;
            if (resource < devices) {
                prices.compute[resource] += price;
            } else if (medium_ == Medium::radio) {
                prices.send[resource - devices] += price;
                prices.receive[resource - devices] += price;
            } else {
                if (prices.link.empty()) prices.link.assign(devices * devices, 0);
                prices.link[resource - devices] = price;
            }
        }
        prices.hold.assign(items_.count() * devices, infinity);
        for (std::size_t item = 0; item < items_.count(); ++item) {
            Bytes const memory = items_.least_memory(item);
            for (std::size_t i = 0; i < devices; ++i) {
                InstanceDevice const& device = instance_.devices[i];
                if (device.off || !(device.mac_rate.value() > 0)) continue;
                bool const held = held_.contains(items_.held(item, DeviceId(i)));
                Bytes const weights = held ? Bytes(0) : items_.weights(item, DeviceId(i));
                if (std::max(memory, rooms_[i].largest) + rooms_[i].weights + weights <= device.memory)
                    prices.hold[item * devices + i] = 0;
            }
        }
        return prices;
    }

    struct Room {
        Bytes weights{}, largest{};
    };
    // Ways that nobody takes are forgotten, and what devices hold for them.
    void settle() {
        std::erase_if(lanes_, [](Lane const& lane) { return lane.requests == 0; });
        rooms_.assign(instance_.devices.size(), Room());
        held_.clear();
        for (Lane const& lane : lanes_) hold(lane);
    }

    void hold(Lane const& lane) {
        for (std::size_t h = 0; h < lane.held.size(); ++h) {
            Room& own = rooms_[lane.held[h].device.index()];
            own.largest = std::max(own.largest, lane.memory[h]);
            if (lane.weights[h] > Bytes(0) && held_.insert(lane.held[h]).second) own.weights += lane.weights[h];
        }
        budget_.spend(200.0 * static_cast<double>(lane.held.size()));
    }

    // Whether devices have room for another way.
    bool fits(Lane const& lane) const {
        std::map<std::size_t, Room> rooms;
        std::set<Holding> held;
        for (std::size_t h = 0; h < lane.held.size(); ++h) {
            Holding const& what = lane.held[h];
            auto const i = what.device.index();
            Room& own = rooms.try_emplace(i, rooms_[i]).first->second;
            own.largest = std::max(own.largest, lane.memory[h]);
            if (!held_.contains(what) && held.insert(what).second) own.weights += lane.weights[h];
            if (own.weights + own.largest > instance_.devices[i].memory) return false;
        }
        return true;
    }

    Instance const& instance_;
    Medium medium_;
    Budget& budget_;
    Items items_;
    WayPricer pricer_;
    std::vector<Lane> lanes_;
    std::map<std::size_t, double> busy_;  // s
    std::vector<double> joules_;
    std::vector<Room> rooms_;  // what devices need for all ways
    std::set<Holding> held_;
    double unit_ = 1;  // s
};

}  // namespace

std::vector<RequestPlan> take_turns(Instance const& instance, std::vector<Choice> const& choices, Medium medium,
                                    std::vector<Share> const& shares, int requests, Budget& budget) {
    SKIPSTONE_EXPECT(!shares.empty());
    Turns turns(instance, choices, medium, budget);
    for (Share const& share : shares) turns.add(share, requests);
    turns.fill(requests);
    turns.improve();
    return turns.plans();
}

}  // namespace skipstone::planner

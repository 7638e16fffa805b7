#include "planner/split_search.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <utility>

#include "model/cost_model.hpp"
#include "planner/stream.hpp"

namespace skipstone::planner {

namespace {

class SplitSearch {
  public:
    SplitSearch(Instance const& instance, std::vector<RequestPlan> plans,
                std::function<double(std::vector<RequestPlan> const&)> const& value, Budget& budget)
        : instance_(instance), plans_(std::move(plans)), value_of_(value), budget_(budget), value_(value(plans_)) {}

    std::vector<RequestPlan> run() {
        for (bool better = true; better && !budget_.spent();) {
            better = false;
            for (std::size_t r = 0; r < plans_.size(); ++r)
                for (std::size_t j = 0; j < plans_[r].devices.size() && !budget_.spent(); ++j)
                    if (plans_[r].admitted && plans_[r].devices[j]) better |= improve(r, BlockId(j));
        }
        return std::move(plans_);
    }

  private:
    bool improve(std::size_t r, BlockId block) {
        if (std::ranges::find(plans_[r].dropped, block) != plans_[r].dropped.end()) return false;
        bool better = false;
        auto const split = std::ranges::find(plans_[r].splits, block, &SplitBlock::block);
        if (split != plans_[r].splits.end()) {
            auto joined = plans_;
            joined[r].splits.erase(joined[r].splits.begin() + (split - plans_[r].splits.begin()));
            better |= adopt(std::move(joined));
        }
        for (InstanceSplit const& way : instance_.blocks[block.index()].splits)
            for (bool const busy : {false, true}) {
                if (budget_.spent()) return better;
                auto const parts = nearest(r, block, way, busy);
                if (parts.size() != way.parts.size()) continue;
                auto changed = plans_;
                auto& splits = changed[r].splits;
                std::erase_if(splits, [&](SplitBlock const& other) { return other.block == block; });
                splits.insert(std::ranges::upper_bound(splits, block, {}, &SplitBlock::block),
                              SplitBlock{block, way.split, parts});
                better |= adopt(std::move(changed));
            }
        return better;
    }

    // The devices that would be through with a part first, their inputs' and outputs' way counted, and, with `busy`,
    // what they compute of other requests.
    std::vector<DeviceId> nearest(std::size_t r, BlockId block, InstanceSplit const& way, bool busy) const {
        DeviceId const joins = plans_[r].devices[block.index()];
        std::optional<DeviceId> holder = instance_.source;
        for (std::size_t j = 0; j < block.index(); ++j)
            if (plans_[r].devices[j]) holder = plans_[r].devices[j];
        std::vector<double> load(instance_.devices.size(), 0);
        for (std::size_t q = 0; busy && q < plans_.size(); ++q) {
            if (q == r || !plans_[q].admitted) continue;
            for (Task const& task : task_graph(instance_, plans_[q]).tasks)
                load[task.device.index()] += task.duration.value();
        }
        std::vector<std::pair<double, DeviceId>> order;
        for (std::size_t i = 0; i < instance_.devices.size(); ++i) {
            DeviceId const device(i);
            if (instance_.devices[i].off) continue;
            double time = load[i] + part_time(instance_, block, way.split, 0, device).value() +
                          hop_time(instance_, way.parts.front().output_bytes, device, joins).value();
            if (holder) time += hop_time(instance_, way.parts.front().input_bytes, *holder, device).value();
            if (std::isfinite(time)) order.emplace_back(time, device);
        }
        std::ranges::stable_sort(order, {}, &std::pair<double, DeviceId>::first);
        std::vector<DeviceId> parts;
        for (std::size_t p = 0; p < order.size() && p < way.parts.size(); ++p) parts.push_back(order[p].second);
        return parts;
    }

    bool adopt(std::vector<RequestPlan> changed) {
        Admission admission(instance_);
        for (RequestPlan const& plan : changed)
            if (plan.admitted && admission.admit(plan) != Binding::none) return false;
        double const value = value_of_(changed);
        if (!(value < value_ * (1 - 1e-9))) return false;
        plans_ = std::move(changed);
        value_ = value;
        return true;
    }

    Instance const& instance_;
    std::vector<RequestPlan> plans_;
    std::function<double(std::vector<RequestPlan> const&)> const& value_of_;
    Budget& budget_;
    double value_;
};

}  // namespace

std::vector<RequestPlan> split_where_it_helps(Instance const& instance, std::vector<RequestPlan> plans,
                                              std::function<double(std::vector<RequestPlan> const&)> const& value,
                                              Budget& budget) {
    return SplitSearch(instance, std::move(plans), value, budget).run();
}

}  // namespace skipstone::planner

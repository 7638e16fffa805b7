#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <vector>

#include "model/instance.hpp"
#include "planner/budget.hpp"
#include "planner/capacity.hpp"
#include "planner/choice.hpp"
#include "planner/packing.hpp"

namespace skipstone::planner {

// An extra price of going on from a block on one device to the next block that runs on another one, or (from = to) on
// the same.
struct TransitionPrice {
    std::size_t choice = 0;  // every_choice: of all
    BlockId block;
    std::size_t from = 0, to = 0;
    double price = 0;

    static constexpr std::size_t every_choice = static_cast<std::size_t>(-1);
};

// A price of every segment on a device, in proportion to what it counts.
struct SegmentPrice {
    std::shared_ptr<PackingRule const> rule;
    double price = 0;  // per unit
};

// What a request pays for what it does: its own cost and the duals of the rows that it uses. Additive along a path.
struct Prices {
    double per_second = 0;                  // of expected latency
    std::vector<double> work;               // [works × devices] for running it there, beside per_second · its time
    std::vector<double> transmit, receive;  // per device, per second of serialisation that is reserved
    std::vector<double> choice;             // per choice
    std::vector<TransitionPrice> transitions;
    std::vector<SegmentPrice> segments;
};

struct PricedPath {
    std::size_t choice = 0;
    std::vector<DeviceId> devices;  // one per step
    double price = 0;
};

// The cheapest way through the network for every drop set at given prices: a shortest path over (end of segment,
// device), where a segment, a maximal run of consecutive blocks on one device, must itself fit into what the device has
// left. It does not see that two segments of one request on one device add up, nor what hops cost a battery: its price
// is a lower bound for all paths that fit. Drop sets share their work as far as their first blocks agree.
class Pricer {
  public:
    // works: works_of() the choices. Both must outlive the pricer.
    Pricer(Instance const& instance, std::vector<Choice> const& choices, std::vector<Step> const& works);

    // Which segments fit.
    void restrict_to(Capacity const& capacity);
    // Gives these choices a chain of their own, which transition prices of one choice need.
    void separate(std::vector<std::size_t> const& choices);

    // The best path of every choice, `per_choice` of them (by last device), without those at or above the limit;
    // cheapest first.
    std::vector<PricedPath> run(Prices const& prices, double limit, std::size_t per_choice);
    // The cheapest price of the last run, over all choices; infinite when there is no path.
    double lowest() const { return lowest_; }
    // By how much rounding may have raised lowest(), of the last run.
    double rounding() const { return rounding_; }
    // All paths of the last run's prices below the limit, in no particular order; nothing when there are more than
    // `most`, or when the budget does not suffice to find them all. Dead ends are charged like paths.
    std::optional<std::vector<PricedPath>> enumerate(double limit, std::size_t most, Budget& budget) const;
    // Elementary operations of one run, roughly.
    double work() const { return static_cast<double>(nodes_.size() * (devices_ + 8) * devices_); }

    // No path takes longer; s.
    double longest_latency() const { return longest_latency_; }

  private:
    struct Node {
        std::int32_t parent = -1;
        std::int32_t depth = 0;
        std::size_t choice = TransitionPrice::every_choice;  // whose own chain this is
        std::int64_t macs = 0, memory = 0;                   // sums from the root
        double moved = 0;  // bytes serialised by a hop from the parent (or the source) to here, all requests alike
        Step step;
    };

    void build(std::vector<std::size_t> const& separate);
    void find_windows();
    void price_segments();
    double largest_price(std::vector<double> const& work) const;
    // Extra price of the segment from a start to an end on a device.
    double segment(std::size_t start, std::size_t end, std::size_t device) const {
        auto const& prices = segment_price_[device];
        return prices.empty()
                   ? 0
                   : prices[end * length_ + static_cast<std::size_t>(nodes_[end].depth - nodes_[start].depth)];
    }
    double plain_hop(std::size_t node, std::size_t from, std::size_t to) const;  // without transitions
    double hop(std::size_t node, std::size_t from, std::size_t to) const;
    struct Enumeration;
    bool enumerate_into(Enumeration& all) const;
    bool extend(Enumeration& all, std::size_t node, std::size_t device, double rest) const;
    PricedPath path_to(std::size_t choice, std::size_t leaf, std::size_t device) const;

    Instance const* instance_;
    std::vector<Choice> const* choices_;
    std::vector<Step> const* works_;
    std::size_t devices_;
    std::vector<double> per_byte_;     // [devices × devices] s per byte, infinite: no hop (or the same device)
    std::vector<double> latency_;      // [devices × devices] s
    std::vector<double> from_source_;  // per device, s per byte
    std::vector<double> source_latency_;
    std::vector<double> compute_;   // [works × devices] expected, s
    std::vector<double> reserved_;  // likewise, of Eq. 17
    double longest_latency_ = 0;

    std::vector<std::size_t> separate_;
    std::vector<Node> nodes_;        // parents before children
    std::vector<std::size_t> leaf_;  // per choice
    std::size_t length_ = 0;         // steps of the longest choice
    std::vector<std::int32_t>
        first_;  // [nodes × devices] depth of the earliest start of a segment that ends there; depth + 1: none
    std::vector<Capacity> capacity_;  // the last one given: 0 or 1

    std::map<std::shared_ptr<PackingRule const>, std::vector<float>>
        counts_;  // [nodes × length_] by end and steps before it; made when first needed

    // Of the last run.
    Prices prices_;
    std::vector<std::vector<double>> segment_price_;  // per device: empty, or [nodes × length_] likewise
    std::vector<double> hop_price_;                   // [devices × devices] per byte
    std::vector<double> hop_time_, hop_use_;          // its parts, of time and of what is reserved; where shares differ
    std::vector<double> hop_fixed_;                   // [devices × devices]
    std::vector<double>
        opening_;  // [nodes × devices] price of the path up to an opening at the node, less the running sum
    std::vector<double> running_;  // [nodes × devices] sum of work prices from the root
    std::vector<double> ending_;   // [nodes × devices] price of the cheapest path that has the node there
    double lowest_ = 0, rounding_ = 0;
};

}  // namespace skipstone::planner

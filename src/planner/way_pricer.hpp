#pragma once

#include <cstddef>
#include <cstdint>
#include <limits>
#include <optional>
#include <vector>

#include "model/instance.hpp"
#include "model/plan.hpp"
#include "planner/choice.hpp"
#include "planner/stream.hpp"

namespace skipstone::planner {

// What a device can do of a block, numbered: all of it (as a whole, or its projection), or one part of one split; then
// the heads of the exits.
class Items {
  public:
    explicit Items(Instance const& instance);

    std::size_t count() const { return all_.size(); }
    std::size_t whole(BlockId block) const { return first_[block.index()]; }
    std::size_t head(std::size_t exit) const { return heads_ + exit; }
    std::size_t part(BlockId block, std::size_t split, std::size_t part) const {
        return splits_[block.index()][split] + part;
    }
    struct Item {
        BlockId block;
        std::int32_t split = -1;  // index into InstanceBlock::splits; −1: the whole block
        std::int16_t part = -1;
        std::int32_t exit = -1;  // the head of this one; `block` is the network's id of it
    };
    Item const& at(std::size_t item) const { return all_[item]; }
    // Weights (0 where they do not count, or are there already) and memory of what the device runs of it.
    Bytes weights(std::size_t item, DeviceId device) const;
    Bytes memory(std::size_t item) const;
    // Likewise, as little as it may be: of a block that can be dropped and leaves a projection, the projection's.
    Bytes least_memory(std::size_t item) const;
    // What a task is of.
    std::size_t of(Task const& task) const;
    Holding held(std::size_t item, DeviceId device) const;

  private:
    Instance const& instance_;
    std::vector<Item> all_;
    std::vector<std::size_t> first_;
    std::vector<std::vector<std::size_t>> splits_;
    std::size_t heads_ = 0;
};

// What things cost a request, by its expected times.
struct WayPrices {
    std::vector<double> compute, send, receive;  // [devices] per second
    std::vector<double> link;                    // [devices × devices] per second, beside these; empty: 0
    // Beside them, by times of a request that leaves nowhere; none: nothing.
    struct Reserve {
        std::vector<double> compute, send, receive;  // [devices] per second
    };
    std::optional<Reserve> reserve;
    std::vector<double> hold;  // [items × devices] of running it there; infinite: it may not be
};

// Finds the cheapest way of a request through the fleet: a drop set, a device for each block that is left, or devices
// for the parts of one and one that joins them: a shortest path over (block, device that has its output whole).
class WayPricer {
  public:
    WayPricer(Instance const& instance, std::vector<Choice> const& choices, Items const& items);

    struct Answer {
        // No way costs less; infinite: there is none.
        double bound = std::numeric_limits<double>::infinity();
        std::vector<RequestPlan> ways;  // the cheapest to each device and with each drop set, the best first
        double work = 0;                // elementary operations
    };
    // split_work: so many operations may be spent on exact prices of splits; what goes beyond is bounded from below.
    Answer run(WayPrices const& prices, std::size_t most_ways, double split_work);

  private:
    struct State {
        double cost = std::numeric_limits<double>::infinity();
        std::int32_t from = -1;   // who has the block's input; −1: everybody
        std::int32_t split = -1;  // index into InstanceBlock::splits
        bool exact = true;
    };
    using Layer = std::vector<State>;
    struct Way {                   // in which a block can be split
        std::vector<double> hull;  // bytes of the box around a set of parts, by the set's bits; few parts only
        std::vector<double> own;   // bytes that a part's box has at least for itself, shared ones in equal shares
        std::vector<double> box;   // bytes of each part's box
        std::vector<double> output;
        std::vector<double> time;  // [parts × devices]
        std::vector<double> join;  // [devices]
        bool same_boxes = false;
    };

    void measure(std::size_t block, std::size_t split);
    double move(std::size_t from, std::size_t to, double bytes) const {
        double const price = byte_[from * devices_ + to];  // infinite: not even nothing can move
        return from == to ? 0 : price * (price == std::numeric_limits<double>::infinity() ? 1 : bytes);
    }
    void price(Step const& step);
    void step(Step const& step, Layer const* before, Layer& layer);
    void splits(Step const& step, Layer const* before, Layer& layer);
    double assignment(Way const& way, std::size_t split, std::int32_t from, std::size_t join, bool exact,
                      std::vector<DeviceId>* parts);
    double bounded(Way const& way, std::size_t split, std::int32_t from, std::size_t join,
                   std::vector<DeviceId>* parts);
    RequestPlan trace(Choice const& choice, std::vector<Layer> const& layers, std::size_t device);

    Instance const& instance_;
    std::vector<Choice> const& choices_;
    Items const& items_;
    std::size_t devices_;
    std::vector<std::size_t> order_;                // choices, those with like beginnings side by side
    std::vector<double> seconds_;                   // [devices × devices] per byte; infinite: no link
    std::vector<double> times_;                     // [works × devices] of the block, whether it is reached or not
    std::vector<double> heads_, heads_reserved_;    // likewise, of its heads: expected, and in full
    std::vector<std::vector<Way>> ways_;            // [blocks][splits]
    WayPrices const* prices_ = nullptr;             // of this run
    std::vector<double> all_byte_;                  // [devices × devices] price per byte, if all requests move it
    std::vector<double> reserve_byte_;              // likewise of WayPrices::reserve
    std::vector<double> compute_, byte_, head_;     // of the step at hand, its reach counted; head_: its heads' price
    std::vector<std::vector<double>> parts_price_;  // [ways of a block][parts × devices], of the block at hand
    Bytes bytes_before_{};                          // that move to the step at hand, from the one before
    double split_work_ = 0, work_ = 0;
};

}  // namespace skipstone::planner

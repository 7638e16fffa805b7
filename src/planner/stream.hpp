#pragma once

#include <compare>
#include <cstddef>
#include <map>
#include <optional>
#include <span>
#include <utility>
#include <vector>

#include "model/instance.hpp"
#include "model/link.hpp"
#include "model/plan.hpp"
#include "model/task_graph.hpp"

// What a request of a stream keeps busy, and what devices hold for it.
namespace skipstone::planner {

// Shares of the requests that make each move of a graph, of the shares that get to each block (empty: all).
std::vector<double> shares_of_moves(Instance const& instance, TaskGraph const& graph, std::span<double const> reach);

// What does one thing at a time: processor i is number i; with Medium::radio radio i is number devices + i, with
// Medium::links the link from i to k number devices + i · devices + k.
struct Use {
    std::size_t resource;
    double seconds;
};
// How long a request keeps what busy on average, by resource, each once. A move takes what its bytes take to serialise,
// a radio at either end. Infinite where a link is missing. graph: of the plan.
std::vector<Use> uses_of(Instance const& instance, RequestPlan const& plan, TaskGraph const& graph, Medium medium);
// What counts for Eq. 17, by device, each once; 0 left out.
std::vector<std::pair<std::size_t, Joules>> reserved_energy(Instance const& instance, RequestPlan const& plan,
                                                            TaskGraph const& graph);
// A resource by name. Price: see ResourcePrice.
ResourcePrice priced(std::size_t resource, double price, std::size_t devices, Medium medium);

// Weights that a device holds: of a block, or of a part of one.
struct Holding {
    DeviceId device;
    BlockId block;
    Split split;
    std::int16_t part = -1;

    auto operator<=>(Holding const&) const = default;
};

// Seconds per admitted request that such requests, repeated without end, keep the busiest processor, link or radio
// busy; none when none is admitted. Queues settle: 1 by it is the throughput in the steady state.
std::optional<Seconds> period_of(Instance const& instance, std::vector<RequestPlan> const& requests, Medium medium);

// Requests that are taken on one after the other while devices have room for all that were.
class Admission {
  public:
    explicit Admission(Instance const& instance);

    // none: it fits (Eq. 13-17, links), and is taken; else what keeps it out.
    Binding admit(RequestPlan const& plan);

  private:
    struct Load {
        Bytes tasks{};    // Goal::latency: of all tasks; Goal::throughput: of the largest
        Bytes weights{};  // MemoryModel::resident
        Macs macs{};
        Joules energy{};
    };

    Instance const& instance_;
    std::vector<Load> loads_;
    std::map<Holding, Bytes> held_;
};

// Those of the requests that fit, as many as can be in this order; the others are rejected, all for the same cause as
// the first of them.
PlanResult admitted_of(Instance const& instance, std::vector<RequestPlan> requests);

}  // namespace skipstone::planner

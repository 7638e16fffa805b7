#include "trace/check_capacity.hpp"

#include <map>
#include <optional>
#include <span>
#include <sstream>
#include <tuple>
#include <utility>
#include <vector>

namespace skipstone::trace {

namespace {

constexpr double rounding = 1e-9;  // relative, by which a capacity may be passed (model/cost_model.hpp)

struct Planned {
    RequestPlan plan;
    TaskGraph graph;
};

// What the plans of a round need of every device by now. Amounts are whole numbers far below 2^53.
class Needs {
  public:
    // stream: a device computes one task at a time for ever, so that its memory holds the largest. macs: they are
    // limited.
    Needs(Header const& header, bool weights, bool stream, bool macs)
        : header_(header),
          weights_(weights),
          stream_(stream),
          limits_macs_(macs),
          memory_(header.devices.size(), 0),
          macs_(header.devices.size(), 0),
          tasks_(header.devices.size()) {}

    void count(Planned const& planned, PlannedWork const& work, int sign) {
        auto const& [plan, graph] = planned;
        for (Task const& task : graph.tasks) {
            auto const device = task.device.index();
            auto const memory = static_cast<double>(task.memory.value());
            if (stream_)
                tasks_[device][memory] += sign;
            else
                memory_[device] += sign * memory;
            macs_[device] += sign * static_cast<double>(work.reserved(plan, task).value());
            if (!weights_) continue;
            int& users = users_[{task.device, task.block, task.split, task.part}];
            if (users == (sign > 0 ? 0 : 1)) memory_[device] += sign * static_cast<double>(task.weights.value());
            users += sign;
        }
    }

    void compare(std::string const& when, Findings& findings) const {
        for (std::size_t i = 0; i < memory_.size(); ++i) {
            auto const& device = header_.devices[i];
            double const memory = memory_[i] + largest_task(i);
            if (exceeds(memory, device.memory_bytes))
                findings.add("plans need more memory than a device has (Eq. 13)", ": device ", i, ", ", when, ": ",
                             memory, " of ", device.memory_bytes);
            if (limits_macs_ && exceeds(macs_[i], device.macs_per_round))
                findings.add("plans need more macs than a device has (Eq. 14)", ": device ", i, ", ", when, ": ",
                             macs_[i], " of ", device.macs_per_round);
        }
    }

    static bool exceeds(double used, std::int64_t limit) { return used > static_cast<double>(limit) * (1 + rounding); }

  private:
    double largest_task(std::size_t device) const {
        double largest = 0;
        for (auto const& [memory, users] : tasks_[device])
            if (users > 0) largest = memory;
        return largest;
    }

    Header const& header_;
    bool weights_, stream_, limits_macs_;
    std::vector<double> memory_, macs_;         // per device
    std::vector<std::map<double, int>> tasks_;  // per device: memory of a task, and how many need that; only of streams
    // Plans by which a device holds the weights of a block, or a part.
    std::map<std::tuple<DeviceId, BlockId, Split, std::int16_t>, int> users_;
};

}  // namespace

CapacityRules capacity_rules(Provenance const& provenance) {
    CapacityRules rules;
    std::istringstream lines(provenance.scenario);
    for (std::string line; std::getline(lines, line);) {
        rules.weights = rules.weights || line == "memory = \"resident\"";
        rules.expected = rules.expected || line == "reserve = \"expected\"";
    }
    return rules;
}

void check_capacity(Round const& round, Header const& header, PlannedWork& work, CapacityRules const& rules,
                    Findings& findings) {
    bool const stream = round.row.goal == Goal::throughput;
    auto const devices = header.devices.size(), blocks = header.chain();
    Needs needs(header, rules.weights, stream, !stream && (!rules.expected || work.knows_parts()));
    std::map<std::int32_t, Planned> latest;  // by request
    for (std::size_t r = 0; r < round.planned.size(); ++r) {
        if (!round.planned[r].first) continue;
        auto const& plan = *round.planned[r].first;
        needs.count(latest[static_cast<std::int32_t>(r)] = {plan, work.graph(plan, std::nullopt)}, work, 1);
    }
    needs.compare("the first plans" + in_round(round.row), findings);
    auto const& plans = round.plans;
    for (std::size_t first = 0, last = 0; first < plans.size(); first = last) {
        auto const request = plans[first].request, revision = plans[first].revision;
        while (last < plans.size() && plans[last].request == request && plans[last].revision == revision) ++last;
        if (revision <= 0) continue;
        auto const plan = request_plan(std::span(plans).subspan(first, last - first), devices, blocks);
        if (!plan) continue;
        if (auto const before = latest.find(request); before != latest.end()) needs.count(before->second, work, -1);
        needs.count(latest[request] = {*plan, work.graph(*plan, std::nullopt)}, work, 1);
        needs.compare(
            "revision " + std::to_string(revision) + " of request " + std::to_string(request) + in_round(round.row),
            findings);
    }
    if (stream || rules.expected) return;
    std::vector<double> computed(header.devices.size(), 0);
    for (auto const& event : round.events)
        if (event.kind == EventKind::compute && is_index(event.device, computed.size()))
            computed[static_cast<std::size_t>(event.device)] += static_cast<double>(event.macs);
    for (std::size_t i = 0; i < computed.size(); ++i)
        if (Needs::exceeds(computed[i], header.devices[i].macs_per_round))
            findings.add("a device computes more macs in a round than it may (Eq. 14)", ": device ", i,
                         in_round(round.row), ": ", computed[i], " of ", header.devices[i].macs_per_round);
}

}  // namespace skipstone::trace

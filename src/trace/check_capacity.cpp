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

// What the plans of a round need of every device by now. Amounts are whole numbers far below 2^53.
class Needs {
  public:
    // stream: a device computes one task at a time for ever, so that its memory holds the largest, and no number of
    // MACs is too large.
    Needs(Header const& header, bool weights, bool stream)
        : header_(header),
          weights_(weights),
          stream_(stream),
          memory_(header.devices.size(), 0),
          macs_(header.devices.size(), 0),
          tasks_(header.devices.size()) {}

    void count(TaskGraph const& graph, int sign) {
        for (Task const& task : graph.tasks) {
            auto const device = task.device.index();
            auto const memory = static_cast<double>(task.memory.value());
            if (stream_)
                tasks_[device][memory] += sign;
            else
                memory_[device] += sign * memory;
            macs_[device] += sign * static_cast<double>(task.macs.value());
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
            if (!stream_ && exceeds(macs_[i], device.macs_per_round))
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
    bool weights_, stream_;
    std::vector<double> memory_, macs_;         // per device
    std::vector<std::map<double, int>> tasks_;  // per device: memory of a task, and how many need that; only of streams
    // Plans by which a device holds the weights of a block, or a part.
    std::map<std::tuple<DeviceId, BlockId, Split, std::int16_t>, int> users_;
};

}  // namespace

bool weights_take_memory(Provenance const& provenance) {
    std::istringstream lines(provenance.scenario);
    for (std::string line; std::getline(lines, line);)
        if (line == "memory = \"resident\"") return true;
    return false;
}

void check_capacity(Round const& round, Header const& header, PlannedWork& work, bool weights, Findings& findings) {
    bool const stream = round.row.goal == Goal::throughput;
    auto const devices = header.devices.size(), blocks = header.chain();
    Needs needs(header, weights, stream);
    std::map<std::int32_t, TaskGraph> latest;  // by request
    for (std::size_t r = 0; r < round.planned.size(); ++r) {
        if (!round.planned[r].first) continue;
        auto const& graph = latest[static_cast<std::int32_t>(r)] = work.graph(*round.planned[r].first, std::nullopt);
        needs.count(graph, 1);
    }
    needs.compare("the first plans" + in_round(round.row), findings);
    auto const& plans = round.plans;
    for (std::size_t first = 0, last = 0; first < plans.size(); first = last) {
        auto const request = plans[first].request, revision = plans[first].revision;
        while (last < plans.size() && plans[last].request == request && plans[last].revision == revision) ++last;
        if (revision <= 0) continue;
        auto const plan = request_plan(std::span(plans).subspan(first, last - first), devices, blocks);
        if (!plan) continue;
        if (auto const before = latest.find(request); before != latest.end()) needs.count(before->second, -1);
        needs.count(latest[request] = work.graph(*plan, std::nullopt), 1);
        needs.compare(
            "revision " + std::to_string(revision) + " of request " + std::to_string(request) + in_round(round.row),
            findings);
    }
    if (stream) return;
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

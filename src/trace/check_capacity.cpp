#include "trace/check_capacity.hpp"

#include <map>
#include <sstream>
#include <utility>
#include <vector>

namespace skipstone::trace {

namespace {

constexpr double rounding = 1e-9;  // relative, by which a capacity may be passed (model/cost_model.hpp)

// What the plans of a round need of every device by now. Amounts are whole numbers far below 2^53.
class Needs {
  public:
    Needs(Header const& header, bool weights)
        : header_(header), weights_(weights), memory_(header.devices.size(), 0), macs_(header.devices.size(), 0) {}

    void count(PlanRow const& row, int sign) {
        if (!is_index(row.device, header_.devices.size()) || !is_index(row.block, header_.blocks.size())) return;
        auto const& block = header_.blocks[static_cast<std::size_t>(row.block)];
        auto const device = static_cast<std::size_t>(row.device);
        bool const skipped = row.mode == BlockMode::skip;
        memory_[device] += sign * static_cast<double>(skipped ? block.skip_memory_bytes : block.memory_bytes);
        macs_[device] += sign * static_cast<double>(skipped ? block.skip_macs : block.macs);
        if (!weights_) return;
        int& users = users_[{row.device, row.block}];
        if (users == (sign > 0 ? 0 : 1)) memory_[device] += sign * static_cast<double>(block.weight_bytes);
        users += sign;
    }

    void compare(std::string const& when, Findings& findings) const {
        for (std::size_t i = 0; i < memory_.size(); ++i) {
            auto const& device = header_.devices[i];
            if (exceeds(memory_[i], device.memory_bytes))
                findings.add("plans need more memory than a device has (Eq. 13)", ": device ", i, ", ", when, ": ",
                             memory_[i], " of ", device.memory_bytes);
            if (exceeds(macs_[i], device.macs_per_round))
                findings.add("plans need more macs than a device has (Eq. 14)", ": device ", i, ", ", when, ": ",
                             macs_[i], " of ", device.macs_per_round);
        }
    }

    static bool exceeds(double used, std::int64_t limit) {
        return used > static_cast<double>(limit) * (1 + rounding);
    }

  private:
    Header const& header_;
    bool weights_;
    std::vector<double> memory_, macs_;                           // per device
    std::map<std::pair<std::int32_t, std::int32_t>, int> users_;  // device, block: plans by which it holds the weights
};

}  // namespace

bool weights_take_memory(Provenance const& provenance) {
    std::istringstream lines(provenance.scenario);
    for (std::string line; std::getline(lines, line);)
        if (line == "memory = \"resident\"") return true;
    return false;
}

void check_capacity(Round const& round, Header const& header, bool weights, Findings& findings) {
    Needs needs(header, weights);
    std::map<std::int32_t, std::vector<PlanRow>> latest;  // by request
    auto const& plans = round.plans;
    for (auto const& row : plans)
        if (row.revision == 0) {
            latest[row.request].push_back(row);
            needs.count(row, 1);
        }
    needs.compare("the first plans" + in_round(round.row), findings);
    for (std::size_t first = 0, last = 0; first < plans.size(); first = last) {
        auto const request = plans[first].request, revision = plans[first].revision;
        auto& plan = latest[request];
        if (revision > 0) {
            for (auto const& row : plan) needs.count(row, -1);
            plan.clear();
        }
        for (; last < plans.size() && plans[last].request == request && plans[last].revision == revision; ++last)
            if (revision > 0) plan.push_back(plans[last]);
        if (revision <= 0) continue;
        for (auto const& row : plan) needs.count(row, 1);
        needs.compare("revision " + std::to_string(revision) + " of request " + std::to_string(request) +
                          in_round(round.row),
                      findings);
    }
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

#include "trace/plan_rows.hpp"

#include <algorithm>
#include <limits>
#include <map>
#include <utility>

namespace skipstone::trace {

namespace {

bool is_index(std::int32_t value, std::size_t size) {
    return value >= 0 && static_cast<std::size_t>(value) < size;
}

// A block's rows as its split, with the row of its whole last; none where they are not those of a block.
struct BlockRows {
    std::vector<PlanRow> parts;
    std::optional<PlanRow> whole;

    void add(PlanRow const& row) {
        if (row.part >= 0)
            parts.push_back(row);
        else
            twice_ = std::exchange(whole, row).has_value() || twice_;
    }
    bool right(std::size_t devices) {
        if (!whole || twice_ || whole->part != -1) return false;
        bool const split = whole->split != Split::Kind::whole;
        if (whole->parts < (split ? 2 : 1) || (!split && whole->parts != 1)) return false;
        if (parts.size() != (split ? static_cast<std::size_t>(whole->parts) : 0U)) return false;
        std::ranges::sort(parts, {}, &PlanRow::part);
        for (std::size_t p = 0; p < parts.size(); ++p)
            if (parts[p].part != static_cast<std::int16_t>(p) || parts[p].parts != whole->parts ||
                parts[p].split != whole->split || parts[p].mode != BlockMode::full ||
                !is_index(parts[p].device, devices))
                return false;
        if (split && whole->mode != BlockMode::full) return false;
        bool const vanished = whole->device == -1 && whole->mode == BlockMode::skip;
        return vanished || is_index(whole->device, devices);
    }

  private:
    bool twice_ = false;
};

}  // namespace

std::vector<PlanRow> plan_rows(RequestPlan const& plan, std::int32_t round, std::int32_t revision,
                               std::int32_t request) {
    std::vector<PlanRow> rows;
    rows.reserve(plan.devices.size());
    auto next_split = plan.splits.begin();
    for (std::size_t block = 0; block < plan.devices.size(); ++block) {
        bool const dropped = std::ranges::binary_search(plan.dropped, BlockId(block));
        PlanRow row{round,
                    revision,
                    request,
                    static_cast<std::int32_t>(block),
                    plan.devices[block].value(),
                    dropped ? BlockMode::skip : BlockMode::full};
        if (next_split != plan.splits.end() && next_split->block == BlockId(block)) {
            row.parts = static_cast<std::int16_t>(next_split->split.parts);
            row.split = next_split->split.kind;
            auto part = row;
            for (DeviceId const device : next_split->parts) {
                ++part.part;
                part.device = device.value();
                rows.push_back(part);
            }
            ++next_split;
        }
        rows.push_back(row);
    }
    return rows;
}

std::optional<RequestPlan> request_plan(std::span<PlanRow const> rows, std::size_t devices, std::size_t blocks) {
    if (rows.size() < blocks) return std::nullopt;
    std::vector<BlockRows> by_block(blocks);
    for (auto const& row : rows) {
        if (!is_index(row.block, blocks)) return std::nullopt;
        by_block[static_cast<std::size_t>(row.block)].add(row);
    }
    RequestPlan plan;
    plan.admitted = true;
    plan.accuracy = std::numeric_limits<double>::quiet_NaN();
    plan.devices.reserve(blocks);
    for (std::size_t b = 0; b < blocks; ++b) {
        auto& block = by_block[b];
        if (!block.right(devices)) return std::nullopt;
        plan.devices.push_back(block.whole->device < 0 ? DeviceId() : DeviceId(block.whole->device));
        if (block.whole->mode == BlockMode::skip) plan.dropped.push_back(BlockId(b));
        if (block.parts.empty()) continue;
        SplitBlock split{BlockId(b), Split{block.whole->split, block.whole->parts}, {}};
        for (auto const& part : block.parts) split.parts.push_back(DeviceId(part.device));
        plan.splits.push_back(std::move(split));
    }
    return plan;
}

std::vector<PlansOf> plans_of(std::span<PlanRow const> rows, std::size_t requests, std::size_t devices,
                              std::size_t blocks) {
    std::map<std::pair<std::int32_t, std::int32_t>, std::vector<PlanRow>> by_plan;  // by request, revision
    for (auto const& row : rows)
        if (is_index(row.request, requests)) by_plan[{row.request, row.revision}].push_back(row);
    std::vector<PlansOf> plans(requests);
    for (auto const& [key, plan] : by_plan) {  // the last revision comes last
        auto& mine = plans[static_cast<std::size_t>(key.first)];
        mine.last = request_plan(plan, devices, blocks);
        if (key.second == 0) mine.first = mine.last;
    }
    return plans;
}

}  // namespace skipstone::trace

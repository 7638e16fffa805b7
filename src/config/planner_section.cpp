#include "config/planner_section.hpp"

#include <algorithm>
#include <optional>
#include <string>
#include <string_view>

#include "config/plan_stages.hpp"
#include "config/scenario_file.hpp"
#include "config/split_words.hpp"
#include "units/error.hpp"

namespace skipstone::config {

namespace {

std::optional<Split::Kind> kind_of(std::string_view text) {
    for (auto const& [word, kind] : split_words)
        if (word == text) return kind;
    return std::nullopt;
}

}  // namespace

Scenario::PlannerSection read_planner_section(TableReader reader, Goal goal, Network const& network,
                                              std::vector<Device> const& fleet) {
    Scenario::PlannerSection planner;
    std::string const usual(default_planner(goal));
    planner.name = reader.text("name").value_or(usual);
    if (planner.name.empty()) reader.fail("name", "is empty; name a planner, such as \"" + usual + "\"");
    planner.stages = read_plan_stages(reader, "stages", network, fleet);
    if (planner.name == fixed_planner && planner.stages.empty())
        reader.fail("stages", "is missing; planner \"fixed\" takes its plan from it, such as [{blocks = \"" +
                                  network.blocks().front().name + ".." + network.blocks().back().name +
                                  "\", devices = [\"" + fleet.front().name + "\"]}]");
    planner.gap = reader.number("gap", {0, 1, Ends::open_high}).value_or(planner.gap);
    if (Value const* charge = reader.get("charge")) {
        if (charge->type == Value::Type::boolean) {
            planner.charge = charge->boolean;
        } else if (charge->type == Value::Type::text) {
            planner.charge = true;
            planner.charge_time = *reader.quantity<Seconds>("charge");
        } else {
            reader.fail("charge", "must be false, true or a constant time such as \"5 ms\", not " +
                                      std::string(describe(charge->type)));
        }
    }
    reader.finish();
    return planner;
}

Scenario::CollaborationSection read_collaboration_section(TableReader reader, std::vector<PlanStage> const& stages) {
    Scenario::CollaborationSection collaboration;
    auto const add = [&](Split::Kind kind) {
        auto const place = std::ranges::lower_bound(collaboration.splits, kind);
        if (place == collaboration.splits.end() || *place != kind) collaboration.splits.insert(place, kind);
    };
    Value const* splits = reader.get("splits");
    if (splits && splits->type == Value::Type::list) {
        for (std::size_t i = 0; i < splits->items.size(); ++i) {
            auto const& item = splits->items[i];
            auto const kind = kind_of(item.text);
            if (item.type != Value::Type::text || !kind)
                fail_at(item, reader.path_of("splits") + "[" + std::to_string(i) + "]",
                        "must be \"outputs\", \"inputs\", \"rows\" or \"tiles\"");
            add(*kind);
        }
    } else if (splits && splits->text == "auto") {
        for (auto const& [word, kind] : split_words) add(kind);
    } else if (splits && splits->text != "none") {
        reader.fail("splits", "must be \"none\", \"auto\" or a list such as [\"outputs\", \"rows\"]");
    }
    if (!splits)
        for (PlanStage const& stage : stages)
            if (!stage.split.is_whole()) add(stage.split.kind);
    auto const most = reader.integer("most_parts", 2, most_parts);
    if (most && collaboration.splits.empty())
        reader.fail("most_parts", "has no effect where splits = \"none\"; leave it out, or allow some");
    for (PlanStage const& stage : stages)
        collaboration.most_parts = std::max(collaboration.most_parts, stage.split.parts);
    collaboration.most_parts = static_cast<int>(most.value_or(collaboration.most_parts));
    for (PlanStage const& stage : stages)
        if (!stage.split.is_whole() && !collaboration.allows(stage.split))
            reader.fail(collaboration.allows({stage.split.kind, 2}) ? "most_parts" : "splits",
                        "does not allow " + to_string(stage.split) + ", in which planner.stages splits \"" +
                            stage.blocks + "\"");
    reader.finish();
    return collaboration;
}

}  // namespace skipstone::config

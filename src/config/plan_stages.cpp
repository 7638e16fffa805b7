#include "config/plan_stages.hpp"

#include <algorithm>
#include <optional>
#include <unordered_map>
#include <utility>

#include "config/fleet_names.hpp"
#include "config/profile_tables.hpp"
#include "config/split_words.hpp"
#include "config/toml_reader.hpp"
#include "units/error.hpp"
#include "units/nearest.hpp"

namespace skipstone::config {

namespace {

constexpr std::size_t most_turns = 1'000'000;  // devices of all stages together

// A network's blocks by their names, and by those of their operators.
class BlockNames {
  public:
    explicit BlockNames(Network const& network) : network_(network) {
        for (std::size_t b = 0; b < network.size(); ++b) blocks_.emplace(network.blocks()[b].name, BlockId(b));
        for (std::size_t b = 0; b < network.size(); ++b)
            for (auto const id : network.blocks()[b].operators)
                blocks_.emplace(network.graph().at(id).name, BlockId(b));
    }

    Network const& network() const { return network_; }
    std::string const& name(BlockId block) const { return network_.block(block).name; }
    // "conv1_1", or the first and the last of "conv1_1..pool1". Throws InputError without a place.
    std::pair<BlockId, BlockId> range(std::string const& text) const {
        if (auto const block = find(text)) return {block, block};
        std::optional<std::size_t> first_dots;
        for (auto dots = text.find(".."); dots != std::string::npos; dots = text.find("..", dots + 1)) {
            if (!first_dots) first_dots = dots;
            auto const first = find(text.substr(0, dots)), last = find(text.substr(dots + 2));
            if (!first || !last) continue;
            if (last < first)
                throw InputError("\"" + text + "\" is the wrong way round; write \"" + text.substr(dots + 2) + ".." +
                                 text.substr(0, dots) + "\"");
            return {first, last};
        }
        if (!first_dots) unknown(text);
        auto const first = text.substr(0, *first_dots);
        unknown(find(first) ? text.substr(*first_dots + 2) : first);
    }

  private:
    BlockId find(std::string_view name) const {
        auto const found = blocks_.find(name);
        return found == blocks_.end() ? BlockId() : found->second;
    }
    [[noreturn]] void unknown(std::string const& name) const {
        std::vector<std::string_view> names;
        for (auto const& block : network_.blocks()) names.push_back(block.name);
        throw InputError("there is no block or operator \"" + name + "\" in " + network_.name() +
                         "; the nearest block is \"" + nearest(name, names) + "\"");
    }

    Network const& network_;
    std::unordered_map<std::string_view, BlockId> blocks_;
};

template <class What>
auto at_key(TableReader const& reader, std::string_view key, What what) {
    try {
        return what();
    } catch (InputError const& error) {
        reader.fail(key, error.what());
    }
}

// next: the block that the stage must begin with; room: devices that it may name.
PlanStage read_stage(TableReader reader, BlockNames const& blocks, FleetNames const& fleet, BlockId next,
                     std::size_t room) {
    PlanStage stage;
    stage.blocks = reader.required("blocks", reader.text("blocks"),
                                   "its blocks, such as \"conv1_1\", or \"conv1_1..pool1\" for several");
    std::tie(stage.first, stage.last) = at_key(reader, "blocks", [&] { return blocks.range(stage.blocks); });
    if (stage.first != next)
        reader.fail("blocks", "begins with \"" + blocks.name(stage.first) + "\", but " +
                                  (stage.first < next ? "that is in a stage before this one; "
                                                      : "\"" + blocks.name(next) + "\" comes first; ") +
                                  "stages are all blocks of the network, each once, in order");
    auto const devices = reader.required("devices", reader.texts("devices"), "who computes it, such as [\"pi-0\"]");
    for (auto const& text : devices)
        for (DeviceId const device : at_key(reader, "devices", [&] { return fleet.all(text); })) {
            if (stage.devices.size() == room)
                reader.fail("devices", "makes more than " + std::to_string(most_turns) +
                                           " names of devices in all stages; that is the most there can be");
            stage.devices.push_back(device);
        }
    if (stage.devices.empty()) reader.fail("devices", "is empty; name the device that computes the stage");
    enum class Take { turns };
    auto const take = reader.choice<Take>("take", {{"turns", Take::turns}});
    auto const split = reader.choice<Split::Kind>("split", split_words);
    auto const join = reader.text("join");
    auto const several = stage.devices.size();
    if (take && split)
        reader.fail("take", "does not go with split; devices take turns at whole requests, or share each");
    if (!split) {
        if (several > 1 && !take)
            reader.fail("devices",
                        "are " + std::to_string(several) +
                            "; say how they share the work: take = \"turns\" (each computes whole requests), "
                            "or split = \"outputs\" (each computes a part of every request)");
        if (join) reader.fail("join", "has no effect without split; leave it out");
        reader.finish();
        return stage;
    }
    if (several < 2)
        reader.fail("split",
                    "needs two devices at least, each for a part; leave it out, and the block is computed whole");
    if (several > most_parts)
        reader.fail("devices", "are " + std::to_string(several) + "; a block has " + std::to_string(most_parts) +
                                   " parts at most");
    if (stage.first != stage.last)
        reader.fail("split", "is of one block, and \"" + stage.blocks +
                                 "\" are several; join them to one, network.blocks "
                                 "= [[\"" +
                                 blocks.name(stage.first) + "\", \"" + blocks.name(stage.last) +
                                 "\"]], or make each a stage");
    stage.split = {*split, static_cast<int>(several)};
    at_key(reader, "split", [&] { return parts_of(blocks.network(), stage.first, stage.split); });
    stage.join = stage.devices.front();
    if (join)
        stage.join = at_key(reader, "join", [&] { return fleet.at(*join, "leave it out: the first of devices"); });
    reader.finish();
    return stage;
}

std::string names_text(std::vector<DeviceId> const& devices, std::vector<Device> const& fleet) {
    std::vector<std::string> names;
    for (DeviceId const device : devices) names.push_back(fleet[device.index()].name);
    return string_list(names);
}

}  // namespace

std::vector<PlanStage> read_plan_stages(TableReader& reader, std::string_view key, Network const& network,
                                        std::vector<Device> const& fleet) {
    auto entries = reader.tables(key);
    if (!entries) return {};
    BlockNames const blocks(network);
    FleetNames const names(fleet);
    std::vector<PlanStage> stages;
    BlockId next(std::size_t{0});
    std::size_t room = most_turns;
    for (TableReader& entry : *entries) {
        if (next.index() == network.size())
            entry.fail("blocks", "comes after the last block of the network, \"" + network.blocks().back().name +
                                     "\"; every block stands once");
        stages.push_back(read_stage(std::move(entry), blocks, names, next, room));
        room -= stages.back().devices.size();
        next = BlockId(stages.back().last.index() + 1);
    }
    if (next.index() < network.size())
        reader.fail(key, (stages.empty() ? "is empty; " : "ends before the network does; ") +
                             ("\"" + network.block(next).name + "\" is in no stage") +
                             (next.index() + 1 < network.size() ? ", nor is what follows" : ""));
    return stages;
}

std::string plan_stages_text(std::vector<PlanStage> const& stages, std::vector<Device> const& fleet) {
    std::string text;
    for (PlanStage const& stage : stages) {
        text += "[[planner.stages]]\nblocks = " + toml_string(stage.blocks) +
                "\ndevices = " + names_text(stage.devices, fleet) + "\n";
        if (!stage.split.is_whole())
            text += "split = " + toml_string(to_string(stage.split.kind)) +
                    "\njoin = " + toml_string(fleet[stage.join.index()].name) + "\n";
        else if (stage.devices.size() > 1)
            text += "take = \"turns\"\n";
    }
    return text;
}

}  // namespace skipstone::config

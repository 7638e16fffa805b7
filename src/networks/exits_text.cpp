#include "networks/exits_text.hpp"

#include <utility>

#include "networks/graph_text.hpp"
#include "networks/json_reading.hpp"

namespace skipstone::networks {

namespace {

constexpr TextLimits limits{"list of exits", 4 * longest_graph, 4 * graph_limits.values, graph_limits.depth + 2};

ExitHead read_exit(Json const& json, std::size_t number, Reading const& reading) {
    Keys keys(reading, json, "exit " + std::to_string(number) + ": ");
    auto after = reading.text(keys.at("after"), keys.what("after"));
    if (!is_plain_name(after, Network::longest_block_name))
        reading.fail(keys.what("after") + ": must be the name of a block, of 1 to " +
                     std::to_string(Network::longest_block_name) + " bytes");
    auto const& graph = keys.at("graph");
    keys.finish({"after", "graph"});
    Reading const here(reading.place(), "the exit behind block \"" + after + "\": graph: ");
    auto blueprint = blueprint_of(graph, here);
    if (blueprint.input_axes != "hwc")
        here.fail("input_axes: must be \"hwc\", as blocks hand their tensors on, and is \"" + blueprint.input_axes +
                  "\"");
    return {std::move(after), std::move(blueprint.graph)};
}

}  // namespace

std::string exits_text(std::span<ExitHead const> exits) {
    if (exits.size() > most_exits)
        throw InputError("there are " + std::to_string(exits.size()) + " exits; a network has at most " +
                         std::to_string(most_exits));
    std::string text = "[";
    for (auto const& exit : exits)
        text += (text.size() > 1 ? ",{\"after\":" : "{\"after\":") + quoted_json(exit.after) +
                ",\"graph\":" + graph_text(Blueprint{exit.graph}) + "}";
    return text + "]";
}

std::vector<ExitHead> read_exits(std::string_view text, InputPlace const& place) {
    Reading const reading(place);
    auto const json = parsed(text, limits, reading);
    if (!json.is_array()) reading.fail("must be a list");
    if (json.size() > most_exits)
        reading.fail("has " + std::to_string(json.size()) + " entries; there can be " + std::to_string(most_exits));
    std::vector<ExitHead> exits;
    for (auto const& entry : json) exits.push_back(read_exit(entry, exits.size() + 1, reading));
    return exits;
}

}  // namespace skipstone::networks

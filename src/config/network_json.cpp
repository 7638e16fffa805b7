#include "config/network_json.hpp"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "model/instance_splits.hpp"

namespace skipstone::config {

namespace {

using Json = nlohmann::ordered_json;

Json shape_json(TensorShape shape) {
    return {shape.h, shape.w, shape.c};
}

Json head_json(Network const& network) {
    return {{"name", network.name()},
            {"family", network.profile().family->name()},
            {"input", shape_json(network.input_shape())},
            {"classes", network.classes()},
            {"macs", network.total_macs().value()},
            {"parameters", parameters_of(network)}};
}

Json split_json(InstanceSplit const& way) {
    auto const extent = split_extent(way);
    return {{"split", to_string(way.split)},          {"macs", extent.macs.value()},
            {"weight_bytes", extent.weights.value()}, {"input_bytes", extent.input.value()},
            {"output_bytes", extent.output.value()},  {"join_macs", way.join_macs.value()}};
}

Json block_json(Graph const& graph, Block const& block, std::vector<InstanceSplit> const& ways) {
    Json splits = Json::array();
    for (auto const& way : ways) splits.push_back(split_json(way));
    Json operators = Json::array();
    for (auto const id : block.operators) {
        auto const& op = graph.at(id);
        operators.push_back(
            {{"name", op.name}, {"is", name_of(op.operation)}, {"output", shape_json(graph.at(op.output).shape)}});
    }
    return {{"name", block.name},
            {"stage", block.stage},
            {"macs", block.macs.value()},
            {"memory_bytes", block.memory_bytes.value()},
            {"output_bytes", block.output_bytes.value()},
            {"weight_bytes", block.weight_bytes.value()},
            {"droppable", block.is_droppable()},
            {"skip_macs", block.skip_macs.value()},
            {"operators", std::move(operators)},
            {"splits", std::move(splits)}};
}

std::string text_of(Json const& json) {
    return json.dump(1, ' ', false, Json::error_handler_t::replace) + "\n";
}

}  // namespace

std::size_t parameters_of(Network const& network) {
    std::size_t all = 0;
    for (auto const& tensor : network.weight_tensors())
        if (!tensor.name.ends_with(".running_mean") && !tensor.name.ends_with(".running_var")) all += tensor.elements();
    return all;
}

std::string network_text(Network const& network, int most_parts, Tensors tensors) {
    auto json = head_json(network);
    json["blocks"] = Json::array();
    auto const ways = instance_splits(network, most_parts);
    for (std::size_t b = 0; b < network.size(); ++b)
        json["blocks"].push_back(block_json(network.graph(), network.block(BlockId(b)), ways[b]));
    if (tensors == Tensors::listed) {
        json["tensors"] = Json::array();
        for (auto const& tensor : network.weight_tensors())
            json["tensors"].push_back({{"name", tensor.name}, {"shape", tensor.shape}});
    }
    return text_of(json);
}

std::string networks_text(std::vector<Network> const& networks) {
    Json list = Json::array();
    for (auto const& network : networks) {
        auto json = head_json(network);
        json["blocks"] = network.size();
        json["droppable"] = std::ranges::count_if(network.blocks(), &Block::is_droppable);
        list.push_back(std::move(json));
    }
    return text_of(list);
}

}  // namespace skipstone::config

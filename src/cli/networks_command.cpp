#include <CLI/CLI.hpp>
#include <algorithm>
#include <array>
#include <cstdio>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "cli/commands.hpp"
#include "cli/console.hpp"
#include "cli/exit_code.hpp"
#include "cli/imported_model.hpp"
#include "config/network_json.hpp"
#include "config/network_profile.hpp"
#include "config/split_words.hpp"
#include "config/toml_reader.hpp"
#include "emulator/setup.hpp"
#include "kernels/weights.hpp"
#include "model/instance_splits.hpp"
#include "units/error.hpp"

namespace skipstone::cli {

namespace {

struct NetworksOptions {
    std::string network;  // empty: all profiles
    std::string blocks;   // empty: as they are found
    int parts = 4;        // of a split, at most
    bool json = false, tensors = false, splits = false;
};

std::string macs_text(Macs macs) {
    return count_text(static_cast<double>(macs.value()));
}

std::string size_text(Bytes bytes) {
    return count_text(static_cast<double>(bytes.value()), "B");
}

template <class Extents>
std::string joined(Extents const& extents) {
    std::string text;
    for (auto const extent : extents) text += (text.empty() ? "" : " x ") + std::to_string(extent);
    return text;
}

std::string shape_text(TensorShape shape) {
    return joined(std::array{shape.h, shape.w, shape.c});
}

std::string plural(std::size_t count, std::string const& noun) {
    return std::to_string(count) + " " + noun + (count == 1 ? "" : "s");
}

std::size_t droppable_blocks(Network const& network) {
    return static_cast<std::size_t>(std::ranges::count_if(network.blocks(), &Block::is_droppable));
}

// "3 convolution, 2 ReLU, add": by kind, in the order in which they come first.
std::string operators_text(Graph const& graph, Block const& block) {
    std::vector<std::pair<std::string_view, int>> kinds;
    for (auto const id : block.operators) {
        auto const kind = name_of(graph.at(id).operation);
        auto const found = std::ranges::find(kinds, kind, [](auto const& entry) { return entry.first; });
        if (found == kinds.end())
            kinds.emplace_back(kind, 1);
        else
            ++found->second;
    }
    std::string text;
    for (auto const& [kind, count] : kinds)
        text += (text.empty() ? "" : ", ") + (count == 1 ? "" : std::to_string(count) + " ") + std::string(kind);
    return text;
}

std::string droppable_text(Block const& block) {
    return !block.is_droppable() ? "–" : block.vanishes_when_dropped() ? "all" : "path";
}

// "oirt": the kinds of its splits.
std::string splits_text(std::vector<InstanceSplit> const& ways) {
    std::string text;
    for (auto const& way : ways)
        if (char const letter = to_string(way.split.kind).front(); text.find(letter) == std::string::npos)
            text += letter;
    return text.empty() ? "–" : text;
}

// A network, and the weights file that it is from, if it is from one.
struct Shown {
    Network network;
    std::optional<kernels::WeightsInfo> weights;
};

// --blocks as network.blocks of a scenario reads it.
BlockRule rule_of(NetworksOptions const& options) {
    if (options.blocks.empty()) return {};
    auto const origin = std::make_shared<config::Origin const>(config::Origin{"--blocks " + options.blocks, {}});
    config::Value table;
    table.type = config::Value::Type::table;
    table.origin = origin;
    table.keys = {"blocks"};
    table.items = {config::parse_toml_value(options.blocks, origin)};
    config::TableReader reader(table, "");
    return config::read_block_rule(reader, "blocks");
}

Shown find(NetworksOptions const& options, Invocation const& invocation) {
    auto const network = weights_file(options.network);
    auto profile = emulator::find_network(network, invocation.profiles);
    profile.blocks = rule_of(options);
    std::optional<kernels::WeightsInfo> weights;
    if (emulator::is_weights_file(network)) weights = kernels::read_weights_attributes(network);
    return {Network(std::move(profile)), std::move(weights)};
}

// name: as the user gave the file, or the model that it was imported from.
void print_weights(std::string const& name, kernels::WeightsInfo const& weights) {
    auto const numbers = [](std::vector<double> const& values) {
        std::string text;
        for (auto const value : values) {
            std::array<char, 32> number{};
            std::snprintf(number.data(), number.size(), "%g", value);
            text += (text.empty() ? "" : ", ") + std::string(number.data());
        }
        return text;
    };
    constexpr std::size_t most = 8;  // channels whose numbers are told
    std::string text = name + ": values in 0…" + fixed(weights.range, 0) + ", ";
    text += weights.mean.size() <= most ? "mean " + numbers(weights.mean) + ", std " + numbers(weights.std)
                                        : "mean and std of " + plural(weights.mean.size(), "channel");
    if (!weights.source.empty()) text += "; from " + weights.source;
    if (!weights.license.empty()) text += "; licence: " + weights.license;
    std::printf("%s\n", wrapped(printable(text)).c_str());
}

void print_tensors(Network const& network) {
    TextTable table({{"tensor", Align::left}, {"shape"}});
    for (auto const& tensor : network.weight_tensors()) table.add({tensor.name, joined(tensor.shape)});
    std::printf("\n%s", table.text().c_str());
}

void print_splits(Network const& network, std::vector<std::vector<InstanceSplit>> const& ways) {
    TextTable table(
        {{"block", Align::left}, {"split", Align::left}, {"MACs"}, {"weights"}, {"input"}, {"output"}, {"join"}});
    for (std::size_t b = 0; b < network.size(); ++b)
        for (auto const& way : ways[b]) {
            auto const extent = split_extent(way);
            table.add({network.block(BlockId(b)).name, to_string(way.split), macs_text(extent.macs),
                       size_text(extent.weights), size_text(extent.input), size_text(extent.output),
                       macs_text(way.join_macs)});
        }
    std::printf("\n%s", table.text().c_str());
}

void print_network(Shown const& shown, NetworksOptions const& options) {
    auto const& network = shown.network;
    auto const ways = instance_splits(network, options.parts);
    Bytes weights{};
    for (auto const& block : network.blocks()) weights += block.weight_bytes;
    std::printf("%s\n", wrapped(printable(network.name() + ": family " + std::string(network.profile().family->name()) +
                                          ", input " + shape_text(network.input_shape()) + ", output " +
                                          shape_text(network.output_shape()) + ", " + macs_text(network.total_macs()) +
                                          " MACs, " + count_text(static_cast<double>(config::parameters_of(network))) +
                                          " parameters, weights of " + size_text(weights) + ", " +
                                          plural(network.size(), "block") + ", " +
                                          std::to_string(droppable_blocks(network)) + " of them droppable"))
                            .c_str());
    if (shown.weights) print_weights(options.network, *shown.weights);
    TextTable table({{"block", Align::left},
                     {"stage"},
                     {"MACs"},
                     {"memory"},
                     {"output"},
                     {"weights"},
                     {"drops", Align::left},
                     {"splits", Align::left},
                     {"operators", Align::left}});
    for (std::size_t b = 0; b < network.size(); ++b) {
        auto const& block = network.block(BlockId(b));
        table.add({block.name, std::to_string(block.stage), macs_text(block.macs), size_text(block.memory_bytes),
                   size_text(block.output_bytes), size_text(block.weight_bytes), droppable_text(block),
                   splits_text(ways[b]), operators_text(network.graph(), block)});
    }
    std::printf("\n%s", table.text().c_str());
    if (options.splits) print_splits(network, ways);
    if (options.tensors) print_tensors(network);
}

// Every profile that makes a network; what is wrong with the others goes to stderr.
int list(NetworksOptions const& options, Invocation const& invocation) {
    std::vector<Network> networks;
    int status = done;
    for (auto const& name : config::profile_names(config::ProfileKind::network, invocation.profiles)) try {
            networks.emplace_back(config::load_network_profile(name, invocation.profiles));
        } catch (InputError const& error) {
            std::fprintf(stderr, "skipstone: %s\n", error.what());
            status = bad_input;
        }
    if (options.json) {
        std::fputs(config::networks_text(networks).c_str(), stdout);
        return status;
    }
    TextTable table({{"network", Align::left},
                     {"family", Align::left},
                     {"input"},
                     {"MACs"},
                     {"parameters"},
                     {"blocks"},
                     {"droppable"}});
    for (auto const& network : networks)
        table.add({network.name(), std::string(network.profile().family->name()), shape_text(network.input_shape()),
                   macs_text(network.total_macs()), count_text(static_cast<double>(config::parameters_of(network))),
                   std::to_string(network.size()), std::to_string(droppable_blocks(network))});
    std::fputs(table.text().c_str(), stdout);
    return status;
}

int networks(NetworksOptions const& options, Invocation const& invocation) {
    if (options.network.empty()) {
        if (options.tensors) throw InputError("--tensors: goes with a network; name one");
        if (options.splits) throw InputError("--splits: goes with a network; name one");
        if (!options.blocks.empty()) throw InputError("--blocks: goes with a network; name one");
        return list(options, invocation);
    }
    auto const shown = find(options, invocation);
    if (options.json)
        std::fputs(config::network_text(shown.network, options.parts,
                                        options.tensors ? config::Tensors::listed : config::Tensors::left_out)
                       .c_str(),
                   stdout);
    else
        print_network(shown, options);
    return done;
}

}  // namespace

Action add_networks_command(CLI::App& app, Invocation const& invocation) {
    auto options = std::make_shared<NetworksOptions>();
    app.add_option("network", options->network,
                   "a profile, by name or file, weights or a model;\nwithout one all profiles are listed")
        ->type_name("NAME|FILE");
    app.add_option("--blocks", options->blocks,
                   "join neighbouring blocks, as network.blocks does:\n"
                   "finest (none), stages (those of a stage), or\nlists of names, '[[\"s2b1\", \"s2b3\"]]'")
        ->type_name("RULE");
    app.add_flag("--tensors", options->tensors, "also the tensors that its weights file holds");
    app.add_flag("--splits", options->splits,
                 "also each way in which blocks can be split: MACs\n"
                 "and weights of its largest part, what all parts\n"
                 "read and give, and additions to join them");
    app.add_option("--parts", options->parts, "of a split, at most (default 4)")
        ->type_name("N")
        ->check(CLI::Range(2, config::most_parts));
    app.add_flag("--json", options->json, "print JSON instead of tables");
    app.footer(
        "A network is a chain of blocks: what stands between two tensors that alone cross\n"
        "from what is before to what is behind. Per block and image, as planners count:\n"
        "  MACs     multiplications of convolutions and fully connected operators\n"
        "  memory   what these read\n"
        "  output   what goes to the device that runs the next block\n"
        "  drops    all: dropped, nothing of the block runs; path: its shortcut does;\n"
        "           –: it cannot be dropped\n"
        "  splits   how several devices compute it together: o, parts of its outputs;\n"
        "           i, sums over parts of its inputs; r, rows; t, tiles; –: not at all\n"
        "All of it with float32; narrower precisions have smaller tensors and weights.\n\n"
        "  skipstone networks resnet50 --blocks stages\n"
        "  skipstone networks vgg16 --splits --parts 3\n"
        "  skipstone networks net.h5 --tensors");
    return [options, &invocation] { return networks(*options, invocation); };
}

}  // namespace skipstone::cli

#include "exits/exit_weights.hpp"

#include <algorithm>
#include <cmath>
#include <unordered_set>

#include "config/weights_network.hpp"
#include "hdf5/file.hpp"
#include "networks/exits_text.hpp"
#include "units/error.hpp"
#include "units/output_file.hpp"

namespace skipstone::exits {

namespace {

constexpr std::string_view prefix = "exits";

// Names of attributes and tensors that an earlier training wrote.
std::unordered_set<std::string> earlier_exits(hdf5::File const& file, std::string const& path) {
    std::unordered_set<std::string> names;
    for (auto const& name : file.attribute_names())
        if (name == prefix || name.starts_with(std::string(prefix) + "_")) names.insert(name);
    for (auto const& exit : config::exits_in_weights(path))
        for (auto const& tensor : exit.graph.weight_tensors()) names.insert(tensor.name);
    return names;
}

}  // namespace

void write_exits(std::filesystem::path const& path, kernels::WeightsInfo const& weights, Network const& network,
                 std::vector<TrainedExit> const& exits,
                 std::vector<std::pair<std::string, std::string>> const& provenance) {
    auto profile = network.profile();
    profile.exits.clear();
    std::vector<HeadWeights> tensors;
    for (auto const& exit : exits) {
        auto const& block = network.block(exit.after);
        auto name = "exit." + block.name;
        std::ranges::replace(name, '/', '.');  // no groups in the file
        auto graph = head_graph(name, block.output, exit.head.kind, network.classes());
        tensors.emplace_back(graph, exit.head.kind, exit.head.numbers);
        profile.exits.push_back({block.name, std::move(graph)});
    }
    auto const text = networks::exits_text(profile.exits);
    Network const with_exits(std::move(profile));
    write_file_at(path, [&](std::filesystem::path const& draft) {
        auto file = hdf5::File::create(draft.string(), hdf5::Storage::packed);
        try {
            auto const source = hdf5::File::open(weights.file, hdf5::Access::read);
            file.copy_from(source, earlier_exits(source, weights.file));
            file.write_string(std::string(prefix), text);
            for (auto const& [name, value] : provenance) file.write_string(std::string(prefix) + "_" + name, value);
            for (auto& head : tensors)
                for (auto const& name : head.names()) {
                    auto const tensor = head.read(name);
                    auto const is_finite = [](float value) { return std::isfinite(value); };
                    if (!std::ranges::all_of(tensor.values, is_finite))
                        throw InputError("the training of " + name +
                                         " gave a number that is not finite; the features may be out of all bounds");
                    file.create_floats(name, {tensor.shape.begin(), tensor.shape.end()}, tensor.values);
                }
            file.close();
        } catch (...) {
            file.abandon();
            throw;
        }
        kernels::expect_unchanged(weights);
        kernels::FileWeights const check(draft.string(), with_exits);
    });
}

}  // namespace skipstone::exits

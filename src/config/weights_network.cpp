#include "config/weights_network.hpp"

#include <cstdint>

#include "config/file_kind.hpp"
#include "hdf5/file.hpp"
#include "networks/exits_text.hpp"
#include "networks/graph_family.hpp"
#include "networks/graph_text.hpp"
#include "units/error.hpp"
#include "units/input_files.hpp"

namespace skipstone::config {

namespace {

constexpr std::int64_t most_extent = 1'000'000;

}  // namespace

std::optional<NetworkProfile> network_in_weights(std::string const& path) {
    return read_as(FileKind::weights, path, [&]() -> std::optional<NetworkProfile> {
        remember_input(path);
        auto const file = hdf5::File::open(path, hdf5::Access::read);
        auto name = file.read_string("network");
        if (!file.has_attribute("graph")) return std::nullopt;
        return networks::profile_of(std::move(name),
                                    networks::read_graph(file.read_string("graph"), {path, 0, "graph"}));
    });
}

std::vector<ExitHead> exits_in_weights(std::string const& path) {
    return read_as(FileKind::weights, path, [&]() -> std::vector<ExitHead> {
        remember_input(path);
        auto const file = hdf5::File::open(path, hdf5::Access::read);
        if (!file.has_attribute("exits")) return {};
        return networks::read_exits(file.read_string("exits"), {path, 0, "exits"});
    });
}

WeightsShapes shapes_in_weights(std::string const& path) {
    WeightsShapes shapes;
    if (auto const carried = network_in_weights(path)) {
        if (carried->input.h == carried->input.w) shapes.side = carried->input.h;
        shapes.classes = carried->classes;
        return shapes;
    }
    return read_as(FileKind::weights, path, [&] {
        auto const file = hdf5::File::open(path, hdf5::Access::read);
        auto const read = [&](std::string const& name) -> std::optional<int> {
            if (!file.has_attribute(name)) return std::nullopt;
            auto const value = file.read_integer(name);
            if (value < 1 || value > most_extent)
                throw InputError({path, 0, name}, "must be from 1 to " + std::to_string(most_extent) + ", and is " +
                                                      std::to_string(value));
            return static_cast<int>(value);
        };
        shapes.side = read("input_size");
        shapes.classes = read("classes");
        return shapes;
    });
}

}  // namespace skipstone::config

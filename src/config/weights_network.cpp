#include "config/weights_network.hpp"

#include "config/file_kind.hpp"
#include "hdf5/file.hpp"
#include "networks/exits_text.hpp"
#include "networks/graph_family.hpp"
#include "networks/graph_text.hpp"
#include "units/input_files.hpp"

namespace skipstone::config {

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

}  // namespace skipstone::config

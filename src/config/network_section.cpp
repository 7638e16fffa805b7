#include "config/network_section.hpp"

#include <filesystem>
#include <string>
#include <utility>

#include "config/calibration_table.hpp"
#include "config/network_profile.hpp"
#include "config/profile_at.hpp"
#include "config/profile_tables.hpp"
#include "config/scenario_file.hpp"
#include "config/weights_network.hpp"
#include "networks/resnet.hpp"
#include "units/error.hpp"

namespace skipstone::config {

namespace {

// Whether a network that cannot be made could be, were no blocks joined.
bool is_of_blocks(Scenario::NetworkSection section) {
    if (section.profile.blocks == BlockRule{}) return false;
    section.profile.blocks = {};
    try {
        Network const network(section.wanted_profile());
        return true;
    } catch (InputError const&) {
        return false;
    }
}

}  // namespace

Scenario::NetworkSection read_network_section(TableReader reader, ProfileFolders const& folders) {
    Scenario::NetworkSection network;
    if (auto const weights = reader.text("weights")) {
        try {
            network.weights =
                std::filesystem::absolute(find_file(*weights, reader.get("weights")->origin->folder, "weights file"))
                    .lexically_normal()
                    .string();
            if (folders.weights_file) {
                auto file = folders.weights_file(*network.weights);
                if (file != *network.weights) network.model = std::exchange(*network.weights, std::move(file));
            }
        } catch (InputError const& error) {
            reader.fail("weights", error.what());
        }
    }
    auto profile = profile_at(
        reader, "profile", ProfileKind::network, folders,
        [&](std::string const& path) { return load_network_profile(path, folders); }, read_network_profile);
    if (!profile && network.weights) {
        reader.refuse_slip_of("profile");
        profile = network_in_weights(*network.weights);
        if (!profile)
            reader.fail("profile",
                        "is missing; " + network.named_weights() +
                            " does not carry its network's graph, so name the network, such as \"resnet50\"");
    }
    network.profile = reader.required(
        "profile", profile, "the network, such as \"resnet50\"; or give `weights`, a file that carries its graph");
    if (auto const variant = reader.choice("variant", networks::variant_names)) {
        auto const* shape = networks::as_resnet(*network.profile.family);
        if (!shape)
            reader.fail("variant", "has no effect but on residual networks, which " + network.profile.name +
                                       " is not; leave it out");
        if (shape->block == networks::BlockKind::basic)
            reader.fail("variant",
                        "has no effect on basic blocks, which " + network.profile.name + " has; leave it out");
        auto other = *shape;
        other.variant = *variant;
        network.profile.family = networks::resnet(std::move(other));
    }
    if (!network.profile.family->is_scalable())
        for (auto const* const key : {"input", "classes"})
            if (reader.has(key))
                reader.fail(key, "has no effect on " + network.profile.name +
                                     ", a network that is what its graph says; leave it out");
    if (auto const input = reader.integer("input", 1, 4096)) {
        auto const& own = network.profile.input;
        if (own.h != own.w)
            reader.fail("input", "is of square inputs, and that of " + network.profile.name + " has " +
                                     std::to_string(own.h) + " x " + std::to_string(own.w) + "; leave it out");
        network.input = static_cast<int>(*input);
    }
    if (auto const classes = reader.integer("classes", 1, 1'000'000)) network.classes = static_cast<int>(*classes);
    network.convolutions = reader
                               .choice<ConvolutionPolicy>("convolutions", {{"standard", ConvolutionPolicy::standard},
                                                                           {"measured", ConvolutionPolicy::measured},
                                                                           {"direct", ConvolutionPolicy::direct}})
                               .value_or(network.convolutions);
    network.profile.precision = read_precision(reader).value_or(network.profile.precision);
    std::string given;
    if (Value const* value = reader.get("calibration"); value && value->type == Value::Type::text) given = value->text;
    network.calibration = profile_at(
        reader, "calibration", ProfileKind::calibration, folders,
        [&](std::string const& path) { return load_calibration(path, folders); },
        [](TableReader table) { return read_calibration(std::move(table), "inline"); });
    if (network.calibration && !given.empty()) network.calibration->name = given;
    if (network.calibration && network.profile.precision != Precision::int8)
        reader.fail("calibration", "has no effect on a " + std::string(to_string(network.profile.precision)) +
                                       " network; leave it out, or choose precision = \"int8\"");
    network.profile.blocks = read_block_rule(reader, "blocks");
    reader.finish();
    return network;
}

Network network_of_section(Scenario::NetworkSection const& section, TableReader const& place) {
    try {
        return Network(section.wanted_profile());
    } catch (InputError const& error) {
        place.fail(is_of_blocks(section) ? "blocks" : "input", error.what());
    }
}

AccuracyTable read_accuracy_section(TableReader reader, ProfileFolders const& folders, Network const& network,
                                    bool promised) {
    std::string given;
    if (Value const* value = reader.get("table"); value && value->type == Value::Type::text) given = value->text;
    if (given == no_table || (promised && !reader.has("table"))) {
        reader.finish();
        AccuracyTable none;
        none.name = no_table;
        none.network = network.name();
        none.precision = network.precision();
        none.none = true;
        return none;
    }
    auto const found = profile_at(
        reader, "table", ProfileKind::accuracy, folders,
        [&](std::string const& path) { return load_accuracy_table(path, folders); },
        [](TableReader table) { return read_accuracy_table(std::move(table), "inline"); });
    AccuracyTable table =
        reader.required("table", found, "the accuracy of the network with blocks dropped, or \"none\"");
    if (!given.empty()) table.name = given;
    try {
        drop_options(table, network);
    } catch (InputError const& error) {
        reader.fail("table", error.what());
    }
    reader.finish();
    return table;
}

}  // namespace skipstone::config

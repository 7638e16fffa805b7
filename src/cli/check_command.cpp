#include <CLI/CLI.hpp>
#include <algorithm>
#include <cstdio>
#include <filesystem>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "cli/commands.hpp"
#include "cli/exit_code.hpp"
#include "cli/imported_model.hpp"
#include "cli/sweep_program.hpp"
#include "cli/trace_analysis.hpp"
#include "config/exits_section.hpp"
#include "config/file_kind.hpp"
#include "config/instance_json.hpp"
#include "config/scenario_file.hpp"
#include "config/sweep_file.hpp"
#include "config/weights_network.hpp"
#include "emulator/course.hpp"
#include "emulator/setup.hpp"
#include "hdf5/file.hpp"
#include "images/image_source.hpp"
#include "inputs/array_file.hpp"
#include "kernels/host.hpp"
#include "kernels/weights.hpp"
#include "mpi/communicator.hpp"
#include "sweep/points.hpp"
#include "sweep/status.hpp"
#include "sweep/table_check.hpp"
#include "trace/check.hpp"
#include "trace/digest.hpp"
#include "units/error.hpp"

namespace skipstone::cli {

namespace {

struct CheckOptions {
    std::vector<std::string> files;
    bool digest = false;
};

// Every tensor is there, those of exits too, has its shape and holds numbers.
std::vector<std::string> check_weights(std::string const& file, Invocation const& invocation) {
    auto const info = kernels::read_weights_info(file);
    auto profile = emulator::profile_of(info, invocation.profiles);
    profile.exits = config::exits_in_weights(file);
    auto const network = [&] {
        try {
            return Network(profile);
        } catch (InputError const& error) {
            if (profile.exits.empty()) throw;
            throw InputError({file, 0, "exits"}, error.what());
        }
    }();
    kernels::FileWeights weights(file, network);
    for (auto const& tensor : network.weight_tensors()) weights.read(tensor.name);
    return {};
}

// A folder, a picture or a CIFAR-10 batch.
bool holds_images(std::string const& file) {
    std::error_code ignored;
    if (std::filesystem::is_directory(file, ignored)) return true;
    auto const ends = [&](std::string_view ending) { return file.ends_with(ending); };
    return ends(".png") || ends(".jpg") || ends(".jpeg") || ends(".bin") || ends(".bin.xz");
}

// What is wrong with which pictures, all of them decoded.
std::vector<std::string> check_images(images::ImageSource const& source) {
    constexpr std::size_t most = 20;
    std::vector<std::string> wrong;
    std::size_t damaged = 0;
    for (std::size_t i = 0; i < source.size(); ++i) try {
            source.read(i);
        } catch (InputError const& error) {
            if (++damaged <= most) wrong.push_back(error.what());
        }
    if (damaged > most) wrong.push_back("and " + std::to_string(damaged - most) + " more pictures are damaged");
    return wrong;
}

// Inputs and labels of a data set, all of them read.
std::vector<std::string> check_data_set(std::string const& file) {
    constexpr std::size_t most_numbers = 1 << 20;  // at once
    inputs::ArrayFile const data(file);
    std::size_t one = 1;
    for (auto const extent : std::span(data.shape()).subspan(1)) one *= extent;
    auto const step = std::max<std::size_t>(1, most_numbers / one);
    for (std::size_t first = 0; first < data.size(); first += step) {
        auto const count = std::min(step, data.size() - first);
        std::vector<float> values(count * one);
        data.read(first, count, values);
    }
    return {};
}

enum class Hdf5Kind { trace, sweep_table, weights, data_set };

std::string_view to_string(Hdf5Kind kind) {
    switch (kind) {
        case Hdf5Kind::trace:
            return "trace";
        case Hdf5Kind::sweep_table:
            return "sweep table";
        case Hdf5Kind::weights:
            return "weights";
        case Hdf5Kind::data_set:
            return "data set";
    }
    return "?";
}

// Throws InputError for an HDF5 file that is none of ours.
Hdf5Kind hdf5_kind(std::string const& path) {
    auto const file = hdf5::File::open(path, hdf5::Access::read_swmr);
    if (file.has_attribute("format")) {
        auto const format = file.read_string("format");
        if (format == trace::format) return Hdf5Kind::trace;
        if (format == sweep::table_format) return Hdf5Kind::sweep_table;
        throw InputError({path, 0, "/@format"},
                         "is \"" + format + "\": this is an HDF5 file, but no trace, no weights and no table of ours");
    }
    if (file.has_group("provenance") || file.has_dataset("rounds"))
        throw InputError({path, 0, ""}, "is a damaged trace: its attribute 'format' is missing");
    if (file.has_attribute("network")) return Hdf5Kind::weights;
    if (file.has_dataset("inputs")) return Hdf5Kind::data_set;
    throw InputError({path, 0, ""},
                     "is an HDF5 file, but no trace, no weights, no data set and no table of ours (it has neither an "
                     "attribute 'format' nor 'network', nor a dataset 'inputs')");
}

std::optional<trace::Basis> basis_of(trace::Reader const& trace, Invocation const& invocation) try {
    auto scenario = scenario_of(trace, invocation);
    if (!scenario) return std::nullopt;
    auto network = emulator::network_of(*scenario);
    known_options(*scenario, network);
    try {  // tables that are no longer there have no files: verdicts are not held against them
        if (!scenario->exits.table_files.empty()) scenario = config::with_exit_tables(*scenario);
    } catch (InputError const&) {
        scenario->exits.tables.clear();
    }
    return trace::Basis{*std::move(scenario), std::move(network)};
} catch (InputError const&) {
    return std::nullopt;
}

// What kind of file this is, and what does not fit together in it.
struct Verdict {
    std::string kind;
    std::vector<std::string> findings;
};

Verdict verdict_of_hdf5(std::string const& file, Invocation const& invocation) {
    auto const kind = hdf5_kind(file);
    std::string const name(to_string(kind));
    switch (kind) {
        case Hdf5Kind::trace:
            return {name, trace::check(file, [&](trace::Reader const& trace) { return basis_of(trace, invocation); })};
        case Hdf5Kind::sweep_table:
            return {name, sweep::check_table(file)};
        case Hdf5Kind::data_set:
            return {name, check_data_set(file)};
        case Hdf5Kind::weights:
            break;
    }
    return {name, check_weights(file, invocation)};
}

// Of tables and calibrations, which name a network: its profile; none where no profile is called that, as an imported
// network's.
std::optional<NetworkProfile> known_network(std::string const& name, Invocation const& invocation) {
    auto const names = config::profile_names(config::ProfileKind::network, invocation.profiles);
    if (std::ranges::find(names, name) == names.end()) return std::nullopt;
    return config::load_network_profile(name, invocation.profiles);
}

Verdict without_network(config::FileKind kind, std::string const& network) {
    return {std::string(config::to_string(kind)) + " of " + printable(network) +
                ", of which there is no profile: its blocks and tensors are not looked at",
            {}};
}

// Throws InputError for what cannot be read, else says what does not fit together.
Verdict verdict_of(std::string const& file, Invocation const& invocation) {
    auto const kind = config::identify(file);
    Verdict const right{std::string(config::to_string(kind)), {}};
    switch (kind) {
        case config::FileKind::scenario: {
            auto const scenario = emulator::with_weights_metadata(config::load_scenario(file, {}, invocation.profiles));
            emulator::Course(scenario, emulator::network_of(scenario));
            return right;
        }
        case config::FileKind::network_profile:
            Network(config::load_network_profile(file, invocation.profiles));
            return right;
        case config::FileKind::device_profile:
            config::load_device_profile(file, invocation.profiles);
            return right;
        case config::FileKind::link_profile:
            config::load_link_profile(file, invocation.profiles);
            return right;
        case config::FileKind::fault_profile:
            config::load_fault_profile(file, invocation.profiles);
            return right;
        case config::FileKind::accuracy_table: {
            auto const table = config::load_accuracy_table(file, invocation.profiles);
            auto const profile = known_network(table.network, invocation);
            if (!profile) return without_network(kind, table.network);
            drop_options(table, Network(*profile));
            return right;
        }
        case config::FileKind::calibration: {
            auto const calibration = config::load_calibration(file, invocation.profiles);
            auto profile = known_network(calibration.network, invocation);
            if (!profile) return without_network(kind, calibration.network);
            if (calibration.input.c != 0)
                profile->input = calibration.input;
            else if (profile->input.h != calibration.input.h)
                profile->input = image_shape(calibration.input.h, profile->input.c);
            check_calibration(calibration, Network(*profile));
            return right;
        }
        case config::FileKind::sweep: {
            std::string wrong;
            auto const resolve = sweep_program(invocation, {}, 1).resolve;
            auto const sweep = config::load_sweep(file, invocation.profiles);
            for (auto const& [message, points] : sweep::expand(sweep, invocation.profiles, resolve).complaints)
                wrong += (wrong.empty() ? "" : "\n") + message + " (point " + sweep::ranges_text(points) + ")";
            if (!wrong.empty()) throw InputError(wrong);
            return right;
        }
        case config::FileKind::instance:
            config::load_instance(file);
            return right;
        case config::FileKind::sweep_table:
            if (!hdf5::has_signature(file))
                throw InputError({file, 0, ""},
                                 config::kind_text(kind, file) + "; `skipstone check` looks into the .h5 beside it");
            return verdict_of_hdf5(file, invocation);
        case config::FileKind::trace:
        case config::FileKind::weights:
        case config::FileKind::data_set:
        case config::FileKind::hdf5:
            return verdict_of_hdf5(file, invocation);
        case config::FileKind::onnx:
            return {right.kind, check_weights(weights_file(file), invocation)};
        case config::FileKind::unknown:
            throw InputError(
                {file, 0, ""},
                "is neither a scenario, a sweep, a profile, an instance, a weights file, a trace nor images");
        default:
            throw InputError({file, 0, ""},
                             config::kind_text(kind, file) + "; `skipstone check` does not look into those");
    }
}

int check(CheckOptions const& options, Invocation const& invocation) {
    bool right = true;
    for (auto const& file : options.files) try {
            if (options.digest) {
                auto const digest = config::read_as(config::FileKind::trace, file, [&] { return trace::digest(file); });
                std::printf("%s  %s\n", digest.c_str(), file.c_str());
                continue;
            }
            if (holds_images(file)) {
                images::ImageSource const source(file);
                auto const wrong = check_images(source);
                for (auto const& problem : wrong) std::fprintf(stderr, "%s\n", problem.c_str());
                if (wrong.empty()) std::printf("%s: right (%s)\n", file.c_str(), source.description().c_str());
                right = right && wrong.empty();
                continue;
            }
            auto const [kind, found] = verdict_of(file, invocation);
            for (auto const& finding : found) std::fprintf(stderr, "%s: %s\n", file.c_str(), finding.c_str());
            if (found.empty())
                std::printf("%s: right (%s)\n", file.c_str(), kind.c_str());
            else
                right = false;
        } catch (InputError const& error) {
            std::fprintf(stderr, "%s\n", error.what());
            right = false;
        } catch (EnvironmentError const& error) {  // the file does not let HDF5 read it
            std::fprintf(stderr, "%s: cannot be read (%s)\n", file.c_str(), error.what());
            right = false;
        }
    return right ? done : bad_input;
}

}  // namespace

std::string version_text() {
    return "skipstone " SKIPSTONE_VERSION " (" SKIPSTONE_REVISION ")\noneDNN " + kernels::onednn_version() + ", HDF5 " +
           hdf5::library_version() + ", instruction set " + kernels::instruction_set();
}

Action add_check_command(CLI::App& app, Invocation const& invocation) {
    auto options = std::make_shared<CheckOptions>();
    app.add_option("files", options->files,
                   "scenarios, sweeps, profiles, accuracy tables, calibrations, instances (JSON), weights, models in "
                   "ONNX, traces, folders of pictures, CIFAR-10 batches, data sets (HDF5)")
        ->required()
        ->type_name("FILE...");
    app.add_flag("--digest", options->digest,
                 "print what identifies a trace: SHA-256 of all that does not depend on the host");
    return [options, &invocation] { return check(*options, invocation); };
}

}  // namespace skipstone::cli

#include <CLI/CLI.hpp>
#include <cstdio>
#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "cli/commands.hpp"
#include "cli/exit_code.hpp"
#include "cli/sweep_program.hpp"
#include "config/file_kind.hpp"
#include "config/instance_json.hpp"
#include "config/scenario_file.hpp"
#include "config/sweep_file.hpp"
#include "emulator/course.hpp"
#include "emulator/setup.hpp"
#include "hdf5/file.hpp"
#include "images/image_source.hpp"
#include "kernels/host.hpp"
#include "kernels/weights.hpp"
#include "mpi/communicator.hpp"
#include "sweep/points.hpp"
#include "sweep/status.hpp"
#include "trace/check.hpp"
#include "trace/digest.hpp"
#include "units/error.hpp"

namespace skipstone::cli {

namespace {

struct CheckOptions {
    std::vector<std::string> files;
    bool digest = false;
};

// Every tensor is there, has its shape and holds numbers.
std::vector<std::string> check_weights(std::string const& file, Invocation const& invocation) {
    auto const info = kernels::read_weights_info(file);
    auto profile = config::load_network_profile(info.network, invocation.profiles);
    profile.classes = info.classes;
    profile.input = info.input_size;
    Network const network(profile);
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

bool is_trace(std::string const& file) {
    return hdf5::File::open(file, hdf5::Access::read_swmr).has_attribute("format");
}

// Throws InputError for what cannot be read, else says what does not fit together.
std::vector<std::string> findings(std::string const& file, Invocation const& invocation) {
    auto const kind = config::identify(file);
    switch (kind) {
        case config::FileKind::scenario: {
            auto const scenario = emulator::with_weights_metadata(config::load_scenario(file, {}, invocation.profiles));
            emulator::Course(scenario, emulator::network_of(scenario));
            return {};
        }
        case config::FileKind::network_profile:
            Network(config::load_network_profile(file, invocation.profiles));
            return {};
        case config::FileKind::device_profile:
            config::load_device_profile(file, invocation.profiles);
            return {};
        case config::FileKind::link_profile:
            config::load_link_profile(file, invocation.profiles);
            return {};
        case config::FileKind::fault_profile:
            config::load_fault_profile(file, invocation.profiles);
            return {};
        case config::FileKind::accuracy_table: {
            auto const table = config::load_accuracy_table(file, invocation.profiles);
            drop_options(table, Network(config::load_network_profile(table.network, invocation.profiles)));
            return {};
        }
        case config::FileKind::calibration: {
            auto const calibration = config::load_calibration(file, invocation.profiles);
            auto profile = config::load_network_profile(calibration.network, invocation.profiles);
            profile.input = calibration.input;
            check_calibration(calibration, Network(profile));
            return {};
        }
        case config::FileKind::sweep: {
            std::string wrong;
            auto const resolve = sweep_program(invocation, {}, 1).resolve;
            auto const sweep = config::load_sweep(file, invocation.profiles);
            for (auto const& [message, points] : sweep::expand(sweep, invocation.profiles, resolve).complaints)
                wrong += (wrong.empty() ? "" : "\n") + message + " (point " + sweep::ranges_text(points) + ")";
            if (!wrong.empty()) throw InputError(wrong);
            return {};
        }
        case config::FileKind::instance:
            config::load_instance(file);
            return {};
        case config::FileKind::trace:
            return trace::check(file);
        case config::FileKind::weights:
            return check_weights(file, invocation);
        case config::FileKind::hdf5:
            return is_trace(file) ? trace::check(file) : check_weights(file, invocation);
        case config::FileKind::unknown:
            throw InputError({file, 0, ""},
                             "is neither a scenario, a sweep, a profile, an instance, a weights file, a trace nor images");
        default:
            throw InputError({file, 0, ""}, config::kind_text(kind, file) + "; `skipstone check` does not look into those");
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
            auto const found = findings(file, invocation);
            for (auto const& finding : found) std::fprintf(stderr, "%s: %s\n", file.c_str(), finding.c_str());
            if (found.empty())
                std::printf("%s: right (%s)\n", file.c_str(), std::string(to_string(config::identify(file))).c_str());
            else
                right = false;
        } catch (InputError const& error) {
            std::fprintf(stderr, "%s\n", error.what());
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
                   "scenarios, sweeps, profiles, accuracy tables, calibrations, instances (JSON), weights, traces, folders "
                   "of pictures, CIFAR-10 batches")
        ->required()
        ->type_name("FILE...");
    app.add_flag("--digest", options->digest,
                 "print what identifies a trace: SHA-256 of all that does not depend on the host");
    return [options, &invocation] { return check(*options, invocation); };
}

}  // namespace skipstone::cli

#include "cli/study_options.hpp"

#include <CLI/CLI.hpp>
#include <algorithm>
#include <utility>

#include "cli/imported_model.hpp"
#include "cli/this_host.hpp"
#include "config/file_kind.hpp"
#include "inputs/data_path.hpp"
#include "inputs/input_source.hpp"
#include "units/error.hpp"
#include "units/input_files.hpp"
#include "units/nearest.hpp"

namespace skipstone::cli {

using namespace study;
namespace fs = std::filesystem;

namespace {

std::vector<BlockMode> parse_modes(std::string const& text) {
    std::vector<BlockMode> modes;
    for (auto const& word : CLI::detail::split(text, ',')) {
        if (word != "skip" && word != "direct")
            throw InputError("--modes " + text + ": \"" + word + "\" is no mode; there are skip and direct");
        auto const mode = word == "skip" ? BlockMode::skip : BlockMode::direct;
        if (std::ranges::find(modes, mode) == modes.end()) modes.push_back(mode);
    }
    std::ranges::sort(modes);
    return modes;
}

// What the options mean together; throws InputError where they do not go together.
StudyPlan make_plan(StudyOptions const& options, Network const& network) {
    auto const drops = options.drops.value_or("singles");
    auto const modes = parse_modes(options.modes.value_or("skip,direct"));
    StudyPlan plan;
    plan.final_count = options.final_count.value_or(21);
    if (auto const share = options.share.value_or("on"); share == "off")
        plan.sharing = Sharing::none;
    else if (share != "on")
        throw InputError("--share " + share + ": must be on or off");
    if ((drops == "singles" || drops == "pairs" || drops == "greedy") &&
        std::ranges::none_of(network.blocks(), &Block::is_droppable))
        throw InputError("--drops " + drops + ": " + network.name() +
                         " has no block that could be dropped, since none adds a shortcut to what it computes; --drops "
                         "none measures its accuracy");
    if (drops == "singles") {
        plan.drops = single_drops(network, modes);
    } else if (drops == "pairs") {
        plan.drops = pair_drops(network, modes);
    } else {
        if (options.modes)
            throw InputError("--modes: goes with --drops singles and pairs alone; " +
                             std::string(drops == "none" || drops == "greedy" ? drops + " needs none"
                                                                              : "a file says the mode of every row"));
        if (drops == "greedy")
            plan.choice = StudyPlan::Choice::greedy;
        else if (drops == "none")
            plan.drops.sets.emplace_back();
        else if (fs::exists(drops))
            plan.drops = config::read_as(config::FileKind::accuracy_table, drops,
                                         [&] { return read_drops_file(drops, network); });
        else
            throw InputError("--drops " + drops +
                             ": is neither a file nor one of none, singles, pairs and greedy; the "
                             "nearest of these is \"" +
                             nearest(drops, std::vector<std::string>{"none", "singles", "pairs", "greedy"}) + "\"");
    }
    if (plan.choice == StudyPlan::Choice::greedy && identity_blocks(network).empty())
        throw InputError("--drops greedy: " + network.name() + " has no identity block that could be dropped");
    return plan;
}

void check_final_options(StudyOptions const& options) {
    if (!options.final_data && options.final_limit) throw InputError("--final-limit: needs --final-data");
    if (!options.final_data && options.final_count) throw InputError("--final-count: needs --final-data");
}

Convolutions convolutions_of(StudyOptions const& options, Network const& network) {
    if (network.precision() != Precision::float32) {
        if (options.convolutions)
            throw InputError("--convolutions: goes with --precision float32 alone; others are computed directly");
        return {};
    }
    auto const policy = parse_convolutions(options.convolutions.value_or("standard"));
    return {policy, choices_of(policy, network)};
}

// The same labels must mean the same in both.
void check_same_classes(StudyOptions const& options, std::vector<std::string> const& first,
                        std::vector<std::string> const& final) {
    for (std::size_t label = 0; label < std::min(first.size(), final.size()); ++label)
        if (first[label] != final[label])
            throw InputError({*options.final_data, 0, ""}, "has \"" + final[label] + "\" as its class folder number " +
                                                               std::to_string(label) + ", and " + options.data +
                                                               " has \"" + first[label] +
                                                               "\"; name the folders alike in both");
}

// What a study writes would change its data while they are measured.
void refuse_output_within(std::string const& data, std::string const& output) {
    std::error_code error;
    auto const folder = fs::canonical(inputs::file_of(data), error);
    if (error || !fs::is_directory(folder, error)) return;
    auto const place = fs::weakly_canonical(fs::absolute(output).parent_path(), error);
    if (std::mismatch(folder.begin(), folder.end(), place.begin(), place.end()).first == folder.end())
        throw InputError("--output " + output + ": lies in " + data +
                         ", where nothing may change while it is measured; name another folder");
}

}  // namespace

Workplace PreparedStudy::workplace(std::size_t batch, mpi::Communicator const* host) {
    return {pack(network, weights, task.convolutions.choices, task.calibration, host), weights, std::move(data), batch};
}

PreparedStudy prepare_study(StudyOptions const& options, config::ProfileFolders const& profiles) {
    check_final_options(options);
    if (fs::path(options.output).extension() != ".toml")
        throw InputError("--output " + options.output + ": must end in .toml");
    auto trained = read_trained_network(options.network, weights_file(options.network.weights), profiles);
    auto& network = trained.network;
    auto& info = trained.weights;
    auto convolutions = convolutions_of(options, network);
    std::vector<DataSet> data;
    auto const add = [&](std::string const& path, std::optional<std::size_t> limit) {
        refuse_output_within(path, options.output);
        data.emplace_back(path, limit, inputs::InputForm(network, info.mean, info.std, info.range), info.classes);
    };
    add(options.data, options.limit);
    if (options.final_data) {
        add(*options.final_data, options.final_limit);
        check_same_classes(options, data[0].class_folders(), data[1].class_folders());
    }
    auto plan = make_plan(options, network);
    for (auto const& stem_end : {"", "-selection"})
        for (auto const* const extension : {".toml", ".json"})
            refuse_to_replace_input(with_ending(options.output, stem_end, extension));
    return {std::move(network),
            std::move(info),
            std::move(data),
            {std::move(plan), std::move(convolutions), std::move(trained.calibration)}};
}

std::string drops_text(StudyOptions const& options, StudyPlan const& plan) {
    auto const drops = options.drops.value_or("singles");
    if (drops == "singles" || drops == "pairs") return drops + " (" + options.modes.value_or("skip,direct") + ")";
    return plan.choice == StudyPlan::Choice::greedy || drops == "none" ? drops : fs::path(drops).filename().string();
}

fs::path with_ending(fs::path path, std::string const& stem_end, char const* extension) {
    return path.parent_path() / (path.stem().string() + stem_end + extension);
}

}  // namespace skipstone::cli

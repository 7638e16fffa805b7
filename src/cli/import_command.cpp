#include <CLI/CLI.hpp>
#include <algorithm>
#include <cstdio>
#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "cli/commands.hpp"
#include "cli/exit_code.hpp"
#include "cli/imported_model.hpp"
#include "cli/number_options.hpp"
#include "cli/signals.hpp"
#include "config/file_kind.hpp"
#include "config/network_json.hpp"
#include "config/units_text.hpp"
#include "inputs/axes.hpp"
#include "units/error.hpp"
#include "units/input_files.hpp"

namespace skipstone::cli {

namespace {

namespace fs = std::filesystem;

struct ImportRequest {
    std::string model, weights;
    ImportOptions options;
    bool force = false;
};

// "320x240": rows and columns.
Extent parse_extent(std::string const& text) {
    constexpr std::int64_t most = 65'536;
    auto const cross = text.find_first_of("xX");
    if (cross == std::string::npos) throw InputError("--input " + text + ": must be rows and columns, such as 224x224");
    auto const number = [&](std::string const& part) {
        return static_cast<int>(number_of_option(
            "--input", part, [](std::string const& word) { return parse_whole_number(word, 1, most); }));
    };
    return {number(text.substr(0, cross)), number(text.substr(cross + 1))};
}

CLI::Option* add_channels_option(CLI::App& app, std::string const& name, std::vector<double>& values,
                                 std::string const& description) {
    return app
        .add_option_function<std::vector<std::string>>(
            name,
            [&values, name](std::vector<std::string> const& words) {
                values.clear();
                for (auto const& word : words)
                    values.push_back(number_of_option(
                        name, word, [](std::string const& text) { return parse_decimal(text, "a number"); }));
            },
            description)
        ->delimiter(',')
        ->type_name("R,G,B");
}

void check_output(ImportRequest const& request) {
    std::error_code ignored;
    if (fs::is_directory(request.weights, ignored))
        throw InputError({request.weights, 0, ""}, "cannot be written (it is a folder)");
    if (request.weights.ends_with(".onnx"))
        throw InputError({request.weights, 0, ""}, "is to be a weights file (HDF5); name it NAME.h5");
    remember_input(request.model);
    refuse_to_replace_input(request.weights);
    if (request.force || !fs::exists(request.weights, ignored)) return;
    auto const kind = config::identify(request.weights);
    if (kind == config::FileKind::empty) return;
    throw InputError({request.weights, 0, ""}, "is there already, and " + config::kind_text(kind, request.weights) +
                                                   "; name another file with -o, or replace it with --force");
}

// "[N, 3, 224, 224]"
std::string axes_text(TensorShape const& shape, std::string const& axes) {
    std::string text = "[N";
    for (auto const extent : inputs::extents_of(shape, axes)) text += ", " + std::to_string(extent);
    return text + "]";
}

int import(ImportRequest const& request) try {
    check_output(request);
    on_signals(OnSignal::remember);
    auto const imported = import_model(request.model, request.options, request.weights);
    Network const network(imported.profile);
    auto const operators = network.graph().operators().size();
    auto const droppable = std::ranges::count_if(network.blocks(), &Block::is_droppable);
    std::printf("%s: %s, %zu operator%s in %zu block%s (%td of them can be dropped), %s, %zu parameters\n",
                request.weights.c_str(), network.name().c_str(), operators, operators == 1 ? "" : "s", network.size(),
                network.size() == 1 ? "" : "s", droppable, config::quantity_text(network.total_macs()).c_str(),
                config::parameters_of(network));
    std::printf("input %s, output %s\n", axes_text(network.input_shape(), network.input_axes()).c_str(),
                axes_text(network.output_shape(), network.output_axes()).c_str());
    for (auto const& remark : imported.remarks) std::printf("%s\n", remark.c_str());
    std::printf("`skipstone networks %s` lists its blocks\n", request.weights.c_str());
    return done;
} catch (ImportStopped const&) {
    std::printf("interrupted; nothing was written\n");
    return interrupted + last_signal();
}

}  // namespace

Action add_import_command(CLI::App& app, Invocation const&) {
    auto request = std::make_shared<ImportRequest>();
    auto& options = request->options;
    app.add_option("model", request->model, "a model in ONNX")->required()->type_name("MODEL.onnx");
    app.add_option("-o", request->weights, "weights file to write")->required()->type_name("NAME.h5");
    add_channels_option(app, "--mean", options.mean,
                        "of each channel of a picture: what is taken from a pixel's value; default: 0");
    add_channels_option(app, "--std", options.std, "of each channel: what the rest is divided by; default: 1");
    app.add_option_function<std::string>(
           "--range", [&options](std::string const& text) { options.range = text == "255" ? 255 : 1; },
           "what a pixel's full value is before mean and std")
        ->check(CLI::IsMember({"1", "255"}))
        ->type_name("1|255")
        ->default_str("1");
    app.add_option_function<std::string>(
           "--input", [&options](std::string const& text) { options.input = parse_extent(text); },
           "rows and columns of a picture, where the model takes any")
        ->type_name("HxW");
    app.add_option("--output", options.output, "the one of several outputs that the network gives")->type_name("NAME");
    app.add_option("--name", options.name, "the network's name; default: the model's file without its ending")
        ->type_name("NAME");
    app.add_flag("--force", request->force, "replace a file that is there already");
    app.footer(
        "NAME.h5 carries weights and network: `[network] weights = \"NAME.h5\"` is a whole section of a scenario.\n"
        "Wherever weights are taken, a MODEL.onnx is taken, too, with mean 0, std 1 and range 1. What exporters\n"
        "usually have in front of a network is not in the model: tell it with --mean and --std, for example\n"
        "  skipstone import resnet18.onnx -o resnet18.h5 --mean 0.485,0.456,0.406 --std 0.229,0.224,0.225\n"
        "  skipstone networks resnet18.h5\n"
        "  skipstone infer --weights resnet18.h5 --data PICTURES -o out.h5\n"
        "From PyTorch: torch.onnx.export(model, torch.zeros(1, 3, 224, 224), \"resnet18.onnx\").");
    return [request] { return import(*request); };
}

}  // namespace skipstone::cli

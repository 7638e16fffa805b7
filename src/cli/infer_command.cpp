#include <CLI/CLI.hpp>
#include <algorithm>
#include <chrono>
#include <cstdio>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "cli/commands.hpp"
#include "cli/console.hpp"
#include "cli/exit_code.hpp"
#include "cli/imported_model.hpp"
#include "cli/number_options.hpp"
#include "cli/signals.hpp"
#include "cli/trained_network.hpp"
#include "config/file_kind.hpp"
#include "emulator/host_clock.hpp"
#include "hdf5/file.hpp"
#include "inputs/axes.hpp"
#include "inputs/input_source.hpp"
#include "kernels/algorithms.hpp"
#include "kernels/host.hpp"
#include "kernels/weights.hpp"
#include "study/inference.hpp"
#include "study/workplace.hpp"
#include "units/error.hpp"
#include "units/input_files.hpp"
#include "units/output_file.hpp"
#include "units/proportion.hpp"

namespace skipstone::cli {

namespace {

namespace fs = std::filesystem;

struct InferOptions {
    TrainedNetworkOptions network;
    std::string data, output;
    std::optional<std::string> chosen;  // of a model's outputs
    std::optional<std::size_t> limit;
    std::size_t batch = 32;
    std::optional<int> threads;
    bool force = false;
};

// What the options name, read and checked.
struct Task {
    TrainedNetwork trained;
    inputs::InputSource source;
    std::size_t count;
};

void check_output(InferOptions const& options) {
    std::error_code ignored;
    if (fs::is_directory(options.output, ignored))
        throw InputError({options.output, 0, ""}, "cannot be written (it is a folder)");
    refuse_to_replace_input(options.output);
    if (options.force || !fs::exists(options.output, ignored)) return;
    if (auto const kind = config::identify(options.output);
        kind != config::FileKind::outputs && kind != config::FileKind::empty)
        throw InputError({options.output, 0, ""}, "is there already, and " + config::kind_text(kind, options.output) +
                                                      "; name another file with -o, or replace it with --force");
}

Task prepare(InferOptions const& options, Invocation const& invocation) {
    auto const& given = options.network.weights;
    auto const file = weights_file(given, options.chosen);
    if (options.chosen && file == given)
        throw InputError("--output " + *options.chosen + ": is for a model in ONNX that has several; " + given +
                         " is none");
    auto trained = read_trained_network(options.network, file, invocation.profiles);
    auto const& network = trained.network;
    auto const& info = trained.weights;
    inputs::InputSource source(options.data, inputs::InputForm(network, info.mean, info.std, info.range));
    source.look_for_cut_off();
    source.check_labels(network.classes());
    auto const count = options.limit.value_or(source.size());
    if (count > source.size())
        throw InputError({options.data, 0, ""}, "holds " + std::to_string(source.size()) + " inputs, and --limit is " +
                                                    std::to_string(count) + "; choose fewer");
    return {std::move(trained), std::move(source), count};
}

// The file of what a network gave.
class OutputFile {
  public:
    OutputFile(fs::path const& path, InferOptions const& options, Task const& task)
        : network_(task.trained.network), file_(hdf5::File::create(path.string(), hdf5::Storage::packed)) {
        file_.write_string("format", "skipstone-outputs");
        file_.write_integer("format_version", 1);
        file_.write_string("network", network_.name());
        file_.write_string("precision", to_string(network_.precision()));
        file_.write_string("weights_sha256", task.trained.weights.sha256);
        file_.write_string("data", fs::path(options.data).lexically_normal().filename().string());
        file_.write_string("software", "skipstone " SKIPSTONE_VERSION " (" SKIPSTONE_REVISION ")");
        file_.write_string("instruction_set", kernels::instruction_set());
        shape_ = inputs::extents_of(network_.output_shape(), network_.output_axes());
        shape_.insert(shape_.begin(), task.count);
        logits_.emplace(file_.create_floats("logits", shape_));
        if (gives_classes()) predicted_.emplace(file_.create_integers("predicted", {task.count}));
    }
    OutputFile(OutputFile const&) = delete;
    OutputFile& operator=(OutputFile const&) = delete;
    ~OutputFile() {
        logits_.reset();
        predicted_.reset();
        if (!is_whole_) file_.abandon();
    }

    // Numbers along one axis, one for each class: the largest one's place is the class.
    bool gives_classes() const {
        auto const shape = network_.output_shape();
        return network_.classes() > 1 && std::max({shape.h, shape.w, shape.c}) == network_.classes();
    }
    std::vector<std::uint64_t> const& shape() const { return shape_; }

    // outputs: [inputs, H, W, C]. Returns the classes that the inputs were taken for; none where outputs are no
    // classes.
    std::vector<std::int32_t> add(std::size_t first, Tensor const& outputs) {
        auto const count = static_cast<std::size_t>(outputs.shape().n);
        auto const one = outputs.values().size() / count;
        std::vector<float> ordered(outputs.values().size());
        std::vector<std::int32_t> classes;
        for (std::size_t i = 0; i < count; ++i) {
            auto const values = std::span(ordered).subspan(i * one, one);
            inputs::from_hwc(outputs.values().subspan(i * one, one), network_.output_shape(), network_.output_axes(),
                             values);
            if (predicted_)
                classes.push_back(static_cast<std::int32_t>(std::ranges::max_element(values) - values.begin()));
        }
        logits_->write_floats(first, ordered);
        if (predicted_) predicted_->write_integers(first, classes);
        return classes;
    }
    void finish() {
        logits_.reset();
        predicted_.reset();
        file_.close();
        is_whole_ = true;
    }

  private:
    Network const& network_;
    hdf5::File file_;
    std::vector<std::uint64_t> shape_;  // of logits
    std::optional<hdf5::Dataset> logits_, predicted_;
    bool is_whole_ = false;
};

std::string extents_text(std::vector<std::uint64_t> const& extents) {
    std::string text = "[";
    for (auto const extent : extents) text += (text.size() > 1 ? ", " : "") + std::to_string(extent);
    return text + "]";
}

struct Stopped {};  // by a signal

struct Result {
    std::vector<std::uint64_t> shape;  // of the logits
    bool gives_classes = false;
    std::optional<long> right;  // where classes and labels are known
};

// Runs the network and writes what it gives. Throws Stopped.
Result write(fs::path const& path, InferOptions const& options, Task const& task, kernels::PackedNetwork const& network,
             study::InferencePlan const& plan) {
    OutputFile file(path, options, task);
    Result result{file.shape(), file.gives_classes(), std::nullopt};
    if (result.gives_classes && task.source.label(0)) result.right = 0;
    ProgressBar bar(static_cast<int>((task.count + plan.batch - 1) / plan.batch));
    bool const all = study::infer(
        network, task.source, plan,
        [&](std::size_t first, Tensor const& outputs) {
            auto const classes = file.add(first, outputs);
            for (std::size_t i = 0; result.right && i < classes.size(); ++i)
                *result.right += classes[i] == *task.source.label(first + i);
            bar.advance_timed(static_cast<int>(first / plan.batch + 1), "batches");
        },
        stop_requested());
    bar.clear();
    if (!all) throw Stopped{};
    file.finish();
    return result;
}

int infer(InferOptions const& options, Invocation const& invocation) {
    auto const task = prepare(options, invocation);
    check_output(options);
    auto const& [network, weights, calibration] = task.trained;
    auto const choices =
        network.precision() == Precision::float32 ? kernels::standard_choices(network) : ConvolutionChoices();
    auto const packed = study::pack(network, weights, choices, calibration, nullptr);
    study::InferencePlan const plan{task.count, options.batch, options.threads.value_or(emulator::usable_cores())};
    on_signals(OnSignal::remember);
    std::printf("%s in %s on %zu of %s: %s\n", network.name().c_str(),
                std::string(to_string(network.precision())).c_str(), task.count, options.data.c_str(),
                task.source.description().c_str());
    std::fflush(stdout);

    Result result;
    auto const begin = std::chrono::steady_clock::now();
    try {
        write_file_at(options.output, [&](fs::path const& path) { result = write(path, options, task, packed, plan); });
    } catch (Stopped const&) {
        std::printf("interrupted; nothing was written\n");
        return interrupted + last_signal();
    }
    double const spent = std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
    if (result.right) {
        auto const right = *result.right, total = static_cast<long>(task.count);
        auto const interval = confidence_interval(right, total);
        std::printf("accuracy: %s, %ld of %ld right; 95 %% interval %s … %s\n",
                    percent(static_cast<double>(right) / static_cast<double>(total)).c_str(), right, total,
                    fixed(100 * interval.low, 2).c_str(), percent(interval.high).c_str());
    }
    std::printf("%s: logits %s%s, in %s\n", options.output.c_str(), extents_text(result.shape).c_str(),
                result.gives_classes ? (" and predicted [" + std::to_string(task.count) + "]").c_str() : "",
                duration(spent).c_str());
    return done;
}

}  // namespace

Action add_infer_command(CLI::App& app, Invocation const& invocation) {
    auto options = std::make_shared<InferOptions>();
    add_weights_options(app, options->network);
    app.add_option("--data", options->data,
                   "a picture, a folder of pictures, a folder with a folder of pictures per class, a CIFAR-10 batch "
                   "(.bin, .bin.xz), or HDF5 with `inputs` as the network reads them; or a part of one: PATH@0..4999, "
                   "PATH@5000.., in random order PATH@0..999~SEED")
        ->required()
        ->type_name("PATH");
    add_whole_option(app, "--limit", options->limit, "take the first N of them", 1)->type_name("N");
    app.add_option("-o", options->output, "HDF5 file to write")->required()->type_name("OUT.h5");
    app.add_option("--output", options->chosen, "of a model in ONNX with several outputs: the one to write")
        ->type_name("NAME");
    add_whole_option(app, "--batch", options->batch, "inputs that go through the network together", 1, 1'000'000)
        ->type_name("N")
        ->default_str(std::to_string(options->batch));
    add_whole_option(app, "--threads", options->threads, "default: the host's cores", 1, 4096)->type_name("N");
    add_precision_options(app, options->network);
    app.add_flag("--force", options->force, "replace a file that is there already and that infer did not write");
    app.footer(
        "Pictures are resized, and normalised by the mean, std and range of the weights. Data in HDF5 goes into the\n"
        "network as it is: a dataset `inputs`, float32 [N,H,W,C], or [N,C,H,W] with the attribute layout = \"NCHW\", "
        "or\n"
        "with the axes of the network's own input ([N,260]); and where they are known `labels` [N], from 0 on.\n"
        "OUT.h5 has `logits` [N, …], what the network's last operator gives, with the network's own order of axes, "
        "and\n"
        "of a classifier `predicted` [N]. With labels, the share that it got right is printed.");
    return [options, &invocation] { return infer(*options, invocation); };
}

}  // namespace skipstone::cli

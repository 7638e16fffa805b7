#include "networks/mobilenet.hpp"

#include <algorithm>
#include <array>
#include <string>

#include "networks/path.hpp"
#include "networks/text.hpp"
#include "units/error.hpp"

namespace skipstone::networks {

namespace {

Operation relu6() {
    return op::Activation{op::Activation::Kind::clip, 0, 6};
}

// ---- version 1

Blueprint draw_v1(double width, NetworkProfile const& profile) {
    struct Pair {  // a depthwise convolution 3x3, and a convolution 1x1
        int stride, channels;
    };
    static constexpr std::array<Pair, 13> pairs{{{1, 64},
                                                 {2, 128},
                                                 {1, 128},
                                                 {2, 256},
                                                 {1, 256},
                                                 {2, 512},
                                                 {1, 512},
                                                 {1, 512},
                                                 {1, 512},
                                                 {1, 512},
                                                 {1, 512},
                                                 {2, 1024},
                                                 {1, 1024}}};
    auto const scaled = [&](int channels) { return std::max(1, static_cast<int>(channels * width)); };
    Graph::Builder graph(profile.input);
    Path path(graph, TensorId(0));
    auto const convolve = [&](std::string const& name, int kernel, int stride, int channels, int groups) {
        path.add(name, op::Convolution{same_window(path.shape(), {kernel, kernel}, {stride, stride}), channels, groups})
            .add(name + "_bn", op::BatchNorm{1e-3})
            .add(name + "_relu", relu6());
    };
    convolve("conv1", 3, 2, scaled(32), 1);
    for (std::size_t i = 0; i < pairs.size(); ++i) {
        auto const number = std::to_string(i + 1);
        int const inputs = path.shape().c;
        convolve("conv_dw_" + number, 3, pairs[i].stride, inputs, inputs);
        convolve("conv_pw_" + number, 1, 1, scaled(pairs[i].channels), 1);
    }
    path.add("global_average_pooling2d", op::GlobalAverage{}).add("conv_preds", op::FullyConnected{profile.classes});
    return {std::move(graph).finish(path.end())};
}

// ---- version 2

// The nearest multiple of 8, but not less than nine tenths, as the authors' own code has it.
int to_eights(double channels) {
    int const rounded = std::max(8, static_cast<int>(channels + 4) / 8 * 8);
    return rounded < 0.9 * channels ? rounded + 8 : rounded;
}

// A graph with names for its blocks and their stages.
struct Sketch {
    Graph::Builder graph;
    std::vector<std::string> names = {};
    std::vector<int> stages = {};

    void begin_block(std::string name, int stage) {
        names.push_back(std::move(name));
        stages.push_back(stage);
    }
};

void convolve(Path& path, std::string const& name, std::string const& norm, Window const& window, int channels,
              int groups) {
    path.add(name, op::Convolution{window, channels, groups}).add(norm, op::BatchNorm{});
}

TensorId add_inverted_residual(Sketch& sketch, TensorId input, int place, int stage, int index, int expansion,
                               int channels, int stride) {
    int const inputs = sketch.graph.shape(input).c;
    bool const has_shortcut = stride == 1 && inputs == channels;
    auto const name = "s" + std::to_string(stage) + "b" + std::to_string(index);
    if (has_shortcut) sketch.begin_block(name, stage);
    auto const begin = [&](char const* part) {
        if (!has_shortcut) sketch.begin_block(name + part, stage);
    };
    auto const prefix = "features." + std::to_string(place);
    Path path(sketch.graph, input);
    int layer = 0;
    auto const activated = [&](Window const& window, int outputs, int groups) {
        auto const here = prefix + ".conv." + std::to_string(layer++);
        convolve(path, here + ".0", here + ".1", window, outputs, groups);
        path.add(here + ".2", relu6());
    };
    if (expansion > 1) {
        begin("_expand");
        activated(square_window(1, 1, 0), inputs * expansion, 1);
    }
    begin("_dw");
    activated(square_window(3, stride, 1), inputs * expansion, inputs * expansion);
    begin("_project");
    auto const last = prefix + ".conv.";
    convolve(path, last + std::to_string(layer), last + std::to_string(layer + 1), square_window(1, 1, 0), channels, 1);
    return has_shortcut ? sketch.graph.add(prefix + ".add", op::Add{}, {path.end(), input}) : path.end();
}

Blueprint draw_v2(double width, NetworkProfile const& profile) {
    struct Row {  // of Table 2: expansion t, channels c, repetitions n, stride s of the first
        int expansion, channels, repetitions, stride;
    };
    static constexpr std::array<Row, 7> rows{
        {{1, 16, 1, 1}, {6, 24, 2, 2}, {6, 32, 3, 2}, {6, 64, 4, 2}, {6, 96, 3, 1}, {6, 160, 3, 2}, {6, 320, 1, 1}}};
    Sketch sketch{Graph::Builder(profile.input)};
    int place = 0;  // in torchvision's list of modules
    auto const activated = [&](TensorId from, int kernel, int stride, int channels) {
        auto const name = "features." + std::to_string(place++);
        Path path(sketch.graph, from);
        convolve(path, name + ".0", name + ".1", square_window(kernel, stride, kernel / 2), channels, 1);
        return path.add(name + ".2", relu6()).end();
    };
    sketch.begin_block("stem", 1);
    auto tensor = activated(TensorId(0), 3, 2, to_eights(32 * width));
    int stage = 1;
    for (auto const& row : rows) {
        ++stage;
        for (int i = 0; i < row.repetitions; ++i)
            tensor = add_inverted_residual(sketch, tensor, place++, stage, i + 1, row.expansion,
                                           to_eights(row.channels * width), i == 0 ? row.stride : 1);
    }
    sketch.begin_block("conv_last", stage + 1);
    tensor = activated(tensor, 1, 1, to_eights(1280 * std::max(1.0, width)));
    sketch.begin_block("head", stage + 1);
    Path path(sketch.graph, tensor);
    path.add("avgpool", op::GlobalAverage{}).add("classifier.1", op::FullyConnected{profile.classes});
    return {std::move(sketch.graph).finish(path.end()), std::move(sketch.names), std::move(sketch.stages)};
}

class MobilenetFamily : public Family {
  public:
    explicit MobilenetFamily(Mobilenet shape) : shape_(shape) {}

    std::string_view name() const override { return "mobilenet"; }

    Blueprint draw(NetworkProfile const& profile) const override {
        require_ordinary(profile);
        if (shape_.version < 1 || shape_.version > 2) throw InputError("version must be 1 or 2");
        if (!(shape_.width > 0 && shape_.width <= 64)) throw InputError("width must be above 0 and at most 64");
        return shape_.version == 1 ? draw_v1(shape_.width, profile) : draw_v2(shape_.width, profile);
    }

    std::string lines() const override {
        return line("version", std::to_string(shape_.version)) + line("width", number(shape_.width));
    }

  private:
    Mobilenet shape_;
};

}  // namespace

std::shared_ptr<Family const> mobilenet(Mobilenet shape) {
    return std::make_shared<MobilenetFamily>(shape);
}

}  // namespace skipstone::networks

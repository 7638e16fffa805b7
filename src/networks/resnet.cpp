#include "networks/resnet.hpp"

#include <algorithm>
#include <string>

#include "networks/text.hpp"
#include "units/error.hpp"

namespace skipstone::networks {

namespace {

void validate(Resnet const& shape, NetworkProfile const& profile) {
    auto fail = [](char const* message) { throw InputError(message); };
    if (shape.stages.empty() || shape.stages.size() > 8) fail("stages must list 1 to 8 stages");
    if (std::ranges::any_of(shape.stages, [](int blocks) { return blocks < 1 || blocks > 1000; }))
        fail("every stage needs 1 to 1000 blocks");
    if (shape.width < 1 || shape.width > 4096) fail("width must be 1 to 4096");
    if (shape.expansion < 1 || shape.expansion > 64) fail("expansion must be 1 to 64");
    require_ordinary(profile);
}

TensorId convolution(Graph::Builder& graph, std::string const& name, std::string const& norm, TensorId input,
                     int channels, int kernel, int stride) {
    auto const convolved =
        graph.add(name, op::Convolution{square_window(kernel, stride, kernel / 2), channels}, {input});
    return graph.add(norm, op::BatchNorm{}, {convolved});
}

TensorId relu(Graph::Builder& graph, std::string const& name, TensorId input) {
    return graph.add(name, op::Relu{}, {input});
}

TensorId add_stem(Graph::Builder& graph, Resnet const& shape) {
    bool const imagenet = shape.stem == StemKind::imagenet;
    auto const normed =
        convolution(graph, "conv1", "bn1", TensorId(0), shape.width, imagenet ? 7 : 3, imagenet ? 2 : 1);
    auto const output = relu(graph, "relu", normed);
    return imagenet ? graph.add("maxpool", op::MaxPool{square_window(3, 2, 1)}, {output}) : output;
}

TensorId add_residual(Graph::Builder& graph, Resnet const& shape, int stage, int index, TensorId input) {
    int const inner = shape.width << stage;
    int const outer = inner * shape.expansion;
    int const stride = stage > 0 && index == 0 ? 2 : 1;
    std::string const prefix = "layer" + std::to_string(stage + 1) + "." + std::to_string(index) + ".";
    auto path = input;
    int number = 0;
    auto const add = [&](int channels, int kernel, int stride_here) {
        if (number > 0) path = relu(graph, prefix + "relu" + std::to_string(number), path);
        auto const text = std::to_string(++number);
        path = convolution(graph, prefix + "conv" + text, prefix + "bn" + text, path, channels, kernel, stride_here);
    };
    if (shape.block == BlockKind::bottleneck) {
        bool const first = shape.variant == Variant::v1;
        add(inner, 1, first ? stride : 1);
        add(inner, 3, first ? 1 : stride);
        add(outer, 1, 1);
    } else {
        add(inner, 3, stride);
        add(outer, 3, 1);
    }
    auto shortcut = input;
    if (stride != 1 || graph.shape(input).c != outer)
        shortcut = shape.shortcut == ShortcutKind::projection
                       ? convolution(graph, prefix + "downsample.0", prefix + "downsample.1", input, outer, 1, stride)
                       : graph.add(prefix + "shortcut", op::Subsample{stride, outer}, {input});
    return relu(graph, prefix + "relu", graph.add(prefix + "add", op::Add{}, {path, shortcut}));
}

class ResnetFamily : public Family {
  public:
    explicit ResnetFamily(Resnet shape) : shape_(std::move(shape)) {}

    Resnet const& shape() const { return shape_; }
    std::string_view name() const override { return "resnet"; }

    Blueprint draw(NetworkProfile const& profile) const override {
        validate(shape_, profile);
        Graph::Builder graph(profile.input);
        auto tensor = add_stem(graph, shape_);
        for (int stage = 0; stage < static_cast<int>(shape_.stages.size()); ++stage)
            for (int index = 0; index < shape_.stages[static_cast<std::size_t>(stage)]; ++index)
                tensor = add_residual(graph, shape_, stage, index, tensor);
        auto const mean = graph.add("avgpool", op::GlobalAverage{}, {tensor});
        bool const imagenet = shape_.stem == StemKind::imagenet;
        auto const logits = graph.add(imagenet ? "fc" : "linear", op::FullyConnected{profile.classes}, {mean});
        Blueprint blueprint{std::move(graph).finish(logits), {"stem"}, {1}};
        for (std::size_t stage = 0; stage < shape_.stages.size(); ++stage)
            for (int index = 0; index < shape_.stages[stage]; ++index) {
                blueprint.block_names.push_back("s" + std::to_string(stage + 2) + "b" + std::to_string(index + 1));
                blueprint.stages.push_back(static_cast<int>(stage) + 2);
            }
        blueprint.block_names.push_back("head");
        blueprint.stages.push_back(static_cast<int>(shape_.stages.size()) + 2);
        return blueprint;
    }

    std::string lines() const override {
        return line("stages", list(shape_.stages)) + line("block", quoted(word_of(block_kind_names, shape_.block))) +
               line("width", std::to_string(shape_.width)) + line("expansion", std::to_string(shape_.expansion)) +
               line("shortcut", quoted(word_of(shortcut_kind_names, shape_.shortcut))) +
               line("stem", quoted(word_of(stem_kind_names, shape_.stem))) +
               line("variant", quoted(word_of(variant_names, shape_.variant)));
    }

  private:
    Resnet shape_;
};

}  // namespace

std::shared_ptr<Family const> resnet(Resnet shape) {
    return std::make_shared<ResnetFamily>(std::move(shape));
}

Resnet const* as_resnet(Family const& family) {
    auto const* found = dynamic_cast<ResnetFamily const*>(&family);
    return found ? &found->shape() : nullptr;
}

}  // namespace skipstone::networks

#include "model/resnet.hpp"

#include <algorithm>

#include "units/error.hpp"

namespace skipstone {

namespace {

void validate(NetworkProfile const& profile) {
    auto fail = [&](std::string const& message) { throw InputError("network " + profile.name + ": " + message); };
    if (profile.stages.empty() || profile.stages.size() > 8) fail("stages must list 1 to 8 stages");
    if (std::ranges::any_of(profile.stages, [](int blocks) { return blocks < 1 || blocks > 1000; }))
        fail("every stage needs 1 to 1000 blocks");
    if (profile.width < 1 || profile.width > 4096) fail("width must be 1 to 4096");
    if (profile.expansion < 1 || profile.expansion > 64) fail("expansion must be 1 to 64");
    if (profile.input < 1 || profile.input > 4096) fail("input must be 1 to 4096 pixels");
    if (profile.classes < 1 || profile.classes > 1'000'000) fail("classes must be 1 to 1000000");
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

TensorId add_stem(Graph::Builder& graph, NetworkProfile const& profile) {
    bool const imagenet = profile.stem == StemKind::imagenet;
    auto const normed =
        convolution(graph, "conv1", "bn1", TensorId(0), profile.width, imagenet ? 7 : 3, imagenet ? 2 : 1);
    auto const output = relu(graph, "relu", normed);
    return imagenet ? graph.add("maxpool", op::MaxPool{square_window(3, 2, 1)}, {output}) : output;
}

TensorId add_residual(Graph::Builder& graph, NetworkProfile const& profile, int stage, int index, TensorId input) {
    int const inner = profile.width << stage;
    int const outer = inner * profile.expansion;
    int const stride = stage > 0 && index == 0 ? 2 : 1;
    std::string const prefix = "layer" + std::to_string(stage + 1) + "." + std::to_string(index) + ".";
    auto path = input;
    int number = 0;
    auto const add = [&](int channels, int kernel, int stride_here) {
        if (number > 0) path = relu(graph, prefix + "relu" + std::to_string(number), path);
        auto const text = std::to_string(++number);
        path = convolution(graph, prefix + "conv" + text, prefix + "bn" + text, path, channels, kernel, stride_here);
    };
    if (profile.block == BlockKind::bottleneck) {
        bool const first = profile.variant == Variant::v1;
        add(inner, 1, first ? stride : 1);
        add(inner, 3, first ? 1 : stride);
        add(outer, 1, 1);
    } else {
        add(inner, 3, stride);
        add(outer, 3, 1);
    }
    auto shortcut = input;
    if (stride != 1 || graph.shape(input).c != outer)
        shortcut = profile.shortcut == ShortcutKind::projection
                       ? convolution(graph, prefix + "downsample.0", prefix + "downsample.1", input, outer, 1, stride)
                       : graph.add(prefix + "shortcut", op::Subsample{stride, outer}, {input});
    return relu(graph, prefix + "relu", graph.add(prefix + "add", op::Add{}, {path, shortcut}));
}

}  // namespace

Graph resnet_graph(NetworkProfile const& profile) {
    validate(profile);
    Graph::Builder graph({1, profile.input, profile.input, 3});
    auto tensor = add_stem(graph, profile);
    for (int stage = 0; stage < static_cast<int>(profile.stages.size()); ++stage)
        for (int index = 0; index < profile.stages[static_cast<std::size_t>(stage)]; ++index)
            tensor = add_residual(graph, profile, stage, index, tensor);
    auto const mean = graph.add("avgpool", op::GlobalAverage{}, {tensor});
    bool const imagenet = profile.stem == StemKind::imagenet;
    auto const logits = graph.add(imagenet ? "fc" : "linear", op::FullyConnected{profile.classes}, {mean});
    return std::move(graph).finish(logits);
}

std::vector<std::string> resnet_block_names(NetworkProfile const& profile) {
    std::vector<std::string> names{"stem"};
    for (std::size_t stage = 0; stage < profile.stages.size(); ++stage)
        for (int index = 0; index < profile.stages[stage]; ++index)
            names.push_back("s" + std::to_string(stage + 2) + "b" + std::to_string(index + 1));
    names.push_back("head");
    return names;
}

}  // namespace skipstone

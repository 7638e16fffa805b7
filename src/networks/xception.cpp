#include "networks/xception.hpp"

#include <string>
#include <vector>

#include "networks/path.hpp"
#include "networks/text.hpp"
#include "units/error.hpp"

namespace skipstone::networks {

namespace {

void add_norm(Path& path, std::string const& name) {
    path.add(name + "_bn", op::BatchNorm{1e-3});
}

void add_relu(Path& path, std::string const& name) {
    path.add(name + "_act", op::Relu{});
}

// A depthwise convolution 3x3 and one of 1x1, without anything between.
void add_separable(Path& path, std::string const& name, int channels) {
    int const inputs = path.shape().c;
    path.add(name + "_dw", op::Convolution{square_window(3, 1, 1), inputs, inputs})
        .add(name + "_pw", op::Convolution{square_window(1, 1, 0), channels});
    add_norm(path, name);
}

// A block of the entry or exit flow: two separable convolutions and a pool of stride 2, beside a convolution 1x1 of
// stride 2.
TensorId add_halving(Graph::Builder& graph, TensorId input, std::string const& name, int first, int second,
                     bool begins_active) {
    Path path(graph, input), shortcut(graph, input);
    if (begins_active) add_relu(path, name + "_sepconv1");
    add_separable(path, name + "_sepconv1", first);
    add_relu(path, name + "_sepconv2");
    add_separable(path, name + "_sepconv2", second);
    path.add(name + "_pool", op::MaxPool{same_window(path.shape(), {3, 3}, {2, 2})});
    shortcut.add(name + "_shortcut", op::Convolution{square_window(1, 2, 0), second});
    add_norm(shortcut, name + "_shortcut");
    return graph.add(name + "_add", op::Add{}, {path.end(), shortcut.end()});
}

TensorId add_middle(Graph::Builder& graph, TensorId input, std::string const& name) {
    Path path(graph, input);
    for (int i = 1; i <= 3; ++i) {
        auto const here = name + "_sepconv" + std::to_string(i);
        add_relu(path, here);
        add_separable(path, here, 728);
    }
    return graph.add(name + "_add", op::Add{}, {path.end(), input});
}

class XceptionFamily : public Family {
  public:
    explicit XceptionFamily(Xception shape) : shape_(shape) {}

    std::string_view name() const override { return "xception"; }

    Blueprint draw(NetworkProfile const& profile) const override {
        require_ordinary(profile);
        if (shape_.middle < 1 || shape_.middle > 1000) throw InputError("middle must be 1 to 1000");
        Graph::Builder graph(profile.input);
        std::vector<std::string> names;
        std::vector<int> stages;
        auto const begin_block = [&](std::string name, int stage) {
            names.push_back(name);
            stages.push_back(stage);
            return name;
        };
        Path stem(graph, TensorId(0));
        for (int i = 1; i <= 2; ++i) {
            auto const name = begin_block("block1_conv" + std::to_string(i), 1);
            stem.add(name, op::Convolution{square_window(3, i == 1 ? 2 : 1, 0), i == 1 ? 32 : 64});
            add_norm(stem, name);
            add_relu(stem, name);
        }
        int number = 2;
        auto const next_block = [&](int stage) { return begin_block("block" + std::to_string(number++), stage); };
        auto tensor = stem.end();
        for (int const channels : {128, 256, 728}) {
            bool const is_first = channels == 128;
            tensor = add_halving(graph, tensor, next_block(number), channels, channels, !is_first);
        }
        for (int i = 0; i < shape_.middle; ++i) tensor = add_middle(graph, tensor, next_block(5));
        tensor = add_halving(graph, tensor, next_block(6), 728, 1024, true);
        auto const last = "block" + std::to_string(number);
        Path path(graph, tensor);
        for (int i = 1; i <= 2; ++i) {
            // Two blocks each: between a depthwise convolution and the next one a single tensor is left.
            auto const name = last + "_sepconv" + std::to_string(i);
            begin_block(name + "_dw", 6);
            begin_block(name + "_pw", 6);
            add_separable(path, name, i == 1 ? 1536 : 2048);
            add_relu(path, name);
        }
        begin_block("predictions", 6);
        path.add("avg_pool", op::GlobalAverage{}).add("predictions", op::FullyConnected{profile.classes});
        return {std::move(graph).finish(path.end()), std::move(names), std::move(stages)};
    }

    std::string lines() const override { return line("middle", std::to_string(shape_.middle)); }

  private:
    Xception shape_;
};

}  // namespace

std::shared_ptr<Family const> xception(Xception shape) {
    return std::make_shared<XceptionFamily>(shape);
}

}  // namespace skipstone::networks

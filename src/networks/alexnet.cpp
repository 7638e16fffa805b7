#include "networks/alexnet.hpp"

#include <string>

#include "networks/path.hpp"
#include "networks/text.hpp"
#include "units/error.hpp"

namespace skipstone::networks {

namespace {

Blueprint draw_2012(Alexnet const& shape, NetworkProfile const& profile) {
    Graph::Builder graph(profile.input);
    Path path(graph, TensorId(0));
    int number = 0;
    auto const numbered = [&](char const* what) { return what + std::to_string(number); };
    auto const convolve = [&](int channels, int kernel, int stride, int padding, int groups) {
        ++number;
        path.add(numbered("conv"), op::Convolution{square_window(kernel, stride, padding), channels, groups, true})
            .add(numbered("relu"), op::Relu{});
    };
    auto const normalise = [&] {
        path.add(numbered("norm"), op::ResponseNorm{.size = 5, .alpha = 5e-4, .beta = 0.75, .k = 2});
    };
    auto const pool = [&] { path.add(numbered("pool"), op::MaxPool{square_window(3, 2, 0)}); };
    convolve(96, 11, 4, 0, 1);
    normalise();
    pool();
    convolve(256, 5, 1, 2, shape.groups);
    normalise();
    pool();
    convolve(384, 3, 1, 1, 1);
    convolve(384, 3, 1, 1, shape.groups);
    convolve(256, 3, 1, 1, shape.groups);
    pool();
    for (number = 6; number < 8; ++number)
        path.add(numbered("fc"), op::FullyConnected{4096}).add(numbered("relu"), op::Relu{});
    path.add("fc8", op::FullyConnected{profile.classes});
    return {std::move(graph).finish(path.end()), {}, {1, 2, 3, 3, 3, 4, 4, 4}};
}

Blueprint draw_2014(NetworkProfile const& profile) {
    Graph::Builder graph(profile.input);
    Path path(graph, TensorId(0));
    int place = 0;  // in torchvision's list of modules
    auto const add = [&](Operation operation) {
        path.add("features." + std::to_string(place++), std::move(operation));
    };
    auto const convolve = [&](int channels, int kernel, int stride, int padding) {
        add(op::Convolution{square_window(kernel, stride, padding), channels, 1, true});
        add(op::Relu{});
    };
    auto const pool = [&] { add(op::MaxPool{square_window(3, 2, 0)}); };
    convolve(64, 11, 4, 2);
    pool();
    convolve(192, 5, 1, 2);
    pool();
    convolve(384, 3, 1, 1);
    convolve(256, 3, 1, 1);
    convolve(256, 3, 1, 1);
    pool();
    path.add("classifier.1", op::FullyConnected{4096})  // .0, .3: dropout
        .add("classifier.2", op::Relu{})
        .add("classifier.4", op::FullyConnected{4096})
        .add("classifier.5", op::Relu{})
        .add("classifier.6", op::FullyConnected{profile.classes});
    return {std::move(graph).finish(path.end()),
            {"conv1", "conv2", "conv3", "conv4", "conv5", "fc6", "fc7", "fc8"},
            {1, 2, 3, 3, 3, 4, 4, 4}};
}

class AlexnetFamily : public Family {
  public:
    explicit AlexnetFamily(Alexnet shape) : shape_(shape) {}

    std::string_view name() const override { return "alexnet"; }

    Blueprint draw(NetworkProfile const& profile) const override {
        require_ordinary(profile);
        if (shape_.year != 2012 && shape_.year != 2014) throw InputError("year must be 2012 or 2014");
        if (shape_.groups < 1 || shape_.groups > 2) throw InputError("groups must be 1 or 2");
        return shape_.year == 2012 ? draw_2012(shape_, profile) : draw_2014(profile);
    }

    std::string lines() const override {
        return line("year", std::to_string(shape_.year)) +
               (shape_.year == 2012 ? line("groups", std::to_string(shape_.groups)) : "");
    }

  private:
    Alexnet shape_;
};

}  // namespace

std::shared_ptr<Family const> alexnet(Alexnet shape) {
    return std::make_shared<AlexnetFamily>(shape);
}

}  // namespace skipstone::networks

#pragma once

#include <functional>
#include <memory>
#include <string>
#include <utility>

#include "model/network.hpp"

namespace skipstone::test {

// A network that a test puts together itself: draw adds operators behind the input, and returns the last one's output.
class DrawnFamily final : public Family {
  public:
    using Draw = std::function<TensorId(Graph::Builder&)>;

    explicit DrawnFamily(Draw draw) : draw_(std::move(draw)) {}
    std::string_view name() const override { return "drawn"; }
    Blueprint draw(NetworkProfile const& profile) const override {
        Graph::Builder graph(profile.input);
        auto const output = draw_(graph);
        return {std::move(graph).finish(output)};
    }
    bool is_scalable() const override { return false; }
    std::string lines() const override { return ""; }

  private:
    Draw draw_;
};

inline NetworkProfile drawn(std::string name, TensorShape input, DrawnFamily::Draw draw) {
    return {.name = std::move(name), .family = std::make_shared<DrawnFamily>(std::move(draw)), .input = input};
}

// A convolution of a square window that keeps the size of an image, and its batch norm.
inline TensorId convolved(Graph::Builder& graph, std::string const& name, TensorId input, int channels,
                          int kernel = 3) {
    auto const given = graph.add(name, op::Convolution{square_window(kernel, 1, kernel / 2), channels}, {input});
    return graph.add(name + ".norm", op::BatchNorm{}, {given});
}

}  // namespace skipstone::test

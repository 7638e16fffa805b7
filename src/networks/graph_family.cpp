#include "networks/graph_family.hpp"

#include <string>
#include <utility>

#include "networks/graph_text.hpp"
#include "networks/text.hpp"
#include "units/error.hpp"

namespace skipstone::networks {

namespace {

class GraphFamily : public Family {
  public:
    explicit GraphFamily(Blueprint blueprint) : blueprint_(std::move(blueprint)) {}

    Blueprint const& blueprint() const { return blueprint_; }
    std::string_view name() const override { return "graph"; }
    bool is_scalable() const override { return false; }

    Blueprint draw(NetworkProfile const& profile) const override {
        auto const& graph = blueprint_.graph;
        auto const input = graph.at(graph.input()).shape;
        auto const classes = graph.at(graph.output()).shape.elements();
        auto const text = [](TensorShape shape) {
            return std::to_string(shape.h) + " x " + std::to_string(shape.w) + " x " + std::to_string(shape.c);
        };
        if (profile.input != input)
            throw InputError("it is a graph with an input of " + text(input) + ", and cannot have one of " +
                             text(profile.input));
        if (static_cast<std::size_t>(profile.classes) != classes)
            throw InputError("it is a graph that gives " + std::to_string(classes) + " numbers, and cannot tell " +
                             std::to_string(profile.classes) + " classes apart");
        return blueprint_;
    }

    // No quote stands in a graph's text, and no backslash means anything between single ones.
    std::string lines() const override { return line("graph", "'" + graph_text(blueprint_) + "'"); }

  private:
    Blueprint blueprint_;
};

}  // namespace

std::shared_ptr<Family const> graph_family(Blueprint blueprint) {
    return std::make_shared<GraphFamily>(std::move(blueprint));
}

Blueprint const* as_graph(Family const& family) {
    auto const* found = dynamic_cast<GraphFamily const*>(&family);
    return found ? &found->blueprint() : nullptr;
}

NetworkProfile profile_of(std::string name, Blueprint blueprint) {
    NetworkProfile profile;
    profile.name = std::move(name);
    profile.input = blueprint.graph.at(blueprint.graph.input()).shape;
    profile.classes = static_cast<int>(blueprint.graph.at(blueprint.graph.output()).shape.elements());
    profile.family = graph_family(std::move(blueprint));
    return profile;
}

}  // namespace skipstone::networks

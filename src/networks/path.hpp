#pragma once

#include <string>
#include <utility>

#include "model/graph.hpp"

namespace skipstone::networks {

// Operators one behind the other in a graph that is being put together.
class Path {
  public:
    Path(Graph::Builder& graph, TensorId from) : graph_(&graph), end_(from) {}

    // Throws InputError as Graph::Builder::add() does.
    Path& add(std::string name, Operation operation) {
        end_ = graph_->add(std::move(name), std::move(operation), {end_});
        return *this;
    }
    // What the last operator gives, and of which shape it is.
    TensorId end() const { return end_; }
    TensorShape shape() const { return graph_->shape(end_); }

  private:
    Graph::Builder* graph_;
    TensorId end_;
};

// A window with the padding that TensorFlow calls "same": the output has ⌈extent / stride⌉ rows and columns, and where
// the padding is odd there is one more below and to the right.
Window same_window(TensorShape input, Extent kernel, Extent stride, Extent dilation = {});

}  // namespace skipstone::networks

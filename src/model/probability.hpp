#pragma once

#include "model/graph.hpp"

namespace skipstone {

// Whether a graph ends with a softmax: what it gives are no logits any more (verdict_of).
inline bool gives_probabilities(Graph const& graph) {
    auto const last = graph.source(graph.output());
    return last && graph.at(last).as<op::Softmax>() != nullptr;
}

}  // namespace skipstone

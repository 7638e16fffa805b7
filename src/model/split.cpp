#include "model/split.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <span>
#include <utility>

#include "model/part_graph.hpp"
#include "units/error.hpp"

namespace skipstone {

namespace {

using enum Split::Kind;
constexpr std::array<std::pair<Split::Kind, std::string_view>, 5> words{
    {{whole, "whole"}, {outputs, "outputs"}, {inputs, "inputs"}, {rows, "rows"}, {tiles, "tiles"}}};

Range hull(Range a, Range b) {
    return {std::min(a.begin, b.begin), std::max(a.end, b.end)};
}

// The way in which one block is split, or why it cannot be.
class Splitter {
  public:
    Splitter(Network const& network, BlockId id, Split split)
        : network_(network), graph_(network.graph()), block_(network.block(id)), split_(split) {}

    // Empty where problem() says why.
    std::vector<PartGraph> parts() {
        std::vector<PartGraph> parts;
        switch (split_.kind) {
            case Split::Kind::whole:
                problem_ = "whole is no split";
                break;
            case Split::Kind::outputs:
            case Split::Kind::rows:
            case Split::Kind::tiles:
                for (auto const& box : boxes())
                    parts.push_back(part_of_box(graph_, block_.operators, block_.reads, block_.gives, box));
                break;
            case Split::Kind::inputs:
                if (auto const mixing = mixing_operator())
                    if (auto const channels = graph_.at(graph_.at(mixing).inputs.front()).shape.c;
                        enough(channels, "reads", "channel", graph_.at(mixing)))
                        for (auto const range : divided(channels, split_.parts))
                            parts.push_back(part_of_share(graph_, block_.operators, block_.reads, mixing, range));
        }
        if (!parts.empty() && !lessens(parts)) parts.clear();
        return parts;
    }
    std::string const& problem() const { return problem_; }

    // The last weighted operator, if it alone leads to what is behind it, and mixes its channels; else none, and
    // problem() says why.
    OperatorId mixing_operator() {
        auto const last = std::ranges::find_if(block_.operators.rbegin(), block_.operators.rend(),
                                               [&](OperatorId id) { return graph_.at(id).is_weighted(); });
        if (last == block_.operators.rend()) {
            problem_ = "none of its operators multiplies by weights";
            return {};
        }
        auto const& mixing = graph_.at(*last);
        if (auto const* convolution = mixing.as<op::Convolution>(); convolution && convolution->groups > 1) {
            problem_ = "operator " + mixing.name + " has " + std::to_string(convolution->groups) +
                       " groups, and sums up no shares of all channels";
            return {};
        }
        std::vector<TensorId> behind{mixing.output};
        for (auto const id : std::ranges::subrange(last.base(), block_.operators.end())) {
            for (auto const input : graph_.at(id).inputs)
                if (std::ranges::find(behind, input) == behind.end()) {
                    problem_ = "operator " + graph_.at(id).name + " behind operator " + mixing.name +
                               " reads more than the sum that this gives";
                    return {};
                }
            behind.push_back(graph_.at(id).output);
        }
        return *last;
    }

  private:
    bool enough(int extent, std::string const& does, std::string const& what, Operator const& op) {
        if (extent >= split_.parts) return true;
        problem_ =
            "operator " + op.name + " " + does + " " + std::to_string(extent) + " " + what + (extent == 1 ? "" : "s");
        return false;
    }

    // Boxes of the block's output; none: problem_ says why.
    std::vector<Region> boxes() {
        auto const whole = whole_region(block_.output);
        auto const& gives = graph_.at(graph_.source(block_.gives));
        std::vector<Region> boxes;
        if (split_.kind == Split::Kind::outputs) {
            if (!enough(whole.c.size(), "gives", "channel", gives)) return {};
            for (auto const c : divided(whole.c.size(), split_.parts)) boxes.push_back({whole.h, whole.w, c});
            return boxes;
        }
        int down = split_.parts, across = 1;
        if (split_.kind == Split::Kind::tiles) {
            for (int side = 2; side * side <= split_.parts; ++side)
                if (split_.parts % side == 0) across = side;
            if (across == 1) {
                problem_ = std::to_string(split_.parts) + " tiles make no grid; use rows";
                return {};
            }
            down = split_.parts / across;
            if (whole.w.size() > whole.h.size()) std::swap(down, across);
        }
        if (whole.h.size() < down || whole.w.size() < across) {
            problem_ = "operator " + gives.name + " gives " + std::to_string(whole.h.size()) + " x " +
                       std::to_string(whole.w.size()) + " pixels";
            return {};
        }
        for (auto const h : divided(whole.h.size(), down))
            for (auto const w : divided(whole.w.size(), across)) boxes.push_back({h, w, whole.c});
        return boxes;
    }

    // Whether no part has as many MACs as the block.
    bool lessens(std::vector<PartGraph> const& parts) {
        for (auto const& part : parts) {
            auto const macs = costs_of(part, network_.precision()).macs;
            if (macs < block_.macs) continue;
            problem_ = "a part would have " + std::to_string(macs.value()) + " MACs, and the whole block has " +
                       std::to_string(block_.macs.value());
            if (auto const op = whole_operator(part))
                problem_ += ": of operator " + graph_.at(op).name + ", every part needs all";
            return false;
        }
        return true;
    }

    // The first weighted operator that a part computes whole.
    OperatorId whole_operator(PartGraph const& part) const {
        for (std::size_t o = 0; o < part.operators.size(); ++o) {
            auto const whole = part.operators[o].whole;
            if (!whole || !graph_.at(whole).is_weighted()) continue;
            auto const macs = [](Graph const& graph, OperatorId op) {
                return graph.costs({op}, Precision::float32).macs;
            };
            if (macs(part.graph, OperatorId(o)) >= macs(graph_, whole)) return whole;
        }
        return {};
    }

    Network const& network_;
    Graph const& graph_;
    Block const& block_;
    Split split_;
    std::string problem_;
};

// "outputs/2 to outputs/8, rows/2", of up to so many parts; "" for none.
std::string ways_text(std::vector<Split> const& splits) {
    std::string text;
    for (std::size_t i = 0; i < splits.size();) {
        auto end = i + 1;
        while (end < splits.size() && splits[end].kind == splits[i].kind &&
               splits[end].parts == splits[end - 1].parts + 1)
            ++end;
        text += (text.empty() ? "" : ", ") + to_string(splits[i]);
        if (end - i > 1) text += (end - i == 2 ? ", " : " to ") + to_string(splits[end - 1]);
        i = end;
    }
    return text;
}

constexpr int parts_told = 16;  // how many a message looks for

[[noreturn]] void refuse(Network const& network, BlockId block, Split split, std::string const& problem) {
    auto const ways = ways_text(splits_of(network, block, std::max(parts_told, std::min(split.parts, 2 * parts_told))));
    throw InputError("network " + network.name() + ": block " + network.block(block).name + " cannot be split by " +
                     to_string(split) + " (" + problem + "); " +
                     (ways.empty() ? "it can only be computed whole" : "possible: " + ways));
}

}  // namespace

std::string_view to_string(Split::Kind kind) {
    return std::ranges::find(words, kind, &std::pair<Split::Kind, std::string_view>::first)->second;
}

std::string to_string(Split const& split) {
    std::string text(to_string(split.kind));
    if (!split.is_whole()) text += '/' + std::to_string(split.parts);
    return text;
}

std::optional<Split> split_of(std::string_view text) {
    auto const slash = text.find('/');
    if (slash == std::string_view::npos) return std::nullopt;
    auto const word =
        std::ranges::find(words, text.substr(0, slash), &std::pair<Split::Kind, std::string_view>::second);
    int parts = 0;
    auto const number = text.substr(slash + 1);
    auto const [end, error] = std::from_chars(number.data(), number.data() + number.size(), parts);
    if (word == words.end() || word->first == whole || error != std::errc() || end != number.data() + number.size() ||
        parts < 2)
        return std::nullopt;
    return Split{word->first, parts};
}

Region whole_region(TensorShape shape) {
    return {{0, shape.h}, {0, shape.w}, {0, shape.c}};
}

Region hull(Region const& a, Region const& b) {
    return {hull(a.h, b.h), hull(a.w, b.w), hull(a.c, b.c)};
}

std::vector<Range> divided(int extent, int parts) {
    std::vector<Range> ranges;
    ranges.reserve(static_cast<std::size_t>(parts));
    int begin = 0;
    for (int p = 0; p < parts; ++p) {
        int const size = extent / parts + (p < extent % parts ? 1 : 0);
        ranges.push_back({begin, begin + size});
        begin += size;
    }
    return ranges;
}

std::vector<PartGraph> part_graphs(Network const& network, BlockId block, Split split) {
    Splitter splitter(network, block, split);
    auto parts = splitter.parts();
    if (parts.empty()) refuse(network, block, split, splitter.problem());
    return parts;
}

JoinGraph join_graph(Network const& network, BlockId block, int parts) {
    Split const split{Split::Kind::inputs, parts};
    Splitter splitter(network, block, split);
    auto const mixing = splitter.mixing_operator();
    if (!mixing) refuse(network, block, split, splitter.problem());
    auto const& operators = network.block(block).operators;
    auto const behind = std::ranges::find(operators, mixing) + 1;
    return {mixing, part_of_box(network.graph(), std::span(behind, operators.end()), network.graph().at(mixing).output,
                                network.block(block).gives, whole_region(network.block(block).output))};
}

std::vector<Split> splits_of(Network const& network, BlockId block, int most_parts) {
    std::vector<Split> found;
    for (auto const kind : {Split::Kind::outputs, Split::Kind::inputs, Split::Kind::rows, Split::Kind::tiles})
        for (int parts = 2; parts <= most_parts; ++parts)
            if (Split const split{kind, parts}; !Splitter(network, block, split).parts().empty())
                found.push_back(split);
    return found;
}

std::vector<Part> parts_of(Network const& network, BlockId block, Split split) {
    std::vector<Part> parts;
    for (auto const& part : part_graphs(network, block, split))
        parts.push_back({part.input(), part.output(), costs_of(part, network.precision())});
    return parts;
}

Macs join_macs(Network const& network, BlockId block, Split split) {
    if (split.kind != Split::Kind::inputs) return Macs(0);
    auto const join = join_graph(network, block, split.parts);
    auto const elements = network.graph().at(network.graph().at(join.mixing).output).shape.elements();
    return Macs(static_cast<std::int64_t>(elements) * split.parts);
}

}  // namespace skipstone

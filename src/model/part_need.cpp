#include "model/part_need.hpp"

#include <algorithm>
#include <array>
#include <utility>

#include "units/error.hpp"

namespace skipstone {

namespace {

template <class... Cases>
struct Overloaded : Cases... {
    using Cases::operator()...;
};

Range& along(Region& region, Axis axis) {
    return axis == Axis::h ? region.h : axis == Axis::w ? region.w : region.c;
}

Range along(Region const& region, Axis axis) {
    return axis == Axis::h ? region.h : axis == Axis::w ? region.w : region.c;
}

int extent(TensorShape shape, Axis axis) {
    return axis == Axis::h ? shape.h : axis == Axis::w ? shape.w : shape.c;
}

// Along one axis: what is read, what is put around that, and what comes of it.
struct Slide {
    Range reads;
    int before = 0, behind = 0;
    Range gives;
};

// What a window sees beyond both ends of an axis when it makes the places `wanted`.
Slide slide(Range wanted, int extent, int span, int stride, int before, int behind) {
    auto const begin_of = [&](int place) { return place * stride - before; };
    auto const sees_something = [&](int place) { return begin_of(place) + span > 0 && begin_of(place) < extent; };
    auto gives = wanted;
    // Places that see padding alone are made together with the nearest one that does not.
    while (gives.begin > 0 && !sees_something(gives.begin) && begin_of(gives.begin) > 0) --gives.begin;
    int const places = (extent + before + behind - span) / stride + 1;
    while (gives.end < places && !sees_something(gives.end - 1) && begin_of(gives.end - 1) < 0) ++gives.end;
    int const first = begin_of(gives.begin), last = begin_of(gives.end - 1) + span;
    if (last <= 0 || first >= extent)  // no place sees anything
        return {{0, extent}, before, behind, {0, places}};
    return {{std::max(first, 0), std::min(last, extent)}, std::max(-first, 0), std::max(last - extent, 0), gives};
}

struct Slides {
    Slide h, w;
};

Slides slide(Region const& wanted, TensorShape in, Window const& window) {
    auto const span = window.span();
    auto const& p = window.padding;
    return {slide(wanted.h, in.h, span.h, window.stride.h, p.top, p.bottom),
            slide(wanted.w, in.w, span.w, window.stride.w, p.left, p.right)};
}

Padding padding_of(Slides const& slides) {
    return {slides.h.before, slides.w.before, slides.h.behind, slides.w.behind};
}

// What an explicit padding of an axis reads.
Slide pad(op::Pad::Mode mode, Range wanted, int extent, int before) {
    int begin = wanted.begin - before, end = wanted.end - before;  // of the places, as the input counts them
    if (mode == op::Pad::Mode::reflect) {
        if (begin < 0) end = std::max(end, 1 - begin);
        if (end > extent) begin = std::min(begin, 2 * extent - 1 - end);
    } else {
        end = std::max(end, 1);
        begin = std::min(begin, extent - 1);
    }
    return {{std::max(begin, 0), std::min(end, extent)},
            std::max(-begin, 0),
            std::max(end - extent, 0),
            {begin + before, end + before}};
}

class Finder {
  public:
    Finder(Graph const& graph, Operator const& op, Region const& wanted)
        : graph_(graph), op_(op), wanted_(wanted), in_(graph.at(op.inputs.front()).shape) {}

    PartNeed find() const { return std::visit(*this, op_.operation); }

    PartNeed operator()(op::Convolution const& c) const {
        auto const slides = slide(wanted_, in_, c.window);
        int const per_group = c.outputs / c.groups, read_per_group = in_.c / c.groups;
        int const first = wanted_.c.begin / per_group, last = (wanted_.c.end - 1) / per_group;
        auto part = c;
        part.window.padding = padding_of(slides);
        // Channels of one group are a convolution without groups; of several groups, all of them are made.
        Range const out = first == last ? wanted_.c : Range{first * per_group, (last + 1) * per_group};
        part.groups = last - first + 1;
        part.outputs = out.size();
        Region const reads{slides.h.reads, slides.w.reads, {first * read_per_group, (last + 1) * read_per_group}};
        return {{reads}, part, {slides.h.gives, slides.w.gives, out}, out, {0, read_per_group}};
    }
    PartNeed operator()(op::FullyConnected const& f) const {
        auto part = f;
        part.outputs = wanted_.c.size();
        return {{whole_region(in_)}, part, wanted_, wanted_.c, {0, in_.c}};
    }
    PartNeed operator()(op::MaxPool const& p) const { return pooled(p); }
    PartNeed operator()(op::AveragePool const& p) const { return pooled(p); }
    PartNeed operator()(op::GlobalAverage const& g) const {
        return {{Region{{0, in_.h}, {0, in_.w}, wanted_.c}}, g, wanted_, {}, {}};
    }
    PartNeed operator()(op::ResponseNorm const& r) const {
        Region reads = wanted_;
        reads.c = {std::max(0, wanted_.c.begin - (r.size - 1) / 2), std::min(in_.c, wanted_.c.end + r.size / 2)};
        return {{reads}, r, reads, {}, {}};
    }
    PartNeed operator()(op::Arithmetic const& a) const {
        auto const other = graph_.at(op_.inputs.at(1)).shape;
        Region small = wanted_;
        for (auto const axis : {Axis::h, Axis::w, Axis::c})
            if (extent(other, axis) == 1) along(small, axis) = {0, 1};
        return {{wanted_, small}, a, wanted_, {}, {}};
    }
    PartNeed operator()(op::Add const& a) const { return {{wanted_, wanted_}, a, wanted_, {}, {}}; }
    PartNeed operator()(op::Concat const& c) const {
        PartNeed need{{}, c, wanted_, {}, {}};
        auto const range = along(wanted_, c.axis);
        int offset = 0;
        for (auto const input : op_.inputs) {
            int const size = extent(graph_.at(input).shape, c.axis);
            Range const part{std::max(range.begin - offset, 0), std::min(range.end - offset, size)};
            offset += size;
            need.inputs.emplace_back();
            if (part.size() <= 0) continue;
            need.inputs.back() = wanted_;
            along(*need.inputs.back(), c.axis) = part;
        }
        return need;
    }
    PartNeed operator()(op::Slice const& s) const {
        auto const range = along(wanted_, s.axis);
        Region reads = wanted_;
        along(reads, s.axis) = {s.begin + range.begin * s.step, s.begin + (range.end - 1) * s.step + 1};
        return {{reads}, op::Slice{s.axis, 0, along(reads, s.axis).size(), s.step}, wanted_, {}, {}};
    }
    PartNeed operator()(op::Pad const& p) const {
        auto const& around = p.padding;
        Slides const slides{pad(p.mode, wanted_.h, in_.h, around.top), pad(p.mode, wanted_.w, in_.w, around.left)};
        auto part = p;
        part.padding = padding_of(slides);
        return {{Region{slides.h.reads, slides.w.reads, wanted_.c}},
                part,
                {slides.h.gives, slides.w.gives, wanted_.c},
                {},
                {}};
    }
    PartNeed operator()(op::Transpose const& t) const {
        Region reads;
        constexpr std::array axes{Axis::h, Axis::w, Axis::c};
        for (std::size_t i = 0; i < axes.size(); ++i) along(reads, t.order[i]) = along(wanted_, axes[i]);
        return {{reads}, t, wanted_, {}, {}};
    }
    PartNeed operator()(op::Reduce const& r) const {
        Region reads = wanted_;
        if (r.h) reads.h = {0, in_.h};
        if (r.w) reads.w = {0, in_.w};
        if (r.c) reads.c = {0, in_.c};
        return {{reads}, r, wanted_, {}, {}};
    }
    PartNeed operator()(op::Softmax const& s) const {
        Region reads = wanted_;
        reads.c = {0, in_.c};
        return {{reads}, s, reads, {}, {}};
    }
    PartNeed operator()(op::Subsample const& s) const {
        auto const range = [&](Range r) { return Range{r.begin * s.stride, (r.end - 1) * s.stride + 1}; };
        // All channels: zeros are put at both sides of those that there are.
        return {{Region{range(wanted_.h), range(wanted_.w), {0, in_.c}}},
                s,
                {wanted_.h, wanted_.w, {0, s.channels}},
                {},
                {}};
    }
    PartNeed operator()(op::Reshape const& r) const {
        auto const out = graph_.at(op_.output).shape;
        if (out == in_) return {{wanted_}, reshape(wanted_.shape()), wanted_, {}, {}};
        return {{whole_region(in_)}, r, whole_region(out), {}, {}};
    }
    // Batch norm, affine, PReLU: per channel; the others: each element for itself.
    template <class Kind>
    PartNeed operator()(Kind const& k) const {
        return {{wanted_}, k, wanted_, wanted_.c, {}};
    }

  private:
    template <class Pool>
    PartNeed pooled(Pool part) const {
        auto const slides = slide(wanted_, in_, part.window);
        part.window.padding = padding_of(slides);
        return {{Region{slides.h.reads, slides.w.reads, wanted_.c}},
                part,
                {slides.h.gives, slides.w.gives, wanted_.c},
                {},
                {}};
    }
    static op::Reshape reshape(TensorShape shape) { return {shape.h, shape.w, shape.c}; }

    Graph const& graph_;
    Operator const& op_;
    Region wanted_;
    TensorShape in_;
};

}  // namespace

PartNeed need_of(Graph const& graph, Operator const& op, Region const& wanted) {
    SKIPSTONE_EXPECT(wanted.h.size() > 0 && wanted.w.size() > 0 && wanted.c.size() > 0);
    return Finder(graph, op, wanted).find();
}

PartNeed need_of_share(Graph const& graph, Operator const& op, Range channels) {
    auto need = need_of(graph, op, whole_region(graph.at(op.output).shape));
    need.inputs.front()->c = need.weights_in = channels;
    if (auto* convolution = std::get_if<op::Convolution>(&need.operation)) {
        SKIPSTONE_EXPECT(convolution->groups == 1);
        convolution->has_bias = false;
    } else {
        std::get<op::FullyConnected>(need.operation).has_bias = false;
    }
    return need;
}

}  // namespace skipstone

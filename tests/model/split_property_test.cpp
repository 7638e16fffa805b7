#include <algorithm>
#include <array>
#include <boost/test/unit_test.hpp>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "model/part_graph.hpp"
#include "model/split.hpp"
#include "tests/drawn_network.hpp"
#include "units/error.hpp"
#include "units/random.hpp"

// Parts of random graphs, held against what each element of an output depends on, which is found element by element.

using namespace skipstone;

namespace {

struct Place {
    int h = 0, w = 0, c = 0;
    auto operator<=>(Place const&) const = default;
};

// Elements of a graph's input that one element of a tensor depends on.
using Elements = std::set<Place>;

struct Image {
    TensorShape shape;
    std::vector<Elements> elements;  // [H,W,C]

    explicit Image(TensorShape extent) : shape(extent), elements(extent.elements()) {}
    Elements& at(Place p) { return elements[static_cast<std::size_t>((p.h * shape.w + p.w) * shape.c + p.c)]; }
    Elements const& at(Place p) const {
        return elements[static_cast<std::size_t>((p.h * shape.w + p.w) * shape.c + p.c)];
    }
    bool has(Place p) const {
        return p.h >= 0 && p.w >= 0 && p.c >= 0 && p.h < shape.h && p.w < shape.w && p.c < shape.c;
    }
};

template <class Of>
void each(TensorShape shape, Of const& of) {
    for (int h = 0; h < shape.h; ++h)
        for (int w = 0; w < shape.w; ++w)
            for (int c = 0; c < shape.c; ++c) of(Place{h, w, c});
}

int& along(Place& place, Axis axis) {
    return axis == Axis::h ? place.h : axis == Axis::w ? place.w : place.c;
}

// What the elements that an operator gives depend on.
class Dependence {
  public:
    // An element of the input is called by its place, shifted.
    Dependence(Graph const& graph, Place shift) : graph_(graph) {
        Image input(graph.at(graph.input()).shape);
        each(input.shape, [&](Place p) { input.at(p).insert({p.h + shift.h, p.w + shift.w, p.c + shift.c}); });
        images_.emplace(graph.input(), std::move(input));
        for (auto const& op : graph.operators()) compute(op);
    }

    Image const& at(TensorId tensor) const { return images_.at(tensor); }
    Image const& output() const { return at(graph_.output()); }

  private:
    void compute(Operator const& op) {
        out_ = &images_.emplace(op.output, Image(graph_.at(op.output).shape)).first->second;
        in_ = &images_.at(op.inputs.front());
        auto const inputs = [&](std::size_t i) -> Image const& { return images_.at(op.inputs[i]); };
        each(out_->shape, [&](Place p) {
            if (auto const* conv = op.as<op::Convolution>()) {
                int const group = p.c / (conv->outputs / conv->groups), size = in_->shape.c / conv->groups;
                for (int c = group * size; c < (group + 1) * size; ++c) window(conv->window, p, c);
            } else if (auto const* pool = op.as<op::MaxPool>()) {
                window(pool->window, p, p.c);
            } else if (auto const* average = op.as<op::AveragePool>()) {
                window(average->window, p, p.c);
            } else if (op.as<op::FullyConnected>()) {
                each(in_->shape, [&](Place q) { add(p, *in_, q); });
            } else if (op.as<op::GlobalAverage>()) {
                each(in_->shape, [&](Place q) {
                    if (q.c == p.c) add(p, *in_, q);
                });
            } else if (auto const* norm = op.as<op::ResponseNorm>()) {
                for (int c = p.c - (norm->size - 1) / 2; c <= p.c + norm->size / 2; ++c)
                    if (in_->has({p.h, p.w, c})) add(p, *in_, {p.h, p.w, c});
            } else if (op.as<op::Add>()) {
                for (auto const i : {0U, 1U}) add(p, inputs(i), p);
            } else if (op.as<op::Arithmetic>()) {
                add(p, *in_, p);
                auto const s = inputs(1).shape;
                add(p, inputs(1), {std::min(p.h, s.h - 1), std::min(p.w, s.w - 1), std::min(p.c, s.c - 1)});
            } else if (auto const* concat = op.as<op::Concat>()) {
                auto q = p;
                std::size_t i = 0;
                while (!inputs(i).has(q)) {
                    auto const s = inputs(i++).shape;
                    along(q, concat->axis) -= concat->axis == Axis::h ? s.h : concat->axis == Axis::w ? s.w : s.c;
                }
                add(p, inputs(i), q);
            } else if (auto const* slice = op.as<op::Slice>()) {
                auto q = p;
                along(q, slice->axis) = slice->begin + along(q, slice->axis) * slice->step;
                add(p, *in_, q);
            } else if (auto const* pad = op.as<op::Pad>()) {
                Place q{p.h - pad->padding.top, p.w - pad->padding.left, p.c};
                if (pad->mode == op::Pad::Mode::reflect) {
                    q.h = reflected(q.h, in_->shape.h);
                    q.w = reflected(q.w, in_->shape.w);
                } else if (pad->mode == op::Pad::Mode::edge) {
                    q.h = std::clamp(q.h, 0, in_->shape.h - 1);
                    q.w = std::clamp(q.w, 0, in_->shape.w - 1);
                }
                if (in_->has(q)) add(p, *in_, q);
            } else if (op.as<op::Reshape>()) {
                auto const index = static_cast<std::size_t>((p.h * out_->shape.w + p.w) * out_->shape.c + p.c);
                out_->at(p) = in_->elements[index];
            } else if (auto const* transpose = op.as<op::Transpose>()) {
                Place q;
                along(q, transpose->order[0]) = p.h;
                along(q, transpose->order[1]) = p.w;
                along(q, transpose->order[2]) = p.c;
                add(p, *in_, q);
            } else if (auto const* reduce = op.as<op::Reduce>()) {
                each(in_->shape, [&](Place q) {
                    if ((reduce->h || q.h == p.h) && (reduce->w || q.w == p.w) && (reduce->c || q.c == p.c))
                        add(p, *in_, q);
                });
            } else if (op.as<op::Softmax>()) {
                for (int c = 0; c < in_->shape.c; ++c) add(p, *in_, {p.h, p.w, c});
            } else if (auto const* subsample = op.as<op::Subsample>()) {
                Place const q{p.h * subsample->stride, p.w * subsample->stride,
                              p.c - (subsample->channels - in_->shape.c) / 2};
                if (in_->has(q)) add(p, *in_, q);
            } else {
                add(p, *in_, p);
            }
        });
    }

    static int reflected(int place, int extent) {
        return place < 0 ? -place : place >= extent ? 2 * (extent - 1) - place : place;
    }
    void window(Window const& window, Place p, int channel) {
        for (int i = 0; i < window.kernel.h; ++i)
            for (int j = 0; j < window.kernel.w; ++j) {
                Place const q{p.h * window.stride.h - window.padding.top + i * window.dilation.h,
                              p.w * window.stride.w - window.padding.left + j * window.dilation.w, channel};
                if (in_->has(q)) add(p, *in_, q);
            }
    }
    void add(Place p, Image const& from, Place q) {
        auto const& some = from.at(q);
        out_->at(p).insert(some.begin(), some.end());
    }

    Graph const& graph_;
    std::map<TensorId, Image> images_;
    Image* out_ = nullptr;
    Image const* in_ = nullptr;
};

// Random operators behind one another, with branches that come together again.
class Drawer {
  public:
    Drawer(Graph::Builder& graph, RandomStream& random) : graph_(graph), random_(random) {}

    TensorId draw(TensorId from) {
        auto t = from;
        for (int steps = between(1, 4); steps > 0; --steps) t = draws(3) == 0 ? branches(t) : one(t);
        return t;
    }

  private:
    int draws(int n) { return static_cast<int>(random_.uniform() * n); }
    int between(int least, int most) { return least + draws(most - least + 1); }
    std::string name() { return "op" + std::to_string(++count_); }
    TensorId add(Operation operation, std::vector<TensorId> inputs) {
        return graph_.add(name(), std::move(operation), std::move(inputs));
    }

    Window window(TensorShape in, bool pools) {
        Window w{{between(1, 3), between(1, 3)}, {between(1, 2), between(1, 2)}, {}, {between(1, 2), between(1, 2)}};
        if (w.span().h > in.h) w.kernel.h = 1;
        if (w.span().w > in.w) w.kernel.w = 1;
        auto const most = [&](int span) { return pools ? span - 1 : span + 1; };
        w.padding = {between(0, most(w.span().h)), between(0, most(w.span().w)), between(0, most(w.span().h)),
                     between(0, most(w.span().w))};
        return w;
    }

    TensorId one(TensorId t) {
        auto const in = graph_.shape(t);
        switch (draws(18)) {
            case 0:
            case 1:
            case 2:
                return add(op::Convolution{window(in, false), between(1, 5)}, {t});
            case 3:
                return add(op::Convolution{window(in, false), in.c * between(1, 2), in.c}, {t});
            case 4:
                if (in.c % 2 == 0) return add(op::Convolution{window(in, false), 2 * between(1, 3), 2}, {t});
                return add(op::BatchNorm{}, {t});
            case 5:
                return add(op::MaxPool{window(in, true)}, {t});
            case 6:
                return add(op::AveragePool{window(in, true), draws(2) == 0}, {t});
            case 7:
                return add(op::ResponseNorm{between(1, 4)}, {t});
            case 8:
                return add(op::Prelu{}, {t});
            case 9: {
                auto const mode = std::array{op::Pad::Mode::constant, op::Pad::Mode::edge,
                                             op::Pad::Mode::reflect}[static_cast<std::size_t>(draws(3))];
                int const h = std::min(3, in.h - 1), w = std::min(3, in.w - 1);
                return add(op::Pad{mode, {between(0, h), between(0, w), between(0, h), between(0, w)}}, {t});
            }
            case 10:
                return add(op::Subsample{between(1, 2), in.c + between(0, 3)}, {t});
            case 11: {
                auto const axis = std::array{Axis::h, Axis::w, Axis::c}[static_cast<std::size_t>(draws(3))];
                int const size = axis == Axis::h ? in.h : axis == Axis::w ? in.w : in.c;
                int const begin = draws(size), end = between(begin + 1, size);
                return add(op::Slice{axis, begin, end, between(1, 2)}, {t});
            }
            case 12:
                return add(op::Transpose{draws(2) == 0 ? std::array{Axis::w, Axis::h, Axis::c}
                                                       : std::array{Axis::c, Axis::h, Axis::w}},
                           {t});
            case 13:
                return draws(3) == 0
                           ? add(op::Reduce{op::Reduce::Kind::mean, draws(2) == 0, draws(2) == 0, draws(2) == 0}, {t})
                           : add(op::Relu{}, {t});
            case 14:
                return draws(3) == 0 ? add(op::Softmax{}, {t}) : add(op::Affine{}, {t});
            case 15:
                return draws(3) == 0 ? add(op::FullyConnected{between(1, 6)}, {t}) : add(op::BatchNorm{}, {t});
            case 16:
                return draws(3) == 0 ? add(op::Reshape{in.w, in.h, in.c}, {t})
                                     : add(op::Reshape{in.h, in.w, in.c}, {t});
            default:
                return draws(3) == 0 ? add(op::GlobalAverage{}, {t}) : add(op::Relu{}, {t});
        }
    }

    TensorId branches(TensorId t) {
        auto const a = draws(3) == 0 ? t : one(t), b = one(t);
        auto const in = graph_.shape(a), other = graph_.shape(b);
        auto const fits = [](int large, int small) { return small == large || small == 1; };
        if (in == other && draws(2) == 0) return add(op::Add{}, {a, b});
        if (in.h == other.h && in.w == other.w) return add(op::Concat{Axis::c}, {a, b});
        if (in.h == other.h && in.c == other.c) return add(op::Concat{Axis::w}, {a, b});
        if (in.w == other.w && in.c == other.c) return add(op::Concat{Axis::h}, {b, a});
        if (fits(in.h, other.h) && fits(in.w, other.w) && fits(in.c, other.c))
            return add(op::Arithmetic{op::Arithmetic::Kind::multiply}, {a, b});
        // As a factor per channel.
        auto const mean = add(op::GlobalAverage{}, {b});
        auto const factors = add(op::FullyConnected{in.c}, {mean});
        return add(op::Arithmetic{op::Arithmetic::Kind::multiply}, {a, factors});
    }

    Graph::Builder& graph_;
    RandomStream& random_;
    int count_ = 0;
};

// A network of one block, with a weighted operator; none: what was drawn does not make one.
std::optional<Network> random_block(std::uint64_t seed) {
    RandomStream random(seed, "split");
    auto const extent = [&] { return 3 + static_cast<int>(random.uniform() * 6); };
    TensorShape const input{1, extent(), extent(), 1 + static_cast<int>(random.uniform() * 5)};
    auto const start = random;
    auto profile = test::drawn("random", input, [=](Graph::Builder& graph) {
        auto again = start;
        return Drawer(graph, again).draw(TensorId(0));
    });
    try {
        Network const found(profile);
        profile.blocks = {BlockRule::Kind::listed, {{found.blocks().front().name, found.blocks().back().name}}};
        Network network(profile);
        if (network.block(BlockId(0)).macs == Macs(0)) return std::nullopt;
        return network;
    } catch (InputError const&) {  // branches that nothing reads
        return std::nullopt;
    }
}

std::vector<Place> places_of(Region const& box) {
    std::vector<Place> places;
    for (int h = box.h.begin; h < box.h.end; ++h)
        for (int w = box.w.begin; w < box.w.end; ++w)
            for (int c = box.c.begin; c < box.c.end; ++c) places.push_back({h, w, c});
    return places;
}

}  // namespace

BOOST_AUTO_TEST_SUITE(split_properties)

BOOST_AUTO_TEST_CASE(parts_of_random_blocks_depend_on_what_the_whole_depends_on_and_tile_its_output) {
    std::map<Split::Kind, int> seen;
    int blocks = 0;
    for (std::uint64_t seed = 1; seed <= 300; ++seed) {
        auto const network = random_block(seed);
        if (!network) continue;
        ++blocks;
        auto const& graph = network->graph();
        Dependence const whole(graph, {});
        for (auto const split : splits_of(*network, BlockId(0), 6)) {
            ++seen[split.kind];
            bool const sums = split.kind == Split::Kind::inputs;
            auto const target = sums ? graph.at(join_graph(*network, BlockId(0), split.parts).mixing).output
                                     : network->block(BlockId(0)).gives;
            auto const& expected = whole.at(target);
            std::map<Place, Elements> made;  // what the parts depend on
            std::map<Place, int> times;
            for (auto const& part : part_graphs(*network, BlockId(0), split)) {
                auto const box = part.input();
                Dependence const found(part.graph, {box.h.begin, box.w.begin, box.c.begin});
                auto const out = part.output();
                BOOST_TEST_REQUIRE((out.shape() == found.output().shape));
                for (auto const p : places_of(out)) {
                    auto const& some = found.output().at({p.h - out.h.begin, p.w - out.w.begin, p.c - out.c.begin});
                    made[p].insert(some.begin(), some.end());
                    ++times[p];
                }
                BOOST_TEST_REQUIRE((costs_of(part, Precision::float32).macs < network->block(BlockId(0)).macs));
            }
            BOOST_TEST_CONTEXT("seed " << seed << ", " << to_string(split)) {
                BOOST_TEST_REQUIRE(made.size() == expected.elements.size());
                bool equal = true, once = true;
                each(expected.shape, [&](Place p) {
                    equal = equal && made[p] == expected.at(p);
                    once = once && times[p] == (sums ? split.parts : 1);
                });
                BOOST_TEST(equal);
                BOOST_TEST(once);
            }
        }
    }
    BOOST_TEST_MESSAGE(blocks << " blocks; outputs " << seen[Split::Kind::outputs] << ", inputs "
                              << seen[Split::Kind::inputs] << ", rows " << seen[Split::Kind::rows] << ", tiles "
                              << seen[Split::Kind::tiles]);
    for (auto const kind : {Split::Kind::outputs, Split::Kind::inputs, Split::Kind::rows, Split::Kind::tiles})
        BOOST_TEST(seen[kind] >= 50);
}

BOOST_AUTO_TEST_SUITE_END()

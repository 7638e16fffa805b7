#pragma once

#include <array>
#include <string_view>
#include <utility>

#include "model/operator.hpp"
#include "networks/text.hpp"

// What operators are described by in a text: the keys of their members, and the words of their choices.
namespace skipstone::networks {

// words<E>: of an enum.
template <class E>
inline constexpr std::array<std::pair<std::string_view, E>, 0> words{};

template <>
inline constexpr std::array<std::pair<std::string_view, Axis>, 3> words<Axis>{
    {{"h", Axis::h}, {"w", Axis::w}, {"c", Axis::c}}};
template <>
inline constexpr std::array<std::pair<std::string_view, op::Activation::Kind>, 14> words<op::Activation::Kind>{
    {{"clip", op::Activation::Kind::clip},
     {"leaky ReLU", op::Activation::Kind::leaky_relu},
     {"ELU", op::Activation::Kind::elu},
     {"sigmoid", op::Activation::Kind::sigmoid},
     {"tanh", op::Activation::Kind::tanh},
     {"hard sigmoid", op::Activation::Kind::hard_sigmoid},
     {"hard swish", op::Activation::Kind::hard_swish},
     {"SiLU", op::Activation::Kind::silu},
     {"GELU", op::Activation::Kind::gelu},
     {"GELU by tanh", op::Activation::Kind::gelu_tanh},
     {"square root", op::Activation::Kind::square_root},
     {"logarithm", op::Activation::Kind::logarithm},
     {"absolute", op::Activation::Kind::absolute},
     {"exponential", op::Activation::Kind::exponential}}};
template <>
inline constexpr std::array<std::pair<std::string_view, op::Arithmetic::Kind>, 6> words<op::Arithmetic::Kind>{
    {{"add", op::Arithmetic::Kind::add},
     {"subtract", op::Arithmetic::Kind::subtract},
     {"multiply", op::Arithmetic::Kind::multiply},
     {"divide", op::Arithmetic::Kind::divide},
     {"maximum", op::Arithmetic::Kind::maximum},
     {"minimum", op::Arithmetic::Kind::minimum}}};
template <>
inline constexpr std::array<std::pair<std::string_view, op::Pad::Mode>, 3> words<op::Pad::Mode>{
    {{"constant", op::Pad::Mode::constant}, {"reflect", op::Pad::Mode::reflect}, {"edge", op::Pad::Mode::edge}}};
template <>
inline constexpr std::array<std::pair<std::string_view, op::Reduce::Kind>, 4> words<op::Reduce::Kind>{
    {{"sum", op::Reduce::Kind::sum},
     {"mean", op::Reduce::Kind::mean},
     {"maximum", op::Reduce::Kind::maximum},
     {"minimum", op::Reduce::Kind::minimum}}};

// fields(operator, visit): calls visit(key, member, default) for every member, visit.needed(key, member) for those
// that have no default.

template <class Visit>
void fields(Window& window, Visit& visit) {
    visit("kernel", window.kernel, Extent{});
    visit("stride", window.stride, Extent{});
    visit("padding", window.padding, Padding{});
    visit("dilation", window.dilation, Extent{});
}

template <class Visit>
void fields(op::Convolution& c, Visit& visit) {
    fields(c.window, visit);
    visit.needed("outputs", c.outputs);
    visit("groups", c.groups, 1);
    visit("bias", c.has_bias, false);
}

template <class Visit>
void fields(op::FullyConnected& f, Visit& visit) {
    visit.needed("outputs", f.outputs);
    visit("bias", f.has_bias, true);
}

template <class Visit>
void fields(op::MaxPool& p, Visit& visit) {
    fields(p.window, visit);
}

template <class Visit>
void fields(op::AveragePool& p, Visit& visit) {
    fields(p.window, visit);
    visit("counts_padding", p.counts_padding, false);
}

template <class Visit>
void fields(op::BatchNorm& b, Visit& visit) {
    visit("epsilon", b.epsilon, 1e-5);
}

template <class Visit>
void fields(op::ResponseNorm& r, Visit& visit) {
    visit("size", r.size, 5);
    visit("alpha", r.alpha, 1e-4);
    visit("beta", r.beta, 0.75);
    visit("k", r.k, 1.0);
}

template <class Visit>
void fields(op::Activation& a, Visit& visit) {
    visit.needed("kind", a.kind);
    visit("alpha", a.alpha, 0.0);
    visit("beta", a.beta, 0.0);
}

template <class Visit>
void fields(op::Arithmetic& a, Visit& visit) {
    visit.needed("kind", a.kind);
}

template <class Visit>
void fields(op::Concat& c, Visit& visit) {
    visit("axis", c.axis, Axis::c);
}

template <class Visit>
void fields(op::Slice& s, Visit& visit) {
    visit("axis", s.axis, Axis::c);
    visit("begin", s.begin, 0);
    visit.needed("end", s.end);
    visit("step", s.step, 1);
}

template <class Visit>
void fields(op::Pad& p, Visit& visit) {
    visit("mode", p.mode, op::Pad::Mode::constant);
    visit("padding", p.padding, Padding{});
    visit("value", p.value, 0.0);
}

template <class Visit>
void fields(op::Reshape& r, Visit& visit) {
    visit("h", r.h, 1);
    visit("w", r.w, 1);
    visit("c", r.c, 1);
}

template <class Visit>
void fields(op::Transpose& t, Visit& visit) {
    visit("order", t.order, std::array{Axis::h, Axis::w, Axis::c});
}

template <class Visit>
void fields(op::Reduce& r, Visit& visit) {
    visit.needed("kind", r.kind);
    visit("h", r.h, false);
    visit("w", r.w, false);
    visit("c", r.c, false);
}

template <class Visit>
void fields(op::Subsample& s, Visit& visit) {
    visit("stride", s.stride, 1);
    visit.needed("channels", s.channels);
}

// Without members.
template <class Visit>
void fields(op::GlobalAverage&, Visit&) {}
template <class Visit>
void fields(op::Affine&, Visit&) {}
template <class Visit>
void fields(op::Relu&, Visit&) {}
template <class Visit>
void fields(op::Prelu&, Visit&) {}
template <class Visit>
void fields(op::Add&, Visit&) {}
template <class Visit>
void fields(op::Softmax&, Visit&) {}

}  // namespace skipstone::networks

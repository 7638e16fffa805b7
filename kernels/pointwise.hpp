#pragma once

#include <compare>
#include <optional>

#include "model/operator.hpp"

namespace skipstone::kernels {

// A function of one number, applied to every element of a tensor. ReLU is a leaky one that lets nothing through.
struct Pointwise {
    op::Activation::Kind kind = op::Activation::Kind::leaky_relu;
    float alpha = 0, beta = 0;

    auto operator<=>(Pointwise const&) const = default;
    bool is_relu() const { return kind == op::Activation::Kind::leaky_relu && alpha == 0; }
};

// What a kernel does with each element last; none: nothing.
using Activation = std::optional<Pointwise>;

// Of a ReLU or an activation.
inline Activation pointwise_of(Operator const& op) {
    if (op.as<op::Relu>()) return Pointwise{};
    if (auto const* a = op.as<op::Activation>())
        return Pointwise{a->kind, static_cast<float>(a->alpha), static_cast<float>(a->beta)};
    return std::nullopt;
}

// f(x), for tables and where oneDNN has no kernel.
float apply(Pointwise const& function, float x);

}  // namespace skipstone::kernels

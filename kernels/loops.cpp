#include "kernels/loops.hpp"

#include <algorithm>
#include <array>
#include <bit>
#include <cmath>
#include <cstdint>
#include <cstring>
#include <limits>
#include <utility>

#include "units/error.hpp"

namespace skipstone::kernels {

namespace {

template <class... Cases>
struct Overloaded : Cases... {
    using Cases::operator()...;
};

constexpr std::size_t size(int n) {
    return static_cast<std::size_t>(n);
}

std::size_t pixels(TensorShape s) {
    return size(s.n) * size(s.h) * size(s.w);
}

float const* floats(std::byte const* bytes) {
    return reinterpret_cast<float const*>(bytes);
}
float* floats(std::byte* bytes) {
    return reinterpret_cast<float*>(bytes);
}

// Distances between neighbours of a tensor [N,H,W,C] along each axis.
struct Strides {
    std::size_t n, h, w, c;
    explicit Strides(TensorShape s)
        : n(size(s.h) * size(s.w) * size(s.c)), h(size(s.w) * size(s.c)), w(size(s.c)), c(1) {}
    std::size_t of(Axis axis) const { return axis == Axis::h ? h : axis == Axis::w ? w : c; }
};

// Calls visit(where pixel h, w of image n begins, for each pixel of a tensor), in order.
template <class Visit>
void for_pixels(TensorShape s, Visit visit) {
    std::size_t index = 0;
    for (int n = 0; n < s.n; ++n)
        for (int h = 0; h < s.h; ++h)
            for (int w = 0; w < s.w; ++w, index += size(s.c)) visit(n, h, w, index);
}

// One element as it lies in memory.
std::array<std::byte, 4> encoded(double value, ElementType type, float unit) {
    std::array<std::byte, 4> bytes{};
    auto const put = [&](auto number) { std::memcpy(bytes.data(), &number, sizeof number); };
    auto const steps = std::nearbyint(value / static_cast<double>(unit));
    switch (type) {
        case ElementType::float32:
            put(static_cast<float>(value));
            break;
        case ElementType::bfloat16: {
            auto const bits = std::bit_cast<std::uint32_t>(static_cast<float>(value));
            put(static_cast<std::uint16_t>((bits + 0x7fffU + ((bits >> 16) & 1)) >> 16));
            break;
        }
        case ElementType::int8:
            put(static_cast<std::int8_t>(std::clamp(steps, -128.0, 127.0)));
            break;
        case ElementType::uint8:
            put(static_cast<std::uint8_t>(std::clamp(steps, 0.0, 255.0)));
    }
    return bytes;
}

Loop concat(op::Concat const& concat, std::vector<TensorShape> const& inputs, TensorShape out, std::size_t bytes) {
    // Runs of elements that stay together: what is behind the axis, times its extent.
    auto const run = [&](TensorShape s) {
        return (concat.axis == Axis::c   ? size(s.c)
                : concat.axis == Axis::w ? size(s.w) * size(s.c)
                                         : size(s.h) * size(s.w) * size(s.c)) *
               bytes;
    };
    std::vector<std::size_t> runs;
    for (auto const& in : inputs) runs.push_back(run(in));
    return [runs, whole = run(out), all = out.elements() * bytes](Operands const& o) {
        std::size_t before = 0;
        for (std::size_t i = 0; i < runs.size(); ++i) {
            auto const* from = o.from[i];
            for (std::size_t at = before; at < all; at += whole, from += runs[i]) std::memcpy(o.to + at, from, runs[i]);
            before += runs[i];
        }
    };
}

Loop slice(op::Slice const& s, TensorShape in, TensorShape out, std::size_t bytes) {
    Strides const strides(in);
    auto const step = strides.of(s.axis) * size(s.step), begin = strides.of(s.axis) * size(s.begin);
    if (s.axis == Axis::c)
        return [=](Operands const& o) {
            auto* to = o.to;
            for (std::size_t p = 0; p < pixels(out); ++p) {
                auto const* from = o.from[0] + (p * strides.w + begin) * bytes;
                if (step == 1) {
                    std::memcpy(to, from, size(out.c) * bytes);
                    to += size(out.c) * bytes;
                } else {
                    for (int c = 0; c < out.c; ++c, to += bytes, from += step * bytes) std::memcpy(to, from, bytes);
                }
            }
        };
    auto const y = s.axis == Axis::h ? step : strides.h, x = s.axis == Axis::w ? step : strides.w;
    return [=](Operands const& o) {
        for_pixels(out, [&](int n, int h, int w, std::size_t to) {
            std::memcpy(o.to + to * bytes,
                        o.from[0] + (size(n) * strides.n + size(h) * y + size(w) * x + begin) * bytes,
                        size(out.c) * bytes);
        });
    };
}

// Which row or column of the image is meant by one that is outside; −1: none.
int source_of(int i, int extent_here, op::Pad::Mode mode) {
    if (i >= 0 && i < extent_here) return i;
    if (mode == op::Pad::Mode::constant) return -1;
    if (mode == op::Pad::Mode::edge) return i < 0 ? 0 : extent_here - 1;
    return i < 0 ? -i : 2 * (extent_here - 1) - i;
}

Loop pad(op::Pad const& p, TensorShape in, TensorShape out, ElementType type, float unit) {
    auto const bytes = size_of(type);
    Strides const strides(in);
    std::vector<std::byte> filled;
    for (int c = 0; c < out.c; ++c) {
        auto const one = encoded(p.value, type, unit);
        filled.insert(filled.end(), one.begin(), one.begin() + static_cast<std::ptrdiff_t>(bytes));
    }
    return [=](Operands const& o) {
        for_pixels(out, [&](int n, int h, int w, std::size_t to) {
            auto const y = source_of(h - p.padding.top, in.h, p.mode), x = source_of(w - p.padding.left, in.w, p.mode);
            auto const* from =
                y < 0 || x < 0 ? filled.data()
                               : o.from[0] + (size(n) * strides.n + size(y) * strides.h + size(x) * strides.w) * bytes;
            std::memcpy(o.to + to * bytes, from, filled.size());
        });
    };
}

Loop transpose(op::Transpose const& t, TensorShape in, TensorShape out, std::size_t bytes) {
    Strides const strides(in);
    auto const y = strides.of(t.order[0]), x = strides.of(t.order[1]), z = strides.of(t.order[2]);
    auto const moved = [=]<class Element>(Operands const& o, Element) {
        auto const* from = reinterpret_cast<Element const*>(o.from[0]);
        auto* to = reinterpret_cast<Element*>(o.to);
        for_pixels(out, [&](int n, int h, int w, std::size_t) {
            auto const* first = from + size(n) * strides.n + size(h) * y + size(w) * x;
            for (int c = 0; c < out.c; ++c, first += z) *to++ = *first;
        });
    };
    return [=](Operands const& o) {
        if (bytes == 4)
            moved(o, std::uint32_t{});
        else if (bytes == 2)
            moved(o, std::uint16_t{});
        else
            moved(o, std::uint8_t{});
    };
}

Loop subsample(op::Subsample const& s, TensorShape in, TensorShape out, std::size_t bytes) {
    Strides const strides(in);
    auto const before = size((out.c - in.c) / 2) * bytes, behind = size(out.c - in.c) * bytes - before;
    return [=](Operands const& o) {
        for_pixels(out, [&](int n, int h, int w, std::size_t index) {
            auto const from = size(n) * strides.n + size(h * s.stride) * strides.h + size(w * s.stride) * strides.w;
            auto* to = std::fill_n(o.to + index * bytes, before, std::byte{0});
            to = std::copy_n(o.from[0] + from * bytes, size(in.c) * bytes, to);
            std::fill_n(to, behind, std::byte{0});
        });
    };
}

Loop rectify(std::size_t elements, ElementType type) {
    return [=](Operands const& o) {
        if (type == ElementType::float32) {
            auto const* from = floats(o.from[0]);
            auto* to = floats(o.to);
            for (std::size_t i = 0; i < elements; ++i) to[i] = from[i] > 0 ? from[i] : 0;
        } else {
            SKIPSTONE_EXPECT(type == ElementType::bfloat16);
            auto const* from = reinterpret_cast<std::uint16_t const*>(o.from[0]);
            auto* to = reinterpret_cast<std::uint16_t*>(o.to);
            for (std::size_t i = 0; i < elements; ++i) to[i] = (from[i] & 0x8000U) ? std::uint16_t{0} : from[i];
        }
    };
}

// f(x, channel) of every element.
template <class Function>
Loop by_channel(TensorShape shape, Function f) {
    return [=](Operands const& o) {
        auto const* from = floats(o.from[0]);
        auto* to = floats(o.to);
        auto const channels = size(shape.c);
        for (std::size_t p = 0; p < pixels(shape); ++p, from += channels, to += channels)
            for (std::size_t c = 0; c < channels; ++c) to[c] = f(o, from[c], c);
    };
}

template <class Function>
Loop arithmetic(TensorShape out, TensorShape second, Function f) {
    Strides const strides(second);
    auto const y = second.h == 1 ? 0 : strides.h, x = second.w == 1 ? 0 : strides.w;
    bool const per_channel = second.c != 1;
    return [=](Operands const& o) {
        auto const* a = floats(o.from[0]);
        auto* to = floats(o.to);
        for_pixels(out, [&](int n, int h, int w, std::size_t index) {
            auto const* b = floats(o.from[1]) + size(n) * strides.n + size(h) * y + size(w) * x;
            for (std::size_t c = 0; c < size(out.c); ++c) to[index + c] = f(a[index + c], b[per_channel ? c : 0]);
        });
    };
}

Loop arithmetic(op::Arithmetic::Kind kind, TensorShape out, TensorShape second) {
    using enum op::Arithmetic::Kind;
    switch (kind) {
        case add:
            return arithmetic(out, second, [](float a, float b) { return a + b; });
        case subtract:
            return arithmetic(out, second, [](float a, float b) { return a - b; });
        case multiply:
            return arithmetic(out, second, [](float a, float b) { return a * b; });
        case divide:
            return arithmetic(out, second, [](float a, float b) { return a / b; });
        case maximum:
            return arithmetic(out, second, [](float a, float b) { return std::max(a, b); });
        case minimum:
            return arithmetic(out, second, [](float a, float b) { return std::min(a, b); });
    }
    contract_failed("precondition", "kind is a kind of arithmetic", __FILE__, __LINE__);
}

// Sums in double: an image has many pixels.
template <class Function>
Loop reduce(op::Reduce const& r, TensorShape in, TensorShape out, double first, double divisor, Function f) {
    return [=](Operands const& o) {
        std::vector<double> values(out.elements(), first);
        Strides const strides(out);
        auto const* from = floats(o.from[0]);
        for_pixels(in, [&](int n, int h, int w, std::size_t index) {
            auto* to = &values[size(n) * strides.n + (r.h ? 0 : size(h) * strides.h) + (r.w ? 0 : size(w) * strides.w)];
            for (std::size_t c = 0; c < size(in.c); ++c) {
                auto& value = to[r.c ? 0 : c];
                value = f(value, static_cast<double>(from[index + c]));
            }
        });
        std::ranges::transform(values, floats(o.to), [&](double v) { return static_cast<float>(v / divisor); });
    };
}

Loop reduce(op::Reduce const& r, TensorShape in, TensorShape out) {
    constexpr auto infinity = std::numeric_limits<double>::infinity();
    auto const plus = [](double a, double b) { return a + b; };
    using enum op::Reduce::Kind;
    switch (r.kind) {
        case sum:
            return reduce(r, in, out, 0, 1, plus);
        case mean:
            return reduce(r, in, out, 0, static_cast<double>(in.elements()) / static_cast<double>(out.elements()),
                          plus);
        case maximum:
            return reduce(r, in, out, -infinity, 1, [](double a, double b) { return std::max(a, b); });
        case minimum:
            return reduce(r, in, out, infinity, 1, [](double a, double b) { return std::min(a, b); });
    }
    contract_failed("precondition", "kind is a kind of reduction", __FILE__, __LINE__);
}

// A pool whose window is dilated. One that sees nothing of the image gives 0.
Loop pool(Window const& window, bool maximum, bool counts_padding, TensorShape in, TensorShape out) {
    Strides const strides(in);
    return [=](Operands const& o) {
        auto const* from = floats(o.from[0]);
        std::vector<float> values(size(out.c));
        for_pixels(out, [&](int n, int h, int w, std::size_t index) {
            int seen = 0;
            std::ranges::fill(values, 0.0F);
            for (int i = 0; i < window.kernel.h; ++i)
                for (int j = 0; j < window.kernel.w; ++j) {
                    int const y = h * window.stride.h + i * window.dilation.h - window.padding.top;
                    int const x = w * window.stride.w + j * window.dilation.w - window.padding.left;
                    if (y < 0 || y >= in.h || x < 0 || x >= in.w) continue;
                    auto const* pixel = from + size(n) * strides.n + size(y) * strides.h + size(x) * strides.w;
                    for (std::size_t c = 0; c < values.size(); ++c)
                        values[c] = !maximum    ? values[c] + pixel[c]
                                    : seen == 0 ? pixel[c]
                                                : std::max(values[c], pixel[c]);
                    ++seen;
                }
            auto const counted = counts_padding ? window.kernel.h * window.kernel.w : seen;
            for (std::size_t c = 0; c < values.size(); ++c)
                floats(o.to)[index + c] = maximum || counted == 0 ? values[c] : values[c] / static_cast<float>(counted);
        });
    };
}

// As ONNX has it, of an even number of channels one more behind than before.
Loop response_norm(op::ResponseNorm const& r, TensorShape shape) {
    return [=](Operands const& o) {
        auto const* from = floats(o.from[0]);
        auto* to = floats(o.to);
        int const before = (r.size - 1) / 2, behind = r.size - 1 - before;
        for (std::size_t p = 0; p < pixels(shape); ++p, from += shape.c, to += shape.c)
            for (int c = 0; c < shape.c; ++c) {
                double sum = 0;
                for (int i = std::max(0, c - before); i <= std::min(shape.c - 1, c + behind); ++i)
                    sum += static_cast<double>(from[i]) * static_cast<double>(from[i]);
                to[c] =
                    static_cast<float>(static_cast<double>(from[c]) / std::pow(r.k + r.alpha / r.size * sum, r.beta));
            }
    };
}

}  // namespace

float apply(Pointwise const& f, float x) {
    using enum op::Activation::Kind;
    switch (f.kind) {
        case clip:
            return std::min(std::max(x, f.alpha), f.beta);
        case leaky_relu:
            return x > 0 ? x : f.alpha == 0 ? 0 : f.alpha * x;
        case elu:
            return x > 0 ? x : f.alpha * std::expm1(x);
        case sigmoid:
            return 1 / (1 + std::exp(-x));
        case tanh:
            return std::tanh(x);
        case hard_sigmoid:
            return std::min(std::max(f.alpha * x + f.beta, 0.0F), 1.0F);
        case hard_swish:
            return x * std::min(std::max(x / 6 + 0.5F, 0.0F), 1.0F);
        case silu:
            return x / (1 + std::exp(-x));
        case gelu:
            return x / 2 * (1 + std::erf(x * 0.70710678F));
        case gelu_tanh:
            return x / 2 * (1 + std::tanh(0.79788456F * (x + 0.044715F * x * x * x)));
        case square_root:
            return std::sqrt(x);
        case logarithm:
            return std::log(x);
        case absolute:
            return std::abs(x);
        case exponential:
            return std::exp(x);
    }
    contract_failed("precondition", "kind is a kind of activation", __FILE__, __LINE__);
}

bool only_moves(Operation const& operation) {
    return std::holds_alternative<op::Concat>(operation) || std::holds_alternative<op::Slice>(operation) ||
           std::holds_alternative<op::Pad>(operation) || std::holds_alternative<op::Reshape>(operation) ||
           std::holds_alternative<op::Transpose>(operation) || std::holds_alternative<op::Subsample>(operation);
}

bool has_loop(Operation const& operation) {
    return std::visit(
        Overloaded{[](op::MaxPool const& p) { return p.window.dilation != Extent{}; },
                   [](op::AveragePool const& p) { return p.window.dilation != Extent{}; },
                   // oneDNN centres the channels around.
                   [](op::ResponseNorm const& r) { return r.size % 2 == 0; },
                   [](op::Activation const&) { return false; }, [](op::Convolution const&) { return false; },
                   [](op::FullyConnected const&) { return false; }, [](op::GlobalAverage const&) { return false; },
                   [](op::Softmax const&) { return false; }, [](op::Add const&) { return false; },
                   [](auto const&) { return true; }},
        operation);
}

bool may_lie_over(Operation const& operation) {
    return std::visit(Overloaded{[](op::BatchNorm const&) { return true; }, [](op::Affine const&) { return true; },
                                 [](op::Prelu const&) { return true; }, [](op::Relu const&) { return true; },
                                 [](op::Activation const&) { return true; }, [](op::Reshape const&) { return true; },
                                 [](auto const&) { return false; }},
                      operation);
}

Loop loop_of(Operation const& operation, std::vector<TensorShape> const& inputs, TensorShape out, ElementType type,
             float unit) {
    SKIPSTONE_EXPECT(has_loop(operation));
    auto const in = inputs.front();
    auto const bytes = size_of(type);
    SKIPSTONE_EXPECT(type == ElementType::float32 || only_moves(operation) ||
                     std::holds_alternative<op::Relu>(operation));
    auto const scaled = [](Operands const& o, float x, std::size_t c) { return x * o.scale[c] + o.shift[c]; };
    return std::visit(
        Overloaded{[&](op::Concat const& o) { return concat(o, inputs, out, bytes); },
                   [&](op::Slice const& o) { return slice(o, in, out, bytes); },
                   [&](op::Pad const& o) { return pad(o, in, out, type, unit); },
                   [&](op::Transpose const& o) { return transpose(o, in, out, bytes); },
                   [&](op::Subsample const& o) { return subsample(o, in, out, bytes); },
                   [&](op::Relu const&) { return rectify(out.elements(), type); },
                   [&](op::Reshape const&) -> Loop {
                       return [all = out.elements() * bytes](Operands const& o) {
                           if (o.to != o.from[0]) std::memcpy(o.to, o.from[0], all);
                       };
                   },
                   [&](op::BatchNorm const&) { return by_channel(out, scaled); },
                   [&](op::Affine const&) { return by_channel(out, scaled); },
                   [&](op::Prelu const&) {
                       return by_channel(
                           out, [](Operands const& o, float x, std::size_t c) { return x > 0 ? x : x * o.scale[c]; });
                   },
                   [&](op::Arithmetic const& a) { return arithmetic(a.kind, out, inputs.at(1)); },
                   [&](op::Reduce const& r) { return reduce(r, in, out); },
                   [&](op::MaxPool const& p) { return pool(p.window, true, false, in, out); },
                   [&](op::AveragePool const& p) { return pool(p.window, false, p.counts_padding, in, out); },
                   [&](op::ResponseNorm const& r) { return response_norm(r, out); },
                   [&](auto const&) -> Loop { contract_failed("precondition", "has_loop", __FILE__, __LINE__); }},
        operation);
}

Loop table_of(ElementType from, float from_unit, ElementType to, float to_unit, Activation const& function,
              std::size_t elements) {
    std::array<std::byte, 256> table;
    for (std::size_t i = 0; i < table.size(); ++i) {
        auto const number =
            from == ElementType::int8 ? static_cast<float>(static_cast<std::int8_t>(i)) : static_cast<float>(i);
        auto steps = function ? apply(*function, number * from_unit) / to_unit : number * (from_unit / to_unit);
        if (std::isnan(steps)) steps = 0;
        table[i] =
            to == ElementType::int8
                ? static_cast<std::byte>(static_cast<std::int8_t>(std::clamp(std::nearbyint(steps), -128.0F, 127.0F)))
                : static_cast<std::byte>(static_cast<std::uint8_t>(std::clamp(std::nearbyint(steps), 0.0F, 255.0F)));
    }
    return [=](Operands const& o) {
        for (std::size_t i = 0; i < elements; ++i) o.to[i] = table[static_cast<std::size_t>(o.from[0][i])];
    };
}

}  // namespace skipstone::kernels

#include "reference.hpp"

#include <Eigen/Core>
#include <algorithm>
#include <cmath>
#include <limits>
#include <map>
#include <string>
#include <utility>

namespace skipstone::kernels {

namespace {

// One row per pixel, batch first, one column per channel.
using Pixels = Eigen::Matrix<double, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>;

struct Image {
    TensorShape shape;
    Pixels pixels;

    explicit Image(TensorShape s) : shape(s), pixels(Pixels::Zero(Eigen::Index{s.n} * s.h * s.w, Eigen::Index{s.c})) {}
    Eigen::Index row(int n, int h, int w) const { return (Eigen::Index{n} * shape.h + h) * shape.w + w; }
    bool inside(int h, int w) const { return h >= 0 && h < shape.h && w >= 0 && w < shape.w; }
};

// Calls visit(pixel of the output, pixel of the input) for one tap of a kernel, where the tap meets the input.
template <class Visit>
void for_tap(Image const& input, TensorShape output, Window const& window, int kh, int kw, Visit visit) {
    Eigen::Index to = 0;
    for (int n = 0; n < output.n; ++n)
        for (int h = 0; h < output.h; ++h)
            for (int w = 0; w < output.w; ++w, ++to) {
                int const y = h * window.stride.h + kh * window.dilation.h - window.padding.top;
                int const x = w * window.stride.w + kw * window.dilation.w - window.padding.left;
                if (input.inside(y, x)) visit(to, input.row(n, y, x));
            }
}

// A matrix product per tap and group. weights: [O, I / groups, kernel.h, kernel.w].
Image convolve(std::vector<float> const& weights, Window const& window, int groups, Image const& input,
               TensorShape shape) {
    int const inputs = input.shape.c / groups, outputs = shape.c / groups;
    Image output({input.shape.n, shape.h, shape.w, shape.c});
    Pixels gathered(output.pixels.rows(), Eigen::Index{input.shape.c});
    Eigen::MatrixXd tap(inputs, outputs);
    for (int kh = 0; kh < window.kernel.h; ++kh) {
        for (int kw = 0; kw < window.kernel.w; ++kw) {
            gathered.setZero();
            for_tap(input, output.shape, window, kh, kw,
                    [&](Eigen::Index to, Eigen::Index from) { gathered.row(to) = input.pixels.row(from); });
            for (int g = 0; g < groups; ++g) {
                for (int o = 0; o < outputs; ++o)
                    for (int i = 0; i < inputs; ++i)
                        tap(i, o) = weights[static_cast<std::size_t>(
                            (((g * outputs + o) * inputs + i) * window.kernel.h + kh) * window.kernel.w + kw)];
                output.pixels.middleCols(g * outputs, outputs) += gathered.middleCols(g * inputs, inputs) * tap;
            }
        }
    }
    return output;
}

Eigen::RowVectorXd row(WeightSource& source, std::string const& name) {
    auto const values = source.read(name).values;
    auto const size = static_cast<Eigen::Index>(values.size());
    return Eigen::Map<Eigen::RowVectorXf const>(values.data(), size).cast<double>();
}

Image normalise(std::string const& name, double epsilon, WeightSource& source, Image image) {
    Eigen::RowVectorXd const deviation = (row(source, name + ".running_var").array() + epsilon).sqrt();
    image.pixels.rowwise() -= row(source, name + ".running_mean");
    image.pixels.array().rowwise() *= row(source, name + ".weight").array() / deviation.array();
    image.pixels.rowwise() += row(source, name + ".bias");
    return image;
}

Image relu(Image image) {
    image.pixels = image.pixels.cwiseMax(0);
    return image;
}

// What a pool's windows have in them.
struct Pooled {
    Image largest, sum;
    Eigen::VectorXd seen;  // pixels of the image in each window
};

Pooled pool(Image const& input, Window const& window, TensorShape shape) {
    Image const empty({input.shape.n, shape.h, shape.w, shape.c});
    Pooled pooled{empty, empty, Eigen::VectorXd::Zero(empty.pixels.rows())};
    pooled.largest.pixels.setConstant(-std::numeric_limits<double>::infinity());
    for (int kh = 0; kh < window.kernel.h; ++kh)
        for (int kw = 0; kw < window.kernel.w; ++kw)
            for_tap(input, empty.shape, window, kh, kw, [&](Eigen::Index to, Eigen::Index from) {
                pooled.largest.pixels.row(to) = pooled.largest.pixels.row(to).cwiseMax(input.pixels.row(from));
                pooled.sum.pixels.row(to) += input.pixels.row(from);
                pooled.seen(to) += 1;
            });
    return pooled;
}

Image average(Image const& input, op::AveragePool const& pool_here, TensorShape shape) {
    auto pooled = pool(input, pool_here.window, shape);
    auto const all = pool_here.window.kernel.h * pool_here.window.kernel.w;
    if (pool_here.counts_padding)
        pooled.sum.pixels /= all;
    else
        pooled.sum.pixels.array().colwise() /= pooled.seen.array();
    return pooled.sum;
}

Image mean(Image const& input) {
    Image output({input.shape.n, 1, 1, input.shape.c});
    auto const size = Eigen::Index{input.shape.h} * input.shape.w;
    for (int n = 0; n < input.shape.n; ++n)
        output.pixels.row(n) = input.pixels.middleRows(n * size, size).colwise().mean();
    return output;
}

Image subsample(Image const& input, int stride, TensorShape shape) {  // PyTorch: x[:, :, ::2, ::2]
    Image output({input.shape.n, shape.h, shape.w, shape.c});
    for_tap(input, output.shape, square_window(1, stride, 0), 0, 0, [&](Eigen::Index to, Eigen::Index from) {
        output.pixels.row(to).segment((shape.c - input.shape.c) / 2, input.shape.c) = input.pixels.row(from);
    });
    return output;
}

// Element by element: of(n, h, w, c) says what it is.
template <class Of>
Image filled(int batch, TensorShape shape, Of of) {
    Image output({batch, shape.h, shape.w, shape.c});
    for (int n = 0; n < batch; ++n)
        for (int h = 0; h < shape.h; ++h)
            for (int w = 0; w < shape.w; ++w)
                for (int c = 0; c < shape.c; ++c) output.pixels(output.row(n, h, w), c) = of(n, h, w, c);
    return output;
}

double activate(op::Activation const& a, double x) {
    using enum op::Activation::Kind;
    switch (a.kind) {
        case clip:
            return std::clamp(x, a.alpha, a.beta);
        case leaky_relu:
            return x < 0 ? a.alpha * x : x;
        case elu:
            return x < 0 ? a.alpha * (std::exp(x) - 1) : x;
        case sigmoid:
            return 1 / (1 + std::exp(-x));
        case tanh:
            return std::tanh(x);
        case hard_sigmoid:
            return std::clamp(a.alpha * x + a.beta, 0.0, 1.0);
        case hard_swish:
            return x * std::clamp(x / 6 + 0.5, 0.0, 1.0);
        case silu:
            return x / (1 + std::exp(-x));
        case gelu:
            return 0.5 * x * (1 + std::erf(x / std::sqrt(2.0)));
        case gelu_tanh:
            return 0.5 * x * (1 + std::tanh(std::sqrt(2 / std::acos(-1.0)) * (x + 0.044715 * x * x * x)));
        case square_root:
            return std::sqrt(x);
        case logarithm:
            return std::log(x);
        case absolute:
            return std::abs(x);
        case exponential:
            return std::exp(x);
    }
    return 0;
}

double combine(op::Arithmetic::Kind kind, double a, double b) {
    using enum op::Arithmetic::Kind;
    switch (kind) {
        case add:
            return a + b;
        case subtract:
            return a - b;
        case multiply:
            return a * b;
        case divide:
            return a / b;
        case maximum:
            return std::max(a, b);
        case minimum:
            return std::min(a, b);
    }
    return 0;
}

Image reduce(op::Reduce const& r, Image const& input, TensorShape shape) {
    using enum op::Reduce::Kind;
    auto const in = input.shape;
    return filled(in.n, shape, [&](int n, int h, int w, int c) {
        std::vector<double> all;
        for (int y = r.h ? 0 : h; y < (r.h ? in.h : h + 1); ++y)
            for (int x = r.w ? 0 : w; x < (r.w ? in.w : w + 1); ++x)
                for (int z = r.c ? 0 : c; z < (r.c ? in.c : c + 1); ++z)
                    all.push_back(input.pixels(input.row(n, y, x), z));
        if (r.kind == maximum) return *std::ranges::max_element(all);
        if (r.kind == minimum) return *std::ranges::min_element(all);
        double sum_of_all = 0;
        for (double const value : all) sum_of_all += value;
        return r.kind == sum ? sum_of_all : sum_of_all / static_cast<double>(all.size());
    });
}

Image softmax(Image image) {
    for (Eigen::Index p = 0; p < image.pixels.rows(); ++p) {
        Eigen::RowVectorXd const e = (image.pixels.row(p).array() - image.pixels.row(p).maxCoeff()).exp();
        image.pixels.row(p) = e / e.sum();
    }
    return image;
}

Image response_norm(op::ResponseNorm const& r, Image const& input) {
    auto const channels = input.shape.c;
    return filled(input.shape.n, input.shape, [&](int n, int h, int w, int c) {
        auto const pixel = input.pixels.row(input.row(n, h, w));
        int const first = std::max(0, c - (r.size - 1) / 2), last = std::min(channels - 1, c + r.size / 2);
        auto const squares = pixel.segment(first, last - first + 1).squaredNorm();
        return pixel(c) / std::pow(r.k + r.alpha / r.size * squares, r.beta);
    });
}

// Operator by operator, as the graph has them.
class Evaluation {
  public:
    Evaluation(Graph const& graph, WeightSource& source) : graph_(graph), source_(source) {}

    void set(TensorId tensor, Image image) { images_.insert_or_assign(tensor, std::move(image)); }
    Image const& at(TensorId tensor) const { return images_.at(tensor); }

    void compute(Operator const& op) {
        auto const& input = at(op.inputs.front());
        auto const shape = graph_.at(op.output).shape;
        auto const in = input.shape;
        auto const element = [&](Image const& image, int n, int h, int w, int c) {
            return image.pixels(image.row(n, h, w), c);
        };
        auto const each = [&](auto of) { set(op.output, filled(in.n, shape, of)); };
        if (auto const* convolved = op.as<op::Convolution>()) {
            convolution(op, convolved->window, convolved->groups, convolved->has_bias);
        } else if (auto const* f = op.as<op::FullyConnected>()) {
            convolution(op, Window{{in.h, in.w}, {}, {}}, 1, f->has_bias);
        } else if (auto const* norm = op.as<op::BatchNorm>()) {
            set(op.output, normalise(op.weights, norm->epsilon, source_, input));
        } else if (op.as<op::Affine>()) {
            auto image = input;
            image.pixels.array().rowwise() *= row(source_, op.weights + ".weight").array();
            image.pixels.rowwise() += row(source_, op.weights + ".bias");
            set(op.output, std::move(image));
        } else if (op.as<op::Prelu>()) {
            auto const slopes = row(source_, op.weights + ".weight");
            each([&](int n, int h, int w, int c) {
                auto const x = element(input, n, h, w, c);
                return x < 0 ? x * slopes(c) : x;
            });
        } else if (op.as<op::Relu>()) {
            set(op.output, relu(input));
        } else if (auto const* activation = op.as<op::Activation>()) {
            each([&](int n, int h, int w, int c) { return activate(*activation, element(input, n, h, w, c)); });
        } else if (auto const* max_pool = op.as<op::MaxPool>()) {
            set(op.output, pool(input, max_pool->window, shape).largest);
        } else if (auto const* average_pool = op.as<op::AveragePool>()) {
            set(op.output, average(input, *average_pool, shape));
        } else if (op.as<op::GlobalAverage>()) {
            set(op.output, mean(input));
        } else if (auto const* lrn = op.as<op::ResponseNorm>()) {
            set(op.output, response_norm(*lrn, input));
        } else if (auto const* arithmetic = op.as<op::Arithmetic>()) {
            auto const& other = at(op.inputs.at(1));
            auto const small = other.shape;
            each([&](int n, int h, int w, int c) {
                return combine(
                    arithmetic->kind, element(input, n, h, w, c),
                    element(other, n, std::min(h, small.h - 1), std::min(w, small.w - 1), std::min(c, small.c - 1)));
            });
        } else if (auto const* concat = op.as<op::Concat>()) {
            each([&](int n, int h, int w, int c) {
                int& along = concat->axis == Axis::h ? h : concat->axis == Axis::w ? w : c;
                std::size_t i = 0;
                for (;; ++i) {
                    auto const s = at(op.inputs[i]).shape;
                    int const extent = concat->axis == Axis::h ? s.h : concat->axis == Axis::w ? s.w : s.c;
                    if (along < extent) break;
                    along -= extent;
                }
                return element(at(op.inputs[i]), n, h, w, c);
            });
        } else if (auto const* slice = op.as<op::Slice>()) {
            each([&](int n, int h, int w, int c) {
                int& along = slice->axis == Axis::h ? h : slice->axis == Axis::w ? w : c;
                along = slice->begin + along * slice->step;
                return element(input, n, h, w, c);
            });
        } else if (auto const* pad = op.as<op::Pad>()) {
            each([&](int n, int h, int w, int c) {
                int y = h - pad->padding.top, x = w - pad->padding.left;
                if (pad->mode == op::Pad::Mode::constant && !input.inside(y, x)) return pad->value;
                auto const mirrored = [](int i, int extent) {
                    return i < 0 ? -i : i >= extent ? 2 * extent - 2 - i : i;
                };
                if (pad->mode == op::Pad::Mode::reflect) {
                    y = mirrored(y, in.h);
                    x = mirrored(x, in.w);
                }
                return element(input, n, std::clamp(y, 0, in.h - 1), std::clamp(x, 0, in.w - 1), c);
            });
        } else if (op.as<op::Reshape>()) {
            Image output({in.n, shape.h, shape.w, shape.c});
            std::copy_n(input.pixels.data(), input.pixels.size(), output.pixels.data());
            set(op.output, std::move(output));
        } else if (auto const* transpose = op.as<op::Transpose>()) {
            each([&](int n, int h, int w, int c) {
                std::map<Axis, int> at_axis{
                    {transpose->order[0], h}, {transpose->order[1], w}, {transpose->order[2], c}};
                return element(input, n, at_axis[Axis::h], at_axis[Axis::w], at_axis[Axis::c]);
            });
        } else if (auto const* r = op.as<op::Reduce>()) {
            set(op.output, reduce(*r, input, shape));
        } else if (op.as<op::Softmax>()) {
            set(op.output, softmax(input));
        } else if (auto const* sub = op.as<op::Subsample>()) {
            set(op.output, subsample(input, sub->stride, shape));
        } else {
            auto sum = input;
            sum.pixels += at(op.inputs.at(1)).pixels;
            set(op.output, std::move(sum));
        }
    }

  private:
    void convolution(Operator const& op, Window const& window, int groups, bool has_bias) {
        auto output = convolve(source_.read(op.weights + ".weight").values, window, groups, at(op.inputs.front()),
                               graph_.at(op.output).shape);
        if (has_bias) output.pixels.rowwise() += row(source_, op.weights + ".bias");
        set(op.output, std::move(output));
    }

    Graph const& graph_;
    WeightSource& source_;
    std::map<TensorId, Image> images_;
};

}  // namespace

Tensor reference_block(Network const& network, BlockId id, BlockMode mode, WeightSource& source, Tensor const& input) {
    auto const& block = network.block(id);
    Image image(input.shape());
    std::ranges::copy(input.values(), image.pixels.data());
    Evaluation evaluation(network.graph_of(id), source);
    evaluation.set(block.reads, std::move(image));
    for (auto const op_id : block.operators) {
        auto const& op = network.graph_of(id).at(op_id);
        if (mode != BlockMode::full && op_id == block.shortcut->sum) {  // one side alone
            auto const direct = block.shortcut->output == op.inputs[0] ? op.inputs[1] : op.inputs[0];
            evaluation.set(op.output, evaluation.at(mode == BlockMode::skip ? block.shortcut->output : direct));
        } else {
            evaluation.compute(op);
        }
    }
    auto const& computed = evaluation.at(block.gives);
    Tensor output(computed.shape);
    std::transform(computed.pixels.data(), computed.pixels.data() + computed.pixels.size(), output.values().begin(),
                   [](double value) { return static_cast<float>(value); });
    return output;
}

double relative_error(Tensor const& a, Tensor const& b) {
    if (a.shape() != b.shape()) return std::numeric_limits<double>::infinity();
    double difference = 0;
    double largest = 0;
    for (std::size_t i = 0; i < a.values().size(); ++i) {
        double const one = a.values()[i];
        double const other = b.values()[i];
        if (!std::isfinite(one) || !std::isfinite(other)) return std::numeric_limits<double>::infinity();
        difference = std::max(difference, std::abs(one - other));
        largest = std::max(largest, std::abs(other));
    }
    return difference / largest;
}

}  // namespace skipstone::kernels

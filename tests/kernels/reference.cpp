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
void for_tap(Image const& input, TensorShape output, int stride, int offset_h, int offset_w, Visit visit) {
    Eigen::Index to = 0;
    for (int n = 0; n < output.n; ++n)
        for (int h = 0; h < output.h; ++h)
            for (int w = 0; w < output.w; ++w, ++to)
                if (int const y = h * stride + offset_h, x = w * stride + offset_w; input.inside(y, x))
                    visit(to, input.row(n, y, x));
}

Image convolve(std::string const& name, Window const& window, WeightSource& source, Image const& input,
               TensorShape shape) {
    auto const weights = source.read(name + ".weight").values;
    int const inputs = input.shape.c;
    Image output({input.shape.n, shape.h, shape.w, shape.c});
    Pixels gathered(output.pixels.rows(), Eigen::Index{inputs});
    Eigen::MatrixXd tap(inputs, shape.c);
    for (int kh = 0; kh < window.kernel.h; ++kh) {
        for (int kw = 0; kw < window.kernel.w; ++kw) {
            gathered.setZero();
            for_tap(input, output.shape, window.stride.h, kh - window.padding.top, kw - window.padding.left,
                    [&](Eigen::Index to, Eigen::Index from) { gathered.row(to) = input.pixels.row(from); });
            for (int o = 0; o < shape.c; ++o)
                for (int i = 0; i < inputs; ++i)
                    tap(i, o) = weights[static_cast<std::size_t>(
                        ((o * inputs + i) * window.kernel.h + kh) * window.kernel.w + kw)];
            output.pixels += gathered * tap;
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

Image max_pool(Image const& input, Window const& window, TensorShape shape) {
    Image output({input.shape.n, shape.h, shape.w, shape.c});
    output.pixels.setConstant(-std::numeric_limits<double>::infinity());
    for (int kh = 0; kh < window.kernel.h; ++kh)
        for (int kw = 0; kw < window.kernel.w; ++kw)
            for_tap(input, output.shape, window.stride.h, kh - window.padding.top, kw - window.padding.left,
                    [&](Eigen::Index to, Eigen::Index from) {
                        output.pixels.row(to) = output.pixels.row(to).cwiseMax(input.pixels.row(from));
                    });
    return output;
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
    for_tap(input, output.shape, stride, 0, 0, [&](Eigen::Index to, Eigen::Index from) {
        output.pixels.row(to).segment((shape.c - input.shape.c) / 2, input.shape.c) = input.pixels.row(from);
    });
    return output;
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
        if (auto const* c = op.as<op::Convolution>()) {
            set(op.output, convolve(op.name, c->window, source_, input, shape));
        } else if (op.as<op::FullyConnected>()) {
            auto output = convolve(op.name, Window{}, source_, input, shape);
            output.pixels.rowwise() += row(source_, op.name + ".bias");
            set(op.output, std::move(output));
        } else if (auto const* norm = op.as<op::BatchNorm>()) {
            set(op.output, normalise(op.name, norm->epsilon, source_, input));
        } else if (op.as<op::Relu>()) {
            set(op.output, relu(input));
        } else if (auto const* pool = op.as<op::MaxPool>()) {
            set(op.output, max_pool(input, pool->window, shape));
        } else if (op.as<op::GlobalAverage>()) {
            set(op.output, mean(input));
        } else if (auto const* sub = op.as<op::Subsample>()) {
            set(op.output, subsample(input, sub->stride, shape));
        } else {
            auto sum = input;
            sum.pixels += at(op.inputs.at(1)).pixels;
            set(op.output, std::move(sum));
        }
    }

  private:
    Graph const& graph_;
    WeightSource& source_;
    std::map<TensorId, Image> images_;
};

}  // namespace

Tensor reference_block(Network const& network, BlockId id, BlockMode mode, WeightSource& source, Tensor const& input) {
    auto const& block = network.block(id);
    Image image(input.shape());
    std::ranges::copy(input.values(), image.pixels.data());
    Evaluation evaluation(network.graph(), source);
    evaluation.set(block.reads, std::move(image));
    for (auto const op_id : block.operators) {
        auto const& op = network.graph().at(op_id);
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

#include "reference.hpp"

#include <Eigen/Core>
#include <algorithm>
#include <cmath>
#include <limits>

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

Image convolve(Convolution const& c, WeightSource& source, Image const& input) {
    auto const weights = source.read(c.name + ".weight").values;
    Image output({input.shape.n, c.out_height, c.out_width, c.out_channels});
    Pixels gathered(output.pixels.rows(), Eigen::Index{c.in_channels});
    Eigen::MatrixXd tap(c.in_channels, c.out_channels);
    for (int kh = 0; kh < c.kernel; ++kh) {
        for (int kw = 0; kw < c.kernel; ++kw) {
            gathered.setZero();
            for_tap(input, output.shape, c.stride, kh - c.padding, kw - c.padding,
                    [&](Eigen::Index to, Eigen::Index from) { gathered.row(to) = input.pixels.row(from); });
            for (int o = 0; o < c.out_channels; ++o)
                for (int i = 0; i < c.in_channels; ++i)
                    tap(i, o) =
                        weights[static_cast<std::size_t>(((o * c.in_channels + i) * c.kernel + kh) * c.kernel + kw)];
            output.pixels += gathered * tap;
        }
    }
    auto const row = [&](std::string const& name) {
        auto const values = source.read(name).values;
        return Eigen::RowVectorXd(Eigen::Map<Eigen::RowVectorXf const>(values.data(), c.out_channels).cast<double>());
    };
    if (c.batch_norm.empty()) {
        output.pixels.rowwise() += row(c.name + ".bias");
        return output;
    }
    Eigen::RowVectorXd const deviation = (row(c.batch_norm + ".running_var").array() + 1e-5).sqrt();
    output.pixels.rowwise() -= row(c.batch_norm + ".running_mean");
    output.pixels.array().rowwise() *= row(c.batch_norm + ".weight").array() / deviation.array();
    output.pixels.rowwise() += row(c.batch_norm + ".bias");
    return output;
}

Image relu(Image image) {
    image.pixels = image.pixels.cwiseMax(0);
    return image;
}

Image max_pool(Image const& input, TensorShape shape) {
    Image output(shape);
    output.pixels.setConstant(-std::numeric_limits<double>::infinity());
    for (int kh = -1; kh <= 1; ++kh)
        for (int kw = -1; kw <= 1; ++kw)
            for_tap(input, shape, 2, kh, kw, [&](Eigen::Index to, Eigen::Index from) {
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

Image shortcut(Block const& block, WeightSource& source, Image const& input) {
    if (block.projection) return convolve(*block.projection, source, input);
    Image output({input.shape.n, block.output.h, block.output.w, block.output.c});
    auto const stride = input.shape.h == block.output.h ? 1 : 2;  // PyTorch: x[:, :, ::2, ::2]
    for_tap(input, output.shape, stride, 0, 0, [&](Eigen::Index to, Eigen::Index from) {
        output.pixels.row(to).segment((block.output.c - block.input.c) / 2, block.input.c) = input.pixels.row(from);
    });
    return output;
}

Image path(Block const& block, WeightSource& source, Image image) {
    for (auto const& c : block.path) {
        image = convolve(c, source, image);
        if (&c != &block.path.back()) image = relu(std::move(image));
    }
    return image;
}

Image compute(Block const& block, BlockMode mode, WeightSource& source, Image const& input) {
    if (block.role == Block::Role::stem) {
        auto const convolved = relu(convolve(block.path.front(), source, input));
        auto const pooled = TensorShape{input.shape.n, block.output.h, block.output.w, block.output.c};
        return convolved.shape == pooled ? convolved : max_pool(convolved, pooled);
    }
    if (block.role == Block::Role::head) return convolve(block.path.front(), source, mean(input));
    if (mode == BlockMode::skip) return relu(shortcut(block, source, input));
    auto output = path(block, source, input);
    if (mode == BlockMode::full) output.pixels += shortcut(block, source, input).pixels;
    return relu(std::move(output));
}

}  // namespace

Tensor reference_block(Block const& block, BlockMode mode, WeightSource& source, Tensor const& input) {
    Image image(input.shape());
    std::ranges::copy(input.values(), image.pixels.data());
    auto const computed = compute(block, mode, source, image);
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

#include "model/box.hpp"

#include <cstddef>
#include <cstring>

#include "units/error.hpp"

namespace skipstone {

namespace {

bool lies_in(Range range, int size) {
    return range.begin >= 0 && range.begin < range.end && range.end <= size;
}

// Calls copy(offset in the whole, offset in the box, length), in bytes, for each run of the box that lies together.
template <class Copy>
void for_runs(TensorShape whole, ElementType type, Region const& box, Copy copy) {
    SKIPSTONE_EXPECT(lies_in(box.h, whole.h) && lies_in(box.w, whole.w) && lies_in(box.c, whole.c));
    auto const size = size_of(type);
    auto const offset = [&](int n, int h, int w, int c) {
        auto const row = static_cast<std::size_t>(n) * static_cast<std::size_t>(whole.h) + static_cast<std::size_t>(h);
        auto const pixel = row * static_cast<std::size_t>(whole.w) + static_cast<std::size_t>(w);
        return (pixel * static_cast<std::size_t>(whole.c) + static_cast<std::size_t>(c)) * size;
    };
    bool const all_channels = box.c.size() == whole.c;
    bool const all_columns = all_channels && box.w.size() == whole.w;
    int const rows = all_columns ? 1 : box.h.size(), columns = all_channels ? 1 : box.w.size();
    auto const length =
        box.shape().elements() * size / static_cast<std::size_t>(rows) / static_cast<std::size_t>(columns);
    std::size_t done = 0;
    for (int n = 0; n < whole.n; ++n)
        for (int h = 0; h < rows; ++h)
            for (int w = 0; w < columns; ++w, done += length)
                copy(offset(n, box.h.begin + h, box.w.begin + w, box.c.begin), done, length);
}

// A box of so many images.
TensorShape shape_of(Region const& box, int images) {
    auto shape = box.shape();
    shape.n = images;
    return shape;
}

}  // namespace

Tensor cut(Tensor const& tensor, Region const& box) {
    Tensor result(shape_of(box, tensor.shape().n), tensor.type());
    for_runs(tensor.shape(), tensor.type(), box, [&](std::size_t from, std::size_t to, std::size_t length) {
        std::memcpy(result.bytes().data() + to, tensor.bytes().data() + from, length);
    });
    return result;
}

void paste(Tensor& whole, Region const& box, Tensor const& tensor) {
    SKIPSTONE_EXPECT(tensor.shape() == shape_of(box, whole.shape().n) && tensor.type() == whole.type());
    for_runs(whole.shape(), whole.type(), box, [&](std::size_t to, std::size_t from, std::size_t length) {
        std::memcpy(whole.bytes().data() + to, tensor.bytes().data() + from, length);
    });
}

}  // namespace skipstone

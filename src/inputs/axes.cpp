#include "inputs/axes.hpp"

#include <algorithm>
#include <array>
#include <cstddef>

#include "units/error.hpp"

namespace skipstone::inputs {

namespace {

std::size_t extent_of(TensorShape shape, char axis) {
    SKIPSTONE_EXPECT(axis == 'h' || axis == 'w' || axis == 'c');
    return static_cast<std::size_t>(axis == 'h' ? shape.h : axis == 'w' ? shape.w : shape.c);
}

// How far apart neighbours along h, w and c are in this order.
std::array<std::size_t, 3> strides_of(TensorShape shape, std::string_view axes) {
    std::array<std::size_t, 3> strides{};  // of an axis with one element: any
    std::size_t stride = 1;
    for (auto axis = axes.rbegin(); axis != axes.rend(); ++axis) {
        strides[std::string_view("hwc").find(*axis)] = stride;
        stride *= extent_of(shape, *axis);
    }
    SKIPSTONE_EXPECT(stride == std::size_t(1) * extent_of(shape, 'h') * extent_of(shape, 'w') * extent_of(shape, 'c'));
    return strides;
}

// visit(place in [H,W,C], place in the other order), for all elements.
template <class Visit>
void for_each_place(TensorShape shape, std::string_view axes, Visit const& visit) {
    auto const [along_h, along_w, along_c] = strides_of(shape, axes);
    std::size_t place = 0;
    for (std::size_t h = 0; h < extent_of(shape, 'h'); ++h)
        for (std::size_t w = 0; w < extent_of(shape, 'w'); ++w)
            for (std::size_t c = 0; c < extent_of(shape, 'c'); ++c)
                visit(place++, h * along_h + w * along_w + c * along_c);
}

}  // namespace

std::vector<std::uint64_t> extents_of(TensorShape shape, std::string_view axes) {
    std::vector<std::uint64_t> extents;
    for (char const axis : axes) extents.push_back(extent_of(shape, axis));
    return extents;
}

void into_hwc(std::span<float const> from, TensorShape shape, std::string_view axes, std::span<float> to) {
    SKIPSTONE_EXPECT(from.size() == to.size());
    for_each_place(shape, axes, [&](std::size_t inside, std::size_t outside) { to[inside] = from[outside]; });
}

void from_hwc(std::span<float const> from, TensorShape shape, std::string_view axes, std::span<float> to) {
    SKIPSTONE_EXPECT(from.size() == to.size());
    for_each_place(shape, axes, [&](std::size_t inside, std::size_t outside) { to[outside] = from[inside]; });
}

}  // namespace skipstone::inputs

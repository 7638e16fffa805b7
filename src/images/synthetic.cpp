#include "images/synthetic.hpp"

#include <algorithm>
#include <cstddef>
#include <vector>

#include "units/error.hpp"
#include "units/random.hpp"

namespace skipstone::images {

namespace {

// Random colours in [0, 1) at the corners of Cells x Cells cells that cover the picture, blended smoothly in between.
template <std::size_t Cells>
class ColourField {
  public:
    ColourField(RandomStream& stream, std::size_t channels)
        : channels_(channels), corners_((Cells + 1) * (Cells + 1) * channels) {
        for (auto& value : corners_) value = stream.uniform();
    }
    // y and x in [0, 1).
    double at(double y, double x, std::size_t channel) const {
        auto const [i, v] = place(y);
        auto const [j, u] = place(x);
        double const upper = (1 - u) * corner(i, j, channel) + u * corner(i, j + 1, channel);
        double const lower = (1 - u) * corner(i + 1, j, channel) + u * corner(i + 1, j + 1, channel);
        return (1 - v) * upper + v * lower;
    }

  private:
    struct Place {
        std::size_t cell;
        double share;
    };
    static Place place(double position) {
        double const scaled = position * static_cast<double>(Cells);
        auto const cell = std::min(static_cast<std::size_t>(scaled), Cells - 1);
        double const t = scaled - static_cast<double>(cell);
        return {cell, t * t * (3 - 2 * t)};
    }

    double corner(std::size_t row, std::size_t column, std::size_t channel) const {
        return corners_[(row * (Cells + 1) + column) * channels_ + channel];
    }

    std::size_t channels_;
    std::vector<double> corners_;  // [row,column,channel]
};

}  // namespace

std::vector<std::uint8_t> synthetic(std::uint64_t seed, std::int64_t index, int height, int width, int channels) {
    SKIPSTONE_EXPECT(height >= 1 && width >= 1 && channels >= 1);
    auto const depth = static_cast<std::size_t>(channels);
    RandomStream stream(seed, "image", index);
    ColourField<3> const coarse(stream, depth);
    ColourField<9> const fine(stream, depth);
    std::vector<std::uint8_t> bytes(static_cast<std::size_t>(height) * static_cast<std::size_t>(width) * depth);
    auto byte = bytes.begin();
    for (int row = 0; row < height; ++row) {
        double const y = (static_cast<double>(row) + 0.5) / height;
        for (int column = 0; column < width; ++column) {
            double const x = (static_cast<double>(column) + 0.5) / width;
            for (std::size_t c = 0; c < depth; ++c) {
                double const value = 0.75 * coarse.at(y, x, c) + 0.25 * fine.at(y, x, c);
                *byte++ = static_cast<std::uint8_t>(value * 256);
            }
        }
    }
    return bytes;
}

}  // namespace skipstone::images

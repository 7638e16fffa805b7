#include "images/synthetic.hpp"

#include <algorithm>
#include <array>
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
    explicit ColourField(RandomStream& stream) {
        for (auto& row : corners_)
            for (auto& corner : row)
                for (auto& channel : corner) channel = stream.uniform();
    }
    // y and x in [0, 1).
    double at(double y, double x, std::size_t channel) const {
        auto const [i, v] = place(y);
        auto const [j, u] = place(x);
        double const upper = (1 - u) * corners_[i][j][channel] + u * corners_[i][j + 1][channel];
        double const lower = (1 - u) * corners_[i + 1][j][channel] + u * corners_[i + 1][j + 1][channel];
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

    std::array<std::array<std::array<double, 3>, Cells + 1>, Cells + 1> corners_{};
};

}  // namespace

Picture synthetic(std::uint64_t seed, std::int64_t index, int size) {
    SKIPSTONE_EXPECT(size >= 1);
    RandomStream stream(seed, "image", index);
    ColourField<3> const coarse(stream);
    ColourField<9> const fine(stream);
    auto const side = static_cast<std::size_t>(size);
    Picture picture{size, size, std::vector<std::uint8_t>(3 * side * side)};
    auto pixel = picture.rgb.begin();
    for (std::size_t row = 0; row < side; ++row) {
        double const y = (static_cast<double>(row) + 0.5) / size;
        for (std::size_t column = 0; column < side; ++column) {
            double const x = (static_cast<double>(column) + 0.5) / size;
            for (std::size_t c = 0; c < 3; ++c) {
                double const value = 0.75 * coarse.at(y, x, c) + 0.25 * fine.at(y, x, c);
                *pixel++ = static_cast<std::uint8_t>(value * 256);
            }
        }
    }
    return picture;
}

}  // namespace skipstone::images

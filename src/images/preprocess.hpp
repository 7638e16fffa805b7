#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "images/picture.hpp"

namespace skipstone::images {

// How bytes become numbers: (value / 255 · range − mean) / deviation, per channel.
struct Normalization {
    std::vector<float> mean, deviation;  // one for each channel; deviations are above 0
    float range = 1;                     // what a byte of 255 is before mean and deviation
};

// A network's input: `picture` resized to height x width (stretched where its sides are in another proportion), then
// normalised. As many channels as the normalisation has: 3 are red, green and blue; 1 is their grey (grey_of). `out` is
// [height,width,channels]. Bilinear with half-pixel centres, edges clamped, no antialiasing: PyTorch's
// interpolate(mode="bilinear", align_corners=False). All in float32, in a fixed order: the same bits on every host.
void preprocess(Picture const& picture, int height, int width, Normalization const& normalization,
                std::span<float> out);

// Normalises bytes of any shape, channels fastest.
void normalize(std::span<std::uint8_t const> bytes, Normalization const& normalization, std::span<float> out);

// Luma by the weights of ITU-R BT.601, 0.299 R + 0.587 G + 0.114 B, rounded as PIL's convert("L") does: [height,width].
std::vector<std::uint8_t> grey_of(Picture const& picture);

}  // namespace skipstone::images

#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>

#include "images/image_source.hpp"
#include "model/network.hpp"
#include "model/scenario.hpp"
#include "model/tensor.hpp"

namespace skipstone::emulator {

// The images of a run's requests: the n-th request gets image n of the source, from the start again when they run out;
// without a source, seeded synthetic ones.
class ImageSupply {
  public:
    // Normalised with the mean and deviation of the scenario's weights (without weights: those of ImageNet's RGB
    // values). Throws InputError when there are no images at the path.
    ImageSupply(Scenario const& scenario, Network const& network, std::optional<std::string> const& path);

    // [1,H,W,3], resized and normalised. Throws InputError when the image cannot be read.
    Tensor image(std::int64_t number) const;
    std::optional<int> label(std::int64_t number) const;

  private:
    std::optional<images::ImageSource> source_;
    std::uint64_t seed_;
    TensorShape shape_;
    std::array<float, 3> mean_{0.485F, 0.456F, 0.406F},
        deviation_{0.229F, 0.224F, 0.225F};  // torchvision's for ImageNet
};

}  // namespace skipstone::emulator

#include "emulator/image_supply.hpp"

#include "config/file_kind.hpp"
#include "images/preprocess.hpp"
#include "images/synthetic.hpp"
#include "kernels/weights.hpp"

namespace skipstone::emulator {

ImageSupply::ImageSupply(Scenario const& scenario, Network const& network, std::optional<std::string> const& path)
    : seed_(scenario.seed), shape_(network.input_shape()) {
    if (path) config::read_as(config::FileKind::picture, *path, [&] { source_.emplace(*path); });
    if (!scenario.network.weights) return;
    auto const info = kernels::read_weights_attributes(*scenario.network.weights);
    for (std::size_t c = 0; c < 3; ++c) {
        mean_[c] = static_cast<float>(info.mean[c]);
        deviation_[c] = static_cast<float>(info.std[c]);
    }
}

Tensor ImageSupply::image(std::int64_t number) const {
    Tensor tensor(shape_);
    auto const picture = source_ ? source_->read(static_cast<std::size_t>(number) % source_->size()).picture
                                 : images::synthetic(seed_, number, shape_.h);
    images::preprocess(picture, shape_.h, mean_, deviation_, tensor.values());
    return tensor;
}

std::optional<int> ImageSupply::label(std::int64_t number) const {
    if (!source_) return std::nullopt;
    return source_->label(static_cast<std::size_t>(number) % source_->size());
}

}  // namespace skipstone::emulator

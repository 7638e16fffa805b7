#include "emulator/image_supply.hpp"

#include <utility>

#include "inputs/data_path.hpp"
#include "kernels/weights.hpp"

namespace skipstone::emulator {

namespace {

inputs::InputForm form_of(Scenario const& scenario, Network const& network) {
    if (!scenario.network.weights) return inputs::InputForm(network);
    auto const info = kernels::read_weights_attributes(*scenario.network.weights);
    return {network, info.mean, info.std, info.range};
}

}  // namespace

ImageSupply::ImageSupply(Scenario const& scenario, Network const& network, std::optional<std::string> const& path,
                         ImageOrder order)
    : path_(path.value_or("")), form_(form_of(scenario, network)), seed_(scenario.seed) {
    if (!path) return;
    source_.emplace(*path, form_);
    source_->look_for_cut_off();
    if (order != ImageOrder::drawn) return;
    if (source_->label(0)) order_ = inputs::random_order(source_->size(), seed_, "image-order");
    if (scenario.network.weights) source_->check_labels(network.classes());
}

std::size_t ImageSupply::place(std::int64_t number) const {
    auto const index = static_cast<std::size_t>(number) % source_->size();
    return order_.empty() ? index : order_[index];
}

Tensor ImageSupply::image(std::int64_t number) const {
    return source_ ? source_->load(place(number), 1) : inputs::synthetic_input(seed_, number, form_);
}

std::optional<int> ImageSupply::label(std::int64_t number) const {
    if (!source_) return std::nullopt;
    return source_->label(place(number));
}

std::string ImageSupply::description() const {
    if (!source_) return "";
    return path_ + ": " + source_->description() + (order_.empty() ? "" : "; in an order drawn from the seed");
}

std::string ImageSupply::labels() const {
    if (!source_) return "";
    auto const& classes = source_->class_folders();
    std::string text;
    for (std::size_t label = 0; label < classes.size(); ++label)
        text += (label > 0 ? "; " : "") + std::to_string(label) + " = " + classes[label];
    return text;
}

std::size_t ImageSupply::different() const {
    return source_ ? source_->size() : 0;
}

}  // namespace skipstone::emulator

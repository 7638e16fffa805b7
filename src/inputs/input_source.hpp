#pragma once

#include <cstddef>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "images/preprocess.hpp"
#include "model/network.hpp"
#include "model/tensor.hpp"

namespace skipstone::inputs {

// What a network reads, and how pixels are made into it.
struct InputForm {
    std::string network;  // its name, for messages
    TensorShape shape;    // of one input
    std::string axes;     // the order of the network's own axes (Network::input_axes)
    images::Normalization normalization;

    // Of a network without trained weights: pixels by ImageNet's mean and deviation where it reads red, green and blue,
    // else as they are, in 0 … 1.
    explicit InputForm(Network const& network);
    // Of one with the mean, deviation and range of its weights; empty ones: 0 and 1.
    InputForm(Network const& network, std::vector<double> const& mean, std::vector<double> const& deviation,
              double range);
};

// Where a network's inputs come from: pictures (images::ImageSource), which are resized and normalised, or arrays in
// HDF5 (ArrayFile), which are taken as they are. Move-only; load() may be called from several threads.
class InputSource {
  public:
    // The path may name a part of them (DataPath). Throws InputError when it leads to neither, to no such part, or to
    // something that is no input of this network: arrays of another shape; pictures, where it does not read an image of
    // 1 channel (grey) or 3.
    InputSource(std::string const& path, InputForm form);
    InputSource(InputSource&&) noexcept;
    InputSource& operator=(InputSource&&) noexcept;
    ~InputSource();

    std::size_t size() const;  // > 0
    // There is one for every input, or for none.
    std::optional<int> label(std::size_t index) const;
    // Inputs first … first + count − 1: [count,H,W,C]. Throws InputError for what is damaged or not finite.
    Tensor load(std::size_t first, std::size_t count) const;

    // Names of the class folders, by label; none where there are none.
    std::vector<std::string> const& class_folders() const;
    // "1200 pictures of 3 classes; passed over: 2 .webp", "2174 inputs with labels".
    std::string description() const;
    // Throws InputError for the first picture that was cut off.
    void look_for_cut_off() const;
    // Throws InputError unless labels are those of a network that tells so many classes apart.
    void check_labels(int classes) const;

    class Implementation;

  private:
    std::unique_ptr<Implementation const> implementation_;
};

// An input for runs without data, of any shape: a synthetic picture with as many channels as the network reads,
// normalised. Depends on its arguments alone. [1,H,W,C].
Tensor synthetic_input(std::uint64_t seed, std::int64_t index, InputForm const& form);

}  // namespace skipstone::inputs

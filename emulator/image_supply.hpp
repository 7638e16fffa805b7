#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "inputs/input_source.hpp"
#include "model/network.hpp"
#include "model/scenario.hpp"
#include "model/tensor.hpp"

namespace skipstone::emulator {

// In which order images are taken from a source.
enum class ImageOrder {
    stored,  // as the source has them
    drawn,   // labelled ones in an order that the scenario's seed gives, so that no class comes first; others as stored
};

// The images of a run's requests: the n-th request gets image n of the order, from the start again when they run out;
// without a source, seeded synthetic ones.
class ImageSupply {
  public:
    // Pictures are normalised with the mean, deviation and range of the scenario's weights, without weights as
    // InputForm says. Throws InputError when there is nothing at the path that the network can read (InputSource), a
    // picture was cut off, or labels are not those of the scenario's weights.
    ImageSupply(Scenario const& scenario, Network const& network, std::optional<std::string> const& path,
                ImageOrder order);

    // [1,H,W,C], as the network reads it. Throws InputError when the image cannot be read.
    Tensor image(std::int64_t number) const;
    std::optional<int> label(std::int64_t number) const;
    // "pets: 1200 pictures of 3 classes, …, in an order drawn from the seed"; empty for synthetic images.
    std::string description() const;
    // "0 = cat; 1 = dog": the class folders by label; empty where there are none.
    std::string labels() const;
    std::size_t different() const;  // how many different images there are; 0: synthetic ones

  private:
    std::size_t place(std::int64_t number) const;

    std::string path_;
    inputs::InputForm form_;
    std::optional<inputs::InputSource> source_;
    std::vector<std::size_t> order_;  // place in the source; empty: as stored
    std::uint64_t seed_;
};

}  // namespace skipstone::emulator

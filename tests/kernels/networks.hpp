#pragma once

#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include "kernels/host.hpp"
#include "kernels/packed_weights.hpp"
#include "kernels/weights.hpp"
#include "model/network.hpp"
#include "tests/network_profiles.hpp"
#include "units/random.hpp"

// Networks, weights and files that the tests of this folder share.
namespace skipstone::kernels {

using test::resnet20;
using test::resnet50;

// He-normal convolutions, and batch norms and biases that are nothing special: a fold that forgets one of their parts
// shows.
class UnevenWeights : public WeightSource {
  public:
    UnevenWeights(Network const& network, std::uint64_t seed) : plain_(network, seed), seed_(seed) {}

    WeightValues read(std::string_view name) override {
        auto tensor = plain_.read(name);
        if (tensor.shape.size() > 1) return tensor;
        RandomStream stream(seed_, "uneven:" + std::string(name));
        // Small variances, too, where the epsilon beside them counts.
        auto const low = name.ends_with(".weight") ? 0.5 : name.ends_with(".running_var") ? 0.001 : -0.5;
        for (auto& value : tensor.values) value = static_cast<float>(stream.uniform(low, low + 1));
        return tensor;
    }

  private:
    HeWeights plain_;
    std::uint64_t seed_;
};

// Nothing special, and no variances near zero: channels that are hundreds of times larger than others are not what one
// scale per tensor is for.
class EvenerWeights : public WeightSource {
  public:
    EvenerWeights(Network const& network, std::uint64_t seed) : uneven_(network, seed) {}
    WeightValues read(std::string_view name) override {
        auto tensor = uneven_.read(name);
        if (name.ends_with(".running_var"))
            for (auto& value : tensor.values) value += 0.5F;
        return tensor;
    }

  private:
    UnevenWeights uneven_;
};

inline Tensor random_tensor(TensorShape shape, std::uint64_t seed) {
    Tensor tensor(shape);
    RandomStream stream(seed, "activations");
    for (auto& value : tensor.values()) value = static_cast<float>(stream.uniform(-1, 1));
    return tensor;
}

inline Buffer packed(Network const& network, PackLayout const& layout, WeightSource& source) {
    Buffer memory(layout.bytes());
    std::ranges::fill(memory.bytes(), std::byte{0});
    pack(network, layout, source, memory.bytes());
    return memory;
}

inline bool has_bfloat16() {
    return instruction_set().find("avx512") != std::string::npos;
}

// A folder of its own that goes with the test.
struct Folder {
    Folder()
        : path(std::filesystem::temp_directory_path() /
               ("skipstone_kernels_" + std::to_string(::getpid()) + "_" + std::to_string(++count))) {
        std::filesystem::create_directories(path);
    }
    ~Folder() { std::filesystem::remove_all(path); }
    std::string file(std::string const& name) const { return (path / name).string(); }

    std::filesystem::path path;
    static inline int count = 0;
};

}  // namespace skipstone::kernels

#pragma once

#include <array>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "model/network.hpp"

namespace skipstone::networks {

// A layer that is written down in a profile.
struct Layer {
    enum class Kind {
        convolution,
        depthwise,  // convolution of each channel by itself
        max_pool,
        average_pool,
        global_average,  // over all pixels
        fully_connected,
        batch_norm,
        response_norm,
        activation,
        softmax
    } kind;
    enum class Function { relu, relu6, leaky_relu, elu, sigmoid, tanh, hard_sigmoid, hard_swish, silu, gelu };

    std::string name = {};  // empty: by kind and number, conv1, conv2, …
    // Outputs of a convolution or fully connected layer; none: as many as the profile has classes.
    std::optional<int> channels = {};
    // Of convolutions and pools.
    Extent kernel = {}, stride = {}, dilation = {};
    std::optional<Padding> padding = Padding{};  // none: "same", as in same_window()
    int groups = 1;
    int multiplier = 1;                       // outputs per input channel of a depthwise convolution
    bool has_bias = true;                     // of convolutions and fully connected layers
    bool has_norm = false;                    // batch normalisation behind it, before its activation
    double epsilon = 1e-5;                    // of that
    bool counts_zeros = false;                // of an average pool: the padding's zeros are part of the mean
    std::optional<Function> activation = {};  // behind it; of Kind::activation: itself
    double slope = 0.01;                      // of Function::leaky_relu
    op::ResponseNorm response = {};

    bool is_weighted() const {
        return kind == Kind::convolution || kind == Kind::depthwise || kind == Kind::fully_connected;
    }
    bool has_window() const {
        return kind == Kind::convolution || kind == Kind::depthwise || kind == Kind::max_pool ||
               kind == Kind::average_pool;
    }
};

inline constexpr std::array<std::pair<std::string_view, Layer::Kind>, 10> layer_kind_names{
    {{"convolution", Layer::Kind::convolution},
     {"depthwise", Layer::Kind::depthwise},
     {"max-pool", Layer::Kind::max_pool},
     {"average-pool", Layer::Kind::average_pool},
     {"global-average", Layer::Kind::global_average},
     {"fully-connected", Layer::Kind::fully_connected},
     {"batch-norm", Layer::Kind::batch_norm},
     {"response-norm", Layer::Kind::response_norm},
     {"activation", Layer::Kind::activation},
     {"softmax", Layer::Kind::softmax}}};
inline constexpr std::array<std::pair<std::string_view, Layer::Function>, 10> function_names{
    {{"relu", Layer::Function::relu},
     {"relu6", Layer::Function::relu6},
     {"leaky-relu", Layer::Function::leaky_relu},
     {"elu", Layer::Function::elu},
     {"sigmoid", Layer::Function::sigmoid},
     {"tanh", Layer::Function::tanh},
     {"hard-sigmoid", Layer::Function::hard_sigmoid},
     {"hard-swish", Layer::Function::hard_swish},
     {"silu", Layer::Function::silu},
     {"gelu", Layer::Function::gelu}}};

// Layers one behind the other. The last convolution or fully connected layer gives the classes. Operators are called as
// their layers; behind a layer NAME, its batch normalisation is NAME_bn and its activation NAME_act.
struct Chain {
    std::vector<Layer> layers;
};

std::shared_ptr<Family const> chain(Chain shape);

}  // namespace skipstone::networks

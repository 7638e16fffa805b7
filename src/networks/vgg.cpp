#include "networks/vgg.hpp"

#include <algorithm>
#include <array>
#include <string>

#include "networks/path.hpp"
#include "networks/text.hpp"
#include "units/error.hpp"

namespace skipstone::networks {

namespace {

constexpr std::array<int, 5> channels{64, 128, 256, 512, 512};

// Convolutions of each of the five stages.
std::array<int, 5> convolutions(int depth) {
    switch (depth) {
        case 11:
            return {1, 1, 2, 2, 2};
        case 13:
            return {2, 2, 2, 2, 2};
        case 16:
            return {2, 2, 3, 3, 3};
        case 19:
            return {2, 2, 4, 4, 4};
        default:
            throw InputError("depth must be 11, 13, 16 or 19");
    }
}

class VggFamily : public Family {
  public:
    explicit VggFamily(Vgg shape) : shape_(std::move(shape)) {}

    std::string_view name() const override { return "vgg"; }

    Blueprint draw(NetworkProfile const& profile) const override {
        require_ordinary(profile);
        if (shape_.hidden.size() > 8) throw InputError("hidden must list at most 8 layers");
        if (std::ranges::any_of(shape_.hidden, [](int outputs) { return outputs < 1 || outputs > 65536; }))
            throw InputError("each of hidden must be 1 to 65536");
        auto const per_stage = convolutions(shape_.depth);
        Graph::Builder graph(profile.input);
        Path path(graph, TensorId(0));
        std::vector<std::string> names;
        std::vector<int> stages;
        int place = 0;  // in torchvision's list of modules
        auto const add = [&](Operation operation) {
            path.add("features." + std::to_string(place++), std::move(operation));
        };
        for (std::size_t stage = 0; stage < per_stage.size(); ++stage) {
            for (int i = 1; i <= per_stage[stage]; ++i) {
                add(op::Convolution{square_window(3, 1, 1), channels[stage], 1, true});
                if (shape_.batch_norm) add(op::BatchNorm{});
                add(op::Relu{});
                names.push_back("conv" + std::to_string(stage + 1) + "_" + std::to_string(i));
                stages.push_back(static_cast<int>(stage) + 1);
            }
            add(op::MaxPool{square_window(2, 2, 0)});
        }
        place = 0;
        auto const connect = [&](int outputs) {
            path.add("classifier." + std::to_string(place), op::FullyConnected{outputs});
            names.push_back("fc" + std::to_string(6 + place / 3));
            stages.push_back(6);
        };
        for (int const outputs : shape_.hidden) {
            connect(outputs);
            path.add("classifier." + std::to_string(place + 1), op::Relu{});
            place += 3;  // the third is dropout
        }
        connect(profile.classes);
        return {std::move(graph).finish(path.end()), std::move(names), std::move(stages)};
    }

    std::string lines() const override {
        return line("depth", std::to_string(shape_.depth)) + line("batch_norm", shape_.batch_norm ? "true" : "false") +
               line("hidden", list(shape_.hidden));
    }

  private:
    Vgg shape_;
};

}  // namespace

std::shared_ptr<Family const> vgg(Vgg shape) {
    return std::make_shared<VggFamily>(std::move(shape));
}

}  // namespace skipstone::networks

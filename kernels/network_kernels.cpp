#include "kernels/network_kernels.hpp"

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <tuple>
#include <utility>
#include <vector>

#include "kernels/part_kernels.hpp"
#include "kernels/program.hpp"
#include "model/calibration.hpp"
#include "units/error.hpp"

namespace skipstone::kernels {

struct NetworkKernels::Impl {
    Network network;
    PackLayout layout;
    std::span<std::byte const> packed;
    PrimitiveFactory factory;
    CompiledConvolutions convolutions;
    std::map<std::tuple<BlockId, BlockMode, int>, Program> programs;
    Workspace workspace;
    Observer observer;
    std::optional<Ranges> ranges;  // of what an observer is shown
    PartKernels parts;

    Impl(Network const& network_here, PackLayout layout_here, std::span<std::byte const> packed_here,
         WeightSupply weights)
        : network(network_here),
          layout(std::move(layout_here)),
          packed(packed_here),
          parts(network, layout, factory, workspace, std::move(weights)) {}

    Program& program(BlockId id, BlockMode mode, int batch) {
        std::tuple const key{id, mode, batch};
        auto found = programs.find(key);
        if (found == programs.end())
            found = programs
                        .emplace(key, Program(Piece::block(network, id), mode, batch, {layout, packed}, factory,
                                              convolutions, ranges && !network.is_head(id) ? &*ranges : nullptr))
                        .first;
        return found->second;
    }

    Tensor run(BlockId id, BlockMode mode, Tensor input) {
        auto const& block = network.block(id);
        int const batch = input.shape().n;
        SKIPSTONE_EXPECT(batch >= 1);
        SKIPSTONE_EXPECT(input.shape() == batched(block.input, batch));
        SKIPSTONE_EXPECT(input.type() == input_type(network, id));
        SKIPSTONE_EXPECT(block.is_droppable() || mode == BlockMode::full);
        auto& all_steps = program(id, mode, batch);
        if (observer && id.index() == 0) observer("input", input.values());
        return all_steps.run(std::move(input), workspace, observer);
    }
};

NetworkKernels::NetworkKernels(Network const& network, PackLayout layout, std::span<std::byte const> packed,
                               WeightSupply weights)
    : impl_(std::make_unique<Impl>(network, std::move(layout), packed, std::move(weights))) {
    SKIPSTONE_EXPECT(packed.size() >= impl_->layout.bytes());
    SKIPSTONE_EXPECT(reinterpret_cast<std::uintptr_t>(packed.data()) % Buffer::alignment == 0);
}
NetworkKernels::NetworkKernels(NetworkKernels&&) noexcept = default;
NetworkKernels& NetworkKernels::operator=(NetworkKernels&&) noexcept = default;
NetworkKernels::~NetworkKernels() = default;

Tensor NetworkKernels::run(BlockId block, BlockMode mode, Tensor input) {
    return impl_->run(block, mode, std::move(input));
}

void NetworkKernels::warm_up(BlockId block, int batch) {
    auto const& b = impl_->network.block(block);
    auto const sample = [&] { return sample_input(batched(b.input, batch), input_type(impl_->network, block)); };
    impl_->run(block, BlockMode::full, sample());
    if (b.is_droppable()) impl_->run(block, BlockMode::skip, sample());
}

void NetworkKernels::observe(Observer observer) {
    SKIPSTONE_EXPECT(impl_->network.precision() == Precision::float32);
    impl_->observer = std::move(observer);
    if (!impl_->observer || impl_->ranges) return;
    impl_->ranges.emplace(impl_->network);
    impl_->programs.clear();  // what they show is a part of them
}

Seconds NetworkKernels::measure(BlockId block, int batch, int repetitions) {
    SKIPSTONE_EXPECT(repetitions >= 1);
    warm_up(block, batch);
    using Clock = std::chrono::steady_clock;
    auto const& b = impl_->network.block(block);
    auto const input = sample_input(batched(b.input, batch), input_type(impl_->network, block));
    std::vector<double> seconds;
    for (int i = 0; i < repetitions; ++i) {
        auto taken = input.clone();
        auto const begin = Clock::now();
        auto const output = impl_->run(block, BlockMode::full, std::move(taken));
        seconds.push_back(std::chrono::duration<double>(Clock::now() - begin).count());
    }
    auto const middle = seconds.begin() + static_cast<std::ptrdiff_t>(seconds.size() / 2);
    std::ranges::nth_element(seconds, middle);
    return Seconds(*middle);
}

std::string NetworkKernels::implementation(BlockId block) {
    return impl_->program(block, BlockMode::full, 1).implementation();
}

void NetworkKernels::prepare_part(BlockId block, Split split, int part, int batch) {
    impl_->parts.prepare(block, split, part, batch);
}

Tensor NetworkKernels::run_part(BlockId block, Split split, int part, Tensor box) {
    return impl_->parts.run(block, split, part, std::move(box));
}

Tensor NetworkKernels::join(BlockId block, Split split, std::vector<Tensor> parts) {
    return impl_->parts.join(block, split, std::move(parts));
}

}  // namespace skipstone::kernels

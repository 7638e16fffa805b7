#include "emulator/packed_network.hpp"

#include <exception>
#include <optional>
#include <string>
#include <utility>

#include "emulator/kernel_executor.hpp"
#include "kernels/weights.hpp"
#include "units/error.hpp"

namespace skipstone::emulator {

namespace {

std::unique_ptr<kernels::WeightSource> weight_source(Scenario const& scenario, Network const& network) {
    if (scenario.network.weights) return std::make_unique<kernels::FileWeights>(*scenario.network.weights, network);
    return std::make_unique<kernels::HeWeights>(network, scenario.seed);
}

// Blocks first, first + step, …
void pack_share(Scenario const& scenario, Network const& network, kernels::PackLayout const& layout,
                SharedMemory const& memory, std::size_t first, std::size_t step) {
    if (first >= network.size()) return;
    auto const source = weight_source(scenario, network);
    for (std::size_t block = first; block < network.size(); block += step)
        kernels::pack_block(network, layout, *source, BlockId(block), memory.bytes());
}

}  // namespace

PackedNetwork PackedNetwork::alone(Scenario const& scenario, Network const& network) {
    kernels::PackLayout layout(network);
    auto memory = SharedMemory::alone(layout.bytes());
    pack_share(scenario, network, layout, memory, 0, 1);
    memory.protect();
    return {network, std::move(layout), std::move(memory)};
}

PackedNetwork PackedNetwork::among(mpi::Communicator const& host, Scenario const& scenario, Network const& network) {
    kernels::PackLayout layout(network);
    auto memory = SharedMemory::among(host, layout.bytes());
    std::optional<std::string> problem;
    try {
        if (memory.is_shared())
            pack_share(scenario, network, layout, memory, static_cast<std::size_t>(host.rank()),
                       static_cast<std::size_t>(host.size()));
        else
            pack_share(scenario, network, layout, memory, 0, 1);
    } catch (InputError const& error) {
        problem = error.what();
    }
    if (!host.all(!problem)) throw InputError(problem.value_or("?"));  // "?": another rank found it
    memory.protect();
    return {network, std::move(layout), std::move(memory)};
}

std::unique_ptr<BlockExecutor> PackedNetwork::make_executor() const {
    return make_kernel_executor(network_, layout_, memory_.bytes());
}

}  // namespace skipstone::emulator

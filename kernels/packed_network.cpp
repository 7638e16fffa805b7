#include "kernels/packed_network.hpp"

#include <algorithm>
#include <cstring>
#include <vector>

#include "kernels/weights.hpp"
#include "kernels/weights_cache.hpp"
#include "units/cache_folder.hpp"
#include "units/error.hpp"
#include "units/file_memo.hpp"

namespace skipstone::kernels {

namespace {

std::optional<CachedWeights> cache_of(PackLayout const& layout, WeightsOrigin const& origin) {
    if (!cache_folder()) return std::nullopt;  // then nothing needs the hash
    using enum CachedWeights::Kind;
    if (origin.file) return CachedWeights::of(layout, trained, "sha256 " + remembered_sha256(*origin.file));
    return CachedWeights::of(layout, random, "he-normal, seed " + std::to_string(origin.seed));
}

// Blocks first, first + step, …
void pack_share(Network const& network, PackLayout const& layout, WeightsOrigin const& origin,
                SharedMemory const& memory, std::size_t first, std::size_t step) {
    if (first >= network.size()) return;
    std::unique_ptr<WeightSource> source;
    if (origin.file)
        source = std::make_unique<FileWeights>(*origin.file, network);
    else
        source = std::make_unique<HeWeights>(network, origin.seed);
    for (std::size_t block = first; block < network.size(); block += step)
        pack_block(network, layout, *source, BlockId(block), memory.bytes());
}

std::string broadcast_text(mpi::Communicator const& host, std::string text) {
    std::vector<std::byte> bytes(text.size());
    if (!text.empty()) std::memcpy(bytes.data(), text.data(), text.size());
    bytes = host.broadcast(0, std::move(bytes));
    text.assign(reinterpret_cast<char const*>(bytes.data()), bytes.size());
    return text;
}

}  // namespace

PackedNetwork PackedNetwork::alone(Network const& network, PackLayout layout, WeightsOrigin const& origin) {
    auto const cache = cache_of(layout, origin);
    if (cache)
        if (auto memory = cache->open()) return {network, std::move(layout), *std::move(memory)};
    auto memory = SharedMemory::alone(layout.bytes());
    pack_share(network, layout, origin, memory, 0, 1);
    memory.protect();
    if (cache) cache->keep(memory.bytes());
    return {network, std::move(layout), std::move(memory)};
}

PackedNetwork PackedNetwork::among(mpi::Communicator const& host, Network const& network, PackLayout layout,
                                   WeightsOrigin const& origin) {
    // Rank 0 looks into the cache; the others map what it found right.
    std::optional<CachedWeights> cache;
    std::optional<SharedMemory> cached;
    std::string problem;
    if (host.rank() == 0) try {
            cache = cache_of(layout, origin);
            if (cache) cached = cache->open();
        } catch (InputError const& error) {
            problem = error.what();
        }
    auto const file = broadcast_text(host, cached ? cache->file().string() : "");
    if (!file.empty()) {
        if (host.rank() != 0) cached = SharedMemory::of_file(file, CachedWeights::file_bytes(layout));
        if (host.all(cached.has_value())) return {network, std::move(layout), *std::move(cached)};
    }
    auto memory = SharedMemory::among(host, layout.bytes());
    if (problem.empty()) try {
            if (memory.is_shared())
                pack_share(network, layout, origin, memory, static_cast<std::size_t>(host.rank()),
                           static_cast<std::size_t>(host.size()));
            else
                pack_share(network, layout, origin, memory, 0, 1);
        } catch (InputError const& error) {
            problem = error.what();
        }
    auto const problems = host.gather(0, problem);
    auto const found = std::ranges::find_if_not(problems, &std::string::empty);
    problem = broadcast_text(host, found == problems.end() ? "" : *found);
    if (!problem.empty()) throw InputError(problem);
    memory.protect();
    if (cache) cache->keep(memory.bytes());
    return {network, std::move(layout), std::move(memory)};
}

NetworkKernels PackedNetwork::make_kernels() const {
    return {network_, layout_, memory_.bytes()};
}

}  // namespace skipstone::kernels

#include "kernels/packed_network.hpp"

#include <algorithm>
#include <vector>

#include "kernels/weights.hpp"
#include "kernels/weights_cache.hpp"
#include "units/error.hpp"
#include "units/file_memo.hpp"
#include "units/sha256.hpp"

namespace skipstone::kernels {

namespace {

// The weights file as it is now; nothing where there is none.
std::optional<HashedFile> hashed(WeightsOrigin const& origin) {
    if (!origin.file) return std::nullopt;
    auto file = remembered_hash(*origin.file);
    if (!origin.sha256.empty() && file.sha256 != origin.sha256) throw changed_while_read(*origin.file);
    return file;
}

std::optional<CachedWeights> cache_of(PackLayout const& layout, WeightsOrigin const& origin,
                                      std::optional<HashedFile> const& file) {
    using enum CachedWeights::Kind;
    if (file) return CachedWeights::of(layout, trained, "sha256 " + file->sha256);
    return CachedWeights::of(layout, random, "he-normal, seed " + std::to_string(origin.seed));
}

// Keeps what was packed. A file that was written a moment ago could change once more without its times showing that:
// then its hash tells.
void keep(CachedWeights const& cache, SharedMemory const& memory, WeightsOrigin const& origin,
          std::optional<HashedFile> const& file) {
    bool const settled = !file || settled_identity(*origin.file) == file->identity;
    if (settled || sha256_of_file(*origin.file) == file->sha256) cache.keep(memory.bytes());
}

// Blocks first, first + step, … identity: of the weights file when it was hashed.
void pack_share(Network const& network, PackLayout const& layout, WeightsOrigin const& origin,
                std::string const& identity, SharedMemory const& memory, std::size_t first, std::size_t step) {
    auto const pack = [&](WeightSource& source) {
        for (std::size_t block = first; block < network.all_blocks(); block += step)
            pack_block(network, layout, source, BlockId(block), memory.bytes());
    };
    if (first >= network.all_blocks()) return;
    if (!origin.file) {
        HeWeights source(network, origin.seed);
        pack(source);
        return;
    }
    FileWeights source(*origin.file, network);
    pack(source);
    // The file that was open while it was packed is the one that was hashed, and has not been written to since.
    if (source.identity() != identity) throw changed_while_read(*origin.file);
}

}  // namespace

PackedNetwork PackedNetwork::alone(Network const& network, PackLayout layout, WeightsOrigin const& origin) {
    auto const file = hashed(origin);
    auto const identity = file ? file->identity : "";
    auto const cache = cache_of(layout, origin, file);
    if (cache)
        if (auto memory = cache->open()) return {network, std::move(layout), origin, identity, *std::move(memory)};
    auto memory = SharedMemory::alone(layout.bytes());
    pack_share(network, layout, origin, identity, memory, 0, 1);
    memory.protect();
    if (cache) keep(*cache, memory, origin, file);
    return {network, std::move(layout), origin, identity, std::move(memory)};
}

PackedNetwork PackedNetwork::among(mpi::Communicator const& host, Network const& network, PackLayout layout,
                                   WeightsOrigin const& origin) {
    // Ranks choose algorithms by a profile of the host that each reads: what they lay out must be one thing.
    auto const layouts = host.gather(0, std::to_string(layout.digest()));
    bool const same = std::ranges::all_of(layouts, [&](auto const& other) { return other == layouts.front(); });
    if (!host.all(same)) throw InputError("the profile of this host was changed while the run started; start it again");
    // Rank 0 hashes the file and looks into the cache; the others map what it found right.
    std::optional<HashedFile> file;
    std::optional<CachedWeights> cache;
    std::optional<SharedMemory> cached;
    std::string problem;
    if (host.rank() == 0) try {
            file = hashed(origin);
            cache = cache_of(layout, origin, file);
            if (cache) cached = cache->open();
        } catch (InputError const& error) {
            problem = error.what();
        }
    auto const identity = host.broadcast(0, file ? file->identity : "");
    auto const kept = host.broadcast(0, cached ? cache->file().string() : "");
    if (!kept.empty()) {
        if (host.rank() != 0) cached = SharedMemory::of_file(kept, CachedWeights::file_bytes(layout));
        if (host.all(cached.has_value())) return {network, std::move(layout), origin, identity, *std::move(cached)};
    }
    auto memory = SharedMemory::among(host, layout.bytes());
    if (problem.empty()) try {
            if (memory.is_shared())
                pack_share(network, layout, origin, identity, memory, static_cast<std::size_t>(host.rank()),
                           static_cast<std::size_t>(host.size()));
            else
                pack_share(network, layout, origin, identity, memory, 0, 1);
        } catch (InputError const& error) {
            problem = error.what();
        }
    auto const problems = host.gather(0, problem);
    auto const found = std::ranges::find_if_not(problems, &std::string::empty);
    problem = host.broadcast(0, found == problems.end() ? "" : *found);
    if (!problem.empty()) throw InputError(problem);
    memory.protect();
    if (cache) keep(*cache, memory, origin, file);
    return {network, std::move(layout), origin, identity, std::move(memory)};
}

NetworkKernels PackedNetwork::make_kernels() const {
    auto open = [network = network_, origin = origin_, identity = identity_]() -> std::unique_ptr<WeightSource> {
        if (!origin.file) return std::make_unique<HeWeights>(network, origin.seed);
        auto source = std::make_unique<FileWeights>(*origin.file, network);
        if (source->identity() != identity) throw changed_while_read(*origin.file);
        return source;
    };
    return {network_, layout_, memory_.bytes(), std::move(open)};
}

}  // namespace skipstone::kernels

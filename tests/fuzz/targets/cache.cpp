// The files of the cache folder that hold weights and hashes: with anything in them, they give what was put there, or
// nothing. The input: how the packed weights' file is changed (pairs of a place and a byte, then a length), and what
// the small files beside it say.
#include <algorithm>
#include <cstdlib>
#include <fstream>
#include <iterator>
#include <vector>

#include "kernels/weights_cache.hpp"
#include "networks/resnet.hpp"
#include "tests/fuzz/memory_file.hpp"
#include "tests/fuzz/target.hpp"
#include "units/file_memo.hpp"
#include "units/sha256.hpp"

namespace {

using namespace skipstone;
namespace fs = std::filesystem;
using Bytes = std::vector<char>;

Bytes contents(fs::path const& path) {
    std::ifstream file(path, std::ios::binary);
    return {std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
}

void put(fs::path const& path, Bytes const& bytes) {
    std::ofstream file(path, std::ios::binary | std::ios::trunc);
    file.write(bytes.data(), static_cast<std::streamsize>(bytes.size()));
}

// A cache folder with one file of weights, and one hash.
class Cache {
  public:
    Cache() {
        ::setenv("SKIPSTONE_CACHE", (place_.path().parent_path() / "cache").c_str(), 1);
        Network const network({.name = "tiny",
                               .family = networks::resnet({.stages = {1},
                                                           .width = 2,
                                                           .expansion = 1,
                                                           .block = networks::BlockKind::basic,
                                                           .stem = networks::StemKind::cifar}),
                               .input = image_shape(8),
                               .classes = 3});
        kernels::PackLayout const layout(network);
        Bytes packed(layout.bytes());
        for (std::size_t i = 0; i < packed.size(); ++i) packed[i] = static_cast<char>(i * 7);
        weights_ = kernels::CachedWeights::of(layout, kernels::CachedWeights::Kind::trained, "these");
        weights_->keep(std::as_bytes(std::span(packed)));
        valid_ = contents(weights_->file());
        fuzz::require(valid_.size() == kernels::CachedWeights::file_bytes(layout), "the cache keeps a file");
        remembered_sha256(hashed);
        auto const folder = place_.path().parent_path() / "cache" / "hashes";
        fuzz::require(!fs::is_empty(folder), "the cache keeps a hash");
        memo_ = *fs::directory_iterator(folder);
    }

    void try_as(std::uint8_t const* data, std::size_t size) const {
        auto file = valid_;
        auto const edited = std::min<std::size_t>(size, 64);
        std::size_t at = 0;
        for (; at + 3 <= edited; at += 3)
            file[(data[at] | std::size_t{data[at + 1]} << 8) % file.size()] = static_cast<char>(data[at + 2]);
        if (at < edited) file.resize(file.size() + data[at] % 3 - 1);
        put(weights_->file(), file);
        Bytes const rest(data + edited, data + size);
        put(fs::path(weights_->file()).replace_extension(".checked"), rest);
        if (auto const found = weights_->open())
            fuzz::require(std::ranges::equal(found->bytes(), std::as_bytes(std::span(valid_))),
                          "the cache gives what was kept, or nothing");
        put(memo_, rest);
        fuzz::require(remembered_sha256(hashed) == sha256_of_file(hashed), "a remembered hash is the file's");
    }

  private:
    static constexpr char hashed[] = SKIPSTONE_SOURCE_DIR "/LICENSE";

    fuzz::MemoryFile place_{"marker", "", 0};
    std::optional<kernels::CachedWeights> weights_;
    Bytes valid_;
    fs::path memo_;
};

}  // namespace

int LLVMFuzzerTestOneInput(std::uint8_t const* data, std::size_t size) {
    static Cache const cache;
    cache.try_as(data, size);
    return 0;
}

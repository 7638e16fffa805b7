#pragma once

#include <cstddef>
#include <filesystem>
#include <optional>
#include <span>
#include <string>

#include "kernels/packed_weights.hpp"
#include "kernels/shared_memory.hpp"

namespace skipstone::kernels {

// One network's packed weights in the cache folder (units/cache_folder.hpp): weights/KEY.packed there, KEY a hash of
// all that the bytes follow from. The packed bytes come first in the file, then a trailer that says what they are and
// their SHA-256. A file appears under its name whole or not at all. Its contents are checked against their hash when it
// is new or its times have changed (KEY.checked says what was checked, and by its time when it was last used).
// Together the files stay below 2 GB: those that were not used for the longest time go first. Whatever is wrong with
// folder or file, the cache says nothing and does without. It does not defend against who can write to the folder.
class CachedWeights {
  public:
    // Weights of a file may take the place of others. Random ones, which every seed has and which are soon made again,
    // are kept only while the cache holds less than 1.5 GB with them: two networks as large as VGG16.
    enum class Kind { trained, random };

    // contents: equal texts stand for equal weights. Nothing when there is no cache folder.
    static std::optional<CachedWeights> of(PackLayout const& layout, Kind kind, std::string const& contents);

    std::filesystem::path const& file() const { return file_; }
    static std::size_t file_bytes(PackLayout const& layout);
    // The file, mapped and found right: the packed bytes, then the trailer.
    std::optional<SharedMemory> open() const;
    void keep(std::span<std::byte const> packed) const;

  private:
    CachedWeights(std::filesystem::path file, std::string key, Kind kind, std::size_t bytes)
        : file_(std::move(file)), key_(std::move(key)), kind_(kind), bytes_(bytes) {}

    std::string trailer(std::string const& sha256) const;
    bool contents_are_right(SharedMemory const& memory) const;
    std::filesystem::path checked() const;

    std::filesystem::path file_;
    std::string key_;
    Kind kind_;
    std::size_t bytes_;
};

}  // namespace skipstone::kernels

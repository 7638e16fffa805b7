#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <span>
#include <string>
#include <vector>

namespace skipstone::exits {

// The features of all samples at several blocks, in a file for the time of the training: block by block a table of
// float32, a row per sample. Memory holds none of them. Move-only.
class FeatureFile {
  public:
    // Opens or creates the file, with room for everything. sizes: numbers of a row, per block. Throws InputError when
    // it cannot be written, or is an input, or its disk has no room.
    FeatureFile(std::filesystem::path path, std::vector<std::size_t> sizes, std::size_t samples);
    FeatureFile(FeatureFile&& other) noexcept;
    ~FeatureFile();  // the file stays

    std::filesystem::path const& path() const { return path_; }
    // Numbers of a row of all blocks.
    std::size_t row_size() const;
    // Rows first, first + 1, … of all blocks: [blocks][rows][size of the block].
    void write(std::size_t first, std::size_t rows, std::span<float const> values);
    std::vector<float> read(std::size_t first, std::size_t rows) const;
    // All rows of one block, into samples · size numbers.
    void read_block(std::size_t block, std::span<std::byte> values) const;
    void remove();

  private:
    std::size_t offset(std::size_t block, std::size_t row) const;

    std::filesystem::path path_;
    std::vector<std::size_t> sizes_;
    std::size_t samples_;
    int file_ = -1;
};

// Of bytes (FNV-1a), to find out whether they are what was written.
std::uint32_t checksum(std::span<float const> values);

}  // namespace skipstone::exits

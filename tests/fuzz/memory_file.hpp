#pragma once

#include <cstddef>
#include <filesystem>
#include <string>

namespace skipstone::fuzz {

// A file in memory, in a folder of its own that goes with it: for readers that want a path.
class MemoryFile {
  public:
    // name: what it is called in the folder.
    MemoryFile(std::string const& name, void const* data, std::size_t size);
    MemoryFile(MemoryFile const&) = delete;
    MemoryFile& operator=(MemoryFile const&) = delete;
    ~MemoryFile();

    std::filesystem::path const& path() const { return path_; }

  private:
    std::filesystem::path folder_, path_;
};

}  // namespace skipstone::fuzz

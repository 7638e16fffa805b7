#include "tests/fuzz/memory_file.hpp"

#include <cstdlib>
#include <fstream>

#include "tests/fuzz/target.hpp"

namespace skipstone::fuzz {

namespace fs = std::filesystem;

MemoryFile::MemoryFile(std::string const& name, void const* data, std::size_t size) {
    auto const base = fs::is_directory("/dev/shm") ? fs::path("/dev/shm") : fs::temp_directory_path();
    auto pattern = (base / "skipstone-fuzz-XXXXXX").string();
    require(::mkdtemp(pattern.data()) != nullptr, "there is a folder for files");
    folder_ = pattern;
    path_ = folder_ / name;
    std::ofstream file(path_, std::ios::binary);
    file.write(static_cast<char const*>(data), static_cast<std::streamsize>(size));
    require(static_cast<bool>(file.flush()), "a file can be written");
}

MemoryFile::~MemoryFile() {
    std::error_code ignored;
    fs::remove_all(folder_, ignored);
}

}  // namespace skipstone::fuzz

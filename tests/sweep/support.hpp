#pragma once

#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <string>
#include <system_error>

namespace skipstone::sweep::test {

// A folder of its own that vanishes with the object.
class ScratchFolder {
  public:
    ScratchFolder() {
        auto text = (std::filesystem::temp_directory_path() / "skipstone-sweep-test-XXXXXX").string();
        path_ = ::mkdtemp(text.data());
    }
    ScratchFolder(ScratchFolder const&) = delete;
    ScratchFolder& operator=(ScratchFolder const&) = delete;
    ~ScratchFolder() {
        std::error_code ignored;
        std::filesystem::remove_all(path_, ignored);
    }
    std::filesystem::path const& path() const { return path_; }

  private:
    std::filesystem::path path_;
};

}  // namespace skipstone::sweep::test

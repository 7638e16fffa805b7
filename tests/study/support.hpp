#pragma once

#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <string>

namespace skipstone::study {

// A folder of its own that goes with the test.
struct Folder {
    Folder() : path(std::filesystem::temp_directory_path() / ("skipstone-study-" + std::to_string(getpid()))) {
        std::filesystem::create_directories(path);
    }
    Folder(Folder const&) = delete;
    Folder& operator=(Folder const&) = delete;
    ~Folder() { std::filesystem::remove_all(path); }

    std::string file(std::string const& name) const { return (path / name).string(); }
    std::string write(std::string const& name, std::string const& text) const {
        std::ofstream(path / name, std::ios::binary) << text;
        return file(name);
    }

    std::filesystem::path path;
};

inline std::string read(std::string const& file) {
    std::ifstream stream(file, std::ios::binary);
    return {std::istreambuf_iterator<char>(stream), {}};
}

}  // namespace skipstone::study

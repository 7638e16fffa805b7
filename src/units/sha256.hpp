#pragma once

#include <cstddef>
#include <memory>
#include <span>
#include <string>

namespace skipstone {

// SHA-256 (FIPS 180-4) of a stream of bytes. Move-only.
class Sha256 {
  public:
    Sha256();

    void update(std::span<std::byte const> bytes);
    // The digest of everything given so far, as 64 lowercase hex digits. The stream ends with it.
    std::string finish();

  private:
    struct Free {
        void operator()(void* context) const;
    };
    std::unique_ptr<void, Free> context_;
};

// A file that is open for reading.
class InputFile {
  public:
    // Throws InputError, naming the file, when it cannot be opened.
    explicit InputFile(std::string path);
    InputFile(InputFile const&) = delete;
    InputFile& operator=(InputFile const&) = delete;
    ~InputFile();

    int descriptor() const { return descriptor_; }
    // SHA-256 of what is left to read, as 64 lowercase hex digits. Throws InputError when it cannot be read.
    std::string sha256() const;

  private:
    std::string path_;
    int descriptor_;
};

// SHA-256 of a file's bytes, as 64 lowercase hex digits. Throws InputError, naming the file, when it cannot be read.
std::string sha256_of_file(std::string const& path);

}  // namespace skipstone

#pragma once

#include <cstddef>
#include <filesystem>
#include <optional>
#include <span>

#include "mpi/communicator.hpp"

namespace skipstone::kernels {

// Memory that several processes of one host may have in common. Move-only.
class SharedMemory {
  public:
    // Collective over the ranks of one host. Anonymous (memfd): when the last of them is gone, however it went, so is
    // the memory. Where one of them cannot map the memory of another (separate containers), each gets its own.
    static SharedMemory among(mpi::Communicator const& host, std::size_t bytes);
    static SharedMemory alone(std::size_t bytes);
    // A file's contents, to be read only; all who map it have one copy, the system's. Nothing unless it is a regular
    // file of this size. It must not be cut short while it is mapped (it may be replaced or removed).
    static std::optional<SharedMemory> of_file(std::filesystem::path const& path, std::size_t bytes);

    SharedMemory(SharedMemory&& other) noexcept;
    SharedMemory& operator=(SharedMemory&& other) noexcept;
    ~SharedMemory();

    std::span<std::byte> bytes() const { return {data_, size_}; }
    bool is_shared() const { return shared_; }
    // From here on writing to it is an access violation.
    void protect();

  private:
    SharedMemory(std::byte* data, std::size_t size, bool shared) : data_(data), size_(size), shared_(shared) {}

    std::byte* data_;
    std::size_t size_;
    bool shared_;
};

}  // namespace skipstone::kernels

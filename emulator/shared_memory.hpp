#pragma once

#include <cstddef>
#include <span>
#include <string>

#include "mpi/communicator.hpp"

namespace skipstone::emulator {

// Memory that the ranks of one host have in common. It is anonymous (memfd): when the last of them is gone, however it
// went, so is the memory. Move-only.
class SharedMemory {
  public:
    // Collective over the ranks of one host. Where one of them cannot map the memory of another (separate containers),
    // each gets its own.
    static SharedMemory among(mpi::Communicator const& host, std::size_t bytes);
    static SharedMemory alone(std::size_t bytes);

    SharedMemory(SharedMemory&& other) noexcept;
    SharedMemory& operator=(SharedMemory&&) = delete;
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

}  // namespace skipstone::emulator

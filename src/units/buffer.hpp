#pragma once

#include <cstddef>
#include <cstdlib>
#include <memory>
#include <new>
#include <span>

namespace skipstone {

// Raw bytes, aligned to 64 (a cache line, and what vector kernels like). Move-only; contents start uninitialised.
class Buffer {
  public:
    static constexpr std::size_t alignment = 64;

    Buffer() = default;
    explicit Buffer(std::size_t size) : size_(size) {
        if (size == 0) return;
        bytes_.reset(static_cast<std::byte*>(std::aligned_alloc(alignment, (size + alignment - 1) / alignment * alignment)));
        if (!bytes_) throw std::bad_alloc();
    }

    std::size_t size() const { return size_; }
    bool empty() const { return size_ == 0; }
    std::byte* data() { return bytes_.get(); }
    std::byte const* data() const { return bytes_.get(); }
    std::span<std::byte> bytes() { return {bytes_.get(), size_}; }
    std::span<std::byte const> bytes() const { return {bytes_.get(), size_}; }

  private:
    struct Free {
        void operator()(std::byte* p) const { std::free(p); }
    };
    std::unique_ptr<std::byte, Free> bytes_;
    std::size_t size_ = 0;
};

}  // namespace skipstone

#pragma once

#include <cstddef>
#include <cstdlib>
#include <memory>
#include <new>
#include <span>
#include <utility>

namespace skipstone {

// Raw bytes, aligned to 64 (a cache line, and what vector kernels like). Move-only; contents start uninitialised.
class Buffer {
  public:
    static constexpr std::size_t alignment = 64;

    Buffer() = default;
    explicit Buffer(std::size_t size) : size_(size) {
        if (size == 0) return;
        // Not aligned_alloc: that of glibc before 2.38 never reuses the hole that a buffer of the same size left, and
        // the heap grows.
        auto room = size + alignment;
        memory_.reset(std::malloc(room));
        if (!memory_) throw std::bad_alloc();
        void* first = memory_.get();
        bytes_ = static_cast<std::byte*>(std::align(alignment, size, first, room));
    }
    Buffer(Buffer&& other) noexcept { *this = std::move(other); }
    Buffer& operator=(Buffer&& other) noexcept {
        memory_ = std::move(other.memory_);
        bytes_ = std::exchange(other.bytes_, nullptr);
        size_ = std::exchange(other.size_, 0);
        return *this;
    }

    std::size_t size() const { return size_; }
    bool empty() const { return size_ == 0; }
    std::byte* data() { return bytes_; }
    std::byte const* data() const { return bytes_; }
    std::span<std::byte> bytes() { return {bytes_, size_}; }
    std::span<std::byte const> bytes() const { return {bytes_, size_}; }

  private:
    struct Free {
        void operator()(void* memory) const { std::free(memory); }
    };
    std::unique_ptr<void, Free> memory_;
    std::byte* bytes_ = nullptr;  // first aligned byte
    std::size_t size_ = 0;
};

}  // namespace skipstone

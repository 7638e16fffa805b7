#pragma once

#include <cstdint>
#include <utility>

namespace skipstone::hdf5 {

// An HDF5 identifier (hid_t) that is released when it goes. Move-only.
class Handle {
  public:
    using Id = std::int64_t;
    using Release = int (*)(Id);  // H5Fclose, H5Dclose, …

    Handle() = default;
    Handle(Id id, Release release) : id_(id), release_(release) {}
    Handle(Handle&& other) noexcept
        : id_(std::exchange(other.id_, -1)), release_(std::exchange(other.release_, nullptr)) {}
    Handle& operator=(Handle&& other) noexcept {
        if (this != &other) {
            drop();
            id_ = std::exchange(other.id_, -1);
            release_ = std::exchange(other.release_, nullptr);
        }
        return *this;
    }
    ~Handle() { drop(); }

    Id get() const { return id_; }
    explicit operator bool() const { return id_ >= 0; }
    // Releases it now. Returns what the release function said; 0 when there is nothing to release.
    int close() noexcept;

  private:
    void drop() noexcept { static_cast<void>(close()); }

    Id id_ = -1;
    Release release_ = nullptr;
};

}  // namespace skipstone::hdf5

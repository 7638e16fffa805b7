#pragma once

// Private to this room.

#include <string>

namespace skipstone::trace {

// Says to other processes that a file is being written: a lock of the operating system on a byte far behind the file's
// end, which goes with the process, however that ends. Nobody is kept from anything by it, HDF5's own locks neither.
class WriteMark {
  public:
    WriteMark() = default;
    // Marks the file, wherever it moves in its file system. A file system without such locks goes without.
    explicit WriteMark(std::string const& path);
    WriteMark(WriteMark const&) = delete;
    WriteMark& operator=(WriteMark const&) = delete;
    WriteMark(WriteMark&& other) noexcept;
    WriteMark& operator=(WriteMark&& other) noexcept;
    ~WriteMark();

    // The mark is this object's: false where another one has it, and on a file system without such locks.
    bool held() const { return held_; }

    // Whether the file at the path is marked: by this process or another one.
    static bool is_on(std::string const& path);

  private:
    int descriptor_ = -1;
    bool held_ = false;
};

}  // namespace skipstone::trace

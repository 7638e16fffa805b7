#pragma once

#include <filesystem>

namespace skipstone {

// A new file that gets its name when it is whole: without a name until then where the file system has such files
// (O_TMPFILE: ext4, XFS, Btrfs, tmpfs), so that a kill leaves nothing behind; elsewhere as `.NAME.new-NUMBER` beside it,
// a name that no other writer takes. It never opens a file or a link that is there already. Removed unless it takes its
// place.
class Draft {
  public:
    enum class Name { when_whole, at_once };  // at once: for libraries that cannot open a file without one (HDF5)

    // Throws EnvironmentError when the folder takes no new file.
    explicit Draft(std::filesystem::path target, Name name = Name::when_whole);
    ~Draft();
    Draft(Draft const&) = delete;
    Draft& operator=(Draft const&) = delete;

    // To open it with, empty, for reading and writing.
    std::filesystem::path path() const;
    // A name beside the target, from which it can be renamed; it lies there from now on. Throws EnvironmentError.
    std::filesystem::path const& give_name();
    // Replaces what is at the target, a link itself. Throws EnvironmentError. Once only.
    void replace_target();

  private:
    std::filesystem::path target_, named_;
    int descriptor_;
    bool nameless_;
};

// An empty file beside `target`, under a name that nothing had: what is to take the target's place is written there
// first. A link that lies there is never followed. Throws EnvironmentError when the folder cannot be written to.
std::filesystem::path new_draft(std::filesystem::path const& target);

}  // namespace skipstone

#pragma once

#include <filesystem>
#include <string>

#include "trace/write_mark.hpp"
#include "units/draft.hpp"
#include "units/error.hpp"

// Where a trace is put, and who else writes there.
namespace skipstone::trace {

// Whether readers on other hosts see writes in the order in which they were made: network and user-space file systems
// do not promise it.
bool orders_writes(std::filesystem::path const& folder);

// A new folder that nobody else can write into. Throws EnvironmentError.
std::filesystem::path own_folder(std::filesystem::path const& parent);

// The path as it will be written, links followed, so that replacing it keeps a link. Throws InputError when that cannot
// be.
std::filesystem::path writable(std::string const& path);

// The error for a path where another run writes a trace.
InputError being_written(std::string const& path);

// The file that holds the mark of a trace that comes to its place at the end only.
std::filesystem::path claim_of(std::filesystem::path const& target);

// Keeps other writers of a trace away while it is written elsewhere. A killed process leaves the empty file behind,
// without the mark.
class Claim {
  public:
    Claim() = default;
    // path: as the user gave it, for the InputError when another one has it.
    Claim(std::filesystem::path const& target, std::string const& path);
    Claim(Claim const&) = delete;
    Claim& operator=(Claim&& other) noexcept;
    ~Claim();

  private:
    std::filesystem::path file_;
    WriteMark mark_;
};

// Replaces what is at the target, but not a trace that is being written: then false, and all is as it was.
bool take_its_place(Draft& draft, std::filesystem::path const& target);

}  // namespace skipstone::trace

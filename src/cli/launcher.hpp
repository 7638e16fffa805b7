#pragma once

#include <cstddef>
#include <string>
#include <vector>

namespace skipstone::cli {

// The words of a command that starts `program` (with its arguments) with a rank per device and one for the coordinator.
// launcher: words before it, "srun --mpi=pmix"; "{ranks}" in them is the number of ranks, without it "-n RANKS" follows
// them. Empty: as mpi::launch_line has it.
std::vector<std::string> launch_words(std::string const& launcher, std::size_t devices,
                                      std::vector<std::string> const& program);

// Replaces this process. Throws EnvironmentError when the first word cannot be started.
[[noreturn]] void execute(std::vector<std::string> words);

}  // namespace skipstone::cli

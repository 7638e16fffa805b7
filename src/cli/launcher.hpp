#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <vector>

namespace skipstone::cli {

// The words of a command that starts `program` (with its arguments) with a rank per device and one for the coordinator.
// launcher: words before it, "srun --mpi=pmix"; "{ranks}" in them is the number of ranks, without it "-n RANKS" follows
// them. Empty: as mpi::launch_line has it.
std::vector<std::string> launch_words(std::string const& launcher, std::size_t devices,
                                      std::vector<std::string> const& program);

enum class LauncherInput { none, ours };  // what its standard input is

// Runs such a command in a process group of its own and waits for it. SIGINT and SIGTERM are
// passed on to it; when this process ends, it gets a SIGTERM. Returns its exit status, or 128 + the signal that was
// passed on (Open MPI's mpirun itself ends with 1 then). This process must have one thread.
int launch(std::vector<std::string> words, LauncherInput input);

// The words of a command line that starts this program: the name of a file, or several words ("apptainer exec image.sif
// skipstone").
std::vector<std::string> program_words(std::string const& program);

// The exit status of a command that runs in one process or as a rank of several, where it is neither (mpi::strangers);
// the first of those processes has said so.
std::optional<int> refused_among_strangers();

// Replaces this process. Throws EnvironmentError when the first word cannot be started.
[[noreturn]] void execute(std::vector<std::string> words);

}  // namespace skipstone::cli

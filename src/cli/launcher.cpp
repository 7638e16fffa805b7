#include "cli/launcher.hpp"

#include <unistd.h>

#include <CLI/CLI.hpp>
#include <cstdlib>

#include "mpi/communicator.hpp"
#include "units/error.hpp"

namespace skipstone::cli {

std::vector<std::string> launch_words(std::string const& launcher, std::size_t devices,
                                      std::vector<std::string> const& program) {
    auto const ranks = std::to_string(devices + 1);
    auto words = CLI::detail::split_up(launcher.empty() ? mpi::launch_line("{ranks}") : launcher);
    if (words.empty()) throw InputError("--launcher " + launcher + ": names no program");
    bool said = false;
    for (auto& word : words)
        for (auto at = word.find("{ranks}"); at != std::string::npos; at = word.find("{ranks}")) {
            word.replace(at, 7, ranks);
            said = true;
        }
    if (!said) words.insert(words.end(), {"-n", ranks});
    words.insert(words.end(), program.begin(), program.end());
    return words;
}

void execute(std::vector<std::string> words) {
    if (geteuid() == 0) {
        setenv("OMPI_ALLOW_RUN_AS_ROOT", "1", 1);
        setenv("OMPI_ALLOW_RUN_AS_ROOT_CONFIRM", "1", 1);
    }
    // Else a rank that is killed in MPI_Init may leave mpirun hanging (github.com/openpmix/openpmix, issue 1233).
    setenv("PMIX_MCA_gds", "hash", 0);
    std::vector<char*> argv;
    for (auto& word : words) argv.push_back(word.data());
    argv.push_back(nullptr);
    execvp(argv.front(), argv.data());
    throw EnvironmentError::from_errno(words.front());
}

}  // namespace skipstone::cli

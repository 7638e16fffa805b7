#include "cli/surroundings.hpp"

#include <unistd.h>

#include <algorithm>
#include <charconv>
#include <cstdlib>
#include <string_view>

#include "cli/this_host.hpp"
#include "units/error.hpp"

namespace skipstone::cli {

namespace {

std::string variable(char const* name) {
    auto const* const value = std::getenv(name);
    return value == nullptr ? "" : printable(value);
}

// What the launchers say of themselves to the processes that they start.
std::string launcher() {
    if (!variable("OMPI_COMM_WORLD_SIZE").empty()) return "mpirun (Open MPI)";
    if (!variable("HYDI_CONTROL_FD").empty() || !variable("MPIR_CVAR_CH3_INTERFACE_HOSTNAME").empty())
        return "mpirun (MPICH)";
    if (!variable("SLURM_STEP_ID").empty()) return "srun";
    return "";
}

}  // namespace

void add_surroundings(trace::Provenance& provenance) {
    provenance.job_id = variable("SLURM_JOB_ID");
    if (auto const array = variable("SLURM_ARRAY_JOB_ID"); !array.empty())
        provenance.job_array = array + "_" + variable("SLURM_ARRAY_TASK_ID");
    if (!provenance.job_id.empty()) {
        provenance.job_restarts = 0;  // SLURM sets the count only once there is one
        auto const count = variable("SLURM_RESTART_COUNT");
        std::from_chars(count.data(), count.data() + count.size(), provenance.job_restarts);
    }
    provenance.launcher = launcher();
    auto const host = this_host();
    provenance.processor = printable(host.processor);
    provenance.cores = host.cores;
    provenance.memory_bytes = std::int64_t{sysconf(_SC_PHYS_PAGES)} * sysconf(_SC_PAGESIZE);
}

}  // namespace skipstone::cli

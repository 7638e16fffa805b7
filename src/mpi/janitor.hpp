#pragma once

namespace skipstone::mpi {

// Removes what Open MPI leaves on this host when a job is killed: its segments in /dev/shm, mpirun's session folder, and
// mpirun itself where it hangs after a rank was killed in MPI_Init. A shell, started by the first rank of a host, that
// waits for the rank's and mpirun's end and outlives both. Where the job ends as it should, it finds nothing to do. Does
// nothing without mpirun (the variables PMIX_NAMESPACE and OMPI_MCA_orte_jobfam_session_dir). Failing to start is no
// error.
class Janitor {
  public:
    Janitor();
    ~Janitor();
    Janitor(Janitor const&) = delete;
    Janitor& operator=(Janitor const&) = delete;

  private:
    int alive_ = -1;  // the writing end of a pipe: closed when this process ends, however it ends
};

}  // namespace skipstone::mpi

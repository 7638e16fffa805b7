#pragma once

#include "mpi/communicator.hpp"

namespace skipstone::test {

// All ranks of this test program.
mpi::Communicator const& world();

}  // namespace skipstone::test

#pragma once

#include "trace/schema.hpp"

namespace skipstone::cli {

// Fills in what started this process and where it runs: batch job, launcher, processor, cores, memory.
void add_surroundings(trace::Provenance& provenance);

}  // namespace skipstone::cli

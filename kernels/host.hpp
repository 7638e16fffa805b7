#pragma once

#include <string>

namespace skipstone::kernels {

// The widest instruction set that oneDNN uses here, e.g. "avx512_core"; logits are bit-identical for one of them.
std::string instruction_set();

// "2.6.3", of the library at run time.
std::string onednn_version();

// How many OpenMP threads kernels may use that the calling thread packs, compiles or runs from now on; other threads
// keep what they had (OMP_NUM_THREADS, which counts only when it is set before the program starts, or else all cores).
// count >= 1.
void use_threads(int count);

// How many they are to use where nobody says otherwise: OMP_NUM_THREADS if that is set, or else one. Devices share the
// host's cores: a team in every one of them would only be in the way.
int usual_threads();

}  // namespace skipstone::kernels

#pragma once

#include <string>

namespace skipstone::kernels {

// The widest instruction set that oneDNN uses here, e.g. "avx512_core"; logits are bit-identical for one of them
// (design.md section 6).
std::string instruction_set();

// "2.6.3", of the library at run time.
std::string onednn_version();

}  // namespace skipstone::kernels

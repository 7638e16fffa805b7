#pragma once

#include <filesystem>

#include "config/sweep_record.hpp"

namespace skipstone::cli {

// What a trace adds up to, for tables of many: figures that do not depend on the host under the virtual clock. Throws
// InputError for what is no trace.
config::Figures trace_figures(std::filesystem::path const& trace);

}  // namespace skipstone::cli

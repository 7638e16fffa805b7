#pragma once

#include <filesystem>
#include <vector>

#include "analysis/summary.hpp"

namespace skipstone::analysis {

// Writes one CSV file per table of summary.hpp into the folder, NAME.csv, which is made if it is not there: a line of
// column names, with units, and a line per row. With several traces the first column is `trace`, the trace's path, and
// comparison.csv has a line per figure and trace. Throws InputError when a file cannot be written.
void write_csv(std::filesystem::path const& folder, std::vector<Analysis> const& analyses);

}  // namespace skipstone::analysis

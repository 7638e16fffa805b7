#pragma once

#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

namespace skipstone::sweep {

inline constexpr std::string_view table_format = "skipstone-sweep-table";

// What is wrong with a table that `sweep collect` wrote as HDF5, one sentence each; empty: it is whole. Throws
// InputError, naming the file, where it cannot be read.
std::vector<std::string> check_table(std::filesystem::path const& path);

}  // namespace skipstone::sweep

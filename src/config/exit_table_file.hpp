#pragma once

#include <filesystem>
#include <string>

#include "model/exit.hpp"

namespace skipstone::config {

// How an exit table came about; texts for people, each may be empty.
struct ExitTableProvenance {
    std::string date, software, instruction_set, weights, data_sha256;  // weights: the file's name
};

// Reads a table: HDF5 with the attributes format "skipstone-exit-table", format_version 1, network, dataset,
// weights_sha256, outcomes (the blocks behind which the exits are, then "end"), dropped, macs and head_macs (one per
// outcome), and the arrays confidence [samples, outcomes], predicted [samples, outcomes] and labels [samples]. Throws
// InputError, naming file and object, when it is another file, damaged, or contradicts itself. The file becomes an
// input, which nothing may be written over.
ExitTable read_exit_table(std::filesystem::path const& path);

// Writes what read_exit_table() reads, whole or not at all; provenance becomes attributes. Throws as write_file() does.
void write_exit_table(std::filesystem::path const& path, ExitTable const& table, ExitTableProvenance const& provenance);

}  // namespace skipstone::config

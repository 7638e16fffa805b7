#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "config/sweep_record.hpp"
#include "sweep/folder.hpp"
#include "sweep/points.hpp"
#include "sweep/runner.hpp"

namespace skipstone::sweep {

// A sweep's results: a row per point that is done, in the order of the manifest.
struct Table {
    std::vector<std::string> parameters, figures;  // names of columns
    struct Row {
        Point point;
        std::vector<double> figures;  // NaN: none
    };
    std::vector<Row> rows;
};

// What collecting found beside the rows.
struct Collected {
    Table table;
    std::vector<std::size_t> missing;   // points that are not done
    std::vector<std::string> software;  // versions that made the traces; more than one: results may differ
};

// with: also Program::host_figures, and "seconds": host seconds from a point's start until it was verified.
enum class HostFigures { without, with };

// Summaries are taken from the records where this program made them, else from the traces anew.
Collected collect(Manifest const& manifest, Folder const& folder, Program const& program, HostFigures host);

// CSV (RFC 4180 with line feeds): index, id, name, seed, the parameters, the figures. Numbers as the shortest text that
// reads back the same; an empty cell for none. Without host figures it depends on the sweep and the seeds alone.
std::string csv_text(Table const& table);

// Throws InputError for what write_table would refuse.
void check_table_name(std::filesystem::path const& name);

// Writes NAME.csv and NAME.h5. The HDF5 file has one table, /points, with the same columns: a parameter that is a
// number at every point is a float64 column, any other one text. Throws InputError when they cannot be written.
void write_table(Table const& table, std::filesystem::path const& name);

}  // namespace skipstone::sweep

#pragma once

#include <hdf5.h>

#include <stdexcept>
#include <string>
#include <vector>

#include "hdf5/file.hpp"
#include "trace/reader.hpp"

namespace skipstone::trace::sample {

// Takes from a trace's /rounds the columns that earlier programs did not write.
inline std::string without_later_columns(std::string const& path) {
    auto const rows = Reader(path).read<RoundRow>();
    auto trace = hdf5::File::open(path, hdf5::Access::write);
    auto const& table = table_of<RoundRow>();
    std::vector<hdf5::Column> columns;
    for (auto const& column : table.columns) {
        if (column.since == Since::later) continue;
        auto const type = column.type == ColumnType::text      ? hdf5::ColumnType::text
                          : column.type == ColumnType::float64 ? hdf5::ColumnType::float64
                                                               : hdf5::ColumnType::int32;
        columns.push_back({std::string(column.name), type, column.offset, Text::capacity, {}});
    }
    hdf5::RowType const type(table.row_size, columns);
    auto const units = trace.dataset(table.path).read_strings("units");
    if (H5Ldelete(trace.id(), table.path.c_str(), H5P_DEFAULT) < 0) throw std::runtime_error("H5Ldelete");
    auto rounds = trace.create_table(table.path, type, 16, {});
    rounds.append_rows(type, std::as_bytes(std::span(rows)));
    rounds.write_strings("units", units);
    return path;
}

}  // namespace skipstone::trace::sample

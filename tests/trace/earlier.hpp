#pragma once

#include <hdf5.h>

#include <stdexcept>
#include <string>
#include <vector>

#include "hdf5/file.hpp"
#include "trace/reader.hpp"
#include "trace/table_type.hpp"

namespace skipstone::trace::sample {

// Takes from a table the columns that earlier programs did not write.
template <class Row>
void take_later_columns(hdf5::File& trace, std::vector<Row> const& rows) {
    auto table = table_of<Row>();
    std::erase_if(table.columns, [](Column const& column) { return column.since == Since::later; });
    auto const type = row_type_of(table);
    auto const units = trace.dataset(table.path).read_strings("units");
    if (H5Ldelete(trace.id(), table.path.c_str(), H5P_DEFAULT) < 0) throw std::runtime_error("H5Ldelete");
    auto replaced = trace.create_table(table.path, type, 16, {});
    replaced.append_rows(type, std::as_bytes(std::span(rows)));
    replaced.write_strings("units", units);
}

// Makes a trace one of version 1, as an early program wrote it.
inline std::string without_later_columns(std::string const& path) {
    auto const rounds = Reader(path).read<RoundRow>();
    auto const blocks = Reader(path).header().blocks;
    auto const plans = Reader(path).read<PlanRow>();
    auto const requests = Reader(path).read<RequestRow>();
    auto const events = Reader(path).read<Event>();
    auto trace = hdf5::File::open(path, hdf5::Access::write);
    take_later_columns(trace, rounds);
    take_later_columns(trace, blocks);
    take_later_columns(trace, plans);
    take_later_columns(trace, requests);
    take_later_columns(trace, events);
    trace.write_integer("format_version", 1);
    return path;
}

}  // namespace skipstone::trace::sample

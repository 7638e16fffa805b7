#pragma once

// Private to this room.

#include <cstddef>
#include <span>
#include <vector>

#include "hdf5/row_type.hpp"
#include "trace/schema.hpp"

namespace skipstone::trace {

hdf5::RowType row_type_of(Table const& table);

template <class Row>
std::span<std::byte const> bytes_of(std::vector<Row> const& rows) {
    return std::as_bytes(std::span(rows));
}

}  // namespace skipstone::trace

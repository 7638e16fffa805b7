#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "hdf5/handle.hpp"

namespace skipstone::hdf5 {

enum class ColumnType { int8, uint8, int16, int32, int64, float64, text };

// One column of a compound type, and where it lies in the row's struct.
struct Column {
    std::string name;
    ColumnType type = ColumnType::int32;
    std::size_t offset = 0;
    std::size_t size = 0;                            // of text: its fixed length, UTF-8, padded with zeros
    std::vector<std::pair<std::string, int>> codes;  // names of an enum type's values; empty: a number
};

// A compound type with the layout of a C++ struct, in memory and in the file, little-endian there. Move-only.
class RowType {
  public:
    RowType(std::size_t row_size, std::vector<Column> columns);

    std::size_t row_size() const { return row_size_; }
    std::vector<Column> const& columns() const { return columns_; }
    Handle::Id id() const { return type_.get(); }

    // These rows with zeros between the columns, where structs hold what happened to lie there: a file is not to have
    // it.
    std::vector<std::byte> without_padding(std::span<std::byte const> rows) const;

  private:
    std::size_t row_size_;
    std::vector<Column> columns_;
    std::vector<std::size_t> padding_;  // bytes of a row that belong to no column
    Handle type_;
};

}  // namespace skipstone::hdf5

#include "trace/table_type.hpp"

#include <string>

#include "units/error.hpp"

namespace skipstone::trace {

namespace {

hdf5::ColumnType stored_as(ColumnType type) {
    switch (type) {
        case ColumnType::int16:
            return hdf5::ColumnType::int16;
        case ColumnType::int32:
        case ColumnType::int32_code:
            return hdf5::ColumnType::int32;
        case ColumnType::int64:
            return hdf5::ColumnType::int64;
        case ColumnType::float64:
            return hdf5::ColumnType::float64;
        case ColumnType::text:
            return hdf5::ColumnType::text;
        case ColumnType::uint8_code:
            return hdf5::ColumnType::uint8;
    }
    contract_failed("precondition", "a column type", __FILE__, __LINE__);
}

}  // namespace

hdf5::RowType row_type_of(Table const& table) {
    std::vector<hdf5::Column> columns;
    for (auto const& column : table.columns)
        columns.push_back(
            {std::string(column.name), stored_as(column.type), column.offset, Text::capacity, column.codes});
    return hdf5::RowType(table.row_size, std::move(columns));
}

}  // namespace skipstone::trace

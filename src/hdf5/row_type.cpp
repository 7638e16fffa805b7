#include "hdf5/row_type.hpp"

#include "hdf5/call.hpp"
#include "units/error.hpp"

namespace skipstone::hdf5 {

namespace {

hid_t number_type(ColumnType type) {
    switch (type) {
        case ColumnType::int8:
            return H5T_STD_I8LE;
        case ColumnType::uint8:
            return H5T_STD_U8LE;
        case ColumnType::int16:
            return H5T_STD_I16LE;
        case ColumnType::int32:
            return H5T_STD_I32LE;
        case ColumnType::int64:
            return H5T_STD_I64LE;
        case ColumnType::float64:
            return H5T_IEEE_F64LE;
        case ColumnType::text:
            break;
    }
    contract_failed("precondition", "a number", __FILE__, __LINE__);
}

Handle column_type(Column const& column) {
    if (column.type == ColumnType::text) {
        SKIPSTONE_EXPECT(column.size > 0);
        auto text = HDF5_ACQUIRE(column.name, H5Tclose, H5Tcopy, H5T_C_S1);
        HDF5_CALL(column.name, H5Tset_size, text.get(), column.size);
        HDF5_CALL(column.name, H5Tset_strpad, text.get(), H5T_STR_NULLPAD);
        HDF5_CALL(column.name, H5Tset_cset, text.get(), H5T_CSET_UTF8);
        return text;
    }
    SKIPSTONE_EXPECT(column.codes.empty() || (column.type != ColumnType::int64 && column.type != ColumnType::float64));
    if (column.codes.empty()) return HDF5_ACQUIRE(column.name, H5Tclose, H5Tcopy, number_type(column.type));
    auto codes = HDF5_ACQUIRE(column.name, H5Tclose, H5Tenum_create, number_type(column.type));
    for (auto const& [name, value] : column.codes) {
        std::int32_t const code = value;  // little-endian: its first byte is the code as int8 or uint8
        HDF5_CALL(column.name, H5Tenum_insert, codes.get(), name.c_str(), &code);
    }
    return codes;
}

}  // namespace

// The numbers are declared little-endian, which on the hosts that this builds for is the host's own order: no
// conversion.
RowType::RowType(std::size_t row_size, std::vector<Column> columns)
    : row_size_(row_size),
      columns_(std::move(columns)),
      type_(HDF5_ACQUIRE("compound", H5Tclose, H5Tcreate, H5T_COMPOUND, row_size)) {
    std::vector<bool> used(row_size);
    for (auto const& column : columns_) {
        auto const type = column_type(column);
        HDF5_CALL(column.name, H5Tinsert, type_.get(), column.name.c_str(), column.offset, type.get());
        for (std::size_t i = 0; i < H5Tget_size(type.get()); ++i) used.at(column.offset + i) = true;
    }
    for (std::size_t i = 0; i < row_size; ++i)
        if (!used[i]) padding_.push_back(i);
}

std::vector<std::byte> RowType::without_padding(std::span<std::byte const> rows) const {
    SKIPSTONE_EXPECT(rows.size() % row_size_ == 0);
    std::vector<std::byte> clean(rows.begin(), rows.end());
    for (std::size_t row = 0; row < clean.size(); row += row_size_)
        for (auto const at : padding_) clean[row + at] = std::byte{0};
    return clean;
}

}  // namespace skipstone::hdf5

#include "hdf5/dataset.hpp"

#include <algorithm>
#include <array>
#include <bit>
#include <functional>
#include <numeric>
#include <span>

#include "hdf5/call.hpp"
#include "hdf5/half.hpp"
#include "units/error.hpp"

namespace skipstone::hdf5 {

namespace {

TypeClass class_of(H5T_class_t type_class) {
    switch (type_class) {
        case H5T_INTEGER:
            return TypeClass::integer;
        case H5T_FLOAT:
            return TypeClass::real;
        case H5T_STRING:
            return TypeClass::text;
        case H5T_COMPOUND:
            return TypeClass::compound;
        case H5T_ENUM:
            return TypeClass::enumeration;
        default:
            return TypeClass::other;
    }
}

// The file's space, with the rows [first, first + count) selected.
Handle select_rows(Dataset const& dataset, std::uint64_t first, std::uint64_t count) {
    auto const shape = dataset.shape();
    SKIPSTONE_EXPECT(!shape.empty() && first + count <= shape.front());
    auto space = HDF5_ACQUIRE(dataset.place(), H5Sclose, H5Dget_space, dataset.id());
    std::vector<hsize_t> start(shape.size(), 0);
    std::vector<hsize_t> extent(shape.begin(), shape.end());
    start.front() = first;
    extent.front() = count;
    HDF5_CALL(dataset.place(), H5Sselect_hyperslab, space.get(), H5S_SELECT_SET, start.data(), nullptr, extent.data(),
              nullptr);
    return space;
}

Handle memory_space(Dataset const& dataset, std::uint64_t elements) {
    hsize_t const count = elements;
    return HDF5_ACQUIRE(dataset.place(), H5Sclose, H5Screate_simple, 1, &count, nullptr);
}

// Room for rows, of the shape that they have in the file: with another one HDF5 would move element by element.
Handle memory_of_rows(Dataset const& dataset, std::uint64_t count) {
    auto const shape = dataset.shape();
    std::vector<hsize_t> extent(shape.begin(), shape.end());
    extent.front() = count;
    return HDF5_ACQUIRE(dataset.place(), H5Sclose, H5Screate_simple, static_cast<int>(extent.size()), extent.data(),
                        nullptr);
}

void require_numbers(Dataset const& dataset) {
    auto const type_class = dataset.element_type().type_class;
    if (type_class != TypeClass::real && type_class != TypeClass::integer)
        throw InputError({dataset.file(), 0, dataset.name()}, "this dataset does not hold numbers");
}

// The selected elements as floats; HDF5 itself is slow with halves.
void read_selected(Dataset const& dataset, Handle::Id memory, Handle::Id space, std::span<float> values) {
    auto const type = HDF5_ACQUIRE(dataset.place(), H5Tclose, H5Dget_type, dataset.id());
    auto const half = half_type(dataset.place());
    if (std::endian::native == std::endian::little &&
        HDF5_CALL(dataset.place(), H5Tequal, type.get(), half.get()) > 0) {
        std::vector<std::uint16_t> halves(values.size());
        HDF5_READ(dataset.file(), dataset.name(), H5Dread, dataset.id(), half.get(), memory, space, H5P_DEFAULT,
                  halves.data());
        widen(halves, values);
        return;
    }
    HDF5_READ(dataset.file(), dataset.name(), H5Dread, dataset.id(), H5T_NATIVE_FLOAT, memory, space, H5P_DEFAULT,
              values.data());
}

// Values of a type over the rows that begin at `first`: a whole number of rows.
void write_over_rows(Dataset const& dataset, std::uint64_t first, Handle::Id type, std::size_t elements,
                     void const* values) {
    auto const extents = dataset.shape();
    auto const row = std::accumulate(extents.begin() + 1, extents.end(), std::uint64_t{1}, std::multiplies<>());
    SKIPSTONE_EXPECT(row > 0 && elements % row == 0);
    auto const count = elements / row;
    if (count == 0) return;
    auto const space = select_rows(dataset, first, count);
    auto const memory = memory_of_rows(dataset, count);
    HDF5_CALL(dataset.place(), H5Dwrite, dataset.id(), type, memory.get(), space.get(), H5P_DEFAULT, values);
}

// Makes room for `count` more rows; returns where they begin.
std::uint64_t grow(Dataset const& dataset, std::uint64_t count) {
    auto shape = dataset.shape();
    SKIPSTONE_EXPECT(!shape.empty());
    auto const first = shape.front();
    shape.front() += count;
    std::vector<hsize_t> const extent(shape.begin(), shape.end());
    HDF5_CALL(dataset.place(), H5Dset_extent, dataset.id(), extent.data());
    return first;
}

}  // namespace

std::vector<std::uint64_t> Dataset::shape() const {
    auto const space = HDF5_ACQUIRE(place(), H5Sclose, H5Dget_space, id());
    auto const rank = HDF5_CALL(place(), H5Sget_simple_extent_ndims, space.get());
    std::vector<hsize_t> extent(static_cast<std::size_t>(rank));
    HDF5_CALL(place(), H5Sget_simple_extent_dims, space.get(), extent.data(), nullptr);
    return {extent.begin(), extent.end()};
}

std::uint64_t Dataset::elements() const {
    auto const extents = shape();
    return std::accumulate(extents.begin(), extents.end(), std::uint64_t{1}, std::multiplies<>());
}

std::uint64_t Dataset::rows() const {
    auto const extents = shape();
    return extents.empty() ? 1 : extents.front();
}

ElementType Dataset::element_type() const {
    auto const type = HDF5_ACQUIRE(place(), H5Tclose, H5Dget_type, id());
    auto const size = H5Tget_size(type.get());
    if (size == 0) fail("H5Tget_size", place());
    return {class_of(HDF5_CALL(place(), H5Tget_class, type.get())), size};
}

void Dataset::require_filters() const {
    auto const list = HDF5_ACQUIRE(place(), H5Pclose, H5Dget_create_plist, id());
    auto const count = static_cast<unsigned>(HDF5_CALL(place(), H5Pget_nfilters, list.get()));
    for (unsigned i = 0; i < count; ++i) {
        std::array<char, 256> text{};
        unsigned flags = 0;
        std::size_t values = 0;
        auto const number = HDF5_CALL(place(), H5Pget_filter2, list.get(), i, &flags, &values, nullptr, text.size() - 1,
                                      text.data(), nullptr);
        if (HDF5_CALL(place(), H5Zfilter_avail, number) > 0) continue;
        std::string const called(text.data());
        throw InputError({file(), 0, name()},
                         "was written with the HDF5 filter " +
                             (called.empty() ? "" : "\"" + std::string(printable(called)) + "\", ") + "number " +
                             std::to_string(number) +
                             ", which is not on this machine. Write the file again with gzip or without a filter "
                             "(where the filter is: h5repack -f GZIP=4 OLD.h5 NEW.h5), or tell HDF5_PLUGIN_PATH where "
                             "the filter's plug-in lies");
    }
}

void Dataset::require_believable() const {
    constexpr double always = 64 << 20, most_per_byte = 1032;
    // What an element may take in memory: a double, or a row of strings that the file keeps short.
    auto const [type_class, size] = element_type();
    auto const in_memory =
        static_cast<double>(std::max(size, type_class == TypeClass::compound ? std::size_t{512} : sizeof(double)));
    auto const bytes = [&](std::span<hsize_t const> extents) {  // an extent of 0 must not excuse another one
        return std::accumulate(extents.begin(), extents.end(), in_memory, [](double product, hsize_t extent) {
            return product * std::max(1.0, static_cast<double>(extent));
        });
    };
    auto const file_id = HDF5_ACQUIRE(place(), H5Fclose, H5Iget_file_id, id());
    hsize_t file_size = 0;
    HDF5_CALL(place(), H5Fget_filesize, file_id.get(), &file_size);
    auto const most = always + most_per_byte * static_cast<double>(file_size);
    auto const extents = shape();
    std::vector<hsize_t> chunk(extents.size());
    auto const list = HDF5_ACQUIRE(place(), H5Pclose, H5Dget_create_plist, id());
    auto const layout = HDF5_CALL(place(), H5Pget_layout, list.get());
    if (layout == H5D_VIRTUAL || HDF5_CALL(place(), H5Pget_external_count, list.get()) > 0)
        throw InputError({file(), 0, name()}, "has its elements in another file; they are not looked for there");
    bool const chunked = layout == H5D_CHUNKED && !chunk.empty();
    if (chunked) HDF5_CALL(place(), H5Pget_chunk, list.get(), static_cast<int>(chunk.size()), chunk.data());
    std::vector<hsize_t> const claimed(extents.begin(), extents.end());
    if (bytes(claimed) > most || (chunked && bytes(chunk) > most))
        throw InputError({file(), 0, name()},
                         "claims more elements than a file of " + std::to_string(file_size) + " bytes can hold");
}

std::vector<float> Dataset::read_floats() const {
    std::vector<float> values(elements());
    read_floats(values);
    return values;
}

void Dataset::read_floats(std::span<float> values) const {
    require_numbers(*this);
    SKIPSTONE_EXPECT(values.size() == elements());
    read_selected(*this, H5S_ALL, H5S_ALL, values);
}

void Dataset::read_floats(std::uint64_t first, std::uint64_t count, std::span<float> values) const {
    require_numbers(*this);
    auto const space = select_rows(*this, first, count);
    auto const memory = memory_of_rows(*this, count);
    SKIPSTONE_EXPECT(static_cast<hssize_t>(values.size()) == H5Sget_select_npoints(space.get()));
    read_selected(*this, memory.get(), space.get(), values);
}

std::vector<double> Dataset::read_doubles() const {
    require_numbers(*this);
    std::vector<double> values(elements());
    HDF5_READ(file(), name(), H5Dread, id(), H5T_NATIVE_DOUBLE, H5S_ALL, H5S_ALL, H5P_DEFAULT, values.data());
    return values;
}

std::vector<double> Dataset::read_doubles(std::uint64_t first, std::uint64_t count) const {
    require_numbers(*this);
    if (count == 0) return {};
    auto const space = select_rows(*this, first, count);
    std::vector<double> values(static_cast<std::size_t>(HDF5_CALL(place(), H5Sget_select_npoints, space.get())));
    auto const memory = memory_of_rows(*this, count);
    HDF5_READ(file(), name(), H5Dread, id(), H5T_NATIVE_DOUBLE, memory.get(), space.get(), H5P_DEFAULT, values.data());
    return values;
}

void Dataset::append_doubles(std::span<double const> values) {
    auto const extents = shape();
    SKIPSTONE_EXPECT(!extents.empty());
    auto const row = std::accumulate(extents.begin() + 1, extents.end(), std::uint64_t{1}, std::multiplies<>());
    SKIPSTONE_EXPECT(row > 0 && values.size() % row == 0);
    if (values.empty()) return;
    write_doubles(grow(*this, values.size() / row), values);
}

void Dataset::write_doubles(std::uint64_t first, std::span<double const> values) {
    write_over_rows(*this, first, H5T_NATIVE_DOUBLE, values.size(), values.data());
}

void Dataset::write_floats(std::uint64_t first, std::span<float const> values) {
    write_over_rows(*this, first, H5T_NATIVE_FLOAT, values.size(), values.data());
}

void Dataset::write_integers(std::uint64_t first, std::span<std::int32_t const> values) {
    write_over_rows(*this, first, H5T_NATIVE_INT32, values.size(), values.data());
}

std::vector<std::string> Dataset::column_names() const {
    auto const type = HDF5_ACQUIRE(place(), H5Tclose, H5Dget_type, id());
    if (HDF5_CALL(place(), H5Tget_class, type.get()) != H5T_COMPOUND)
        throw InputError({file(), 0, name()}, "this dataset is not a table of compounds");
    auto const count = HDF5_CALL(place(), H5Tget_nmembers, type.get());
    std::vector<std::string> names;
    for (unsigned i = 0; i < static_cast<unsigned>(count); ++i) {
        char* const text = H5Tget_member_name(type.get(), i);
        if (text == nullptr) fail("H5Tget_member_name", place());
        names.emplace_back(text);
        H5free_memory(text);
    }
    return names;
}

TypeClass Dataset::column_class(std::string const& column) const {
    auto const names = column_names();
    auto const found = std::ranges::find(names, column);
    if (found == names.end()) return TypeClass::other;
    auto const type = HDF5_ACQUIRE(place(), H5Tclose, H5Dget_type, id());
    auto const index = static_cast<unsigned>(found - names.begin());
    return class_of(HDF5_CALL(place(), H5Tget_member_class, type.get(), index));
}

void Dataset::read_rows(RowType const& type, std::uint64_t first, std::uint64_t count,
                        std::span<std::byte> rows) const {
    SKIPSTONE_EXPECT(rows.size() == count * type.row_size());
    if (auto const rank = shape().size(); rank != 1)
        throw InputError({file(), 0, name()},
                         "is not a table, rows in one dimension (it has " + std::to_string(rank) + ")");
    auto const names = column_names();
    for (auto const& column : type.columns())
        if (std::ranges::find(names, column.name) == names.end())
            throw InputError({file(), 0, name()}, "column '" + column.name + "' is missing");
    if (count == 0) return;
    auto const space = select_rows(*this, first, count);
    auto const memory = memory_space(*this, count);
    // HDF5 takes and clears a buffer of 1 MB to convert few rows, too, if it is not told that a smaller one will do.
    auto const transfer = HDF5_ACQUIRE(place(), H5Pclose, H5Pcreate, H5P_DATASET_XFER);
    auto const buffer = std::clamp<std::size_t>(count * std::max(type.row_size(), element_type().size), 1, 1 << 20);
    HDF5_CALL(place(), H5Pset_buffer, transfer.get(), buffer, nullptr, nullptr);
    HDF5_READ(file(), name(), H5Dread, id(), type.id(), memory.get(), space.get(), transfer.get(), rows.data());
}

void Dataset::append_rows(RowType const& type, std::span<std::byte const> rows) {
    SKIPSTONE_EXPECT(rows.size() % type.row_size() == 0);
    if (rows.empty()) return;
    write_rows(type, grow(*this, rows.size() / type.row_size()), rows);
}

void Dataset::write_rows(RowType const& type, std::uint64_t first, std::span<std::byte const> rows) {
    SKIPSTONE_EXPECT(rows.size() % type.row_size() == 0);
    auto const count = rows.size() / type.row_size();
    if (count == 0) return;
    auto const space = select_rows(*this, first, count);
    auto const memory = memory_space(*this, count);
    auto const clean = type.without_padding(rows);
    HDF5_CALL(place(), H5Dwrite, id(), type.id(), memory.get(), space.get(), H5P_DEFAULT, clean.data());
}

void Dataset::flush() {
    HDF5_CALL(place(), H5Dflush, id());
}

void Dataset::refresh() {
    HDF5_CALL(place(), H5Drefresh, id());
}

}  // namespace skipstone::hdf5

#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "hdf5/object.hpp"
#include "hdf5/row_type.hpp"

namespace skipstone::hdf5 {

enum class TypeClass { integer, real, text, compound, enumeration, other };

struct ElementType {
    TypeClass type_class = TypeClass::other;
    std::size_t size = 0;  // bytes of one element; 2 for float16
};

// An array. Reading and writing throws EnvironmentError when HDF5 fails; the calls name what the file must hold, and
// throw InputError when it holds something else.
class Dataset : public Object {
  public:
    Dataset(Handle handle, std::string file, std::string name)
        : Object(std::move(handle), std::move(file), std::move(name)) {}

    std::vector<std::uint64_t> shape() const;
    std::uint64_t elements() const;
    ElementType element_type() const;
    // The first extent; 1 for a scalar.
    std::uint64_t rows() const;
    // Throws InputError when it says that it holds more than the file can: more than 64 MiB and what the best
    // compression (1032 : 1) would make of the whole file; or has its elements in another file. Everything that is read
    // was checked so, since a file of a few bytes may claim any extents.
    void require_believable() const;

    // Throws InputError, naming the filter and what to do, when the elements went through a filter (a compression) that
    // this HDF5 does not have. Everything that is read was checked so.
    void require_filters() const;

    // All elements, row-major, converted from any integer or floating-point type, float16 included.
    std::vector<float> read_floats() const;
    void read_floats(std::span<float> values) const;  // as many as there are elements
    // All elements of the rows [first, first + count).
    void read_floats(std::uint64_t first, std::uint64_t count, std::span<float> values) const;
    std::vector<double> read_doubles() const;
    // All elements of the rows [first, first + count).
    std::vector<double> read_doubles(std::uint64_t first, std::uint64_t count) const;
    // Appends rows along the first extent, which must be unlimited; values: a whole number of rows.
    void append_doubles(std::span<double const> values);
    // Over the rows that begin at `first`.
    void write_doubles(std::uint64_t first, std::span<double const> values);
    void write_floats(std::uint64_t first, std::span<float const> values);
    void write_integers(std::uint64_t first, std::span<std::int32_t const> values);

    // A one-dimensional array of compounds.
    std::vector<std::string> column_names() const;
    // Type class of a column; TypeClass::other when there is none of that name.
    TypeClass column_class(std::string const& column) const;
    // Rows [first, first + count) into `rows`, count * type.row_size() bytes; columns are matched by name and
    // converted, and each one of `type` must be there.
    void read_rows(RowType const& type, std::uint64_t first, std::uint64_t count, std::span<std::byte> rows) const;
    void append_rows(RowType const& type, std::span<std::byte const> rows);
    // Over the rows that begin at `first`.
    void write_rows(RowType const& type, std::uint64_t first, std::span<std::byte const> rows);

    // Hands what was written so far to the operating system: raw data first, then what refers to it.
    void flush();
    // Looks at the file again for what another process appended.
    void refresh();
};

}  // namespace skipstone::hdf5

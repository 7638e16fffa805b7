#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <unordered_set>
#include <vector>

#include "hdf5/dataset.hpp"
#include "hdf5/object.hpp"
#include "hdf5/row_type.hpp"

namespace skipstone::hdf5 {

enum class FloatWidth { half, single };  // IEEE binary16, binary32

// growing: rows are appended, and readers follow. packed: all rows are known; they are compressed (shuffled, gzip) and
// have checksums (Fletcher-32), so that damage is found when they are read.
enum class Storage { growing, packed };

// How many rows an array will have (packed; a growing one begins with none), and how many are stored together.
struct Rows {
    Rows(std::uint64_t rows_in_chunk, std::uint64_t all_rows = 0, Storage stored = Storage::growing)
        : in_chunk(rows_in_chunk), count(all_rows), storage(stored) {}

    std::uint64_t in_chunk, count;
    Storage storage;
};

// How much of a compressed array HDF5 keeps unpacked in memory, at most: a mebibyte, or 256 where rows are read in
// small pieces and each chunk holds parts of many rows.
enum class Unpacked { little, much };

class Group : public Object {
  public:
    Group(Handle handle, std::string file, std::string name)
        : Object(std::move(handle), std::move(file), std::move(name)) {}

    // Names of the datasets in it, not below it, in the order of their bytes.
    std::vector<std::string> dataset_names() const;
    // A dataset or group of that name (a path below this group, too) is there.
    bool has_dataset(std::string const& path) const;
    bool has_group(std::string const& path) const;
    std::optional<Dataset> find_dataset(std::string const& path, Unpacked unpacked = Unpacked::little) const;
    // Throws InputError, naming file and path, when it is not there.
    Dataset dataset(std::string const& path, Unpacked unpacked = Unpacked::little) const;
    Group group(std::string const& path) const;

    Group create_group(std::string const& name);
    // A table that rows can be appended to (growing) or written into (packed). fill_row: what a row reads as before it
    // is written, row_size bytes; empty: zeros.
    Dataset create_table(std::string const& name, RowType const& type, Rows const& rows,
                         std::span<std::byte const> fill_row);
    // Likewise a float64 array [rows, extents of a row…]; unwritten elements read as NaN.
    Dataset create_doubles(std::string const& name, std::vector<std::uint64_t> const& row_shape, Rows const& rows);
    // A fixed array with its values, row-major.
    Dataset create_floats(std::string const& name, std::vector<std::uint64_t> const& shape,
                          std::span<float const> values, FloatWidth width = FloatWidth::single);
    // Fixed arrays whose rows are written later (float32, int32).
    Dataset create_floats(std::string const& name, std::vector<std::uint64_t> const& shape);
    Dataset create_integers(std::string const& name, std::vector<std::uint64_t> const& shape);
    // Copies of all attributes, datasets and groups of another one, as they are stored there, but for those of these
    // names.
    void copy_from(Group const& other, std::unordered_set<std::string> const& left_out);
};

// read_swmr: while another process writes with write_swmr (or was killed doing so), and of finished files in that
// format, too.
enum class Access { read, read_swmr, write, write_swmr };

// An HDF5 file; as a group, its root. HDF5's file locks are not used: a writer excludes nobody.
class File : public Group {
  public:
    // Throws InputError when it is not there, not HDF5 (saying what it is instead), empty, truncated, or cannot be
    // opened this way.
    static File open(std::string const& path, Access access);
    // Creates a file in the format of HDF5 1.10, which write_swmr needs; one that is there is emptied. growing: laid
    // out so that a kill while it is written harms nothing. Throws InputError when the path cannot be written.
    static File create(std::string const& path, Storage storage = Storage::growing);

    File(File&&) noexcept = default;
    File& operator=(File&&) noexcept = default;
    ~File();

    // The file's path; this object's own name is "/".
    std::string const& path() const { return file(); }
    // Which file this is, in which state it is now: file_identity() of units/file_memo.hpp.
    std::string identity() const;
    void flush();
    // Closes now what is left to close; throws EnvironmentError when it could not be written. Objects of this file must
    // be gone.
    void close();
    // Gives up on writing, after an error: what HDF5 still holds is discarded, and the file on disk stays as it is.
    // Objects of this file can only be destroyed then. Without it HDF5 would try to write, and fail, until the process
    // ends.
    void abandon() noexcept;

  private:
    File(Handle file, Handle root, std::string path);

    Handle file_handle_;
};

// Whether a regular file begins as HDF5 files do, at byte 0 or after a user block.
bool has_signature(std::string const& path);

// Version of the HDF5 library in use, "1.10.8".
std::string library_version();

}  // namespace skipstone::hdf5

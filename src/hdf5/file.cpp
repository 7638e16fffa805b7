#include "hdf5/file.hpp"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cmath>
#include <fstream>
#include <limits>
#include <system_error>

#include "hdf5/call.hpp"
#include "hdf5/half.hpp"
#include "units/error.hpp"
#include "units/file_memo.hpp"

namespace skipstone::hdf5 {

namespace {

constexpr std::string_view signature = "\x89HDF\r\n\x1a\n";

std::string message_of(int error) {
    return std::generic_category().message(error);
}

std::string joined(std::string const& parent, std::string const& path) {
    return parent == "/" ? "/" + path : parent + "/" + path;
}

// Why a path cannot be opened as an HDF5 file, when HDF5 itself could not.
std::string diagnosis(std::string const& path, std::string const& message) {
    struct stat status {};
    if (::stat(path.c_str(), &status) != 0) return "cannot be opened (" + message_of(errno) + ")";
    if (S_ISDIR(status.st_mode)) return "is a folder, not an HDF5 file";
    if (!S_ISREG(status.st_mode)) return "is not a regular file, so not an HDF5 file";
    std::ifstream stream(path, std::ios::binary);
    if (!stream) return "cannot be opened (" + message_of(errno) + ")";
    std::string head(4096, '\0');
    stream.read(head.data(), static_cast<std::streamsize>(head.size()));
    head.resize(static_cast<std::size_t>(stream.gcount()));
    if (head.empty()) return "is not an HDF5 file (it is empty)";
    if (head.starts_with(signature)) return "is a damaged or truncated HDF5 file (" + message + ")";
    if (head.starts_with("PK\x03\x04")) return "is not an HDF5 file (it is a zip archive, as PyTorch writes them)";
    if (head.starts_with("\x89PNG")) return "is not an HDF5 file (it is a PNG image)";
    if (head.starts_with("\xff\xd8\xff")) return "is not an HDF5 file (it is a JPEG image)";
    if (head.starts_with("\x1f\x8b")) return "is not an HDF5 file (it is compressed with gzip)";
    if (head.starts_with("\xfd"
                         "7zXZ"))
        return "is not an HDF5 file (it is compressed with xz)";
    if (std::ranges::none_of(head, [](char c) { return (c >= 0 && c < ' ' && c != '\n' && c != '\r' && c != '\t'); }))
        return "is not an HDF5 file (it is text)";
    return "is not an HDF5 file (it does not begin with HDF5's signature)";
}

Handle access_properties(std::string const& path) {
    auto list = HDF5_ACQUIRE(path, H5Pclose, H5Pcreate, H5P_FILE_ACCESS);
    HDF5_CALL(path, H5Pset_libver_bounds, list.get(), H5F_LIBVER_V110, H5F_LIBVER_LATEST);
    HDF5_CALL(path, H5Pset_file_locking, list.get(), false, true);
    // How often a piece of metadata is read again that a writer may just be writing. The pauses double from 1 ns;
    // HDF5's own 100 attempts would wait for ever on a damaged file, these a quarter of a second.
    HDF5_CALL(path, H5Pset_metadata_read_attempts, list.get(), 28);
    return list;
}

Handle root_of(Handle const& file, std::string const& path) {
    return HDF5_ACQUIRE(path, H5Gclose, H5Gopen2, file.get(), "/", H5P_DEFAULT);
}

struct Found {
    std::vector<std::string> names;
    H5O_type_t wanted;
};

herr_t keep_name(hid_t group, char const* name, H5L_info_t const* link, void* data) {
    auto& found = *static_cast<Found*>(data);
    if (link->type != H5L_TYPE_HARD) return 0;
    H5O_info_t info;
    if (H5Oget_info_by_name2(group, name, &info, H5O_INFO_BASIC, H5P_DEFAULT) < 0) return -1;
    if (info.type == found.wanted) found.names.emplace_back(name);
    return 0;
}

// The kind of object at a path below a group; none when a part of the path is missing.
std::optional<H5O_type_t> kind_of(Group const& group, std::string const& path) {
    for (auto end = path.find('/');; end = path.find('/', end + 1)) {
        auto const part = path.substr(0, end);
        if (HDF5_CALL(group.place(), H5Lexists, group.id(), part.c_str(), H5P_DEFAULT) == 0) return std::nullopt;
        H5L_info_t link;
        HDF5_CALL(group.place(), H5Lget_info, group.id(), part.c_str(), &link, H5P_DEFAULT);
        if (link.type != H5L_TYPE_HARD)
            throw InputError({group.file(), 0, joined(group.name(), part)},
                             "is a link, perhaps to another file; links are not followed");
        if (end == std::string::npos) break;
    }
    H5O_info_t info;
    HDF5_CALL(group.place(), H5Oget_info_by_name2, group.id(), path.c_str(), &info, H5O_INFO_BASIC, H5P_DEFAULT);
    return info.type;
}

Dataset create_growing(Group const& group, std::string const& name, hid_t type,
                       std::vector<std::uint64_t> const& row_shape, Rows const& rows, void const* fill) {
    auto const what = group.file() + ":" + joined(group.name(), name);
    std::vector<hsize_t> extent{rows.storage == Storage::packed ? rows.count : 0}, limit{H5S_UNLIMITED},
        chunk{rows.in_chunk};
    for (auto const size : row_shape) {
        extent.push_back(size);
        limit.push_back(size);
        chunk.push_back(size);
    }
    auto const rank = static_cast<int>(extent.size());
    auto const space = HDF5_ACQUIRE(what, H5Sclose, H5Screate_simple, rank, extent.data(), limit.data());
    auto const list = HDF5_ACQUIRE(what, H5Pclose, H5Pcreate, H5P_DATASET_CREATE);
    HDF5_CALL(what, H5Pset_chunk, list.get(), rank, chunk.data());
    if (rows.storage == Storage::packed) {
        HDF5_CALL(what, H5Pset_shuffle, list.get());
        HDF5_CALL(what, H5Pset_deflate, list.get(), 4U);
        HDF5_CALL(what, H5Pset_fletcher32, list.get());
    }
    if (fill != nullptr) HDF5_CALL(what, H5Pset_fill_value, list.get(), type, fill);
    return {HDF5_ACQUIRE(what, H5Dclose, H5Dcreate2, group.id(), name.c_str(), type, space.get(), H5P_DEFAULT,
                         list.get(), H5P_DEFAULT),
            group.file(), joined(group.name(), name)};
}

Dataset create_fixed(Group const& group, std::string const& name, std::vector<std::uint64_t> const& shape,
                     Handle::Id type) {
    auto const full = joined(group.name(), name);
    auto const what = group.file() + ":" + full;
    std::vector<hsize_t> const extent(shape.begin(), shape.end());
    auto const space =
        HDF5_ACQUIRE(what, H5Sclose, H5Screate_simple, static_cast<int>(extent.size()), extent.data(), nullptr);
    return {HDF5_ACQUIRE(what, H5Dclose, H5Dcreate2, group.id(), name.c_str(), type, space.get(), H5P_DEFAULT,
                         H5P_DEFAULT, H5P_DEFAULT),
            group.file(), full};
}

}  // namespace

std::vector<std::string> Group::dataset_names() const {
    Found found{{}, H5O_TYPE_DATASET};
    HDF5_CALL(place(), H5Literate, id(), H5_INDEX_NAME, H5_ITER_INC, nullptr, keep_name, &found);
    return found.names;
}

bool Group::has_dataset(std::string const& path) const {
    return kind_of(*this, path) == H5O_TYPE_DATASET;
}

bool Group::has_group(std::string const& path) const {
    return kind_of(*this, path) == H5O_TYPE_GROUP;
}

std::optional<Dataset> Group::find_dataset(std::string const& path, Unpacked unpacked) const {
    if (!has_dataset(path)) return std::nullopt;
    auto const full = joined(name(), path);
    auto const access = HDF5_ACQUIRE(full, H5Pclose, H5Pcreate, H5P_DATASET_ACCESS);
    if (unpacked == Unpacked::much)
        HDF5_CALL(full, H5Pset_chunk_cache, access.get(), 12'421, std::size_t{256} << 20, H5D_CHUNK_CACHE_W0_DEFAULT);
    Dataset dataset(Handle(HDF5_READ(file(), full, H5Dopen2, id(), path.c_str(), access.get()), H5Dclose), file(),
                    full);
    dataset.require_believable();
    dataset.require_filters();
    return dataset;
}

Dataset Group::dataset(std::string const& path, Unpacked unpacked) const {
    auto found = find_dataset(path, unpacked);
    if (!found) throw InputError({file(), 0, joined(name(), path)}, "this dataset is missing");
    return std::move(*found);
}

Group Group::group(std::string const& path) const {
    auto const full = joined(name(), path);
    if (!has_group(path)) throw InputError({file(), 0, full}, "this group is missing");
    return {HDF5_ACQUIRE(file() + ":" + full, H5Gclose, H5Gopen2, id(), path.c_str(), H5P_DEFAULT), file(), full};
}

Group Group::create_group(std::string const& child) {
    auto const full = joined(name(), child);
    return {HDF5_ACQUIRE(file() + ":" + full, H5Gclose, H5Gcreate2, id(), child.c_str(), H5P_DEFAULT, H5P_DEFAULT,
                         H5P_DEFAULT),
            file(), full};
}

Dataset Group::create_table(std::string const& child, RowType const& type, Rows const& rows,
                            std::span<std::byte const> fill_row) {
    SKIPSTONE_EXPECT(fill_row.empty() || fill_row.size() == type.row_size());
    auto const fill = type.without_padding(fill_row);
    return create_growing(*this, child, type.id(), {}, rows, fill.empty() ? nullptr : fill.data());
}

Dataset Group::create_doubles(std::string const& child, std::vector<std::uint64_t> const& row_shape, Rows const& rows) {
    double const none = std::numeric_limits<double>::quiet_NaN();
    return create_growing(*this, child, H5T_IEEE_F64LE, row_shape, rows, &none);
}

Dataset Group::create_floats(std::string const& child, std::vector<std::uint64_t> const& shape,
                             std::span<float const> values, FloatWidth width) {
    auto const half = half_type(place());
    auto dataset = create_fixed(*this, child, shape, width == FloatWidth::half ? half.get() : H5T_IEEE_F32LE);
    SKIPSTONE_EXPECT(values.size() == dataset.elements());
    HDF5_CALL(dataset.place(), H5Dwrite, dataset.id(), H5T_NATIVE_FLOAT, H5S_ALL, H5S_ALL, H5P_DEFAULT, values.data());
    return dataset;
}

Dataset Group::create_floats(std::string const& child, std::vector<std::uint64_t> const& shape) {
    return create_fixed(*this, child, shape, H5T_IEEE_F32LE);
}

Dataset Group::create_integers(std::string const& child, std::vector<std::uint64_t> const& shape) {
    return create_fixed(*this, child, shape, H5T_STD_I32LE);
}

File::File(Handle file, Handle root, std::string path)
    : Group(std::move(root), std::move(path), "/"), file_handle_(std::move(file)) {}

File File::open(std::string const& path, Access access) {
    silence();
    auto const flags = [&] {
        switch (access) {
            case Access::read:
                return H5F_ACC_RDONLY;
            case Access::read_swmr:
                return H5F_ACC_RDONLY | H5F_ACC_SWMR_READ;
            case Access::write:
                return H5F_ACC_RDWR;
            case Access::write_swmr:
                return H5F_ACC_RDWR | H5F_ACC_SWMR_WRITE;
        }
        return H5F_ACC_RDONLY;
    }();
    auto const list = access_properties(path);
    Handle file(H5Fopen(path.c_str(), flags, list.get()), H5Fclose);
    if (!file) {
        auto const message = error_message();
        // HDF5 opens a file twice, and notices when the path leads to another one then.
        if (message.find("st_ino or st_dev fields changed") != std::string::npos) throw changed_while_read(path);
        throw InputError({path, 0, ""}, diagnosis(path, message));
    }
    auto root = root_of(file, path);
    return {std::move(file), std::move(root), path};
}

File File::create(std::string const& path, Storage storage) {
    silence();
    // HDF5's own message for a path that cannot be written says little: try it first.
    int const descriptor = ::open(path.c_str(), O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
    if (descriptor < 0) {
        auto const error = errno;
        if (error == ENOSPC || error == EDQUOT || error == EIO || error == EMFILE || error == ENFILE)
            throw EnvironmentError("open(" + path + ")", message_of(error));
        throw InputError({path, 0, ""}, "cannot be written (" + message_of(error) + ")");
    }
    ::close(descriptor);
    auto const creation = HDF5_ACQUIRE(path, H5Pclose, H5Pcreate, H5P_FILE_CREATE);
    auto const access = access_properties(path);
    // A write that a kill interrupts stops between two pages of memory: a piece of metadata that lies within one is
    // never half written.
    if (storage == Storage::growing) {
        HDF5_CALL(path, H5Pset_file_space_strategy, creation.get(), H5F_FSPACE_STRATEGY_PAGE, false, hsize_t{1});
        HDF5_CALL(path, H5Pset_file_space_page_size, creation.get(), hsize_t{4096});
    }
    // The root's attributes stay in its header, where rewriting one is safe under write_swmr.
    HDF5_CALL(path, H5Pset_attr_phase_change, creation.get(), 64, 32);
    auto file = HDF5_ACQUIRE(path, H5Fclose, H5Fcreate, path.c_str(), H5F_ACC_TRUNC, creation.get(), access.get());
    auto root = root_of(file, path);
    return {std::move(file), std::move(root), path};
}

File::~File() {
    handle_.close();
}

std::string File::identity() const {
    void* descriptor = nullptr;
    HDF5_CALL(path(), H5Fget_vfd_handle, file_handle_.get(), H5P_DEFAULT, &descriptor);
    return file_identity(*static_cast<int*>(descriptor));
}

void File::flush() {
    HDF5_CALL(path(), H5Fflush, file_handle_.get(), H5F_SCOPE_LOCAL);
}

void File::close() {
    flush();  // while a failure still leaves something that can be abandoned
    if (handle_.close() < 0) fail("H5Gclose", path());
    if (file_handle_.close() < 0) fail("H5Fclose", path());
}

void File::abandon() noexcept {
    silence();
    void* descriptor = nullptr;
    if (H5Fget_vfd_handle(file_handle_.get(), H5P_DEFAULT, &descriptor) < 0 || descriptor == nullptr) return;
    // HDF5 closes a file properly only when all its writes succeed: let them go to memory.
    int nowhere = ::memfd_create("abandoned", MFD_CLOEXEC);
    if (nowhere < 0) nowhere = ::open("/dev/null", O_RDWR | O_CLOEXEC);
    if (nowhere < 0) return;
    ::dup3(nowhere, *static_cast<int*>(descriptor), O_CLOEXEC);
    ::close(nowhere);
}

void Group::copy_from(Group const& other, std::unordered_set<std::string> const& left_out) {
    for (auto const& attribute : other.attribute_names())
        if (!left_out.contains(attribute)) copy_attribute(other, attribute);
    for (auto const kind : {H5O_TYPE_DATASET, H5O_TYPE_GROUP}) {
        Found found{{}, kind};
        HDF5_CALL(other.place(), H5Literate, other.id(), H5_INDEX_NAME, H5_ITER_INC, nullptr, keep_name, &found);
        for (auto const& name : found.names)
            if (!left_out.contains(name))
                HDF5_CALL(joined(place(), name), H5Ocopy, other.id(), name.c_str(), id(), name.c_str(), H5P_DEFAULT,
                          H5P_DEFAULT);
    }
}

// The signature stands at byte 0, or after a user block at 512, 1024, 2048, … (HDF5 file format specification, section
// II.A).
bool has_signature(std::string const& path) {
    struct stat status {};
    if (::stat(path.c_str(), &status) != 0 || !S_ISREG(status.st_mode)) return false;
    std::ifstream file(path, std::ios::binary);
    for (std::int64_t offset = 0; offset <= (std::int64_t{1} << 20); offset = offset == 0 ? 512 : 2 * offset) {
        std::array<char, signature.size()> bytes{};
        file.seekg(offset);
        if (!file.read(bytes.data(), bytes.size())) return false;
        if (std::string_view(bytes.data(), bytes.size()) == signature) return true;
    }
    return false;
}

std::string library_version() {
    unsigned major = 0, minor = 0, release = 0;
    HDF5_CALL("version", H5get_libversion, &major, &minor, &release);
    return std::to_string(major) + "." + std::to_string(minor) + "." + std::to_string(release);
}

}  // namespace skipstone::hdf5

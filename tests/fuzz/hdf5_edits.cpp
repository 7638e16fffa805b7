#include "tests/fuzz/hdf5_edits.hpp"

#include <hdf5.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <limits>
#include <string>
#include <utility>
#include <vector>

#include "tests/fuzz/target.hpp"

namespace skipstone::fuzz {

namespace {

// Takes a script apart; zeros after its end.
class Script {
  public:
    explicit Script(std::span<std::uint8_t const> bytes) : rest_(bytes) {}

    bool done() const { return rest_.empty(); }
    std::uint8_t byte() {
        if (rest_.empty()) return 0;
        auto const first = rest_.front();
        rest_ = rest_.subspan(1);
        return first;
    }
    std::size_t below(std::size_t limit) { return limit == 0 ? 0 : (byte() | (std::size_t{byte()} << 8)) % limit; }
    std::uint64_t number() {
        std::uint64_t value = 0;
        for (int i = 0; i < 8; ++i) value = (value << 8) | byte();
        return value;
    }
    // Numbers at which something happens, and any other.
    std::int64_t integer() {
        static constexpr std::array<std::int64_t, 14> special{0,
                                                              1,
                                                              -1,
                                                              2,
                                                              3,
                                                              100,
                                                              256,
                                                              std::numeric_limits<std::int32_t>::max(),
                                                              std::numeric_limits<std::int32_t>::min(),
                                                              std::numeric_limits<std::int64_t>::max(),
                                                              std::numeric_limits<std::int64_t>::min(),
                                                              std::int64_t{1} << 40,
                                                              -1000,
                                                              1'000'000'007};
        auto const choice = byte();
        return choice < special.size() ? special[choice] : static_cast<std::int64_t>(number());
    }
    double real() {
        using limits = std::numeric_limits<double>;
        static constexpr std::array<double, 12> special{0.0,
                                                        -0.0,
                                                        1.0,
                                                        -1.0,
                                                        limits::quiet_NaN(),
                                                        limits::infinity(),
                                                        -limits::infinity(),
                                                        limits::max(),
                                                        limits::denorm_min(),
                                                        1e300,
                                                        0.5,
                                                        1e18};
        auto const choice = byte();
        if (choice < special.size()) return special[choice];
        auto const bits = number();
        double value = 0;
        std::memcpy(&value, &bits, sizeof value);
        return value;
    }
    std::string text(std::size_t longest) {
        std::string text;
        for (auto length = below(longest + 1); length > 0 && !done(); --length)
            text.push_back(static_cast<char>(byte()));
        return text;
    }

  private:
    std::span<std::uint8_t const> rest_;
};

struct Objects {
    std::vector<std::string> all, datasets;
};

herr_t keep(hid_t, char const* name, H5O_info_t const* info, void* data) {
    auto& objects = *static_cast<Objects*>(data);
    objects.all.emplace_back(name);
    if (info->type == H5O_TYPE_DATASET) objects.datasets.emplace_back(name);
    return 0;
}

Objects objects_of(hid_t file) {
    Objects objects;
    H5Ovisit2(file, H5_INDEX_NAME, H5_ITER_INC, keep, &objects, H5O_INFO_BASIC);
    return objects;
}

// A number into `width` bytes; an 8-byte one as the script says, integer or real.
void put_number(Script& script, std::uint8_t* place, std::size_t width) {
    if (width == 8 && script.byte() % 2 == 0) {
        double const value = script.real();
        std::memcpy(place, &value, 8);
        return;
    }
    if (width == 4 && script.byte() % 4 == 0) {
        auto const value = static_cast<float>(std::clamp(script.real(), -1e38, 1e38));
        std::memcpy(place, &value, 4);
        return;
    }
    std::int64_t const value = script.integer();
    std::memcpy(place, &value, std::min<std::size_t>(width, 8));
}

constexpr hsize_t most_bytes = 1 << 20;  // of a dataset that is read to change it

void change_cell(Script& script, hid_t dataset) {
    hid_t const type = H5Dget_type(dataset), space = H5Dget_space(dataset);
    auto const size = H5Tget_size(type);
    auto const count = static_cast<hsize_t>(std::max<hssize_t>(0, H5Sget_simple_extent_npoints(space)));
    if (size > 0 && count > 0 && count < most_bytes / size && H5Tdetect_class(type, H5T_VLEN) <= 0 &&
        !H5Tis_variable_str(type)) {
        std::vector<std::uint8_t> bytes(size * count);
        if (H5Dread(dataset, type, H5S_ALL, H5S_ALL, H5P_DEFAULT, bytes.data()) >= 0) {
            auto* const row = bytes.data() + size * script.below(count);
            std::size_t offset = 0, width = size;
            if (H5Tget_class(type) == H5T_COMPOUND) {
                auto const column =
                    static_cast<unsigned>(script.below(static_cast<std::size_t>(std::max(1, H5Tget_nmembers(type)))));
                offset = H5Tget_member_offset(type, column);
                hid_t const member = H5Tget_member_type(type, column);
                width = H5Tget_size(member);
                H5Tclose(member);
            }
            if (width <= 8) {
                put_number(script, row + offset, width);
            } else {
                auto const text = script.text(width);
                std::fill(std::copy(text.begin(), text.end(), row + offset), row + offset + width, std::uint8_t{0});
            }
            H5Dwrite(dataset, type, H5S_ALL, H5S_ALL, H5P_DEFAULT, bytes.data());
        }
    }
    H5Sclose(space);
    H5Tclose(type);
}

hid_t any_type(Script& script) {
    hid_t type = -1;
    switch (script.byte() % 9) {
        case 0:
            return H5Tcopy(H5T_STD_I64BE);
        case 1:
            return H5Tcopy(H5T_STD_U8LE);
        case 2:
            return H5Tcopy(H5T_IEEE_F64LE);
        case 3:
            return H5Tcopy(H5T_IEEE_F32BE);
        case 4:
            type = H5Tcopy(H5T_C_S1);
            H5Tset_size(type, 1 + script.below(3) * 1000);
            return type;
        case 5:
            type = H5Tcopy(H5T_C_S1);
            H5Tset_size(type, H5T_VARIABLE);
            return type;
        case 6:
            return H5Tvlen_create(H5T_NATIVE_INT);
        case 7:
            type = H5Tcreate(H5T_COMPOUND, 8);
            H5Tinsert(type, "round", 0, H5T_STD_I32LE);
            return type;
        default:
            return H5Tcopy(H5T_STD_REF_OBJ);
    }
}

hsize_t any_extent(Script& script) {
    static constexpr std::array<hsize_t, 10> extents{0,          1,       2,          3,          4,
                                                     hsize_t{5}, 1 << 16, 1ULL << 32, 1ULL << 40, 1ULL << 62};
    return extents[script.byte() % extents.size()];
}

void replace_dataset(Script& script, hid_t file, std::string const& name) {
    hid_t type = -1;
    if (script.byte() % 2 == 0) {
        hid_t const old = H5Dopen2(file, name.c_str(), H5P_DEFAULT);
        type = old < 0 ? any_type(script) : H5Dget_type(old);
        if (old >= 0) H5Dclose(old);
    } else {
        type = any_type(script);
    }
    auto const rank = static_cast<int>(script.byte() % 5);
    std::vector<hsize_t> extent, chunk;
    for (int i = 0; i < rank; ++i) {
        extent.push_back(any_extent(script));
        chunk.push_back(std::clamp<hsize_t>(extent.back(), 1, 16));
    }
    hid_t const space = rank == 0 ? H5Screate(script.byte() % 2 ? H5S_SCALAR : H5S_NULL)
                                  : H5Screate_simple(rank, extent.data(), nullptr);
    hid_t const list = H5Pcreate(H5P_DATASET_CREATE);
    if (rank > 0 && script.byte() % 4 != 0) {
        H5Pset_chunk(list, rank, chunk.data());
        if (script.byte() % 4 == 0) H5Pset_deflate(list, 1);
    } else {
        H5Pset_alloc_time(list, H5D_ALLOC_TIME_LATE);
    }
    H5Ldelete(file, name.c_str(), H5P_DEFAULT);
    hid_t const made = H5Dcreate2(file, name.c_str(), type, space, H5P_DEFAULT, list, H5P_DEFAULT);
    if (made >= 0) H5Dclose(made);
    H5Pclose(list);
    if (space >= 0) H5Sclose(space);
    if (type >= 0) H5Tclose(type);
}

void extend(Script& script, hid_t dataset) {
    hid_t const space = H5Dget_space(dataset);
    std::vector<hsize_t> extent(static_cast<std::size_t>(std::max(0, H5Sget_simple_extent_ndims(space))));
    if (!extent.empty()) {
        H5Sget_simple_extent_dims(space, extent.data(), nullptr);
        constexpr hsize_t most_to_cut = 1 << 20;  // HDF5 looks for every chunk that goes
        bool const is_huge = extent[0] > most_to_cut;
        extent[0] = any_extent(script);
        if (!is_huge) H5Dset_extent(dataset, extent.data());
    }
    H5Sclose(space);
}

std::string any_attribute(Script& script, hid_t object) {
    auto const count = H5Aget_num_attrs(object);
    std::array<char, 256> name{"format"};
    if (count > 0)
        H5Aget_name_by_idx(object, ".", H5_INDEX_NAME, H5_ITER_INC, script.below(static_cast<std::size_t>(count)),
                           name.data(), name.size(), H5P_DEFAULT);
    return name.data();
}

void set_text(Script& script, hid_t object) {
    auto const name = any_attribute(script, object);
    auto const text = script.text(2000);
    hid_t const type = H5Tcopy(H5T_C_S1), space = H5Screate(H5S_SCALAR);
    H5Tset_size(type, std::max<std::size_t>(1, text.size()));
    H5Adelete(object, name.c_str());
    hid_t const made = H5Acreate2(object, name.c_str(), type, space, H5P_DEFAULT, H5P_DEFAULT);
    if (made >= 0) {
        H5Awrite(made, type, text.empty() ? "" : text.data());
        H5Aclose(made);
    }
    H5Sclose(space);
    H5Tclose(type);
}

void set_value(Script& script, hid_t object) {
    auto const name = any_attribute(script, object);
    bool const real = script.byte() % 2 == 0;
    hsize_t const count = script.byte() % 5;
    std::vector<double> reals(count);
    std::vector<std::int64_t> integers(count);
    for (auto& value : reals) value = script.real();
    for (auto& value : integers) value = script.integer();
    hid_t const space = count == 1 ? H5Screate(H5S_SCALAR) : H5Screate_simple(1, &count, nullptr);
    hid_t const type = real ? H5T_NATIVE_DOUBLE : H5T_NATIVE_INT64;
    H5Adelete(object, name.c_str());
    hid_t const made = H5Acreate2(object, name.c_str(), type, space, H5P_DEFAULT, H5P_DEFAULT);
    if (made >= 0) {
        if (count > 0) H5Awrite(made, type, real ? static_cast<void*>(reals.data()) : integers.data());
        H5Aclose(made);
    }
    H5Sclose(space);
}

void set_odd(Script& script, hid_t object) {
    auto const name = any_attribute(script, object);
    hid_t const type = any_type(script);
    hsize_t const count = script.byte() % 3;
    hid_t const space = count == 0 ? H5Screate(H5S_NULL) : H5Screate_simple(1, &count, nullptr);
    H5Adelete(object, name.c_str());
    hid_t const made = H5Acreate2(object, name.c_str(), type, space, H5P_DEFAULT, H5P_DEFAULT);
    if (made >= 0) H5Aclose(made);
    H5Sclose(space);
    if (type >= 0) H5Tclose(type);
}

// The object goes, or a link to another, to nowhere, to itself or to another file stands in its place.
void replace_link(Script& script, hid_t file, std::string const& name) {
    H5Ldelete(file, name.c_str(), H5P_DEFAULT);
    switch (script.byte() % 4) {
        case 1:
            H5Lcreate_soft("/rounds", file, name.c_str(), H5P_DEFAULT, H5P_DEFAULT);
            return;
        case 2:
            H5Lcreate_soft(("/" + name).c_str(), file, name.c_str(), H5P_DEFAULT, H5P_DEFAULT);
            return;
        case 3:
            H5Lcreate_external("other.h5", "/rounds", file, name.c_str(), H5P_DEFAULT, H5P_DEFAULT);
            return;
        default:
            return;
    }
}

void edit(Script& script, hid_t file) {
    auto const objects = objects_of(file);
    if (objects.all.empty()) return;
    auto const operation = script.byte() % 16;
    if (operation < 10 && !objects.datasets.empty()) {
        auto const& name = objects.datasets[script.below(objects.datasets.size())];
        if (operation == 9) {
            replace_dataset(script, file, name);
            return;
        }
        hid_t const dataset = H5Dopen2(file, name.c_str(), H5P_DEFAULT);
        if (dataset < 0) return;
        if (operation == 8)
            extend(script, dataset);
        else
            change_cell(script, dataset);
        H5Dclose(dataset);
        return;
    }
    auto const& name = objects.all[script.below(objects.all.size())];
    if (operation == 15) {
        if (name != ".") replace_link(script, file, name);
        return;
    }
    hid_t const object = H5Oopen(file, name.c_str(), H5P_DEFAULT);
    if (object < 0) return;
    if (operation < 12)
        set_text(script, object);
    else if (operation < 14)
        set_value(script, object);
    else
        set_odd(script, object);
    H5Oclose(object);
}

}  // namespace

void edit_hdf5(std::filesystem::path const& path, std::span<std::uint8_t const> script) {
    H5Eset_auto2(H5E_DEFAULT, nullptr, nullptr);
    hid_t const access = H5Pcreate(H5P_FILE_ACCESS);
    H5Pset_libver_bounds(access, H5F_LIBVER_V110, H5F_LIBVER_LATEST);
    H5Pset_file_locking(access, false, true);
    hid_t const file = H5Fopen(path.c_str(), H5F_ACC_RDWR, access);
    require(file >= 0, "the file that is changed is valid");
    constexpr int most_edits = 16;
    Script steps(script);
    for (int i = 0; i < most_edits && !steps.done(); ++i) edit(steps, file);
    H5Fclose(file);
    H5Pclose(access);
}

}  // namespace skipstone::fuzz

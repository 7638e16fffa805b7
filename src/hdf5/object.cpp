#include "hdf5/object.hpp"

#include <algorithm>
#include <cmath>
#include <iomanip>
#include <sstream>
#include <type_traits>
#include <utility>

#include "hdf5/call.hpp"
#include "units/error.hpp"

namespace skipstone::hdf5 {

namespace {

constexpr double most_attribute_bytes = 64 << 20;
// Texts of variable length in one attribute: all may be one and the same in the file, and are copies in memory.
constexpr std::size_t most_variable_texts = 1000;

[[noreturn]] void bad_attribute(Object const& object, std::string const& name, std::string const& problem) {
    throw InputError({object.file(), 0, object.name() + "@" + name}, problem);
}

struct OpenAttribute {
    Handle attribute, type, space;
    std::size_t elements = 0;
};

OpenAttribute open_attribute(Object const& object, std::string const& name) {
    if (!object.has_attribute(name)) bad_attribute(object, name, "this attribute is missing");
    auto const what = object.place() + "@" + name;
    OpenAttribute open;
    open.attribute =
        Handle(HDF5_READ(object.file(), object.name() + "@" + name, H5Aopen, object.id(), name.c_str(), H5P_DEFAULT),
               H5Aclose);
    open.type = HDF5_ACQUIRE(what, H5Tclose, H5Aget_type, open.attribute.get());
    open.space = HDF5_ACQUIRE(what, H5Sclose, H5Aget_space, open.attribute.get());
    open.elements = static_cast<std::size_t>(HDF5_CALL(what, H5Sget_simple_extent_npoints, open.space.get()));
    auto const bytes = static_cast<double>(open.elements) *
                       static_cast<double>(std::max(H5Tget_size(open.type.get()), sizeof(std::string)));
    if (bytes > most_attribute_bytes) bad_attribute(object, name, "is too large for an attribute");
    return open;
}

void require_scalar(Object const& object, std::string const& name, OpenAttribute const& open) {
    if (open.elements != 1)
        bad_attribute(object, name, "has " + std::to_string(open.elements) + " values where one is expected");
}

Handle text_type(std::string const& what, std::size_t size) {
    auto type = HDF5_ACQUIRE(what, H5Tclose, H5Tcopy, H5T_C_S1);
    HDF5_CALL(what, H5Tset_size, type.get(), size);
    HDF5_CALL(what, H5Tset_strpad, type.get(), H5T_STR_NULLPAD);
    HDF5_CALL(what, H5Tset_cset, type.get(), H5T_CSET_UTF8);
    return type;
}

// A whole number, whatever type a program stored it as (MATLAB, Julia and Fortran write float64): as Whole, exactly.
template <class Whole>
Whole read_whole_number(Object const& object, std::string const& name) {
    auto const open = open_attribute(object, name);
    auto const what = object.place() + "@" + name;
    auto const type_class = HDF5_CALL(what, H5Tget_class, open.type.get());
    if (type_class != H5T_INTEGER && type_class != H5T_FLOAT) bad_attribute(object, name, "is not an integer");
    require_scalar(object, name, open);
    auto const read = [&]<class Value>(hid_t type, Value value) {
        HDF5_READ(object.file(), object.name() + "@" + name, H5Aread, open.attribute.get(), type, &value);
        return value;
    };
    if (type_class == H5T_FLOAT) {
        constexpr double exact = 9007199254740992;  // 2^53: every whole number up to it is a float64
        auto const value = read(H5T_NATIVE_DOUBLE, 0.0);
        if (std::trunc(value) != value || std::abs(value) > exact || (value < 0 && std::is_unsigned_v<Whole>)) {
            std::ostringstream text;
            text << std::setprecision(17) << "is " << value << ", not an integer";
            bad_attribute(object, name, text.str());
        }
        return static_cast<Whole>(value);
    }
    // HDF5 clips what does not fit: as the other kind of integer it does.
    bool const is_signed = H5Tget_sign(open.type.get()) != H5T_SGN_NONE;
    auto const refuse_unless_fits = [&](auto value) {
        if (!std::in_range<Whole>(value))
            bad_attribute(object, name, "is " + std::to_string(value) + ", which is out of range");
        return static_cast<Whole>(value);
    };
    return is_signed ? refuse_unless_fits(read(H5T_NATIVE_INT64, std::int64_t{}))
                     : refuse_unless_fits(read(H5T_NATIVE_UINT64, std::uint64_t{}));
}

// Without what pads it to a fixed length: zeros, or blanks as Fortran has them.
std::string unpadded(std::string_view text) {
    text = text.substr(0, text.find('\0'));
    auto const last = text.find_last_not_of(' ');
    return std::string(text.substr(0, last == std::string_view::npos ? 0 : last + 1));
}

herr_t keep_name(hid_t, char const* name, H5A_info_t const*, void* names) {
    static_cast<std::vector<std::string>*>(names)->emplace_back(name);
    return 0;
}

}  // namespace

std::vector<std::string> Object::attribute_names() const {
    std::vector<std::string> names;
    HDF5_CALL(place(), H5Aiterate2, id(), H5_INDEX_NAME, H5_ITER_INC, nullptr, keep_name, &names);
    return names;
}

bool Object::has_attribute(std::string const& name) const {
    return HDF5_CALL(place() + "@" + name, H5Aexists, id(), name.c_str()) > 0;
}

std::string Object::read_string(std::string const& name) const {
    auto values = read_strings(name);
    if (values.size() != 1)
        bad_attribute(*this, name, "has " + std::to_string(values.size()) + " values where one is expected");
    return std::move(values.front());
}

std::vector<std::string> Object::read_strings(std::string const& name) const {
    auto const open = open_attribute(*this, name);
    auto const what = place() + "@" + name;
    if (HDF5_CALL(what, H5Tget_class, open.type.get()) != H5T_STRING) bad_attribute(*this, name, "is not a string");
    std::vector<std::string> values;
    if (open.elements == 0) return values;  // HDF5 refuses to read nothing
    if (HDF5_CALL(what, H5Tis_variable_str, open.type.get()) > 0) {
        // Its character set must be the file's own: HDF5 converts none.
        auto const memory = HDF5_ACQUIRE(what, H5Tclose, H5Tcopy, open.type.get());
        if (open.elements > most_variable_texts)
            bad_attribute(*this, name, "has more texts of variable length than an attribute may have");
        std::vector<char*> texts(open.elements, nullptr);
        HDF5_READ(file(), this->name() + "@" + name, H5Aread, open.attribute.get(), memory.get(), texts.data());
        for (char const* text : texts) values.push_back(unpadded(text == nullptr ? "" : text));
        HDF5_CALL(what, H5Dvlen_reclaim, memory.get(), open.space.get(), H5P_DEFAULT, texts.data());
        return values;
    }
    auto const size = H5Tget_size(open.type.get());
    if (size == 0) fail("H5Tget_size", what);
    std::string bytes(size * open.elements, '\0');
    HDF5_READ(file(), this->name() + "@" + name, H5Aread, open.attribute.get(), open.type.get(), bytes.data());
    for (std::size_t i = 0; i < open.elements; ++i) {
        auto const* const text = bytes.data() + i * size;
        values.push_back(unpadded({text, size}));
    }
    return values;
}

std::int64_t Object::read_integer(std::string const& name) const {
    return read_whole_number<std::int64_t>(*this, name);
}

std::uint64_t Object::read_unsigned(std::string const& name) const {
    return read_whole_number<std::uint64_t>(*this, name);
}

double Object::read_double(std::string const& name) const {
    auto const values = read_doubles(name);
    if (values.size() != 1)
        bad_attribute(*this, name, "has " + std::to_string(values.size()) + " values where one is expected");
    return values.front();
}

std::vector<double> Object::read_doubles(std::string const& name) const {
    auto const open = open_attribute(*this, name);
    auto const what = place() + "@" + name;
    auto const type_class = HDF5_CALL(what, H5Tget_class, open.type.get());
    if (type_class != H5T_FLOAT && type_class != H5T_INTEGER) bad_attribute(*this, name, "is not a number");
    std::vector<double> values(open.elements);
    if (values.empty()) return values;
    HDF5_READ(file(), this->name() + "@" + name, H5Aread, open.attribute.get(), H5T_NATIVE_DOUBLE, values.data());
    return values;
}

void Object::write_attribute(std::string const& name, Handle::Id type, Handle::Id space, void const* values) {
    auto const what = place() + "@" + name;
    if (has_attribute(name)) {
        auto const attribute = HDF5_ACQUIRE(what, H5Aclose, H5Aopen, id(), name.c_str(), H5P_DEFAULT);
        auto const old_type = HDF5_ACQUIRE(what, H5Tclose, H5Aget_type, attribute.get());
        auto const old_space = HDF5_ACQUIRE(what, H5Sclose, H5Aget_space, attribute.get());
        if (HDF5_CALL(what, H5Tequal, old_type.get(), type) > 0 &&
            HDF5_CALL(what, H5Sextent_equal, old_space.get(), space) > 0) {
            HDF5_CALL(what, H5Awrite, attribute.get(), type, values);
            return;
        }
        HDF5_CALL(what, H5Adelete, id(), name.c_str());
    }
    auto attribute =
        HDF5_ACQUIRE(what, H5Aclose, H5Acreate2, id(), name.c_str(), type, space, H5P_DEFAULT, H5P_DEFAULT);
    HDF5_CALL(what, H5Awrite, attribute.get(), type, values);
}

void Object::write_string(std::string const& name, std::string_view value, std::size_t min_size) {
    std::string bytes(value);
    bytes.resize(std::max({bytes.size(), min_size, std::size_t{1}}), '\0');
    auto const type = text_type(place() + "@" + name, bytes.size());
    auto const space = HDF5_ACQUIRE(place(), H5Sclose, H5Screate, H5S_SCALAR);
    write_attribute(name, type.get(), space.get(), bytes.data());
}

void Object::write_strings(std::string const& name, std::vector<std::string> const& values) {
    std::size_t size = 1;
    for (auto const& value : values) size = std::max(size, value.size());
    std::string bytes;
    for (auto value : values) {
        value.resize(size, '\0');
        bytes += value;
    }
    auto const type = text_type(place() + "@" + name, size);
    hsize_t const count = values.size();
    auto const space = HDF5_ACQUIRE(place(), H5Sclose, H5Screate_simple, 1, &count, nullptr);
    write_attribute(name, type.get(), space.get(), bytes.data());
}

void Object::write_integer(std::string const& name, std::int64_t value) {
    auto const space = HDF5_ACQUIRE(place(), H5Sclose, H5Screate, H5S_SCALAR);
    write_attribute(name, H5T_STD_I64LE, space.get(), &value);
}

void Object::write_unsigned(std::string const& name, std::uint64_t value) {
    auto const space = HDF5_ACQUIRE(place(), H5Sclose, H5Screate, H5S_SCALAR);
    write_attribute(name, H5T_STD_U64LE, space.get(), &value);
}

void Object::write_double(std::string const& name, double value) {
    auto const space = HDF5_ACQUIRE(place(), H5Sclose, H5Screate, H5S_SCALAR);
    write_attribute(name, H5T_IEEE_F64LE, space.get(), &value);
}

void Object::write_doubles(std::string const& name, std::span<double const> values) {
    hsize_t const count = values.size();
    auto const space = HDF5_ACQUIRE(place(), H5Sclose, H5Screate_simple, 1, &count, nullptr);
    write_attribute(name, H5T_IEEE_F64LE, space.get(), values.data());
}

void Object::copy_attribute(Object const& other, std::string const& name) {
    auto const what = other.place() + "@" + name;
    auto const open = open_attribute(other, name);
    std::vector<std::byte> values(std::max<std::size_t>(open.elements * H5Tget_size(open.type.get()), 1));
    HDF5_READ(other.file(), other.name() + "@" + name, H5Aread, open.attribute.get(), open.type.get(), values.data());
    // Texts of variable length were allocated by HDF5.
    struct Reclaim {
        OpenAttribute const& open;
        std::vector<std::byte>& values;
        ~Reclaim() { H5Dvlen_reclaim(open.type.get(), open.space.get(), H5P_DEFAULT, values.data()); }
    } const reclaim{open, values};
    write_attribute(name, open.type.get(), open.space.get(), values.data());
}

}  // namespace skipstone::hdf5

#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "hdf5/handle.hpp"

namespace skipstone::hdf5 {

// A file's root, a group or a dataset: something with attributes. Move-only. Every function throws EnvironmentError
// when HDF5 fails; reading throws InputError, naming file, object and attribute, when it is missing or of another type.
class Object {
  public:
    std::string const& file() const { return file_; }
    std::string const& name() const { return name_; }  // "/links/rate_bit_s"
    // "file:name", for messages.
    std::string place() const { return file_ + ":" + name_; }
    Handle::Id id() const { return handle_.get(); }

    std::vector<std::string> attribute_names() const;
    bool has_attribute(std::string const& name) const;

    // Fixed or variable length, without the zeros or blanks at its end.
    std::string read_string(std::string const& name) const;
    std::vector<std::string> read_strings(std::string const& name) const;
    // One whole number of any integer or floating-point type, a scalar or an array of one element; exactly.
    std::int64_t read_integer(std::string const& name) const;
    std::uint64_t read_unsigned(std::string const& name) const;
    double read_double(std::string const& name) const;  // integers too
    std::vector<double> read_doubles(std::string const& name) const;

    // Each creates the attribute; one that is there with the same type and shape is rewritten in place, another one is
    // replaced. Strings have a fixed length, UTF-8, padded with zeros: that of the value (of the longest), or min_size
    // if that is more.
    void write_string(std::string const& name, std::string_view value, std::size_t min_size = 1);
    void write_strings(std::string const& name, std::vector<std::string> const& values);
    void write_integer(std::string const& name, std::int64_t value);
    void write_unsigned(std::string const& name, std::uint64_t value);
    void write_double(std::string const& name, double value);
    void write_doubles(std::string const& name, std::span<double const> values);
    // An attribute of another object, of any type.
    void copy_attribute(Object const& other, std::string const& name);

  protected:
    Object(Handle handle, std::string file, std::string name)
        : handle_(std::move(handle)), file_(std::move(file)), name_(std::move(name)) {}

    Handle handle_;

  private:
    void write_attribute(std::string const& name, Handle::Id type, Handle::Id space, void const* values);

    std::string file_;
    std::string name_;
};

}  // namespace skipstone::hdf5

#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <span>
#include <string>
#include <vector>

#include "tests/fuzz/memory_file.hpp"
#include "tests/fuzz/target.hpp"

namespace skipstone::fuzz {

// Changes a valid HDF5 file as a script of arbitrary bytes says, through the HDF5 library: cells of datasets, types,
// shapes and extents of datasets, values and types of attributes, objects that go. The file stays one that HDF5 itself
// wrote: what it then holds is the reader's business.
void edit_hdf5(std::filesystem::path const& path, std::span<std::uint8_t const> script);

// Gives `read` the path of a file of that name: the input itself where it begins as a file in HDF5, else the valid file
// as the input edits it.
template <class Read>
void read_hdf5_input(std::string const& name, std::vector<char> const& valid, std::span<std::uint8_t const> input,
                     Read const& read) {
    bool const is_file = text_of(input.data(), input.size()).starts_with("\x89HDF");
    MemoryFile const file(name, is_file ? static_cast<void const*>(input.data()) : valid.data(),
                          is_file ? input.size() : valid.size());
    if (!is_file) edit_hdf5(file.path(), input);
    read(file.path().string());
}

}  // namespace skipstone::fuzz

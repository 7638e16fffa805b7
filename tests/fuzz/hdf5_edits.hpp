#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <span>

namespace skipstone::fuzz {

// Changes a valid HDF5 file as a script of arbitrary bytes says, through the HDF5 library: cells of datasets, types,
// shapes and extents of datasets, values and types of attributes, objects that go. The file stays one that HDF5 itself
// wrote: what it then holds is the reader's business.
void edit_hdf5(std::filesystem::path const& path, std::span<std::uint8_t const> script);

}  // namespace skipstone::fuzz

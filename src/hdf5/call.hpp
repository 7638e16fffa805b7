#pragma once

// Private to this room: HDF5's header, and its calls with every return checked.

#include <hdf5.h>

#include <string>
#include <string_view>

#include "hdf5/handle.hpp"

namespace skipstone::hdf5 {

static_assert(sizeof(hid_t) == sizeof(Handle::Id));

// Keeps HDF5 from printing errors on this thread, and from closing files when the process ends.
void silence() noexcept;

// What HDF5's error stack of this thread says: the operating system's message where there is one, else the innermost
// entry.
std::string error_message();

// Throws EnvironmentError: "call(what): HDF5's message".
[[noreturn]] void fail(std::string_view call, std::string const& what);

// Throws InputError: what HDF5 could not read of a file, with its message. The file is damaged, or its disk is.
[[noreturn]] void fail_to_read(std::string const& file, std::string const& place);

// Runs an HDF5 call that reads what an object holds; throws InputError when it says that it failed.
template <class Call>
auto checked_read(std::string const& file, std::string const& place, Call&& call) {
    silence();
    auto const result = call();
    if (result < 0) fail_to_read(file, place);
    return result;
}

// Runs an HDF5 call; throws EnvironmentError when it says that it failed.
template <class Call>
auto checked(std::string_view name, std::string const& what, Call&& call) {
    silence();
    auto const result = call();
    if (result < 0) fail(name, what);
    return result;
}

template <class Call>
Handle acquired(std::string_view name, std::string const& what, Handle::Release release, Call&& call) {
    return Handle(checked(name, what, call), release);
}

}  // namespace skipstone::hdf5

// HDF5_READ(file, "/events", H5Dread, …): a call that reads what an object of a file holds, checked.
#define HDF5_READ(file, place, function, ...) \
    ::skipstone::hdf5::checked_read(file, place, [&] { return function(__VA_ARGS__); })
// HDF5_CALL(what, H5Dget_space, dataset): the call, checked. HDF5_ACQUIRE(…, H5Sclose, …): its result as a handle.
#define HDF5_CALL(what, function, ...) \
    ::skipstone::hdf5::checked(#function, what, [&] { return function(__VA_ARGS__); })
#define HDF5_ACQUIRE(what, release, function, ...) \
    ::skipstone::hdf5::acquired(#function, what, release, [&] { return function(__VA_ARGS__); })

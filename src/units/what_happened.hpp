#pragma once

#include <exception>
#include <string>

namespace skipstone {

// What an exception says, in words for users: also those of the standard library that say nothing ("std::bad_alloc").
std::string what_happened(std::exception const& error);

}  // namespace skipstone

#pragma once

#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <string_view>

#include "units/error.hpp"

// What every target of this folder is: one function that takes any bytes, as libFuzzer calls it. It must return, with
// no memory error and no exception out of it; what an input is allowed to end in is InputError. A broken promise
// aborts.
extern "C" int LLVMFuzzerTestOneInput(std::uint8_t const* data, std::size_t size);

namespace skipstone::fuzz {

inline std::string_view text_of(std::uint8_t const* data, std::size_t size) {
    return {reinterpret_cast<char const*>(data), size};
}

inline void require(bool holds, char const* promise) {
    if (holds) return;
    std::fprintf(stderr, "broken promise: %s\n", promise);
    std::abort();
}

// Runs the parser; whether it accepted.
template <class Parse>
bool accepts(Parse&& parse) {
    try {
        parse();
        return true;
    } catch (InputError const&) {
        return false;
    }
}

}  // namespace skipstone::fuzz

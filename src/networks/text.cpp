#include "networks/text.hpp"

#include "units/error.hpp"

namespace skipstone::networks {

void require_ordinary(NetworkProfile const& profile) {
    auto fail = [&](std::string const& message) { throw InputError("network " + profile.name + ": " + message); };
    auto const& in = profile.input;
    if (in.h < 1 || in.h > 65536 || in.w < 1 || in.w > 65536 || in.elements() > 4096UL * 4096 * 3)
        fail("input must be 1 to 4096 pixels");
    if (in.c < 1 || in.c > 65536) fail("channels must be 1 to 65536");
    if (profile.classes < 1 || profile.classes > 1'000'000) fail("classes must be 1 to 1000000");
}

}  // namespace skipstone::networks

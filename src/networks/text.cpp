#include "networks/text.hpp"

#include <charconv>

#include "units/error.hpp"

namespace skipstone::networks {

std::string number(double value) {
    std::array<char, 32> text{};
    auto const end = std::to_chars(text.data(), text.data() + text.size(), value).ptr;
    return {text.data(), end};
}

std::string list(std::vector<int> const& values) {
    std::string text;
    for (int const value : values) text += (text.empty() ? "" : ", ") + std::to_string(value);
    return "[" + text + "]";
}

void require_ordinary(NetworkProfile const& profile) {
    auto const& in = profile.input;
    if (in.h < 1 || in.h > 65536 || in.w < 1 || in.w > 65536 || in.elements() > 4096UL * 4096 * 3)
        throw InputError("input must be 1 to 4096 pixels");
    if (in.c < 1 || in.c > 65536) throw InputError("channels must be 1 to 65536");
    if (profile.classes < 1 || profile.classes > 1'000'000) throw InputError("classes must be 1 to 1000000");
}

}  // namespace skipstone::networks

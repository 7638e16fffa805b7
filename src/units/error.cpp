#include "units/error.hpp"

#include <cerrno>
#include <system_error>

namespace skipstone {

namespace {

std::string placed(InputPlace const& place, std::string const& message) {
    std::string text;
    if (!place.file.empty()) {
        text += place.file;
        if (place.line > 0) text += ":" + std::to_string(place.line);
        text += ": ";
    }
    if (!place.key.empty()) text += place.key + ": ";
    return text + message;
}

// A message may quote what a file says, of any length.
std::string shown(std::string const& message) {
    constexpr std::size_t most = 65536;
    if (message.size() <= most) return printable(message);
    return printable(std::string_view(message).substr(0, most)) + " … (and " + std::to_string(message.size() - most) +
           " bytes more)";
}

}  // namespace

std::string printable(std::string_view text) {
    std::string shown;
    for (std::size_t i = 0; i < text.size(); ++i) {
        auto const byte = static_cast<unsigned char>(text[i]);
        auto const next = i + 1 < text.size() ? static_cast<unsigned char>(text[i + 1]) : 0U;
        bool const control = (byte < 0x20 && byte != '\n' && byte != '\t') || byte == 0x7f;
        bool const long_control = byte == 0xc2 && next >= 0x80 && next < 0xa0;  // U+0080 … U+009F in UTF-8
        if (!control && !long_control) {
            shown += text[i];
            continue;
        }
        constexpr std::string_view digits = "0123456789abcdef";
        auto const code = long_control ? next : byte;
        shown += {'\\', 'x', digits[code >> 4U], digits[code & 15U]};
        if (long_control) ++i;
    }
    return shown;
}

InputError::InputError(std::string const& message) : std::runtime_error(shown(message)) {}

InputError::InputError(InputPlace place, std::string const& message)
    : std::runtime_error(shown(placed(place, message))), place_(std::move(place)) {}

EnvironmentError EnvironmentError::from_errno(std::string const& call) {
    return {call, std::generic_category().message(errno)};
}

void contract_failed(char const* kind, char const* condition, char const* file, int line) {
    throw ContractError(std::string(kind) + " failed: " + condition + " (" + file + ":" + std::to_string(line) +
                        "); this is a bug in Skipstone");
}

}  // namespace skipstone

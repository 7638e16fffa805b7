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

}  // namespace

InputError::InputError(InputPlace place, std::string const& message)
    : std::runtime_error(placed(place, message)), place_(std::move(place)) {}

EnvironmentError EnvironmentError::from_errno(std::string const& call) {
    return {call, std::generic_category().message(errno)};
}

void contract_failed(char const* kind, char const* condition, char const* file, int line) {
    throw ContractError(std::string(kind) + " failed: " + condition + " (" + file + ":" + std::to_string(line) +
                        "); this is a bug in Skipstone");
}

}  // namespace skipstone

#include "units/what_happened.hpp"

#include <new>
#include <system_error>

namespace skipstone {

std::string what_happened(std::exception const& error) {
    if (dynamic_cast<std::bad_alloc const*>(&error) != nullptr)
        return "there is not enough memory (on this host, or within this process's limit)";
    auto const* system = dynamic_cast<std::system_error const*>(&error);
    if (system != nullptr && system->code() == std::errc::resource_unavailable_try_again)
        return "a thread cannot be started: there is not enough memory, or too many processes run (" +
               std::string(error.what()) + ")";
    return error.what();
}

}  // namespace skipstone

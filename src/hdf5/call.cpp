#include "hdf5/call.hpp"

#include "units/error.hpp"

namespace skipstone::hdf5 {

int Handle::close() noexcept {
    if (id_ < 0) return 0;
    silence();
    return release_(std::exchange(id_, -1));
}

void silence() noexcept {
    // Handles close what they hold. What is left when the process ends could not be written, and HDF5's exit handler,
    // which only a call before all others keeps away, crashes on it.
    H5dont_atexit();
    H5Eset_auto2(H5E_DEFAULT, nullptr, nullptr);
}

namespace {

herr_t keep_innermost(unsigned depth, H5E_error2_t const* entry, void* text) {
    if (depth == 0 && entry->desc != nullptr) *static_cast<std::string*>(text) = entry->desc;
    return 0;
}

}  // namespace

std::string error_message() {
    std::string text;
    H5Ewalk2(H5E_DEFAULT, H5E_WALK_UPWARD, keep_innermost, &text);
    constexpr std::string_view mark = "error message = '";
    if (auto const begin = text.find(mark); begin != std::string::npos) {
        auto const from = begin + mark.size();
        if (auto const end = text.find('\'', from); end != std::string::npos) return text.substr(from, end - from);
    }
    return text.empty() ? "no message" : text;
}

void fail_to_read(std::string const& file, std::string const& place) {
    throw InputError({file, 0, place}, "is damaged: HDF5 cannot read it (" + error_message() + ")");
}

void fail(std::string_view call, std::string const& what) {
    throw EnvironmentError(std::string(call) + "(" + what + ")", error_message());
}

}  // namespace skipstone::hdf5

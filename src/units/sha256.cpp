#include "units/sha256.hpp"

#include <fcntl.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <system_error>
#include <utility>
#include <vector>

#include "units/error.hpp"

namespace skipstone {

namespace {

EVP_MD_CTX* context_of(void* context) {
    return static_cast<EVP_MD_CTX*>(context);
}

void check(int result, char const* call) {
    if (result == 1) return;
    std::array<char, 256> message{};
    ERR_error_string_n(ERR_get_error(), message.data(), message.size());
    throw EnvironmentError(call, message.data());
}

InputError unreadable(std::string const& path) {
    return {InputPlace{path, 0, ""}, "cannot be read (" + std::generic_category().message(errno) + ")"};
}

}  // namespace

void Sha256::Free::operator()(void* context) const {
    EVP_MD_CTX_free(context_of(context));
}

Sha256::Sha256() : context_(EVP_MD_CTX_new()) {
    if (!context_) throw EnvironmentError("EVP_MD_CTX_new", "out of memory");
    check(EVP_DigestInit_ex(context_of(context_.get()), EVP_sha256(), nullptr), "EVP_DigestInit_ex");
}

void Sha256::update(std::span<std::byte const> bytes) {
    check(EVP_DigestUpdate(context_of(context_.get()), bytes.data(), bytes.size()), "EVP_DigestUpdate");
}

std::string Sha256::finish() {
    std::array<unsigned char, 32> digest{};
    check(EVP_DigestFinal_ex(context_of(context_.get()), digest.data(), nullptr), "EVP_DigestFinal_ex");
    constexpr char digits[] = "0123456789abcdef";
    std::string text;
    for (unsigned char const byte : digest) {
        text += digits[byte >> 4];
        text += digits[byte & 15];
    }
    return text;
}

InputFile::InputFile(std::string path)
    : path_(std::move(path)), descriptor_(::open(path_.c_str(), O_RDONLY | O_CLOEXEC)) {
    if (descriptor_ < 0) throw unreadable(path_);
}

InputFile::~InputFile() {
    ::close(descriptor_);
}

std::string InputFile::sha256() const {
    Sha256 stream;
    std::vector<std::byte> bytes(1 << 18);
    while (true) {
        auto const count = ::read(descriptor_, bytes.data(), bytes.size());
        if (count < 0 && errno == EINTR) continue;
        if (count < 0) throw unreadable(path_);
        if (count == 0) return stream.finish();
        stream.update(std::span(bytes).first(static_cast<std::size_t>(count)));
    }
}

std::string sha256_of_file(std::string const& path) {
    return InputFile(path).sha256();
}

}  // namespace skipstone

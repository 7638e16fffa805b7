#include <lzma.h>

#include <algorithm>

#include "images/decode.hpp"
#include "units/error.hpp"

namespace skipstone::images {

namespace {

class Stream {
  public:
    Stream() = default;
    Stream(Stream const&) = delete;
    Stream& operator=(Stream const&) = delete;
    ~Stream() { lzma_end(&stream_); }
    lzma_stream* get() { return &stream_; }
    lzma_stream* operator->() { return &stream_; }

  private:
    lzma_stream stream_ = LZMA_STREAM_INIT;
};

constexpr std::uint64_t decoder_memory = std::uint64_t(256) << 20;  // of the dictionary; xz -9 needs 65 MiB

std::string describe(lzma_ret code) {
    switch (code) {
        case LZMA_FORMAT_ERROR:
            return "is not an .xz file";
        case LZMA_OPTIONS_ERROR:
            return "uses .xz options that this liblzma does not know";
        case LZMA_DATA_ERROR:
            return "is a damaged .xz file";
        case LZMA_BUF_ERROR:
            return "is a truncated .xz file";
        case LZMA_MEMLIMIT_ERROR:
            return "is an .xz file whose dictionary is too large (over 256 MiB)";
        default:
            return "cannot be unpacked (liblzma code " + std::to_string(static_cast<int>(code)) + ")";
    }
}

}  // namespace

std::vector<std::uint8_t> decode_xz(std::span<std::uint8_t const> bytes, std::string const& file) {
    Stream stream;
    if (auto const code = lzma_stream_decoder(stream.get(), decoder_memory, LZMA_CONCATENATED); code != LZMA_OK)
        throw EnvironmentError("lzma_stream_decoder", "code " + std::to_string(static_cast<int>(code)));
    std::vector<std::uint8_t> unpacked(std::clamp<std::size_t>(4 * bytes.size(), 4096, max_file_bytes));
    stream->next_in = bytes.data();
    stream->avail_in = bytes.size();
    lzma_ret code = LZMA_OK;
    do {
        if (stream->total_out == unpacked.size()) {
            if (unpacked.size() > max_file_bytes)
                refuse(file, "unpacks to more than " + std::to_string(max_file_bytes) + " bytes");
            unpacked.resize(std::min(2 * unpacked.size(), max_file_bytes + 1));
        }
        stream->next_out = unpacked.data() + stream->total_out;
        stream->avail_out = unpacked.size() - stream->total_out;
        code = lzma_code(stream.get(), LZMA_FINISH);
    } while (code == LZMA_OK);
    if (code != LZMA_STREAM_END) refuse(file, describe(code));
    if (stream->total_out > max_file_bytes)
        refuse(file, "unpacks to more than " + std::to_string(max_file_bytes) + " bytes");
    unpacked.resize(stream->total_out);
    return unpacked;
}

}  // namespace skipstone::images

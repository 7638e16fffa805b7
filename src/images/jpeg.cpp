#include <csetjmp>
#include <cstdio>
// jpeglib.h needs FILE and size_t from the headers above.
#include <jerror.h>
#include <jpeglib.h>

#include "images/decode.hpp"
#include "units/error.hpp"

namespace skipstone::images {

namespace {

constexpr int max_scans = 100;  // a progressive file of a few bytes may otherwise decode for hours

// libjpeg reports errors through a callback that must not return: it jumps. Between a setjmp and the jump there are
// only C calls and trivial objects.
class Decoder {
  public:
    explicit Decoder(std::span<std::uint8_t const> bytes) {
        jpeg_.err = jpeg_std_error(&errors_);
        jpeg_.client_data = this;
        errors_.error_exit = [](j_common_ptr info) { self(info).fail(); };
        errors_.emit_message = [](j_common_ptr info, int level) { self(info).warn(level); };
        progress_.progress_monitor = [](j_common_ptr info) { self(info).limit_scans(); };
        jpeg_create_decompress(&jpeg_);  // fails only when the library is another version than its header
        jpeg_.progress = &progress_;
        bytes_ = bytes;
    }
    Decoder(Decoder const&) = delete;
    Decoder& operator=(Decoder const&) = delete;
    ~Decoder() { jpeg_destroy_decompress(&jpeg_); }

    // These return whether it worked; message() says what did not.
    bool read_header() {
        if (setjmp(failed_) != 0) return false;
        jpeg_mem_src(&jpeg_, bytes_.data(), static_cast<unsigned long>(bytes_.size()));
        jpeg_read_header(&jpeg_, TRUE);
        return true;
    }
    bool read_pixels(std::uint8_t* rgb) {
        if (setjmp(failed_) != 0) return false;
        jpeg_.out_color_space = JCS_RGB;
        jpeg_.dct_method = JDCT_ISLOW;
        jpeg_start_decompress(&jpeg_);
        auto const stride = std::size_t(3) * jpeg_.output_width;
        while (jpeg_.output_scanline < jpeg_.output_height) {
            JSAMPROW row = rgb + stride * jpeg_.output_scanline;
            jpeg_read_scanlines(&jpeg_, &row, 1);
        }
        jpeg_finish_decompress(&jpeg_);
        return true;
    }

    int height() const { return static_cast<int>(jpeg_.image_height); }
    int width() const { return static_cast<int>(jpeg_.image_width); }
    bool is_cmyk() const { return jpeg_.num_components == 4; }
    char const* message() const { return message_; }

  private:
    static Decoder& self(j_common_ptr info) { return *static_cast<Decoder*>(info->client_data); }

    [[noreturn]] void fail() {
        errors_.format_message(reinterpret_cast<j_common_ptr>(&jpeg_), message_);
        std::longjmp(failed_, 1);
    }
    // A level below 0 is damaged data, which libjpeg would fill up with grey.
    void warn(int level) {
        bool const harmless = errors_.msg_code == JWRN_EXTRANEOUS_DATA || errors_.msg_code == JWRN_ADOBE_XFORM ||
                              errors_.msg_code == JWRN_JFIF_MAJOR;
        if (level < 0 && !harmless) fail();
    }
    void limit_scans() {
        if (jpeg_.input_scan_number <= max_scans) return;
        std::snprintf(message_, sizeof message_, "more than %d scans", max_scans);
        std::longjmp(failed_, 1);
    }

    jpeg_decompress_struct jpeg_{};
    jpeg_error_mgr errors_{};
    jpeg_progress_mgr progress_{};
    std::span<std::uint8_t const> bytes_;
    std::jmp_buf failed_{};
    char message_[JMSG_LENGTH_MAX] = {};
};

[[noreturn]] void refuse_damaged(Decoder const& decoder, std::string const& file) {
    refuse(file, "is a damaged or truncated JPEG (libjpeg: " + std::string(decoder.message()) + ")");
}

}  // namespace

Picture decode_jpeg(std::span<std::uint8_t const> bytes, std::string const& file) {
    Decoder decoder(bytes);
    if (!decoder.read_header()) refuse_damaged(decoder, file);
    check_extent(decoder.height(), decoder.width(), file);
    if (decoder.is_cmyk()) refuse(file, "is a JPEG in CMYK, which is not read; convert it to RGB");
    Picture picture{decoder.height(), decoder.width(), {}};
    picture.rgb.resize(std::size_t(3) * static_cast<std::size_t>(picture.height) *
                       static_cast<std::size_t>(picture.width));
    if (!decoder.read_pixels(picture.rgb.data())) refuse_damaged(decoder, file);
    return picture;
}

}  // namespace skipstone::images

#include <png.h>

#include <csetjmp>
#include <cstring>

#include "images/decode.hpp"
#include "units/error.hpp"

namespace skipstone::images {

namespace {

// libpng reports errors through a callback that must not return: it jumps. Between a setjmp and the jump there are only
// C calls and trivial objects. Values are taken as they are stored: chunks that say what colours they mean (gAMA, cHRM,
// iCCP, sRGB) are passed over, as PIL, OpenCV and torchvision do.
class Decoder {
  public:
    explicit Decoder(std::span<std::uint8_t const> bytes) : bytes_(bytes) {
        png_ = png_create_read_struct(
            PNG_LIBPNG_VER_STRING, this, [](png_structp png, png_const_charp message) { self(png).fail(message); },
            [](png_structp, png_const_charp) {});
        info_ = png_ != nullptr ? png_create_info_struct(png_) : nullptr;
        if (info_ == nullptr) {
            png_destroy_read_struct(&png_, nullptr, nullptr);
            throw std::bad_alloc();
        }
        png_set_read_fn(png_, this, [](png_structp png, png_bytep out, std::size_t count) { self(png).read(out, count); });
    }
    Decoder(Decoder const&) = delete;
    Decoder& operator=(Decoder const&) = delete;
    ~Decoder() { png_destroy_read_struct(&png_, &info_, nullptr); }

    // These return whether it worked; message() says what did not.
    bool read_header() {
        if (setjmp(failed_) != 0) return false;
        png_read_info(png_, info_);
        return true;
    }
    // rgb: 3 bytes a pixel; rows: a pointer to each row of it.
    bool read_pixels(std::uint8_t** rows) {
        if (setjmp(failed_) != 0) return false;
        png_set_expand(png_);      // palettes, 1 to 4 bits
        png_set_strip_16(png_);    // the upper 8 bits
        png_set_strip_alpha(png_);
        png_set_gray_to_rgb(png_);
        png_set_interlace_handling(png_);
        png_read_update_info(png_, info_);
        if (png_get_rowbytes(png_, info_) != std::size_t(3) * png_get_image_width(png_, info_))
            png_error(png_, "rows are not of red, green and blue");
        png_read_image(png_, rows);
        return true;
    }

    std::int64_t height() const { return png_get_image_height(png_, info_); }
    std::int64_t width() const { return png_get_image_width(png_, info_); }
    char const* message() const { return message_; }

  private:
    static Decoder& self(png_structp png) { return *static_cast<Decoder*>(png_get_error_ptr(png)); }

    [[noreturn]] void fail(char const* message) {
        std::strncpy(message_, message, sizeof message_ - 1);
        std::longjmp(failed_, 1);
    }
    void read(png_bytep out, std::size_t count) {
        if (count > bytes_.size() - position_) png_error(png_, "it ends too early");
        std::memcpy(out, bytes_.data() + position_, count);
        position_ += count;
    }

    png_structp png_ = nullptr;
    png_infop info_ = nullptr;
    std::span<std::uint8_t const> bytes_;
    std::size_t position_ = 0;
    std::jmp_buf failed_{};
    char message_[200] = {};
};

[[noreturn]] void refuse_damaged(Decoder const& decoder, std::string const& file) {
    refuse(file, "is a damaged or truncated PNG (libpng: " + std::string(decoder.message()) + ")");
}

}  // namespace

Picture decode_png(std::span<std::uint8_t const> bytes, std::string const& file) {
    Decoder decoder(bytes);
    if (!decoder.read_header()) refuse_damaged(decoder, file);
    check_extent(decoder.height(), decoder.width(), file);
    Picture picture{static_cast<int>(decoder.height()), static_cast<int>(decoder.width()), {}};
    auto const stride = std::size_t(3) * static_cast<std::size_t>(picture.width);
    picture.rgb.resize(stride * static_cast<std::size_t>(picture.height));
    std::vector<std::uint8_t*> rows;
    for (int row = 0; row < picture.height; ++row)
        rows.push_back(picture.rgb.data() + stride * static_cast<std::size_t>(row));
    if (!decoder.read_pixels(rows.data())) refuse_damaged(decoder, file);
    return picture;
}

}  // namespace skipstone::images

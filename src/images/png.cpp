#include <png.h>

#include <cstring>
#include <memory>

#include "images/decode.hpp"
#include "units/error.hpp"

namespace skipstone::images {

namespace {

struct Free {
    void operator()(png_image* image) const { png_image_free(image); }
};

[[noreturn]] void refuse_damaged(png_image const& image, std::string const& file) {
    refuse(file, "is a damaged or truncated PNG (libpng: " + std::string(image.message) + ")");
}

}  // namespace

Picture decode_png(std::span<std::uint8_t const> bytes, std::string const& file) {
    png_image image;
    std::memset(&image, 0, sizeof image);
    image.version = PNG_IMAGE_VERSION;
    std::unique_ptr<png_image, Free> const guard(&image);
    if (png_image_begin_read_from_memory(&image, bytes.data(), bytes.size()) == 0) refuse_damaged(image, file);
    check_extent(image.height, image.width, file);

    bool const has_alpha = (image.format & PNG_FORMAT_FLAG_ALPHA) != 0;
    image.format = has_alpha ? PNG_FORMAT_RGBA : PNG_FORMAT_RGB;
    image.flags |= PNG_IMAGE_FLAG_16BIT_sRGB;  // 16 bits without a gamma are sRGB, as 8 bits are
    Picture picture{static_cast<int>(image.height), static_cast<int>(image.width), {}};
    picture.rgb.resize(PNG_IMAGE_SIZE(image));
    if (png_image_finish_read(&image, nullptr, picture.rgb.data(), 0, nullptr) == 0) refuse_damaged(image, file);
    if (has_alpha) {
        auto const pixels = picture.rgb.size() / 4;
        for (std::size_t i = 0; i < pixels; ++i)
            for (std::size_t c = 0; c < 3; ++c) picture.rgb[3 * i + c] = picture.rgb[4 * i + c];
        picture.rgb.resize(3 * pixels);
    }
    return picture;
}

}  // namespace skipstone::images

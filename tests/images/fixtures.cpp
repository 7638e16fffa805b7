#include "fixtures.hpp"

#include <lzma.h>
#include <png.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fstream>
// jpeglib.h needs FILE and size_t from the headers above.
#include <jpeglib.h>

#include "images/decode.hpp"

namespace skipstone::images::testing {

Folder::Folder() {
    std::string name = (std::filesystem::temp_directory_path() / "skipstone-images-XXXXXX").string();
    BOOST_REQUIRE(mkdtemp(name.data()) != nullptr);
    path_ = name;
}

Folder::~Folder() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
}

std::filesystem::path Folder::write(std::string const& name, Bytes const& bytes) const {
    auto const file = path_ / name;
    std::filesystem::create_directories(file.parent_path());
    std::ofstream stream(file, std::ios::binary);
    stream.write(reinterpret_cast<char const*>(bytes.data()), static_cast<std::streamsize>(bytes.size()));
    BOOST_REQUIRE(stream.flush());
    return file;
}

Picture test_card(int height, int width) {
    Picture picture{height, width, {}};
    for (int row = 0; row < height; ++row)
        for (int column = 0; column < width; ++column) {
            picture.rgb.push_back(static_cast<std::uint8_t>(255 * row / height));
            picture.rgb.push_back(static_cast<std::uint8_t>(255 * column / width));
            picture.rgb.push_back(2 * column < width ? 40 : 200);
        }
    return picture;
}

namespace {

void append_png(png_structp png, png_bytep data, png_size_t size) {
    auto& bytes = *static_cast<Bytes*>(png_get_io_ptr(png));
    bytes.insert(bytes.end(), data, data + size);
}

// The RGB values, `samples` of `depth` bits per pixel made of each by `convert`.
template <class Convert>
Bytes write_png(Picture const& picture, int depth, int colour_type, std::size_t bytes_per_pixel, Convert convert,
                Bytes const& palette = {}, Bytes const& palette_alpha = {}) {
    Bytes bytes;
    png_structp png = png_create_write_struct(PNG_LIBPNG_VER_STRING, nullptr, nullptr, nullptr);
    png_infop info = png_create_info_struct(png);
    png_set_write_fn(png, &bytes, append_png, nullptr);
    png_set_IHDR(png, info, static_cast<png_uint_32>(picture.width), static_cast<png_uint_32>(picture.height), depth,
                 colour_type, PNG_INTERLACE_NONE, PNG_COMPRESSION_TYPE_DEFAULT, PNG_FILTER_TYPE_DEFAULT);
    if (!palette.empty()) {
        png_set_PLTE(png, info, reinterpret_cast<png_const_colorp>(palette.data()),
                     static_cast<int>(palette.size() / 3));
        png_set_tRNS(png, info, palette_alpha.data(), static_cast<int>(palette_alpha.size()), nullptr);
    }
    png_write_info(png, info);
    auto const width = static_cast<std::size_t>(picture.width);
    for (std::size_t row = 0; row < static_cast<std::size_t>(picture.height); ++row) {
        Bytes line;
        for (std::size_t column = 0; column < width; ++column)
            convert(&picture.rgb[3 * (row * width + column)], column, line);
        BOOST_REQUIRE(line.size() == width * bytes_per_pixel);
        png_write_row(png, line.data());
    }
    png_write_end(png, nullptr);
    png_destroy_write_struct(&png, &info);
    return bytes;
}

}  // namespace

Bytes encode_png(Picture const& picture, PngKind kind) {
    using Rgb = std::uint8_t const*;
    switch (kind) {
        case PngKind::grey:
            return write_png(picture, 8, PNG_COLOR_TYPE_GRAY, 1,
                             [](Rgb rgb, std::size_t, Bytes& line) { line.push_back(rgb[0]); });
        case PngKind::rgba:
            return write_png(picture, 8, PNG_COLOR_TYPE_RGB_ALPHA, 4, [&](Rgb rgb, std::size_t column, Bytes& line) {
                line.insert(line.end(), rgb, rgb + 3);
                line.push_back(static_cast<std::uint8_t>(255 - 5 * column));
            });
        case PngKind::palette_with_transparency:
            return write_png(
                picture, 8, PNG_COLOR_TYPE_PALETTE, 1,
                [](Rgb, std::size_t column, Bytes& line) { line.push_back(static_cast<std::uint8_t>(column % 3)); },
                {10, 20, 30, 200, 100, 50, 7, 8, 9}, {0, 128});
        case PngKind::rgb16:
            return write_png(picture, 16, PNG_COLOR_TYPE_RGB, 6, [](Rgb rgb, std::size_t, Bytes& line) {
                for (int c = 0; c < 3; ++c) line.insert(line.end(), 2, rgb[c]);
            });
        case PngKind::rgb:
            break;
    }
    return write_png(picture, 8, PNG_COLOR_TYPE_RGB, 3,
                     [](Rgb rgb, std::size_t, Bytes& line) { line.insert(line.end(), rgb, rgb + 3); });
}

Bytes encode_jpeg(Picture const& picture, JpegKind kind) {
    jpeg_error_mgr errors;
    jpeg_compress_struct jpeg;
    jpeg.err = jpeg_std_error(&errors);
    jpeg_create_compress(&jpeg);
    unsigned char* data = nullptr;
    unsigned long size = 0;
    jpeg_mem_dest(&jpeg, &data, &size);
    jpeg.image_width = static_cast<JDIMENSION>(picture.width);
    jpeg.image_height = static_cast<JDIMENSION>(picture.height);
    std::size_t const channels = kind == JpegKind::grey ? 1 : kind == JpegKind::cmyk ? 4 : 3;
    jpeg.input_components = static_cast<int>(channels);
    jpeg.in_color_space = kind == JpegKind::grey ? JCS_GRAYSCALE : kind == JpegKind::cmyk ? JCS_CMYK : JCS_RGB;
    jpeg_set_defaults(&jpeg);
    jpeg_set_quality(&jpeg, 90, TRUE);
    if (kind == JpegKind::progressive) jpeg_simple_progression(&jpeg);
    jpeg_start_compress(&jpeg, TRUE);
    auto const width = static_cast<std::size_t>(picture.width);
    while (jpeg.next_scanline < jpeg.image_height) {
        Bytes line;
        for (std::size_t column = 0; column < width; ++column)
            for (std::size_t c = 0; c < channels; ++c)
                line.push_back(picture.rgb[3 * (jpeg.next_scanline * width + column) + c % 3]);
        JSAMPROW row = line.data();
        jpeg_write_scanlines(&jpeg, &row, 1);
    }
    jpeg_finish_compress(&jpeg);
    jpeg_destroy_compress(&jpeg);
    Bytes bytes(data, data + size);
    std::free(data);
    return bytes;
}

Bytes encode_xz(Bytes const& bytes) {
    Bytes packed(lzma_stream_buffer_bound(bytes.size()));
    std::size_t size = 0;
    BOOST_REQUIRE(lzma_easy_buffer_encode(1, LZMA_CHECK_CRC64, nullptr, bytes.data(), bytes.size(), packed.data(),
                                          &size, packed.size()) == LZMA_OK);
    packed.resize(size);
    return packed;
}

Bytes cifar_records(std::vector<int> const& labels) {
    Bytes bytes;
    for (std::size_t r = 0; r < labels.size(); ++r) {
        bytes.push_back(static_cast<std::uint8_t>(labels[r]));
        for (std::size_t c = 0; c < 3; ++c)
            for (std::size_t p = 0; p < 1024; ++p) bytes.push_back(static_cast<std::uint8_t>(r * 7 + c * 31 + p));
    }
    return bytes;
}

bool run_python(std::string const& script, std::vector<std::string> const& arguments) {
    std::string const python = SKIPSTONE_PYTHON;
    if (python.empty() || python.ends_with("NOTFOUND")) return false;
    Folder const folder;
    auto const file = folder.write("script.py", Bytes(script.begin(), script.end()));
    std::string command = "'" + python + "' '" + file.string() + "'";
    for (auto const& argument : arguments) command += " '" + argument + "'";
    return std::system(command.c_str()) == 0;
}

boost::test_tools::assertion_result python_has(std::string const& module) {
    if (run_python("import importlib.util, sys\nsys.exit(importlib.util.find_spec('" + module + "') is None)", {}))
        return true;
    boost::test_tools::assertion_result result(false);
    result.message() << "Python has no module " << module;
    return result;
}

boost::test_tools::assertion_result test_data_has(std::string const& file) {
    auto const path = std::filesystem::path(SKIPSTONE_TEST_DATA) / file;
    if (std::filesystem::exists(path)) return true;
    boost::test_tools::assertion_result result(false);
    result.message() << path.string() << " is not there";
    return result;
}

}  // namespace skipstone::images::testing

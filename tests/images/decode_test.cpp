#include "images/decode.hpp"

#include <boost/test/unit_test.hpp>
#include <cstdlib>

#include "fixtures.hpp"

using namespace skipstone;
using namespace skipstone::images;
using namespace skipstone::images::testing;

namespace {

boost::test_tools::assertion_result pillow_is_there(boost::unit_test::test_unit_id) {
    return python_has("PIL");
}

int largest_difference(Picture const& a, Picture const& b) {
    BOOST_REQUIRE(a.height == b.height);
    BOOST_REQUIRE(a.width == b.width);
    BOOST_REQUIRE(a.rgb.size() == b.rgb.size());
    int largest = 0;
    for (std::size_t i = 0; i < a.rgb.size(); ++i) largest = std::max(largest, std::abs(a.rgb[i] - b.rgb[i]));
    return largest;
}

}  // namespace

BOOST_AUTO_TEST_SUITE(decode)

BOOST_AUTO_TEST_CASE(png_comes_back_bit_by_bit) {
    auto const card = test_card(13, 17);
    auto const read = decode_picture(encode_png(card), "card.png");
    BOOST_TEST(read.height == 13);
    BOOST_TEST(read.width == 17);
    BOOST_TEST((read.rgb == card.rgb));
}

BOOST_AUTO_TEST_CASE(png_of_grey_has_three_equal_channels) {
    auto const card = test_card(5, 6);
    auto const read = decode_picture(encode_png(card, PngKind::grey), "card.png");
    BOOST_REQUIRE(read.rgb.size() == card.rgb.size());
    for (std::size_t i = 0; i < card.rgb.size(); ++i) BOOST_TEST(read.rgb[i] == card.rgb[i / 3 * 3]);
}

BOOST_AUTO_TEST_CASE(png_alpha_is_left_out) {
    auto const card = test_card(4, 9);
    BOOST_TEST((decode_picture(encode_png(card, PngKind::rgba), "card.png").rgb == card.rgb));
}

BOOST_AUTO_TEST_CASE(png_palette_is_looked_up) {
    auto const read = decode_picture(encode_png(test_card(1, 4), PngKind::palette_with_transparency), "card.png");
    std::vector<std::uint8_t> const expected = {10, 20, 30, 200, 100, 50, 7, 8, 9, 10, 20, 30};
    BOOST_TEST((read.rgb == expected));
}

BOOST_AUTO_TEST_CASE(png_of_16_bits_becomes_8) {
    auto const card = test_card(7, 5);
    BOOST_TEST((decode_picture(encode_png(card, PngKind::rgb16), "card.png").rgb == card.rgb));
}

BOOST_AUTO_TEST_CASE(jpeg_comes_back_nearly) {
    Picture smooth{24, 40, {}};
    for (int i = 0; i < 24 * 40; ++i)
        for (int c = 0; c < 3; ++c)
            smooth.rgb.push_back(static_cast<std::uint8_t>(60 + 3 * (i / 40) + 2 * (i % 40) + 10 * c));
    for (auto kind : {JpegKind::rgb, JpegKind::progressive})
        BOOST_TEST(largest_difference(decode_picture(encode_jpeg(smooth, kind), "smooth.jpg"), smooth) <= 6);
}

BOOST_AUTO_TEST_CASE(jpeg_of_grey_has_three_equal_channels) {
    auto const read = decode_picture(encode_jpeg(test_card(16, 16), JpegKind::grey), "grey.jpg");
    BOOST_REQUIRE(read.rgb.size() == 3u * 256u);
    for (std::size_t i = 0; i < read.rgb.size(); ++i) BOOST_TEST(read.rgb[i] == read.rgb[i / 3 * 3]);
}

BOOST_AUTO_TEST_CASE(pixels_equal_those_of_pillow, *boost::unit_test::precondition(pillow_is_there)) {
    Folder const folder;
    std::vector<std::filesystem::path> const files = {
        folder.write("rgb.png", encode_png(test_card(19, 23))),
        folder.write("grey.png", encode_png(test_card(19, 23), PngKind::grey)),
        folder.write("rgba.png", encode_png(test_card(19, 23), PngKind::rgba)),
        folder.write("rgb.jpg", encode_jpeg(test_card(37, 41))),
        folder.write("grey.jpg", encode_jpeg(test_card(37, 41), JpegKind::grey)),
        folder.write("progressive.jpg", encode_jpeg(test_card(37, 41), JpegKind::progressive))};
    for (auto const& file : files) {
        auto const expected = file.string() + ".rgb";
        BOOST_REQUIRE(
            run_python("import sys\nfrom PIL import Image\n"
                       "open(sys.argv[2], 'wb').write(Image.open(sys.argv[1]).convert('RGB').tobytes())\n",
                       {file.string(), expected}));
        auto const read = decode_picture(read_file(file), file.string());
        BOOST_TEST((read.rgb == read_file(expected)), file.filename().string());
    }
}

// Every kind of PNG, with the chunks that say how its colours are meant.
BOOST_AUTO_TEST_CASE(png_values_are_those_of_pillow_whatever_a_file_says_of_its_colours,
                     *boost::unit_test::precondition(pillow_is_there)) {
    Folder const folder;
    std::string const script = R"(
import struct, sys, zlib
from PIL import Image
def chunk(kind, data):
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
profile = b"x\0\0" + zlib.compress(b"no profile at all")
meanings = {"plain": b"", "gamma": chunk(b"gAMA", struct.pack(">I", 100000)), "gamma22": chunk(b"gAMA", struct.pack(">I", 220000)),
            "srgb": chunk(b"sRGB", b"\1"), "icc": chunk(b"iCCP", profile), "bits": chunk(b"sBIT", b"\5\6\5"),
            "white": chunk(b"cHRM", struct.pack(">8I", 31270, 32900, 64000, 33000, 30000, 60000, 15000, 6000)) + chunk(b"gAMA", struct.pack(">I", 45455))}
# name -> colour type, bits, samples, chunks between IHDR and IDAT
kinds = {"rgb": (2, 8, 3, b""), "rgba": (6, 8, 4, b""), "grey": (0, 8, 1, b""), "grey alpha": (4, 8, 2, b""), "rgb16": (2, 16, 3, b""),
         "rgba16": (6, 16, 4, b""), "palette": (3, 8, 1, chunk(b"PLTE", bytes(i * 7 % 256 for i in range(768)))),
         "palette4": (3, 4, 1, chunk(b"PLTE", bytes(i * 5 % 256 for i in range(48))) + chunk(b"tRNS", bytes(range(0, 160, 10)))),
         "grey1": (0, 1, 1, b""), "grey2": (0, 2, 1, b""), "grey4": (0, 4, 1, b""), "rgb trns": (2, 8, 3, chunk(b"tRNS", struct.pack(">3H", 5, 5, 5))),
         "grey trns": (0, 8, 1, chunk(b"tRNS", struct.pack(">H", 7)))}
width, height = 23, 19
for meaning, said in meanings.items():
    for kind, (colour, bits, samples, extra) in kinds.items():
        if meaning == "bits" and colour != 2: continue
        row = (width * samples * bits + 7) // 8
        data = b"".join(b"\0" + bytes((13 * x + 29 * y * y) % 256 for x in range(row)) for y in range(height))
        name = f"{sys.argv[1]}/{meaning} {kind}.png"
        with open(name, "wb") as file:
            file.write(b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", struct.pack(">2I5B", width, height, bits, colour, 0, 0, 0)) + said + extra
                       + chunk(b"IDAT", zlib.compress(data)) + chunk(b"IEND", b""))
        open(name + ".rgb", "wb").write(Image.open(name).convert("RGB").tobytes())
)";
    BOOST_REQUIRE(run_python(script, {folder.path().string()}));
    int pictures = 0;
    for (auto const& entry : std::filesystem::directory_iterator(folder.path())) {
        if (entry.path().extension() != ".png") continue;
        ++pictures;
        auto const read = decode_picture(read_file(entry.path()), entry.path().string());
        BOOST_TEST((read.rgb == read_file(entry.path().string() + ".rgb")), entry.path().filename().string());
    }
    BOOST_TEST(pictures == 6 * 13 + 3);
}

BOOST_AUTO_TEST_CASE(refuses_what_is_no_picture) {
    std::string const text = "# a text file\n";
    auto const message = input_error([&] { decode_picture(Bytes(text.begin(), text.end()), "notes.png"); });
    BOOST_TEST(contains(message, "notes.png: is neither PNG nor JPEG"));
    BOOST_TEST(contains(input_error([] { decode_picture(Bytes{}, "none.png"); }), "none.png: is empty"));
}

BOOST_AUTO_TEST_CASE(refuses_a_png_cut_anywhere) {
    auto const whole = encode_png(test_card(20, 20));
    for (std::size_t size = 8; size < whole.size() - 12;
         size += 7) {  // the last 12 bytes are IEND, which holds nothing
        Bytes const cut(whole.begin(), whole.begin() + static_cast<std::ptrdiff_t>(size));
        BOOST_TEST(
            contains(input_error([&] { decode_picture(cut, "cut.png"); }), "cut.png: is a damaged or truncated PNG"));
    }
}

BOOST_AUTO_TEST_CASE(refuses_a_png_with_a_flipped_bit) {
    auto bytes = encode_png(test_card(20, 20));
    bytes[bytes.size() / 2] ^= 0x10;
    BOOST_TEST(contains(input_error([&] { decode_picture(bytes, "bad.png"); }), "bad.png: is a damaged"));
}

BOOST_AUTO_TEST_CASE(refuses_a_jpeg_cut_anywhere) {
    for (auto kind : {JpegKind::rgb, JpegKind::progressive}) {
        auto const whole = encode_jpeg(test_card(48, 48), kind);
        for (std::size_t size = 3; size < whole.size() - 2; size += 11) {
            Bytes const cut(whole.begin(), whole.begin() + static_cast<std::ptrdiff_t>(size));
            auto const message = input_error([&] { decode_picture(cut, "cut.jpg"); });
            BOOST_TEST(contains(message, "cut.jpg: is a damaged or truncated JPEG"), message << " at " << size);
        }
    }
}

BOOST_AUTO_TEST_CASE(refuses_cmyk) {
    auto const bytes = encode_jpeg(test_card(8, 8), JpegKind::cmyk);
    BOOST_TEST(contains(input_error([&] { decode_picture(bytes, "print.jpg"); }), "print.jpg: is a JPEG in CMYK"));
}

BOOST_AUTO_TEST_CASE(refuses_a_bomb_before_it_unpacks) {
    auto bytes = encode_jpeg(test_card(8, 8));
    // Start of frame: FF C0, length (2), precision (1), height (2), width (2).
    for (std::size_t i = 0; i + 9 < bytes.size(); ++i)
        if (bytes[i] == 0xff && bytes[i + 1] == 0xc0) {
            for (std::size_t k = 5; k < 9; ++k) bytes[i + k] = 0xf0;
            break;
        }
    BOOST_TEST(contains(input_error([&] { decode_picture(bytes, "bomb.jpg"); }), "61680 x 61680 pixels"));
    BOOST_TEST(contains(input_error([] { check_extent(8193, 8192, "large.png"); }), "8192 x 8193 pixels"));
    check_extent(8192, 8192, "just.png");
}

BOOST_AUTO_TEST_CASE(xz_comes_back_and_has_a_limit) {
    auto const bytes = cifar_records({1, 2, 3});
    auto const packed = encode_xz(bytes);
    BOOST_TEST((decode_xz(packed, "x.xz") == bytes));

    Bytes const cut(packed.begin(), packed.begin() + static_cast<std::ptrdiff_t>(packed.size() / 2));
    BOOST_TEST(contains(input_error([&] { decode_xz(cut, "cut.xz"); }), "cut.xz: is a truncated .xz file"));
    auto damaged = packed;
    damaged[packed.size() / 2] ^= 1;
    BOOST_TEST(contains(input_error([&] { decode_xz(damaged, "bad.xz"); }), "bad.xz: is a damaged .xz file"));
    BOOST_TEST(contains(input_error([&] { decode_xz(bytes, "no.xz"); }), "no.xz: is not an .xz file"));
    BOOST_TEST(contains(input_error([] { decode_xz(Bytes{}, "none.xz"); }), "none.xz: is a truncated .xz file"));

    // 20 MB of zeroes, 16 times over: concatenated streams count together.
    auto const zeroes = encode_xz(Bytes(20'000'000));
    Bytes bomb;
    for (int i = 0; i < 16; ++i) bomb.insert(bomb.end(), zeroes.begin(), zeroes.end());
    BOOST_TEST(bomb.size() < 100'000);
    BOOST_TEST(contains(input_error([&] { decode_xz(bomb, "bomb.xz"); }), "unpacks to more than 268435456 bytes"));
}

BOOST_AUTO_TEST_SUITE_END()

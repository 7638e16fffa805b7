#pragma once

#include <boost/test/unit_test.hpp>
#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "images/picture.hpp"
#include "units/error.hpp"

namespace skipstone::images::testing {

using Bytes = std::vector<std::uint8_t>;

// A fresh folder of this test case's own; gone with it.
class Folder {
  public:
    Folder();
    ~Folder();
    Folder(Folder const&) = delete;
    Folder& operator=(Folder const&) = delete;
    std::filesystem::path operator/(std::string const& name) const { return path_ / name; }
    std::filesystem::path const& path() const { return path_; }
    // Writes path()/name, folders in between included, and returns its path.
    std::filesystem::path write(std::string const& name, Bytes const& bytes) const;

  private:
    std::filesystem::path path_;
};

// A picture with an edge in it, so that a mistake in a resize or a channel order shows.
Picture test_card(int height, int width);

enum class PngKind { rgb, grey, rgba, palette_with_transparency, rgb16 };
// rgba: alpha falls from left to right; rgb16: each value v becomes v * 257.
Bytes encode_png(Picture const& picture, PngKind kind = PngKind::rgb);
enum class JpegKind { rgb, grey, cmyk, progressive };
Bytes encode_jpeg(Picture const& picture, JpegKind kind = JpegKind::rgb);
Bytes encode_xz(Bytes const& bytes);
// `labels.size()` records of CIFAR-10; channel c of pixel p of record r is (r * 7 + c * 31 + p) mod 256.
Bytes cifar_records(std::vector<int> const& labels);

// Runs `script` with Debian's Python and these arguments; false when it fails.
bool run_python(std::string const& script, std::vector<std::string> const& arguments);
// Preconditions of a test case: skipped with a message unless Python can import `module`, or the file of the test data
// is there.
boost::test_tools::assertion_result python_has(std::string const& module);
boost::test_tools::assertion_result test_data_has(std::string const& file);

// The message of the InputError that `action` throws; fails the test when it throws none.
template <class Action>
std::string input_error(Action action) {
    try {
        action();
    } catch (InputError const& error) {
        return error.what();
    }
    BOOST_ERROR("no InputError");
    return {};
}

inline bool contains(std::string const& text, std::string const& part) {
    return text.find(part) != std::string::npos;
}

}  // namespace skipstone::images::testing

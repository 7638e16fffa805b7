#include "hdf5/file.hpp"

#include <unistd.h>

#include <algorithm>
#include <array>
#include <hdf5.h>

#include <boost/test/unit_test.hpp>
#include <cmath>
#include <cstddef>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <limits>
#include <span>
#include <string>
#include <vector>

#include "units/error.hpp"

using namespace skipstone;
using namespace skipstone::hdf5;

namespace {

// A folder of its own that goes with the test.
struct Folder {
    Folder()
        : path(std::filesystem::temp_directory_path() /
               ("skipstone_hdf5_" + std::to_string(::getpid()) + "_" + std::to_string(++count))) {
        std::filesystem::create_directories(path);
    }
    ~Folder() { std::filesystem::remove_all(path); }
    std::string file(std::string const& name) const { return (path / name).string(); }

    std::filesystem::path path;
    static inline int count = 0;
};

struct Row {
    std::int32_t number = 0;
    std::uint8_t code = 0;
    double value = 0;
    std::int64_t big = 0;
    std::array<char, 8> text{};

    bool operator==(Row const&) const = default;
};

RowType row_type() {
    return RowType(sizeof(Row), {{"number", ColumnType::int32, offsetof(Row, number), 0, {}},
                                 {"code", ColumnType::uint8, offsetof(Row, code), 0, {{"one", 1}, {"two", 2}}},
                                 {"value", ColumnType::float64, offsetof(Row, value), 0, {}},
                                 {"big", ColumnType::int64, offsetof(Row, big), 0, {}},
                                 {"text", ColumnType::text, offsetof(Row, text), 8, {}}});
}

Row row(int number) {
    Row made{number, static_cast<std::uint8_t>(1 + number % 2), number * 0.5, std::int64_t{1} << 40, {}};
    std::memcpy(made.text.data(), "\xc3\xa4-eight.", 8);
    return made;
}

auto says(std::string const& text) {
    return [text](std::exception const& error) {
        BOOST_TEST_MESSAGE(error.what());
        return std::string(error.what()).find(text) != std::string::npos;
    };
}

}  // namespace

BOOST_FIXTURE_TEST_SUITE(hdf5_file, Folder)

BOOST_AUTO_TEST_CASE(attributes_come_back_as_written) {
    {
        auto created = File::create(file("a.h5"));
        created.write_string("text",
                             "gr\xc3\xbc\xc3\x9f"
                             "e");
        created.write_string("empty", "");
        created.write_string("padded", "ab", 16);
        created.write_strings("texts", {"a", "longer", ""});
        created.write_integer("integer", -3);
        created.write_unsigned("unsigned", std::numeric_limits<std::uint64_t>::max() / 2);
        created.write_double("double", 0.1);
        created.write_doubles("doubles", std::array{1.0, -2.0, 0.25});
        created.write_string("long", std::string(200'000, 'x'));
        created.close();
    }
    auto const read = File::open(file("a.h5"), Access::read);
    BOOST_TEST(read.read_string("text") ==
               "gr\xc3\xbc\xc3\x9f"
               "e");
    BOOST_TEST(read.read_string("empty") == "");
    BOOST_TEST(read.read_string("padded") == "ab");
    BOOST_TEST((read.read_strings("texts") == std::vector<std::string>{"a", "longer", ""}));
    BOOST_TEST(read.read_integer("integer") == -3);
    BOOST_TEST(read.read_integer("unsigned") == std::numeric_limits<std::int64_t>::max());
    BOOST_TEST(read.read_double("double") == 0.1);
    BOOST_TEST(read.read_double("integer") == -3.0);
    BOOST_TEST((read.read_doubles("doubles") == std::vector{1.0, -2.0, 0.25}));
    BOOST_TEST(read.read_string("long").size() == 200'000);
    BOOST_TEST(read.attribute_names().size() == 9);
    BOOST_TEST(!read.has_attribute("none"));
}

BOOST_AUTO_TEST_CASE(an_attribute_can_be_rewritten_with_another_type) {
    auto created = File::create(file("a.h5"));
    created.write_integer("x", 1);
    created.write_integer("x", 2);
    BOOST_TEST(created.read_integer("x") == 2);
    created.write_string("x", "two");
    BOOST_TEST(created.read_string("x") == "two");
}

BOOST_AUTO_TEST_CASE(a_missing_or_different_attribute_is_named) {
    auto created = File::create(file("a.h5"));
    created.write_string("text", "x");
    created.write_doubles("doubles", std::array{1.0, 2.0});
    BOOST_CHECK_EXCEPTION(created.read_integer("none"), InputError, says("a.h5: /@none: this attribute is missing"));
    BOOST_CHECK_EXCEPTION(created.read_integer("text"), InputError, says("/@text: is not an integer"));
    BOOST_CHECK_EXCEPTION(created.read_double("text"), InputError, says("is not a number"));
    BOOST_CHECK_EXCEPTION(created.read_double("doubles"), InputError, says("2 values where one is expected"));
    BOOST_CHECK_EXCEPTION(created.read_string("doubles"), InputError, says("is not a string"));
}

// What MATLAB, Julia and Fortran write.
BOOST_AUTO_TEST_CASE(numbers_of_any_type_and_padded_texts_are_taken_where_they_are_exact) {
    auto created = File::create(file("a.h5"));
    auto const put = [&](char const* name, hid_t type, hid_t space, void const* value) {
        hid_t const attribute = H5Acreate2(created.id(), name, type, space, H5P_DEFAULT, H5P_DEFAULT);
        BOOST_REQUIRE(attribute >= 0);
        BOOST_REQUIRE(H5Awrite(attribute, type, value) >= 0);
        H5Aclose(attribute);
        H5Sclose(space);
    };
    hsize_t const one = 1;
    double const whole = 32, half = 32.5, negative = -3, huge = 1e300;
    float const single = 224;
    std::uint8_t const byte = 200;
    std::uint64_t const large = ~std::uint64_t{0};
    std::int64_t const below = -1;
    put("float64", H5T_NATIVE_DOUBLE, H5Screate(H5S_SCALAR), &whole);
    put("array", H5T_NATIVE_DOUBLE, H5Screate_simple(1, &one, nullptr), &whole);
    put("float32", H5T_NATIVE_FLOAT, H5Screate(H5S_SCALAR), &single);
    put("uint8", H5T_NATIVE_UINT8, H5Screate(H5S_SCALAR), &byte);
    put("half", H5T_NATIVE_DOUBLE, H5Screate(H5S_SCALAR), &half);
    put("negative", H5T_NATIVE_DOUBLE, H5Screate(H5S_SCALAR), &negative);
    put("huge", H5T_NATIVE_DOUBLE, H5Screate(H5S_SCALAR), &huge);
    put("large", H5T_NATIVE_UINT64, H5Screate(H5S_SCALAR), &large);
    put("below", H5T_NATIVE_INT64, H5Screate(H5S_SCALAR), &below);
    BOOST_TEST(created.read_integer("float64") == 32);
    BOOST_TEST(created.read_integer("array") == 32);
    BOOST_TEST(created.read_unsigned("float32") == 224U);
    BOOST_TEST(created.read_integer("uint8") == 200);
    BOOST_TEST(created.read_integer("negative") == -3);
    BOOST_TEST(created.read_unsigned("large") == large);
    BOOST_CHECK_EXCEPTION(created.read_integer("half"), InputError, says("/@half: is 32.5, not an integer"));
    BOOST_CHECK_EXCEPTION(created.read_integer("huge"), InputError, says("not an integer"));
    BOOST_CHECK_EXCEPTION(created.read_unsigned("negative"), InputError, says("is -3, not an integer"));
    BOOST_CHECK_EXCEPTION(created.read_integer("large"), InputError, says("is 18446744073709551615, which is out of"));
    BOOST_CHECK_EXCEPTION(created.read_unsigned("below"), InputError, says("is -1, which is out of range"));

    hid_t const text = H5Tcopy(H5T_FORTRAN_S1);
    H5Tset_size(text, 12);
    put("fortran", text, H5Screate(H5S_SCALAR), "resnet20    ");
    put("zeros", text, H5Screate_simple(1, &one, nullptr), "resnet20  \0\0");
    hid_t const variable = H5Tcopy(H5T_C_S1);
    H5Tset_size(variable, H5T_VARIABLE);
    char const* const name = "resnet20  ";
    put("variable", variable, H5Screate(H5S_SCALAR), &name);
    H5Tclose(text);
    H5Tclose(variable);
    for (auto const* attribute : {"fortran", "zeros", "variable"}) BOOST_TEST(created.read_string(attribute) == "resnet20");
}

BOOST_AUTO_TEST_CASE(float32_and_float16_arrays_read_as_floats) {
    std::vector<float> const values{0, -0.0f, 1, 0.5f, -65504, 6.103515625e-05f};
    {
        auto created = File::create(file("w.h5"));
        auto group = created.create_group("layer1");
        group.create_floats("single", {2, 3}, values);
        group.create_floats("half", {3, 2}, values, FloatWidth::half);
        created.create_floats("scalar", {}, std::array{3.0f});
    }
    auto const read = File::open(file("w.h5"), Access::read);
    BOOST_TEST((read.dataset_names() == std::vector<std::string>{"scalar"}));
    BOOST_TEST((read.group("layer1").dataset_names() == std::vector<std::string>{"half", "single"}));
    BOOST_TEST(!read.has_dataset("layer1"));
    BOOST_TEST(!read.has_dataset("layer2/half"));
    auto const half = read.dataset("layer1/half");
    BOOST_TEST(half.name() == "/layer1/half");
    BOOST_TEST((half.shape() == std::vector<std::uint64_t>{3, 2}));
    BOOST_TEST((half.element_type().type_class == TypeClass::real));
    BOOST_TEST(half.element_type().size == 2);
    BOOST_TEST((half.read_floats() == values));
    BOOST_TEST(std::signbit(half.read_floats()[1]));
    BOOST_TEST((read.dataset("layer1/single").read_floats() == values));
    BOOST_TEST(read.dataset("scalar").read_doubles().front() == 3.0);
    BOOST_TEST(read.dataset("scalar").rows() == 1);
    BOOST_CHECK_EXCEPTION(read.dataset("conv1.weight"), InputError,
                          says("w.h5: /conv1.weight: this dataset is missing"));
    BOOST_CHECK_EXCEPTION(read.group("layer9"), InputError, says("/layer9: this group is missing"));
}

BOOST_AUTO_TEST_CASE(tables_grow_and_read_back_in_ranges) {
    auto const type = row_type();
    {
        auto created = File::create(file("t.h5"));
        auto table = created.create_table("rows", type, 4, {});
        std::vector<Row> rows;
        for (int i = 0; i < 11; ++i) rows.push_back(row(i));
        table.append_rows(type, std::as_bytes(std::span(rows).first(3)));
        table.append_rows(type, {});
        table.append_rows(type, std::as_bytes(std::span(rows).subspan(3)));
        table.flush();
    }
    auto const read = File::open(file("t.h5"), Access::read);
    auto const table = read.dataset("rows");
    BOOST_TEST(table.rows() == 11);
    BOOST_TEST((table.column_names() == std::vector<std::string>{"number", "code", "value", "big", "text"}));
    BOOST_TEST((table.column_class("code") == TypeClass::enumeration));
    BOOST_TEST((table.column_class("text") == TypeClass::text));
    BOOST_TEST((table.column_class("none") == TypeClass::other));
    std::vector<Row> rows(5);
    table.read_rows(type, 2, 5, std::as_writable_bytes(std::span(rows)));
    for (int i = 0; i < 5; ++i) BOOST_TEST((rows[static_cast<std::size_t>(i)] == row(2 + i)));
    BOOST_CHECK_EXCEPTION(table.read_floats(), InputError, says("does not hold numbers"));
    RowType const other(8, {{"absent", ColumnType::int64, 0, 0, {}}});
    std::array<std::byte, 8> space{};
    BOOST_CHECK_EXCEPTION(table.read_rows(other, 0, 1, space), InputError, says("column 'absent' is missing"));
}

BOOST_AUTO_TEST_CASE(what_lies_between_the_columns_of_a_struct_does_not_reach_the_file) {
    auto const type = row_type();
    auto const one = row(1);
    auto const* const whole = reinterpret_cast<std::byte const*>(&one);
    std::vector<std::byte> bytes(whole, whole + sizeof one);
    constexpr auto first = offsetof(Row, code) + 1;
    static_assert(offsetof(Row, value) > first);
    std::ranges::fill(std::span(bytes).subspan(first, offsetof(Row, value) - first), std::byte{0xd1});
    File::create(file("p.h5")).create_table("rows", type, 4, {}).append_rows(type, bytes);

    std::vector<std::byte> read(sizeof one, std::byte{0xff});
    File::open(file("p.h5"), Access::read).dataset("rows").read_rows(type, 0, 1, read);  // as they lie in the file
    for (auto at = first; at < offsetof(Row, value); ++at) BOOST_TEST(std::to_integer<int>(read[at]) == 0);
    BOOST_TEST(std::memcmp(read.data(), bytes.data(), first) == 0);
}

BOOST_AUTO_TEST_CASE(arrays_of_doubles_grow_along_their_first_extent) {
    auto created = File::create(file("d.h5"));
    auto array = created.create_doubles("rates", {2, 2}, 3);
    array.append_doubles(std::array{1.0, 2.0, 3.0, 4.0});
    array.append_doubles(std::array{5.0, 6.0, 7.0, 8.0, 9.0, 10.0, 11.0, 12.0});
    BOOST_TEST((array.shape() == std::vector<std::uint64_t>{3, 2, 2}));
    BOOST_TEST((array.read_doubles(1, 1) == std::vector{5.0, 6.0, 7.0, 8.0}));
    BOOST_TEST(array.read_doubles().back() == 12.0);
    BOOST_TEST(array.read_doubles(3, 0).empty());
}

BOOST_AUTO_TEST_CASE(what_is_not_hdf5_is_told_by_what_it_is) {
    auto const refuses = [&](std::string const& name, std::string const& content, std::string const& text) {
        std::ofstream(file(name), std::ios::binary) << content;
        for (auto const access : {Access::read, Access::read_swmr})
            BOOST_CHECK_EXCEPTION(File::open(file(name), access), InputError, says(name + ": " + text));
    };
    refuses("empty.h5", "", "is not an HDF5 file (it is empty)");
    refuses("text.h5", "seed = 1\n", "is not an HDF5 file (it is text)");
    refuses("zip.h5", "PK\x03\x04....", "is not an HDF5 file (it is a zip archive");
    refuses("image.h5", "\x89PNG\r\n", "is not an HDF5 file (it is a PNG image)");
    refuses("bytes.h5", std::string(100, '\x01'), "is not an HDF5 file (it does not begin");
    refuses("short.h5", "\x89HDF\r\n\x1a\n", "is a damaged or truncated HDF5 file (");
    BOOST_CHECK_EXCEPTION(File::open(file("none.h5"), Access::read), InputError,
                          says("none.h5: cannot be opened (No such"));
    BOOST_CHECK_EXCEPTION(File::open(path.string(), Access::read), InputError, says("is a folder"));
    BOOST_CHECK_EXCEPTION(File::create(file("none/x.h5")), InputError, says("x.h5: cannot be written (No such file"));
}

BOOST_AUTO_TEST_CASE(arrays_are_written_and_read_by_rows) {
    {
        auto created = File::create(file("r.h5"));
        auto floats = created.create_floats("floats", {5, 2});
        floats.write_floats(3, std::array{6.0F, 7.0F, 8.0F, 9.0F});
        floats.write_floats(0, std::array{0.0F, 1.0F, 2.0F, 3.0F, 4.0F, 5.0F});
        created.create_integers("integers", {3}).write_integers(1, std::array{-7, 2'000'000'000});
        created.create_floats("halves", {3, 2}, std::array{0.0F, 1.0F, 2.0F, 3.0F, 4.0F, 5.0F}, FloatWidth::half);
    }
    auto const opened = File::open(file("r.h5"), Access::read);
    std::vector<float> some(4);
    opened.dataset("floats").read_floats(1, 2, some);
    BOOST_TEST((some == std::vector{2.0F, 3.0F, 4.0F, 5.0F}));
    opened.dataset("halves", Unpacked::much).read_floats(1, 2, some);
    BOOST_TEST((some == std::vector{2.0F, 3.0F, 4.0F, 5.0F}));
    auto const integers = opened.dataset("integers");
    BOOST_TEST((integers.read_doubles() == std::vector{0.0, -7.0, 2e9}));
    BOOST_TEST((integers.element_type().type_class == TypeClass::integer));
    std::vector<float> one(1);
    integers.read_floats(1, 1, one);
    BOOST_TEST(one.front() == -7.0F);
}

BOOST_AUTO_TEST_CASE(a_truncated_file_is_refused) {
    {
        auto created = File::create(file("w.h5"));
        created.create_floats("a", {1000}, std::vector<float>(1000, 1.0f));
    }
    std::filesystem::resize_file(file("w.h5"), std::filesystem::file_size(file("w.h5")) - 100);
    BOOST_CHECK_EXCEPTION(File::open(file("w.h5"), Access::read), InputError,
                          says("damaged or truncated HDF5 file (truncated"));
}

BOOST_AUTO_TEST_CASE(names_the_library) {
    BOOST_TEST(library_version().starts_with("1."));
}

BOOST_AUTO_TEST_SUITE_END()

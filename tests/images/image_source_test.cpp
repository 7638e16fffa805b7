#include "images/image_source.hpp"

#include <boost/test/unit_test.hpp>
#include <span>

#include "fixtures.hpp"
#include "images/decode.hpp"
#include "units/sha256.hpp"

using namespace skipstone;
using namespace skipstone::images;
using namespace skipstone::images::testing;

namespace {

boost::test_tools::assertion_result cifar_is_there(boost::unit_test::test_unit_id) {
    return test_data_has("cifar10-test.bin.xz");
}

std::string opening(std::filesystem::path const& path) {
    return input_error([&] { ImageSource{path}; });
}

}  // namespace

BOOST_AUTO_TEST_SUITE(image_source)

BOOST_AUTO_TEST_CASE(reads_one_file_known_by_its_content) {
    Folder const folder;
    auto const card = test_card(10, 12);
    ImageSource const source(folder.write("picture.dat", encode_png(card)));
    BOOST_TEST(source.size() == 1u);
    auto const sample = source.read(0);
    BOOST_TEST(sample.name == "picture.dat");
    BOOST_TEST(!sample.label);
    BOOST_TEST((sample.picture.rgb == card.rgb));
}

BOOST_AUTO_TEST_CASE(reads_a_folder_in_order_of_names) {
    Folder const folder;
    folder.write("b.JPG", encode_jpeg(test_card(8, 9)));
    folder.write("a.png", encode_png(test_card(8, 10)));
    folder.write("c.jpeg", encode_jpeg(test_card(8, 11)));
    folder.write("notes.txt", {'x'});
    folder.write(".hidden.png", {'x'});
    ImageSource const source(folder.path());
    BOOST_REQUIRE(source.size() == 3u);
    for (std::size_t i = 0; i < 3; ++i) {
        auto const sample = source.read(i);
        BOOST_TEST(sample.picture.width == 10 - (i == 1) + (i == 2));
        BOOST_TEST(!sample.label);
    }
    BOOST_TEST(source.read(1).name == "b.JPG");
}

BOOST_AUTO_TEST_CASE(sub_folders_are_classes) {
    Folder const folder;
    folder.write("dog/2.png", encode_png(test_card(4, 4)));
    folder.write("dog/1.png", encode_png(test_card(4, 5)));
    folder.write("cat/9.png", encode_png(test_card(4, 6)));
    ImageSource source(folder.path());
    BOOST_REQUIRE(source.size() == 3u);
    BOOST_TEST(source.read(0).name == "cat/9.png");
    BOOST_TEST(source.read(0).label.value() == 0);
    BOOST_TEST(source.read(1).name == "dog/1.png");
    BOOST_TEST(source.read(2).label.value() == 1);
    ImageSource const moved = std::move(source);
    BOOST_TEST(moved.read(1).picture.width == 5);
}

BOOST_AUTO_TEST_CASE(reads_a_cifar_batch) {
    Folder const folder;
    auto const bytes = cifar_records({3, 0, 9});
    for (auto const& path : {folder.write("batch.bin", bytes), folder.write("batch.bin.xz", encode_xz(bytes))}) {
        ImageSource const source(path);
        BOOST_REQUIRE(source.size() == 3u);
        auto const sample = source.read(2);
        BOOST_TEST(sample.label.value() == 9);
        BOOST_TEST(sample.name == path.filename().string() + "#2");
        BOOST_TEST(sample.picture.height == 32);
        BOOST_TEST(sample.picture.width == 32);
        for (std::size_t p : {0u, 1u, 33u, 1023u})
            for (std::size_t c = 0; c < 3; ++c)
                BOOST_TEST(sample.picture.rgb[3 * p + c] == static_cast<std::uint8_t>(2 * 7 + c * 31 + p));
    }
}

BOOST_AUTO_TEST_CASE(real_cifar_10_is_read_byte_by_byte, *boost::unit_test::precondition(cifar_is_there)) {
    ImageSource const source(std::filesystem::path(SKIPSTONE_TEST_DATA) / "cifar10-test.bin.xz");
    BOOST_REQUIRE(source.size() == 10000u);
    Sha256 sum;
    for (std::size_t i = 0; i < source.size(); ++i) {
        auto const sample = source.read(i);
        BOOST_REQUIRE(sample.label.value() == static_cast<int>(i % 10));
        Bytes record = {static_cast<std::uint8_t>(*sample.label)};
        for (std::size_t c = 0; c < 3; ++c)
            for (std::size_t p = 0; p < 1024; ++p) record.push_back(sample.picture.rgb[3 * p + c]);
        sum.update(std::as_bytes(std::span(record)));
    }
    BOOST_TEST(sum.finish() == "54ee3ecdfce2cf0cd9f26c211a29b3803b2049347046e9db85734ed8d5d1b885");
}

BOOST_AUTO_TEST_CASE(says_what_is_wrong_and_where) {
    Folder const folder;
    BOOST_TEST(contains(opening(folder / "absent"), "absent: cannot be read (no such path)"));
    std::filesystem::create_directory(folder / "empty");
    BOOST_TEST(contains(opening(folder / "empty"), "empty: holds no picture"));
    BOOST_TEST(contains(opening(folder.write("text.png", {'h', 'i'})), "text.png: is neither PNG nor JPEG"));
    BOOST_TEST(contains(opening("/dev/null"), "/dev/null: is not a file"));
}

BOOST_AUTO_TEST_CASE(names_the_damaged_file_of_a_folder) {
    Folder const folder;
    folder.write("a.png", encode_png(test_card(4, 4)));
    folder.write("b.png", {'n', 'o'});
    std::filesystem::create_symlink("nowhere", folder / "c.png");
    ImageSource const source(folder.path());
    source.read(0);
    BOOST_TEST(contains(input_error([&] { source.read(1); }), "b.png: is neither PNG nor JPEG"));
    BOOST_TEST(contains(input_error([&] { source.read(2); }), "c.png: cannot be read"));
}

BOOST_AUTO_TEST_CASE(refuses_folders_that_are_unclear) {
    Folder const folder;
    folder.write("mixed/a.png", encode_png(test_card(4, 4)));
    folder.write("mixed/cat/a.png", encode_png(test_card(4, 4)));
    BOOST_TEST(contains(opening(folder / "mixed"), "mixed: holds both pictures and folders"));
    folder.write("deep/cat/young/a.png", encode_png(test_card(4, 4)));
    BOOST_TEST(contains(opening(folder / "deep"), "cat: holds folders"));
    folder.write("foreign/cat/a.png", encode_png(test_card(4, 4)));
    folder.write("foreign/dog/a.webp", {'x'});
    BOOST_TEST(contains(opening(folder / "foreign"), "dog: holds no picture (*.png, *.jpg, *.jpeg); passed over: 1 .webp"));
}

BOOST_AUTO_TEST_CASE(an_empty_folder_is_a_class_without_images) {
    Folder const folder;
    folder.write("cat/a.png", encode_png(test_card(4, 4)));
    std::filesystem::create_directory(folder / "dog");
    folder.write("eel/a.png", encode_png(test_card(4, 4)));
    ImageSource const source(folder.path());
    BOOST_TEST(source.size() == 2u);
    BOOST_TEST(source.label(1).value() == 2);
    BOOST_TEST(source.description() == "2 pictures of 3 classes; none of dog");
}

BOOST_AUTO_TEST_CASE(numbers_in_names_are_in_order_of_their_values) {
    Folder const folder;
    std::vector<std::string> const names{"2", "9", "10", "011", "100", "a2b3", "a2b10", "a10", "b"};
    for (auto const& name : names) folder.write(name + "/x.png", encode_png(test_card(4, 4)));
    ImageSource const source(folder.path());
    BOOST_TEST(source.class_folders() == names, boost::test_tools::per_element());
    for (std::size_t i = 0; i < names.size(); ++i) BOOST_TEST(source.label(i).value() == static_cast<int>(i));
}

BOOST_AUTO_TEST_CASE(every_class_comes_early) {
    Folder const folder;
    for (auto const* name : {"a/1.png", "a/2.png", "a/10.png", "b/1.png", "c/1.png", "c/2.png"})
        folder.write(name, encode_png(test_card(4, 4)));
    ImageSource const source(folder.path());
    std::vector<std::string> found;
    for (std::size_t i = 0; i < source.size(); ++i) found.push_back(source.read(i).name);
    BOOST_TEST(found == (std::vector<std::string>{"a/1.png", "b/1.png", "c/1.png", "a/2.png", "c/2.png", "a/10.png"}),
               boost::test_tools::per_element());
}

BOOST_AUTO_TEST_CASE(says_what_it_passes_over) {
    Folder const folder;
    for (auto const* name : {"cat/a.png", "dog/a.png"}) folder.write(name, encode_png(test_card(4, 4)));
    for (auto const* name : {"cat/b.WEBP", "cat/c.webp", "dog/d.bmp", "Thumbs.db", ".DS_Store", "cat/._a.png", "README",
                             "__MACOSX/cat/a.png", "@eaDir/x"})
        folder.write(name, {'x'});
    ImageSource const source(folder.path());
    BOOST_TEST(source.size() == 2u);
    BOOST_TEST(source.description() ==
               "2 pictures of 2 classes; passed over: 1 .bmp, 1 .db, 2 .webp, 1 @eaDir, 1 __MACOSX, 2 hidden, 1 without an "
               "extension");
}

BOOST_AUTO_TEST_CASE(finds_pictures_that_were_cut_off_by_their_ends) {
    Folder const folder;
    auto const jpeg = encode_jpeg(test_card(40, 40)), png = encode_png(test_card(40, 40));
    auto trailing = jpeg;
    trailing.insert(trailing.end(), 100, 'x');  // after its end: no harm
    folder.write("good/a.jpg", jpeg);
    folder.write("good/b.png", png);
    folder.write("good/c.jpg", trailing);
    ImageSource{folder / "good"}.look_for_cut_off();
    for (auto const& [name, whole] : {std::pair{"x.jpg", jpeg}, std::pair{"x.png", png}})
        for (std::size_t left : {std::size_t{0}, std::size_t{3}, std::size_t{50}, whole.size() / 2, whole.size() - 30}) {
            folder.write("bad/" + std::string(name), {whole.begin(), whole.begin() + static_cast<std::ptrdiff_t>(left)});
            BOOST_TEST(contains(input_error([&] { ImageSource{folder / "bad"}.look_for_cut_off(); }), name), left);
            std::filesystem::remove_all(folder / "bad");
        }
}

BOOST_AUTO_TEST_CASE(labels_are_those_of_the_network) {
    Folder const folder;
    for (auto const* name : {"d/cat/a.png", "d/dog/a.png", "d/eel/a.png"}) folder.write(name, encode_png(test_card(4, 4)));
    ImageSource const pictures(folder / "d");
    pictures.check_labels(3);
    for (int classes : {2, 4, 10, 1000})
        BOOST_TEST(contains(input_error([&] { pictures.check_labels(classes); }),
                            "d: holds 3 class folders (0 = cat, 1 = dog, 2 = eel), and the weights tell " +
                                std::to_string(classes) + " classes apart"));
    ImageSource const batch(folder.write("b.bin", cifar_records({0, 4, 2})));
    batch.check_labels(10);
    batch.check_labels(5);
    BOOST_TEST(contains(input_error([&] { batch.check_labels(4); }), "b.bin: image 1 has label 4; the weights tell 4"));
    BOOST_TEST(contains(input_error([&] { batch.check_labels(1000); }), "b.bin: has CIFAR-10's labels, 0 to 9"));
    ImageSource const flat(folder / "d/cat");
    flat.check_labels(7);  // nothing is claimed
}

BOOST_AUTO_TEST_CASE(refuses_a_cifar_batch_of_a_wrong_size_or_label) {
    Folder const folder;
    auto bytes = cifar_records({1, 2});
    bytes.pop_back();
    BOOST_TEST(contains(opening(folder.write("short.bin", bytes)), "short.bin: is no CIFAR-10 batch (6145 bytes"));
    BOOST_TEST(contains(opening(folder.write("short.bin.xz", encode_xz(bytes))), "(6145 bytes"));
    BOOST_TEST(contains(opening(folder.write("none.bin", {})), "none.bin: is no CIFAR-10 batch"));
    BOOST_TEST(contains(opening(folder.write("label.bin", cifar_records({0, 9, 10}))),
                        "label.bin: record 2 has label 10; CIFAR-10's are 0 to 9"));
    BOOST_TEST(contains(opening(folder.write("hundred.bin", Bytes(5 * 3074))), "hundred.bin: seems to be a CIFAR-100 batch"));
}

BOOST_AUTO_TEST_CASE(refuses_a_file_that_is_too_large) {
    Folder const folder;
    auto const path = folder.write("huge.png", {});
    std::filesystem::resize_file(path, max_file_bytes + 1);  // sparse
    BOOST_TEST(contains(opening(path), "huge.png: is too large (268435457 bytes)"));
}

BOOST_AUTO_TEST_SUITE_END()

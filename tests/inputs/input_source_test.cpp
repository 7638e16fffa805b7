#include "inputs/input_source.hpp"

#include <algorithm>
#include <boost/test/unit_test.hpp>
#include <cmath>
#include <limits>
#include <numeric>
#include <string>
#include <vector>

#include "hdf5/file.hpp"
#include "images/synthetic.hpp"
#include "inputs/array_file.hpp"
#include "inputs/axes.hpp"
#include "tests/images/fixtures.hpp"

using namespace skipstone;
using namespace skipstone::inputs;
using images::testing::contains;
using images::testing::encode_png;
using images::testing::Folder;
using images::testing::input_error;
using images::testing::test_card;

namespace {

// One fully connected layer over an input of any shape, whose own axes are in any order.
class Flat : public Family {
  public:
    explicit Flat(std::string axes) : axes_(std::move(axes)) {}
    std::string_view name() const override { return "flat"; }
    Blueprint draw(NetworkProfile const& profile) const override {
        Graph::Builder builder(profile.input);
        auto const output = builder.add("fc", op::FullyConnected{profile.classes}, {TensorId(0)});
        Blueprint blueprint{std::move(builder).finish(output)};
        blueprint.input_axes = axes_;
        return blueprint;
    }
    std::string lines() const override { return ""; }

  private:
    std::string axes_;
};

InputForm form(TensorShape shape, std::string const& axes = "hwc") {
    Network const network({.name = "flat", .family = std::make_shared<Flat>(axes), .input = shape, .classes = 4});
    return InputForm(network, {}, {}, 1);
}

std::vector<float> counted(std::size_t count) {
    std::vector<float> values(count);
    std::iota(values.begin(), values.end(), 0.0F);
    return values;
}

using Extents = std::vector<std::uint64_t>;

// A data set whose elements are 0, 1, 2, …
std::string write(Folder const& folder, Extents const& shape, std::vector<float> const& labels = {},
                  std::string const& layout = "") {
    auto const path = (folder / "data.h5").string();
    auto file = hdf5::File::create(path);
    {
        auto const elements = std::accumulate(shape.begin(), shape.end(), std::uint64_t{1}, std::multiplies<>());
        auto inputs = file.create_floats("inputs", shape, counted(elements));
        if (!layout.empty()) inputs.write_string("layout", layout);
        if (!labels.empty()) file.create_floats("labels", {labels.size()}, labels);
    }
    file.close();
    return path;
}

std::vector<float> loaded(InputSource const& source, std::size_t first, std::size_t count) {
    auto const batch = source.load(first, count);
    return {batch.values().begin(), batch.values().end()};
}

}  // namespace

BOOST_AUTO_TEST_SUITE(orders_of_axes)

BOOST_AUTO_TEST_CASE(there_and_back) {
    TensorShape const shape{1, 2, 3, 4};
    auto const values = counted(24);
    for (std::string const axes : {"hwc", "chw", "wch", "cwh", "whc", "hcw"}) {
        std::vector<float> stored(24), back(24);
        from_hwc(values, shape, axes, stored);
        into_hwc(stored, shape, axes, back);
        BOOST_TEST((back == values), axes);
        BOOST_TEST((stored != values || axes == "hwc"), axes);
    }
    std::vector<float> planes(24);
    from_hwc(values, shape, "chw", planes);
    BOOST_TEST(planes[0] == 0);
    BOOST_TEST(planes[1] == 4);  // the next pixel of channel 0
    BOOST_TEST(planes[6] == 1);  // channel 1
    BOOST_TEST((extents_of(shape, "chw") == Extents{4, 2, 3}));
    BOOST_TEST((extents_of({1, 1, 1, 9}, "c") == Extents{9}));
}

BOOST_AUTO_TEST_SUITE_END()

BOOST_AUTO_TEST_SUITE(arrays)

BOOST_AUTO_TEST_CASE(are_taken_as_they_are) {
    Folder const folder;
    auto wanted = form({1, 3, 2, 2});
    wanted.normalization = {{5, 5}, {2, 2}, 255};
    InputSource const source(write(folder, {4, 3, 2, 2}, {3, 0, 1, 2}), wanted);
    BOOST_TEST(source.size() == 4u);
    BOOST_TEST((source.load(1, 2).shape() == TensorShape{2, 3, 2, 2}));
    auto const two = loaded(source, 1, 2);
    for (std::size_t i = 0; i < two.size(); ++i) BOOST_TEST(two[i] == static_cast<float>(12 + i));
    BOOST_TEST(*source.label(0) == 3);
    BOOST_TEST(*source.label(3) == 2);
    BOOST_TEST(source.description() == "4 inputs with labels");
    source.check_labels(4);
    BOOST_TEST(contains(input_error([&] { source.check_labels(3); }),
                        "/labels: input 0 has label 3; the weights tell 3 classes apart, 0 to 2"));
}

BOOST_AUTO_TEST_CASE(a_part_of_them) {
    Folder const folder;
    auto const path = write(folder, {6, 1, 1, 1}, {3, 0, 1, 2, 1, 0});
    auto const open = [&](std::string const& part) { return InputSource(path + part, form({1, 1, 1, 1})); };
    auto const middle = open("@1..3"), rest = open("@4..");
    BOOST_TEST(middle.size() == 3u);
    BOOST_TEST((loaded(middle, 1, 2) == std::vector<float>{2, 3}));
    BOOST_TEST(*middle.label(0) == 0);
    BOOST_TEST(*middle.label(2) == 2);
    BOOST_TEST(middle.description() == "6 inputs with labels; of them 1 to 3");
    BOOST_TEST((loaded(rest, 0, rest.size()) == std::vector<float>{4, 5}));

    auto const drawn = open("@0..3~7"), others = open("@4..~7");
    BOOST_TEST(drawn.description() == "6 inputs with labels; of them 0 to 3 in random order of seed 7");
    auto all = loaded(drawn, 0, 4);
    for (std::size_t i = 0; i < 4; ++i) {
        auto const sample = static_cast<std::size_t>(all[i]);
        BOOST_TEST(*drawn.label(i) == (std::vector{3, 0, 1, 2, 1, 0}[sample]));
        BOOST_TEST((loaded(drawn, i, 1) == std::vector{all[i]}));
    }
    for (float const value : loaded(others, 0, others.size())) all.push_back(value);
    std::ranges::sort(all);
    BOOST_TEST((all == counted(6)));

    BOOST_TEST(
        contains(input_error([&] { open("@0..6"); }), "the data set has 6 samples, 0 to 5; the part must lie within"));
    BOOST_TEST(contains(input_error([&] { open("@6.."); }), "the data set has 6 samples"));
    BOOST_TEST(contains(input_error([&] { open("@3..2"); }), "first sample lies behind its last"));
    BOOST_TEST(contains(input_error([&] { open("@a"); }), "is no part of a data set"));
}

BOOST_AUTO_TEST_CASE(of_planes_are_turned_when_they_say_so) {
    Folder const folder;
    InputSource const source(write(folder, {2, 3, 4, 5}, {}, "NCHW"), form({1, 4, 5, 3}, "chw"));
    auto const one = loaded(source, 1, 1);
    for (std::size_t h = 0; h < 4; ++h)
        for (std::size_t w = 0; w < 5; ++w)
            for (std::size_t c = 0; c < 3; ++c)
                BOOST_TEST(one[(h * 5 + w) * 3 + c] == static_cast<float>(60 + (c * 4 + h) * 5 + w));
    BOOST_TEST(!source.label(0));
    BOOST_TEST(source.description() == "2 inputs without labels");
}

BOOST_AUTO_TEST_CASE(may_have_the_axes_of_the_network_itself) {
    Folder const folder;
    for (auto const& [shape, axes, stored] : {std::tuple(TensorShape{1, 1, 1, 6}, "c", Extents{2, 6}),
                                              {TensorShape{1, 1, 6, 1}, "w", Extents{2, 6}},
                                              {TensorShape{1, 1, 3, 2}, "wc", Extents{2, 3, 2}},
                                              {TensorShape{1, 1, 6, 1}, "w", Extents{2, 1, 6, 1}},
                                              {TensorShape{1, 2, 3, 1}, "chw", Extents{2, 2, 3, 1}}}) {
        InputSource const source(write(folder, stored), form(shape, axes));
        auto const one = loaded(source, 1, 1);
        for (std::size_t i = 0; i < 6; ++i) BOOST_TEST(one[i] == static_cast<float>(6 + i));
    }
    InputSource const turned(write(folder, {2, 2, 3}), form({1, 1, 3, 2}, "cw"));
    BOOST_TEST((loaded(turned, 0, 1) == std::vector<float>{0, 3, 1, 4, 2, 5}));
}

BOOST_AUTO_TEST_CASE(of_another_shape_are_refused_with_what_would_fit) {
    Folder const folder;
    auto const said = [&](Extents const& stored, InputForm const& wanted, std::string const& layout = "") {
        auto const path = write(folder, stored, {}, layout);
        return input_error([&] { InputSource(path, wanted); });
    };
    BOOST_TEST(
        contains(said({2, 3, 4, 5}, form({1, 4, 5, 3}, "chw")),
                 "data.h5: /inputs: has the shape [2, 3, 4, 5]; flat reads [N, 4, 5, 3], or [N, 3, 4, 5] with the "
                 "attribute layout = \"NCHW\""));
    BOOST_TEST(contains(said({2, 4, 5, 3}, form({1, 4, 5, 3}), "NCHW"),
                        "has the shape [2, 4, 5, 3] and the attribute layout = \"NCHW\"; flat reads [N, 4, 5, 3], or"));
    BOOST_TEST(contains(said({2, 7}, form({1, 1, 1, 6}, "c")), "[2, 7]; flat reads [N, 6] or [N, 1, 1, 6]"));
    BOOST_TEST(
        contains(said({2, 4, 5, 3}, form({1, 4, 5, 3}), "HWCN"), "must be \"NHWC\" (as without it) or \"NCHW\""));
    BOOST_TEST(
        contains(said({2, 6}, form({1, 1, 1, 6}, "c"), "NCHW"), "which has not four axes; leave the attribute out"));
    BOOST_TEST(contains(said({6}, form({1, 1, 1, 6}, "c")), "[N, …] is expected, one row for each of N inputs"));
    BOOST_TEST(contains(said({0, 6}, form({1, 1, 1, 6}, "c")), "holds nothing: its shape is [0, 6]"));
}

BOOST_AUTO_TEST_CASE(with_wrong_labels_are_refused) {
    Folder const folder;
    auto const said = [&](std::vector<float> const& labels) {
        auto const path = write(folder, {2, 6}, labels);
        return input_error([&] { ArrayFile{path}; });
    };
    BOOST_TEST(
        contains(said({1, 2, 3}), "/labels: has the shape [3]; one label for each of 2 inputs is expected, [2]"));
    for (float const wrong : {-1.0F, 0.5F, std::numeric_limits<float>::quiet_NaN(), 3e9F})
        BOOST_TEST(contains(said({1, wrong}), "label 1 is "));
}

BOOST_AUTO_TEST_CASE(that_are_not_finite_are_refused_when_they_are_read) {
    Folder const folder;
    auto const path = (folder / "data.h5").string();
    for (float const wrong : {std::numeric_limits<float>::quiet_NaN(), std::numeric_limits<float>::infinity()}) {
        auto values = counted(12);
        values[8] = wrong;
        {
            auto file = hdf5::File::create(path);
            file.create_floats("inputs", {2, 6}, values);
            file.close();
        }
        InputSource const source(path, form({1, 1, 1, 6}, "c"));
        source.load(0, 1);
        BOOST_TEST(contains(input_error([&] { source.load(0, 2); }), "/inputs: input 1 has "));
        BOOST_TEST(contains(input_error([&] { source.load(1, 1); }), "as its number 2; inputs must be finite"));
    }
}

BOOST_AUTO_TEST_CASE(without_the_dataset_are_refused) {
    Folder const folder;
    auto const path = (folder / "data.h5").string();
    {
        auto file = hdf5::File::create(path);
        file.create_floats("labels", {2}, counted(2));
        file.close();
    }
    BOOST_TEST(contains(input_error([&] {
                            InputSource(path, form({1, 1, 1, 6}, "c"));
                        }),
                        "/inputs: is missing; a data set in HDF5 has `inputs` [N, …]"));
}

BOOST_AUTO_TEST_SUITE_END()

BOOST_AUTO_TEST_SUITE(pictures)

BOOST_AUTO_TEST_CASE(are_normalised_for_the_network) {
    Folder const folder;
    auto const card = test_card(4, 6);
    auto const path = folder.write("card.png", encode_png(card)).string();
    auto wanted = form({1, 4, 6, 3});
    wanted.normalization = {{10, 20, 30}, {2, 2, 2}, 255};
    auto const colours = loaded(InputSource(path, wanted), 0, 1);
    for (std::size_t i = 0; i < colours.size(); ++i)
        BOOST_TEST(colours[i] == (static_cast<float>(card.rgb[i]) - static_cast<float>(10 + 10 * (i % 3))) / 2);
    auto const grey = loaded(InputSource(path, form({1, 4, 6, 1})), 0, 1);
    auto const luma = images::grey_of(card);
    BOOST_TEST(grey.size() == luma.size());
    for (std::size_t i = 0; i < grey.size(); ++i) BOOST_TEST(grey[i] == static_cast<float>(luma[i]) / 255.0F);
}

BOOST_AUTO_TEST_CASE(are_refused_by_what_reads_no_image) {
    Folder const folder;
    auto const path = folder.write("card.png", encode_png(test_card(4, 4))).string();
    BOOST_TEST(contains(input_error([&] {
                            InputSource(path, form({1, 1, 1, 260}, "c"));
                        }),
                        "holds pictures, and flat reads [N, 260], which no picture can be made into"));
    BOOST_TEST(contains(input_error([&] { InputSource(path, form({1, 8, 8, 4}, "chw")); }), "flat reads [N, 4, 8, 8]"));
    auto wanted = form({1, 4, 4, 1});
    wanted.normalization = {{0, 0, 0}, {1, 1, 1}};
    BOOST_TEST(contains(input_error([&] { InputSource(path, wanted); }), "mean and deviation of 3 channels"));
}

BOOST_AUTO_TEST_SUITE_END()

BOOST_AUTO_TEST_SUITE(synthetic_inputs)

BOOST_AUTO_TEST_CASE(have_the_networks_shape_and_normalisation) {
    auto wanted = form({1, 5, 4, 3});
    wanted.normalization = {{0.5F, 0.5F, 0.5F}, {0.25F, 0.25F, 0.25F}};
    auto const input = synthetic_input(3, 2, wanted);
    auto const bytes = images::synthetic(3, 2, 5, 4, 3);
    BOOST_TEST((input.shape() == TensorShape{1, 5, 4, 3}));
    for (std::size_t i = 0; i < bytes.size(); ++i)
        BOOST_TEST(input.values()[i] == (static_cast<float>(bytes[i]) / 255.0F - 0.5F) / 0.25F);
    auto const features = synthetic_input(3, 2, form({1, 1, 1, 640}, "c"));
    BOOST_TEST((features.shape() == TensorShape{1, 1, 1, 640}));
    for (float const value : features.values()) BOOST_TEST((value >= 0 && value < 1));
}

BOOST_AUTO_TEST_SUITE_END()

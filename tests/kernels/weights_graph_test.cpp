#include <algorithm>
#include <array>
#include <boost/test/unit_test.hpp>
#include <filesystem>
#include <fstream>
#include <functional>
#include <limits>
#include <string>
#include <vector>

#include "hdf5/file.hpp"
#include "kernels/weights.hpp"
#include "networks.hpp"
#include "networks/graph_family.hpp"
#include "networks/graph_text.hpp"
#include "units/error.hpp"
#include "units/input_files.hpp"

using namespace skipstone;
using namespace skipstone::kernels;

namespace {

// A convolution with a path of groups in its name, a mean over the image, and `classes` outputs.
Blueprint small(TensorShape input, int classes = 4) {
    Graph::Builder graph(input);
    auto const window = square_window(3, 1, 1);
    auto tensor = graph.add("body/first/conv", op::Convolution{window, 5, 1, true}, {TensorId(0)});
    tensor = graph.add("mean", op::GlobalAverage{}, {tensor});
    tensor = graph.add("fc", op::FullyConnected{classes}, {tensor});
    return {std::move(graph).finish(tensor)};
}

// A chain of so many operators that its text is longer than an HDF5 object's header can be (64 KiB).
Blueprint long_chain(int operators) {
    Graph::Builder graph(image_shape(8));
    auto tensor = TensorId(0);
    for (int i = 0; i < operators; ++i)
        tensor = graph.add("a.rather.long.name.of.an.operator.relu" + std::to_string(i), op::Relu{}, {tensor});
    tensor = graph.add("conv", op::Convolution{square_window(1, 1, 0), 2}, {tensor});
    return {std::move(graph).finish(tensor), {}, {}, "hwc", "hwc"};
}

NewWeights new_weights(Blueprint blueprint) {
    auto const channels = static_cast<std::size_t>(blueprint.graph.at(blueprint.graph.input()).shape.c);
    return {.network = "net",
            .blueprint = std::move(blueprint),
            .mean = std::vector(channels, 0.5),
            .std = std::vector(channels, 0.25),
            .range = 1,
            .source = "a test",
            .license = "free"};
}

Network network_of(NewWeights const& weights) {
    return Network(networks::profile_of(weights.network, weights.blueprint));
}

std::string write(Folder const& folder, NewWeights const& weights) {
    auto const path = folder.file("net.h5");
    UnevenWeights tensors(network_of(weights), 3);
    write_weights(path, weights, tensors);
    return path;
}

std::string complaint(std::function<void()> const& action) {
    try {
        action();
    } catch (InputError const& error) {
        return error.what();
    }
    return "nothing is wrong";
}

}  // namespace

BOOST_AUTO_TEST_SUITE(weights_with_a_graph)

BOOST_AUTO_TEST_CASE(what_was_written_is_read) {
    Folder const folder;
    auto const weights = new_weights(small({1, 9, 6, 2}));
    auto const path = write(folder, weights);
    auto const info = read_weights_info(path);
    BOOST_TEST(info.network == "net");
    BOOST_TEST((info.input == TensorShape{1, 9, 6, 2}));
    BOOST_TEST(info.classes == 4);
    BOOST_TEST((info.mean == std::vector{0.5, 0.5}));
    BOOST_TEST((info.std == std::vector{0.25, 0.25}));
    BOOST_TEST(info.range == 1);
    BOOST_TEST(info.source == "a test");
    BOOST_TEST(info.license == "free");
    BOOST_TEST(info.graph == networks::graph_text(weights.blueprint));
    auto const network = network_of(weights);
    FileWeights file(path, network);
    UnevenWeights tensors(network, 3);
    for (auto const& tensor : network.weight_tensors()) {
        auto const read = file.read(tensor.name);
        BOOST_TEST(read.shape == tensor.shape);
        BOOST_TEST((read.values == tensors.read(tensor.name).values));
    }
    // Nothing else lies there.
    auto const files = std::filesystem::directory_iterator(std::filesystem::path(path).parent_path());
    BOOST_TEST(std::distance(begin(files), end(files)) == 1);
}

BOOST_AUTO_TEST_CASE(a_picture_s_file_says_its_size_as_others_do) {
    Folder const folder;
    auto const square = write(folder, new_weights(small(image_shape(8))));
    BOOST_TEST(hdf5::File::open(square, hdf5::Access::read).read_integer("input_size") == 8);
    auto const oblong = write(folder, new_weights(small({1, 8, 9, 3})));  // takes the place of the first
    BOOST_TEST(!hdf5::File::open(oblong, hdf5::Access::read).has_attribute("input_size"));
    BOOST_TEST((read_weights_attributes(oblong).input == TensorShape{1, 8, 9, 3}));
}

BOOST_AUTO_TEST_CASE(a_graph_may_be_longer_than_an_object_s_header) {
    Folder const folder;
    auto const weights = new_weights(long_chain(20'000));
    auto const text = networks::graph_text(weights.blueprint);
    BOOST_TEST(text.size() > 1'000'000u);
    auto const path = write(folder, weights);
    BOOST_TEST((read_weights_attributes(path).graph == text));
}

BOOST_AUTO_TEST_CASE(mean_and_deviation_are_limited_where_they_are_of_a_picture_s_values) {
    Folder const folder;
    auto const with = [&](TensorShape input, double mean, double std, double range) {
        auto weights = new_weights(small(input));
        std::ranges::fill(weights.mean, mean);
        std::ranges::fill(weights.std, std);
        weights.range = range;
        return complaint([&] { write(folder, weights); });
    };
    auto const picture = image_shape(8);
    BOOST_TEST(with(picture, 0.4, 0.2, 1) == "nothing is wrong");
    BOOST_TEST(with(picture, 123.7, 58.4, 255) == "nothing is wrong");
    BOOST_TEST(with({1, 49, 10, 1}, -40.5, 17, 1) == "nothing is wrong");
    BOOST_TEST(with({1, 1, 260, 3}, -40.5, 17, 1) == "nothing is wrong");
    BOOST_TEST(with(picture, 123.7, 0.2, 1).find("input_mean: is of pixel values in 0…1") != std::string::npos);
    BOOST_TEST(with(picture, 0.4, 58.4, 1).find("input_std: is of pixel values in 0…1") != std::string::npos);
    BOOST_TEST(with(picture, 0.4, 0, 255).find("input_std: must be above 0") != std::string::npos);
    BOOST_TEST(with({1, 49, 10, 1}, 0, -1, 1).find("input_std: must be above 0") != std::string::npos);
    BOOST_TEST(
        with({1, 49, 10, 1}, std::numeric_limits<double>::infinity(), 1, 1).find("input_mean: must be a finite") !=
        std::string::npos);
    BOOST_TEST(with(picture, 0.4, 0.2, 100).find("input_range: must be 1 or 255") != std::string::npos);
    auto few = new_weights(small({1, 4, 4, 2}));
    few.mean = {0};
    BOOST_TEST(complaint([&] {
                   write(folder, few);
               }).find("input_mean: must be 2 numbers, one per channel, and is 1") != std::string::npos);
}

BOOST_AUTO_TEST_CASE(what_is_refused_leaves_what_was_there) {
    Folder const folder;
    auto const path = write(folder, new_weights(small(image_shape(8))));
    struct Bad : WeightSource {
        UnevenWeights tensors;
        explicit Bad(Network const& network) : tensors(network, 3) {}
        WeightValues read(std::string_view name) override {
            auto values = tensors.read(name);
            if (name == "fc.bias") values.values[2] = std::numeric_limits<float>::quiet_NaN();
            return values;
        }
    };
    auto weights = new_weights(small(image_shape(9)));
    Bad bad(network_of(weights));
    BOOST_TEST(complaint([&] { write_weights(path, weights, bad); }).find("fc.bias: element 2 is") !=
               std::string::npos);
    weights.range = 3;
    UnevenWeights tensors(network_of(weights), 3);
    BOOST_CHECK_THROW(write_weights(path, weights, tensors), InputError);
    weights.range = 1;
    remember_input(path);
    BOOST_CHECK_THROW(write_weights(path, weights, tensors), InputError);
    BOOST_CHECK_THROW(write_weights(folder.file("none") + "/net.h5", weights, tensors), InputError);
    BOOST_TEST(read_weights_attributes(path).input.h == 8);
    auto const files = std::filesystem::directory_iterator(std::filesystem::path(path).parent_path());
    BOOST_TEST(std::distance(begin(files), end(files)) == 1);
}

BOOST_AUTO_TEST_CASE(attributes_agree_with_the_graph_or_are_refused) {
    auto const changed = [](std::function<void(hdf5::File&)> const& change) {
        Folder const folder;
        auto const path = write(folder, new_weights(small(image_shape(8))));
        {
            auto file = hdf5::File::open(path, hdf5::Access::write);
            change(file);
            file.close();
        }
        return complaint([&] { read_weights_attributes(path); });
    };
    BOOST_TEST(changed([](hdf5::File&) {}) == "nothing is wrong");
    BOOST_TEST(changed([](hdf5::File& file) {
                   file.write_integer("input_size", 9);
               }).find("input_size: is 9, and the file's graph says something else") != std::string::npos);
    BOOST_TEST(changed([](hdf5::File& file) { file.write_integer("classes", 9); }).find("classes: is 9") !=
               std::string::npos);
    BOOST_TEST(changed([](hdf5::File& file) { file.write_string("graph", "{}"); }).find("graph: is no graph") !=
               std::string::npos);
    BOOST_TEST(changed([](hdf5::File& file) {
                   file.write_string("graph", "{\"format\":\"skipstone-graph\"}");
               }).find("graph: \"version\" is missing") != std::string::npos);
}

BOOST_AUTO_TEST_SUITE_END()

#include "kernels/weights.hpp"
#include "networks/resnet.hpp"

#include <boost/test/unit_test.hpp>
#include <cmath>
#include <fstream>
#include <functional>
#include <limits>
#include <numeric>

#include "hdf5/file.hpp"
#include "networks.hpp"
#include "units/error.hpp"
#include "units/sha256.hpp"

using namespace skipstone;
using namespace skipstone::kernels;

namespace {

NetworkProfile tiny() {
    return {.name = "tiny",
            .family = networks::resnet({.stages = {1, 1},
                                        .width = 4,
                                        .expansion = 1,
                                        .block = networks::BlockKind::basic,
                                        .stem = networks::StemKind::cifar}),
            .input = image_shape(8),
            .classes = 3};
}

std::size_t elements(std::vector<std::size_t> const& shape) {
    return std::accumulate(shape.begin(), shape.end(), std::size_t{1}, std::multiplies<>());
}

// What a file differs in from a proper one.
struct Changes {
    std::string without;                                                 // attribute or tensor that is left out
    std::function<void(std::string const&, WeightValues&)> tensor = {};  // changes a tensor before it is written
    std::function<void(hdf5::File&)> file = {};                          // changes the finished file
    hdf5::FloatWidth width = hdf5::FloatWidth::single;
};

void write_weights(std::string const& path, Network const& network, Changes const& changes) {
    auto file = hdf5::File::create(path);
    UnevenWeights source(network, 9);
    auto const wanted = [&](std::string const& name) { return changes.without != name; };
    if (wanted("network")) file.write_string("network", network.name());
    if (wanted("input_size")) file.write_integer("input_size", 8);
    if (wanted("input_mean")) file.write_doubles("input_mean", std::array{0.1, 0.2, 0.3});
    if (wanted("input_std")) file.write_doubles("input_std", std::array{0.4, 0.5, 0.6});
    if (wanted("classes")) file.write_integer("classes", network.classes());
    if (wanted("license")) file.write_string("license", "free");
    for (auto const& tensor : network.weight_tensors()) {
        if (!wanted(tensor.name)) continue;
        auto values = source.read(tensor.name);
        if (changes.tensor) changes.tensor(tensor.name, values);
        file.create_floats(tensor.name, {values.shape.begin(), values.shape.end()}, values.values, changes.width);
    }
    if (changes.file) changes.file(file);
    file.close();
}

struct WeightsFile {
    Folder folder;
    Network network{tiny()};
    std::string path = folder.file("weights.h5");

    explicit WeightsFile(Changes const& changes = {}) { write_weights(path, network, changes); }
};

// Reads every tensor, as packing does; the message of the InputError that comes.
std::string complaint(std::string const& path, Network const& network) {
    try {
        FileWeights weights(path, network);
        for (auto const& tensor : network.weight_tensors()) static_cast<void>(weights.read(tensor.name));
    } catch (InputError const& error) {
        return error.what();
    }
    return "none";
}

void check_complaint(Changes const& changes, std::vector<std::string> const& parts) {
    WeightsFile const f(changes);
    auto const text = complaint(f.path, f.network);
    BOOST_TEST(text.starts_with(f.path), text);
    for (auto const& part : parts) BOOST_TEST(text.find(part) != std::string::npos, "\"" << part << "\" in: " << text);
}

}  // namespace

BOOST_AUTO_TEST_SUITE(weights)

BOOST_AUTO_TEST_CASE(reads_what_a_file_says_about_itself) {
    WeightsFile const f;
    auto const info = read_weights_info(f.path);
    BOOST_TEST(info.file == f.path);
    BOOST_TEST(info.network == "tiny");
    BOOST_TEST(info.input.h == 8);
    BOOST_TEST(info.classes == 3);
    BOOST_TEST((info.mean == std::vector{0.1, 0.2, 0.3}));
    BOOST_TEST((info.std == std::vector{0.4, 0.5, 0.6}));
    BOOST_TEST(info.license == "free");
    BOOST_TEST(info.source == "");
    BOOST_TEST(info.sha256 == sha256_of_file(f.path));
}

BOOST_AUTO_TEST_CASE(reads_every_tensor_of_float32_and_float16_files) {
    for (auto width : {hdf5::FloatWidth::single, hdf5::FloatWidth::half}) {
        // Values that float16 holds exactly.
        auto const round = [](std::string const&, WeightValues& tensor) {
            for (auto& value : tensor.values) value = std::round(value * 64) / 64;
        };
        WeightsFile const f({.without = "", .tensor = round, .width = width});
        FileWeights weights(f.path, f.network);
        UnevenWeights source(f.network, 9);
        for (auto const& tensor : f.network.weight_tensors()) {
            auto expected = source.read(tensor.name);
            round(tensor.name, expected);
            auto const read = weights.read(tensor.name);
            BOOST_TEST(read.shape == tensor.shape);
            BOOST_TEST((read.values == expected.values));
        }
    }
}

BOOST_AUTO_TEST_CASE(names_a_missing_tensor) {
    check_complaint({.without = "layer2.0.bn2.running_mean"}, {"layer2.0.bn2.running_mean", "missing", "[8]"});
}

BOOST_AUTO_TEST_CASE(names_a_tensor_of_wrong_shape_with_both_shapes) {
    auto const reshape = [](std::string const& name, WeightValues& tensor) {
        if (name == "layer1.0.conv1.weight") tensor.shape = {4, 3, 4, 3};
    };
    check_complaint({.without = "", .tensor = reshape}, {"layer1.0.conv1.weight", "[4, 3, 4, 3]", "[4, 4, 3, 3]"});
}

BOOST_AUTO_TEST_CASE(names_a_tensor_of_wrong_type) {
    auto const add_doubles = [](hdf5::File& file) {
        auto dataset = file.create_doubles("bn1.bias", {}, 4);
        dataset.append_doubles(std::array{1.0, 2.0, 3.0, 4.0});
    };
    check_complaint({.without = "bn1.bias", .file = add_doubles}, {"bn1.bias", "float64", "float32 or float16"});
}

BOOST_AUTO_TEST_CASE(refuses_weights_of_another_network) {
    WeightsFile const f;
    auto const text = complaint(f.path, Network(resnet20()));
    BOOST_TEST(text.find("\"tiny\"") != std::string::npos, text);
    BOOST_TEST(text.find("\"resnet20-cifar\"") != std::string::npos, text);
}

BOOST_AUTO_TEST_CASE(refuses_weights_for_another_number_of_classes) {
    WeightsFile const f;
    auto profile = tiny();
    profile.classes = 5;
    auto const text = complaint(f.path, Network(profile));
    BOOST_TEST(text.find("classes") != std::string::npos, text);
    BOOST_TEST(text.find("3 classes") != std::string::npos, text);
    BOOST_TEST(text.find("5") != std::string::npos, text);
}

BOOST_AUTO_TEST_CASE(names_a_missing_attribute) {
    for (std::string const attribute : {"network", "input_size", "input_mean", "input_std", "classes"})
        check_complaint({.without = attribute}, {attribute});
}

BOOST_AUTO_TEST_CASE(refuses_nonsensical_attributes) {
    check_complaint({.without = "input_std",
                     .file =
                         [](hdf5::File& file) {
                             file.write_doubles("input_std", std::array{0.4, 0.0, 0.6});
                         }},
                    {"input_std"});
    check_complaint(
        {.without = "input_mean", .file = [](hdf5::File& file) { file.write_doubles("input_mean", std::array{0.4}); }},
        {"input_mean", "three"});
    for (double wrong : {123.675, 1.01, -0.1})
        check_complaint({.without = "input_mean",
                         .file =
                             [&](hdf5::File& file) {
                                 file.write_doubles("input_mean", std::array{0.4, wrong, 0.5});
                             }},
                        {"input_mean", "of pixel values in 0…1", wrong > 1 ? "divide by 255" : "from 0 to 1"});
    for (double wrong : {58.395, -0.2})
        check_complaint({.without = "input_std",
                         .file =
                             [&](hdf5::File& file) {
                                 file.write_doubles("input_std", std::array{0.4, wrong, 0.5});
                             }},
                        {"input_std", "above 0 and at most 1"});
    check_complaint({.without = "input_size", .file = [](hdf5::File& file) { file.write_integer("input_size", 0); }},
                    {"input_size", "0"});
}

BOOST_AUTO_TEST_CASE(refuses_values_that_are_not_finite) {
    for (float bad : {std::numeric_limits<float>::quiet_NaN(), std::numeric_limits<float>::infinity()}) {
        for (auto width : {hdf5::FloatWidth::single, hdf5::FloatWidth::half}) {
            auto const spoil = [bad](std::string const& name, WeightValues& tensor) {
                if (name == "layer2.0.conv1.weight") tensor.values.at(17) = bad;
            };
            check_complaint({.without = "", .tensor = spoil, .width = width},
                            {"layer2.0.conv1.weight", "element 17", "finite"});
        }
    }
}

BOOST_AUTO_TEST_CASE(refuses_a_negative_variance) {
    auto const spoil = [](std::string const& name, WeightValues& tensor) {
        if (name == "bn1.running_var") tensor.values.at(2) = -1;
    };
    check_complaint({.without = "", .tensor = spoil}, {"bn1.running_var", "element 2", "negative"});
}

BOOST_AUTO_TEST_CASE(says_that_a_file_is_truncated) {
    WeightsFile const f;
    auto const size = std::filesystem::file_size(f.path);
    for (auto left : {size - 1, size / 2, size / 10}) {
        std::filesystem::resize_file(f.path, left);
        auto const text = complaint(f.path, f.network);
        BOOST_TEST(text.starts_with(f.path), text);
        BOOST_TEST(text.find("truncated") != std::string::npos, text);
    }
}

BOOST_AUTO_TEST_CASE(says_that_a_file_is_not_hdf5_or_not_there) {
    Folder const folder;
    std::ofstream(folder.file("notes.h5")) << "These are not weights.\n";
    auto const text = complaint(folder.file("notes.h5"), Network(tiny()));
    BOOST_TEST(text.starts_with(folder.file("notes.h5")), text);
    BOOST_TEST(text.find("HDF5") != std::string::npos, text);
    BOOST_TEST(complaint(folder.file("none.h5"), Network(tiny())).starts_with(folder.file("none.h5")));
    BOOST_CHECK_THROW(read_weights_info(folder.file("notes.h5")), InputError);
    BOOST_CHECK_THROW(read_weights_info(folder.file("none.h5")), InputError);
}

BOOST_AUTO_TEST_CASE(he_weights_have_the_mean_and_deviation_of_he) {
    Network const network(resnet50());
    HeWeights weights(network, 1);
    for (auto const& tensor : network.weight_tensors()) {
        auto const read = weights.read(tensor.name);
        BOOST_TEST(read.shape == tensor.shape);
        BOOST_TEST(read.values.size() == elements(tensor.shape));
        if (tensor.shape.size() == 1) continue;
        double sum = 0, squares = 0;
        for (double value : read.values) {
            sum += value;
            squares += value * value;
        }
        auto const n = static_cast<double>(read.values.size());
        auto const deviation = std::sqrt(2 * static_cast<double>(tensor.shape.front()) / n);  // √(2 / fan-in)
        BOOST_TEST(std::abs(sum / n) < 5 * deviation / std::sqrt(n));
        BOOST_TEST(std::abs(std::sqrt(squares / n) / deviation - 1) < 5 / std::sqrt(2 * n));
    }
}

BOOST_AUTO_TEST_CASE(he_weights_are_the_same_bits_on_every_host) {
    Network const network(resnet50());
    auto const values = HeWeights(network, 1).read("layer3.2.conv2.weight").values;
    BOOST_TEST(values[0] == -0x1.551b12p-7F);
    BOOST_TEST(values[1] == -0x1.230e84p-8F);
    BOOST_TEST(values.back() == -0x1.9cd9bep-5F);
    BOOST_TEST((values == HeWeights(network, 1).read("layer3.2.conv2.weight").values));
    BOOST_TEST((values != HeWeights(network, 2).read("layer3.2.conv2.weight").values));
    BOOST_TEST((values != HeWeights(network, 1).read("layer3.3.conv2.weight").values));
}

BOOST_AUTO_TEST_SUITE_END()

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <limits>

#include "kernels/weights.hpp"
#include "networks/graph_text.hpp"
#include "units/error.hpp"
#include "units/file_memo.hpp"
#include "units/input_files.hpp"
#include "units/output_file.hpp"
#include "units/sha256.hpp"

namespace skipstone::kernels {

namespace {

template <class T>
std::string bracketed(std::vector<T> const& shape) {
    std::string text = "[";
    for (auto extent : shape) text += (text.size() > 1 ? ", " : "") + std::to_string(extent);
    return text + "]";
}

bool same_shape(std::vector<std::uint64_t> const& found, std::vector<std::size_t> const& wanted) {
    return std::ranges::equal(found, wanted);
}

std::string describe(hdf5::ElementType type) {
    auto const bits = std::to_string(8 * type.size);
    switch (type.type_class) {
        case hdf5::TypeClass::real:
            return "float" + bits;
        case hdf5::TypeClass::integer:
            return bits + "-bit integer";
        case hdf5::TypeClass::text:
            return "text";
        default:
            return "neither a number nor text";
    }
}

int read_positive(hdf5::File const& file, std::string const& attribute) {
    auto const value = file.read_integer(attribute);
    if (value < 1 || value > std::numeric_limits<int>::max())
        throw InputError({file.path(), 0, attribute}, "must be 1 or more, and is " + std::to_string(value));
    return static_cast<int>(value);
}

// Red, green and blue of the pixels of an image.
bool is_picture(TensorShape input) {
    return input.c == 3 && input.h > 1 && input.w > 1;
}

double read_range(hdf5::File const& file) {
    if (!file.has_attribute("input_range")) return 1;
    double const range = file.read_double("input_range");
    if (range != 1 && range != 255)
        throw InputError({file.path(), 0, "input_range"},
                         "must be 1 or 255, the largest value of a pixel, and is " + std::to_string(range));
    return range;
}

// What the graph of a file says. Where the file says it, too, it has to be the same.
void take_graph(hdf5::File const& file, WeightsInfo& info) {
    info.graph = file.read_string("graph");
    auto const graph = networks::read_graph(info.graph, {file.path(), 0, "graph"}).graph;
    info.input = graph.at(graph.input()).shape;
    info.classes = static_cast<int>(graph.at(graph.output()).shape.elements());
    auto const require = [&](std::string const& attribute, bool agrees) {
        if (!agrees)
            throw InputError({file.path(), 0, attribute}, "is " + std::to_string(file.read_integer(attribute)) +
                                                              ", and the file's graph says something else");
    };
    if (file.has_attribute("input_size")) {
        auto const size = file.read_integer("input_size");
        require("input_size", size == info.input.h && size == info.input.w);
    }
    if (file.has_attribute("classes")) require("classes", file.read_integer("classes") == info.classes);
}

std::string read_optional(hdf5::File const& file, std::string const& attribute) {
    return file.has_attribute(attribute) ? file.read_string(attribute) : "";
}

WeightsInfo read_attributes(hdf5::File const& file) {
    WeightsInfo info;
    info.file = file.path();
    info.network = file.read_string("network");
    if (file.has_attribute("graph")) {
        take_graph(file, info);
    } else {
        info.input = image_shape(read_positive(file, "input_size"));
        info.classes = read_positive(file, "classes");
    }
    info.range = read_range(file);
    info.mean = file.read_doubles("input_mean");
    info.std = file.read_doubles("input_std");
    check_normalization({info.file, 0, "input_mean"}, info.mean, info.input, info.range, Zero::allowed);
    check_normalization({info.file, 0, "input_std"}, info.std, info.input, info.range, Zero::refused);
    info.source = read_optional(file, "source");
    info.license = read_optional(file, "license");
    return info;
}

}  // namespace

WeightsInfo read_weights_attributes(std::string const& path) {
    remember_input(path);
    return read_attributes(hdf5::File::open(path, hdf5::Access::read));
}

WeightsInfo read_weights_info(std::string const& path) {
    remember_input(path);
    auto const file = hdf5::File::open(path, hdf5::Access::read);
    auto info = read_attributes(file);
    auto const hashed = remembered_hash(path);
    if (file.identity() != hashed.identity) throw changed_while_read(path);
    info.sha256 = hashed.sha256;
    info.identity = hashed.identity;
    return info;
}

bool is_unchanged(WeightsInfo const& hashed) {
    InputFile const file(hashed.file);
    return file_identity(file.descriptor()) == hashed.identity;
}

void expect_unchanged(WeightsInfo const& hashed) {
    if (!is_unchanged(hashed)) throw changed_while_read(hashed.file);
}

FileWeights::FileWeights(std::string const& path, Network const& network)
    : file_(hdf5::File::open(path, hdf5::Access::read)) {
    auto const info = read_attributes(file_);
    if (info.network != network.name())
        throw InputError({path, 0, "network"},
                         "these weights are for \"" + info.network + "\", not for \"" + network.name() + "\"");
    if (info.classes != network.classes())
        throw InputError({path, 0, "classes"}, "these weights tell " + std::to_string(info.classes) +
                                                   " classes apart, and the network " +
                                                   std::to_string(network.classes()));
    for (auto const& tensor : network.weight_tensors()) {
        auto const dataset = file_.find_dataset(tensor.name);
        if (!dataset)
            throw InputError({path, 0, tensor.name},
                             "is missing; " + network.name() + " needs it with the shape " + bracketed(tensor.shape));
        auto const shape = dataset->shape();
        if (!same_shape(shape, tensor.shape))
            throw InputError({path, 0, tensor.name}, "has the shape " + bracketed(shape) + "; " + network.name() +
                                                         " needs " + bracketed(tensor.shape));
        auto const type = dataset->element_type();
        if (type.type_class != hdf5::TypeClass::real || (type.size != 2 && type.size != 4))
            throw InputError({path, 0, tensor.name}, "is " + describe(type) + "; must be float32 or float16");
    }
}

WeightValues FileWeights::read(std::string_view name) {
    std::string const key(name);
    auto const dataset = file_.dataset(key);
    auto const shape = dataset.shape();
    WeightValues tensor{{shape.begin(), shape.end()}, dataset.read_floats()};
    bool const is_variance = name.ends_with(".running_var");
    for (std::size_t i = 0; i < tensor.values.size(); ++i) {
        float const value = tensor.values[i];
        if (!std::isfinite(value))
            throw InputError({file_.path(), 0, key}, "element " + std::to_string(i) + " is " + std::to_string(value) +
                                                         "; weights must be finite");
        if (is_variance && value < 0)
            throw InputError({file_.path(), 0, key}, "element " + std::to_string(i) + " is " + std::to_string(value) +
                                                         "; a variance cannot be negative");
    }
    return tensor;
}

namespace {

// Creates the groups that a tensor's name leads through.
void create_groups(hdf5::File& file, std::string const& tensor) {
    for (auto end = tensor.find('/'); end != std::string::npos; end = tensor.find('/', end + 1))
        if (auto const group = tensor.substr(0, end); !file.has_group(group)) file.create_group(group);
}

void write_into(hdf5::File& file, NewWeights const& weights, WeightSource& tensors) {
    auto const& graph = weights.blueprint.graph;
    auto const input = graph.at(graph.input()).shape;
    file.write_string("network", weights.network);
    file.write_string("graph", networks::graph_text(weights.blueprint));
    if (is_picture(input) && input.h == input.w) file.write_integer("input_size", input.h);
    file.write_integer("classes", static_cast<std::int64_t>(graph.at(graph.output()).shape.elements()));
    file.write_doubles("input_mean", weights.mean);
    file.write_doubles("input_std", weights.std);
    file.write_double("input_range", weights.range);
    if (!weights.source.empty()) file.write_string("source", weights.source);
    if (!weights.license.empty()) file.write_string("license", weights.license);
    for (auto const& tensor : graph.weight_tensors()) {
        auto const values = tensors.read(tensor.name);
        SKIPSTONE_EXPECT(values.shape == tensor.shape && values.values.size() == tensor.elements());
        if (auto const found =
                std::ranges::find_if_not(values.values, [](float value) { return std::isfinite(value); });
            found != values.values.end())
            throw InputError("the weights " + tensor.name + ": element " +
                             std::to_string(found - values.values.begin()) + " is " + std::to_string(*found) +
                             "; weights must be finite");
        create_groups(file, tensor.name);
        file.create_floats(tensor.name, {tensor.shape.begin(), tensor.shape.end()}, values.values);
    }
}

}  // namespace

void check_normalization(InputPlace const& place, std::vector<double> const& values, TensorShape input, double range,
                         Zero zero) {
    auto const fail = [&](std::string const& message) { throw InputError(place, message); };
    auto const channels = static_cast<std::size_t>(input.c);
    bool const picture = is_picture(input);
    if (values.size() != channels)
        fail("must be " +
             (picture ? "three numbers (red, green, blue)" : std::to_string(channels) + " numbers, one per channel") +
             ", and is " + std::to_string(values.size()));
    for (double const value : values) {
        if (picture && range == 1 &&
            (!std::isfinite(value) || value < 0 || value > 1 || (value == 0 && zero == Zero::refused)))
            fail(std::string("is of pixel values in 0…1 and must be ") +
                 (zero == Zero::refused ? "above 0 and at most 1" : "from 0 to 1") + ", and has " +
                 std::to_string(value) +
                 (value > 1 ? "; of values in 0…255, divide by 255: " + std::to_string(value / 255) : ""));
        if (!std::isfinite(value) || (zero == Zero::refused && value <= 0))
            fail("must be " + std::string(zero == Zero::refused ? "above 0" : "a finite number") + ", and has " +
                 std::to_string(value));
    }
}

void write_weights(std::string const& path, NewWeights const& weights, WeightSource& tensors) {
    write_file_at(path, [&](std::filesystem::path const& draft) {
        auto file = hdf5::File::create(draft.string(), hdf5::Storage::packed);
        try {
            write_into(file, weights, tensors);
            file.close();
        } catch (...) {
            file.abandon();
            throw;
        }
        read_attributes(hdf5::File::open(draft.string(), hdf5::Access::read));
    });
}

}  // namespace skipstone::kernels

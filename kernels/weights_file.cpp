#include <algorithm>
#include <cmath>
#include <limits>

#include "kernels/weights.hpp"
#include "units/error.hpp"
#include "units/file_memo.hpp"
#include "units/input_files.hpp"
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

enum class Zero { allowed, refused };

// Of pixel values in 0 … 1: neither a mean nor a deviation of such values is above 1, or below 0.
std::vector<double> read_rgb(hdf5::File const& file, std::string const& attribute, Zero zero) {
    auto const values = file.read_doubles(attribute);
    if (values.size() != 3)
        throw InputError({file.path(), 0, attribute},
                         "must be three numbers (red, green, blue), and is " + std::to_string(values.size()));
    for (double value : values)
        if (!std::isfinite(value) || value < 0 || value > 1 || (value == 0 && zero == Zero::refused))
            throw InputError(
                {file.path(), 0, attribute},
                std::string("is of pixel values in 0…1 and must be ") +
                    (zero == Zero::refused ? "above 0 and at most 1" : "from 0 to 1") + ", and has " +
                    std::to_string(value) +
                    (value > 1 ? "; of values in 0…255, divide by 255: " + std::to_string(value / 255) : ""));
    return values;
}

std::string read_optional(hdf5::File const& file, std::string const& attribute) {
    return file.has_attribute(attribute) ? file.read_string(attribute) : "";
}

WeightsInfo read_attributes(hdf5::File const& file) {
    WeightsInfo info;
    info.file = file.path();
    info.network = file.read_string("network");
    info.input = image_shape(read_positive(file, "input_size"));
    info.mean = read_rgb(file, "input_mean", Zero::allowed);
    info.std = read_rgb(file, "input_std", Zero::refused);
    info.classes = read_positive(file, "classes");
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

}  // namespace skipstone::kernels

#include "inputs/array_file.hpp"

#include <algorithm>
#include <cmath>
#include <functional>
#include <limits>
#include <numeric>

#include "inputs/axes.hpp"
#include "units/error.hpp"
#include "units/input_files.hpp"

namespace skipstone::inputs {

namespace {

using Extents = std::vector<std::uint64_t>;

std::string bracketed(std::span<std::uint64_t const> extents, std::string first = "") {
    std::string text = "[" + first;
    for (auto const extent : extents) text += (text.size() > 1 ? ", " : "") + std::to_string(extent);
    return text + "]";
}

[[noreturn]] void refuse(hdf5::Object const& object, std::string const& problem) {
    throw InputError({object.file(), 0, object.name()}, problem);
}

hdf5::File open(std::string const& path) {
    remember_input(path);
    return hdf5::File::open(path, hdf5::Access::read);
}

hdf5::Dataset find_inputs(hdf5::File const& file) {
    auto inputs = file.find_dataset("inputs", hdf5::Unpacked::much);
    if (!inputs)
        throw InputError({file.path(), 0, "/inputs"},
                         "is missing; a data set in HDF5 has `inputs` [N, …], numbers that a network reads, and if "
                         "they are known `labels` [N]");
    auto const kind = inputs->element_type().type_class;
    if (kind != hdf5::TypeClass::real && kind != hdf5::TypeClass::integer)
        refuse(*inputs, "does not hold numbers; float32 is expected");
    auto const shape = inputs->shape();
    if (shape.size() < 2)
        refuse(*inputs, "has the shape " + bracketed(shape) + "; [N, …] is expected, one row for each of N inputs");
    if (std::ranges::find(shape, std::uint64_t{0}) != shape.end())
        refuse(*inputs, "holds nothing: its shape is " + bracketed(shape));
    return std::move(*inputs);
}

std::string layout_of(hdf5::Dataset const& inputs) {
    if (!inputs.has_attribute("layout")) return "";
    auto layout = inputs.read_string("layout");
    if (layout != "NHWC" && layout != "NCHW")
        refuse(inputs, "has the attribute layout = \"" + layout + "\"; must be \"NHWC\" (as without it) or \"NCHW\"");
    if (inputs.shape().size() != 4)
        refuse(inputs, "has the attribute layout = \"" + layout + "\", and the shape " + bracketed(inputs.shape()) +
                           ", which has not four axes; leave the attribute out");
    return layout;
}

std::vector<int> read_labels(hdf5::File const& file, std::uint64_t count) {
    auto const labels = file.find_dataset("labels");
    if (!labels) return {};
    if (auto const shape = labels->shape(); shape != Extents{count})
        refuse(*labels, "has the shape " + bracketed(shape) + "; one label for each of " + std::to_string(count) +
                            " inputs is expected, [" + std::to_string(count) + "]");
    std::vector<int> found;
    for (double const label : labels->read_doubles()) {
        if (!(label >= 0 && label <= std::numeric_limits<int>::max() && label == std::floor(label)))
            refuse(*labels, "label " + std::to_string(found.size()) + " is " + std::to_string(label) +
                                "; labels are whole numbers from 0 on");
        found.push_back(static_cast<int>(label));
    }
    return found;
}

}  // namespace

ArrayFile::ArrayFile(std::string const& path)
    : file_(open(path)),
      inputs_(find_inputs(file_)),
      shape_(inputs_.shape()),
      layout_(layout_of(inputs_)),
      labels_(read_labels(file_, shape_.front())) {}

std::string ArrayFile::axes_for(TensorShape input, std::string_view own, std::string const& network) const {
    std::span<std::uint64_t const> const found = std::span(shape_).subspan(1);
    auto const fits = [&](std::string_view axes) { return std::ranges::equal(found, extents_of(input, axes)); };
    // The network's own order of three axes is what `layout` tells of; of fewer, it is told by their number.
    bool const own_is_flat = own.size() < 3;
    std::string const stored = layout_ == "NCHW" ? "chw" : "hwc";
    if (fits(stored)) return stored;
    if (layout_.empty() && own_is_flat && fits(own)) return std::string(own);

    auto const described = [&](std::string_view axes) { return bracketed(extents_of(input, axes), "N"); };
    auto wanted = own_is_flat ? described(own) + " or " + described("hwc") : described("hwc");
    if (described("chw") != described("hwc"))
        wanted += ", or " + described("chw") + " with the attribute layout = \"NCHW\"";
    refuse(inputs_, "has the shape " + bracketed(shape_) +
                        (layout_.empty() ? "" : " and the attribute layout = \"" + layout_ + "\"") + "; " + network +
                        " reads " + wanted);
}

std::optional<int> ArrayFile::label(std::size_t index) const {
    if (labels_.empty()) return std::nullopt;
    return labels_.at(index);
}

void ArrayFile::read(std::size_t first, std::size_t count, std::span<float> values) const {
    SKIPSTONE_EXPECT(count >= 1 && first + count <= size() && values.size() % count == 0);
    {
        std::scoped_lock const lock(mutex_);
        inputs_.read_floats(first, count, values);
    }
    auto const wrong = std::ranges::find_if_not(values, [](float value) { return std::isfinite(value); });
    if (wrong == values.end()) return;
    auto const place = static_cast<std::size_t>(wrong - values.begin()), one = values.size() / count;
    refuse(inputs_, "input " + std::to_string(first + place / one) + " has " + std::to_string(*wrong) +
                        " as its number " + std::to_string(place % one) + "; inputs must be finite");
}

}  // namespace skipstone::inputs

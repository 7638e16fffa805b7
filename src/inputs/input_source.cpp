#include "inputs/input_source.hpp"

#include <algorithm>
#include <utility>

#include "config/file_kind.hpp"
#include "hdf5/file.hpp"
#include "images/image_source.hpp"
#include "images/synthetic.hpp"
#include "inputs/array_file.hpp"
#include "inputs/axes.hpp"
#include "inputs/data_path.hpp"
#include "units/error.hpp"

namespace skipstone::inputs {

class InputSource::Implementation {
  public:
    explicit Implementation(InputForm form) : form_(std::move(form)) {}
    virtual ~Implementation() = default;
    virtual std::size_t size() const = 0;
    virtual std::optional<int> label(std::size_t index) const = 0;
    virtual void load(std::size_t first, std::size_t count, std::span<float> values) const = 0;
    virtual std::vector<std::string> const& class_folders() const = 0;
    virtual std::string description() const = 0;
    virtual void look_for_cut_off() const = 0;
    virtual void check_labels(int classes) const = 0;

    InputForm const& form() const { return form_; }

  private:
    InputForm form_;
};

namespace {

std::vector<float> narrowed(std::vector<double> const& values, int channels, float otherwise) {
    std::vector<float> result(values.begin(), values.end());
    if (result.empty()) result.assign(static_cast<std::size_t>(channels), otherwise);
    return result;
}

// "[N, 49, 10, 1]"
std::string shape_text(InputForm const& form) {
    std::string text = "[N";
    for (auto const extent : extents_of(form.shape, form.axes)) text += ", " + std::to_string(extent);
    return text + "]";
}

class Pictures : public InputSource::Implementation {
  public:
    Pictures(std::string const& path, InputForm given) : Implementation(std::move(given)), source_(path) {
        auto const& [network, shape, axes, normalization] = form();
        auto const named = [&](char axis) { return axes.find(axis) != std::string::npos; };
        bool const is_image = named('h') && named('w') && (shape.c == 1 || shape.c == 3);
        if (!is_image)
            throw InputError({path, 0, ""},
                             "holds pictures, and " + network + " reads " + shape_text(form()) +
                                 ", which no picture can be made into: they have 1 channel (grey) or 3 (red, green, "
                                 "blue). Give a data set in HDF5, with a dataset `inputs` " +
                                 shape_text(form()));
        auto const channels = static_cast<std::size_t>(shape.c);
        if (normalization.mean.size() != channels || normalization.deviation.size() != channels)
            throw InputError({path, 0, ""},
                             "holds pictures, and the weights of " + network + " have mean and deviation of " +
                                 std::to_string(normalization.mean.size()) + " channels for an input of " +
                                 std::to_string(shape.c) + "; import them with --mean and --std for each channel");
    }
    std::size_t size() const override { return source_.size(); }
    std::optional<int> label(std::size_t index) const override { return source_.label(index); }
    void load(std::size_t first, std::size_t count, std::span<float> values) const override {
        auto const one = values.size() / count;
        for (std::size_t i = 0; i < count; ++i)
            images::preprocess(source_.read(first + i).picture, form().shape.h, form().shape.w, form().normalization,
                               values.subspan(i * one, one));
    }
    std::vector<std::string> const& class_folders() const override { return source_.class_folders(); }
    std::string description() const override { return source_.description(); }
    void look_for_cut_off() const override { source_.look_for_cut_off(); }
    void check_labels(int classes) const override { source_.check_labels(classes); }

  private:
    images::ImageSource source_;
};

class Arrays : public InputSource::Implementation {
  public:
    Arrays(std::string const& path, InputForm given)
        : Implementation(std::move(given)),
          file_(path),
          axes_(file_.axes_for(form().shape, form().axes, form().network)) {}
    std::size_t size() const override { return file_.size(); }
    std::optional<int> label(std::size_t index) const override { return file_.label(index); }
    void load(std::size_t first, std::size_t count, std::span<float> values) const override {
        if (std::ranges::is_sorted(axes_, {}, [](char axis) { return std::string_view("hwc").find(axis); })) {
            file_.read(first, count, values);
            return;
        }
        std::vector<float> stored(values.size());
        file_.read(first, count, stored);
        auto const one = values.size() / count;
        for (std::size_t i = 0; i < count; ++i)
            into_hwc(std::span(stored).subspan(i * one, one), form().shape, axes_, values.subspan(i * one, one));
    }
    std::vector<std::string> const& class_folders() const override { return none_; }
    std::string description() const override {
        return std::to_string(size()) + (size() == 1 ? " input with" : " inputs with") +
               (file_.has_labels() ? (size() == 1 ? " a label" : " labels") : "out labels");
    }
    void look_for_cut_off() const override {}  // opening it told
    void check_labels(int classes) const override {
        if (!file_.has_labels()) return;
        for (std::size_t i = 0; i < size(); ++i)
            if (auto const found = *file_.label(i); found >= classes)
                throw InputError({file_.path(), 0, "/labels"}, "input " + std::to_string(i) + " has label " +
                                                                   std::to_string(found) + "; the weights tell " +
                                                                   std::to_string(classes) + " classes apart, 0 to " +
                                                                   std::to_string(classes - 1));
    }

  private:
    ArrayFile file_;
    std::string axes_;
    std::vector<std::string> none_;
};

// Some samples of a source.
class Part : public InputSource::Implementation {
  public:
    // `path`: of source and part, as it was given.
    Part(std::string const& path, std::unique_ptr<InputSource::Implementation const> source, DataPart const& part)
        : Implementation(source->form()), source_(std::move(source)), first_(part.first) {
        auto const all = source_->size();
        auto const last = part.last.value_or(all - 1);
        if (first_ >= all || last >= all)
            throw InputError({path, 0, ""}, "the data set has " + std::to_string(all) + " samples, 0 to " +
                                                std::to_string(all - 1) + "; the part must lie within them");
        if (last < first_) throw InputError({path, 0, ""}, "the part's first sample lies behind its last");
        size_ = last - first_ + 1;
        if (part.seed) order_ = random_order(all, *part.seed, "data-part");
        words_ = "; of them " + std::to_string(first_) + " to " + std::to_string(last);
        if (part.seed) words_ += " in random order of seed " + std::to_string(*part.seed);
    }
    std::size_t size() const override { return size_; }
    std::optional<int> label(std::size_t index) const override { return source_->label(place(index)); }
    void load(std::size_t first, std::size_t count, std::span<float> values) const override {
        if (order_.empty()) {
            source_->load(place(first), count, values);
            return;
        }
        auto const one = values.size() / count;
        for (std::size_t i = 0; i < count; ++i) source_->load(place(first + i), 1, values.subspan(i * one, one));
    }
    std::vector<std::string> const& class_folders() const override { return source_->class_folders(); }
    std::string description() const override { return source_->description() + words_; }
    void look_for_cut_off() const override { source_->look_for_cut_off(); }
    void check_labels(int classes) const override { source_->check_labels(classes); }

  private:
    std::size_t place(std::size_t index) const { return order_.empty() ? first_ + index : order_[first_ + index]; }

    std::unique_ptr<InputSource::Implementation const> source_;
    std::size_t first_, size_ = 0;
    std::vector<std::size_t> order_;  // of the source's samples; empty: as they are stored
    std::string words_;
};

std::unique_ptr<InputSource::Implementation const> open_whole(std::string const& path, InputForm form) {
    if (hdf5::has_signature(path))
        return config::read_as(config::FileKind::data_set, path,
                               [&] { return std::make_unique<Arrays>(path, std::move(form)); });
    return config::read_as(config::FileKind::picture, path,
                           [&] { return std::make_unique<Pictures>(path, std::move(form)); });
}

std::unique_ptr<InputSource::Implementation const> open(std::string const& path, InputForm form) {
    auto const [file, part] = parse_data_path(path);
    auto source = open_whole(file, std::move(form));
    if (!part) return source;
    return std::make_unique<Part>(path, std::move(source), *part);
}

}  // namespace

InputForm::InputForm(Network const& of) : network(of.name()), shape(of.input_shape()), axes(of.input_axes()) {
    if (shape.c == 3)
        normalization = {{0.485F, 0.456F, 0.406F}, {0.229F, 0.224F, 0.225F}};  // torchvision's for ImageNet
    else
        normalization = {narrowed({}, shape.c, 0), narrowed({}, shape.c, 1)};
}

InputForm::InputForm(Network const& of, std::vector<double> const& mean, std::vector<double> const& deviation,
                     double range)
    : network(of.name()),
      shape(of.input_shape()),
      axes(of.input_axes()),
      normalization{narrowed(mean, shape.c, 0), narrowed(deviation, shape.c, 1), static_cast<float>(range)} {}

InputSource::InputSource(std::string const& path, InputForm form) : implementation_(open(path, std::move(form))) {}
InputSource::InputSource(InputSource&&) noexcept = default;
InputSource& InputSource::operator=(InputSource&&) noexcept = default;
InputSource::~InputSource() = default;

std::size_t InputSource::size() const {
    return implementation_->size();
}

std::optional<int> InputSource::label(std::size_t index) const {
    SKIPSTONE_EXPECT(index < size());
    return implementation_->label(index);
}

Tensor InputSource::load(std::size_t first, std::size_t count) const {
    SKIPSTONE_EXPECT(count >= 1 && first + count <= size());
    auto shape = implementation_->form().shape;
    shape.n = static_cast<int>(count);
    Tensor batch(shape);
    implementation_->load(first, count, batch.values());
    return batch;
}

std::vector<std::string> const& InputSource::class_folders() const {
    return implementation_->class_folders();
}

std::string InputSource::description() const {
    return implementation_->description();
}

void InputSource::look_for_cut_off() const {
    implementation_->look_for_cut_off();
}

void InputSource::check_labels(int classes) const {
    implementation_->check_labels(classes);
}

Tensor synthetic_input(std::uint64_t seed, std::int64_t index, InputForm const& form) {
    auto const& shape = form.shape;
    Tensor input({1, shape.h, shape.w, shape.c});
    auto normalization = form.normalization;
    if (normalization.mean.size() != static_cast<std::size_t>(shape.c)) normalization.mean = narrowed({}, shape.c, 0);
    if (normalization.deviation.size() != static_cast<std::size_t>(shape.c))
        normalization.deviation = narrowed({}, shape.c, 1);
    images::normalize(images::synthetic(seed, index, shape.h, shape.w, shape.c), normalization, input.values());
    return input;
}

}  // namespace skipstone::inputs

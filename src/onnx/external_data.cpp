#include "onnx/external_data.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <cstdint>
#include <optional>
#include <system_error>
#include <utility>

#include "units/error.hpp"
#include "units/input_files.hpp"

namespace skipstone::onnx {

namespace {

namespace fs = std::filesystem;

class Problem {
  public:
    Problem(fs::path const& model, std::string const& tensor) : place_{model.string(), 0, tensor} {}

    [[noreturn]] void operator()(std::string const& message) const { throw InputError(place_, message); }

  private:
    InputPlace place_;
};

struct Place {
    std::string file;
    std::int64_t offset = 0;
    std::optional<std::int64_t> length;
};

std::int64_t number_of(std::string const& text, std::string const& key, Problem const& problem) {
    std::int64_t number = -1;
    auto const [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
    if (error != std::errc() || end != text.data() + text.size() || number < 0)
        problem("its external data has the " + key + " \"" + text + "\", which is no number of bytes");
    return number;
}

Place place_of(::onnx::TensorProto const& tensor, Problem const& problem) {
    Place place;
    for (auto const& entry : tensor.external_data())
        if (entry.key() == "location")
            place.file = entry.value();
        else if (entry.key() == "offset")
            place.offset = number_of(entry.value(), "offset", problem);
        else if (entry.key() == "length")
            place.length = number_of(entry.value(), "length", problem);
    return place;
}

bool leaves_its_folder(fs::path const& path) {
    return path.is_absolute() || std::ranges::find(path, fs::path("..")) != path.end();
}

// Closes itself.
struct Descriptor {
    int number;
    explicit Descriptor(int opened) : number(opened) {}
    Descriptor(Descriptor const&) = delete;
    Descriptor& operator=(Descriptor const&) = delete;
    ~Descriptor() {
        if (number >= 0) ::close(number);
    }
};

// Where what was opened really is: links may have led anywhere.
fs::path real_path(Descriptor const& file) {
    std::error_code error;
    auto path = fs::read_symlink("/proc/self/fd/" + std::to_string(file.number), error);
    return error ? fs::path() : path;
}

bool is_below(fs::path const& path, fs::path const& folder) {
    return std::mismatch(folder.begin(), folder.end(), path.begin(), path.end()).first == folder.end();
}

}  // namespace

ExternalData::ExternalData(fs::path model) : model_(std::move(model)) {
    std::error_code ignored;
    auto const absolute = fs::absolute(model_, ignored);
    folder_ = fs::canonical(absolute.parent_path(), ignored);
}

void ExternalData::load(::onnx::TensorProto& tensor, std::int64_t bytes) {
    Problem const problem(model_, tensor.name());
    auto const place = place_of(tensor, problem);
    if (place.file.empty() || place.file.find('\0') != std::string::npos) problem("its external data names no file");
    if (leaves_its_folder(place.file))
        problem("its external data is in \"" + place.file +
                "\", outside of the model's folder, where nothing is read; put it beside the model and export it again "
                "with a plain name");
    if (folder_.empty()) problem("its external data is in another file, and this model has no folder");
    auto const path = folder_ / place.file;
    Descriptor const file(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY));
    if (file.number < 0)
        problem("its external data is in \"" + place.file + "\", which cannot be read: " +
                std::generic_category().message(errno) + "; it belongs into the model's folder");
    if (!is_below(real_path(file), folder_))
        problem("its external data is in \"" + place.file +
                "\", a link that leads out of the model's folder, where nothing is read; copy the file itself there");
    struct stat status {};
    if (::fstat(file.number, &status) != 0 || !S_ISREG(status.st_mode))
        problem("its external data is in \"" + place.file + "\", which is no regular file");
    if (place.length && *place.length != bytes)
        problem("needs " + std::to_string(bytes) + " bytes for its shape, and its external data has " +
                std::to_string(*place.length));
    if (place.offset > status.st_size || bytes > status.st_size - place.offset)
        problem("needs " + std::to_string(bytes) + " bytes at " + std::to_string(place.offset) + " of \"" + place.file +
                "\", and that file ends after " + std::to_string(status.st_size) + "; copy it again");
    remember_input(path);
    auto& data = *tensor.mutable_raw_data();
    data.resize(static_cast<std::size_t>(bytes));
    for (std::size_t done = 0; done < data.size();) {
        auto const count = ::pread(file.number, data.data() + done, data.size() - done,
                                   static_cast<off_t>(place.offset) + static_cast<off_t>(done));
        if (count < 0 && errno == EINTR) continue;
        if (count <= 0) problem("its external data in \"" + place.file + "\" was changed while it was read");
        done += static_cast<std::size_t>(count);
    }
    tensor.set_data_location(::onnx::TensorProto::DEFAULT);
    tensor.clear_external_data();
    if (std::ranges::find(files_, place.file) == files_.end()) files_.push_back(place.file);
}

}  // namespace skipstone::onnx

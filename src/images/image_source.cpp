#include "images/image_source.hpp"

#include <algorithm>
#include <cctype>
#include <system_error>
#include <utility>
#include <vector>

#include "images/decode.hpp"
#include "units/error.hpp"
#include "units/input_files.hpp"

namespace skipstone::images {

namespace fs = std::filesystem;

class ImageSource::Implementation {
  public:
    virtual ~Implementation() = default;
    virtual std::size_t size() const = 0;
    virtual std::optional<int> label(std::size_t index) const = 0;
    virtual Sample read(std::size_t index) const = 0;
};

namespace {

struct PictureFile {
    fs::path path;
    std::optional<int> label;
    std::string name;
};

class PictureFiles : public ImageSource::Implementation {
  public:
    explicit PictureFiles(std::vector<PictureFile> files) : files_(std::move(files)) {}
    std::size_t size() const override { return files_.size(); }
    std::optional<int> label(std::size_t index) const override { return files_[index].label; }
    Sample read(std::size_t index) const override {
        auto const& file = files_[index];
        return {decode_picture(read_file(file.path), file.path.string()), file.label, file.name};
    }

  private:
    std::vector<PictureFile> files_;
};

class CifarBatch : public ImageSource::Implementation {
  public:
    static constexpr int side = 32, classes = 10;
    static constexpr std::size_t plane = std::size_t(side) * side;
    static constexpr std::size_t record = 1 + 3 * plane;

    CifarBatch(std::vector<std::uint8_t> bytes, fs::path const& path)
        : bytes_(std::move(bytes)), name_(path.filename().string()) {
        if (bytes_.empty() || bytes_.size() % record != 0)
            refuse(path.string(), "is no CIFAR-10 batch (" + std::to_string(bytes_.size()) +
                                      " bytes are not a whole number of records of " + std::to_string(record) +
                                      "); it may be truncated");
        for (std::size_t i = 0; i < size(); ++i)
            if (int const label = bytes_[i * record]; label >= classes)
                refuse(path.string(), "record " + std::to_string(i) + " has label " + std::to_string(label) +
                                          "; CIFAR-10's are 0 to 9");
    }
    std::size_t size() const override { return bytes_.size() / record; }
    std::optional<int> label(std::size_t index) const override { return int(bytes_[index * record]); }
    Sample read(std::size_t index) const override {
        std::uint8_t const* const pixels = bytes_.data() + index * record + 1;
        Sample sample{{side, side, std::vector<std::uint8_t>(3 * plane)},
                      label(index),
                      name_ + "#" + std::to_string(index)};
        for (std::size_t i = 0; i < plane; ++i)
            for (std::size_t c = 0; c < 3; ++c) sample.picture.rgb[3 * i + c] = pixels[c * plane + i];
        return sample;
    }

  private:
    std::vector<std::uint8_t> bytes_;
    std::string name_;
};

std::string lower_case(std::string text) {
    std::ranges::transform(text, text.begin(), [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
    return text;
}

bool names_picture(fs::path const& path) {
    auto const extension = lower_case(path.extension().string());
    return extension == ".png" || extension == ".jpg" || extension == ".jpeg";
}

struct Folder {
    std::vector<fs::path> pictures, folders;  // in byte order of their names
};

Folder list(fs::path const& path) {
    Folder found;
    std::error_code error;
    fs::directory_iterator entry(path, error);
    for (; !error && entry != fs::directory_iterator(); entry.increment(error)) {
        auto const name = entry->path().filename().string();
        if (name.starts_with(".")) continue;
        std::error_code unknown;  // of a dangling link, say: reading it tells
        if (entry->is_directory(unknown))
            found.folders.push_back(entry->path());
        else if (names_picture(entry->path()))
            found.pictures.push_back(entry->path());
    }
    if (error) refuse(path.string(), "cannot be listed (" + error.message() + ")");
    auto const by_name = [](fs::path const& file) { return file.filename().string(); };
    std::ranges::sort(found.pictures, {}, by_name);
    std::ranges::sort(found.folders, {}, by_name);
    return found;
}

std::vector<PictureFile> find_pictures(fs::path const& path) {
    auto const top = list(path);
    if (!top.pictures.empty() && !top.folders.empty())
        refuse(path.string(),
               "holds both pictures and folders, so that it is unclear whether the folders are "
               "classes; name one of them, or move the pictures into a folder");
    std::vector<PictureFile> files;
    for (auto const& picture : top.pictures) files.push_back({picture, std::nullopt, picture.filename().string()});
    int label = 0;
    for (auto const& folder : top.folders) {
        auto const inside = list(folder);
        if (!inside.folders.empty()) refuse(folder.string(), "holds folders; classes are folders one level deep");
        if (inside.pictures.empty())
            refuse(folder.string(), "holds no picture (*.png, *.jpg, *.jpeg); remove the empty class");
        for (auto const& picture : inside.pictures)
            files.push_back({picture, label, folder.filename().string() + "/" + picture.filename().string()});
        ++label;
    }
    for (auto const& file : files) remember_input(file.path);  // each is read when it is its turn
    if (files.empty())
        refuse(path.string(), "holds no picture (*.png, *.jpg, *.jpeg); a CIFAR-10 batch is named by its file");
    return files;
}

std::unique_ptr<ImageSource::Implementation const> open(fs::path const& path) {
    std::error_code error;
    auto const status = fs::status(path, error);
    if (!fs::exists(status)) {
        auto const why = error && error != std::errc::no_such_file_or_directory ? error.message() : "no such path";
        refuse(path.string(),
               "cannot be read (" + why + "); a picture, a folder of pictures or a CIFAR-10 batch is expected");
    }
    if (fs::is_directory(status)) return std::make_unique<PictureFiles>(find_pictures(path));
    auto const name = lower_case(path.filename().string());
    if (name.ends_with(".bin")) return std::make_unique<CifarBatch>(read_file(path), path);
    if (name.ends_with(".bin.xz")) return std::make_unique<CifarBatch>(decode_xz(read_file(path), path.string()), path);
    auto files =
        std::make_unique<PictureFiles>(std::vector<PictureFile>{{path, std::nullopt, path.filename().string()}});
    files->read(0);  // one file is cheap to try at once
    return files;
}

}  // namespace

ImageSource::ImageSource(fs::path const& path) : implementation_(open(path)) {}
ImageSource::ImageSource(ImageSource&&) noexcept = default;
ImageSource& ImageSource::operator=(ImageSource&&) noexcept = default;
ImageSource::~ImageSource() = default;

std::size_t ImageSource::size() const {
    return implementation_->size();
}

std::optional<int> ImageSource::label(std::size_t index) const {
    SKIPSTONE_EXPECT(index < size());
    return implementation_->label(index);
}

Sample ImageSource::read(std::size_t index) const {
    SKIPSTONE_EXPECT(index < size());
    return implementation_->read(index);
}

}  // namespace skipstone::images

#include "images/image_source.hpp"

#include <algorithm>
#include <array>
#include <cctype>
#include <fstream>
#include <map>
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
    virtual std::vector<std::string> const& class_folders() const = 0;
    virtual std::string description() const = 0;
    virtual void look_for_cut_off() const = 0;
    virtual void check_labels(int classes) const = 0;
};

namespace {

struct PictureFile {
    fs::path path;
    std::optional<int> label;
    std::string name;
};

std::string plural(std::size_t count, std::string const& one, std::string const& many) {
    return std::to_string(count) + " " + (count == 1 ? one : many);
}

// "0 = cat, 1 = dog, …": the first ones.
std::string listed(std::vector<std::string> const& classes) {
    constexpr std::size_t most = 12;
    std::string text;
    for (std::size_t i = 0; i < std::min(classes.size(), most); ++i)
        text += (i > 0 ? ", " : "") + std::to_string(i) + " = " + classes[i];
    return text + (classes.size() > most ? ", …" : "");
}

// What a folder holds.
struct Pictures {
    std::vector<PictureFile> files;
    std::vector<std::string> classes;               // names of class folders
    std::map<std::string, std::size_t> passed_over;  // how many of what
};

std::string passed_over_text(std::map<std::string, std::size_t> const& kinds) {
    std::string text;
    for (auto const& [kind, count] : kinds) text += (text.empty() ? "" : ", ") + std::to_string(count) + " " + kind;
    return text;
}

class PictureFiles : public ImageSource::Implementation {
  public:
    PictureFiles(fs::path path, Pictures pictures) : path_(std::move(path)), pictures_(std::move(pictures)) {}
    std::size_t size() const override { return pictures_.files.size(); }
    std::optional<int> label(std::size_t index) const override { return pictures_.files[index].label; }
    Sample read(std::size_t index) const override {
        auto const& file = pictures_.files[index];
        return {decode_picture(read_file(file.path), file.path.string()), file.label, file.name};
    }
    std::vector<std::string> const& class_folders() const override { return pictures_.classes; }
    std::string description() const override {
        auto const& classes = pictures_.classes;
        auto text = plural(size(), "picture", "pictures") +
                    (classes.empty() ? " without labels" : " of " + plural(classes.size(), "class", "classes"));
        std::vector<std::size_t> found(classes.size());
        for (auto const& file : pictures_.files)
            if (file.label) ++found[static_cast<std::size_t>(*file.label)];
        for (std::size_t i = 0; i < classes.size(); ++i)
            if (found[i] == 0) text += "; none of " + classes[i];
        if (!pictures_.passed_over.empty()) text += "; passed over: " + passed_over_text(pictures_.passed_over);
        return text;
    }
    void look_for_cut_off() const override {
        for (std::size_t i = 0; i < size(); ++i)
            if (!seems_whole(pictures_.files[i].path)) read(i);  // it may be right: decoding it tells
    }
    void check_labels(int count) const override {
        auto const& classes = pictures_.classes;
        if (classes.empty() || classes.size() == static_cast<std::size_t>(count)) return;
        refuse(path_.string(),
               "holds " + plural(classes.size(), "class folder", "class folders") + " (" + listed(classes) +
                   "), and the weights tell " + std::to_string(count) +
                   " classes apart: a label is a folder's place among them, numbers in names in order of their values. "
                   "Have a folder for every class (an empty one, where there is no picture), or put all pictures into "
                   "one folder, without labels");
    }

  private:
    // Of a JPEG: whether its frame header comes as expected, and is not one of four components (CMYK).
    static bool has_usual_frame(std::ifstream& stream) {
        std::array<std::uint8_t, 10> segment{};  // 0xff, marker, length, precision, height, width, components
        stream.seekg(2);
        while (stream.read(reinterpret_cast<char*>(segment.data()), segment.size()) && segment[0] == 0xff) {
            auto const marker = segment[1];
            bool const tables = marker == 0xc4 || marker == 0xc8 || marker == 0xcc;
            if (marker >= 0xc0 && marker <= 0xcf && !tables) return segment[9] != 4;
            auto const length = segment[2] << 8 | segment[3];
            stream.seekg(length + 2 - static_cast<int>(segment.size()), std::ios::cur);
        }
        return false;
    }
    static bool seems_whole(fs::path const& path) {
        std::ifstream stream(path, std::ios::binary);
        std::array<std::uint8_t, 8> head{}, tail{};
        stream.read(reinterpret_cast<char*>(head.data()), 8);
        stream.seekg(-8, std::ios::end);
        stream.read(reinterpret_cast<char*>(tail.data()), 8);
        return stream && ends_properly(head, tail) && (head[0] != 0xff || has_usual_frame(stream));
    }

    fs::path path_;
    Pictures pictures_;
};

class CifarBatch : public ImageSource::Implementation {
  public:
    static constexpr int side = 32, classes = 10;
    static constexpr std::size_t plane = std::size_t(side) * side;
    static constexpr std::size_t record = 1 + 3 * plane;

    CifarBatch(std::vector<std::uint8_t> bytes, fs::path const& path)
        : bytes_(std::move(bytes)), path_(path), name_(path.filename().string()) {
        constexpr std::size_t cifar_100 = record + 1;  // two labels: of 20 classes, and of 100
        if (!bytes_.empty() && bytes_.size() % record != 0 && bytes_.size() % cifar_100 == 0)
            refuse(path.string(),
                   "seems to be a CIFAR-100 batch (a whole number of records of " + std::to_string(cifar_100) +
                       " bytes, with two labels each); CIFAR-10's are read, and folders of pictures, one per class");
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
    std::vector<std::string> const& class_folders() const override { return none_; }
    std::string description() const override { return plural(size(), "record of CIFAR-10", "records of CIFAR-10"); }
    void look_for_cut_off() const override {}  // opening it told
    void check_labels(int count) const override {
        for (std::size_t i = 0; i < size(); ++i)
            if (int const found = *label(i); found >= count)
                refuse(path_.string(), "image " + std::to_string(i) + " has label " + std::to_string(found) +
                                           "; the weights tell " + std::to_string(count) + " classes apart, 0 to " +
                                           std::to_string(count - 1));
        if (count > classes)
            refuse(path_.string(), "has CIFAR-10's labels, 0 to 9, and the weights tell " + std::to_string(count) +
                                       " classes apart; have weights for these ten, or a folder for every class");
    }

  private:
    std::vector<std::uint8_t> bytes_;
    std::vector<std::string> none_;
    fs::path path_;
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

// In order of bytes, but for runs of digits, which are in order of their values.
bool before(std::string const& a, std::string const& b) {
    auto const is_digit = [](char c) { return c >= '0' && c <= '9'; };
    auto const number = [&](std::string const& text, std::size_t from) {  // without leading zeros
        auto end = from;
        while (end < text.size() && is_digit(text[end])) ++end;
        while (from + 1 < end && text[from] == '0') ++from;
        return std::pair(text.substr(from, end - from), end);
    };
    std::size_t i = 0, k = 0;
    while (i < a.size() && k < b.size()) {
        if (is_digit(a[i]) && is_digit(b[k])) {
            auto const [mine, my_end] = number(a, i);
            auto const [other, its_end] = number(b, k);
            if (mine.size() != other.size()) return mine.size() < other.size();
            if (mine != other) return mine < other;
            i = my_end, k = its_end;
        } else {
            if (a[i] != b[k]) return static_cast<unsigned char>(a[i]) < static_cast<unsigned char>(b[k]);
            ++i, ++k;
        }
    }
    if (i < a.size() || k < b.size()) return i == a.size();
    return a < b;  // "07" and "7"
}

struct Folder {
    std::vector<fs::path> pictures, folders;  // in order of their names
    std::map<std::string, std::size_t> passed_over;
};

Folder list(fs::path const& path) {
    Folder found;
    std::error_code error;
    fs::directory_iterator entry(path, error);
    for (; !error && entry != fs::directory_iterator(); entry.increment(error)) {
        auto const name = entry->path().filename().string();
        std::error_code unknown;  // of a dangling link, say: reading it tells
        bool const is_folder = entry->is_directory(unknown);
        if (name.starts_with("."))
            ++found.passed_over["hidden"];
        else if (is_folder && (name == "__MACOSX" || name == "@eaDir"))
            ++found.passed_over[name];
        else if (is_folder)
            found.folders.push_back(entry->path());
        else if (names_picture(entry->path()))
            found.pictures.push_back(entry->path());
        else
            ++found.passed_over[entry->path().has_extension() ? lower_case(entry->path().extension().string())
                                                              : "without an extension"];
    }
    if (error) refuse(path.string(), "cannot be listed (" + error.message() + ")");
    auto const by_name = [](fs::path const& a, fs::path const& b) {
        return before(a.filename().string(), b.filename().string());
    };
    std::ranges::sort(found.pictures, by_name);
    std::ranges::sort(found.folders, by_name);
    return found;
}

std::string no_picture(std::map<std::string, std::size_t> const& passed_over) {
    return "holds no picture (*.png, *.jpg, *.jpeg)" +
           (passed_over.empty() ? "" : "; passed over: " + passed_over_text(passed_over));
}

Pictures find_pictures(fs::path const& path) {
    auto const top = list(path);
    if (!top.pictures.empty() && !top.folders.empty())
        refuse(path.string(),
               "holds both pictures and folders, so that it is unclear whether the folders are "
               "classes; name one of them, or move the pictures into a folder");
    Pictures found{{}, {}, top.passed_over};
    for (auto const& picture : top.pictures)
        found.files.push_back({picture, std::nullopt, picture.filename().string()});
    std::vector<std::vector<PictureFile>> of_class;
    for (auto const& folder : top.folders) {
        auto const inside = list(folder);
        auto const name = folder.filename().string();
        if (!inside.folders.empty()) refuse(folder.string(), "holds folders; classes are folders one level deep");
        if (inside.pictures.empty() && !inside.passed_over.empty())
            refuse(folder.string(), no_picture(inside.passed_over) + "; convert them, or remove the folder");
        int const label = static_cast<int>(of_class.size());
        auto& files = of_class.emplace_back();
        for (auto const& picture : inside.pictures)
            files.push_back({picture, label, name + "/" + picture.filename().string()});
        found.classes.push_back(name);
        for (auto const& [kind, count] : inside.passed_over) found.passed_over[kind] += count;
    }
    bool any = true;
    for (std::size_t i = 0; any; ++i) {
        any = false;
        for (auto& files : of_class)
            if (i < files.size()) {
                found.files.push_back(std::move(files[i]));
                any = true;
            }
    }
    if (found.files.empty())
        refuse(path.string(), no_picture(found.passed_over) + "; a CIFAR-10 batch is named by its file");
    for (auto const& file : found.files) remember_input(file.path);  // each is read when it is its turn
    return found;
}

std::unique_ptr<ImageSource::Implementation const> open(fs::path const& path) {
    std::error_code error;
    auto const status = fs::status(path, error);
    if (!fs::exists(status)) {
        auto const why = error && error != std::errc::no_such_file_or_directory ? error.message() : "no such path";
        refuse(path.string(),
               "cannot be read (" + why + "); a picture, a folder of pictures or a CIFAR-10 batch is expected");
    }
    if (fs::is_directory(status)) return std::make_unique<PictureFiles>(path, find_pictures(path));
    auto const name = lower_case(path.filename().string());
    if (name.ends_with(".bin")) return std::make_unique<CifarBatch>(read_file(path), path);
    if (name.ends_with(".bin.xz")) return std::make_unique<CifarBatch>(decode_xz(read_file(path), path.string()), path);
    auto files =
        std::make_unique<PictureFiles>(path, Pictures{{{path, std::nullopt, path.filename().string()}}, {}, {}});
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

std::vector<std::string> const& ImageSource::class_folders() const {
    return implementation_->class_folders();
}

std::string ImageSource::description() const {
    return implementation_->description();
}

void ImageSource::look_for_cut_off() const {
    implementation_->look_for_cut_off();
}

void ImageSource::check_labels(int classes) const {
    implementation_->check_labels(classes);
}

}  // namespace skipstone::images

#pragma once

#include <cstddef>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "images/picture.hpp"

namespace skipstone::images {

// One image of a source.
struct Sample {
    Picture picture;
    std::optional<int> label;  // where it is known
    std::string name;          // within its source: "cat.png", "cats/1.png", "test.bin#17"
};

// Where a run's images come from. Opening finds out what is there; pictures are read and decoded one at a time (a
// CIFAR-10 batch is held whole). Move-only; read() may be called from several threads.
class ImageSource {
  public:
    // `path` is one of
    // - a PNG or JPEG file, known by its content: one image without a label;
    // - a folder of *.png, *.jpg, *.jpeg (any case): its images in order of their names, without labels;
    // - a folder of such folders, the classes: label = place of the folder among them, in order of the names; a folder
    //   without any file is a class without images. The first image of every class comes first, then the second of
    //   every class, and so on;
    // - a CIFAR-10 binary batch (*.bin, *.bin.xz): records of one label byte, 0 … 9, and 32 x 32 bytes each of red,
    //   green and blue (https://www.cs.toronto.edu/~kriz/cifar.html).
    // Names are in order of their bytes, but for numbers in them, which are in order of their values: c9 before c10.
    // Other files, hidden ones, and folders that systems make (__MACOSX, @eaDir) are passed over; description() tells.
    // Throws InputError, with the file and what is wrong with it, when there is nothing at `path`, nothing in it, or
    // not one of these.
    explicit ImageSource(std::filesystem::path const& path);
    ImageSource(ImageSource&&) noexcept;
    ImageSource& operator=(ImageSource&&) noexcept;
    ~ImageSource();

    std::size_t size() const;  // > 0
    // As read() gives it, without decoding the picture.
    std::optional<int> label(std::size_t index) const;
    // Throws InputError when the file is not an intact PNG or JPEG that decode_picture takes.
    Sample read(std::size_t index) const;

    // Names of the class folders, by label; none where there are none.
    std::vector<std::string> const& class_folders() const;
    // "1200 pictures of 3 classes; passed over: 2 .webp, 1 hidden".
    std::string description() const;
    // Looks at every picture's last bytes. Throws InputError for the first that was cut off, or is none.
    void look_for_cut_off() const;
    // Throws InputError unless labels are those of a network that tells so many classes apart: a class folder for every
    // class, and no label beyond.
    void check_labels(int classes) const;

    class Implementation;

  private:
    std::unique_ptr<Implementation const> implementation_;
};

}  // namespace skipstone::images

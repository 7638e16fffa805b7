#pragma once

#include <cstddef>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>

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
    // - a folder of *.png, *.jpg, *.jpeg (any case): its images in byte order of their names, without labels; other
    // files and hidden ones
    //   are passed over;
    // - a folder of such folders: label = index of the sub-folder in byte order of the names, images in order of label
    // and name;
    // - a CIFAR-10 binary batch (*.bin, *.bin.xz): records of one label byte, 0 … 9, and 32 x 32 bytes each of red,
    // green and blue
    //   (https://www.cs.toronto.edu/~kriz/cifar.html).
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

    class Implementation;

  private:
    std::unique_ptr<Implementation const> implementation_;
};

}  // namespace skipstone::images

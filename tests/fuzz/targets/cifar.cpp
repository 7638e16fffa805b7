// A CIFAR-10 batch, plain and compressed.
#include "images/image_source.hpp"
#include "tests/fuzz/memory_file.hpp"
#include "tests/fuzz/target.hpp"

using namespace skipstone;

int LLVMFuzzerTestOneInput(std::uint8_t const* data, std::size_t size) {
    for (char const* const name : {"batch.bin", "batch.bin.xz"}) {
        fuzz::MemoryFile const file(name, data, size);
        fuzz::accepts([&] {
            images::ImageSource const source(file.path());
            fuzz::require(source.size() > 0, "a batch has an image");
            for (std::size_t const index : {std::size_t{0}, source.size() - 1}) {
                auto const sample = source.read(index);
                fuzz::require(sample.label && *sample.label >= 0 && *sample.label < 10, "a label is 0 to 9");
                fuzz::require(sample.picture.rgb.size() == 3072, "an image has 32 x 32 pixels");
            }
        });
    }
    return 0;
}

#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace skipstone::inputs {

// Some of a data set's samples, counted from 0.
struct DataPart {
    std::size_t first = 0;
    std::optional<std::size_t> last;    // included; empty: to the end
    std::optional<std::uint64_t> seed;  // of the random order in which samples are counted; empty: as they are stored

    bool operator==(DataPart const&) const = default;
};

// A data set as users name it: a file or folder, and behind it perhaps a part: "test.bin.xz@0..4999" (its first 5000
// samples), "test.bin.xz@5000.." (the others), "beats.h5@0..999~7" (1000 of all samples, drawn by seed 7), and
// "beats.h5@1000..~7" (those that were not drawn).
struct DataPath {
    std::string file;
    std::optional<DataPart> part;

    bool operator==(DataPath const&) const = default;
};

// What is there under the name as it stands has no part. Throws InputError, saying how parts are written, when what is
// behind the last @ of another one is none.
DataPath parse_data_path(std::string const& text);

// The file or folder alone.
std::string file_of(std::string const& text);

// 0 … count − 1 in an order that depends on the arguments alone (Fisher and Yates).
std::vector<std::size_t> random_order(std::size_t count, std::uint64_t seed, std::string_view stream);

}  // namespace skipstone::inputs

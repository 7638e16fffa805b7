// A data set in HDF5: bytes that begin with HDF5's signature are the file itself, others a script that changes a valid
// one (hdf5_edits.hpp).
#include <cmath>
#include <fstream>
#include <iterator>
#include <numeric>
#include <vector>

#include "hdf5/file.hpp"
#include "inputs/array_file.hpp"
#include "tests/fuzz/hdf5_edits.hpp"
#include "tests/fuzz/memory_file.hpp"
#include "tests/fuzz/target.hpp"

namespace {

using namespace skipstone;

constexpr TensorShape shape{1, 3, 2, 4};

std::vector<char> valid_file() {
    fuzz::MemoryFile const place("data.h5", "", 0);
    {
        auto file = hdf5::File::create(place.path().string());
        std::vector<float> values(5 * 24), labels(5);
        std::iota(values.begin(), values.end(), 0.0F);
        std::iota(labels.begin(), labels.end(), 0.0F);
        {
            auto inputs = file.create_floats("inputs", {5, 4, 3, 2}, values, hdf5::FloatWidth::half);
            inputs.write_string("layout", "NCHW");
            file.create_floats("labels", {5}, labels);
        }
        file.close();
    }
    std::ifstream file(place.path(), std::ios::binary);
    return {std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
}

void read_all(std::string const& path) try {
    inputs::ArrayFile const data(path);
    fuzz::require(data.size() > 0, "a data set has an input");
    for (std::size_t const i : {std::size_t{0}, data.size() - 1})
        if (auto const label = data.label(i)) fuzz::require(*label >= 0, "labels are 0 or more");
    data.axes_for(shape, "chw", "network");
    std::vector<float> values(shape.elements());
    for (std::size_t const i : {std::size_t{0}, data.size() - 1}) {
        data.read(i, 1, values);
        for (float const value : values) fuzz::require(std::isfinite(value), "inputs are finite");
    }
} catch (InputError const&) {
} catch (EnvironmentError const&) {  // HDF5 cannot read what the file says it holds
}

}  // namespace

int LLVMFuzzerTestOneInput(std::uint8_t const* data, std::size_t size) {
    static auto const valid = valid_file();
    fuzz::read_hdf5_input("data.h5", valid, {data, size}, read_all);
    return 0;
}

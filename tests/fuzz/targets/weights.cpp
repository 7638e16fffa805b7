// A weights file: bytes that begin with HDF5's signature are the file itself, those that begin with '{' the graph that
// an otherwise valid one carries, others a script that changes a valid one (hdf5_edits.hpp).
#include "kernels/weights.hpp"
#include "networks/resnet.hpp"

#include <algorithm>
#include <cmath>
#include <fstream>
#include <iterator>
#include <vector>

#include "hdf5/file.hpp"
#include "networks/graph_family.hpp"
#include "networks/graph_text.hpp"
#include "tests/fuzz/hdf5_edits.hpp"
#include "tests/fuzz/memory_file.hpp"
#include "tests/fuzz/target.hpp"

namespace {

using namespace skipstone;

Network const& network() {
    static Network const tiny({.name = "tiny",
                               .family = networks::resnet({.stages = {1, 1},
                                                           .width = 2,
                                                           .expansion = 1,
                                                           .block = networks::BlockKind::basic,
                                                           .stem = networks::StemKind::cifar}),
                               .input = image_shape(8),
                               .classes = 3});
    return tiny;
}

std::vector<char> valid_file() {
    fuzz::MemoryFile const place("weights.h5", "", 0);
    {
        auto file = hdf5::File::create(place.path().string());
        file.write_string("network", "tiny");
        file.write_integer("input_size", 8);
        file.write_doubles("input_mean", std::vector{0.5, 0.5, 0.5});
        file.write_doubles("input_std", std::vector{0.25, 0.25, 0.25});
        file.write_integer("classes", 3);
        file.write_string("source", "nowhere");
        kernels::HeWeights values(network(), 1);
        auto width = hdf5::FloatWidth::single;
        for (auto const& tensor : network().weight_tensors()) {
            std::vector<std::uint64_t> const shape(tensor.shape.begin(), tensor.shape.end());
            file.create_floats(tensor.name, shape, values.read(tensor.name).values, width);
            width = width == hdf5::FloatWidth::single ? hdf5::FloatWidth::half : hdf5::FloatWidth::single;
        }
        file.close();
    }
    std::ifstream file(place.path(), std::ios::binary);
    return {std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
}

void read_all(std::string const& path) try {
    auto const info = kernels::read_weights_attributes(path);
    fuzz::require(info.input.h > 0 && info.classes > 0, "sizes are above 0");
    for (std::size_t c = 0; c < info.mean.size(); ++c)
        fuzz::require(std::isfinite(info.mean[c]) && std::isfinite(info.std[c]) && info.std[c] > 0,
                      "means and deviations are numbers, deviations above 0");
    if (!info.graph.empty()) {
        auto const blueprint = networks::read_graph(info.graph, {path, 0, "graph"});
        auto const text = networks::graph_text(blueprint);
        fuzz::require(networks::graph_text(networks::read_graph(text, {})) == text, "a graph comes back as it was");
        static_cast<void>(Network(networks::profile_of(info.network, blueprint)));
    }
    kernels::FileWeights weights(path, network());
    for (auto const& tensor : network().weight_tensors()) {
        auto const values = weights.read(tensor.name);
        fuzz::require(values.shape == tensor.shape, "a tensor has its shape");
        fuzz::require(std::ranges::all_of(values.values, [](float value) { return std::isfinite(value); }),
                      "weights are finite");
    }
} catch (InputError const&) {
} catch (EnvironmentError const&) {  // HDF5 cannot read what the file says it holds
}

}  // namespace

int LLVMFuzzerTestOneInput(std::uint8_t const* data, std::size_t size) {
    static auto const valid = valid_file();
    if (size == 0 || data[0] != '{') {
        fuzz::read_hdf5_input("weights.h5", valid, {data, size}, read_all);
        return 0;
    }
    fuzz::MemoryFile const file("weights.h5", valid.data(), valid.size());
    auto carrier = hdf5::File::open(file.path().string(), hdf5::Access::write);
    carrier.write_string("graph", fuzz::text_of(data, size));
    carrier.close();
    read_all(file.path().string());
    return 0;
}

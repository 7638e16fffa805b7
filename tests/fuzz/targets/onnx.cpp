// A model in ONNX, with a file of weights beside it. libFuzzer and replay.cpp change it as its types allow
// (model_edits.hpp), and byte by byte.
#include <onnx/onnx_pb.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <fstream>
#include <string>
#include <vector>

#include "onnx/model.hpp"
#include "tests/fuzz/memory_file.hpp"
#include "tests/fuzz/model_edits.hpp"
#include "tests/fuzz/target.hpp"

// libFuzzer's own mutation, where there is libFuzzer.
extern "C" std::size_t LLVMFuzzerMutate(std::uint8_t* data, std::size_t size, std::size_t most) __attribute__((weak));

extern "C" std::size_t LLVMFuzzerCustomMutator(std::uint8_t* data, std::size_t size, std::size_t most, unsigned seed) {
    ::onnx::ModelProto model;
    if (seed % 8 == 0 || !model.ParseFromArray(data, static_cast<int>(size)))
        return LLVMFuzzerMutate ? LLVMFuzzerMutate(data, size, most) : size;
    skipstone::fuzz::edit_model(model, seed);
    auto const bytes = model.SerializeAsString();
    if (bytes.size() > most) return size;
    std::memcpy(data, bytes.data(), bytes.size());
    return bytes.size();
}

int LLVMFuzzerTestOneInput(std::uint8_t const* data, std::size_t size) {
    using namespace skipstone;
    fuzz::MemoryFile const file("model.onnx", data, size);
    constexpr std::size_t weights_bytes = 4096;
    std::ofstream(file.path().parent_path() / "weights.bin") << std::string(weights_bytes, '\1');
    fuzz::accepts([&] {
        auto const model = skipstone::onnx::read_model(file.path().string(), {});
        auto const wanted = model.blueprint.graph.weight_tensors();
        fuzz::require(wanted.size() == model.weights.size(), "there is a tensor for each that the graph reads");
        for (std::size_t i = 0; i < wanted.size(); ++i) {
            auto const& tensor = model.weights[i];
            fuzz::require(tensor.name == wanted[i].name && tensor.shape == wanted[i].shape,
                          "tensors are those of the graph");
            fuzz::require(tensor.values.size() == wanted[i].elements(),
                          "a tensor has as many values as its shape says");
        }
    });
    return 0;
}

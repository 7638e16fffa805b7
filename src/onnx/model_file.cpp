#include "onnx/model_file.hpp"

#include <google/protobuf/io/zero_copy_stream_impl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdint>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "onnx/external_data.hpp"
#include "onnx/limits.hpp"
#include "onnx/wire.hpp"
#include "units/error.hpp"
#include "units/file_memo.hpp"
#include "units/input_files.hpp"
#include "units/sha256.hpp"

namespace skipstone::onnx {

namespace {

using ::onnx::TensorProto;

// Bits of an element; 0: of no fixed size (text), or not known.
int bits_of(std::int32_t type) {
    static std::map<std::int32_t, int> const bits{
        {TensorProto::FLOAT, 32},    {TensorProto::UINT8, 8},      {TensorProto::INT8, 8},
        {TensorProto::UINT16, 16},   {TensorProto::INT16, 16},     {TensorProto::INT32, 32},
        {TensorProto::INT64, 64},    {TensorProto::BOOL, 8},       {TensorProto::FLOAT16, 16},
        {TensorProto::DOUBLE, 64},   {TensorProto::UINT32, 32},    {TensorProto::UINT64, 64},
        {TensorProto::BFLOAT16, 16}, {TensorProto::COMPLEX64, 64}, {TensorProto::COMPLEX128, 128}};
    auto const known = bits.find(type);
    return known == bits.end() ? 0 : known->second;
}

std::string type_name(std::int32_t type) {
    return ::onnx::TensorProto_DataType_IsValid(type)
               ? ::onnx::TensorProto_DataType_Name(static_cast<::onnx::TensorProto_DataType>(type))
               : "number " + std::to_string(type);
}

// Elements in the list that a type has its own in, where there is no raw data.
std::int64_t listed_elements(TensorProto const& tensor) {
    switch (tensor.data_type()) {
        case TensorProto::FLOAT:
            return tensor.float_data_size();
        case TensorProto::COMPLEX64:
            return tensor.float_data_size() / 2;
        case TensorProto::DOUBLE:
            return tensor.double_data_size();
        case TensorProto::COMPLEX128:
            return tensor.double_data_size() / 2;
        case TensorProto::INT64:
            return tensor.int64_data_size();
        case TensorProto::UINT32:
        case TensorProto::UINT64:
            return tensor.uint64_data_size();
        case TensorProto::STRING:
            return tensor.string_data_size();
        default:
            return tensor.int32_data_size();
    }
}

// Looks at every tensor of a model, and has those that lie in other files read.
class Tensors {
  public:
    explicit Tensors(std::string const& path) : path_(path), external_(path) {}

    void of(::onnx::ModelProto& model) {
        of(*model.mutable_graph());
        for (auto& function : *model.mutable_functions())
            for (auto& node : *function.mutable_node()) of(node);
        for (auto const& [tensor, bytes] : elsewhere_) external_.load(*tensor, bytes);
    }

    std::vector<std::string> const& external_files() const { return external_.files(); }

  private:
    void of(::onnx::GraphProto& graph) {
        for (auto& tensor : *graph.mutable_initializer()) of(tensor);
        for (auto& sparse : *graph.mutable_sparse_initializer()) of(sparse);
        for (auto& node : *graph.mutable_node()) of(node);
    }

    void of(::onnx::NodeProto& node) {
        for (auto& attribute : *node.mutable_attribute()) {
            if (attribute.has_t()) of(*attribute.mutable_t());
            for (auto& tensor : *attribute.mutable_tensors()) of(tensor);
            if (attribute.has_sparse_tensor()) of(*attribute.mutable_sparse_tensor());
            for (auto& sparse : *attribute.mutable_sparse_tensors()) of(sparse);
            if (attribute.has_g()) of(*attribute.mutable_g());
            for (auto& graph : *attribute.mutable_graphs()) of(graph);
        }
    }

    void of(::onnx::SparseTensorProto& sparse) {
        if (sparse.has_values()) of(*sparse.mutable_values());
        if (sparse.has_indices()) of(*sparse.mutable_indices());
    }

    void of(TensorProto& tensor) {
        auto const refuse = [&](std::string const& problem) {
            throw InputError({path_, 0, tensor.name().empty() ? "a tensor without a name" : tensor.name()}, problem);
        };
        auto const elements = elements_of(tensor, refuse);
        auto const bits = bits_of(tensor.data_type());
        if (bits == 0 && tensor.data_type() != TensorProto::STRING)
            refuse("has elements of the type " + type_name(tensor.data_type()) +
                   ", which is not known here; export the model in float32");
        auto const bytes = elements * bits / 8;
        all_bytes_ += bytes;
        if (all_bytes_ > limits::weight_bytes)
            refuse("brings the model's weights above " + std::to_string(limits::weight_bytes >> 30) +
                   " GiB, more than is read here");
        if (tensor.data_location() == TensorProto::EXTERNAL) {
            if (bits == 0) refuse("is text in another file, which ONNX does not have");
            elsewhere_.emplace_back(&tensor, bytes);
        } else if (tensor.has_raw_data()) {
            if (bytes != static_cast<std::int64_t>(tensor.raw_data().size()))
                refuse("needs " + std::to_string(bytes) + " bytes for its shape, and has " +
                       std::to_string(tensor.raw_data().size()) + "; the model is damaged, export it again");
        } else if (auto const listed = listed_elements(tensor); listed != elements) {
            refuse("has a shape of " + std::to_string(elements) + " elements, and " + std::to_string(listed) +
                   " of them; the model is damaged, export it again");
        }
    }

    template <class Refuse>
    static std::int64_t elements_of(TensorProto const& tensor, Refuse const& refuse) {
        std::int64_t elements = 1;
        for (auto const extent : tensor.dims()) {
            if (extent < 0) refuse("has an axis of " + std::to_string(extent) + " elements");
            if (extent > 0 && elements > limits::elements / extent)
                refuse("has a shape of more than " + std::to_string(limits::elements) + " elements");
            elements *= extent;
        }
        return elements;
    }

    std::string const& path_;
    ExternalData external_;
    std::int64_t all_bytes_ = 0;
    std::vector<std::pair<TensorProto*, std::int64_t>> elsewhere_;  // in other files, with their bytes
};

// Regular files alone: a model is looked through before it is parsed.
std::int64_t size_of(int descriptor, std::string const& path) {
    struct stat status {};
    if (::fstat(descriptor, &status) != 0) throw EnvironmentError::from_errno("fstat(" + path + ")");
    if (S_ISDIR(status.st_mode)) throw InputError({path, 0, ""}, "is a folder; name the model in it");
    if (!S_ISREG(status.st_mode))
        throw InputError({path, 0, ""}, "comes through a pipe; write it to a file first, it is read more than once");
    if (status.st_size == 0) throw InputError({path, 0, ""}, "is an empty file");
    if (status.st_size > limits::file_bytes)
        throw InputError({path, 0, ""}, "has " + std::to_string(status.st_size) +
                                            " bytes, and a file in ONNX can have 2 GiB at most (Protocol Buffers); "
                                            "save the model with its weights in a file beside it "
                                            "(onnx.save(model, …, save_as_external_data=True))");
    return status.st_size;
}

}  // namespace

ModelFile load_model(std::string const& path) {
    remember_input(path);
    InputFile const file(path);
    auto const bytes = size_of(file.descriptor(), path);
    auto const identity = file_identity(file.descriptor());
    require_sound_model(file.descriptor(), bytes, path);
    if (::lseek(file.descriptor(), 0, SEEK_SET) != 0) throw EnvironmentError::from_errno("lseek(" + path + ")");
    ModelFile loaded;
    google::protobuf::io::FileInputStream stream(file.descriptor());
    bool const parsed = loaded.model.ParseFromZeroCopyStream(&stream);
    if (file_identity(file.descriptor()) != identity) throw changed_while_read(path);
    if (!parsed) throw InputError({path, 0, ""}, "is no model in ONNX, or is damaged: it cannot be parsed");
    Tensors tensors(path);
    tensors.of(loaded.model);
    loaded.external_files = tensors.external_files();
    return loaded;
}

}  // namespace skipstone::onnx

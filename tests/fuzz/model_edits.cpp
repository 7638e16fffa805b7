#include "tests/fuzz/model_edits.hpp"

#include <google/protobuf/descriptor.h>
#include <google/protobuf/message.h>

#include <array>
#include <limits>
#include <random>
#include <string>
#include <vector>

namespace skipstone::fuzz {

namespace {

using google::protobuf::Descriptor;
using google::protobuf::FieldDescriptor;
using google::protobuf::Message;
using google::protobuf::Reflection;

constexpr std::array<std::int64_t, 20> numbers{0,
                                               1,
                                               2,
                                               3,
                                               4,
                                               5,
                                               7,
                                               8,
                                               -1,
                                               -2,
                                               16,
                                               64,
                                               255,
                                               65'536,
                                               1 << 20,
                                               (1LL << 31) - 1,
                                               1LL << 31,
                                               std::numeric_limits<std::int64_t>::max(),
                                               std::numeric_limits<std::int64_t>::min(),
                                               13};
constexpr std::array<char const*, 62> texts{"",
                                            "x",
                                            "Conv",
                                            "Gemm",
                                            "MatMul",
                                            "Add",
                                            "Mul",
                                            "Sub",
                                            "Div",
                                            "Relu",
                                            "Clip",
                                            "MaxPool",
                                            "AveragePool",
                                            "GlobalAveragePool",
                                            "Reshape",
                                            "Transpose",
                                            "Flatten",
                                            "Concat",
                                            "Split",
                                            "Slice",
                                            "Pad",
                                            "Softmax",
                                            "LRN",
                                            "BatchNormalization",
                                            "Constant",
                                            "ConstantOfShape",
                                            "Shape",
                                            "Gather",
                                            "Unsqueeze",
                                            "Squeeze",
                                            "Expand",
                                            "Where",
                                            "Range",
                                            "ReduceMean",
                                            "ReduceProd",
                                            "Cast",
                                            "Identity",
                                            "Dropout",
                                            "PRelu",
                                            "Tile",
                                            "If",
                                            "Loop",
                                            "axis",
                                            "axes",
                                            "perm",
                                            "pads",
                                            "strides",
                                            "dilations",
                                            "group",
                                            "kernel_shape",
                                            "auto_pad",
                                            "SAME_UPPER",
                                            "value",
                                            "alpha",
                                            "to",
                                            "shape",
                                            "location",
                                            "weights.bin",
                                            "../weights.bin",
                                            "offset",
                                            "length",
                                            "4294967295"};

class Edits {
  public:
    Edits(Message& root, std::uint64_t seed) : root_(root), random_(seed) {}

    void one() {
        std::vector<Message*> all;
        collect(root_, all, 0);
        auto& message = *all[below(all.size())];
        auto const& type = *message.GetDescriptor();
        auto const& field = *type.field(static_cast<int>(below(static_cast<std::size_t>(type.field_count()))));
        if (field.is_repeated())
            change_list(message, field, all);
        else
            change_value(message, field, all);
    }

  private:
    std::size_t below(std::size_t limit) { return static_cast<std::size_t>(random_() % limit); }

    static void collect(Message& message, std::vector<Message*>& all, int depth) {
        constexpr int deepest = 24;
        all.push_back(&message);
        if (depth == deepest) return;
        auto const* const reflection = message.GetReflection();
        std::vector<FieldDescriptor const*> fields;
        reflection->ListFields(message, &fields);
        for (auto const* field : fields) {
            if (field->cpp_type() != FieldDescriptor::CPPTYPE_MESSAGE) continue;
            if (!field->is_repeated()) {
                collect(*reflection->MutableMessage(&message, field), all, depth + 1);
                continue;
            }
            for (int i = 0; i < reflection->FieldSize(message, field); ++i)
                collect(*reflection->MutableRepeatedMessage(&message, field, i), all, depth + 1);
        }
    }

    Message const* another(Descriptor const* type, std::vector<Message*> const& all) {
        std::vector<Message const*> same;
        for (auto const* message : all)
            if (message->GetDescriptor() == type) same.push_back(message);
        return same.empty() ? nullptr : same[below(same.size())];
    }

    std::int64_t number() {
        if (below(4) == 0) return static_cast<std::int64_t>(random_());
        return numbers[below(numbers.size())];
    }

    // One that the model has somewhere, or one that stands for something.
    std::string text() {
        if (below(2) == 0) return texts[below(texts.size())];
        auto& graph = *static_cast<::onnx::ModelProto&>(root_).mutable_graph();
        if (graph.node_size() == 0) return "y";
        auto const& node = graph.node(static_cast<int>(below(static_cast<std::size_t>(graph.node_size()))));
        if (node.output_size() > 0 && below(2) == 0) return node.output(0);
        return node.input_size() > 0 ? node.input(static_cast<int>(below(static_cast<std::size_t>(node.input_size()))))
                                     : node.name();
    }

    std::string bytes() {
        constexpr std::size_t most = 256;
        std::string some(below(most), '\0');
        for (auto& byte : some) byte = static_cast<char>(random_());
        return some;
    }

    void change_value(Message& message, FieldDescriptor const& field, std::vector<Message*> const& all) {
        auto const* const r = message.GetReflection();
        if (below(4) == 0) return r->ClearField(&message, &field);
        switch (field.cpp_type()) {
            case FieldDescriptor::CPPTYPE_MESSAGE:
                if (auto const* const other = another(field.message_type(), all)) {
                    std::string const copy = other->SerializeAsString();  // it may hold this very message
                    r->MutableMessage(&message, &field)->ParsePartialFromString(copy);
                }
                return;
            case FieldDescriptor::CPPTYPE_STRING:
                return r->SetString(&message, &field, field.type() == FieldDescriptor::TYPE_BYTES ? bytes() : text());
            case FieldDescriptor::CPPTYPE_INT64:
                return r->SetInt64(&message, &field, number());
            case FieldDescriptor::CPPTYPE_INT32:
                return r->SetInt32(&message, &field, static_cast<std::int32_t>(number()));
            case FieldDescriptor::CPPTYPE_UINT64:
                return r->SetUInt64(&message, &field, static_cast<std::uint64_t>(number()));
            case FieldDescriptor::CPPTYPE_FLOAT:
                return r->SetFloat(&message, &field, static_cast<float>(number()));
            case FieldDescriptor::CPPTYPE_DOUBLE:
                return r->SetDouble(&message, &field, static_cast<double>(number()));
            case FieldDescriptor::CPPTYPE_ENUM: {
                auto const& values = *field.enum_type();
                auto const place = static_cast<int>(below(static_cast<std::size_t>(values.value_count())));
                return r->SetEnumValue(&message, &field, values.value(place)->number());
            }
            default:
                return;
        }
    }

    void change_list(Message& message, FieldDescriptor const& field, std::vector<Message*> const& all) {
        auto const* const r = message.GetReflection();
        auto const size = r->FieldSize(message, &field);
        switch (below(4)) {
            case 0:
                if (size > 0) r->RemoveLast(&message, &field);
                return;
            case 1:
                if (size > 1)
                    r->SwapElements(&message, &field, static_cast<int>(below(static_cast<std::size_t>(size))),
                                    size - 1);
                return;
            default:
                break;
        }
        bool const adds = size == 0 || below(2) == 0;
        auto const place = adds ? 0 : static_cast<int>(below(static_cast<std::size_t>(size)));
        switch (field.cpp_type()) {
            case FieldDescriptor::CPPTYPE_MESSAGE:
                if (auto const* const other = another(field.message_type(), all)) {
                    std::string const copy = other->SerializeAsString();
                    auto* const target =
                        adds ? r->AddMessage(&message, &field) : r->MutableRepeatedMessage(&message, &field, place);
                    target->ParsePartialFromString(copy);
                }
                return;
            case FieldDescriptor::CPPTYPE_STRING: {
                auto const value = field.type() == FieldDescriptor::TYPE_BYTES ? bytes() : text();
                return adds ? r->AddString(&message, &field, value)
                            : r->SetRepeatedString(&message, &field, place, value);
            }
            case FieldDescriptor::CPPTYPE_INT64:
                return adds ? r->AddInt64(&message, &field, number())
                            : r->SetRepeatedInt64(&message, &field, place, number());
            case FieldDescriptor::CPPTYPE_INT32: {
                auto const value = static_cast<std::int32_t>(number());
                return adds ? r->AddInt32(&message, &field, value)
                            : r->SetRepeatedInt32(&message, &field, place, value);
            }
            case FieldDescriptor::CPPTYPE_FLOAT: {
                auto const value = static_cast<float>(number());
                return adds ? r->AddFloat(&message, &field, value)
                            : r->SetRepeatedFloat(&message, &field, place, value);
            }
            default:
                return;
        }
    }

    Message& root_;
    std::mt19937_64 random_;
};

}  // namespace

void edit_model(::onnx::ModelProto& model, std::uint64_t seed) {
    Edits edits(model, seed);
    for (auto count = seed % 5 + 1; count > 0; --count) edits.one();
}

}  // namespace skipstone::fuzz

#include "onnx/wire.hpp"

#include <google/protobuf/descriptor.h>
#include <google/protobuf/io/coded_stream.h>
#include <google/protobuf/io/zero_copy_stream_impl.h>
#include <onnx/onnx_pb.h>

#include <algorithm>
#include <optional>
#include <string>
#include <string_view>

#include "onnx/limits.hpp"
#include "units/error.hpp"

namespace skipstone::onnx {

namespace {

using google::protobuf::Descriptor;
using google::protobuf::FieldDescriptor;

// As RFC 3629 has it: shortest forms, no surrogates, nothing above U+10FFFF.
bool is_utf8(std::string_view text) {
    for (std::size_t i = 0; i < text.size();) {
        auto const byte = [&](std::size_t at) { return at < text.size() ? static_cast<unsigned char>(text[at]) : 0U; };
        unsigned const first = byte(i);
        std::size_t const more = first < 0x80 ? 0 : first < 0xc2 ? 9 : first < 0xe0 ? 1 : first < 0xf0 ? 2 : 3;
        if (more == 9 || first > 0xf4) return false;
        unsigned const least = first == 0xe0 ? 0xa0 : first == 0xf0 ? 0x90 : 0x80;
        unsigned const most = first == 0xed ? 0x9f : first == 0xf4 ? 0x8f : 0xbf;
        for (std::size_t k = 1; k <= more; ++k)
            if (unsigned const next = byte(i + k); next < (k == 1 ? least : 0x80) || next > (k == 1 ? most : 0xbf))
                return false;
        i += more + 1;
    }
    return true;
}

class Scan {
  public:
    Scan(int descriptor, std::int64_t bytes, std::string const& file)
        : stream_(descriptor), input_(&stream_), bytes_(bytes), file_(file) {}

    void whole() {
        message(::onnx::ModelProto::descriptor(), bytes_, 1);
        if (!has_graph_) fail("is no model in ONNX: it has no graph");
    }

  private:
    // Memory that the parser takes for a message, a text and anything else, at most.
    static constexpr std::int64_t message_bytes = 400, text_bytes = 64, value_bytes = 16;

    [[noreturn]] void fail(std::string const& problem) const { throw InputError({file_, 0, ""}, problem); }

    [[noreturn]] void fail_here(std::string const& problem) const {
        if (!has_graph_) fail("is no model in ONNX: " + problem + " at byte " + std::to_string(place()));
        fail("is damaged: " + problem + " at byte " + std::to_string(place()) + "; export or copy it again");
    }

    std::int64_t place() const { return input_.CurrentPosition(); }

    // Something ends behind its end: of the file, or of what holds it.
    [[noreturn]] void fail_short(std::int64_t needed, std::int64_t end) const {
        if (end == bytes_ && has_graph_)
            fail("is cut off: at byte " + std::to_string(place()) + " " + std::to_string(needed) +
                 " bytes are to follow, and the file ends after " + std::to_string(bytes_ - place()) +
                 "; export or copy it again");
        fail_here(std::to_string(needed) + " bytes are to follow, and there are " + std::to_string(end - place()));
    }

    void take(std::int64_t memory) {
        memory_ += memory;
        if (memory_ > limits::structure_bytes)
            fail("takes more than " + std::to_string(limits::structure_bytes >> 20) +
                 " MiB without its weights, which no network does; it is damaged, or made to do harm");
    }

    void skip(std::int64_t count, std::int64_t end) {
        if (count > end - place()) fail_short(count, end);
        if (!input_.Skip(static_cast<int>(count))) fail_here("it cannot be read on");
    }

    std::int64_t length(std::int64_t end) {
        std::uint32_t count = 0;
        if (!input_.ReadVarint32(&count)) fail_here("a length is missing");
        if (count > end - place()) fail_short(count, end);
        return count;
    }

    void text(std::int64_t count, std::string_view field) {
        if (!input_.ReadString(&text_, static_cast<int>(count))) fail_here("a text is missing");
        if (!is_utf8(text_)) fail_here("the text of \"" + std::string(field) + "\" is no UTF-8");
    }

    void message(Descriptor const* type, std::int64_t end, int depth) {
        if (depth > limits::nesting)
            fail("nests deeper than " + std::to_string(limits::nesting) +
                 " levels, which no network does; it is damaged, or made to do harm");
        take(message_bytes);
        if (type == ::onnx::NodeProto::descriptor() && ++nodes_ > limits::nodes)
            fail("has more than " + std::to_string(limits::nodes) + " nodes; simplify the model (onnxsim) first");
        while (place() < end) field(type, end, depth);
        if (place() > end) fail_here("something ends behind what holds it");
    }

    void field(Descriptor const* type, std::int64_t end, int depth) {
        auto const tag = input_.ReadTag();
        if (tag >> 3 == 0) fail_here("no field has the number 0");
        auto const* const known = type->FindFieldByNumber(static_cast<int>(tag >> 3));
        take(value_bytes);
        std::uint64_t ignored = 0;
        switch (tag & 7) {
            case 0:
                if (!input_.ReadVarint64(&ignored)) fail_here("a number is cut off");
                return;
            case 1:
                return skip(8, end);
            case 5:
                return skip(4, end);
            case 2:
                has_graph_ |= type == ::onnx::ModelProto::descriptor() && known && known->name() == "graph";
                return delimited(type, known, length(end), depth);
            default:
                fail_here("no field is of the type " + std::to_string(tag & 7));
        }
    }

    void delimited(Descriptor const* type, FieldDescriptor const* known, std::int64_t count, int depth) {
        auto const end = place() + count;
        if (!known) {  // kept as it is
            take(text_bytes + (type == ::onnx::TensorProto::descriptor() ? 0 : count));
            return skip(count, end);
        }
        switch (known->type()) {
            case FieldDescriptor::TYPE_MESSAGE:
                return message(known->message_type(), end, depth + 1);
            case FieldDescriptor::TYPE_STRING:
                take(text_bytes + count);
                return text(count, known->name());
            case FieldDescriptor::TYPE_BYTES:
                take(text_bytes + (known->is_repeated() ? count : 0));
                return skip(count, end);
            case FieldDescriptor::TYPE_FLOAT:
            case FieldDescriptor::TYPE_DOUBLE:  // as long in memory
                return skip(count, end);
            default:  // packed whole numbers: of one byte and more, and eight in memory
                take(8 * count);
                return skip(count, end);
        }
    }

    google::protobuf::io::FileInputStream stream_;
    google::protobuf::io::CodedInputStream input_;
    std::int64_t bytes_, memory_ = 0, nodes_ = 0;
    bool has_graph_ = false;
    std::string text_;
    std::string const& file_;
};

}  // namespace

void require_sound_model(int descriptor, std::int64_t bytes, std::string const& file) {
    Scan(descriptor, bytes, file).whole();
}

}  // namespace skipstone::onnx

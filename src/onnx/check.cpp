#include "onnx/check.hpp"

#include <onnx/checker.h>

#include <algorithm>
#include <limits>
#include <string>
#include <unordered_map>
#include <unordered_set>
#include <vector>

#include "units/error.hpp"

namespace skipstone::onnx {

namespace {

constexpr int newest_known = 17;

// An operator of which nothing is known.
::onnx::OpSchema open_schema() {
    ::onnx::OpSchema schema("Any", __FILE__, __LINE__);
    std::vector<std::string> types = ::onnx::OpSchema::all_tensor_types();
    schema.SetDomain("").SinceVersion(newest_known + 1).AllowUncheckedAttributes();
    schema.Input(0, "inputs", "", "T", ::onnx::OpSchema::Variadic, false, 0);
    schema.Output(0, "outputs", "", "T", ::onnx::OpSchema::Variadic, false, 0);
    schema.TypeConstraint("T", types, "");
    schema.Finalize();
    return schema;
}

// The library's operators, and above its newest opset any.
class Operators : public ::onnx::ISchemaRegistry {
  public:
    ::onnx::OpSchema const* GetSchema(std::string const& type, int version, std::string const& domain) const override {
        static ::onnx::OpSchema const open = open_schema();
        bool const is_newer = version > newest_known && (domain.empty() || domain == "ai.onnx");
        return is_newer ? &open : ::onnx::OpSchemaRegistry::Instance()->GetSchema(type, version, domain);
    }
};

// The library's messages, in one line.
std::string in_one_line(std::string text) {
    for (auto& c : text)
        if (c == '\n') c = ' ';
    if (text.size() > 400) text = text.substr(0, 400) + "…";
    return text;
}

}  // namespace

int opset_of(::onnx::ModelProto const& model) {
    std::int64_t version = 0;
    for (auto const& set : model.opset_import())
        if (set.domain().empty() || set.domain() == "ai.onnx") version = std::max<std::int64_t>(version, set.version());
    if (version == 0)
        throw InputError(
            "the model does not tell its opset, the version of its operators (models of IR version 1 and 2 "
            "do not); export it again with opset 7 or newer");
    if (version < 7)
        throw InputError("the model is of opset " + std::to_string(version) +
                         "; 7 and newer are read: export it again, or convert it (onnx.version_converter)");
    return static_cast<int>(std::min<std::int64_t>(version, std::numeric_limits<int>::max()));
}

void check(::onnx::ModelProto const& model) {
    auto const opset = opset_of(model);
    Operators const operators;
    ::onnx::checker::CheckerContext context;
    // Version 4 has let initializers be no inputs; many models of version 3 take that freedom, too.
    context.set_ir_version(
        static_cast<int>(std::clamp<std::int64_t>(model.ir_version(), 4, ::onnx::Version::IR_VERSION)));
    context.set_schema_registry(&operators);
    std::unordered_map<std::string, int> opsets{{"", opset}, {"ai.onnx", opset}};
    for (auto const& set : model.opset_import())
        if (!set.domain().empty() && set.domain() != "ai.onnx")
            opsets[set.domain()] = static_cast<int>(std::clamp<std::int64_t>(set.version(), 1, 1000));
    context.set_opset_imports(opsets);
    auto const& graph = model.graph();
    ::onnx::checker::LexicalScopeContext names;
    // As its check_graph, but that outputs need not tell their shapes: exporters leave them out.
    try {
        for (auto const& input : graph.input()) {
            ::onnx::checker::check_value_info(input, context);
            names.add(input.name());
        }
        std::unordered_set<std::string> constants;
        for (auto const& tensor : graph.initializer()) {
            ::onnx::checker::check_tensor(tensor, context);
            if (!constants.insert(tensor.name()).second)
                throw InputError("tensor " + tensor.name() + ": there are two initializers of that name; keep one");
            names.add(tensor.name());
        }
        for (auto const& tensor : graph.sparse_initializer())
            throw InputError("tensor " + tensor.values().name() + ": is sparse; export the model with dense weights");
        for (auto const& node : graph.node()) {
            ::onnx::checker::check_node(node, context, names);
            for (auto const& output : node.output()) {
                if (output.empty()) continue;
                if (names.this_graph_has(output)) throw InputError("two nodes give " + output);
                names.add(output);
            }
        }
    } catch (InputError const&) {
        throw;
    } catch (std::exception const& error) {
        throw InputError("the ONNX library's checker says: " + in_one_line(error.what()));
    }
}

}  // namespace skipstone::onnx

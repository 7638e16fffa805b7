#include "config/calibration_table.hpp"

#include <cstdint>
#include <limits>

#include "config/profile_tables.hpp"
#include "config/toml_reader.hpp"

namespace skipstone::config {

namespace {

// [height, width, channels], or the height alone, as earlier programs wrote it.
TensorShape read_input(TableReader& reader) {
    constexpr std::int64_t most = 65'536;
    auto const* value = reader.get("input");
    if (!value || value->type != Value::Type::list) {
        auto const side = static_cast<int>(reader.required("input", reader.integer("input", 1, most),
                                                           "[height, width, channels] of the network's input"));
        return image_shape(side, 0);
    }
    auto const extents = *reader.integers("input", 1, most);
    if (extents.size() != 3)
        reader.fail("input",
                    "has " + std::to_string(extents.size()) + " numbers; it must be [height, width, channels]");
    auto const extent = [&](std::size_t i) { return static_cast<int>(extents[i]); };
    return {1, extent(0), extent(1), extent(2)};
}

std::string input_text(TensorShape input) {
    if (input.c == 0) return std::to_string(input.h);
    return "[" + std::to_string(input.h) + ", " + std::to_string(input.w) + ", " + std::to_string(input.c) + "]";
}

}  // namespace

Calibration read_calibration(TableReader reader, std::string const& name) {
    constexpr auto any_integer = std::numeric_limits<std::int64_t>::max();
    auto const format = reader.required("format", reader.text("format"), "the kind of file: \"skipstone-calibration\"");
    if (format != "skipstone-calibration")
        reader.fail("format", "is \"" + format + "\"; a calibration has \"skipstone-calibration\"");
    auto const version =
        reader.required("version", reader.integer("version", 0, any_integer), "the version of the format: 1");
    if (version != 1) reader.fail("version", "is " + std::to_string(version) + "; this program reads version 1");
    Calibration calibration;
    calibration.name = reader.text("name").value_or(name);
    calibration.network = reader.required("network", reader.text("network"), "the network that was calibrated");
    calibration.input = read_input(reader);
    calibration.weights_sha256 = reader.text("weights_sha256").value_or("");
    calibration.dataset = reader.text("dataset").value_or("");
    calibration.samples = reader.integer("samples", 0, any_integer).value_or(0);
    calibration.source = reader.text("source").value_or("");
    auto ranges = reader.required("ranges", reader.table("ranges"), "what each tensor's 8 bits cover");
    for (auto const& tensor : ranges.value().keys) calibration.ranges[tensor] = *ranges.number(tensor, positive);
    reader.finish();
    return calibration;
}

std::string calibration_lines(Calibration const& calibration, std::string_view ranges) {
    auto const line = [](std::string_view key, std::string const& value) {
        return std::string(key) + " = " + value + "\n";
    };
    auto text = line("format", "\"skipstone-calibration\"") + line("version", "1") +
                line("network", toml_string(calibration.network)) + line("input", input_text(calibration.input));
    if (!calibration.weights_sha256.empty()) text += line("weights_sha256", toml_string(calibration.weights_sha256));
    text += line("dataset", toml_string(calibration.dataset)) + line("samples", std::to_string(calibration.samples)) +
            line("source", toml_string(calibration.source)) + "\n[" + std::string(ranges) + "]\n";
    for (auto const& [tensor, range] : calibration.ranges) text += line(toml_key(tensor), number_text(range));
    return text;
}

}  // namespace skipstone::config

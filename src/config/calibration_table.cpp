#include "config/calibration_table.hpp"

#include <limits>

#include "config/profile_tables.hpp"
#include "config/toml_reader.hpp"

namespace skipstone::config {

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
    calibration.input = static_cast<int>(
        reader.required("input", reader.integer("input", 1, 4096), "height and width of the network's input"));
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
                line("network", toml_string(calibration.network)) + line("input", std::to_string(calibration.input));
    if (!calibration.weights_sha256.empty()) text += line("weights_sha256", toml_string(calibration.weights_sha256));
    text += line("dataset", toml_string(calibration.dataset)) + line("samples", std::to_string(calibration.samples)) +
            line("source", toml_string(calibration.source)) + "\n[" + std::string(ranges) + "]\n";
    for (auto const& [tensor, range] : calibration.ranges) text += line(toml_key(tensor), number_text(range));
    return text;
}

}  // namespace skipstone::config

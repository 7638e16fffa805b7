// A calibration: read, held against a network, written and read again.
#include "config/calibration_table.hpp"
#include "networks/resnet.hpp"

#include <cmath>

#include "config/toml_reader.hpp"
#include "tests/fuzz/target.hpp"

using namespace skipstone;

namespace {

Calibration read(std::string_view text) {
    static auto const origin = std::make_shared<config::Origin const>(config::Origin{"calibration.toml", ""});
    auto const value = config::parse_toml(text, origin);
    return config::read_calibration(config::TableReader(value, ""), "calibration");
}

Network network_of(TensorShape input) {
    return Network({.name = "resnet20-cifar",
                    .family = networks::resnet({.stages = {3, 3, 3},
                                                .width = 16,
                                                .expansion = 1,
                                                .block = networks::BlockKind::basic,
                                                .shortcut = networks::ShortcutKind::zero_pad,
                                                .stem = networks::StemKind::cifar}),
                    .input = input,
                    .classes = 10});
}

}  // namespace

int LLVMFuzzerTestOneInput(std::uint8_t const* data, std::size_t size) {
    Calibration calibration;
    if (!fuzz::accepts([&] { calibration = read(fuzz::text_of(data, size)); })) return 0;
    fuzz::require(
        calibration.input.h > 0 && calibration.input.w > 0 && calibration.input.c >= 0 && calibration.samples >= 0,
        "sizes are not negative");
    for (auto const& [tensor, range] : calibration.ranges)
        fuzz::require(std::isfinite(range) && range > 0, "a range is finite and above 0");
    auto const print = [](Calibration const& one) {
        return "name = " + config::toml_string(one.name) + "\n" + config::calibration_lines(one, "ranges");
    };
    fuzz::require(read(print(calibration)) == calibration, "what is printed is the same calibration");
    fuzz::accepts([&] {
        auto const network =
            network_of(calibration.input.c == 0 ? image_shape(calibration.input.h) : calibration.input);
        check_calibration(calibration, network);
        Ranges const ranges(network);
        for (auto const tensor : ranges.calibrated()) {
            auto const range = calibration.ranges.at(ranges.name(tensor));
            auto const unit = static_cast<float>(range / ranges.largest_value(tensor));
            fuzz::require(std::isfinite(unit) && unit > 0, "one unit of a tensor's 8 bits is worth something");
        }
    });
    return 0;
}

#include "cli/bench_report.hpp"

#include <algorithm>
#include <array>
#include <cstdio>
#include <cstdlib>
#include <utility>

#include "cli/console.hpp"
#include "config/profile_tables.hpp"

namespace skipstone::cli {

namespace {

double flop(BlockTiming const& block) {
    return 2.0 * static_cast<double>(block.macs.value());
}

std::string milliseconds(Seconds seconds) {
    return fixed(1e3 * seconds.value(), 3);
}

// The rate that the roofline allows: of arithmetic, or of memory.
double attainable(double flop_per_byte, HostLimits const& limits, int threads) {
    return std::min(threads * limits.fma_flop_s, flop_per_byte * limits.memory_byte_s);
}

// Three significant digits, and the unit's largest prefix that leaves at least one before the point: "106 GMAC/s".
std::string rounded(double value, std::string const& unit) {
    static constexpr std::array<std::pair<double, char const*>, 8> prefixes{
        {{1e12, "T"}, {1e9, "G"}, {1e6, "M"}, {1e3, "k"}, {1, ""}, {1e-3, "m"}, {1e-6, "u"}, {1e-9, "n"}}};
    char text[40];
    std::snprintf(text, sizeof text, "%.2e", value);
    double const known = std::strtod(text, nullptr);  // so that 999.9 has the next prefix
    auto const fits = [&](auto const& prefix) { return known >= prefix.first * (1 - 1e-9); };
    auto const found = std::ranges::find_if(prefixes, fits);
    auto const& [factor, name] = found == prefixes.end() ? prefixes.back() : *found;
    double const shown = known / factor;
    return fixed(shown, shown < 9.995 ? 2 : shown < 99.95 ? 1 : 0) + " " + name + unit;
}

std::string quoted(std::string const& text) {
    std::string quoted = "\"";
    for (char const c : text) {
        if (c == '"' || c == '\\') quoted += '\\';
        if (static_cast<unsigned char>(c) >= 0x20) quoted += c;
    }
    return quoted + "\"";
}

}  // namespace

std::string timing_text(NetworkTiming const& timing, HostLimits const& limits) {
    TextTable table({{"block", Align::left},
                     {"time/ms"},
                     {"p99/ms"},
                     {"alone/ms"},
                     {"first/ms"},
                     {"GFLOP/s"},
                     {"of peak"},
                     {"of matmul"},
                     {"MB moved"},
                     {"FLOP/byte"},
                     {"limit", Align::left}});
    double const peak = timing.threads * limits.fma_flop_s, matmul = timing.threads * limits.matmul_flop_s;
    auto const add = [&](std::string const& name, double operations, double bytes, Seconds time, Seconds p99,
                         std::string const& alone, std::string const& first) {
        double const rate = operations / time.value(), intensity = operations / bytes;
        table.add({name, milliseconds(time), milliseconds(p99), alone, first, fixed(rate / 1e9, 1),
                   percent(rate / peak, 1), percent(rate / matmul, 1), fixed(bytes / 1e6, 2), fixed(intensity, 1),
                   attainable(intensity, limits, timing.threads) < peak ? "memory" : "arithmetic"});
    };
    double operations = 0, bytes = 0, alone = 0, first = 0;
    for (auto const& block : timing.blocks) {
        add(block.block, flop(block), block.bytes, block.median, block.p99, milliseconds(block.alone),
            milliseconds(block.first));
        operations += flop(block);
        bytes += block.bytes;
        alone += block.alone.value();
        first += block.first.value();
    }
    add("whole", operations, bytes, timing.median, timing.p99, milliseconds(Seconds(alone)),
        milliseconds(Seconds(first)));
    char line[200];
    std::snprintf(line, sizeof line, "%s, input %d, batch %d, %d thread%s, %s, convolutions %s; %.0f MB resident\n",
                  timing.network.c_str(), timing.input, timing.batch, timing.threads, timing.threads == 1 ? "" : "s",
                  timing.precision.c_str(), std::string(to_string(timing.convolutions)).c_str(),
                  timing.resident_bytes / 1e6);
    return line + table.text();
}

std::string device_profile_text(HostProfile const& profile, NetworkTiming const& timing, double memory_bytes) {
    double macs = 0;
    for (auto const& block : timing.blocks) macs += static_cast<double>(block.macs.value());
    auto const rate = macs / timing.median.value();
    auto const key = [](std::string const& name, std::string const& value, std::string const& remark = "") {
        return name + " = \"" + value + "\"" + (remark.empty() ? "" : "  # " + remark) + "\n";
    };
    std::string const guess = "assumption: bench measures no energy; fill in what you know";
    std::string text =
        "name = \"this-host\"\nsource = " +
        quoted(profile.host.processor + ", " + std::to_string(timing.threads) + " thread(s), " + profile.host.library +
               " (" + profile.host.instruction_set + "), " + timing.network + " with input " +
               std::to_string(timing.input) + ", measured by skipstone bench") +
        "\n" + key("mac_rate", rounded(rate, "MAC/s"), "the whole network's; blocks have their own times below") +
        key("memory", rounded(memory_bytes, "B"), "assumption: all of the host's memory") +
        key("macs_per_round", rounded(10 * rate, "MAC"), "assumption: at most ten seconds of computing a round") +
        key("battery", "1000 Wh", guess) + "\n[power]\n" + key("compute", "100 W", guess) +
        key("transmit", "1 W", guess) + key("receive", "1 W", guess) + key("idle", "50 W", guess) +
        "\n[compute_seconds]\n";
    for (auto const& block : timing.blocks)
        text += key(config::toml_key(block.block), rounded(block.median.value() / timing.batch, "s"));
    return text;
}

}  // namespace skipstone::cli

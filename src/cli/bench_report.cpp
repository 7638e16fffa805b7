#include "cli/bench_report.hpp"

#include <algorithm>
#include <cstdio>

#include "cli/console.hpp"

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

std::string exact(double value) {
    char text[40];
    std::snprintf(text, sizeof text, "%.17g", value);
    return text;
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
    std::string text = "name = \"this-host\"\nsource = " +
                       quoted(profile.host.processor + ", " + std::to_string(timing.threads) + " thread(s), " +
                              profile.host.library + " (" + profile.host.instruction_set + "), " + timing.network +
                              " with input " + std::to_string(timing.input) + ", measured by skipstone bench") +
                       "\n# the whole network's: blocks have their own times below\nmac_rate = \"" + exact(rate) +
                       " MAC/s\"\n# the host's memory\nmemory = \"" + fixed(memory_bytes, 0) +
                       " B\"\n# assumption: at most ten seconds of computing a round\nmacs_per_round = \"" +
                       fixed(10 * rate, 0) +
                       " MAC\"\n# assumption: bench measures no energy; fill in what you know\nbattery = \"1000 Wh\"\n"
                       "\n[power]\ncompute = \"100 W\"\ntransmit = \"1 W\"\nreceive = \"1 W\"\nidle = \"50 W\"\n"
                       "\n[compute_seconds]\n";
    for (auto const& block : timing.blocks)
        text += block.block + " = \"" + exact(block.median.value() / timing.batch) + " s\"\n";
    return text;
}

}  // namespace skipstone::cli

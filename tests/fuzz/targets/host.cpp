// The profile of a host in the cache folder.
#include <cmath>

#include "config/host_profile.hpp"
#include "tests/fuzz/target.hpp"

using namespace skipstone;

namespace {

void check(double value) {
    fuzz::require(std::isfinite(value) && value >= 0, "a measurement is finite and not negative");
}

void check(Seconds time) {
    check(time.value());
}

}  // namespace

int LLVMFuzzerTestOneInput(std::uint8_t const* data, std::size_t size) {
    HostProfile profile;
    if (!fuzz::accepts([&] { profile = config::parse_host_profile(fuzz::text_of(data, size), "host.json"); })) return 0;
    fuzz::require(profile.host.cores > 0, "a host has a core");
    check(profile.limits.fma_flop_s);
    check(profile.limits.matmul_flop_s);
    check(profile.limits.memory_byte_s);
    for (auto const& timing : profile.timings) {
        fuzz::require(timing.input > 0 && timing.threads > 0 && timing.batch > 0, "counts are above 0");
        check(timing.median);
        check(timing.p99);
        check(timing.resident_bytes);
        for (auto const& block : timing.blocks) {
            check(block.median);
            check(block.p99);
            check(block.alone);
            check(block.first);
            check(block.bytes);
            fuzz::require(block.macs.value() >= 0, "MACs are not negative");
        }
    }
    auto const printed = config::host_profile_text(profile);
    fuzz::require(config::host_profile_text(config::parse_host_profile(printed, "host.json")) == printed,
                  "what is printed is the same profile");
    return 0;
}

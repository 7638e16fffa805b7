// What a sweep's folder keeps of a point that is done, or failed.
#include <cmath>

#include "config/sweep_record.hpp"
#include "tests/fuzz/target.hpp"

using namespace skipstone;

int LLVMFuzzerTestOneInput(std::uint8_t const* data, std::size_t size) {
    auto const text = fuzz::text_of(data, size);
    config::SweepRecord record;
    if (fuzz::accepts([&] { record = config::parse_record(text, "point.json"); })) {
        fuzz::require(record.trace_bytes >= 0 && std::isfinite(record.seconds) && record.seconds >= 0,
                      "a record's quantities are finite and not negative");
        auto const printed = config::record_text(record);
        fuzz::require(config::record_text(config::parse_record(printed, "point.json")) == printed,
                      "what is printed is the same record");
    }
    config::SweepFailure failure;
    if (fuzz::accepts([&] { failure = config::parse_failure(text, "point.json"); })) {
        fuzz::require(std::isfinite(failure.seconds) && failure.seconds >= 0, "a duration is finite and not negative");
        auto const printed = config::failure_text(failure);
        fuzz::require(config::failure_text(config::parse_failure(printed, "point.json")) == printed,
                      "what is printed is the same failure");
    }
    return 0;
}

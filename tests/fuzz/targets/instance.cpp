// A planning problem in JSON, and the same text as the answers of planners to a small one.
#include "config/instance_json.hpp"
#include "tests/fuzz/quantities.hpp"
#include "tests/fuzz/target.hpp"

using namespace skipstone;

int LLVMFuzzerTestOneInput(std::uint8_t const* data, std::size_t size) {
    auto const text = fuzz::text_of(data, size);
    static Instance const problem =
        config::load_instance(SKIPSTONE_SOURCE_DIR "/tests/fuzz/corpus/instance/two-devices.json");
    fuzz::accepts([&] {
        auto const results = config::parse_results(text, "results.json", problem);
        auto const printed = config::results_text(problem, results);
        fuzz::require(config::results_text(problem, config::parse_results(printed, "results.json", problem)) == printed,
                      "what is printed is the same plan");
    });
    Instance instance;
    if (!fuzz::accepts([&] { instance = config::parse_instance(text, "instance.json"); })) return 0;
    fuzz::check(instance);
    auto const printed = config::instance_text(instance);
    fuzz::require(config::instance_text(config::parse_instance(printed, "instance.json")) == printed,
                  "what is printed is the same instance");
    return 0;
}

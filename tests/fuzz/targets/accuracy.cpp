// An accuracy table, as `run`, `plan`, `study` and `check` take it: read, held against a network, written and read
// again.
#include "config/profile_tables.hpp"
#include "config/toml_reader.hpp"
#include "networks/resnet.hpp"
#include "tests/fuzz/quantities.hpp"
#include "tests/fuzz/target.hpp"

using namespace skipstone;

namespace {

AccuracyTable read(std::string_view text) {
    static auto const origin = std::make_shared<config::Origin const>(config::Origin{"table.toml", ""});
    auto const value = config::parse_toml(text, origin);
    return config::read_accuracy_table(config::TableReader(value, ""), "table");
}

std::string print(AccuracyTable const& table) {
    return "name = " + config::toml_string(table.name) + "\n" + config::accuracy_lines(table) +
           config::accuracy_rows(table, "row");
}

}  // namespace

int LLVMFuzzerTestOneInput(std::uint8_t const* data, std::size_t size) {
    static Network const resnet50(
        NetworkProfile{.name = "resnet50", .family = networks::resnet({.stages = {3, 4, 6, 3}})});
    AccuracyTable table;
    if (!fuzz::accepts([&] { table = read(fuzz::text_of(data, size)); })) return 0;
    fuzz::check(table);
    auto const printed = print(table);
    fuzz::require(print(read(printed)) == printed, "what is printed is the same table");
    std::vector<DropOption> options;
    if (!fuzz::accepts([&] { options = drop_options(table, resnet50); })) return 0;
    fuzz::require(!options.empty() && options.front().dropped.empty(), "the first set drops nothing");
    for (auto const& option : options) {
        fuzz::require(option.accuracy >= 0 && option.accuracy <= 1, "an accuracy is 0 to 1");
        for (auto const block : option.dropped) fuzz::require(block.index() < resnet50.size(), "a block exists");
    }
    return 0;
}

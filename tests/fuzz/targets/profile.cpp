// A profile: the text is tried as each kind of profile there is.
#include "config/fault_section.hpp"
#include "config/network_profile.hpp"
#include "config/profile_tables.hpp"
#include "config/toml_reader.hpp"
#include "tests/fuzz/quantities.hpp"
#include "tests/fuzz/target.hpp"

namespace skipstone::fuzz {

static void check(NetworkProfile const& profile) {
    check(Network(profile));
}

}  // namespace skipstone::fuzz

namespace {

using namespace skipstone;
using config::TableReader;

config::Value parse(std::string_view text) {
    static auto const origin = std::make_shared<config::Origin const>(config::Origin{"profile.toml", ""});
    return config::parse_toml(text, origin);
}

// read: from a table; lines: back to a text that must read as a value with the same lines.
template <class Read, class Lines>
void try_as(std::string_view text, Read read, Lines lines) {
    std::string printed;
    if (!fuzz::accepts([&] {
            auto const value = parse(text);
            auto const accepted = read(TableReader(value, ""));
            fuzz::check(accepted);
            printed = lines(accepted);
        }))
        return;
    auto const again = parse(printed);
    fuzz::require(lines(read(TableReader(again, ""))) == printed, "what is printed is the same profile");
}

std::string named(std::string const& name, std::string const& lines) {
    return "name = " + config::toml_string(name) + "\n" + lines;
}

}  // namespace

int LLVMFuzzerTestOneInput(std::uint8_t const* data, std::size_t size) {
    auto const text = fuzz::text_of(data, size);
    try_as(text, config::read_network_profile, config::network_lines);
    try_as(text, config::read_device_profile,
           [](Device const& device) { return named(device.name, config::device_lines(device)); });
    try_as(text, config::read_link_profile,
           [](LinkModel const& links) { return named(links.profile, config::link_lines(links)); });
    try_as(text, config::read_fault_profile, [](FaultModel const& faults) {
        auto const section = config::fault_section_text(faults, {});
        auto const begin = section.find("[faults]\n") + 9;
        return named(faults.profile, section.substr(begin, section.find("[faults.profile]") - begin));
    });
    try_as(
        text, [](TableReader reader) { return config::read_accuracy_table(std::move(reader), "table"); },
        [](AccuracyTable const& table) {
            return named(table.name, config::accuracy_lines(table) + config::accuracy_rows(table, "row"));
        });
    return 0;
}

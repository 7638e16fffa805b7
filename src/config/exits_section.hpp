#pragma once

#include <optional>
#include <string>

#include "config/table_reader.hpp"
#include "model/exit_rules.hpp"
#include "model/scenario.hpp"

// A scenario's section [exits]. All throw InputError with the place.
namespace skipstone::config {

// The rules that the section names, checked against the network's weights file where there is one: its hash, and that
// it has the exits. The network then has the exits that the rules open, and no others; with its input and classes as in
// the weights file, which heads are made for. none: the section has no rules, and no exit is open.
std::optional<ExitRules> open_exits(TableReader& reader, Scenario::NetworkSection& network);

// The section, after open_exits() gave these rules. network: with the exits that are open. Tables are named, and not
// read yet.
Scenario::ExitsSection read_exits_section(TableReader reader, std::optional<ExitRules> rules, Network const& network,
                                          Scenario::EmulationSection const& emulation);

// The scenario with the tables that it draws verdicts from, if it does. Throws InputError when one cannot be read, is
// of other weights, another network or other exits, or is of dropped blocks that another one is of; or when a promise
// has no table.
Scenario with_exit_tables(Scenario scenario);

// The section in TOML; empty when no rules are given.
std::string exits_section_text(Scenario::ExitsSection const& exits);

}  // namespace skipstone::config

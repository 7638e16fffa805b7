#pragma once

#include "config/profiles.hpp"
#include "config/table_reader.hpp"
#include "model/accuracy_table.hpp"
#include "model/network.hpp"
#include "model/scenario.hpp"

// A scenario's sections [network] and [accuracy]. All throw InputError with the place.
namespace skipstone::config {

Scenario::NetworkSection read_network_section(TableReader reader, ProfileFolders const& folders);
// The network that the section makes; place: the section.
Network network_of_section(Scenario::NetworkSection const& section, TableReader const& place);
// The table, or with table = "none" one that says so; it fits the network. promised: rules of exits say what is known;
// without a table there is none then.
AccuracyTable read_accuracy_section(TableReader reader, ProfileFolders const& folders, Network const& network,
                                    bool promised);

}  // namespace skipstone::config

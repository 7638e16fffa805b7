#pragma once

#include "config/table_reader.hpp"
#include "networks/chain.hpp"

namespace skipstone::config {

// The layers of a profile of the family "chain", its key `layer`. Throws InputError with the place.
networks::Chain read_chain(TableReader& reader);

// Rows and columns, "5" for both or [5, 3]; none when missing.
std::optional<Extent> read_extent(TableReader& reader, std::string_view key, int low, int high);

}  // namespace skipstone::config

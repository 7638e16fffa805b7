#pragma once

#include <memory>
#include <string>
#include <vector>

#include "config/table_reader.hpp"
#include "model/device.hpp"
#include "model/link_pairs.hpp"

// Links of one's own: the keys `pair` and `file` of a scenario's section [links]. All throw InputError with the place.
namespace skipstone::config {

// Of what both give one link, `pair` stands. Refuses two different values for one link from one of them. None where
// nothing is said.
std::shared_ptr<LinkPairs const> read_link_pairs(TableReader& links, std::vector<Device> const& fleet);

// The key `pair` in TOML, complete without any file; "" for none.
std::string link_pairs_text(std::shared_ptr<LinkPairs const> const& pairs, std::vector<Device> const& fleet);

}  // namespace skipstone::config

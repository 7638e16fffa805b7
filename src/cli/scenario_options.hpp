#pragma once

#include <string>

#include "config/scenario_file.hpp"

namespace skipstone::cli {

// An option of the command line that stands for a key of the scenario.
inline config::Override option_override(std::string const& option, std::string const& key, std::string const& value) {
    return {key, value, option + " " + value};
}

}  // namespace skipstone::cli

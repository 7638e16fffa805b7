#pragma once

#include <string>
#include <vector>

namespace skipstone {

// Which exits of a network are open, and what was promised of that: a file's content (config/exit_rules.hpp).
struct ExitRules {
    struct Rule {
        std::string exit;
        double threshold = 1;
        bool operator==(Rule const&) const = default;
    };
    struct Promised {
        std::vector<std::string> dropped;
        double accuracy = 0, mean_macs = 0;
        std::vector<double> leaving;
        bool operator==(Promised const&) const = default;
    };
    struct Mapped {
        std::string device;
        std::vector<std::string> blocks;
        bool operator==(Mapped const&) const = default;
    };

    std::string name;  // the file's path
    std::string network, weights_sha256;
    std::vector<std::string> tables;  // that they were chosen on; read: absolute paths
    std::vector<Rule> rules;          // in the chain's order
    std::vector<Promised> promised;   // one per table
    std::vector<Mapped> mapping;

    bool operator==(ExitRules const&) const = default;
};

}  // namespace skipstone

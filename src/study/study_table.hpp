#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "study/study.hpp"

namespace skipstone::study {

// What a table says of how it came about, beside what the workplace knows.
struct Provenance {
    std::string software, date, instruction_set, drops, remark;
    std::string convolutions, chosen;  // the policy, and what it came to
};

// An accuracy table: dataset is the data's name; rows have `correct`, `samples`, `confidence`
// (Wilson, 95 %), `memory_gain_bytes` and `computation_gain_macs`, too. What could not run follows as comments.
std::string table_text(Workplace const& workplace, Measurement const& measurement, std::vector<NotRun> const& not_run,
                       Provenance const& provenance);

// The same as JSON, and more:
//   {"format": "skipstone-study", "version": 1, "network", "precision", "input", "classes", "samples", "drops",
//   "batch", "date",
//    "convolutions": {"policy", "chosen": "NAME: ALGORITHM; …"}, "software", "instruction_set", "remark", "data":
//    {"name", "sha256"}, "weights": {"name", "sha256"}, "rows": [{"dropped": [names], "mode", "accuracy", "correct",
//    "samples", "confidence": [low, high],
//              "memory_gain_bytes", "computation_gain_macs", "confusion": [true class][predicted class]}, …],
//    "not_run": [{"block", "mode", "reason"}, …], "chain": [names; greedy only]}
// Confusion matrices are left out above 100 classes.
std::string json_text(Workplace const& workplace, Measurement const& measurement, std::vector<NotRun> const& not_run,
                      std::vector<BlockId> const& chain, Provenance const& provenance);

}  // namespace skipstone::study

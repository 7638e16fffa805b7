#pragma once

#include <optional>
#include <string>
#include <vector>

#include "cli/console.hpp"
#include "emulator/run_summary.hpp"
#include "model/network.hpp"
#include "model/scenario.hpp"

namespace skipstone::cli {

// What `run` prints: a line per round as it goes, a table of devices at the end. On a terminal a bar shows how far it
// is, and a table of rounds follows instead of their lines. Quiet: warnings, and where the trace is.
class RunReport {
  public:
    RunReport(Scenario const& scenario, Network const& network, double dilation, bool quiet);

    void start(std::string const& trace, std::string const& images, std::optional<std::string> const& warning);
    void round(emulator::RoundSummary const& round);
    // remark: how it ended, if not as it should. start_up_s: from the start of the program to its first logits.
    void finish(emulator::RunSummary const& summary, std::string const& remark, std::optional<double> start_up_s);

  private:
    std::vector<std::string> round_line(emulator::RoundSummary const& round) const;

    std::string title_;
    std::string trace_;
    int rounds_;
    bool wall_, quiet_, terminal_;
    double dilation_;
    std::optional<ProgressBar> bar_;  // none when quiet
};

}  // namespace skipstone::cli

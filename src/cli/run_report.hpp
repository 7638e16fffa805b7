#pragma once

#include <optional>
#include <string>

#include "cli/console.hpp"
#include "emulator/run_summary.hpp"
#include "model/network.hpp"
#include "model/scenario.hpp"

namespace skipstone::cli {

// What `run` prints: a line per round as it goes, tables at the end.
class RunReport {
  public:
    RunReport(Scenario const& scenario, Network const& network, double dilation);

    void start(std::string const& trace, std::string const& images, std::optional<std::string> const& warning);
    void round(emulator::RoundSummary const& round);
    // remark: how it ended, if not as it should. start_up_s: from the start of the program to its first logits.
    void finish(emulator::RunSummary const& summary, std::string const& remark, std::optional<double> start_up_s);

  private:
    std::string title_;
    std::string trace_;
    int rounds_;
    bool wall_;
    double dilation_;
    ProgressBar bar_;
};

}  // namespace skipstone::cli

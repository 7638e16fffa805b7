#pragma once

#include <chrono>
#include <cstddef>
#include <memory>
#include <optional>
#include <string>

#include "cli/console.hpp"
#include "model/convolution_choice.hpp"
#include "study/study.hpp"
#include "study/workplace.hpp"

// What `skipstone study` tells while it works, and at its end.
namespace skipstone::cli {

// Seconds that a study takes by what was measured on this host; nothing where its network was not. Other hosts of a job
// are taken to be like this one.
std::optional<double> expected_seconds(study::Workplace const& workplace, ConvolutionPolicy policy, double passes,
                                       std::size_t workers);

// A bar on a terminal, a line now and then elsewhere.
class StudyReport {
  public:
    // expects: how long it takes was said already; else its first images tell.
    StudyReport(std::size_t workers, std::size_t batch, bool expects);

    void operator()(study::StudyProgress const& progress);
    void clear() { bar_.reset(); }

  private:
    using Clock = std::chrono::steady_clock;

    void print(std::string const& text);

    std::size_t workers_, batch_;
    bool said_total_;
    std::string what_;
    std::unique_ptr<ProgressBar> bar_;
    Clock::time_point begin_ = Clock::now(), said_;
};

// A row per drop set, the baseline first.
std::string result_table(study::Measurement const& measurement, Network const& network);

}  // namespace skipstone::cli

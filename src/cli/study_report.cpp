#include "cli/study_report.hpp"

#include <unistd.h>

#include <cstdio>
#include <numeric>

#include "cli/this_host.hpp"
#include "units/proportion.hpp"

namespace skipstone::cli {

using namespace study;

std::optional<double> expected_seconds(Workplace const& workplace, ConvolutionPolicy policy, double passes,
                                       std::size_t workers) {
    auto const profile = profile_of_this_host();
    if (!profile) return std::nullopt;
    auto known = block_seconds(*profile, workplace.network(), policy, static_cast<int>(workplace.batch()));
    if (!known) known = block_seconds(*profile, workplace.network(), policy);
    if (!known) return std::nullopt;
    return passes * std::reduce(known->begin(), known->end()) / static_cast<double>(workers);
}

StudyReport::StudyReport(std::size_t workers, std::size_t batch, bool expects)
    : workers_(workers), batch_(batch), said_total_(expects) {}

void StudyReport::operator()(StudyProgress const& progress) {
    if (progress.what != what_) {
        what_ = progress.what;
        bar_ = std::make_unique<ProgressBar>(static_cast<int>(progress.batches));
        if (progress.known > 0)
            print("going on: " + std::to_string(progress.known) + " of " + std::to_string(progress.batches) +
                  " batches are in the journal");
        said_ = Clock::now();
    }
    if (auto const fresh = progress.done - progress.known; !said_total_ && fresh >= workers_) {
        said_total_ = true;
        double const spent = std::chrono::duration<double>(Clock::now() - begin_).count();
        print("about " + duration(spent + progress.seconds_left) + " in all, by its first " +
              std::to_string(fresh * batch_) + " images");
    }
    auto const left = progress.seconds_left < 0 ? "" : ", about " + duration(progress.seconds_left) + " left";
    bar_->advance(static_cast<int>(progress.done), "batches" + left + " (" + what_ + ")");
    if (isatty(STDERR_FILENO) != 0 || Clock::now() - said_ < std::chrono::seconds(10)) return;
    said_ = Clock::now();
    print(std::to_string(progress.done) + " of " + std::to_string(progress.batches) + " batches" + left);
}

void StudyReport::print(std::string const& text) {
    if (bar_) bar_->clear();
    std::printf("%s: %s\n", what_.c_str(), text.c_str());
    std::fflush(stdout);
}

std::string result_table(Measurement const& measurement, Network const& network) {
    TextTable table({{"dropped", Align::left},
                     {"mode", Align::left},
                     {"accuracy"},
                     {"95 % interval"},
                     {"right"},
                     {"memory gain"},
                     {"computation gain"}});
    for (auto const& row : measurement.sets) {
        auto const samples = row.predictions.size();
        auto const interval = confidence_interval(static_cast<long>(row.correct), static_cast<long>(samples));
        table.add({dropped_text(row.set, network), row.set.dropped.empty() ? "" : std::string(to_string(row.set.mode)),
                   percent(static_cast<double>(row.correct) / static_cast<double>(samples)),
                   fixed(100 * interval.low, 2) + " … " + percent(interval.high), std::to_string(row.correct),
                   megabytes(static_cast<double>(memory_gain(row.set, network).value())),
                   fixed(static_cast<double>(computation_gain(row.set, network).value()) / 1e6, 1) + " MMAC"});
    }
    return table.text();
}

}  // namespace skipstone::cli

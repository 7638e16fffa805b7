#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

#include "analysis/analyze.hpp"
#include "analysis/deviation_sums.hpp"
#include "analysis/device_totals.hpp"
#include "analysis/exits.hpp"
#include "analysis/faithfulness.hpp"
#include "analysis/planned.hpp"
#include "analysis/round_requests.hpp"
#include "analysis/round_stream.hpp"
#include "analysis/stream.hpp"
#include "analysis/summary.hpp"
#include "trace/reader.hpp"

namespace skipstone::analysis {

// One pass over a trace: what analyze() does. The rounds and events are read in analyze.cpp, and what they add up to is
// made into figures in reduction_totals.cpp.
class Reduction {
  public:
    Reduction(trace::Reader const& trace, Options const& options);
    Analysis run();

  private:
    static constexpr std::uint64_t event_batch = 1 << 15, row_batch = 1 << 12;  // rows read at a time

    // Sums of which a link's or a block's means are made.
    struct Sums {
        double queue = 0, queue_max = 0, delay = 0, planned = 0, emulated = 0;
        std::int64_t count = 0;
    };

    struct Link {
        LinkFigures figures;
        Sums sums;
    };

    double end_of(std::size_t round) const;
    double charge_of(trace::RoundRow const& row) const;
    void reduce(std::size_t round);
    RoundRequests requests_of(trace::RoundRow const& row, std::vector<trace::RequestRow> const& rows,
                              RoundFigures& figures);
    void add_event(Event const& event, RoundRequests& requests, RoundFigures& figures);
    void add_compute(Event const& event, RoundRequests& requests);
    void add_transfer(Event const& event, RoundRequests& requests);
    void add_hop(Hop const& hop);
    void finish_requests(RoundRequests& requests, RoundFigures& figures, std::vector<trace::RequestRow> const& rows);
    void add_exit(trace::RequestRow const& row, RoundRequests& requests);
    void finish_round(trace::RoundRow const& row, double end, RoundFigures& figures);
    Link& link(Event const& transmit);
    void check(Event const& event, std::size_t requests, double earliest) const;
    [[noreturn]] void refuse(std::string const& table, std::int32_t round, std::string const& problem) const;

    void finish_trace();
    void finish_totals();
    void finish_links_and_blocks();
    void finish_comparisons();
    void add_notes();

    trace::Reader const& trace_;
    Options const& options_;
    trace::Header const& header_;
    std::vector<trace::RoundRow> const rounds_;
    std::vector<Powers> const powers_;
    bool const wall_;
    std::optional<Planned> planned_;
    RoundStream<trace::RequestRow> request_rows_;
    RoundStream<trace::PlanRow> plan_rows_;
    RoundStream<trace::PriceRow> price_rows_;
    RoundStream<trace::ExitRow> exit_rows_;
    RoundStream<Event> events_;
    RoundStream<trace::BatteryRow> battery_rows_;

    Analysis result_;
    DeviceTotals devices_;
    Faithfulness faithfulness_;
    std::optional<StreamTotals> stream_;
    std::optional<ExitTotals> exits_;
    std::unordered_map<std::uint64_t, Link> links_;
    std::vector<Sums> block_sums_;  // as result_.blocks
    std::vector<double> latencies_;
    double accuracy_sum_ = 0, labelled_accuracy_sum_ = 0;
    double path_compute_ = 0, path_transfer_ = 0, path_queue_ = 0;
    std::map<std::string, std::int64_t> rejected_;
    DeviationSums request_latency_, request_energy_, hop_latency_, hop_energy_, block_latency_, block_energy_;
};

}  // namespace skipstone::analysis

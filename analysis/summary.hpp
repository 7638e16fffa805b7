#pragma once

#include <cstdint>
#include <limits>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "trace/schema.hpp"

// What a trace adds up to: plain values. Each struct below is one table: its members, under their own names, are the
// columns of the CSV file and the keys of the JSON object (fields.hpp). Units are in the names (_s emulated seconds
// unless it says host, _j joules, _bytes, _macs, _rate MAC/s, _rate_bit_s); shares and accuracies are 0…1. NaN: there
// is no such value (null in JSON, as is infinity; an empty cell in CSV).
//
// The run is [start of the first committed round, end of the last): a round lasts until the next one starts, the last
// one until its next_start_s (traces of earlier programs lack it: max(its end_s, its start_s + the scenario's
// rounds.period)). Percentiles interpolate linearly between the
// two nearest ranks (q · (n − 1), NumPy's default); those of events and hops are exact up to 262,144 values, and beyond
// that within 0.1 % of the value. Events with the flag `failed` count in time, energy, bytes and
// macs, but not in request paths, planned-against-emulated and fidelity. The image of a request is there when it has
// arrived, its round has started and the planning time that planner.charge asks for has passed.
namespace skipstone::analysis {

inline constexpr double none = std::numeric_limits<double>::quiet_NaN();

struct TraceFigures {
    std::string path, scenario, software_version, date, network, planner, clock;  // planner: of the first round
    std::uint64_t seed = 0;
    double dilation = 1;
    bool complete = false;
    std::string ended;  // "running", "finished", "interrupted", "failed"
    std::int64_t devices = 0, blocks = 0;
    std::int64_t rounds = 0;           // committed: rounds 0 … rounds − 1 are in
    std::int64_t rounds_planned = -1;  // the scenario's; −1: not known
    std::int64_t events = 0;           // committed rows of /events
    std::int64_t failed_events = 0;    // those flagged failed
    double start_s = none, end_s = none, span_s = none;
};

// Means and percentiles are over requests with status done.
struct RequestTotals {
    std::int64_t requests = 0;                        // distinct ones: rows with attempt 1
    std::int64_t attempts = 0;                        // rows of /requests
    std::int64_t done = 0, rejected = 0, failed = 0;  // rows by status
    std::int64_t unserved = 0;                        // requests − done
    double latency_mean_s = none, latency_p50_s = none, latency_p90_s = none, latency_p99_s = none,
           latency_max_s = none, latency_total_s = 0;
    double path_compute_mean_s = none, path_transfer_mean_s = none, path_queue_mean_s = none;  // add up to the mean
    double throughput_per_s = none;                                                            // done / span_s
    double accuracy_planned = none;           // mean of /requests accuracy
    std::int64_t labelled = 0, correct = 0;   // done with a label and a trained network's answer; those that agree
    double accuracy_planned_labelled = none;  // mean of accuracy over the labelled
    double accuracy_observed = none;          // correct / labelled
    double accuracy_low = none, accuracy_high = none;  // its 95 % interval (Wilson score, units/proportion.hpp)
    std::int64_t shared_bytes = 0;                     // of all transmit events
    std::int64_t macs = 0;                             // computational load: of all compute events
    std::int64_t dropped_blocks = 0;                   // plan rows with mode skip (a request's last revision counts)
};

// Rejected requests by what kept them out: `binding` of their round ("" where the round names none).
struct Rejection {
    std::string binding;
    std::int64_t rejected = 0;
};

// Over all devices.
struct EnergyTotals {
    double compute_j = 0, transmit_j = 0, receive_j = 0, idle_j = 0, energy_j = 0;
    double ledger_j = none;      // spent by the battery ledger, over devices with a finite battery
    double ledger_error = none;  // the largest of the devices'
};

// Two tilings: processor compute + wait + idle + off = span_s, radio transmit + receive + idle + off = span_s. Off:
// inside an outage of the device itself (/outages, peer −1) and in no event. A device draws no idle power while off.
struct DeviceFigures {
    std::int32_t device = -1;
    std::string name;
    double processor_compute_s = 0, processor_wait_s = 0, processor_idle_s = 0, processor_off_s = 0;
    double radio_transmit_s = 0;  // at least one transmission
    double radio_receive_s = 0;   // receiving, and not transmitting
    double radio_idle_s = 0, radio_off_s = 0;
    double airtime_transmit_s = 0, airtime_receive_s = 0;  // sums of lengths: overlapping transfers each count
    double rest_s = 0;                                     // neither computing nor on air nor off: draws P_idle
    double compute_j = 0, transmit_j = 0, receive_j = 0;   // P_c · processor_compute_s, P_t and P_r · airtime
    double idle_j = 0;                                     // P_idle · rest_s
    double energy_j = 0;                                   // their sum
    double battery_j = none;                               // at the run's start; inf: without end
    // At its end: the ledger's last; with other powers battery_j − energy_j, below 0 where it would have run empty.
    double battery_left_j = none;
    double ledger_j = none;  // battery_j − the ledger's last; none for an endless battery
    // Largest disagreement of a round's or the whole run's energy, by the trace's own powers, with the ledger, relative
    // to that energy (at least a millionth of the battery: rounding of the ledger itself). A right trace: <= 1e-9.
    double ledger_error = none;
    std::int64_t blocks_run = 0, macs = 0, sent_bytes = 0, received_bytes = 0;
    double mac_rate = none;           // configured, MAC/s
    double achieved_mac_rate = none;  // macs / processor_compute_s
    double host_mac_rate = none;      // wall clock: macs / (sum of host times / dilation), of events not failed
    std::int64_t overruns = 0;        // events with the flag
};

// A pair of devices, in one direction, over which something moved. Sorted by device, peer.
struct LinkFigures {
    std::int32_t device = -1, peer = -1;
    std::int64_t transfers = 0, retransmitted = 0;  // retransmitted: transfers of which packets were sent again
    std::int64_t bytes = 0;
    double busy_s = 0;                               // sum of the transmissions' lengths
    double utilisation = none;                       // busy_s / span_s
    double rate_bit_s = none;                        // 8 · bytes / busy_s
    double queue_mean_s = none, queue_max_s = none;  // from the tensor's being ready to its transmission's begin
    double delay_mean_s = none;                      // from transmission's begin to reception's begin
    double planned_mean_s = none;                    // cost model: bytes / (ρ · efficiency · (1 − loss)) + latency
    double emulated_mean_s = none;                   // from the tensor's being ready to its reception's end
};

// A block; block −1, "image", is the image's way to the first device, where there is one.
struct BlockFigures {
    std::int32_t block = -1;
    std::string name;
    std::int64_t planned = 0;  // requests that were admitted
    std::int64_t dropped = 0;  // of these, with mode skip
    double dropped_share = none;
    std::int64_t runs = 0;  // compute events, projections of dropped blocks included
    std::int64_t macs = 0;  // of these
    double compute_s = 0, compute_mean_s = none;
    double queue_mean_s = none;                            // from its input's being there to its begin
    double planned_mean_s = none, emulated_mean_s = none;  // c_j/e_i or the measured time; input there to end
    std::int64_t transfers = 0, bytes = 0;                 // of its output
    double transmit_s = 0;
    double compute_j = 0, transmit_j = 0, receive_j = 0, energy_j = 0;
};

struct RoundFigures {
    std::int32_t round = -1;
    double start_s = none, end_s = none;
    double length_s = none;  // end_s − start_s
    std::int64_t requests = 0, admitted = 0, done = 0, rejected = 0, failed = 0;
    std::string planner, status, binding;
    double objective = none, bound = none, gap = none;
    double plan_host_s = none;
    double predicted_latency_s = none;                   // mean of the plan
    double latency_mean_s = none, accuracy_mean = none;  // of the requests done
    std::int64_t dropped_blocks = 0, shared_bytes = 0, macs = 0, overruns = 0;
    double energy_j = 0;             // of all devices, until the next round starts
    double lowest_battery_j = none;  // by the ledger
    std::int32_t lowest_device = -1;
};

std::string_view to_string(trace::RequestStatus status);  // "done", "rejected", "failed"

// A request and the path that its latency is made of: compute_s + transfer_s + queue_s = latency_s.
struct RequestFigures {
    std::int32_t round = -1, request = -1, attempt = 1;
    trace::RequestStatus status = trace::RequestStatus::rejected;  // in JSON and CSV "done", "rejected", "failed"
    double arrival_s = none, latency_s = none, predicted_latency_s = none, accuracy = none;
    double compute_s = 0;   // its blocks' times
    double transfer_s = 0;  // its hops', from transmission's begin to reception's end
    // queue_s: before its first event (other rounds, planning, the first queue), for processors, for links
    double queue_s = 0, queue_start_s = 0, queue_processor_s = 0, queue_link_s = 0;
    std::int32_t hops = 0, dropped_blocks = 0;
    std::int64_t shared_bytes = 0, macs = 0;
    double energy_j = 0;             // computing, transmitting and receiving for it
    double planned_energy_j = none;  // by its first plan and the cost model
};

// Planned (cost model, no queues) against emulated. Deviation = emulated − planned. bias: its mean; relative_bias: bias
// / planned_mean.
//   level request: latency_s against predicted_latency_s, energy_j against planned_energy_j, of requests done
//   level hop:     ready to reception's end; P_t · transmission + P_r · reception
//   level block:   input there to end; P_c · computing
struct Deviation {
    std::string level;     // "request", "hop", "block"
    std::string quantity;  // "latency_s", "energy_j": the unit of the figures
    std::int64_t count = 0;
    double planned_mean = none, emulated_mean = none, bias = none, relative_bias = none;
    double p50 = none, p99 = none, max = none;  // of the deviation
};

// How exactly the wall clock was kept; under the virtual clock events = 0. Lateness: model/event.hpp.
struct Fidelity {
    std::int64_t events = 0, overruns = 0;  // compute, transmit and receive events with host times; flagged ones
    double overrun_share = none;
    double lateness_mean = none, lateness_p50 = none, lateness_p90 = none, lateness_p99 = none, lateness_max = none;
    double clock_uncertainty_s = none;  // the largest; host seconds
    bool faithful() const { return overruns * 100 <= events; }
};

// Requested (model) against achieved (host times / dilation). error = (achieved − requested) / max(requested, 10 ms).
//   kind compute: a block's length; rates in MAC/s
//   kind transmit: a transmission's length; rates in bit/s
//   kind hop: from transmission's begin to reception's end (serialisation and delay); no rates
struct Achievement {
    std::string kind;
    std::int64_t count = 0;
    double requested_mean_s = none, achieved_mean_s = none;
    double requested_rate = none, achieved_rate = none;  // sum of macs or 8 · bytes / sum of lengths
    std::string rate_unit;
    double error_mean = none, error_p50 = none, error_p99 = none, error_max = none;
};

// A run whose requests come as a stream: without end, or with the goal of throughput. Its steady state lasts, in each
// round, from when all are done that began before the first was done, to the begin of the last request: before it
// devices fill, and after it they run dry. What finishes there is counted.
struct StreamFigures {
    std::int64_t rounds = 0, done = 0;
    std::int64_t counted = 0;        // requests that finish in the steady state
    double window_s = none;          // how long that lasts, from the first finish to the last
    double throughput_per_s = none;  // counted / window_s
    // Half of its 95 % interval: throughput_per_s² times that of the period, by Student's t over the mean periods of
    // `batches` runs of finishes, 10 at most.
    double throughput_error_per_s = none;
    std::int64_t batches = 0;
    double period_s = none;                           // 1 / throughput_per_s
    double planned_per_s = none, bound_per_s = none;  // of the plans, and what no schedule can pass
    double gap = none;                                // 1 − throughput_per_s / bound_per_s
    double latency_mean_s = none, latency_p50_s = none, latency_p90_s = none, latency_p99_s = none;  // of the counted
    std::string bottleneck;          // the busiest resource: "processor c", "link b to c", "radio b"
    double bottleneck_s = none;      // for how long a request keeps it busy: no period is shorter
    double bottleneck_share = none;  // bottleneck_s / period_s
};

// Blocks that follow each other on the same devices.
struct StageFigures {
    std::int32_t stage = 0, first_block = -1, last_block = -1;
    std::string blocks, on;  // names: "conv1..pool2"; "c, d"
    std::int64_t devices = 0;
    std::string split;            // "outputs/3" of blocks that are split; "": whole
    double per_request_s = none;  // for how long a request keeps the busiest of the devices busy with these blocks
    double share = none;          // of the devices' time, in the steady state
};

// What a stream keeps busy, the busiest first.
struct ResourceFigures {
    std::string resource;  // "processor", "link", "radio"
    std::int32_t device = -1, peer = -1;
    std::string name;
    double busy_s = 0;                          // over the whole run
    double per_request_s = none, share = none;  // per request done; of its time in the steady state
};

// What one more device like this one would add to the bound, at most: by the prices of what it has.
struct GainFigures {
    std::int32_t device = -1;
    std::string name;
    double processor_per_s = 0, memory_per_s = 0, radio_per_s = 0, links_per_s = 0;
    double gain_per_s = 0;      // their sum
    double bound_per_s = none;  // the bound with it
};

// An exit that is open, and the network's end. Of requests that are done.
struct ExitFigures {
    std::int32_t exit = -1;   // the block behind which it is; −1: the end
    std::string name;         // its head's, "exit.s3b2"; "end"
    double threshold = none;  // the confidence that requests leave with
    std::int64_t reached = 0, left = 0;  // that its head judged, and of these those that left here
    double reach_share = none, left_share = none;  // of all that are done
    double left_low = none, left_high = none;      // 95 % interval of left_share (Wilson score)
    // What the rules promised, weighted by the blocks that the requests' plans dropped.
    double expected_reach = none, expected_left = none;
    // Of those that left here and have a label.
    std::int64_t labelled = 0, correct = 0;
    double accuracy = none, accuracy_low = none, accuracy_high = none;  // with its 95 % interval
    double head_accuracy = none;  // of all that its head judged, whether they left or not
    double confidence_mean = none, confidence_stayed_mean = none;  // of those that left, and those that went on
    double latency_mean_s = none, energy_mean_j = none, macs_mean = none;  // of those that left
};

// What leaving brings, over all requests that are done. whole: what they would have cost by the cost model if none had
// left: the plans' blocks, without the exits' heads.
struct LeavingFigures {
    std::int64_t done = 0, left_early = 0;
    double early_share = none;
    double accuracy_promised = none;  // mean of /requests accuracy
    std::int64_t labelled = 0, correct = 0;
    double accuracy_promised_labelled = none, accuracy_observed = none;
    double accuracy_low = none, accuracy_high = none;  // the 95 % interval of accuracy_observed
    double macs_mean = none, macs_whole_mean = none, macs_saved = none;  // saved: the share, 1 − mean / whole
    double energy_mean_j = none, energy_whole_mean_j = none, energy_saved = none;  // computing and moving
    double way_mean_s = none, way_whole_mean_s = none, way_saved = none;  // computing and moving, without queues
};

// A flat row of figures: names (with units) and values.
using Row = std::vector<std::pair<std::string, double>>;

// Everything about one trace. JSON: one object {"format": "skipstone-analysis", "version": 1, and the members below
// under their names}; a single struct is an object, a vector an array of objects, summary an object.
struct Analysis {
    TraceFigures trace;
    std::string powers;              // "trace", or what --power named
    std::vector<std::string> notes;  // what a reader must know: incomplete, ledger disagrees, no scenario, …
    RequestTotals requests;
    EnergyTotals energy;
    std::vector<Rejection> rejections;
    std::vector<DeviceFigures> devices;
    std::vector<LinkFigures> links;
    std::vector<BlockFigures> blocks;
    std::vector<RoundFigures> rounds;
    std::vector<RequestFigures> request_paths;  // in the order of /requests; empty with Detail::totals
    std::vector<Deviation> deviations;
    Fidelity fidelity;
    std::vector<Achievement> achievements;  // empty under the virtual clock
    // Where exits are open; leaving: one row.
    std::vector<LeavingFigures> leaving;
    std::vector<ExitFigures> exits;
    // Of streams alone; stream: one row.
    std::vector<StreamFigures> stream;
    std::vector<StageFigures> stages;
    std::vector<ResourceFigures> resources;
    std::vector<GainFigures> gains;
};

// The figures to compare runs by, in this order: requests, done, rejected, failed, latency_mean_s, latency_p50_s,
// latency_p90_s, latency_p99_s, latency_max_s, latency_total_s, path_compute_mean_s, path_transfer_mean_s,
// path_queue_mean_s, throughput_per_s, accuracy_planned, accuracy_observed, shared_bytes, macs, dropped_blocks,
// energy_j, compute_j, transmit_j, receive_j, idle_j, lowest_battery_j, objective_mean, gap_mean, plan_host_mean_s,
// rounds, span_s, overrun_share; where exits are open left_early_share, macs_saved, energy_saved; of a stream then steady_throughput_per_s,
// throughput_bound_per_s, throughput_gap, bottleneck_s, steady_latency_p50_s. Means over rounds leave out those that
// have no value.
Row summary_row(Analysis const& analysis);

}  // namespace skipstone::analysis

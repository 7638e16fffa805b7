#pragma once

#include <algorithm>
#include <atomic>
#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <utility>
#include <vector>

#include "emulator/course.hpp"
#include "emulator/host_clock.hpp"
#include "emulator/kernel_verdicts.hpp"
#include "emulator/orders.hpp"
#include "emulator/protocol.hpp"
#include "emulator/round_result.hpp"
#include "emulator/stamped_events.hpp"
#include "emulator/transport.hpp"

namespace skipstone::emulator {

// Rank 0: takes rounds as they are planned, has the nodes run them, and hands the results on in order. Under the
// virtual clock rounds overlap on the host, where nothing in a course depends on what kernels compute. Where kernels
// say at which exits requests leave, the nodes compute untimed what the course asks about, before it goes on: under the
// virtual clock that is all that they compute, under the wall clock they do it once more in time. Uses nodes 1 … size−1
// of the transport.
class Coordinator {
  public:
    struct Settings {
        ClockKind clock = ClockKind::virtual_time;
        double dilation = 1;
        bool kernels = true;
        std::size_t devices = 0;
        std::size_t blocks = 0;  // of the network
        std::vector<OpenExit> exits = {};
        bool judges = false;          // kernels say where requests leave: rounds come from next_of()
        bool is_probability = false;  // what the network gives at its end (verdict_of)
    };
    // The next round (next_unless); nothing: interrupted.
    using NextRound = std::function<std::optional<RoundCourse>()>;
    // The preprocessed image of the run's n-th request, [1,H,W,3].
    using ImageSupply = std::function<Tensor(std::int64_t image)>;
    using ResultSink = std::function<void(RoundResult&&)>;
    using LogitsSink = std::function<void(int round, int request, std::span<float const> logits)>;

    // run_start: the host time that host_* figures count from. stop: checked often; set by a signal handler.
    Coordinator(Transport& transport, HostClock const& clock, Waker& waker, Settings settings, double run_start,
                std::atomic<bool> const& stop);

    // How fast one node is that the others leave alone: median host seconds per block (empty with kernels off), and its
    // host's cores.
    struct Speed {
        std::vector<double> block_seconds;
        int cores = 1;
    };
    Speed measure_blocks();
    void set_dilation(double dilation) { settings_.dilation = dilation; }

    // Plans the next round, and has the nodes answer what `planning` asks `verdicts`; nothing: interrupted (as
    // next_unless). logits: of requests that were computed for this, perhaps by other plans than those that they have
    // in the end.
    std::optional<RoundCourse> next_of(Planning const& planning, std::shared_ptr<KernelVerdicts> const& verdicts,
                                       ImageSupply const& images, LogitsSink const& logits);

    // Plays the beginning of the first round, so many emulated seconds of it, and says how late its events
    // were: lateness as in /events. run() then begins with that round. Empty: nothing to play, or interrupted.
    std::vector<double> rehearse(NextRound const& next, ImageSupply const& images, Seconds longest);

    enum class Outcome { finished, interrupted };
    // Throws EnvironmentError when a node fails. Interrupted while it plans: see next_unless.
    Outcome run(NextRound const& next, int rounds, ImageSupply const& images, ResultSink const& sink,
                LogitsSink const& logits);
    // Ends the nodes' serve(). Called by whoever has no more rounds.
    void stop_nodes();

  private:
    struct Flight {
        RoundResult result;
        StampedEvents stamped;
        RoundOrders orders;
        std::size_t reports_left = 0, logits_left = 0;
        std::deque<std::size_t> images_to_send;        // indices of jobs
        std::vector<int> node_of;                      // by device
        int of_round = 0;                              // of an untimed one: the round that it is for
        std::vector<std::vector<Judged>> judged = {};  // untimed: per request, in the order in which they came
        std::vector<Verdict> ends = {};                // likewise: what came out behind all blocks
        std::vector<std::size_t> tensors;              // per request, as RoundOrders::tensors
        bool complete() const { return reports_left == 0 && logits_left == 0 && images_to_send.empty(); }
    };

    // Ranks beyond one per device have nothing to do.
    int nodes() const { return std::min(transport_.size() - 1, static_cast<int>(settings_.devices)); }
    // What comes from the course is still to be done.
    bool nodes_have_work() const {
        return settings_.clock == ClockKind::wall || (settings_.kernels && !settings_.judges);
    }
    std::optional<RoundCourse> next_round(NextRound const& next);
    std::vector<int> share_devices(RoundCourse const& course);
    Flight prepare(RoundCourse course, Requests requests);
    void order(Flight& flight, Requests requests, ClockKind clock, Heads::Role role);
    std::optional<std::vector<Judgement>> judge(KernelVerdicts::Asked const& asked, ImageSupply const& images,
                                                LogitsSink const& logits);
    Judgement judgement_of(Flight const& flight, std::size_t job) const;
    void take_judged(Judged const& judged);
    void add_judging(Flight& flight);
    void dispatch(Flight& flight);
    void send_images(Flight& flight, ImageSupply const& images, std::size_t most_tensors);
    void start_wall_round(Flight& flight);
    std::vector<ClockReading> synchronise();
    bool pump(LogitsSink const& logits);
    void take_report(int peer, Buffer payload);
    bool wait_for(std::function<bool()> const& condition, LogitsSink const& logits);
    void finish(Flight& flight);
    double since_start() const { return clock_.now() - run_start_; }

    Transport& transport_;
    HostClock const& clock_;
    Waker& waker_;
    Settings settings_;
    double run_start_;
    std::atomic<bool> const& stop_;
    std::optional<RoundCourse> rehearsed_;               // the first round, while it was only rehearsed
    std::map<int, Flight> flights_;                      // by round, or number of an untimed one
    std::vector<double> offsets_;                        // per node: its clock minus ours
    std::vector<double> backlog_;                        // per node: MACs handed over and not reported
    std::map<std::pair<int, int>, double> handed_over_;  // (round, node): MACs
    std::size_t ready_ = 0;
    std::size_t outstanding_ = 0;  // tensors that requests under way may need at a time
    int next_untimed_ = -1;
    // What was computed to judge the requests of the next round that runs.
    struct Judging {
        RoundId round;
        double host_start_s = 0, kernel_s = 0;
        std::vector<std::pair<Stamp, double>> stamps;  // and by how many seconds they are to be shifted
    };
    std::optional<Judging> judging_;
    std::optional<Speed> measured_;
    std::optional<double> pong_;
    double next_start_ = 0;  // wall clock: host time before which no round begins (rounds.period)
    double pause_ = 20e-6;   // between two looks at the transport; grows while nothing comes
    ThreadPriority priority_;
};

}  // namespace skipstone::emulator

#pragma once

#include <algorithm>
#include <atomic>
#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <optional>
#include <span>
#include <vector>

#include "emulator/course.hpp"
#include "emulator/host_clock.hpp"
#include "emulator/orders.hpp"
#include "emulator/protocol.hpp"
#include "emulator/round_result.hpp"
#include "emulator/stamped_events.hpp"
#include "emulator/transport.hpp"

namespace skipstone::emulator {

// Rank 0: takes rounds as they are planned, has the nodes run them, and hands the results on in order. Under the
// virtual clock rounds overlap on the host, because nothing in a course depends on what kernels compute. Uses nodes 1 …
// size−1 of the transport.
class Coordinator {
  public:
    struct Settings {
        ClockKind clock = ClockKind::virtual_time;
        double dilation = 1;
        bool kernels = true;
        std::size_t devices = 0;
        std::size_t blocks = 0;  // of the network
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
        std::deque<std::size_t> images_to_send;  // indices of jobs
        std::vector<std::size_t> tensors;        // per request, as RoundOrders::tensors
        bool complete() const { return reports_left == 0 && logits_left == 0 && images_to_send.empty(); }
    };

    // Ranks beyond one per device have nothing to do.
    int nodes() const { return std::min(transport_.size() - 1, static_cast<int>(settings_.devices)); }
    bool nodes_have_work() const { return settings_.kernels || settings_.clock == ClockKind::wall; }
    std::optional<RoundCourse> next_round(NextRound const& next);
    std::vector<int> share_devices(RoundCourse const& course);
    Flight prepare(RoundCourse course, Requests requests);
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
    std::map<int, Flight> flights_;                      // by round
    std::vector<double> offsets_;                        // per node: its clock minus ours
    std::vector<double> backlog_;                        // per node: MACs handed over and not reported
    std::map<std::pair<int, int>, double> handed_over_;  // (round, node): MACs
    std::size_t ready_ = 0;
    std::size_t outstanding_ = 0;  // tensors that requests under way may need at a time
    std::optional<Speed> measured_;
    std::optional<double> pong_;
    double next_start_ = 0;  // wall clock: host time before which no round begins (rounds.period)
    double pause_ = 20e-6;   // between two looks at the transport; grows while nothing comes
    ThreadPriority priority_;
};

}  // namespace skipstone::emulator

#include "emulator/pace.hpp"

#include <algorithm>
#include <limits>

namespace skipstone::emulator {

namespace {

// Longest pauses between two looks at the transport: when work waits for tensors of other ranks, when a tensor is on
// its way at emulated speed or a round may come, and when nothing is known to come.
constexpr double hungry_pause_s = 100e-6;
constexpr double expecting_pause_s = 1e-3;
constexpr double idle_pause_s = 5e-3;

class WallPace final : public Pace {
  public:
    explicit WallPace(double ranks_per_core) : crowd_(std::max(1.0, ranks_per_core)) {}

    bool keeps_times() const override { return true; }
    void begin(Go const& go) override { go_ = go; }
    double deadline(double model_s) const override {
        return go_.host_start_s + (model_s - go_.model_start_s) * go_.dilation;
    }
    bool is_short(TaskOrder const& order) const override {
        return (order.end_s - order.begin_s) * go_.dilation < short_task_s;
    }
    double spin_s() const override { return Waker::longest_spin_s / crowd_; }
    double longest_pause(Expects expects) const override {
        return crowd_ * (expects == Expects::tensor_on_way ? expecting_pause_s : idle_pause_s);
    }

  private:
    double crowd_;  // ranks per core, at least 1
    Go go_;         // of the round that runs; written while no thread works on one
};

class VirtualPace final : public Pace {
  public:
    explicit VirtualPace(double ranks_per_core) : crowd_(std::max(1.0, ranks_per_core)) {}

    bool keeps_times() const override { return false; }
    void begin(Go const&) override {}
    double deadline(double) const override { return -std::numeric_limits<double>::infinity(); }
    bool is_short(TaskOrder const&) const override { return false; }
    double spin_s() const override { return Waker::longest_spin_s / crowd_; }
    double longest_pause(Expects expects) const override {
        return expects == Expects::nothing ? expecting_pause_s : hungry_pause_s;
    }

  private:
    double crowd_;
};

}  // namespace

std::unique_ptr<Pace> make_pace(ClockKind kind, double ranks_per_core) {
    if (kind == ClockKind::wall) return std::make_unique<WallPace>(ranks_per_core);
    return std::make_unique<VirtualPace>(ranks_per_core);
}

}  // namespace skipstone::emulator

#pragma once

#include <array>
#include <vector>

#include "analysis/distribution.hpp"
#include "analysis/round_requests.hpp"
#include "analysis/summary.hpp"
#include "model/event.hpp"
#include "trace/schema.hpp"

namespace skipstone::analysis {

// How the real times of a run under the wall clock compare with the model's. Events that failed, or have no host times,
// are left out.
class Faithfulness {
  public:
    explicit Faithfulness(double dilation) : dilation_(dilation) {}

    void begin_round(trace::RoundRow const& round) { round_ = round; }
    // A computation, transmission or reception.
    void add(Event const& event);
    void add(Hop const& hop);

    Fidelity figures() const;  // but for the clocks' uncertainty
    std::vector<Achievement> achievements() const;

  private:
    // Of one kind of interval.
    struct Kept {
        Distribution error;
        double requested_s = 0, achieved_s = 0;
        double amount = 0;  // of MAC or bit

        void add(double requested, double achieved, double done);
    };

    double dilation_;
    trace::RoundRow round_;
    std::int64_t overruns_ = 0;
    Distribution lateness_;
    Kept compute_, transmit_, hop_;
};

}  // namespace skipstone::analysis

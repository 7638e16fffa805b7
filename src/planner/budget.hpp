#pragma once

#include <chrono>
#include <optional>

namespace skipstone::planner {

// What a search may spend: elementary operations, about a nanosecond each and counted the same way on every machine,
// and optionally host time. A part of it is a budget of its own that is charged to the whole, too.
class Budget {
  public:
    explicit Budget(double work, std::optional<double> seconds = std::nullopt);
    // At most so much of a whole, which must outlive it.
    Budget(Budget& whole, double work, std::optional<double> seconds = std::nullopt);

    void spend(double work) {
        left_ -= work;
        if (whole_) whole_->spend(work);
    }
    double left() const { return whole_ && whole_->left() < left_ ? whole_->left() : left_; }
    bool spent() const;
    // Host time that is left; none: it is not limited.
    std::optional<double> seconds_left() const;

  private:
    double left_;
    std::optional<std::chrono::steady_clock::time_point> deadline_;
    Budget* whole_ = nullptr;
};

// Charges a budget in lumps: a search that counts every step looks at the clock now and then.
class Meter {
  public:
    explicit Meter(Budget& budget) : budget_(budget) {}
    ~Meter() { budget_.spend(owed_); }
    Meter(Meter const&) = delete;
    Meter& operator=(Meter const&) = delete;

    // False: the budget is spent; from then on always.
    bool work(double operations) {
        constexpr double lump = 1e5;
        owed_ += operations;
        if (owed_ >= lump) {
            budget_.spend(owed_);
            owed_ = 0;
            spent_ = budget_.spent();
        }
        return !spent_;
    }

  private:
    Budget& budget_;
    double owed_ = 0;
    bool spent_ = false;
};

}  // namespace skipstone::planner

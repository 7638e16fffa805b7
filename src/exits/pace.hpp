#pragma once

#include <chrono>
#include <cstddef>

namespace skipstone::exits {

// How long what is left takes, by what was done since this was made.
class Pace {
  public:
    // known: how many were done before.
    explicit Pace(std::size_t known) : known_(known) {}

    // Seconds; negative: not known yet.
    double left(std::size_t done, std::size_t count) const {
        if (done <= known_) return -1;
        double const spent = std::chrono::duration<double>(Clock::now() - begin_).count();
        return spent / static_cast<double>(done - known_) * static_cast<double>(count - done);
    }

  private:
    using Clock = std::chrono::steady_clock;
    Clock::time_point begin_ = Clock::now();
    std::size_t known_;
};

}  // namespace skipstone::exits

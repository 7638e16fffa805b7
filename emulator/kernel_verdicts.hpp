#pragma once

#include <condition_variable>
#include <cstdint>
#include <exception>
#include <functional>
#include <map>
#include <mutex>
#include <optional>
#include <span>
#include <vector>

#include "emulator/verdicts.hpp"

namespace skipstone::emulator {

// Verdicts of the kernels: where a course, on its thread, asks the coordinator, which has the nodes compute what is
// asked (Coordinator::next_of). What was answered in a round is not computed again.
class KernelVerdicts : public Verdicts {
  public:
    // Waits for the coordinator. Throws Closed where that gives up.
    std::vector<Judgement> judge(RoundId round, std::span<InstanceExit const> exits,
                                 std::span<Question const> questions) override;
    struct Closed : std::exception {
        char const* what() const noexcept override { return "nobody judges any more"; }
    };

    // The rest is the coordinator's.

    // Called, on any thread, when there is something to ask, and by wake().
    void open(std::function<void()> called);
    void wake();
    // Until it is opened again, nothing is called.
    void pause() { open({}); }
    // From now on whoever asks is told that nobody judges, and nothing is called any more.
    void close();
    struct Asked {
        RoundId round;
        std::span<Question const> questions;  // there until it is answered
    };
    std::optional<Asked> asked() const;
    void answer(std::vector<Judgement> judgements);

  private:
    // What came out of a request of the round that was asked about last.
    struct Known {
        RequestPlan plan;
        Judgement judgement;
    };
    Judgement const* known(Question const& question) const;

    mutable std::mutex mutex_;
    std::condition_variable answered_;
    std::function<void()> called_;
    bool closed_ = false;
    std::optional<Asked> asked_;
    std::optional<std::vector<Judgement>> answer_;

    RoundId round_;                                     // this and what follows: the course's thread alone
    std::map<std::int64_t, std::vector<Known>> known_;  // by image
};

}  // namespace skipstone::emulator

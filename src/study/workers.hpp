#pragma once

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstddef>
#include <deque>
#include <exception>
#include <memory>
#include <mutex>
#include <optional>
#include <thread>
#include <vector>

#include "study/workplace.hpp"

namespace skipstone::study {

// What is to be measured in one go: drop sets on one of the workplace's data sets.
struct Pass {
    std::size_t data = 0;
    std::vector<DropSet> sets;
    PrefixTree tree;
};

struct BatchResult {
    std::size_t batch = 0;
    Predictions predictions;
};

// Threads of this process that classify batches, each with kernels of its own.
class Workers {
  public:
    // The workplace must outlive them. threads >= 1.
    Workers(Workplace const& workplace, int threads);
    // Abandons what is not finished.
    ~Workers();
    Workers(Workers const&) = delete;
    Workers& operator=(Workers const&) = delete;

    std::size_t size() const { return threads_.size(); }
    void submit(std::shared_ptr<Pass const> pass, std::size_t batch);
    // The next result, in the order finished; nothing when none came in time. Throws what a worker threw.
    std::optional<BatchResult> wait(std::chrono::milliseconds limit);

  private:
    struct Task {
        std::shared_ptr<Pass const> pass;
        std::size_t batch = 0;
    };
    void work();

    Workplace const& workplace_;
    std::atomic<bool> stop_{false};
    std::mutex mutex_;
    std::condition_variable tasks_changed_, results_changed_;
    std::deque<Task> tasks_;
    std::deque<BatchResult> results_;
    std::exception_ptr failure_;
    std::vector<std::jthread> threads_;
};

}  // namespace skipstone::study

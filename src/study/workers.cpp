#include "study/workers.hpp"

#include <utility>

#include "kernels/host.hpp"
#include "units/error.hpp"

namespace skipstone::study {

Workers::Workers(Workplace const& workplace, int threads) : workplace_(workplace) {
    SKIPSTONE_EXPECT(threads >= 1);
    for (int i = 0; i < threads; ++i) threads_.emplace_back([this] { work(); });
}

Workers::~Workers() {
    {
        std::scoped_lock const lock(mutex_);
        stop_ = true;
    }
    tasks_changed_.notify_all();
    threads_.clear();
}

void Workers::submit(std::shared_ptr<Pass const> pass, std::size_t batch) {
    {
        std::scoped_lock const lock(mutex_);
        tasks_.push_back({std::move(pass), batch});
    }
    tasks_changed_.notify_one();
}

std::optional<BatchResult> Workers::wait(std::chrono::milliseconds limit) {
    std::unique_lock lock(mutex_);
    results_changed_.wait_for(lock, limit, [this] { return failure_ || !results_.empty(); });
    if (failure_) std::rethrow_exception(failure_);
    if (results_.empty()) return std::nullopt;
    auto result = std::move(results_.front());
    results_.pop_front();
    return result;
}

void Workers::work() try {
    kernels::use_threads(1);
    auto kernels = workplace_.make_kernels();
    while (true) {
        Task task;
        {
            std::unique_lock lock(mutex_);
            tasks_changed_.wait(lock, [this] { return stop_ || !tasks_.empty(); });
            if (stop_) return;
            task = std::move(tasks_.front());
            tasks_.pop_front();
        }
        auto predictions = classify(workplace_.network(), kernels, task.pass->tree,
                                    workplace_.load(task.pass->data, task.batch), stop_);
        if (!predictions) return;
        {
            std::scoped_lock const lock(mutex_);
            results_.push_back({task.batch, *std::move(predictions)});
        }
        results_changed_.notify_one();
    }
} catch (...) {
    {
        std::scoped_lock const lock(mutex_);
        failure_ = std::current_exception();
    }
    results_changed_.notify_one();
}

}  // namespace skipstone::study

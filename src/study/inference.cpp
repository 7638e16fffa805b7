#include "study/inference.hpp"

#include <algorithm>
#include <chrono>
#include <condition_variable>
#include <exception>
#include <map>
#include <mutex>
#include <optional>
#include <thread>
#include <utility>
#include <vector>

#include "kernels/host.hpp"
#include "units/error.hpp"

namespace skipstone::study {

namespace {

// Threads that take the next batch that nobody has taken, as long as not too many results wait to be fetched.
class Line {
  public:
    Line(kernels::PackedNetwork const& network, inputs::InputSource const& source, InferencePlan const& plan)
        : network_(network), source_(source), plan_(plan), batches_((plan.count + plan.batch - 1) / plan.batch) {
        for (int i = 0; i < plan.threads; ++i) threads_.emplace_back([this] { work(); });
    }
    ~Line() {
        {
            std::scoped_lock const lock(mutex_);
            stop_ = true;
        }
        changed_.notify_all();
        threads_.clear();
    }
    Line(Line const&) = delete;
    Line& operator=(Line const&) = delete;

    std::size_t batches() const { return batches_; }
    // The outputs of the batch behind the last one that was fetched; nothing when they did not come in time.
    std::optional<Tensor> fetch(std::chrono::milliseconds limit) {
        std::unique_lock lock(mutex_);
        changed_.wait_for(lock, limit, [this] { return failure_ || done_.contains(fetched_); });
        if (failure_) std::rethrow_exception(failure_);
        auto const found = done_.find(fetched_);
        if (found == done_.end()) return std::nullopt;
        auto outputs = std::move(found->second);
        done_.erase(found);
        ++fetched_;
        changed_.notify_all();
        return outputs;
    }

  private:
    void work() try {
        kernels::use_threads(1);
        auto kernels = network_.make_kernels();
        auto const ahead = 2 * static_cast<std::size_t>(plan_.threads);
        while (true) {
            std::unique_lock lock(mutex_);
            changed_.wait(lock, [&] { return stop_ || taken_ == batches_ || taken_ < fetched_ + ahead; });
            if (stop_ || taken_ == batches_) return;
            auto const batch = taken_++;
            lock.unlock();
            auto outputs = run(kernels, batch);
            lock.lock();
            if (!outputs) return;
            done_.emplace(batch, *std::move(outputs));
            changed_.notify_all();
        }
    } catch (...) {
        std::scoped_lock const lock(mutex_);
        if (!failure_) failure_ = std::current_exception();
        changed_.notify_all();
    }

    // Nothing when it was stopped on the way.
    std::optional<Tensor> run(kernels::NetworkKernels& kernels, std::size_t batch) {
        auto const first = batch * plan_.batch;
        auto tensor = source_.load(first, std::min(plan_.batch, plan_.count - first));
        for (std::size_t block = 0; block < network_.network().size(); ++block) {
            if (stop_) return std::nullopt;
            tensor = kernels.run(BlockId(block), BlockMode::full, std::move(tensor));
        }
        return tensor;
    }

    kernels::PackedNetwork const& network_;
    inputs::InputSource const& source_;
    InferencePlan plan_;
    std::size_t batches_;
    std::atomic<bool> stop_{false};
    std::mutex mutex_;
    std::condition_variable changed_;
    std::size_t taken_ = 0, fetched_ = 0;  // batches
    std::map<std::size_t, Tensor> done_;   // by batch
    std::exception_ptr failure_;
    std::vector<std::jthread> threads_;
};

}  // namespace

bool infer(kernels::PackedNetwork const& network, inputs::InputSource const& source, InferencePlan const& plan,
           std::function<void(std::size_t first, Tensor const& outputs)> const& take, std::atomic<bool> const& stop) {
    SKIPSTONE_EXPECT(plan.count >= 1 && plan.count <= source.size() && plan.batch >= 1 && plan.threads >= 1);
    using namespace std::chrono_literals;
    Line line(network, source, plan);
    for (std::size_t batch = 0; batch < line.batches();) {
        if (stop) return false;
        if (auto const outputs = line.fetch(50ms)) take(batch++ * plan.batch, *outputs);
    }
    return true;
}

}  // namespace skipstone::study

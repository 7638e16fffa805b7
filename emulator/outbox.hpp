#pragma once

#include <cstdint>
#include <deque>
#include <exception>
#include <mutex>
#include <optional>
#include <utility>
#include <variant>
#include <vector>

#include "emulator/host_clock.hpp"
#include "emulator/protocol.hpp"
#include "model/tensor.hpp"

namespace skipstone::emulator {

// A tensor that leaves the node.
struct Outgoing {
    TensorName name;
    std::int32_t to_node = -1;   // −1: to the coordinator, as logits
    std::int32_t transfer = -1;  // as in OutputOrder
    Tensor tensor;
};

// A work is done.
struct Finished {
    std::int32_t round = 0;
    std::optional<Stamp> stamp;  // of one that computes
    double kernel_s = 0;         // host time inside kernels
};

// All first calls of a round are made.
struct Prepared {
    std::int32_t round = 0;
};

// Median host seconds of each block.
struct Measured {
    std::vector<double> block_seconds;
};

// What the processor hands to the radio, in this order. (Judged: by a head that decides; the logits of a request that
// leaves come behind.)
class Outbox {
  public:
    using Item = std::variant<Outgoing, Finished, Judged, Prepared, Measured>;

    explicit Outbox(Waker& radio) : radio_(radio) {}

    void put(Item item) {
        std::lock_guard const lock(mutex_);
        items_.push_back(std::move(item));
    }
    void fail(std::exception_ptr failure) {
        {
            std::lock_guard const lock(mutex_);
            failure_ = std::move(failure);
        }
        wake();
    }
    // The radio should look at once.
    void wake() { radio_.notify(); }
    // Everything that lies here; rethrows the processor's failure.
    std::deque<Item> take() {
        std::lock_guard const lock(mutex_);
        if (failure_) std::rethrow_exception(failure_);
        return std::exchange(items_, {});
    }

  private:
    Waker& radio_;
    std::mutex mutex_;
    std::deque<Item> items_;      // guarded by mutex_
    std::exception_ptr failure_;  // guarded by mutex_
};

}  // namespace skipstone::emulator

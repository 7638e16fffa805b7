#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <span>
#include <vector>

#include "emulator/protocol.hpp"
#include "model/tensor.hpp"

namespace skipstone::emulator {

// One order, with what it reads and where its outcome goes.
struct Work {
    std::int32_t round = 0;
    TaskOrder order;
    std::span<InputOrder const> inputs;
    std::span<OutputOrder const> outputs;

    // Only the processor uses it: it has run, perhaps ahead of its time.
    bool computed = false;
    double kernel_s = 0;

    // It has no time of its own.
    bool is_untimed() const { return emulator::is_untimed(round); }
    // The whole of its outcome.
    TensorName outcome() const { return {round, order.request, order.task, {}}; }
};

// What a node works on: tensors by who made them, and works by the tensors that they lack. Any thread may use it; only
// one of them may take().
class Workbench {
  public:
    // The works of a round, all that the node has of it. Returns those that lack nothing: tensors may have come before
    // their readers. Works stay where they are until release().
    std::vector<Work*> add(Orders orders);
    // Puts a tensor down for its readers. Returns those that lacked nothing else.
    std::vector<Work*> put(TensorName const& name, Tensor tensor);
    bool is_complete(Work const& work) const;
    // Somebody here reads it.
    bool is_read(TensorName const& name) const;
    // What a work reads, in the order of its inputs: cut or copied, but the last reader of a tensor takes it. The work
    // must be complete; once for each.
    std::vector<Tensor> take(Work const& work);
    // The work is done. True: that was the last one of its round.
    bool finish(Work const& work);
    // The request left at a task: forgets the works behind it, which lack what that would have handed on. Returns how
    // many these were.
    std::size_t call_off(CallOff const& what);
    // All works of a round, those that compute in the order in which they are to run.
    std::vector<Work*> schedule(std::int32_t round);
    // Forgets a round; its works are gone.
    void release(std::int32_t round);
    // Tensors that lie here.
    std::size_t tensors() const;

  private:
    struct Entry : Work {
        std::size_t missing = 0;
    };
    struct Slot {
        std::shared_ptr<Tensor> tensor;  // null: it is not here yet
        std::vector<Entry*> readers;
        std::size_t left = 0;  // readers that have not taken it
    };
    struct Round {
        Orders orders;
        std::vector<std::unique_ptr<Entry>> works;
        std::size_t unfinished = 0;
    };

    static std::vector<Work*> arrive(Slot& slot);

    mutable std::mutex mutex_;
    std::map<std::int32_t, Round> rounds_;  // guarded by mutex_
    std::map<TensorName, Slot> slots_;      // guarded by mutex_
};

// In which order a device does its works: by the times that they have, then by request and task. What takes no time
// comes before what begins at the same instant and takes some.
bool runs_before(Work const& a, Work const& b);

// A box of the tensor: the tensor itself where that is all of it and `is_last` says that nobody else needs it.
Tensor take_box(std::shared_ptr<Tensor> const& tensor, Box const& box, bool is_last);

}  // namespace skipstone::emulator

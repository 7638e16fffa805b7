#include "emulator/processor.hpp"

#include <limits>
#include <utility>

#include "emulator/routing.hpp"
#include "units/error.hpp"

namespace skipstone::emulator {

Processor::Processor(HostClock const& clock, Pace const& pace, Workbench& bench, Outbox& outbox,
                     std::unique_ptr<BlockExecutor> executor, std::size_t blocks)
    : clock_(clock),
      pace_(pace),
      bench_(bench),
      outbox_(outbox),
      executor_(std::move(executor)),
      blocks_(blocks),
      waker_(clock),
      thread_([this] {
          try {
              loop();
          } catch (...) {
              outbox_.fail(std::current_exception());
          }
      }) {}

Processor::~Processor() {
    stop();
    thread_.join();
}

// ---- what the radio asks for ----

void Processor::offer(std::vector<Work*> const& works) {
    if (works.empty()) return;
    {
        std::lock_guard const lock(mutex_);
        for (Work* const work : works)
            if (!pace_.keeps_times() || work->is_untimed() || !work->order.computes()) ready_.insert(work);
    }
    waker_.notify();
}

void Processor::prepare(std::int32_t round, std::vector<Work*> const& works) {
    Preparation preparation{round, {}};
    for (Work const* const work : works) {
        auto const& order = work->order;
        preparation.kernels.push_back(
            {BlockId(order.block), static_cast<BlockMode>(order.mode), order.way(), order.part});
    }
    {
        std::lock_guard const lock(mutex_);
        to_prepare_.push_back(std::move(preparation));
    }
    waker_.notify();
}

void Processor::begin(std::vector<Work*> const& schedule) {
    {
        std::lock_guard const lock(mutex_);
        schedule_.assign(schedule.begin(), schedule.end());
    }
    waker_.notify();
}

void Processor::measure() {
    {
        std::lock_guard const lock(mutex_);
        to_measure_ = true;
    }
    waker_.notify();
}

void Processor::stop() {
    stop_ = true;
    waker_.notify();
}

// ---- the thread ----

void Processor::loop() {
    if (pace_.keeps_times()) priority_.compute();
    while (!stop_) {
        auto const [work, preparation, measure] = next();
        if (work)
            run(*work);
        else if (preparation)
            make_first_calls(*preparation);
        else if (measure)
            measure_blocks();
        else
            waker_.wait_until(clock_.now() + 1);
    }
}

Processor::Next Processor::next() {
    std::lock_guard const lock(mutex_);
    Next next;
    if (!ready_.empty()) {
        next.work = *ready_.begin();
        ready_.erase(ready_.begin());
    } else if (!to_prepare_.empty()) {
        next.preparation = std::move(to_prepare_.front());
        to_prepare_.pop_front();
    } else if (!schedule_.empty()) {
        next.work = schedule_.front();
        schedule_.pop_front();
    } else {
        next.measure = std::exchange(to_measure_, false);
    }
    return next;
}

void Processor::make_first_calls(Preparation const& preparation) {
    for (Kernel const& kernel : preparation.kernels) {
        if (!executor_ || stop_ || !prepared_.insert(kernel).second) continue;
        if (kernel.split.is_whole())
            executor_->prepare(kernel.block, kernel.mode);
        else
            executor_->prepare_part(kernel.block, kernel.split, kernel.part);
    }
    outbox_.put(Prepared{preparation.round});
    outbox_.wake();
}

void Processor::measure_blocks() {
    std::vector<double> seconds(executor_ ? blocks_ : 0);
    for (std::size_t block = 0; block < seconds.size() && !stop_; ++block)
        seconds[block] = executor_->measure(BlockId(block));
    outbox_.put(Measured{std::move(seconds)});
    outbox_.wake();
}

// Where the pace does not keep times, every deadline is long past: it computes, and is done.
void Processor::run(Work& work) {
    auto const& order = work.order;
    if (!order.computes()) {
        compute(work);
        finish(work, std::nullopt);
        return;
    }
    if (work.is_untimed()) {
        Stamp stamp{.device = order.device, .request = order.request, .block = order.block, .part = order.part};
        stamp.host_begin_s = clock_.now();
        compute(work);
        stamp.host_end_s = clock_.now();
        finish(work, stamp);
        return;
    }
    double const begin = pace_.deadline(order.begin_s), end = pace_.deadline(order.end_s);
    if (pace_.keeps_times()) priority_.wait_for_deadlines();
    if (!work.computed && pace_.is_short(order) && wait_for_inputs(work, begin)) compute(work);
    if (!waker_.wait_exactly(begin, stop_, pace_.spin_s())) return;
    if (!wait_for_inputs(work, std::numeric_limits<double>::infinity())) return;
    Stamp stamp{.device = order.device, .request = order.request, .block = order.block, .part = order.part};
    stamp.host_begin_s = clock_.now();
    if (!work.computed) compute(work);
    for (double const last = end - short_task_s; !stop_ && clock_.now() < last;) {
        run_ahead();
        waker_.wait_until(last);
    }
    if (!waker_.wait_exactly(end, stop_, pace_.spin_s())) return;
    stamp.host_end_s = clock_.now();
    finish(work, stamp);
}

// A work that the emulated device does in less time than a kernel needs at all (the head, say, or joining parts) cannot
// be done in its own time: it is done as soon as its inputs are there, and its outcome held back.
void Processor::run_ahead() {
    for (std::size_t i = 0;; ++i) {
        Work* next = nullptr;
        {
            std::lock_guard const lock(mutex_);
            if (i >= schedule_.size() || !pace_.is_short(schedule_[i]->order)) return;
            next = schedule_[i];
        }
        if (next->computed) continue;
        if (!bench_.is_complete(*next)) return;
        compute(*next);
    }
}

// False when they are not there at `until` (host time), or everything is to stop.
bool Processor::wait_for_inputs(Work const& work, double until) {
    for (;;) {
        if (bench_.is_complete(work)) return true;
        double const now = clock_.now();
        if (stop_ || now >= until) return false;
        waker_.wait_until(until);
    }
}

void Processor::compute(Work& work) {
    auto const& order = work.order;
    work.computed = true;
    auto inputs = bench_.take(work);
    Tensor outcome;
    bool left = false;
    if (executor_) {
        bool const make_way = pace_.keeps_times() && !work.is_untimed() && order.computes() && !pace_.is_short(order);
        if (make_way) priority_.compute();
        double const begin = clock_.now();
        if (order.is_head()) {
            auto heard = judge(work, std::move(inputs.front()));
            outcome = std::move(heard.outcome);
            left = heard.leaves;
        } else {
            outcome = outcome_of(order, std::move(inputs));
        }
        work.kernel_s = clock_.now() - begin;
        if (make_way) priority_.wait_for_deadlines();
    }
    if (left && order.head.asks == HeadOrder::Asks::to_judge) {  // nobody behind it gets anything
        outbox_.put(Outgoing{work.outcome(), -1, -1, std::move(outcome)});
        outbox_.wake();
        return;
    }
    auto routed = route(work, std::move(outcome), bench_);
    bool const leaves = !routed.leaving.empty();
    for (Outgoing& output : routed.leaving) outbox_.put(std::move(output));
    if (leaves) outbox_.wake();
    offer(routed.complete);
}

// Blocks that vanished cost nothing in the model, but what is left of them (zero-padding, an activation) is applied
// where the next block runs, or where the tensor is cut into boxes; behind the last one that ran, with it.
Tensor Processor::apply_vanished(Tensor tensor, int first, int end) {
    for (int block = first; block < end; ++block)
        tensor = executor_->run(BlockId(block), BlockMode::skip, std::move(tensor));
    return tensor;
}

Processor::Heard Processor::judge(Work const& work, Tensor input) {
    using enum HeadOrder::Asks;
    auto const& order = work.order;
    auto const& head = order.head;
    auto logits = executor_->run(BlockId(order.block), BlockMode::full,
                                 apply_vanished(input.clone(), order.before_begin, order.before_end));
    auto const verdict = verdict_of(logits.values(), head.is_probability != 0);
    bool leaves = skipstone::leaves({ExitId(), head.threshold}, verdict);
    if (head.asks == to_judge) {
        outbox_.put(Judged{work.round, order.request, order.task, leaves ? 1 : 0, verdict});
    } else {
        bool const foretold = head.asks == to_leave;
        if (head.checks && (leaves != foretold || verdict.predicted != head.predicted))
            throw EnvironmentError(
                "exit " + std::to_string(head.exit),
                "request " + std::to_string(order.request) + " of round " + std::to_string(work.round) + " was to " +
                    (foretold ? "leave" : "go on") + " with class " + std::to_string(head.predicted) +
                    ", and now has class " + std::to_string(verdict.predicted) + " with confidence " +
                    std::to_string(verdict.confidence) +
                    ": kernels on this host did not compute the same twice. Run without [exits], or with the verdicts "
                    "of a table or an earlier trace");
        leaves = foretold;
    }
    if (leaves) return {std::move(logits), true};
    return {apply_vanished(std::move(input), order.after_begin, order.after_end), false};
}

Tensor Processor::outcome_of(TaskOrder const& order, std::vector<Tensor> inputs) {
    SKIPSTONE_EXPECT(!inputs.empty());
    BlockId const block(order.block);
    Tensor tensor;
    if (!order.computes())
        tensor = std::move(inputs.front());
    else if (order.way().is_whole())
        tensor = executor_->run(block, static_cast<BlockMode>(order.mode),
                                apply_vanished(std::move(inputs.front()), order.before_begin, order.before_end));
    else if (order.part >= 0)
        tensor = executor_->run_part(block, order.way(), order.part, std::move(inputs.front()));
    else
        tensor = executor_->join(block, order.way(), std::move(inputs));
    return apply_vanished(std::move(tensor), order.after_begin, order.after_end);
}

void Processor::finish(Work& work, std::optional<Stamp> stamp) {
    Finished finished{work.round, std::move(stamp), work.kernel_s};
    bool const is_last = bench_.finish(work);
    outbox_.put(std::move(finished));  // from now on the radio may end the round, and the work with it
    if (is_last) outbox_.wake();
}

}  // namespace skipstone::emulator

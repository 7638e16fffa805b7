#include "emulator/node.hpp"

#include <algorithm>
#include <limits>
#include <utility>

namespace skipstone::emulator {

namespace {

constexpr double first_pause_s = 20e-6;
// Longest pauses between two looks at the transport: while bytes are on their way, when work waits for tensors of other
// ranks, when a tensor is on its way at emulated speed, and when nothing is known to come. Where the transport wakes:
// nothing is missed meanwhile.
constexpr double busy_pause_s = 1e-3;
constexpr double hungry_pause_s = 100e-6;
constexpr double expecting_pause_s = 1e-3;
constexpr double idle_pause_s = 5e-3;
constexpr double woken_pause_s = 100e-3;
constexpr int image_step = -1;
constexpr double short_task_s = 1e-3;  // host time

Stamp stamp_of(TaskOrder const& order, EventKind kind, std::int32_t block) {
    return {order.request, block, kind};
}

}  // namespace

bool Node::ByTime::operator()(Work const* a, Work const* b) const {
    auto key = [](TaskOrder const& o) { return std::tuple(o.round, o.begin_s, o.request, o.step); };
    return key(a->order) < key(b->order);
}

Node::Node(Transport& transport, HostClock const& clock, Waker& waker, std::unique_ptr<BlockExecutor> executor,
           std::size_t blocks, ClockKind kind, double ranks_per_core)
    : transport_(transport),
      clock_(clock),
      waker_(waker),
      processor_waker_(clock),
      executor_(std::move(executor)),
      blocks_(blocks),
      kind_(kind),
      crowd_(std::max(1.0, ranks_per_core)),
      spin_s_(Waker::longest_spin_s / crowd_),
      processor_([this] {
          try {
              processor_loop();
          } catch (...) {
              std::lock_guard const lock(mutex_);
              failure_ = std::current_exception();
          }
          waker_.notify();
      }) {}

Node::~Node() {
    stop_ = true;
    processor_waker_.notify();
    processor_.join();
}

void Node::serve() {
    double pause = first_pause_s;
    bool look = true;  // for messages
    while (!stop_) {
        bool progress = handle_timers();
        if (look) progress |= handle_messages();
        progress |= handle_outbox();
        progress |= handle_timers();
        {
            std::lock_guard const lock(mutex_);
            if (failure_) std::rethrow_exception(failure_);
        }
        if (stop_) return;
        bool const busy = transport_.busy();
        bool const polls = busy || !transport_.wakes();
        pause = progress ? first_pause_s : std::min(pause * 1.5, busy ? busy_pause_s : longest_pause());
        double const now = clock_.now(), next = next_timer_s(), until = polls ? now + pause : now + woken_pause_s;
        if (kind_ == ClockKind::wall) {
            if (next <= until || (scheduled_ >= 0 && !polls))
                radio_priority_.wait_for_deadlines();
            else
                radio_priority_.ordinary();
        }
        look = true;
        if (next - spin_s_ <= now) {
            waker_.wait_exactly(next, stop_, spin_s_);
            look = busy;
        } else {
            bool const rung = waker_.wait_until(std::min(next - spin_s_ / 2, until));
            look = rung || polls || clock_.now() >= until;
        }
    }
}

// ---- the radio ----

double Node::longest_pause() {
    std::lock_guard const lock(mutex_);
    if (kind_ == ClockKind::virtual_time) return rounds_.empty() ? expecting_pause_s : hungry_pause_s;
    if (scheduled_ < 0) return crowd_ * idle_pause_s;
    bool const expecting = std::ranges::any_of(rounds_.at(scheduled_).timers, [](Timer const& timer) {
        return timer.action == Timer::Action::receive_begin && timer.done && !timer.work->input_here;
    });
    return crowd_ * (expecting ? expecting_pause_s : idle_pause_s);
}

std::optional<Message> Node::next_message() {
    if (put_back_.empty()) return transport_.receive();
    auto message = std::move(put_back_.front());
    put_back_.pop_front();
    return message;
}

bool Node::handle_messages() {
    bool any = false;
    while (auto message = next_message()) {
        any = true;
        switch (message->tag) {
            case Tag::orders:
                accept_orders(std::move(message->payload));
                break;
            case Tag::tensor: {
                auto [header, tensor] = unpack_tensor(std::move(message->payload));
                std::lock_guard const lock(mutex_);
                deliver({header.round, header.request, header.step}, std::move(tensor));
                break;
            }
            case Tag::go:
                begin_round(unpack<Go>(message->payload));
                break;
            case Tag::ping:
                answer_ping(message->peer);
                break;
            case Tag::measure:
                measure();
                break;
            case Tag::stop:
                stop_ = true;
                processor_waker_.notify();
                return true;
            default:
                contract_failed("message", "a node understands this tag", __FILE__, __LINE__);
        }
    }
    return any;
}

void Node::accept_orders(Buffer payload) {
    auto const header = unpack<OrdersHeader>(payload);
    auto const orders = unpack_items<OrdersHeader, TaskOrder>(payload);
    round_ = header.round;
    bool const wall = kind_ == ClockKind::wall;
    std::lock_guard const lock(mutex_);
    auto& round = rounds_[header.round];
    auto stamp = [&](TaskOrder const& order, EventKind kind, std::int32_t block) {
        round.transfers.push_back(stamp_of(order, kind, block));
        ++round.unfinished;
        return round.transfers.size() - 1;
    };
    for (auto const& order : orders) {
        StepKey const key{order.round, order.request, order.step};
        auto& work = *(round.works[key] = std::make_unique<Work>());
        work.order = order;
        if (order.step != image_step) {
            ++round.unfinished;
            if (wall) round.in_order.push_back(&work);
            if (executor_ && prepared_.emplace(order.block, order.mode).second && wall)
                to_prepare_.emplace_back(BlockId(order.block), static_cast<BlockMode>(order.mode));
        }
        if (!wall) continue;
        if (order.out.moved) {
            auto const index = stamp(order, EventKind::transmit, order.block);
            round.timers.push_back({order.out.begin_s, Timer::Action::transmit_begin, &work, index});
            round.timers.push_back({order.out.end_s, Timer::Action::transmit_end, &work, index});
        }
        if (order.in.moved && order.step != image_step) {
            double const shift = order.in.arrival_s - order.in.end_s;
            auto const index = stamp(order, EventKind::receive, order.previous_block);
            round.timers.push_back({order.in.begin_s + shift, Timer::Action::receive_begin, &work, index});
            round.timers.push_back({order.in.arrival_s, Timer::Action::receive_end, &work, index});
        }
    }
    std::ranges::stable_sort(round.timers, {}, &Timer::model_s);
    std::ranges::sort(round.in_order, ByTime());
    for (auto const& order : orders) {
        StepKey const key{order.round, order.request, order.step};
        if (auto const early = early_.find(key); early != early_.end()) {
            auto tensor = std::move(early->second);
            early_.erase(early);
            deliver(key, std::move(tensor));
        }
    }
    if (!wall) return;
    announce_ready_ = header.round;
    processor_waker_.notify();
    waker_.notify();
}

void Node::deliver(StepKey key, Tensor tensor) {
    auto const round = rounds_.find(std::get<0>(key));
    auto const found = round == rounds_.end() ? decltype(round->second.works.end()){} : round->second.works.find(key);
    if (round == rounds_.end() || found == round->second.works.end()) {
        early_[key] = std::move(tensor);
        return;
    }
    auto& work = *found->second;
    work.input = std::move(tensor);
    work.input_here = true;
    if (work.order.step == image_step) {  // nothing to compute: it only has to be sent
        outbox_.push_back({&work, std::move(work.input)});
        waker_.notify();
        return;
    }
    if (kind_ == ClockKind::virtual_time) ready_.insert(&work);
    processor_waker_.notify();
}

bool Node::handle_outbox() {
    std::deque<Output> outbox;
    int ready = -1;
    {
        std::lock_guard const lock(mutex_);
        std::swap(outbox, outbox_);
        if (announce_ready_ >= 0 && to_prepare_.empty() && !preparing_) ready = std::exchange(announce_ready_, -1);
    }
    if (ready >= 0) transport_.send(0, Tag::ready, pack(ready));
    for (auto& output : outbox) {
        auto const& order = output.work->order;
        if (order.to_node < 0) {  // the last block: its output are the logits
            transport_.send(0, Tag::logits,
                            pack_tensor({order.round, order.request, order.step, {}}, std::move(output.tensor)));
        } else if (kind_ == ClockKind::wall && order.out.moved) {
            std::lock_guard const lock(mutex_);
            rounds_.at(order.round).outputs[{order.round, order.request, order.step}] = std::move(output);
        } else {
            transmit(std::move(output));
        }
    }
    std::vector<int> numbers;
    {
        std::lock_guard const lock(mutex_);
        for (auto const& [number, round] : rounds_) numbers.push_back(number);
    }
    for (int const number : numbers) report_if_done(number);
    return !outbox.empty() || ready >= 0;
}

void Node::transmit(Output output) {
    auto const& order = output.work->order;
    TensorHeader const header{order.round, order.request, order.step + 1, {}};
    if (order.to_node == transport_.rank()) {
        std::lock_guard const lock(mutex_);
        deliver({header.round, header.request, header.step}, std::move(output.tensor));
    } else {
        transport_.send(order.to_node, Tag::tensor, pack_tensor(header, std::move(output.tensor)));
    }
}

double Node::next_timer_s() const {
    // Only the radio changes timers once a round has begun.
    double next = std::numeric_limits<double>::infinity();
    if (kind_ != ClockKind::wall || scheduled_ < 0) return next;
    auto const& timers = rounds_.at(scheduled_).timers;
    double const now = clock_.now();
    for (std::size_t i = first_timer_; i < timers.size(); ++i) {
        if (timers[i].done) continue;
        double const at = deadline(timers[i].model_s);
        if (at <= now) continue;  // overdue: waits for a tensor, not for a time
        return at;
    }
    return next;
}

bool Node::handle_timers() {
    if (scheduled_ < 0) return false;
    bool any = false;
    auto& round = rounds_.at(scheduled_);
    bool rounds_over = false;
    for (std::size_t i = first_timer_; i < round.timers.size(); ++i) {
        auto& timer = round.timers[i];
        if (timer.done) continue;
        double const now = clock_.now();
        if (deadline(timer.model_s) > now) break;
        auto& stamp = round.transfers[timer.stamp];
        auto const& order = timer.work->order;
        switch (timer.action) {
            case Timer::Action::transmit_begin: {
                std::optional<Output> output;
                {
                    std::lock_guard const lock(mutex_);
                    auto const found = round.outputs.find({order.round, order.request, order.step});
                    if (found == round.outputs.end()) continue;  // late: the block is still running
                    output = std::move(found->second);
                    round.outputs.erase(found);
                }
                stamp.host_begin_s = now;
                transmit(std::move(*output));
                break;
            }
            case Timer::Action::transmit_end:
                if (!(stamp.host_begin_s <= now)) continue;  // its begin is late
                stamp.host_end_s = clock_.now();
                break;
            case Timer::Action::receive_begin:
                stamp.host_begin_s = now;
                break;
            case Timer::Action::receive_end: {
                std::lock_guard const lock(mutex_);
                if (!timer.work->input_here) continue;  // late: the tensor is still on its way
                stamp.host_end_s = clock_.now();
                break;
            }
        }
        timer.done = true;
        any = true;
        if (timer.action == Timer::Action::transmit_end || timer.action == Timer::Action::receive_end) {
            std::lock_guard const lock(mutex_);
            rounds_over |= --round.unfinished == 0;
        }
    }
    while (first_timer_ < round.timers.size() && round.timers[first_timer_].done) ++first_timer_;
    if (rounds_over) report_if_done(scheduled_);
    return any;
}

void Node::report_if_done(int number) {
    std::vector<Stamp> stamps;
    ReportHeader header;
    {
        std::lock_guard const lock(mutex_);
        auto const found = rounds_.find(number);
        if (found == rounds_.end() || found->second.unfinished > 0) return;
        if (!outbox_.empty()) return;  // its last tensors leave first
        for (auto const& [key, work] : found->second.works)
            if (work->order.step == image_step && !work->input_here) return;
        stamps = std::move(found->second.transfers);
        stamps.insert(stamps.end(), found->second.computations.begin(), found->second.computations.end());
        header = {number, found->second.kernel_s};
        rounds_.erase(found);
        if (scheduled_ == number) scheduled_ = -1;
    }
    transport_.send(0, Tag::report, pack(header, std::span<Stamp const>(stamps)));
}

void Node::begin_round(Go const& go) {
    std::lock_guard const lock(mutex_);
    go_ = go;
    auto const found = rounds_.find(go.round);
    if (found == rounds_.end()) return;
    scheduled_ = go.round;
    first_timer_ = 0;
    schedule_.assign(found->second.in_order.begin(), found->second.in_order.end());
    processor_waker_.notify();
}

void Node::answer_ping(int peer) {
    // More pings follow at once: answer them without sleeping in between, for as long as a wait may spin.
    radio_priority_.wait_for_deadlines();
    transport_.send(peer, Tag::pong, pack(Pong{clock_.now()}));
    double until = clock_.now() + Waker::longest_spin_s;
    for (int left = pings_per_sync - 1; left > 0 && clock_.now() < until && !stop_;) {
        auto message = transport_.receive();
        if (!message) continue;
        if (message->tag != Tag::ping) {
            put_back_.push_back(std::move(*message));
            continue;
        }
        transport_.send(peer, Tag::pong, pack(Pong{clock_.now()}));
        until = clock_.now() + Waker::longest_spin_s;
        --left;
    }
}

void Node::measure() {
    std::vector<double> seconds(executor_ ? blocks_ : 0);  // the processor is idle: rounds have not begun
    for (std::size_t block = 0; block < seconds.size(); ++block) seconds[block] = executor_->measure(BlockId(block));
    transport_.send(0, Tag::measured,
                    pack(static_cast<std::int32_t>(usable_cores()), std::span<double const>(seconds)));
}

// ---- the processor ----

void Node::processor_loop() {
    if (kind_ == ClockKind::wall) processor_priority_.compute();
    while (!stop_) {
        Work* work = nullptr;
        std::optional<std::pair<BlockId, BlockMode>> prepare;
        {
            std::lock_guard const lock(mutex_);
            if (!to_prepare_.empty()) {
                prepare = to_prepare_.front();
                to_prepare_.pop_front();
                preparing_ = true;
            } else if (!schedule_.empty()) {
                work = schedule_.front();
                schedule_.pop_front();
            } else if (!ready_.empty()) {
                work = *ready_.begin();
                ready_.erase(ready_.begin());
            }
        }
        if (prepare) {
            executor_->prepare(prepare->first, prepare->second);
            {
                std::lock_guard const lock(mutex_);
                preparing_ = false;
            }
            waker_.notify();
        } else if (work) {
            run_work(*work);
        } else {
            processor_waker_.wait_until(clock_.now() + 1);
        }
    }
}

void Node::run_work(Work& work) {
    if (kind_ == ClockKind::virtual_time) {
        Stamp stamp = stamp_of(work.order, EventKind::compute, work.order.block);
        stamp.host_begin_s = clock_.now();
        compute(work);
        stamp.host_end_s = clock_.now();
        route(work);
        finish(work, stamp);
        return;
    }
    auto const& order = work.order;
    double const begin = deadline(order.begin_s), end = deadline(order.end_s);
    processor_priority_.wait_for_deadlines();
    if (!work.computed && is_short(order) && wait_for_input(work, begin)) compute(work);
    if (!processor_waker_.wait_exactly(begin, stop_, spin_s_)) return;
    if (!wait_for_input(work, std::numeric_limits<double>::infinity())) return;
    Stamp stamp = stamp_of(order, EventKind::compute, order.block);
    stamp.host_begin_s = clock_.now();
    if (!work.computed) compute(work);
    route(work);
    for (double const last = end - short_task_s; !stop_ && clock_.now() < last;) {
        run_ahead();
        processor_waker_.wait_until(last);
    }
    if (!processor_waker_.wait_exactly(end, stop_, spin_s_)) return;
    stamp.host_end_s = clock_.now();
    finish(work, stamp);
}

// A block that the emulated device computes in less time than a kernel needs at all (the head, say) cannot be computed
// in its own time: it is computed as soon as its input is there, and its result held back.
bool Node::is_short(TaskOrder const& order) const {
    return (order.end_s - order.begin_s) * go_.dilation < short_task_s;
}

void Node::run_ahead() {
    for (std::size_t i = 0;; ++i) {
        Work* next = nullptr;
        {
            std::lock_guard const lock(mutex_);
            if (i >= schedule_.size() || !is_short(schedule_[i]->order)) return;
            if (schedule_[i]->computed) continue;
            if (!schedule_[i]->input_here) return;
            next = schedule_[i];
        }
        compute(*next);
    }
}

// False when it is not there at `until` (host time), or everything is to stop.
bool Node::wait_for_input(Work const& work, double until) {
    for (;;) {
        {
            std::lock_guard const lock(mutex_);
            if (work.input_here) return true;
        }
        double const now = clock_.now();
        if (stop_ || now >= until) return false;
        processor_waker_.wait_until(until);
    }
}

void Node::compute(Work& work) {
    auto const& order = work.order;
    work.computed = true;
    if (!executor_) return;
    bool const make_way = kind_ == ClockKind::wall && !is_short(order);
    if (make_way) processor_priority_.compute();
    double const begin = clock_.now();
    Tensor tensor = std::move(work.input);
    // Blocks that vanished cost nothing in the model, but what is left of them (zero-padding, an activation) is applied
    // where the next block runs; behind the last one that ran, with it.
    auto const apply_vanished = [&](int first, int end) {
        for (int block = first; block < end; ++block)
            tensor = executor_->run(BlockId(block), BlockMode::skip, std::move(tensor));
    };
    apply_vanished(order.previous_block + 1, order.block);
    tensor = executor_->run(BlockId(order.block), static_cast<BlockMode>(order.mode), std::move(tensor));
    if (order.ends_network) apply_vanished(order.block + 1, static_cast<int>(blocks_));
    work.output = std::move(tensor);
    work.kernel_s = clock_.now() - begin;
    if (make_way) processor_priority_.wait_for_deadlines();
}

void Node::finish(Work& work, Stamp const& stamp) {
    bool over = false;
    {
        std::lock_guard const lock(mutex_);
        auto& round = rounds_.at(work.order.round);
        round.computations.push_back(stamp);
        round.kernel_s += work.kernel_s;
        over = --round.unfinished == 0;
    }
    if (over) waker_.notify();
}

void Node::route(Work& work) {
    auto const& order = work.order;
    std::lock_guard const lock(mutex_);
    bool const local = order.to_node == transport_.rank() && !(kind_ == ClockKind::wall && order.out.moved);
    if (local) {
        deliver({order.round, order.request, order.step + 1}, std::move(work.output));
        return;
    }
    outbox_.push_back({&work, std::move(work.output)});
    waker_.notify();
}

}  // namespace skipstone::emulator

#include "emulator/radio.hpp"

#include <algorithm>
#include <limits>
#include <span>
#include <utility>

#include "emulator/routing.hpp"
#include "units/error.hpp"

namespace skipstone::emulator {

namespace {

constexpr double first_pause_s = 20e-6;
constexpr double busy_pause_s = 1e-3;     // the longest one while bytes are on their way
constexpr double woken_pause_s = 100e-3;  // where the transport wakes: nothing is missed meanwhile

}  // namespace

Radio::Radio(Transport& transport, HostClock const& clock, Waker& waker, Pace& pace, Workbench& bench, Outbox& outbox,
             Processor& processor)
    : transport_(transport),
      clock_(clock),
      waker_(waker),
      pace_(pace),
      bench_(bench),
      outbox_(outbox),
      processor_(processor),
      pause_s_(first_pause_s) {}

void Radio::serve() {
    while (!stop_) {
        bool progress = handle_timers();
        if (looks_) progress |= handle_messages();
        progress |= handle_outbox();
        progress |= handle_timers();
        if (!stop_) wait(progress);
    }
}

// Until something is to be done, or may be.
void Radio::wait(bool progress) {
    bool const busy = transport_.busy();
    bool const polls = busy || !transport_.wakes();
    pause_s_ =
        progress ? first_pause_s : std::min(pause_s_ * 1.5, busy ? busy_pause_s : pace_.longest_pause(expects()));
    double const now = clock_.now(), next = next_timer_s(), until = polls ? now + pause_s_ : now + woken_pause_s;
    if (pace_.keeps_times()) {
        if (next <= until || (scheduled_ >= 0 && !polls))
            priority_.wait_for_deadlines();
        else
            priority_.ordinary();
    }
    looks_ = true;
    if (next - pace_.spin_s() <= now) {
        waker_.wait_exactly(next, stop_, pace_.spin_s());
        looks_ = busy;
    } else {
        bool const rung = waker_.wait_until(std::min(next - pace_.spin_s() / 2, until));
        looks_ = rung || polls || clock_.now() >= until;
    }
}

Pace::Expects Radio::expects() const {
    if (!pace_.keeps_times()) return rounds_.empty() ? Pace::Expects::nothing : Pace::Expects::tensors;
    if (!rounds_.empty() && is_untimed(rounds_.begin()->first)) return Pace::Expects::tensor_on_way;
    if (scheduled_ < 0) return Pace::Expects::nothing;
    bool const on_way = std::ranges::any_of(rounds_.at(scheduled_).transfers, [](Transfer const& transfer) {
        return transfer.order.kind == EventKind::receive && transfer.has_begun && !transfer.is_here;
    });
    return on_way ? Pace::Expects::tensor_on_way : Pace::Expects::deadlines;
}

// ---- messages ----

std::optional<Message> Radio::next_message() {
    if (put_back_.empty()) return transport_.receive();
    auto message = std::move(put_back_.front());
    put_back_.pop_front();
    return message;
}

bool Radio::handle_messages() {
    bool any = false;
    while (auto message = next_message()) {
        any = true;
        switch (message->tag) {
            case Tag::orders:
                accept(unpack_orders(message->payload));
                break;
            case Tag::tensor: {
                auto [header, tensor] = unpack_tensor(std::move(message->payload));
                take(header.name, std::move(tensor));
                break;
            }
            case Tag::call_off:
                call_off(unpack<CallOff>(message->payload));
                break;
            case Tag::go:
                begin_round(unpack<Go>(message->payload));
                break;
            case Tag::ping:
                answer_ping(message->peer);
                break;
            case Tag::measure:
                processor_.measure();
                break;
            case Tag::stop:
                stop_ = true;
                processor_.stop();
                return true;
            default:
                contract_failed("message", "a node understands this tag", __FILE__, __LINE__);
        }
    }
    return any;
}

void Radio::accept(Orders orders) {
    auto const number = orders.round;
    round_ = orders.of_round;
    Round& round = rounds_[number];
    round.works_left = orders.tasks.size();
    round.transfers_left = orders.transfers.size();
    for (TransferOrder const& order : orders.transfers) {
        auto const index = round.transfers.size();
        Transfer transfer{.order = order, .stamp = {}, .held = {}};
        transfer.stamp = {order.device, order.request, order.block, order.part, order.peer, order.kind};
        if (order.kind == EventKind::receive) {
            TensorName const name{number, order.request, order.from_task, order.box};
            round.receives.emplace(name, index);
            transfer.is_here = early_.erase(name) > 0;
        }
        round.transfers.push_back(std::move(transfer));
        round.timers.push_back({.model_s = order.begin_s, .transfer = index, .ends = false});
        round.timers.push_back({.model_s = order.end_s, .transfer = index, .ends = true});
    }
    std::ranges::stable_sort(round.timers, {}, &Timer::model_s);
    dispatch(bench_.add(std::move(orders)));
    if (pace_.keeps_times() && !is_untimed(number)) processor_.prepare(number, bench_.schedule(number));
}

void Radio::take(TensorName const& name, Tensor tensor) {
    if (pace_.keeps_times() && !is_untimed(name.round)) {
        auto const round = rounds_.find(name.round);
        if (round == rounds_.end())
            early_.insert(name);
        else if (auto const found = round->second.receives.find(name); found != round->second.receives.end())
            round->second.transfers[found->second].is_here = true;
    }
    dispatch(bench_.put(name, std::move(tensor)));
}

// The processor runs them; but what only passes on need not wait until that is free.
void Radio::dispatch(std::vector<Work*> const& works) {
    std::vector<Work*> to_run;
    for (Work* const work : works) {
        if (!work->order.passes_on()) {
            to_run.push_back(work);
            continue;
        }
        auto tensors = bench_.take(*work);
        auto routed = route(*work, std::move(tensors.front()), bench_);
        for (Outgoing& output : routed.leaving) handle(std::move(output));
        to_run.insert(to_run.end(), routed.complete.begin(), routed.complete.end());
        bench_.finish(*work);
        handle(Finished{work->round, std::nullopt, 0});
    }
    processor_.offer(to_run);
}

void Radio::call_off(CallOff const& what) {
    auto const found = rounds_.find(what.round);
    if (found == rounds_.end()) return;
    found->second.works_left -= bench_.call_off(what);
    report_if_over(what.round);
}

void Radio::begin_round(Go const& go) {
    if (!rounds_.contains(go.round)) return;
    pace_.begin(go);
    scheduled_ = go.round;
    processor_.begin(bench_.schedule(go.round));
}

void Radio::answer_ping(int peer) {
    // More pings follow at once: answer them without sleeping in between, for as long as a wait may spin.
    priority_.wait_for_deadlines();
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

// ---- what the processor made ----

bool Radio::handle_outbox() {
    auto items = outbox_.take();
    for (auto& item : items) std::visit([this](auto& what) { handle(std::move(what)); }, item);
    return !items.empty();
}

void Radio::handle(Outgoing output) {
    if (output.transfer < 0) {
        send(std::move(output));
        return;
    }
    auto& transfers = rounds_.at(output.name.round).transfers;
    transfers.at(static_cast<std::size_t>(output.transfer)).held = std::move(output);
}

void Radio::handle(Finished const& finished) {
    Round& round = rounds_.at(finished.round);
    if (finished.stamp) round.computations.push_back(*finished.stamp);
    round.kernel_s += finished.kernel_s;
    --round.works_left;
    report_if_over(finished.round);
}

void Radio::handle(Judged const& judged) {
    transport_.send(0, Tag::judged, pack(judged));
}

void Radio::handle(Prepared const& prepared) {
    transport_.send(0, Tag::ready, pack(prepared.round));
}

void Radio::handle(Measured const& measured) {
    transport_.send(0, Tag::measured,
                    pack(static_cast<std::int32_t>(usable_cores()), std::span<double const>(measured.block_seconds)));
}

void Radio::send(Outgoing output) {
    bool const logits = output.to_node < 0;
    transport_.send(logits ? 0 : output.to_node, logits ? Tag::logits : Tag::tensor,
                    pack_tensor({output.name}, std::move(output.tensor)));
}

void Radio::report_if_over(std::int32_t number) {
    auto const found = rounds_.find(number);
    if (found == rounds_.end() || !found->second.over()) return;
    auto& round = found->second;
    std::vector<Stamp> stamps;
    for (Transfer const& transfer : round.transfers) stamps.push_back(transfer.stamp);
    stamps.insert(stamps.end(), round.computations.begin(), round.computations.end());
    ReportHeader const header{number, round.kernel_s};
    rounds_.erase(found);
    bench_.release(number);
    if (scheduled_ == number) scheduled_ = -1;
    transport_.send(0, Tag::report, pack(header, std::span<Stamp const>(stamps)));
}

// ---- times ----

double Radio::next_timer_s() const {
    double next = std::numeric_limits<double>::infinity();
    if (scheduled_ < 0) return next;
    auto const& round = rounds_.at(scheduled_);
    double const now = clock_.now();
    for (std::size_t i = round.first_timer; i < round.timers.size(); ++i) {
        if (round.timers[i].done) continue;
        double const at = pace_.deadline(round.timers[i].model_s);
        if (at <= now) continue;  // overdue: waits for a tensor, not for a time
        return at;
    }
    return next;
}

bool Radio::handle_timers() {
    if (scheduled_ < 0) return false;
    bool any = false;
    auto const number = scheduled_;
    auto& round = rounds_.at(number);
    for (std::size_t i = round.first_timer; i < round.timers.size(); ++i) {
        Timer& timer = round.timers[i];
        if (timer.done) continue;
        double const now = clock_.now();
        if (pace_.deadline(timer.model_s) > now) break;
        timer.done = handle(timer, round.transfers[timer.transfer], now);
        any |= timer.done;
        if (timer.done && timer.ends) --round.transfers_left;
    }
    while (round.first_timer < round.timers.size() && round.timers[round.first_timer].done) ++round.first_timer;
    if (any) report_if_over(number);
    return any;
}

// False where it is late: what is to be sent is still being computed, or what is to come is still on its way.
bool Radio::handle(Timer const& timer, Transfer& transfer, double now) {
    bool const transmits = transfer.order.kind == EventKind::transmit;
    if (!timer.ends) {
        if (transmits && !transfer.held) return false;
        transfer.stamp.host_begin_s = now;
        transfer.has_begun = true;
        if (transmits) {
            send(*std::exchange(transfer.held, std::nullopt));
        }
        return true;
    }
    if (transmits ? !transfer.has_begun : !transfer.is_here) return false;
    transfer.stamp.host_end_s = clock_.now();
    return true;
}

}  // namespace skipstone::emulator

// What a failure does to a round's simulation: what is lost, written off, called off and recovered.
#include <algorithm>

#include "timeline/simulation.hpp"
#include "units/error.hpp"

namespace skipstone::timeline {

bool Simulation::can_compute(DeviceId device, double now) {
    if (!handling_) return true;
    watch(device, DeviceId(), now);
    return !handling_->faults.down(device, Seconds(now));
}

bool Simulation::can_send(DeviceId from, DeviceId to, double now) {
    if (!handling_) return true;
    watch(std::min(from, to), std::max(from, to), now);
    return can_compute(from, now) && can_compute(to, now) && !handling_->faults.down(from, to, Seconds(now));
}

// From now on its failures are noticed.
void Simulation::watch(DeviceId device, DeviceId peer, double now) {
    if (!watched_.emplace(device, peer).second) return;
    fail({now, device.index(), peer ? What::link_fails : What::device_fails, 0, peer.value()});
}

// Calls off what the device or link is needed for, where it is down, and looks out for its next failure.
void Simulation::fail(Wake const& wake) {
    DeviceId const device(wake.job), peer(wake.rank);
    auto const& faults = handling_->faults;
    auto const next = [&](Seconds time) { return peer ? faults.next(device, peer, time) : faults.next(device, time); };
    auto outage = next(Seconds(wake.time));
    if (outage && outage->covers(Seconds(wake.time))) {
        for (std::size_t j = 0; j < jobs_.size(); ++j) {
            Progress const& progress = progress_[j];
            bool const to_send = progress.phase == Phase::waits_to_send || progress.phase == Phase::sends;
            bool const to_receive = to_send || progress.phase == Phase::on_its_way;
            bool const to_compute = progress.phase == Phase::waits_to_compute || progress.phase == Phase::computes;
            if (!to_receive && !to_compute) continue;
            DeviceId const to = job(j).tasks[progress.task].device;
            auto const from = to_receive ? sender_of(job(j), progress.task) : std::nullopt;
            if (peer) {
                if (to_send && std::minmax(*from, to) == std::minmax(device, peer)) lose(j, to, wake.time);
            } else if (to == device || (to_send && *from == device)) {
                lose(j, device, wake.time);
            }
        }
        outage = outage->end < Seconds(std::numeric_limits<double>::infinity()) ? next(outage->end) : std::nullopt;
    }
    if (outage) wakes_.push({outage->begin.value(), wake.job, wake.what, 0, wake.rank});
}

void Simulation::lose(std::size_t j, DeviceId device, double now) {
    Progress& progress = progress_[j];
    if (progress.phase == Phase::is_lost) return;
    if (progress.phase == Phase::sends && conditions_.medium == Medium::radio) {
        auto const [from, to] = radios_of(j);
        radios_.release(from);
        radios_.release(to);
    } else if (progress.phase == Phase::sends || progress.phase == Phase::computes) {
        servers_.release(progress.server);
    }
    write_off(j, progress.task, now);
    progress.phase = Phase::is_lost;
    progress.lost_device = device;
    ++progress.epoch;
    wakes_.push(
        {now + handling_->faults.detection().value(), j, What::recover, progress.epoch, job(j).request.value()});
}

void Simulation::recover(std::size_t j, double now) {
    Progress& progress = progress_[j];
    Job& changing = (*changing_jobs_)[j];
    Loss loss{j, Seconds(now), progress.lost_device, kept_of(j, now), {}};
    std::size_t const kept = loss.kept.value_or(0);
    progress.phase = Phase::done;  // what comes now is written off as finished
    for (std::size_t t = kept; t < progress.task; ++t) write_off(j, t, now);
    loss.in_vain = lost_;
    progress.task = kept;
    auto const tail = loss.kept ? handling_->recover(changing, loss) : std::vector<Task>();
    if (tail.empty()) {
        for (std::size_t t = 0; t < kept; ++t) write_off(j, t, now);
        progress.phase = Phase::failed;
        --unfinished_;
        last_failure_ = std::max(last_failure_, now);
        return;
    }
    changing.tasks.resize(kept);
    times_.jobs[j].hops.resize(kept);
    times_.jobs[j].tasks.resize(kept);
    for (Task task : tail) {
        task.assigned = Seconds(now);
        changing.tasks.push_back(task);
    }
    prepare_job(j);
    auto const from = sender_of(changing, kept);
    DeviceId const to = changing.tasks[kept].device;
    SKIPSTONE_EXPECT(from ? can_send(*from, to, now) : can_compute(to, now));
    begin_hop(j, now);
}

// A tensor is kept by its sender, until the sender fails.
std::optional<std::size_t> Simulation::kept_of(std::size_t j, double now) const {
    auto const& tasks = job(j).tasks;
    for (std::size_t t = progress_[j].task; t > 0; --t)
        if (sender_of(job(j), t) && held(tasks[t - 1].device, times_.jobs[j].tasks[t - 1].end, now)) return t;
    if (!job(j).source || held(*job(j).source, job(j).ready, now)) return 0;
    return std::nullopt;
}

bool Simulation::held(DeviceId device, Seconds since, double now) const {
    auto const outage = handling_->faults.next(device, since);
    return !outage || outage->begin > Seconds(now);
}

// Task `task` of a job and the hop before it, as far as they came by now.
void Simulation::write_off(std::size_t j, std::size_t task, double now) {
    write_off_hop(j, task, now);
    Phase const phase = progress_[j].phase;
    if (phase != Phase::computes && phase != Phase::done) return;
    Task const& work = job(j).tasks[task];
    TaskTimes const& times = times_.jobs[j].tasks[task];
    double const share = phase == Phase::done ? 1 : (now - times.begin.value()) / work.duration.value();
    lost_.push_back({.device = work.device.value(),
                     .round = conditions_.round.value(),
                     .request = job(j).request.value(),
                     .block = work.block.value(),
                     .kind = EventKind::compute,
                     .flags = event_flags::failed,
                     .begin_s = times.begin.value(),
                     .end_s = phase == Phase::done ? times.end.value() : now,
                     .macs = static_cast<std::int64_t>(share * static_cast<double>(work.macs.value()))});
}

void Simulation::write_off_hop(std::size_t j, std::size_t task, double now) {
    HopTimes const& hop = times_.jobs[j].hops[task];
    Phase const phase = progress_[j].phase;
    if (!hop.moved || phase == Phase::waits_to_send) return;
    bool const sent = phase != Phase::sends;
    double const begin = hop.begin.value(), end = sent ? hop.end.value() : now;
    double const share = sent ? 1 : (now - begin) / progress_[j].duration;
    auto const bytes = static_cast<double>(moved_bytes(job(j), task).shared.value());
    double const delay = sent ? (hop.arrival - hop.end).value() : progress_[j].delay;
    Event transmit{.device = sender_of(job(j), task)->value(),
                   .peer = job(j).tasks[task].device.value(),
                   .round = conditions_.round.value(),
                   .request = job(j).request.value(),
                   .block = moved_block(job(j), task).value(),
                   .kind = EventKind::transmit,
                   .flags = event_flags::failed,
                   .begin_s = begin,
                   .end_s = end,
                   .bytes = static_cast<std::int64_t>(share * bytes)};
    Event receive = transmit;
    std::swap(receive.device, receive.peer);
    receive.kind = EventKind::receive;
    receive.begin_s = begin + delay;
    receive.end_s = std::min(end + delay, now);
    lost_.push_back(transmit);
    if (receive.begin_s < receive.end_s) lost_.push_back(receive);
}

std::vector<std::size_t> Simulation::failed_jobs() const {
    std::vector<std::size_t> failed;
    for (std::size_t j = 0; j < progress_.size(); ++j)
        if (progress_[j].phase == Phase::failed) failed.push_back(j);
    return failed;
}

}  // namespace skipstone::timeline

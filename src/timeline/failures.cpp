// What a failure does to a round's simulation: what is lost, written off, called off and recovered.
#include <algorithm>
#include <limits>

#include "timeline/event_rows.hpp"
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

// Calls a request off when all that ends now has ended.
void Simulation::cannot_go_on(std::size_t j, DeviceId device, double now) {
    wakes_.push({now, static_cast<std::uint32_t>(j), device.value(), What::cannot_go_on});
}

// From now on its failures are noticed.
void Simulation::watch(DeviceId device, DeviceId peer, double now) {
    if (!watched_.emplace(device, peer).second) return;
    wakes_.push(
        {now, static_cast<std::uint32_t>(device.index()), peer.value(), peer ? What::link_fails : What::device_fails});
}

// Calls off what the device or link is needed for, where it is down, and looks out for its next failure.
void Simulation::fail(Wake const& wake) {
    DeviceId const device(static_cast<std::int32_t>(wake.subject)), peer(wake.rank);
    auto const& faults = handling_->faults;
    auto const next = [&](Seconds time) { return peer ? faults.next(device, peer, time) : faults.next(device, time); };
    auto outage = next(Seconds(wake.time));
    if (outage && outage->covers(Seconds(wake.time))) {
        for (std::size_t j = 0; j < jobs_.size(); ++j)
            if (DeviceId const lacks = hit_by(requests_[j], device, peer)) lose(j, lacks, wake.time);
        outage = outage->end < Seconds(std::numeric_limits<double>::infinity()) ? next(outage->end) : std::nullopt;
    }
    if (outage) wakes_.push({outage->begin.value(), wake.subject, wake.rank, wake.what});
}

DeviceId Simulation::hit_by(Request const& request, DeviceId device, DeviceId peer) const {
    DeviceId lacks;
    for (PieceId const id : request.active) {
        Piece const& piece = pieces_[id];
        if (piece.kind == Kind::task) {
            if (!peer && job(piece.job).work.tasks[piece.index].device == device) return device;
            continue;
        }
        auto const& [from, to] = std::tie(move_of(piece).sender, move_of(piece).receiver);
        bool const to_send = piece.phase != Phase::on_its_way;
        if (!peer) {
            if (to == device || (to_send && from == device)) return device;
        } else if (to_send && std::minmax(from, to) == std::minmax(device, peer)) {
            lacks = lacks ? std::min(lacks, to) : to;
        }
    }
    return lacks;
}

void Simulation::lose(std::size_t j, DeviceId device, double now) {
    Request& request = requests_[j];
    if (request.stage != Stage::under_way) return;
    for (std::size_t t = 0; t < job(j).work.tasks.size(); ++t)
        if (pieces_[piece_of_task(j, t)].phase != Phase::done) write_off(j, t, now);
    for (PieceId const id : request.active) {
        Piece& piece = pieces_[id];
        if (piece.phase == Phase::sends || piece.phase == Phase::computes) release(piece);
        piece.phase = Phase::called_off;
    }
    request.active.clear();
    request.stage = Stage::lost;
    request.lost_device = device;
    wakes_.push({now + handling_->faults.detection().value(), static_cast<std::uint32_t>(j), job(j).request.value(),
                 What::recover});
}

void Simulation::recover(std::size_t j, double now) {
    Request& request = requests_[j];
    Loss loss{j, Seconds(now), request.lost_device, kept_of(j, now), {}};
    std::size_t const kept = loss.kept.value_or(0);
    auto const write_off_done = [&](std::size_t begin, std::size_t end) {
        for (std::size_t t = begin; t < end; ++t)
            if (pieces_[piece_of_task(j, t)].phase == Phase::done) write_off(j, t, now);
    };
    write_off_done(kept, job(j).work.tasks.size());
    loss.in_vain = lost_;
    auto work = loss.kept ? handling_->recover(job(j), loss) : TaskGraph();
    if (!work.tasks.empty()) return adopt(j, std::move(work), kept, now);
    write_off_done(0, kept);
    leave(j, Stage::failed);
    last_failure_ = std::max(last_failure_, now);
}

// The job goes on by another graph, of which so many tasks are done.
void Simulation::adopt(std::size_t j, TaskGraph work, std::size_t kept, double now) {
    TaskGraph const before = std::exchange((*changing_jobs_)[j].work, std::move(work));
    TaskGraph& after = (*changing_jobs_)[j].work;
    SKIPSTONE_EXPECT(after.tasks.size() > kept);
    for (std::size_t t = 0; t < after.tasks.size(); ++t) {
        Task& task = after.tasks[t];
        if (t < kept) {
            Task const& done = before.tasks[t];
            SKIPSTONE_EXPECT(std::tie(task.block, task.part, task.device) ==
                             std::tie(done.block, done.part, done.device));
            task.assigned = done.assigned;
        } else {
            task.assigned = Seconds(now);
        }
    }
    std::size_t moves = 0;  // that led to what was kept: the first ones
    for (Feed const& feed : after.feeds)
        if (feed.to.index() < kept) moves = std::max(moves, static_cast<std::size_t>(feed.move + 1));
    SKIPSTONE_EXPECT(moves <= before.moves.size() && moves <= after.moves.size());
    for (std::size_t m = 0; m < moves; ++m)
        SKIPSTONE_EXPECT(before.moves[m].from == after.moves[m].from &&
                         before.moves[m].receiver == after.moves[m].receiver);
    times_.jobs[j].hops.resize(moves);
    times_.jobs[j].tasks.resize(kept);
    prepare_job(j, kept);
    requests_[j].stage = Stage::under_way;
    auto const& faults = handling_->faults;
    auto const is_there = [&](DeviceId device) { return !faults.down(device, Seconds(now)); };
    for (Feed const& feed : after.feeds) {
        auto const is_ahead = [&](TaskId task) { return task && task.index() >= kept; };
        if (feed.to.index() < kept || is_ahead(feed.from) || is_ahead(feed.gate)) continue;
        SKIPSTONE_EXPECT(is_there(after.tasks[feed.to.index()].device));
        if (feed.move < 0) continue;
        Move const& move = after.moves[static_cast<std::size_t>(feed.move)];
        SKIPSTONE_EXPECT(is_there(move.sender) && !faults.down(move.sender, move.receiver, Seconds(now)));
    }
    PieceId const first = requests_[j].first;
    for (PieceId id = first; id <= first + kept; ++id) go_on_from(id, now);
}

// The most of a job's first tasks that need not be done again: up to a block's whole output, or to the head that judged
// it, or to the parts of one that are to be joined; and what tasks behind them need of these, or the image, is still
// there.
std::optional<std::size_t> Simulation::kept_of(std::size_t j, double now) const {
    auto const& [tasks, feeds, moves] = job(j).work;
    std::size_t done = 0;
    while (done < tasks.size() && pieces_[piece_of_task(j, done)].phase == Phase::done) ++done;
    for (std::size_t kept = done;; --kept) {
        bool const is_boundary = kept == 0 || tasks[kept - 1].is_whole() || tasks[kept - 1].is_head() ||
                                 (kept < tasks.size() && tasks[kept].joins());
        auto const needed = [&](Feed const& feed) {
            return feed.to.index() >= kept && (!feed.from || feed.from.index() < kept);
        };
        if (is_boundary && std::ranges::all_of(feeds, [&](Feed const& f) { return !needed(f) || is_kept(j, f, now); }))
            return kept;
        if (kept == 0) return std::nullopt;
    }
}

// Whether what a task was given is still where it came from. A sender keeps it; a device that needs it itself keeps it
// until it has used it.
bool Simulation::is_kept(std::size_t j, Feed const& feed, double now) const {
    if (!feed.from) return !job(j).source || held(*job(j).source, times_.jobs[j].ready, now);
    auto const& work = job(j).work;
    bool const is_sent = std::ranges::binary_search(work.moves, feed.from, {}, &Move::from);
    if (!is_sent && pieces_[piece_of_task(j, feed.to.index())].phase == Phase::done) return false;
    return held(work.tasks[feed.from.index()].device, times_.jobs[j].tasks[feed.from.index()].end, now);
}

bool Simulation::held(DeviceId device, Seconds since, double now) const {
    auto const outage = handling_->faults.next(device, since);
    return !outage || outage->begin > Seconds(now);
}

// A task and the moves that it was the first to wait for, as far as they came by now.
void Simulation::write_off(std::size_t j, std::size_t task, double now) {
    PieceId const id = piece_of_task(j, task);
    for (Feed const& feed : job(j).work.feeds_of(TaskId(task)))
        if (feed.move >= 0)
            if (auto const move = static_cast<std::size_t>(feed.move);
                next_[pieces_[piece_of_move(j, move)].next] == id)
                write_off_move(j, move, now);
    Piece const& piece = pieces_[id];
    if (piece.phase != Phase::computes && piece.phase != Phase::done) return;
    Task const& work = job(j).work.tasks[task];
    TaskTimes const& times = times_.jobs[j].tasks[task];
    bool const is_done = piece.phase == Phase::done;
    double const share = is_done ? 1 : (now - times.begin.value()) / work.duration.value();
    lost_.push_back({.device = work.device.value(),
                     .round = conditions_.round.value(),
                     .request = job(j).request.value(),
                     .block = work.block.value(),
                     .kind = EventKind::compute,
                     .flags = event_flags::failed,
                     .part = work.part,
                     .begin_s = times.begin.value(),
                     .end_s = is_done ? times.end.value() : now,
                     .macs = static_cast<std::int64_t>(share * static_cast<double>(work.macs.value()))});
}

void Simulation::write_off_move(std::size_t j, std::size_t move, double now) {
    Piece const& piece = pieces_[piece_of_move(j, move)];
    if (piece.phase == Phase::not_ready || piece.phase == Phase::waits_to_send) return;
    HopTimes const& hop = times_.jobs[j].hops[move];
    bool const sent = piece.phase != Phase::sends;
    double const begin = hop.begin.value(), end = sent ? hop.end.value() : now;
    double const share = sent ? 1 : (now - begin) / piece.duration;
    double const delay = sent ? (hop.arrival - hop.end).value() : piece.delay;
    auto [transmit, receive] = transfer(job(j), job(j).work.moves[move], conditions_.round);
    transmit.flags = receive.flags = event_flags::failed;
    transmit.bytes = receive.bytes = static_cast<std::int64_t>(share * static_cast<double>(transmit.bytes));
    transmit.begin_s = begin;
    transmit.end_s = end;
    receive.begin_s = begin + delay;
    receive.end_s = std::min(end + delay, now);
    lost_.push_back(transmit);
    if (receive.begin_s < receive.end_s) lost_.push_back(receive);
}

std::vector<std::size_t> Simulation::failed_jobs() const {
    std::vector<std::size_t> failed;
    for (std::size_t j = 0; j < requests_.size(); ++j)
        if (requests_[j].stage == Stage::failed) failed.push_back(j);
    return failed;
}

}  // namespace skipstone::timeline

#include "timeline/simulation.hpp"

#include <algorithm>
#include <cmath>
#include <limits>

#include "units/error.hpp"
#include "units/random.hpp"

namespace skipstone::timeline {

namespace {

// Payload of a TCP segment in an Ethernet frame of 1500 bytes, with timestamps.
constexpr std::int64_t packet_bytes = 1448;

// How often one of `packets` packets is lost, and sent again, until all have arrived.
std::int64_t lost_packets(std::int64_t packets, double loss, RandomStream stream) {
    std::int64_t lost = 0;
    if (1 - loss == 1) return lost;  // so rare that its logarithm would be 0
    if (loss <= 0.5) {               // few losses: draw how many packets arrive before the next loss
        double const log_arrival = portable_log(1 - loss);
        for (auto left = static_cast<double>(packets);; ++lost) {
            left -= std::floor(portable_log(1 - stream.uniform()) / log_arrival);
            if (left <= 0) return lost;
        }
    }
    double const log_loss = portable_log(loss);  // many: draw each packet's losses
    for (std::int64_t packet = 0; packet < packets; ++packet)
        lost += static_cast<std::int64_t>(std::floor(portable_log(1 - stream.uniform()) / log_loss));
    return lost;
}

}  // namespace

Simulation::Simulation(std::vector<Job> const& jobs, Conditions const& conditions)
    : jobs_(jobs), unfinished_(jobs.size()), conditions_(conditions), requests_(jobs.size()) {
    SKIPSTONE_EXPECT(conditions.loss >= 0 && conditions.loss < 1);
    SKIPSTONE_EXPECT(conditions.jitter >= Seconds(0) && conditions.in_flight >= 0);
    std::vector<RequestId> requests;
    requests.reserve(jobs.size());
    std::size_t pieces = 0, feeds = 0;
    for (Job const& job : jobs) {
        SKIPSTONE_EXPECT(job.ready >= conditions.start && std::isfinite(job.ready.value()));
        requests.push_back(job.request);
        pieces += 1 + job.work.tasks.size() + job.work.moves.size();
        feeds += job.work.feeds.size() + job.work.moves.size();
    }
    std::ranges::sort(requests);
    SKIPSTONE_EXPECT(std::ranges::adjacent_find(requests) == requests.end());
    pieces_.reserve(pieces);
    next_.reserve(feeds);
    times_.jobs.resize(jobs.size());
    for (std::size_t j = 0; j < jobs.size(); ++j) {
        prepare_job(j, 0);
        wakes_.push({jobs[j].ready.value(), static_cast<std::uint32_t>(j), jobs[j].request.value(), What::image_there});
    }
}

Simulation::Simulation(std::vector<Job>& jobs, Conditions const& conditions, FaultHandling const& handling)
    : Simulation(jobs, conditions) {
    changing_jobs_ = &jobs;
    handling_ = &handling;
}

RoundTimes Simulation::run() {
    times_.end = conditions_.start;
    while (unfinished_ > 0) {
        SKIPSTONE_ENSURE(!wakes_.empty());
        double const now = wakes_.top().time;
        // Everything that ends or arrives now is seen before anything starts. What starts now and takes no time also
        // ends now.
        do
            while (!wakes_.empty() && wakes_.top().time == now) {
                Wake const wake = wakes_.top();
                wakes_.pop();
                handle(wake);
            }
        while (admit(now));
        start(now);
    }
    for (JobTimes const& job : times_.jobs) times_.end = std::max(times_.end, job.finish);
    times_.end = std::max(times_.end, Seconds(last_failure_));
    return std::move(times_);
}

void Simulation::handle(Wake const& wake) {
    switch (wake.what) {
        case What::image_there:
            if (conditions_.in_flight == 0) return begin(wake.subject, wake.time);
            return at_the_door_.push({wake.time, job(wake.subject).request, requests_[wake.subject].first});
        case What::cannot_go_on:
            return lose(wake.subject, DeviceId(wake.rank), wake.time);
        case What::device_fails:
        case What::link_fails:
            return fail(wake);
        case What::recover:
            return recover(wake.subject, wake.time);
        case What::computed:
        case What::sent:
        case What::arrived:
            break;
    }
    Piece& piece = pieces_[wake.subject];
    if (piece.phase == Phase::called_off) return;
    if (wake.what != What::arrived) release(piece);
    if (wake.what == What::sent) {
        Seconds const arrival(wake.time + piece.delay);
        hop_times(piece).arrival = arrival;
        piece.phase = Phase::on_its_way;
        wakes_.push({arrival.value(), wake.subject, 0, What::arrived});
        return;
    }
    piece.phase = Phase::done;
    deactivate(wake.subject);
    go_on_from(wake.subject, wake.time);
    if (piece.kind == Kind::task && --requests_[piece.job].unfinished == 0) {
        times_.jobs[piece.job].finish = Seconds(wake.time);
        leave(piece.job, Stage::done);
    }
}

// Lets requests in for which there is room; whether there were any.
bool Simulation::admit(double now) {
    bool any = false;
    for (; !at_the_door_.empty() && in_flight_ < conditions_.in_flight; any = true) {
        PieceId const image = at_the_door_.top().piece;
        at_the_door_.pop();
        begin(pieces_[image].job, now);
    }
    return any;
}

void Simulation::begin(std::size_t j, double now) {
    ++in_flight_;
    requests_[j].stage = Stage::under_way;
    times_.jobs[j].ready = Seconds(now);
    go_on_from(requests_[j].first, now);
}

void Simulation::leave(std::size_t j, Stage stage) {
    requests_[j].stage = stage;
    --in_flight_;
    --unfinished_;
}

// An image, task or move is there or done: what needed it.
void Simulation::go_on_from(PieceId id, double now) {
    for (std::uint32_t i = pieces_[id].next; i < pieces_[id].next_end; ++i) {
        Piece& next = pieces_[next_[i]];
        if (next.phase != Phase::not_ready) continue;  // it was kept when the request was lost
        if (--next.missing > 0) continue;
        if (next.kind == Kind::move)
            begin_move(next_[i], now);
        else
            begin_task(next_[i], now);
    }
}

void Simulation::begin_move(PieceId id, double now) {
    Piece& piece = pieces_[id];
    Move const& move = move_of(piece);
    hop_times(piece).ready = Seconds(now);
    piece.phase = Phase::waits_to_send;
    activate(id);
    if (!can_send(move.sender, move.receiver, now))
        return cannot_go_on(piece.job, can_compute(move.sender, now) ? move.receiver : move.sender, now);
    prepare_transmission(piece, move);
    if (conditions_.medium == Medium::radio) {
        new_on_air_.push_back({now, job(piece.job).request, id});
    } else {
        piece.server = link_server(move.sender, move.receiver);
        enqueue(id, now);
    }
}

void Simulation::prepare_transmission(Piece& piece, Move const& move) {
    BitRate const rate = conditions_.links.rate(move.sender, move.receiver);
    SKIPSTONE_EXPECT(rate > BitRate(0));
    Bytes const bytes = move.bytes.serialised;
    auto const stream = [&](char const* name) {
        auto const block = move.from ? job(piece.job).work.tasks[move.from.index()].block : BlockId();
        return RandomStream(conditions_.seed, name, conditions_.round.value(), job(piece.job).request.value(),
                            block.value(), move.stream);
    };
    piece.duration = (bytes / rate).value();
    double const loss = conditions_.links.own_loss(move.sender, move.receiver).value_or(conditions_.loss);
    if (loss > 0 && bytes > Bytes(0)) {
        std::int64_t const packets = (bytes.value() + packet_bytes - 1) / packet_bytes;
        std::int64_t const lost = lost_packets(packets, loss, stream("loss"));
        hop_times(piece).retransmitted_packets = lost;
        piece.duration *= static_cast<double>(packets + lost) / static_cast<double>(packets);
    }
    piece.delay = conditions_.links.latency(move.sender, move.receiver).value();
    Seconds const jitter = conditions_.links.own_jitter(move.sender, move.receiver).value_or(conditions_.jitter);
    if (jitter > Seconds(0)) piece.delay = std::max(0.0, piece.delay + jitter.value() * stream("jitter").normal());
}

void Simulation::begin_task(PieceId id, double now) {
    Piece& piece = pieces_[id];
    piece.phase = Phase::waits_to_compute;
    task_times(piece).ready = Seconds(now);
    activate(id);
    if (handling_)
        if (DeviceId const device = job(piece.job).work.tasks[piece.index].device; !can_compute(device, now))
            return cannot_go_on(piece.job, device, now);
    enqueue(id, now);
}

void Simulation::enqueue(PieceId id, double now) {
    Piece const& piece = pieces_[id];
    servers_.all[piece.server].queue.push({now, job(piece.job).request, id});
    servers_.touch(piece.server);
}

std::uint32_t Simulation::link_server(DeviceId from, DeviceId to) {
    std::uint64_t const pair = (static_cast<std::uint64_t>(from.index()) << 32) | to.index();
    auto const [link, is_new] = links_.try_emplace(pair, static_cast<std::uint32_t>(servers_.all.size()));
    if (is_new) servers_.all.emplace_back();
    return link->second;
}

void Simulation::release(Piece const& piece) {
    if (piece.kind == Kind::task || conditions_.medium == Medium::links) return servers_.release(piece.server);
    radios_.release(piece.server);
    radios_.release(piece.receiver);
}

// Chooses what starts now. If some of it takes no time, only that starts: what it brings about at this same instant may
// come before the rest by its request, and everything is chosen again after that.
void Simulation::start(double now) {
    chosen_.clear();
    for (std::size_t const index : servers_.touched) {
        Resource& server = servers_.all[index];
        drop_void(server.queue);
        if (server.busy || server.queue.empty()) continue;
        Waiting const& first = server.queue.top();
        chosen_.push_back({first, now + pieces_[first.piece].duration});
    }
    std::size_t const served = chosen_.size();
    choose_moves_on_air(now);
    bool const instant = std::ranges::any_of(chosen_, [&](Choice const& choice) { return choice.end <= now; });
    for (std::size_t i = 0; i < chosen_.size(); ++i) {
        auto const [waiting, end] = chosen_[i];
        bool const starts = !instant || end <= now;
        if (i < served) {
            if (!starts) continue;
            Resource& server = servers_.all[pieces_[waiting.piece].server];
            server.queue.pop();
            server.busy = true;
        } else if (!starts) {
            release(pieces_[waiting.piece]);
            new_on_air_.push_back(waiting);
            continue;
        }
        commit(waiting.piece, now, end);
    }
    if (instant) return;
    servers_.settle();
    radios_.settle();
}

// In the order of all moves that may start, new ones and those that waited with a radio that is free now: starts each
// whose two radios are free, and lets each other one wait with a radio that is not.
void Simulation::choose_moves_on_air(double now) {
    Earliest<Candidate> candidates;
    for (Waiting const& move : new_on_air_)
        if (!is_void(move)) candidates.push({move, none});
    new_on_air_.clear();
    auto const offer_next = [&](std::size_t radio) {
        drop_void(radios_.all[radio].queue);
        if (!radios_.all[radio].queue.empty()) candidates.push({radios_.all[radio].queue.top(), radio});
    };
    for (std::size_t const radio : radios_.touched)
        if (!radios_.all[radio].busy) offer_next(radio);
    while (!candidates.empty()) {
        auto const [move, radio] = candidates.top();
        candidates.pop();
        if (radio != none) {
            if (radios_.all[radio].busy) continue;  // taken by an earlier one; all that wait with it go on waiting
            radios_.all[radio].queue.pop();
        }
        Piece const& piece = pieces_[move.piece];
        Resource& from = radios_.all[piece.server];
        Resource& to = radios_.all[piece.receiver];
        if (from.busy || to.busy) {
            (from.busy ? from : to).queue.push(move);
            if (radio != none) offer_next(radio);
        } else {
            from.busy = to.busy = true;
            chosen_.push_back({move, now + piece.duration});
        }
    }
}

void Simulation::commit(PieceId id, double now, double end) {
    Piece& piece = pieces_[id];
    if (piece.kind == Kind::move) {
        hop_times(piece).begin = Seconds(now);
        hop_times(piece).end = Seconds(end);
        piece.phase = Phase::sends;
        wakes_.push({end, id, 0, What::sent});
    } else {
        task_times(piece).begin = Seconds(now);
        task_times(piece).end = Seconds(end);
        piece.phase = Phase::computes;
        wakes_.push({end, id, 0, What::computed});
    }
}

RoundTimes simulate(std::vector<Job> const& jobs, Conditions const& conditions) {
    return Simulation(jobs, conditions).run();
}

FaultyTimes simulate(std::vector<Job> jobs, Conditions const& conditions, RoundFaults const& faults,
                     Recover const& recover) {
    FaultHandling const handling{faults, recover};
    Simulation simulation(jobs, conditions, handling);
    RoundTimes all = simulation.run();
    FaultyTimes round;
    round.times.end = all.end;
    round.failed = simulation.failed_jobs();
    round.lost = simulation.take_lost();
    for (std::size_t j = 0; j < jobs.size(); ++j) {
        if (std::ranges::binary_search(round.failed, j)) continue;
        round.jobs.push_back(std::move(jobs[j]));
        round.times.jobs.push_back(std::move(all.jobs[j]));
    }
    return round;
}

}  // namespace skipstone::timeline

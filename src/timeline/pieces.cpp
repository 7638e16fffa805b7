// What a simulation makes of the graphs of its jobs.
#include <algorithm>
#include <cmath>

#include "timeline/simulation.hpp"
#include "units/error.hpp"

namespace skipstone::timeline {

namespace {

// A head that lets go what is on its device: an output of a task before it, or the image.
bool is_gate(TaskGraph const& work, TaskId gate, TaskId from, DeviceId device) {
    return gate.index() < work.tasks.size() && from < gate && work.tasks[gate.index()].is_head() &&
           work.tasks[gate.index()].device == device;
}

void expect_sound_moves(Job const& job) {
    auto const& [tasks, feeds, moves] = job.work;
    Move const* before = nullptr;
    for (Move const& move : moves) {
        SKIPSTONE_EXPECT(!move.from || move.from.index() < tasks.size());
        SKIPSTONE_EXPECT(move.sender && move.receiver && move.sender != move.receiver);
        SKIPSTONE_EXPECT(move.sender == (move.from ? tasks[move.from.index()].device : job.source));
        SKIPSTONE_EXPECT(move.bytes.serialised >= Bytes(0) && move.bytes.shared >= Bytes(0));
        SKIPSTONE_EXPECT(!before || std::tie(before->from, before->receiver) < std::tie(move.from, move.receiver));
        SKIPSTONE_EXPECT(!move.gate || is_gate(job.work, move.gate, move.from, move.sender));
        before = &move;
    }
}

void expect_sound_feeds(Job const& job) {
    auto const& [tasks, feeds, moves] = job.work;
    std::size_t fed = 0;  // so many tasks have feeds
    Feed const* before = nullptr;
    for (Feed const& feed : feeds) {
        bool const is_next = feed.to.index() == fed;
        SKIPSTONE_EXPECT(feed.to && feed.to.index() < tasks.size() && feed.from < feed.to);
        SKIPSTONE_EXPECT(is_next || (before && before->to == feed.to && before->from < feed.from));
        fed += is_next;
        before = &feed;
        DeviceId const device = tasks[feed.to.index()].device;
        SKIPSTONE_EXPECT(!feed.gate || feed.gate < feed.to);
        if (feed.move < 0) {
            SKIPSTONE_EXPECT(!feed.gate || is_gate(job.work, feed.gate, feed.from, device));
            SKIPSTONE_EXPECT(feed.from ? tasks[feed.from.index()].device == device
                                       : !job.source || job.source == device);
            continue;
        }
        SKIPSTONE_EXPECT(static_cast<std::size_t>(feed.move) < moves.size());
        Move const& move = moves[static_cast<std::size_t>(feed.move)];
        SKIPSTONE_EXPECT(move.from == feed.from && move.receiver == device && move.gate == feed.gate);
    }
    SKIPSTONE_EXPECT(fed == tasks.size());
}

// What Job and TaskGraph say of themselves, as far as times depend on it.
void expect_sound(Job const& job) {
    SKIPSTONE_EXPECT(!job.work.tasks.empty());
    for (Task const& task : job.work.tasks) {
        SKIPSTONE_EXPECT(bool(task.device));
        SKIPSTONE_EXPECT(task.duration >= Seconds(0) && std::isfinite(task.duration.value()));
    }
    expect_sound_moves(job);
    expect_sound_feeds(job);
}

}  // namespace

void Simulation::prepare_job(std::size_t j, std::size_t kept) {
    expect_sound(job(j));
    TaskGraph const& work = job(j).work;
    Request& request = requests_[j];
    request.first = static_cast<PieceId>(pieces_.size());
    request.unfinished = static_cast<std::uint32_t>(work.tasks.size() - kept);
    Piece piece;
    piece.job = static_cast<std::uint32_t>(j);
    piece.kind = Kind::image;
    pieces_.push_back(piece);
    piece.kind = Kind::task;
    for (Task const& task : work.tasks) {
        piece.phase = piece.index < kept ? Phase::done : Phase::not_ready;
        piece.server = processor(task.device);
        piece.duration = task.duration.value();
        pieces_.push_back(piece);
        ++piece.index;
    }
    piece = {.job = piece.job, .kind = Kind::move};
    for (Move const& move : work.moves) {
        if (conditions_.medium == Medium::radio) {
            piece.server = static_cast<std::uint32_t>(move.sender.index());
            piece.receiver = static_cast<std::uint32_t>(move.receiver.index());
            std::size_t const radios = std::max(piece.server, piece.receiver) + 1;
            if (radios_.all.size() < radios) radios_.all.resize(radios);
        }
        piece.missing = move.gate ? 2 : 1;
        pieces_.push_back(piece);
        ++piece.index;
    }
    connect(j);
    for (Feed const& feed : work.feeds) {
        pieces_[piece_of_task(j, feed.to.index())].missing += feed.gate && feed.move < 0 ? 2 : 1;
        if (feed.move >= 0 && feed.to.index() < kept)
            pieces_[piece_of_move(j, static_cast<std::size_t>(feed.move))].phase = Phase::done;
    }
    times_.jobs[j].tasks.resize(work.tasks.size());
    times_.jobs[j].hops.resize(work.moves.size());
}

// Which pieces of a job each of them brings about.
void Simulation::connect(std::size_t j) {
    TaskGraph const& work = job(j).work;
    auto const origin = [&](TaskId from) -> Piece& {
        return pieces_[from ? piece_of_task(j, from.index()) : requests_[j].first];
    };
    auto const source = [&](Feed const& feed) -> Piece& {
        return feed.move < 0 ? origin(feed.from) : pieces_[piece_of_move(j, static_cast<std::size_t>(feed.move))];
    };
    for (Move const& move : work.moves) {
        ++origin(move.from).next_end;  // a count, to begin with
        if (move.gate) ++origin(move.gate).next_end;
    }
    for (Feed const& feed : work.feeds) {
        ++source(feed).next_end;
        if (feed.gate && feed.move < 0) ++origin(feed.gate).next_end;
    }
    auto end = static_cast<std::uint32_t>(next_.size());
    for (PieceId id = requests_[j].first; id < pieces_.size(); ++id) {
        Piece& piece = pieces_[id];
        SKIPSTONE_EXPECT(piece.kind != Kind::move || piece.next_end > 0);
        piece.next = end;
        end += std::exchange(piece.next_end, end);
    }
    next_.resize(end);
    for (std::size_t m = 0; m < work.moves.size(); ++m) {
        next_[origin(work.moves[m].from).next_end++] = piece_of_move(j, m);
        if (work.moves[m].gate) next_[origin(work.moves[m].gate).next_end++] = piece_of_move(j, m);
    }
    for (Feed const& feed : work.feeds) {
        next_[source(feed).next_end++] = piece_of_task(j, feed.to.index());
        if (feed.gate && feed.move < 0) next_[origin(feed.gate).next_end++] = piece_of_task(j, feed.to.index());
    }
}

// The server of a device's processor.
std::uint32_t Simulation::processor(DeviceId device) {
    if (processors_.size() <= device.index()) processors_.resize(device.index() + 1, none);
    auto& processor = processors_[device.index()];
    if (processor == none) {
        processor = static_cast<std::uint32_t>(servers_.all.size());
        servers_.all.emplace_back();
    }
    return processor;
}

}  // namespace skipstone::timeline

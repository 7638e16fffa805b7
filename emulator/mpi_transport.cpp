#include "emulator/mpi_transport.hpp"

#include <time.h>

#include <cstddef>
#include <utility>

namespace skipstone::emulator {

namespace {

constexpr std::size_t sent_at_once = 4096;  // bytes; the sender of a longer message waits for its receiver

}  // namespace

void MpiTransport::send(int to, Tag tag, Buffer payload) {
    retire_sent();
    auto request = communicator_->send(to, static_cast<int>(tag), payload.bytes());
    sending_.push_back({to, std::move(payload), std::move(request)});
    ++sent_[static_cast<std::size_t>(to)];
    bells_->ring(to);
}

std::optional<Message> MpiTransport::receive() {
    retire_sent();
    while (auto incoming = communicator_->probe()) receiving_.push_back(std::move(*incoming));
    std::set<int> waiting;  // senders whose earlier message is not here yet
    for (auto it = receiving_.begin(); it != receiving_.end(); ++it) {
        if (waiting.contains(it->from)) continue;
        if (!it->request.done()) {
            waiting.insert(it->from);
            continue;
        }
        Message message{it->from, static_cast<Tag>(it->tag), std::move(it->buffer)};
        receiving_.erase(it);
        ++received_;
        if (message.payload.size() > sent_at_once) bells_->ring(message.peer);  // its send is done
        return message;
    }
    return std::nullopt;
}

bool MpiTransport::busy() {
    retire_sent();
    // MPI may have held a message back when its receiver was rung for it.
    for (auto const& sending : sending_) bells_->ring(sending.to);
    return !sending_.empty() || !receiving_.empty();
}

void MpiTransport::drain() {
    // Every rank says how many messages it has sent to whom, and takes as many as were sent to it.
    auto tally = communicator_->begin_tally(sent_);
    timespec const pause{0, 200'000};
    while (!tally.request.done() || received_ < *tally.mine || busy()) {
        while (receive()) continue;
        nanosleep(&pause, nullptr);
    }
}

void MpiTransport::retire_sent() {
    std::erase_if(sending_, [](Sending& sending) { return sending.request.done(); });
}

}  // namespace skipstone::emulator

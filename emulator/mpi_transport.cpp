#include "emulator/mpi_transport.hpp"

#include <time.h>

#include <utility>

namespace skipstone::emulator {

void MpiTransport::send(int to, Tag tag, Buffer payload) {
    retire_sent();
    auto request = communicator_->send(to, static_cast<int>(tag), payload.bytes());
    sending_.push_back({std::move(payload), std::move(request)});
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
        return message;
    }
    return std::nullopt;
}

bool MpiTransport::busy() {
    retire_sent();
    return !sending_.empty() || !receiving_.empty();
}

void MpiTransport::drain() {
    // A rank joins the barrier when its bytes have left, and takes those of others until all have joined (Hoefler et
    // al. 2010, doi:10.1145/1693453.1693476).
    std::optional<mpi::Request> barrier;
    timespec const pause{0, 200'000};
    while (!barrier || !barrier->done()) {
        while (receive()) continue;
        if (!barrier && !busy()) barrier = communicator_->begin_barrier();
        nanosleep(&pause, nullptr);
    }
}

void MpiTransport::retire_sent() {
    std::erase_if(sending_, [](Sending& sending) { return sending.request.done(); });
}

}  // namespace skipstone::emulator

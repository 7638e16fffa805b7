#include "emulator/mpi_transport.hpp"

#include <time.h>

#include <exception>
#include <utility>

#include "units/error.hpp"

namespace skipstone::emulator {

MpiTransport::~MpiTransport() {
    // What was sent last (a failure's message, say) should leave: a bounded wait.
    try {
        for (int i = 0; i < 1000 && !sending_.empty(); ++i) {
            retire_sent();
            timespec const pause{0, 500'000};
            if (!sending_.empty()) nanosleep(&pause, nullptr);
        }
    } catch (std::exception const&) {  // nothing more can be done for it
    }
}

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

void MpiTransport::retire_sent() {
    std::erase_if(sending_, [](Sending& sending) { return sending.request.done(); });
}

}  // namespace skipstone::emulator

#pragma once

#include <cstdint>
#include <optional>

#include "units/buffer.hpp"

namespace skipstone::emulator {

enum class Tag : int {
    orders = 1,
    tensor,
    ready,
    ping,
    pong,
    go,
    report,
    logits,
    measure,
    measured,
    stop,
    failed,
    judged,
    call_off
};

struct Message {
    int peer = -1;  // who sent it
    Tag tag = Tag::stop;
    Buffer payload;
};

// Moves messages between ranks: MPI between processes, loopback between threads of one process. Messages of one sender
// arrive in the order in which it sent them. Nothing here is collective; nothing blocks. Used by one thread of a rank
// at a time.
class Transport {
  public:
    virtual ~Transport() = default;

    virtual int rank() const = 0;
    virtual int size() const = 0;
    // Takes the bytes over and returns at once.
    virtual void send(int to, Tag tag, Buffer payload) = 0;
    virtual std::optional<Message> receive() = 0;
    // Bytes are on their way, and progress needs further calls of receive().
    virtual bool busy() = 0;
    // Who serves this rank is woken for every message, and need not look for them while it is not busy.
    virtual bool wakes() const = 0;
};

}  // namespace skipstone::emulator

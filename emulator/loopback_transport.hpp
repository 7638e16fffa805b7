#pragma once

#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <vector>

#include "emulator/transport.hpp"

namespace skipstone::emulator {

// Ranks that are threads of one process: a mailbox each; payloads are handed over without a copy.
class LoopbackHub {
  public:
    explicit LoopbackHub(int ranks);
    int size() const { return static_cast<int>(boxes_.size()); }
    // `wake` is called, by the sender's thread, when a message for `rank` is put into its box.
    std::unique_ptr<Transport> connect(int rank, std::function<void()> wake);
    // The rank is gone: nobody is woken for its messages any more.
    void disconnect(int rank);

  private:
    friend class LoopbackTransport;
    struct Box {
        std::mutex mutex;
        std::deque<Message> messages;
        std::function<void()> wake;
    };
    std::vector<std::unique_ptr<Box>> boxes_;
};

}  // namespace skipstone::emulator

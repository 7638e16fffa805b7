#include "emulator/loopback_transport.hpp"

#include <utility>

namespace skipstone::emulator {

class LoopbackTransport final : public Transport {
  public:
    LoopbackTransport(LoopbackHub& hub, int rank) : hub_(&hub), rank_(rank) {}

    int rank() const override { return rank_; }
    int size() const override { return hub_->size(); }

    void send(int to, Tag tag, Buffer payload) override {
        auto& box = *hub_->boxes_.at(static_cast<std::size_t>(to));
        std::lock_guard const lock(box.mutex);  // held while it wakes: what is woken must not go away in between
        box.messages.push_back({rank_, tag, std::move(payload)});
        if (box.wake) box.wake();
    }

    std::optional<Message> receive() override {
        auto& box = *hub_->boxes_.at(static_cast<std::size_t>(rank_));
        std::lock_guard const lock(box.mutex);
        if (box.messages.empty()) return std::nullopt;
        auto message = std::move(box.messages.front());
        box.messages.pop_front();
        return message;
    }

    bool busy() override { return false; }
    bool wakes() const override { return true; }

  private:
    LoopbackHub* hub_;
    int rank_;
};

LoopbackHub::LoopbackHub(int ranks) {
    for (int rank = 0; rank < ranks; ++rank) boxes_.push_back(std::make_unique<Box>());
}

std::unique_ptr<Transport> LoopbackHub::connect(int rank, std::function<void()> wake) {
    auto& box = *boxes_.at(static_cast<std::size_t>(rank));
    std::lock_guard const lock(box.mutex);
    box.wake = std::move(wake);
    return std::make_unique<LoopbackTransport>(*this, rank);
}

void LoopbackHub::disconnect(int rank) {
    auto& box = *boxes_.at(static_cast<std::size_t>(rank));
    std::lock_guard const lock(box.mutex);
    box.wake = nullptr;
}

}  // namespace skipstone::emulator

#pragma once

#include <cstdint>
#include <cstring>
#include <limits>
#include <span>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

#include "model/event.hpp"
#include "model/tensor.hpp"
#include "units/buffer.hpp"
#include "units/error.hpp"

// What the coordinator and the nodes say to each other: plain values behind one header each. Ranks run the same program
// on the same kind of machine, so values travel as they lie in memory.
namespace skipstone::emulator {

// Times of a hop in model time, as the timeline has them.
struct HopOrder {
    std::int32_t moved = 0;
    double begin_s = 0, end_s = 0, arrival_s = 0;  // as of the sender: serialisation, and when the tensor is there
};

// One block that a device is to run, or (block −1) the image that a request's source device is to send.
struct TaskOrder {
    std::int32_t round = 0, device = 0, request = 0;
    std::int32_t step = 0;  // place among the request's tasks; −1: the image
    std::int32_t block = -1, mode = 1;
    std::int32_t previous_block = -1;  // the last block that ran before; those between vanished
    std::int32_t to_node = -1;         // who runs the next step; −1: this is the last one, its output are the logits
    std::int32_t ends_network = 0;     // the last one of a whole request: all blocks behind it vanished
    double begin_s = 0, end_s = 0;     // model time
    HopOrder in = {}, out = {};        // the hop before and the one behind
};

struct OrdersHeader {
    std::int32_t round = 0;
};

// Heads a tensor in its envelope: the input of a request's step.
struct TensorHeader {
    std::int32_t round = 0, request = 0, step = 0;
    TensorShape shape;
    ElementType type = ElementType::float32;
};
static_assert(sizeof(TensorHeader) <= Tensor::envelope_bytes);

// Begin the round: model time model_start_s is host_start_s of the receiver's clock; a model second takes `dilation` of
// its seconds.
struct Go {
    std::int32_t round = 0;
    double host_start_s = 0;
    double model_start_s = 0;
    double dilation = 1;
};

inline constexpr int pings_per_sync = 8;

struct Pong {
    double host_s = 0;
};

// When something happened in real time, on the reporting node's clock.
struct Stamp {
    std::int32_t request = 0, block = 0;  // as in /events
    EventKind kind = EventKind::compute;
    double host_begin_s = std::numeric_limits<double>::quiet_NaN();
    double host_end_s = std::numeric_limits<double>::quiet_NaN();
};

struct ReportHeader {
    std::int32_t round = 0;
    double kernel_s = 0;  // host time inside kernels
};

template <class Header, class Item = char>
Buffer pack(Header const& header, std::span<Item const> items = {}) {
    static_assert(std::is_trivially_copyable_v<Header> && std::is_trivially_copyable_v<Item>);
    Buffer buffer(sizeof(Header) + items.size_bytes());
    std::memcpy(buffer.data(), &header, sizeof(Header));
    if (!items.empty()) std::memcpy(buffer.data() + sizeof(Header), items.data(), items.size_bytes());
    return buffer;
}

template <class Header>
Header unpack(Buffer const& buffer) {
    SKIPSTONE_EXPECT(buffer.size() >= sizeof(Header));
    Header header;
    std::memcpy(&header, buffer.data(), sizeof(Header));
    return header;
}

template <class Header, class Item>
std::vector<Item> unpack_items(Buffer const& buffer) {
    SKIPSTONE_EXPECT(buffer.size() >= sizeof(Header) && (buffer.size() - sizeof(Header)) % sizeof(Item) == 0);
    std::vector<Item> items((buffer.size() - sizeof(Header)) / sizeof(Item));
    if (!items.empty()) std::memcpy(items.data(), buffer.data() + sizeof(Header), buffer.size() - sizeof(Header));
    return items;
}

// A tensor as a message; with kernels off an empty shape travels: the envelope alone.
inline Buffer pack_tensor(TensorHeader header, Tensor tensor) {
    header.shape = tensor.shape();
    header.type = tensor.type();
    Buffer buffer = tensor.empty() ? Buffer(Tensor::envelope_bytes) : tensor.release();
    std::memcpy(buffer.data(), &header, sizeof header);
    return buffer;
}

inline std::pair<TensorHeader, Tensor> unpack_tensor(Buffer buffer) {
    auto const header = unpack<TensorHeader>(buffer);
    if (header.shape.elements() == 0) return {header, Tensor()};
    return {header, Tensor(header.shape, header.type, std::move(buffer))};
}

inline Buffer pack_text(std::string const& text) {
    Buffer buffer(text.size());
    if (!text.empty()) std::memcpy(buffer.data(), text.data(), text.size());
    return buffer;
}

inline std::string unpack_text(Buffer const& buffer) {
    return {reinterpret_cast<char const*>(buffer.data()), buffer.size()};
}

}  // namespace skipstone::emulator

#pragma once

#include <compare>
#include <cstdint>
#include <cstring>
#include <limits>
#include <optional>
#include <span>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

#include "model/event.hpp"
#include "model/exit.hpp"
#include "model/split.hpp"
#include "model/tensor.hpp"
#include "units/buffer.hpp"
#include "units/error.hpp"

// What the coordinator and the nodes say to each other: plain values behind one header each. Ranks run the same program
// on the same kind of machine, so values travel as they lie in memory.
namespace skipstone::emulator {

// Rounds that are carried out untimed, to find out where requests leave, have negative numbers of their own: their
// works run as soon as they can, under the wall clock, too.
inline bool is_untimed(std::int32_t round) {
    return round < 0;
}

// A box of a tensor [1,H,W,C], half open; all zero: the whole tensor.
struct Box {
    std::int32_t h0 = 0, h1 = 0, w0 = 0, w1 = 0, c0 = 0, c1 = 0;

    bool is_whole() const { return h1 == 0; }
    Region region() const { return {{h0, h1}, {w0, w1}, {c0, c1}}; }
    auto operator<=>(Box const&) const = default;
};

inline Box box_of(std::optional<Region> const& region) {
    if (!region) return {};
    return {region->h.begin, region->h.end, region->w.begin, region->w.end, region->c.begin, region->c.end};
}

// Who made a tensor, where no task did.
inline constexpr std::int32_t image_task = -1;   // the image as tasks read it
inline constexpr std::int32_t given_image = -2;  // the image as it comes from the coordinator, to be handed on

// A tensor by who made it, and what of it this is.
struct TensorName {
    std::int32_t round = 0, request = 0, task = image_task;
    Box box = {};

    auto operator<=>(TensorName const&) const = default;
};

// What is asked of a head. It reads the output behind which the exit is, judges, and hands that output on to all who
// read it behind the exit; or the request leaves, and its logits are what comes out.
struct HeadOrder {
    enum class Asks : std::int32_t {
        nothing,   // it is no head
        to_judge,  // it decides, and says so to the coordinator
        to_go_on,  // the request is known to go on
        to_leave   // or to leave here
    };
    Asks asks = Asks::nothing;
    std::int32_t exit = -1;           // of those that are open
    std::int32_t is_probability = 0;  // verdict_of()
    std::int32_t checks = 0;          // where it is known: whether it judges likewise, with this class
    std::int32_t predicted = -1;
    double threshold = 1;
};

// One thing that a device is to do for a request: a task of its graph, or (task `image_task`) handing on the image.
// What it reads and where its outcome goes is in the arrays of inputs and outputs.
struct TaskOrder {
    std::int32_t request = 0, task = image_task, device = 0;
    std::int32_t block = -1, mode = 1;
    std::int32_t split = 0, parts = 1, part = -1;  // as in Split; part −1: the whole block, computed or joined
    // Blocks that vanished, half open: those applied to what it reads, and those applied to what it gives.
    std::int32_t before_begin = 0, before_end = 0, after_begin = 0, after_end = 0;
    std::int32_t first_input = 0, inputs = 0, first_output = 0, outputs = 0;
    double begin_s = 0, end_s = 0;  // model time
    HeadOrder head = {};

    Split way() const { return {static_cast<Split::Kind>(split), parts}; }
    bool computes() const { return block >= 0; }
    bool is_head() const { return head.asks != HeadOrder::Asks::nothing; }
    // It only passes on what it reads.
    bool passes_on() const { return !computes() && after_begin == after_end; }
};

// A tensor that a task reads: the box `piece` of the output of `from_task` is what this node has, `read` is the box of
// that piece which the task needs.
struct InputOrder {
    std::int32_t from_task = image_task;
    Box piece = {}, read = {};
};

// Where the outcome of a task goes, besides tasks of this node.
struct OutputOrder {
    std::int32_t to_node = -1;   // −1: to the coordinator: these are the logits
    std::int32_t transfer = -1;  // index into the orders' transfers: leaves when that begins; −1: at once
    Box box = {};
};

// Wall clock: what the node sends or receives, and when. Names of events (/events).
struct TransferOrder {
    std::int32_t request = 0, from_task = image_task, block = -1, part = -1;  // whose output moves
    EventKind kind = EventKind::transmit;
    std::int32_t device = 0, peer = 0;
    Box box = {};
    double begin_s = 0, end_s = 0;  // model time
};

// What a node is to do in a round. Tasks: by request.
struct Orders {
    std::int32_t round = 0;
    std::int32_t of_round = 0;  // of an untimed one: the run's round that it is for; else itself
    std::vector<TaskOrder> tasks;
    std::vector<InputOrder> inputs;
    std::vector<OutputOrder> outputs;
    std::vector<TransferOrder> transfers;

    bool empty() const { return tasks.empty() && transfers.empty(); }
};

// Heads a tensor in its envelope.
struct TensorHeader {
    TensorName name;
    TensorShape shape = {};
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

// What a head says that was asked to judge.
struct Judged {
    std::int32_t round = 0, request = 0, task = 0;
    std::int32_t leaves = 0;
    Verdict verdict;
};

// The request left at this task: nothing behind it is to be done.
struct CallOff {
    std::int32_t round = 0, request = 0, task = 0;
};

inline constexpr int pings_per_sync = 8;

struct Pong {
    double host_s = 0;
};

// When something happened in real time, on the reporting node's clock: an event by its device, request, block, part,
// kind and peer.
struct Stamp {
    std::int32_t device = -1, request = 0, block = 0, part = -1, peer = -1;
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

Buffer pack_orders(Orders const& orders);
Orders unpack_orders(Buffer const& buffer);

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

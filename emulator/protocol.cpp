#include "emulator/protocol.hpp"

#include <cstddef>

namespace skipstone::emulator {

namespace {

struct OrdersHeader {
    std::int32_t round = 0, tasks = 0, inputs = 0, outputs = 0, transfers = 0, of_round = 0;
};

template <class Item>
void append(Buffer& buffer, std::size_t& at, std::vector<Item> const& items) {
    static_assert(std::is_trivially_copyable_v<Item>);
    auto const size = items.size() * sizeof(Item);
    if (size > 0) std::memcpy(buffer.data() + at, items.data(), size);
    at += size;
}

template <class Item>
std::vector<Item> extract(Buffer const& buffer, std::size_t& at, std::int32_t count) {
    SKIPSTONE_EXPECT(count >= 0 && static_cast<std::size_t>(count) <= (buffer.size() - at) / sizeof(Item));
    std::vector<Item> items(static_cast<std::size_t>(count));
    auto const size = items.size() * sizeof(Item);
    if (size > 0) std::memcpy(items.data(), buffer.data() + at, size);
    at += size;
    return items;
}

template <class Item>
std::int32_t count(std::vector<Item> const& items) {
    return static_cast<std::int32_t>(items.size());
}

}  // namespace

Buffer pack_orders(Orders const& orders) {
    OrdersHeader const header{orders.round, count(orders.tasks), count(orders.inputs), count(orders.outputs),
                              count(orders.transfers), orders.of_round};
    Buffer buffer(sizeof header + orders.tasks.size() * sizeof(TaskOrder) + orders.inputs.size() * sizeof(InputOrder) +
                  orders.outputs.size() * sizeof(OutputOrder) + orders.transfers.size() * sizeof(TransferOrder));
    std::memcpy(buffer.data(), &header, sizeof header);
    std::size_t at = sizeof header;
    append(buffer, at, orders.tasks);
    append(buffer, at, orders.inputs);
    append(buffer, at, orders.outputs);
    append(buffer, at, orders.transfers);
    return buffer;
}

Orders unpack_orders(Buffer const& buffer) {
    auto const header = unpack<OrdersHeader>(buffer);
    std::size_t at = sizeof header;
    Orders orders;
    orders.round = header.round;
    orders.of_round = header.of_round;
    orders.tasks = extract<TaskOrder>(buffer, at, header.tasks);
    orders.inputs = extract<InputOrder>(buffer, at, header.inputs);
    orders.outputs = extract<OutputOrder>(buffer, at, header.outputs);
    orders.transfers = extract<TransferOrder>(buffer, at, header.transfers);
    SKIPSTONE_EXPECT(at == buffer.size());
    return orders;
}

}  // namespace skipstone::emulator

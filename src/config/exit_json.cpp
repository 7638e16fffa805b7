#include "config/exit_json.hpp"

#include <algorithm>
#include <cstdint>

namespace skipstone::config {

namespace {

constexpr double most_in_sum = static_cast<double>(std::int64_t{1} << 60);  // MACs or bytes of all heads together

InstanceExit read_exit(TableReader reader, Names const& blocks, std::size_t head, Names& names) {
    InstanceExit exit;
    auto const after = needed(reader, "after", reader.text("after"), "the block whose output its head reads");
    exit.after = BlockId(blocks.at(*reader.get("after"), reader.path_of("after"), after, "block"));
    exit.head = BlockId(head);
    exit.name = needed(reader, "name", reader.text("name"), "the head's name");
    if (blocks.find(exit.name)) reader.fail("name", "\"" + exit.name + "\" is a block; a head needs another name");
    names.add(reader, exit.name);
    exit.threshold =
        needed(reader, "threshold", reader.number("threshold", {0, 1}), "the confidence that a request leaves with");
    auto const whole = [&](std::string_view key) { return reader.integer(key, 0, largest_amount); };
    exit.macs = Macs(needed(reader, "macs", whole("macs"), "its head's multiply-accumulates"));
    exit.memory = Bytes(needed(reader, "memory_bytes", whole("memory_bytes"), "the memory that its head needs"));
    exit.weights = Bytes(whole("weight_bytes").value_or(0));
    reader.finish();
    return exit;
}

}  // namespace

std::vector<InstanceExit> read_exits(TableReader& instance, Names const& blocks, std::size_t count) {
    std::vector<InstanceExit> exits;
    Names names;
    double macs = 0, bytes = 0;
    for (TableReader& entry : instance.tables("exits").value_or(std::vector<TableReader>())) {
        auto exit = read_exit(entry, blocks, count + exits.size(), names);
        if (exit.after.index() + 1 == count) entry.fail("after", "is the last block, whose output is the network's");
        if (!exits.empty() && exits.back().after >= exit.after)
            entry.fail("after", "is out of order, or there twice; exits stand in the order of the blocks");
        macs += static_cast<double>(exit.macs.value());
        bytes += static_cast<double>((exit.memory + exit.weights).value());
        exits.push_back(std::move(exit));
    }
    if (macs > most_in_sum || bytes > most_in_sum)
        instance.fail("exits", "have more MACs or bytes together than there can be");
    return exits;
}

Json exits_json(Instance const& instance) {
    Json exits = Json::array();
    for (auto const& exit : instance.exits)
        exits.push_back({{"after", instance.blocks.at(exit.after.index()).name},
                         {"name", exit.name},
                         {"threshold", exit.threshold},
                         {"macs", exit.macs.value()},
                         {"memory_bytes", exit.memory.value()},
                         {"weight_bytes", exit.weights.value()}});
    return exits;
}

std::vector<double> read_reach(TableReader& option, std::vector<InstanceExit> const& exits, std::size_t blocks) {
    std::vector<double> reach;
    Value const* list = option.get("reach");
    if (!list) return reach;
    if (exits.empty()) option.fail("reach", "has no effect without \"exits\"; leave it out");
    if (list->type != Value::Type::list || list->items.size() != blocks)
        option.fail("reach", "must be a list of " + std::to_string(blocks) + " shares, one for each block");
    for (std::size_t b = 0; b < blocks; ++b) {
        auto const path = option.path_of("reach") + "[" + std::to_string(b) + "]";
        auto const share = number_of(list->items[b], path, {0, 1});
        bool const open = b > 0 && std::ranges::find(exits, BlockId(b - 1), &InstanceExit::after) != exits.end();
        double const before = b == 0 ? 1 : reach.back();
        if (open ? share > before : share != before)
            fail_at(list->items[b], path,
                    "is " + number_text(share) + " after " + number_text(before) +
                        "; all requests get to the first block, and fewer to those behind an exit alone");
        reach.push_back(share);
    }
    return reach;
}

std::map<BlockId, Seconds> read_head_times(TableReader times, std::vector<InstanceExit> const& exits) {
    std::map<BlockId, Seconds> heads;
    for (auto const& name : times.value().keys) {
        auto const time = Seconds(*times.number(name, some));
        auto const exit = std::ranges::find(exits, name, &InstanceExit::name);
        if (exit == exits.end()) times.fail(name, "is no head of \"exits\"");
        heads[exit->head] = time;
    }
    return heads;
}

}  // namespace skipstone::config

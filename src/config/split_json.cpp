#include "config/split_json.hpp"

#include <algorithm>
#include <array>
#include <limits>
#include <string>
#include <utility>

#include "config/split_words.hpp"
#include "units/quantity.hpp"

namespace skipstone::config {

namespace {

constexpr std::int64_t most_elements = std::numeric_limits<std::int32_t>::max();  // of a tensor

std::int64_t elements(Region const& region) {
    double const count = static_cast<double>(region.h.size()) * region.w.size() * region.c.size();
    return count > static_cast<double>(most_elements) ? most_elements + 1 : static_cast<std::int64_t>(count);
}

Region read_region(TableReader& reader, std::string_view key, std::string_view meaning) {
    auto const ends = needed(reader, key, reader.integers(key, 0, most_elements), meaning);
    if (ends.size() != 6) reader.fail(key, "must be 6 whole numbers: begin and end of its rows, columns and channels");
    std::array<Range, 3> axes;
    for (std::size_t axis = 0; axis < axes.size(); ++axis) {
        axes[axis] = {static_cast<int>(ends[2 * axis]), static_cast<int>(ends[2 * axis + 1])};
        if (axes[axis].size() <= 0) reader.fail(key, "is empty; ends are above begins");
    }
    Region const region{axes[0], axes[1], axes[2]};
    if (elements(region) > most_elements)
        reader.fail(key, "has more than " + std::to_string(most_elements) + " elements");
    return region;
}

InstancePart read_part(TableReader reader) {
    auto const whole = [&](std::string_view key, std::string_view meaning) {
        return needed(reader, key, reader.integer(key, 0, largest_amount), meaning);
    };
    InstancePart part;
    part.input = read_region(reader, "input", "what it reads of the block's input");
    part.output = read_region(reader, "output", "what it gives of the block's output");
    part.macs = Macs(whole("macs", "its multiply-accumulates"));
    part.memory = Bytes(whole("memory_bytes", "the memory that it needs"));
    part.weights = Bytes(whole("weight_bytes", "the weights that it needs"));
    part.input_bytes = Bytes(whole("input_bytes", "the size of its input"));
    part.output_bytes = Bytes(whole("output_bytes", "the size of what it hands on"));
    reader.finish();
    auto const count = elements(part.input);
    if (part.input_bytes.value() % count != 0 || part.input_bytes.value() / count > 8)
        reader.fail("input_bytes", "does not fit \"input\", which has " + std::to_string(count) +
                                       " elements, each of the same 0 to 8 bytes");
    return part;
}

InstanceSplit read_way(TableReader reader) {
    InstanceSplit way;
    auto const text = needed(reader, "split", reader.text("split"), "how it is split, such as \"outputs/2\"");
    way.split = read_split(*reader.get("split"), reader.path_of("split"), text);
    way.join_macs = Macs(reader.integer("join_macs", 0, largest_amount).value_or(0));
    auto parts = needed(reader, "parts", reader.tables("parts"), "its parts");
    if (parts.size() != static_cast<std::size_t>(way.split.parts))
        reader.fail("parts",
                    "are " + std::to_string(parts.size()) + "; " + text + " has " + std::to_string(way.split.parts));
    for (TableReader& part : parts) way.parts.push_back(read_part(std::move(part)));
    reader.finish();
    auto const size_of = [](InstancePart const& part) { return part.input_bytes.value() / elements(part.input); };
    Region all = way.parts.front().input;
    for (InstancePart const& part : way.parts) {
        if (size_of(part) != size_of(way.parts.front()))
            reader.fail("parts", "have elements of different sizes in their inputs (input_bytes)");
        all = hull(all, part.input);
    }
    if (elements(all) > most_elements)
        reader.fail("parts", "read of an input of more than " + std::to_string(most_elements) + " elements");
    return way;
}

Json region_json(Region const& region) {
    return {region.h.begin, region.h.end, region.w.begin, region.w.end, region.c.begin, region.c.end};
}

}  // namespace

Split read_split(Value const& value, std::string const& key, std::string const& text) {
    auto const split = split_of(text);
    if (!split || split->parts > most_parts)
        fail_at(
            value, key,
            "\"" + text +
                "\" is no split; one is written \"outputs/2\", \"inputs/2\", \"rows/2\" or \"tiles/2\", with 2 to " +
                std::to_string(most_parts) + " parts");
    return *split;
}

std::vector<InstanceSplit> read_splits(TableReader& block) {
    auto entries = block.tables("splits");
    if (!entries) return {};
    std::vector<InstanceSplit> splits;
    for (TableReader& entry : *entries) splits.push_back(read_way(std::move(entry)));
    std::ranges::sort(splits, {}, &InstanceSplit::split);
    if (auto const twice = std::ranges::adjacent_find(splits, {}, &InstanceSplit::split); twice != splits.end())
        block.fail("splits", "has " + to_string(twice->split) + " twice");
    return splits;
}

Json splits_json(std::vector<InstanceSplit> const& splits) {
    Json list = Json::array();
    for (InstanceSplit const& way : splits) {
        Json parts = Json::array();
        for (InstancePart const& part : way.parts)
            parts.push_back({{"input", region_json(part.input)},
                             {"output", region_json(part.output)},
                             {"macs", part.macs.value()},
                             {"memory_bytes", part.memory.value()},
                             {"weight_bytes", part.weights.value()},
                             {"input_bytes", part.input_bytes.value()},
                             {"output_bytes", part.output_bytes.value()}});
        list.push_back(
            {{"split", to_string(way.split)}, {"join_macs", way.join_macs.value()}, {"parts", std::move(parts)}});
    }
    return list;
}

}  // namespace skipstone::config

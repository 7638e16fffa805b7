#include "model/link_pairs.hpp"

#include <map>
#include <set>
#include <utility>

#include "units/error.hpp"

namespace skipstone {

namespace {

constexpr std::int32_t any = -1;

std::uint64_t key_of(std::optional<DeviceId> from, std::optional<DeviceId> to) {
    auto const half = [](std::optional<DeviceId> device) {
        return static_cast<std::uint32_t>(device ? device->value() : any);
    };
    return (std::uint64_t{half(from)} << 32) | half(to);
}

// The traits of `base` where `traits` has none.
void fill(LinkTraits& traits, LinkTraits const& base) {
    auto const take = [](auto& own, auto const& other) {
        if (!own) own = other;
    };
    take(traits.rate, base.rate);
    take(traits.latency, base.latency);
    take(traits.jitter, base.jitter);
    take(traits.loss, base.loss);
    take(traits.efficiency, base.efficiency);
}

}  // namespace

LinkPairs::LinkPairs(std::vector<Entry> entries) : entries_(std::move(entries)) {
    for (std::size_t i = 0; i < entries_.size(); ++i) {
        auto const& [from, to, traits] = entries_[i];
        SKIPSTONE_EXPECT(!from || !to || *from != *to);
        bool const is_new = place_.emplace(key_of(from, to), i).second;
        SKIPSTONE_EXPECT(is_new);
        if (!from && to) has_from_any_ = true;
        if (from && !to) has_to_any_ = true;
    }
}

LinkTraits const* LinkPairs::find(std::optional<DeviceId> from, std::optional<DeviceId> to) const {
    auto const found = place_.find(key_of(from, to));
    return found == place_.end() ? nullptr : &entries_[found->second].traits;
}

LinkTraits LinkPairs::traits(DeviceId from, DeviceId to) const {
    LinkTraits traits;
    auto const add = [&](LinkTraits const* more) {
        if (more) fill(traits, *more);
    };
    add(find(from, to));
    if (has_to_any_) add(find(from, std::nullopt));
    if (has_from_any_) add(find(std::nullopt, to));
    add(find(std::nullopt, std::nullopt));
    return traits;
}

std::vector<LinkTraits> LinkPairs::kinds(std::size_t devices) const {
    using Device = std::optional<DeviceId>;  // nobody: all that have no entry of their own in this place
    std::set<Device> senders{std::nullopt}, receivers{std::nullopt};
    for (auto const& [from, to, traits] : entries_) {
        if (from && !to) senders.insert(from);
        if (!from && to) receivers.insert(to);
    }
    auto const in = [](std::set<Device> const& set, Device device) { return set.contains(device) ? device : Device(); };
    std::vector<LinkTraits> kinds;
    std::map<std::pair<Device, Device>, std::size_t> named;  // links with an entry of their own
    for (auto const& [from, to, unused] : entries_) {
        if (!from || !to) continue;
        kinds.push_back(traits(*from, *to));
        ++named[{in(senders, from), in(receivers, to)}];
    }
    std::size_t both = 0;
    for (Device const device : senders)
        if (device && receivers.contains(device)) ++both;
    std::size_t const plain_senders = devices - (senders.size() - 1);
    std::size_t const plain_receivers = devices - (receivers.size() - 1);
    for (Device const from : senders)
        for (Device const to : receivers) {
            std::size_t links = (from ? 1 : plain_senders) * (to ? 1 : plain_receivers);
            // less the links from a device to itself
            if (from && to)
                links -= from == to ? 1 : 0;
            else if (from || to)
                links -= (from ? receivers : senders).contains(from ? from : to) ? 0 : 1;
            else
                links -= devices - (senders.size() - 1) - (receivers.size() - 1) + both;
            auto const own = named.find({from, to});
            if (own != named.end()) links -= own->second;
            if (links == 0) continue;
            LinkTraits kind;
            for (auto const* more : {find(from, std::nullopt), find(std::nullopt, to)})
                if (more) fill(kind, *more);
            if (auto const* all = find(std::nullopt, std::nullopt)) fill(kind, *all);
            kinds.push_back(kind);
        }
    return kinds;
}

}  // namespace skipstone

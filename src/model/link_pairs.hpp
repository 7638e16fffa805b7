#pragma once

#include <cstdint>
#include <optional>
#include <unordered_map>
#include <vector>

#include "units/id.hpp"
#include "units/quantity.hpp"

namespace skipstone {

// What a scenario says of single links; what is not set is as the link model says.
struct LinkTraits {
    std::optional<BitRate> rate{};  // 0: there is no such link
    std::optional<Seconds> latency{}, jitter{};
    std::optional<double> loss{}, efficiency{};

    bool operator==(LinkTraits const&) const = default;
};

// Links of one's own, in one direction each; nobody in place of a device: any device. Of a link the entry that names
// both its devices decides, before those that name one, before the one that names none; trait by trait.
class LinkPairs {
  public:
    struct Entry {
        std::optional<DeviceId> from, to;
        LinkTraits traits;
        bool operator==(Entry const&) const = default;
    };

    // Each pair of from and to once. Entries (a, any) and (any, b) must not give one trait of the link from a to b
    // different values, unless the entry (a, b) gives that trait.
    explicit LinkPairs(std::vector<Entry> entries);

    LinkTraits traits(DeviceId from, DeviceId to) const;
    std::vector<Entry> const& entries() const { return entries_; }
    // The entry from any device to any device; nullptr without one.
    LinkTraits const* everywhere() const { return find(std::nullopt, std::nullopt); }
    // The traits of all links of a fleet, those of links without an entry of their own once for each kind that there
    // is.
    std::vector<LinkTraits> kinds(std::size_t devices) const;

  private:
    LinkTraits const* find(std::optional<DeviceId> from, std::optional<DeviceId> to) const;

    std::vector<Entry> entries_;
    std::unordered_map<std::uint64_t, std::size_t> place_;
    bool has_from_any_ = false, has_to_any_ = false;
};

}  // namespace skipstone

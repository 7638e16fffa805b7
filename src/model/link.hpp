#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "model/link_pairs.hpp"
#include "units/id.hpp"
#include "units/quantity.hpp"

namespace skipstone {

enum class Medium { links, radio };  // each ordered pair a queue of its own; or one tensor at a time per device
enum class Redraw { round, never };  // when rates are drawn anew

// How links behave: rates drawn from U[min, max] (min = max: fixed), but for what `pairs` say.
struct LinkModel {
    std::string profile;  // name, or "inline"
    BitRate min{7.2e6}, max{72.2e6};
    bool symmetric = true;  // rate(i,k) = rate(k,i)
    Redraw redraw = Redraw::round;
    Seconds latency{0};     // added after serialisation
    Seconds jitter{0};      // deviation of a normal variable, truncated at 0, added to the latency
    double loss = 0;        // probability that one packet of 1448 bytes is lost and sent again, in [0, 1)
    double efficiency = 1;  // payload's share of what the radio sends, in (0, 1]
    Medium medium = Medium::links;
    std::shared_ptr<LinkPairs const> pairs;  // none: all links are alike

    // The traits that a link has: `rate` none where it is drawn, all others set.
    LinkTraits traits(DeviceId from, DeviceId to) const;
    LinkTraits completed(LinkTraits own) const;
};

// The payload rates and latencies of one round: rate = ρ · efficiency. A value; drawn rates are computed where they are
// needed, so that a large fleet costs no memory.
class LinkTable {
  public:
    LinkTable() = default;
    // Row-major [devices × devices], the diagonal ignored; 0 off it: unreachable. latency: one entry for all pairs, or
    // a matrix.
    static LinkTable dense(std::size_t devices, std::vector<double> rate_bit_s, std::vector<double> latency_s);
    // Rates from U[min, max] by RandomStream(seed, "links", round, from, to): round 0 when they are never redrawn, the
    // smaller id first when links are symmetric; a pair's own rate stands over that. The model's jitter and loss are
    // the timeline's matter.
    static LinkTable drawn(std::size_t devices, LinkModel const& model, std::uint64_t seed, RoundId round);
    // What a planner may expect of drawn links that lose packets: every rate times 1 − loss, and no chance in them.
    LinkTable expected() const;
    // The same links without those of `cut`: (smaller id, larger id), in both directions.
    LinkTable without(std::set<std::pair<DeviceId, DeviceId>> cut) const;

    std::size_t devices() const { return devices_; }
    // Payload bit/s from one device to another; 0: unreachable. from != to.
    BitRate rate(DeviceId from, DeviceId to) const;
    Seconds latency(DeviceId from, DeviceId to) const;
    // A pair's own jitter and loss; none where it is as everywhere.
    std::optional<Seconds> own_jitter(DeviceId from, DeviceId to) const;
    std::optional<double> own_loss(DeviceId from, DeviceId to) const;

  private:
    bool has_pairs() const { return model_ && model_->pairs; }
    BitRate drawn_rate(DeviceId from, DeviceId to) const;

    std::size_t devices_ = 0;
    std::vector<double> rate_;        // dense only
    std::vector<double> latency_;     // 1 or devices² entries
    std::optional<LinkModel> model_;  // drawn only
    std::uint64_t seed_ = 0;
    std::int64_t round_ = 0;
    bool expected_ = false;
    std::shared_ptr<std::set<std::pair<DeviceId, DeviceId>> const> cut_;
};

}  // namespace skipstone

#pragma once

#include <compare>
#include <cstddef>
#include <cstdint>
#include <functional>

namespace skipstone {

// An index into one kind of thing; −1 stands for "none". Ids of different kinds do not mix.
template <class Tag>
class Id {
  public:
    constexpr Id() = default;
    constexpr explicit Id(std::int32_t value) : value_(value) {}
    constexpr explicit Id(std::size_t value) : value_(static_cast<std::int32_t>(value)) {}

    constexpr std::int32_t value() const { return value_; }
    constexpr std::size_t index() const { return static_cast<std::size_t>(value_); }
    constexpr explicit operator bool() const { return value_ >= 0; }
    constexpr auto operator<=>(Id const&) const = default;

  private:
    std::int32_t value_ = -1;
};

using DeviceId = Id<struct DeviceTag>;    // index into the fleet
using BlockId = Id<struct BlockTag>;      // index into Network::blocks()
using RequestId = Id<struct RequestTag>;  // index within its round
using RoundId = Id<struct RoundTag>;      // index within the run

}  // namespace skipstone

template <class Tag>
struct std::hash<skipstone::Id<Tag>> {
    std::size_t operator()(skipstone::Id<Tag> id) const noexcept { return std::hash<std::int32_t>{}(id.value()); }
};

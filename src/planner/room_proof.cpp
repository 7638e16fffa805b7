#include "planner/room_proof.hpp"

#include <algorithm>
#include <cstdint>
#include <limits>

namespace skipstone::planner {

namespace {

constexpr double infinity = std::numeric_limits<double>::infinity();
constexpr std::size_t most_linked = 200;  // devices with room whose links are looked at
constexpr int most_looks = 100;
constexpr double most_work = 3e6;  // elementary operations

class RoomProof {
  public:
    RoomProof(Instance const& instance, std::vector<Choice> const& choices, std::vector<Step> const& works,
              Capacity const& capacity, Spread spread)
        : instance_(instance), choices_(choices), works_(works), capacity_(capacity), spread_(spread) {}

    bool run() {
        if (none_has_the_sums()) return true;
        find_candidates();
        if (candidates_.empty()) return true;
        return std::ranges::none_of(choices_, [&](Choice const& choice) { return may_fit(choice); });
    }

  private:
    // Whether compute and memory of all devices together do for no choice.
    bool none_has_the_sums() const {
        constexpr double rounding = 1 - 1e-9;  // of sums
        double macs = 0, memory = 0;
        for (std::size_t i = 0; i < instance_.devices.size(); ++i) {
            macs += static_cast<double>(capacity_.macs(DeviceId(i)).value());
            memory += static_cast<double>(capacity_.memory(DeviceId(i)).value());
        }
        return std::ranges::none_of(choices_, [&](Choice const& choice) {
            return macs >= rounding * static_cast<double>(choice.macs.value()) &&
                   memory >= rounding * static_cast<double>(choice.memory.value());
        });
    }

    // Devices that have room for some step.
    void find_candidates() {
        Macs macs{std::numeric_limits<std::int64_t>::max()};
        Bytes memory{std::numeric_limits<std::int64_t>::max()};
        for (auto const& choice : choices_)
            for (auto const& step : choice.steps) {
                macs = std::min(macs, step.macs);
                memory = std::min(memory, step.memory);
            }
        for (std::size_t i = 0; i < instance_.devices.size(); ++i)
            if (capacity_.macs(DeviceId(i)) >= macs && capacity_.memory(DeviceId(i)) >= memory)
                candidates_.emplace_back(i);
        auto const count = candidates_.size();
        work_ += static_cast<double>(instance_.devices.size() + count * works_.size());
        linked_ = count <= most_linked && spread_ == Spread::anywhere;
        if (linked_) {
            seconds_per_byte_.resize(count * count);
            for (std::size_t p = 0; p < count; ++p)
                for (std::size_t c = 0; c < count; ++c)
                    seconds_per_byte_[p * count + c] = per_byte(candidates_[p], candidates_[c]);
        }
        compute_.reserve(count * works_.size());
        for (auto const device : candidates_)
            for (auto const& work : works_)
                compute_.push_back(
                    (instance_.devices[device.index()].power_compute * reserved_time(instance_, work, device)).value());
    }

    // Energy that is left, and a little for sums in another order.
    double energy(DeviceId device) const { return capacity_.energy(device).value() * (1 + 1e-12); }

    double per_byte(DeviceId from, DeviceId to) const {
        if (from == to) return 0;
        auto const rate = instance_.links.rate(from, to).value();
        return rate > 0 ? 8 / rate : infinity;
    }

    // Energy that receiving takes of a candidate at least, to begin a run of blocks there; infinity: it cannot.
    double entry(Choice const& choice, std::size_t start, std::size_t c) const {
        auto const count = candidates_.size();
        auto const& step = choice.steps[start];
        auto const device = candidates_[c];
        double const receive = instance_.devices[device.index()].power_receive.value();
        auto const costs = [&](double seconds_per_byte, Bytes moved) {
            return seconds_per_byte * static_cast<double>(moved.value()) * step.reserved;
        };
        if (start == 0) {
            if (!instance_.source || *instance_.source == device) return 0;
            auto const source = *instance_.source;
            double const seconds = costs(per_byte(source, device), instance_.input);
            bool const sends = seconds < infinity &&
                               instance_.devices[source.index()].power_transmit.value() * seconds <= energy(source);
            return sends ? receive * seconds : infinity;
        }
        if (spread_ == Spread::one_device) return infinity;
        auto const* before = &ends_[(start - 1) * count];
        if (!linked_) {
            for (std::size_t p = 0; p < count; ++p)
                if (p != c && before[p] < infinity) return 0;
            return infinity;
        }
        double least = infinity;
        auto const moved = choice.steps[start - 1].output.serialised;
        for (std::size_t p = 0; p < count; ++p) {
            if (p == c || !(before[p] < infinity)) continue;
            double const seconds = costs(seconds_per_byte_[p * count + c], moved);
            if (!(seconds < infinity) || !(receive * seconds < least)) continue;
            auto const sender = candidates_[p];
            if (before[p] + instance_.devices[sender.index()].power_transmit.value() * seconds <= energy(sender))
                least = receive * seconds;
        }
        return least;
    }

    // Calls visit(end, energy used) for each run of blocks from `start` on that fits on a candidate if it is alone
    // there, until it says that it is enough.
    template <class Visit>
    void for_each_run(Choice const& choice, std::size_t start, std::size_t c, double used, Visit&& visit) {
        auto const device = candidates_[c];
        auto macs = capacity_.macs(device);
        auto memory = capacity_.memory(device);
        auto const most = energy(device);
        for (std::size_t end = start; end < choice.steps.size(); ++end) {
            auto const& step = choice.steps[end];
            macs -= step.macs;
            memory -= step.memory + capacity_.weights(device, step);
            used += compute_[c * works_.size() + step.work];
            work_ += 3;
            if (macs < Macs(0) || memory < Bytes(0) || !(used <= most) || !visit(end, used)) return;
        }
    }

    bool may_fit(Choice const& choice) {
        if (work_ > most_work) return true;
        auto const count = candidates_.size();
        auto const steps = choice.steps.size();
        ends_.assign(steps * count, infinity);
        bool arrives = false;
        for (std::size_t start = 0; start < steps && work_ <= most_work; ++start) {
            for (std::size_t c = 0; c < count; ++c) {
                double const received = entry(choice, start, c);
                work_ += linked_ ? static_cast<double>(count) : 4;
                if (!(received < infinity)) continue;
                for_each_run(choice, start, c, received, [&](std::size_t end, double used) {
                    auto& least = ends_[end * count + c];
                    least = std::min(least, used);
                    arrives = arrives || end + 1 == steps;
                    return true;
                });
            }
            if (spread_ == Spread::one_device) break;
        }
        if (work_ > most_work) return true;
        if (!arrives) return false;
        looks_ = most_looks;
        devices_.clear();
        for (std::size_t c = 0; c < count; ++c)
            if (continues(choice, c)) return true;
        return false;
    }

    // Whether a request with the first steps on devices_ can go on, on a candidate, to its end, as far as looks go.
    bool continues(Choice const& choice, std::size_t c) {
        auto const start = devices_.size();
        if (start > 0 && (devices_.back() == candidates_[c] || spread_ == Spread::one_device)) return false;
        bool found = false;
        for_each_run(choice, start, c, 0, [&](std::size_t end, double) {
            devices_.push_back(candidates_[c]);
            // A run that no way goes on from, if not for what it sent before.
            if (!(ends_[end * candidates_.size() + c] < infinity)) return true;
            if (--looks_ <= 0) {
                found = true;
                return false;
            }
            work_ += 20 * static_cast<double>(end + 1);
            if (!capacity_.fits(choice, devices_)) return false;
            if (end + 1 == choice.steps.size()) {
                found = true;
                return false;
            }
            for (std::size_t next = 0; next < candidates_.size() && !found; ++next) found = continues(choice, next);
            return !found;
        });
        devices_.resize(start);
        return found;
    }

    Instance const& instance_;
    std::vector<Choice> const& choices_;
    std::vector<Step> const& works_;
    Capacity const& capacity_;
    Spread spread_;
    std::vector<DeviceId> candidates_;
    bool linked_ = false;
    std::vector<double> seconds_per_byte_;  // [candidates × candidates]
    std::vector<double> compute_;           // [candidates × works] J
    std::vector<double> ends_;  // [steps × candidates] J that the last run of blocks takes at least; infinity: no way
    std::vector<DeviceId> devices_;
    int looks_ = 0;
    double work_ = 0;
};

}  // namespace

bool proves_no_room(Instance const& instance, std::vector<Choice> const& choices, std::vector<Step> const& works,
                    Capacity const& capacity, Spread spread) {
    return RoomProof(instance, choices, works, capacity, spread).run();
}

}  // namespace skipstone::planner

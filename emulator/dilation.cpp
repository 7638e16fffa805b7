#include "emulator/dilation.hpp"

#include <algorithm>

#include "model/event.hpp"

namespace skipstone::emulator {

namespace {

constexpr double margin = 1.25;
constexpr double hand_over_s = 200e-6;  // waking threads, moving tensors
constexpr double transfer_s = 100e-6;   // of a sender and a receiver, besides
constexpr double late_share = 0.005;    // tolerated in a rehearsal: half of what a faithful run may have
constexpr int rehearsals = 5;
constexpr double largest_step =
    3;  // from one to the next: a host that cannot keep up is later than it will be when it can
constexpr double short_task_s = 1e-3;  // these are not made to share their core (Node)

double emulated_seconds(Block const& block, Device const& device, Precision precision) {
    auto const measured = device.compute_seconds.find(block.name);
    return measured != device.compute_seconds.end() ? measured->second.value() / device.speedup_in(precision)
                                                    : (block.macs / device.mac_rate_in(precision)).value();
}

}  // namespace

double automatic_dilation(Scenario const& scenario, Network const& network, std::vector<double> const& block_seconds,
                          int devices_per_host, int cores) {
    double const share = std::max(1.0, static_cast<double>(devices_per_host) / std::max(1, cores));
    double dilation = 1;
    // On the whole: every device runs the network all the time, and every block costs the host its hand-over and a
    // transfer, too.
    for (auto const& device : scenario.fleet) {
        double needed = 0, emulated = 0;
        for (std::size_t j = 0; j < block_seconds.size(); ++j) {
            needed += margin * share * (block_seconds[j] + hand_over_s + transfer_s);
            emulated += emulated_seconds(network.blocks()[j], device, network.precision());
        }
        if (emulated > 0) dilation = std::max(dilation, needed / emulated);
    }
    // And block by block.
    for (std::size_t j = 0; j < block_seconds.size(); ++j)
        for (auto const& device : scenario.fleet) {
            auto const& block = network.blocks()[j];
            double const emulated = emulated_seconds(block, device, network.precision());
            double const needed = margin * block_seconds[j] * (emulated > short_task_s ? share : 1);
            double const tolerated = 0.5 * overrun_lateness * std::max(emulated, 0.010);
            dilation = std::max(dilation, needed / (emulated + tolerated));
        }
    return dilation;
}

double sufficient_dilation(std::vector<double> late, double dilation, double tolerated_share) {
    auto const tolerated = static_cast<std::size_t>(tolerated_share * static_cast<double>(late.size()));
    if (tolerated >= late.size()) return 1;
    auto const worst = late.end() - 1 - static_cast<std::ptrdiff_t>(tolerated);
    std::ranges::nth_element(late, worst);
    return std::max(1.0, margin * dilation * *worst / overrun_lateness);
}

double rehearsed_dilation(double estimate, std::function<std::vector<double>(double dilation)> const& rehearse) {
    double dilation = estimate;
    for (int i = 0; i < rehearsals; ++i) {
        double const needed = sufficient_dilation(rehearse(dilation), dilation, late_share);
        if (needed <= margin * dilation) break;  // at most that share was late
        dilation = std::min(needed, largest_step * dilation);
    }
    return dilation;
}

}  // namespace skipstone::emulator

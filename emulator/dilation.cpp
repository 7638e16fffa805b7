#include "emulator/dilation.hpp"

#include <algorithm>
#include <optional>

#include "emulator/pace.hpp"
#include "model/event.hpp"
#include "model/split.hpp"

namespace skipstone::emulator {

namespace {

constexpr double margin = 1.25;
constexpr double hand_over_s = 200e-6;  // waking threads, moving tensors
constexpr double transfer_s = 100e-6;   // of a sender and a receiver, besides
constexpr double late_share = 0.005;    // tolerated in a rehearsal: half of what a faithful run may have
constexpr int rehearsals = 5;
constexpr double largest_step =
    3;  // from one to the next: a host that cannot keep up is later than it will be when it can

double emulated_seconds(Block const& block, Device const& device, Precision precision) {
    auto const measured = device.compute_seconds.find(block.name);
    return measured != device.compute_seconds.end() ? measured->second.value() / device.speedup_in(precision)
                                                    : (block.macs / device.mac_rate_in(precision)).value();
}

// The finest way in which a block may be split; none: it runs whole.
std::optional<Split> finest_way(Scenario const& scenario, Network const& network, BlockId block) {
    std::optional<Split> finest;
    if (network.is_head(block)) return finest;
    auto const consider = [&](Split way) {
        if (!way.is_whole() && (!finest || way.parts > finest->parts)) finest = way;
    };
    if (!scenario.collaboration.splits.empty())
        for (Split const way : splits_of(network, block, scenario.collaboration.most_parts))
            if (scenario.collaboration.allows(way)) consider(way);
    for (PlanStage const& stage : scenario.planner.stages)
        if (stage.first == block) consider(stage.split);
    return finest;
}

// Host and emulated time of something that a device does at once.
struct Piece {
    double host_s = 0, emulated_s = 0;
};

// A block on a device; of one that may be split, its largest part: as long on the host as its MACs are of the block's.
Piece piece_of(Network const& network, BlockId id, Device const& device, double host_s, std::optional<Split> way) {
    Block const& block = network.block(id);
    Piece piece{host_s, emulated_seconds(block, device, network.precision())};
    if (!way || block.macs == Macs(0)) return piece;
    Macs largest(0);
    for (Part const& part : parts_of(network, id, *way)) largest = std::max(largest, part.costs.macs);
    double const share = static_cast<double>(largest.value()) / static_cast<double>(block.macs.value());
    piece.host_s *= share;
    auto const measured = device.part_seconds.find({block.name, *way});
    piece.emulated_s = measured != device.part_seconds.end()
                           ? measured->second.value() / device.speedup_in(network.precision())
                           : share * piece.emulated_s;
    return piece;
}

}  // namespace

double automatic_dilation(Scenario const& scenario, Network const& network, std::vector<double> const& block_seconds,
                          int devices_per_host, int cores) {
    double const share = std::max(1.0, static_cast<double>(devices_per_host) / std::max(1, cores));
    double dilation = 1;
    auto const consider = [&](std::vector<std::optional<Split>> const& ways) {
        for (auto const& device : scenario.fleet) {
            double needed = 0, emulated = 0;
            for (std::size_t j = 0; j < block_seconds.size(); ++j) {
                auto const piece = piece_of(network, BlockId(j), device, block_seconds[j], ways[j]);
                // On the whole: every device runs the network all the time, and every block, or part, costs the host
                // its hand-over and a transfer, too.
                needed += margin * share * (piece.host_s + hand_over_s + transfer_s);
                emulated += piece.emulated_s;
                // And one by one.
                double const alone = margin * piece.host_s * (piece.emulated_s > short_task_s ? share : 1);
                double const tolerated = 0.5 * overrun_lateness * std::max(piece.emulated_s, 0.010);
                dilation = std::max(dilation, alone / (piece.emulated_s + tolerated));
            }
            if (emulated > 0) dilation = std::max(dilation, needed / emulated);
        }
    };
    std::vector<std::optional<Split>> ways(block_seconds.size());
    consider(ways);
    for (std::size_t j = 0; j < ways.size(); ++j) ways[j] = finest_way(scenario, network, BlockId(j));
    if (std::ranges::any_of(ways, [](auto const& way) { return way.has_value(); })) consider(ways);
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

#pragma once

#include <algorithm>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "model/accuracy_table.hpp"
#include "model/calibration.hpp"
#include "model/convolution_choice.hpp"
#include "model/device.hpp"
#include "model/exit.hpp"
#include "model/exit_rules.hpp"
#include "model/fault.hpp"
#include "model/instance.hpp"
#include "model/link.hpp"
#include "model/network.hpp"
#include "model/plan_stage.hpp"
#include "model/split.hpp"
#include "units/error.hpp"

namespace skipstone {

// When a round's requests arrive: all at its start; as a Poisson process over its period; one every interval; all at
// its start, but no more than in_flight of them are under way at a time.
enum class Arrivals { batch, spread, every, closed };
enum class OnReject { drop, retry };
enum class ClockKind { virtual_time, wall };
enum class LatencyReference { compute, worst_case, fixed };

// A scenario file, its profiles looked up and its defaults filled in. Immutable once parsed.
struct Scenario {
    std::string file;  // where it was read from
    // Where the keys stand that can be judged only with all others known: a line of a file, or an option.
    std::map<std::string, InputPlace> places;
    InputPlace place_of(std::string const& key) const {
        auto const found = places.find(key);
        return found == places.end() ? InputPlace{file, 0, key} : found->second;
    }

    std::uint64_t seed = 1;

    struct NetworkSection {
        NetworkProfile profile;                  // with the scenario's own variant and precision
        std::optional<int> input;                // the scenario's own; else the weights', else the profile's
        std::optional<int> classes;              // likewise
        std::optional<std::string> weights;      // path of a weights file; none: He-initialised from the seed
        std::optional<std::string> model;        // path of the model that `weights` was imported from
        std::optional<Calibration> calibration;  // of an int8 network
        ConvolutionPolicy convolutions = ConvolutionPolicy::standard;

        // What `weights` is called: as the scenario names it.
        std::string const& named_weights() const { return model ? *model : *weights; }
        // The profile with the section's input and classes.
        NetworkProfile wanted_profile() const {
            auto wanted = profile;
            if (input) wanted.input = image_shape(*input, wanted.input.c);
            if (classes) wanted.classes = *classes;
            return wanted;
        }
    } network;

    AccuracyTable accuracy;
    std::vector<Device> fleet;
    LinkModel links;

    struct RequestsSection {
        double rate = 3;           // λ of the Poisson distribution per round
        std::optional<int> count;  // exactly so many per round instead
        Arrivals arrivals = Arrivals::batch;
        Seconds interval{0};         // with Arrivals::every
        int in_flight = 0;           // with Arrivals::closed; else 0: no limit
        std::string source = "any";  // or a device's name
        OnReject on_reject = OnReject::drop;
    } requests;

    struct RoundsSection {
        int count = 20;
        Seconds period{0};
    } rounds;

    struct ObjectiveSection {
        Goal goal = Goal::latency;
        double alpha = 0.7, beta = 0.3, accuracy_threshold = 0.80;
        bool threshold_without_table = false;  // one was given, but there are no accuracies to hold against it
        LatencyReference latency_reference = LatencyReference::compute;
        Seconds reference_time{0};  // with LatencyReference::fixed
        Residual residual = Residual::fused;
        MemoryModel memory = MemoryModel::paper;
    } objective;

    struct PlannerSection {
        std::string name = "exact";
        double gap = 0.001;
        bool charge = false;                 // add planning time to the round
        std::optional<Seconds> charge_time;  // this constant instead of the measured time
        std::vector<PlanStage> stages;       // the plan of planner "fixed": every block of the network, in order
    } planner;

    struct CollaborationSection {
        std::vector<Split::Kind> splits;  // ways in which planners may split blocks, ascending
        int most_parts = 4;               // of a block

        bool allows(Split split) const {
            return split.parts <= most_parts && std::ranges::find(splits, split.kind) != splits.end();
        }
        bool operator==(CollaborationSection const&) const = default;
    } collaboration;

    // Exits that are open, by rules that were found for the network's exits. The scenario's network has no others.
    struct ExitsSection {
        enum class Source { kernels, table, trace };  // who says what comes out at an exit

        ExitRules given;              // as the file has them
        std::vector<ExitRule> rules;  // in the chain's order; rule i is of exit i; empty: no exit is open
        // What these rules gave on the data that they were chosen on, for the whole network, which is first, and, where
        // that was measured, with blocks dropped: DropOption::reach is set.
        std::vector<DropOption> promised;
        Source verdicts = Source::kernels;
        // Source::table: one for each of `promised`, of the exits that are open alone, called as the network's blocks,
        // and where they were read from.
        std::vector<std::shared_ptr<ExitTable const>> tables;
        std::vector<std::string> table_files;
        std::string trace;              // Source::trace: an earlier run of the same images
        bool reserve_expected = false;  // Instance::reserve_expected
    } exits;

    // False: plans promise no accuracy.
    bool knows_accuracy() const { return !accuracy.none || !exits.rules.empty(); }

    FaultModel faults;

    struct EmulationSection {
        ClockKind clock = ClockKind::wall;
        std::optional<double> dilation;  // none: auto
        bool kernels = true;
    } emulation;
};

}  // namespace skipstone

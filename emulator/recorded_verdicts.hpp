#pragma once

#include <cstdint>
#include <map>
#include <span>
#include <string>
#include <vector>

#include "emulator/verdicts.hpp"
#include "model/network.hpp"
#include "model/scenario.hpp"

namespace skipstone::emulator {

// Verdicts of an earlier run of the same images, from its trace: with them requests leave as they did there, on any
// host. A request that failed there passes all heads, as far as it comes.
class RecordedVerdicts : public Verdicts {
  public:
    // Of the scenario's trace (ExitsSection::trace). Throws InputError where that is no trace, is of another network,
    // or was written with other rules.
    RecordedVerdicts(Scenario const& scenario, Network const& network);

    // Throws InputError for an image of which the trace says nothing.
    std::vector<Judgement> judge(RoundId round, std::span<InstanceExit const> exits,
                                 std::span<Question const> questions) override;

  private:
    Judgement judgement(Question const& question, std::span<InstanceExit const> exits) const;

    struct Recorded {
        bool known = false;  // false: it failed
        Judgement judgement;
    };
    std::string file_;
    std::map<std::int64_t, Recorded> images_;
};

}  // namespace skipstone::emulator

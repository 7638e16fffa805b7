#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "emulator/verdicts.hpp"
#include "model/scenario.hpp"

namespace skipstone::emulator {

// Verdicts without kernels: each image is a sample of the tables, drawn by
//     RandomStream(seed, "exits", image).below(samples),
// and all that comes out of its request is that sample's row, in the table that was measured with the blocks dropped
// that the request drops.
class TableVerdicts : public Verdicts {
  public:
    // Of a scenario that has read its tables (ExitsSection::tables). Throws InputError where one of its drop sets has
    // no table, or where tables are of different samples.
    explicit TableVerdicts(Scenario const& scenario);

    std::vector<Judgement> judge(RoundId round, std::span<InstanceExit const> exits,
                                 std::span<Question const> questions) override;

    std::size_t sample_of(std::int64_t image) const;

  private:
    struct Measured {
        std::vector<BlockId> dropped;
        std::shared_ptr<ExitTable const> table;
    };
    Judgement judgement(Question const& question, std::span<InstanceExit const> exits) const;

    std::uint64_t seed_;
    std::vector<Measured> tables_;
};

}  // namespace skipstone::emulator

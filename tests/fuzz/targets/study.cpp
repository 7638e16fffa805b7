// What a study reads beside weights and images: a file of drop sets, and the journal of what was finished.
#include "networks/resnet.hpp"
#include "study/drop_set.hpp"
#include "study/journal.hpp"
#include "tests/fuzz/memory_file.hpp"
#include "tests/fuzz/target.hpp"

using namespace skipstone;

int LLVMFuzzerTestOneInput(std::uint8_t const* data, std::size_t size) {
    static Network const network(
        {.name = "tiny", .family = networks::resnet({.stages = {2, 2}, .width = 2}), .input = image_shape(32)});
    {
        fuzz::MemoryFile const file("drops.toml", data, size);
        study::DropSets sets;
        if (fuzz::accepts([&] { sets = study::read_drops_file(file.path().string(), network); })) {
            fuzz::require(!sets.sets.empty() && sets.sets.front().dropped.empty(), "the baseline comes first");
            for (auto const& set : sets.sets)
                fuzz::require(
                    study::memory_gain(set, network).value() >= 0 && study::computation_gain(set, network).value() >= 0,
                    "dropping blocks gains something");
        }
    }
    fuzz::MemoryFile const file("table.journal", data, size);
    study::Identity const identity{{"weights", "abc"}};
    fuzz::accepts([&] {
        std::size_t batches = 0;
        {
            study::Journal journal(file.path().string(), identity, study::Journal::Start::resume);
            journal.add(7, 7, {1, 2, 3});
            batches = journal.size();
        }
        study::Journal const again(file.path().string(), identity, study::Journal::Start::resume);
        fuzz::require(again.size() == batches, "a journal keeps its batches");
    });
    return 0;
}

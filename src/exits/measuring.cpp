#include "exits/measuring.hpp"

#include <algorithm>
#include <bit>
#include <cstdint>
#include <cstring>
#include <utility>

#include "exits/pace.hpp"
#include "kernels/host.hpp"
#include "units/error.hpp"

namespace skipstone::exits {

namespace {

using study::Predictions;
using study::Workplace;

BlockMode mode_of(MeasuringPlan const& plan, BlockId block) {
    return std::ranges::binary_search(plan.dropped, block) ? BlockMode::skip : BlockMode::full;
}

// A task is a batch's number; its result a pair of words per image and outcome: predicted class, bits of the
// confidence.
class MeasuringHand : public Hand {
  public:
    MeasuringHand(Workplace const& workplace, MeasuringPlan const& plan) : workplace_(workplace), plan_(plan) {
        kernels::use_threads(1);
        kernels_.emplace(workplace.make_kernels());
    }

    Buffer work(Buffer task, std::atomic<bool> const& stop) override {
        std::uint64_t batch = 0;
        std::memcpy(&batch, task.data(), sizeof batch);
        auto const& network = workplace_.network();
        auto const images = workplace_.images_of(0, batch), outcomes = network.exits().size() + 1;
        Buffer result(images * outcomes * 2 * sizeof(std::uint32_t));
        auto* const words = reinterpret_cast<std::uint32_t*>(result.data());
        auto const note = [&](std::size_t outcome, Tensor const& logits, bool is_probability) {
            auto const classes = logits.values().size() / images;
            for (std::size_t i = 0; i < images; ++i) {
                auto const verdict = verdict_of(logits.values().subspan(i * classes, classes), is_probability);
                auto* const here = words + 2 * (i * outcomes + outcome);
                here[0] = static_cast<std::uint32_t>(verdict.predicted);
                here[1] = std::bit_cast<std::uint32_t>(verdict.confidence);
            }
        };
        auto tensor = workplace_.load(0, batch);
        for (std::size_t block = 0; block < network.size(); ++block) {
            if (stop) return result;
            tensor = kernels_->run(BlockId(block), mode_of(plan_, BlockId(block)), std::move(tensor));
            if (auto const exit = network.exit_after(BlockId(block)))
                note(exit->index(), kernels_->run(network.head_of(*exit), BlockMode::full, tensor.clone()), false);
        }
        note(outcomes - 1, tensor, plan_.ends_with_softmax);
        return result;
    }

  private:
    Workplace const& workplace_;
    MeasuringPlan const& plan_;
    std::optional<kernels::NetworkKernels> kernels_;
};

ExitTable empty_table(Workplace const& workplace, MeasuringPlan const& plan) {
    auto const& network = workplace.network();
    auto const& data = workplace.data(0);
    ExitTable table;
    table.network = network.name();
    table.dataset = data.name();
    table.weights_sha256 = workplace.weights().sha256;
    for (auto const block : plan.dropped) table.dropped.push_back(network.block(block).name);
    double macs = 0;
    for (std::size_t b = 0; b < network.size(); ++b) {
        auto const& block = network.blocks()[b];
        bool const is_dropped = mode_of(plan, BlockId(b)) == BlockMode::skip;
        macs += static_cast<double>((is_dropped ? block.skip_macs : block.macs).value());
        auto const exit = network.exit_after(BlockId(b));
        if (!exit) continue;
        auto const head = static_cast<double>(network.block(network.head_of(*exit)).macs.value());
        macs += head;
        table.exits.push_back(block.name);
        table.macs.push_back(macs);
        table.head_macs.push_back(head);
    }
    table.macs.push_back(macs);
    table.head_macs.push_back(0);
    table.samples = data.size();
    table.confidence.resize(table.samples * table.outcomes());
    table.predicted.resize(table.samples * table.outcomes());
    for (std::size_t i = 0; i < table.samples; ++i) table.labels.push_back(data.label(i));
    return table;
}

}  // namespace

bool ends_with_softmax(Network const& network) {
    auto const& graph = network.graph();
    return graph.at(graph.source(graph.output())).as<op::Softmax>() != nullptr;
}

HandMaker measuring_hands(Workplace const& workplace, MeasuringPlan const& plan) {
    return [&] { return std::make_unique<MeasuringHand>(workplace, plan); };
}

std::optional<ExitTable> measure(Workplace const& workplace, MeasuringPlan const& plan, Crew& crew,
                                 study::Journal& journal, std::function<void(MeasuringProgress const&)> const& report,
                                 std::atomic<bool> const& stop) {
    auto table = empty_table(workplace, plan);
    auto const outcomes = table.outcomes();
    auto const fill = [&](std::size_t batch, Predictions const& words) {
        auto const first = batch * workplace.batch() * outcomes;
        SKIPSTONE_EXPECT(words.size() == 2 * outcomes * workplace.images_of(0, batch));
        for (std::size_t i = 0; i < words.size() / 2; ++i) {
            table.predicted[first + i] = static_cast<std::int32_t>(words[2 * i]);
            table.confidence[first + i] = std::bit_cast<float>(words[2 * i + 1]);
        }
    };
    auto const known = journal.batches(0);
    std::vector<std::size_t> left;
    for (std::size_t batch = 0; batch < workplace.batches(0); ++batch)
        if (auto const found = known.find(batch);
            found != known.end() && found->second.size() == 2 * outcomes * workplace.images_of(0, batch))
            fill(batch, found->second);
        else
            left.push_back(batch);
    auto const count = workplace.batches(0);
    MeasuringProgress progress{count - left.size(), count, count - left.size()};
    Pace const pace(progress.known);
    report(progress);
    bool const has_all = crew.run(
        left.size(),
        [&](std::size_t i) {
            Buffer task(sizeof(std::uint64_t));
            std::uint64_t const batch = left[i];
            std::memcpy(task.data(), &batch, sizeof batch);
            return task;
        },
        [&](std::size_t i, Buffer result) {
            Predictions words(result.size() / sizeof(std::uint32_t));
            std::memcpy(words.data(), result.data(), result.size());
            fill(left[i], words);
            journal.add(0, left[i], std::move(words));
            ++progress.done;
            progress.seconds_left = pace.left(progress.done, progress.count);
            report(progress);
        },
        stop);
    if (!has_all) return std::nullopt;
    return table;
}

}  // namespace skipstone::exits

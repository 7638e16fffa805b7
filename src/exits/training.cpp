#include "exits/training.hpp"

#include <algorithm>
#include <bit>
#include <cstring>
#include <map>
#include <span>
#include <utility>

#include "exits/pace.hpp"
#include "kernels/host.hpp"
#include "model/exit.hpp"
#include "units/error.hpp"

namespace skipstone::exits {

namespace {

using study::Predictions;
using study::Workplace;

// A task begins with these, a head's goes on with a byte per sample (right at the end) and the block's features.
enum What : std::uint32_t { features_of_batch, head_of_block };
struct TaskHead {
    std::uint32_t what = features_of_batch, index = 0;
};

// Batches of all data sets, one behind the other.
struct BatchPlace {
    std::size_t data = 0, batch = 0, first = 0, images = 0;  // first: its first sample
};
std::vector<BatchPlace> batches_of(Workplace const& workplace) {
    std::vector<BatchPlace> places;
    std::size_t first = 0;
    for (std::size_t data = 0; data < workplace.data_sets(); ++data)
        for (std::size_t batch = 0; batch < workplace.batches(data); ++batch) {
            auto const images = workplace.images_of(data, batch);
            places.push_back({data, batch, first, images});
            first += images;
        }
    return places;
}

double macs_behind(Network const& network, BlockId block) {
    double macs = 0;
    for (auto i = block.index() + 1; i < network.size(); ++i)
        macs += static_cast<double>(network.blocks()[i].macs.value());
    return macs;
}

// A head as 32-bit words, which a journal keeps.
Predictions words_of(ChosenHead const& head, ChoiceSettings const& settings) {
    Predictions words{
        static_cast<std::uint32_t>(std::ranges::find(settings.kinds, head.kind) - settings.kinds.begin())};
    for (double const value : {head.penalty, head.loss, head.accuracy, head.leaving}) {
        auto const bits = std::bit_cast<std::uint64_t>(value);
        words.push_back(static_cast<std::uint32_t>(bits));
        words.push_back(static_cast<std::uint32_t>(bits >> 32));
    }
    auto const& numbers = head.numbers;
    for (auto const* part : {&numbers.layer, &numbers.layer_bias, &numbers.weights, &numbers.bias}) {
        words.push_back(static_cast<std::uint32_t>(part->size()));
        for (float const value : *part) words.push_back(std::bit_cast<std::uint32_t>(value));
    }
    return words;
}

ChosenHead head_of(Predictions const& words, ChoiceSettings const& settings) {
    std::size_t at = 0;
    ChosenHead head;
    head.kind = settings.kinds.at(words.at(at++));
    for (auto* value : {&head.penalty, &head.loss, &head.accuracy, &head.leaving}) {
        auto const low = words.at(at++);
        *value = std::bit_cast<double>(std::uint64_t{words.at(at++)} << 32 | low);
    }
    auto& numbers = head.numbers;
    for (auto* part : {&numbers.layer, &numbers.layer_bias, &numbers.weights, &numbers.bias}) {
        auto const size = words.at(at++);
        for (std::uint32_t i = 0; i < size; ++i) part->push_back(std::bit_cast<float>(words.at(at++)));
    }
    return head;
}

class TrainingHand : public Hand {
  public:
    TrainingHand(Workplace const& workplace, TrainingPlan const& plan)
        : workplace_(workplace),
          plan_(plan),
          features_(plan.features(workplace.network())),
          parts_(parts_of(workplace)),
          batches_(batches_of(workplace)) {
        kernels::use_threads(1);
    }

    Buffer work(Buffer task, std::atomic<bool> const& stop) override {
        TaskHead head;
        std::memcpy(&head, task.data(), sizeof head);
        if (head.what == features_of_batch) return features(batches_.at(head.index), stop);
        return trained(head.index, task.bytes().subspan(sizeof head), stop);
    }

  private:
    // The classes that the network's end predicts, then the features block by block.
    Buffer features(BatchPlace const& place, std::atomic<bool> const& stop) {
        if (!kernels_) kernels_.emplace(workplace_.make_kernels());
        auto const& network = workplace_.network();
        std::size_t row = 0;
        for (auto const& here : features_) row += here.size();
        Buffer result(place.images * (sizeof(std::uint32_t) + row * sizeof(float)));
        auto* const predicted = reinterpret_cast<std::uint32_t*>(result.data());
        std::span values(reinterpret_cast<float*>(predicted + place.images), place.images * row);
        auto tensor = workplace_.load(place.data, place.batch);
        std::size_t next = 0;
        for (std::size_t block = 0; block < network.size(); ++block) {
            if (stop) return result;
            tensor = kernels_->run(BlockId(block), BlockMode::full, std::move(tensor));
            if (next == plan_.blocks.size() || plan_.blocks[next] != BlockId(block)) continue;
            auto const& here = features_[next++];
            for (auto const pooling : here.poolings)
                pool(tensor, pooling, values.subspan(here.offset(pooling)), here.size());
            values = values.subspan(place.images * here.size());
        }
        auto const classes = tensor.values().size() / place.images;
        for (std::size_t i = 0; i < place.images; ++i) {
            auto const scores = tensor.values().subspan(i * classes, classes);
            predicted[i] = static_cast<std::uint32_t>(verdict_of(scores).predicted);
        }
        return result;
    }

    Buffer trained(std::size_t number, std::span<std::byte const> bytes, std::atomic<bool> const& stop) const {
        auto const samples = parts_.labels.size();
        auto const* const right = reinterpret_cast<std::uint8_t const*>(bytes.data());
        auto const& features = features_.at(number);
        auto const values = bytes.subspan(room_for_right(samples));
        BlockSamples const block{features,
                                 {reinterpret_cast<float const*>(values.data()), samples * features.size()},
                                 parts_.labels,
                                 {right, samples},
                                 parts_.training,
                                 parts_.validation,
                                 macs_behind(workplace_.network(), plan_.blocks[number])};
        auto const chosen = choose_head(block, plan_.choice, stop);
        if (!chosen) return {};
        auto const words = words_of(*chosen, plan_.choice);
        Buffer result(words.size() * sizeof(std::uint32_t));
        std::memcpy(result.data(), words.data(), result.size());
        return result;
    }

  public:
    // Bytes that a task's byte per sample takes, so that floats may follow.
    static std::size_t room_for_right(std::size_t samples) { return (samples + 7) / 8 * 8; }

  private:
    Workplace const& workplace_;
    TrainingPlan const& plan_;
    std::vector<Features> features_;
    SampleParts parts_;
    std::vector<BatchPlace> batches_;
    std::optional<kernels::NetworkKernels> kernels_;
};

// The journal's passes.
constexpr std::size_t pass_of_features = 0, pass_of_heads = 1;

// A batch's record: the classes predicted at the end, and a checksum of its features. None where the file does not hold
// them any more.
std::optional<Predictions> known_batch(Predictions const& record, BatchPlace const& place, FeatureFile const& file) {
    if (record.size() != place.images + 1) return std::nullopt;
    if (checksum(file.read(place.first, place.images)) != record.back()) return std::nullopt;
    return Predictions(record.begin(), record.end() - 1);
}

}  // namespace

std::vector<Features> TrainingPlan::features(Network const& network) const {
    std::vector<Features> all;
    for (auto const block : blocks) {
        Features features{network.block(block).output, {}};
        auto smallest = choice.kinds.front().pooling;
        for (auto const& kind : choice.kinds) {
            auto const shape = pooled_shape(features.input, kind.pooling);
            if (shape.elements() < pooled_shape(features.input, smallest).elements()) smallest = kind.pooling;
            bool const is_there = std::ranges::any_of(features.poolings, [&](Pooling const& other) {
                return other.maxima == kind.pooling.maxima && pooled_shape(features.input, other) == shape;
            });
            if (!is_there && shape.elements() <= most_features) features.poolings.push_back(kind.pooling);
        }
        if (features.poolings.empty()) features.poolings.push_back(smallest);
        all.push_back(std::move(features));
    }
    return all;
}

SampleParts parts_of(Workplace const& workplace) {
    SampleParts parts;
    std::map<int, std::size_t> met;
    for (std::size_t data = 0; data < workplace.data_sets(); ++data)
        for (std::size_t i = 0; i < workplace.data(data).size(); ++i) {
            int const label = workplace.data(data).label(i);
            bool const validates = workplace.data_sets() > 1 ? data > 0 : met[label]++ % 5 == 4;
            (validates ? parts.validation : parts.training).push_back(parts.labels.size());
            parts.labels.push_back(label);
        }
    return parts;
}

HandMaker training_hands(Workplace const& workplace, TrainingPlan const& plan) {
    return [&] { return std::make_unique<TrainingHand>(workplace, plan); };
}

std::optional<std::vector<ChosenHead>> train_heads(Workplace const& workplace, TrainingPlan const& plan, Crew& crew,
                                                   FeatureFile& file, study::Journal& journal,
                                                   std::function<void(TrainingProgress const&)> const& report,
                                                   std::atomic<bool> const& stop) {
    auto const parts = parts_of(workplace);
    auto const places = batches_of(workplace);
    std::vector<std::uint8_t> right(parts.labels.size());
    auto const note_right = [&](BatchPlace const& place, std::span<std::uint32_t const> predicted) {
        for (std::size_t i = 0; i < place.images; ++i)
            right[place.first + i] = static_cast<std::int32_t>(predicted[i]) == parts.labels[place.first + i];
    };
    std::vector<std::size_t> left;
    auto const finished = journal.batches(pass_of_features);
    for (std::size_t b = 0; b < places.size(); ++b) {
        auto const record = finished.find(b);
        auto const known = record == finished.end() ? std::nullopt : known_batch(record->second, places[b], file);
        if (known)
            note_right(places[b], *known);
        else
            left.push_back(b);
    }
    TrainingProgress progress{TrainingProgress::Phase::features, places.size() - left.size(), places.size(),
                              places.size() - left.size()};
    auto const advance = [&, pace = Pace(progress.known)](bool more) {
        progress.done += more;
        progress.seconds_left = pace.left(progress.done, progress.count);
        report(progress);
    };
    advance(false);
    auto const simple_task = [](What what, std::size_t index) {
        Buffer task(sizeof(TaskHead));
        TaskHead const head{what, static_cast<std::uint32_t>(index)};
        std::memcpy(task.data(), &head, sizeof head);
        return task;
    };
    bool const has_features = crew.run(
        left.size(), [&](std::size_t i) { return simple_task(features_of_batch, left[i]); },
        [&](std::size_t i, Buffer result) {
            auto const& place = places[left[i]];
            std::span const predicted(reinterpret_cast<std::uint32_t const*>(result.data()), place.images);
            std::span const values(reinterpret_cast<float const*>(predicted.data() + place.images),
                                   place.images * file.row_size());
            file.write(place.first, place.images, values);
            Predictions record(predicted.begin(), predicted.end());
            record.push_back(checksum(values));
            journal.add(pass_of_features, left[i], std::move(record));
            note_right(place, predicted);
            advance(true);
        },
        stop);
    if (!has_features) return std::nullopt;

    std::vector<std::optional<ChosenHead>> heads(plan.blocks.size());
    for (auto const& [number, words] : journal.batches(pass_of_heads))
        if (number < heads.size()) heads[number] = head_of(words, plan.choice);
    std::vector<std::size_t> untrained;
    for (std::size_t number = 0; number < heads.size(); ++number)
        if (!heads[number]) untrained.push_back(number);
    auto const features = plan.features(workplace.network());
    progress = {TrainingProgress::Phase::heads, heads.size() - untrained.size(), heads.size(),
                heads.size() - untrained.size()};
    auto const trained = [&, pace = Pace(progress.known)](bool more) {
        progress.done += more;
        progress.seconds_left = pace.left(progress.done, progress.count);
        report(progress);
    };
    trained(false);
    bool const has_heads = crew.run(
        untrained.size(),
        [&](std::size_t i) {
            auto const number = untrained[i];
            auto const begin = sizeof(TaskHead) + TrainingHand::room_for_right(right.size());
            auto const head = simple_task(head_of_block, number);
            Buffer task(begin + right.size() * features[number].size() * sizeof(float));
            std::memcpy(task.data(), head.data(), head.size());
            std::memcpy(task.data() + sizeof(TaskHead), right.data(), right.size());
            file.read_block(number, task.bytes().subspan(begin));
            return task;
        },
        [&](std::size_t i, Buffer result) {
            Predictions words(result.size() / sizeof(std::uint32_t));
            std::memcpy(words.data(), result.data(), result.size());
            heads[untrained[i]] = head_of(words, plan.choice);
            journal.add(pass_of_heads, untrained[i], std::move(words));
            trained(true);
        },
        stop);
    if (!has_heads) return std::nullopt;
    std::vector<ChosenHead> all;
    for (auto& head : heads) all.push_back(*std::move(head));
    return all;
}

}  // namespace skipstone::exits

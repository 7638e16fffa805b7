#include "kernels/placement.hpp"

#include <algorithm>
#include <limits>
#include <optional>

#include "units/error.hpp"

namespace skipstone::kernels {

namespace {

constexpr auto always = std::numeric_limits<std::size_t>::max();

// Memory that several tensors have one after the other, each written over the one before.
struct Storage {
    std::size_t begin = 0;  // the step that writes it first
    std::size_t end = 0;    // the step that reads it last
    std::size_t bytes = 0;
    std::optional<Place> place = {};
};

}  // namespace

std::vector<Place> places_of(std::vector<Step> const& steps, Value const& input, std::vector<std::size_t> const& sizes,
                             std::size_t input_size) {
    // The input is tensor 0, and what step i gives tensor i + 1.
    auto const index_of = [&](Value const& value) {
        if (value == input) return std::size_t{0};
        auto const found = std::ranges::find(steps, value, &Step::gives);
        SKIPSTONE_ENSURE(found != steps.end());
        return static_cast<std::size_t>(found - steps.begin()) + 1;
    };
    std::vector<std::size_t> last_read(steps.size() + 1);
    for (std::size_t i = 0; i < steps.size(); ++i) {
        last_read[i + 1] = std::max(last_read[i + 1], i);
        for (auto const& value : steps[i].reads) last_read[index_of(value)] = i;
        if (steps[i].added) last_read[index_of(*steps[i].added)] = i;
    }
    last_read.back() = always;

    std::vector<Storage> storages{{0, last_read.front(), input_size, Place{Place::Where::input}}};
    std::vector<std::size_t> storage_of(steps.size() + 1);
    for (std::size_t i = 0; i < steps.size(); ++i) {
        auto const& step = steps[i];
        std::optional<std::size_t> over;
        if (step.added) {
            over = index_of(*step.added);
            SKIPSTONE_ENSURE(last_read[*over] == i);
        } else if (step.may_lie_over_input) {
            auto const read = index_of(step.reads.front());
            if (last_read[read] == i && (read == 0 ? input_size : sizes[read - 1]) == sizes[i]) over = read;
        }
        if (over) {
            storage_of[i + 1] = storage_of[*over];
            storages[storage_of[*over]].end = last_read[i + 1];
        } else {
            storage_of[i + 1] = storages.size();
            storages.push_back({i, last_read[i + 1], sizes[i], {}});
        }
    }
    auto& output = storages[storage_of.back()];
    if (!output.place) {
        bool const input_is_free = storages.front().end < output.begin && output.bytes == input_size;
        output.place = Place{input_is_free ? Place::Where::input : Place::Where::output};
    }
    std::vector<std::size_t> free_behind;  // by buffer: the last step that reads it
    for (auto& storage : storages) {
        if (storage.place) continue;
        auto const buffer = static_cast<std::size_t>(
            std::ranges::find_if(free_behind, [&](std::size_t last) { return last < storage.begin; }) -
            free_behind.begin());
        if (buffer == free_behind.size()) free_behind.emplace_back();
        free_behind[buffer] = storage.end;
        storage.place = Place{Place::Where::inner, buffer};
    }
    std::vector<Place> places;
    for (std::size_t i = 0; i < steps.size(); ++i) places.push_back(*storages[storage_of[i + 1]].place);
    return places;
}

}  // namespace skipstone::kernels

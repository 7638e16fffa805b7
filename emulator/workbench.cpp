#include "emulator/workbench.hpp"

#include <algorithm>
#include <tuple>
#include <utility>

#include "model/box.hpp"
#include "units/error.hpp"

namespace skipstone::emulator {

namespace {

template <class Item>
std::span<Item const> part_of(std::vector<Item> const& items, std::int32_t first, std::int32_t count) {
    SKIPSTONE_EXPECT(first >= 0 && count >= 0 && static_cast<std::size_t>(first) <= items.size() &&
                     static_cast<std::size_t>(count) <= items.size() - static_cast<std::size_t>(first));
    return std::span(items).subspan(static_cast<std::size_t>(first), static_cast<std::size_t>(count));
}

TensorName name_of(Work const& work, InputOrder const& input) {
    return {work.round, work.order.request, input.from_task, input.piece};
}

}  // namespace

bool runs_before(Work const& a, Work const& b) {
    auto const key = [](Work const& work) {
        auto const& order = work.order;
        return std::tuple(work.round, order.begin_s, order.end_s, order.request, order.task);
    };
    return key(a) < key(b);
}

Tensor take_box(std::shared_ptr<Tensor> const& tensor, Box const& box, bool is_last) {
    if (tensor->empty()) return {};  // kernels are off
    if (!box.is_whole() && !(box.region() == whole_region(tensor->shape()))) return cut(*tensor, box.region());
    return is_last ? std::move(*tensor) : tensor->clone();
}

std::vector<Work*> Workbench::arrive(Slot& slot) {
    std::vector<Work*> complete;
    for (Entry* const reader : slot.readers)
        if (--reader->missing == 0) complete.push_back(reader);
    return complete;
}

std::vector<Work*> Workbench::add(Orders orders) {
    std::lock_guard const lock(mutex_);
    auto const [found, is_new] = rounds_.try_emplace(orders.round);
    SKIPSTONE_EXPECT(is_new);
    Round& round = found->second;
    round.orders = std::move(orders);
    round.unfinished = round.orders.tasks.size();
    std::vector<std::map<TensorName, Slot>::iterator> here;
    for (TaskOrder const& order : round.orders.tasks) {
        auto& work = *round.works.emplace_back(std::make_unique<Entry>());
        work.round = round.orders.round;
        work.order = order;
        work.inputs = part_of(round.orders.inputs, order.first_input, order.inputs);
        work.outputs = part_of(round.orders.outputs, order.first_output, order.outputs);
        work.missing = work.inputs.size();
        for (InputOrder const& input : work.inputs) {
            auto const slot = slots_.try_emplace(name_of(work, input)).first;
            if (slot->second.tensor && slot->second.readers.empty()) here.push_back(slot);
            slot->second.readers.push_back(&work);
            ++slot->second.left;
        }
    }
    std::vector<Work*> complete;
    for (auto const slot : here) std::ranges::copy(arrive(slot->second), std::back_inserter(complete));
    return complete;
}

std::vector<Work*> Workbench::put(TensorName const& name, Tensor tensor) {
    std::lock_guard const lock(mutex_);
    Slot& slot = slots_[name];
    SKIPSTONE_EXPECT(!slot.tensor);
    slot.tensor = std::make_shared<Tensor>(std::move(tensor));
    return arrive(slot);
}

bool Workbench::is_complete(Work const& work) const {
    std::lock_guard const lock(mutex_);
    return static_cast<Entry const&>(work).missing == 0;
}

bool Workbench::is_read(TensorName const& name) const {
    std::lock_guard const lock(mutex_);
    return slots_.contains(name);
}

std::vector<Tensor> Workbench::take(Work const& work) {
    std::vector<std::pair<std::shared_ptr<Tensor>, bool>> taken;
    {
        std::lock_guard const lock(mutex_);
        SKIPSTONE_EXPECT(static_cast<Entry const&>(work).missing == 0);
        for (InputOrder const& input : work.inputs) {
            auto const slot = slots_.find(name_of(work, input));
            SKIPSTONE_EXPECT(slot != slots_.end() && slot->second.tensor);
            bool const is_last = --slot->second.left == 0;
            taken.emplace_back(slot->second.tensor, is_last);
            if (is_last) slots_.erase(slot);
        }
    }
    std::vector<Tensor> pieces;
    for (std::size_t i = 0; i < taken.size(); ++i)
        pieces.push_back(take_box(taken[i].first, work.inputs[i].read, taken[i].second));
    return pieces;
}

bool Workbench::finish(Work const& work) {
    std::lock_guard const lock(mutex_);
    return --rounds_.at(work.round).unfinished == 0;
}

std::size_t Workbench::call_off(CallOff const& what) {
    std::lock_guard const lock(mutex_);
    auto const found = rounds_.find(what.round);
    if (found == rounds_.end()) return 0;  // all that was to be done here came before
    Round& round = found->second;
    std::size_t called_off = 0;
    auto const request = [](auto const& work) { return work->order.request; };
    for (auto const& work : std::ranges::equal_range(round.works, what.request, {}, request)) {
        if (work->order.task <= what.task) continue;
        SKIPSTONE_EXPECT(work->missing > 0);
        ++called_off;
        for (InputOrder const& input : work->inputs) {
            auto const slot = slots_.find(name_of(*work, input));
            SKIPSTONE_EXPECT(slot != slots_.end());
            std::erase(slot->second.readers, work.get());
            --slot->second.left;
            if (slot->second.left == 0) slots_.erase(slot);
        }
    }
    round.unfinished -= called_off;
    return called_off;
}

std::vector<Work*> Workbench::schedule(std::int32_t round) {
    std::vector<Work*> works;
    {
        std::lock_guard const lock(mutex_);
        for (auto const& work : rounds_.at(round).works)
            if (work->order.computes()) works.push_back(work.get());
    }
    std::ranges::sort(works, [](Work const* a, Work const* b) { return runs_before(*a, *b); });
    return works;
}

void Workbench::release(std::int32_t round) {
    std::lock_guard const lock(mutex_);
    rounds_.erase(round);
}

std::size_t Workbench::tensors() const {
    std::lock_guard const lock(mutex_);
    return static_cast<std::size_t>(
        std::ranges::count_if(slots_, [](auto const& slot) { return slot.second.tensor != nullptr; }));
}

}  // namespace skipstone::emulator

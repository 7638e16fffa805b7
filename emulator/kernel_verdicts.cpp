#include "emulator/kernel_verdicts.hpp"

#include <algorithm>
#include <utility>

#include "units/error.hpp"

namespace skipstone::emulator {

Judgement const* KernelVerdicts::known(Question const& question) const {
    auto const of_image = known_.find(question.image);
    if (of_image == known_.end()) return nullptr;
    auto const found = std::ranges::find_if(of_image->second, [&](Known const& what) {
        return what.plan.devices == question.plan->devices && what.plan.dropped == question.plan->dropped &&
               what.plan.splits == question.plan->splits;
    });
    return found == of_image->second.end() ? nullptr : &found->judgement;
}

std::vector<Judgement> KernelVerdicts::judge(RoundId round, std::span<InstanceExit const>,
                                             std::span<Question const> questions) {
    if (round != round_) known_.clear();
    round_ = round;
    std::vector<Judgement> judgements(questions.size());
    std::vector<std::size_t> places;
    std::vector<Question> open;
    for (std::size_t q = 0; q < questions.size(); ++q) {
        if (auto const* judgement = known(questions[q])) {
            judgements[q] = *judgement;
            continue;
        }
        places.push_back(q);
        open.push_back(questions[q]);
    }
    if (open.empty()) return judgements;
    {
        std::unique_lock lock(mutex_);
        if (closed_) throw Closed();
        asked_ = Asked{round, open};
        if (called_) called_();
        answered_.wait(lock, [&] { return answer_.has_value() || closed_; });
        asked_.reset();
        if (closed_) throw Closed();
        auto answers = *std::exchange(answer_, std::nullopt);
        SKIPSTONE_ENSURE(answers.size() == open.size());
        for (std::size_t i = 0; i < places.size(); ++i) judgements[places[i]] = std::move(answers[i]);
    }
    for (auto const place : places)
        known_[questions[place].image].push_back({*questions[place].plan, judgements[place]});
    return judgements;
}

void KernelVerdicts::open(std::function<void()> called) {
    std::lock_guard const lock(mutex_);
    called_ = std::move(called);
}

void KernelVerdicts::wake() {
    std::lock_guard const lock(mutex_);
    if (called_) called_();
}

void KernelVerdicts::close() {
    {
        std::lock_guard const lock(mutex_);
        closed_ = true;
        called_ = nullptr;
    }
    answered_.notify_all();
}

std::optional<KernelVerdicts::Asked> KernelVerdicts::asked() const {
    std::lock_guard const lock(mutex_);
    return answer_ ? std::nullopt : asked_;
}

void KernelVerdicts::answer(std::vector<Judgement> judgements) {
    {
        std::lock_guard const lock(mutex_);
        answer_ = std::move(judgements);
    }
    answered_.notify_all();
}

}  // namespace skipstone::emulator

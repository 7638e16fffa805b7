#include "study/study.hpp"

#include <algorithm>
#include <chrono>
#include <memory>
#include <tuple>
#include <utility>

#include "units/error.hpp"

namespace skipstone::study {

namespace {

// Measures drop sets pass by pass, and keeps the time.
class Measuring {
  public:
    Measuring(Workplace const& workplace, Sharing sharing, Team& team, Journal& journal,
              std::function<void(StudyProgress const&)> const& report, std::atomic<bool> const& stop)
        : workplace_(workplace), sharing_(sharing), team_(team), journal_(journal), report_(report), stop_(stop) {}

    // ahead: how many times this pass' work is estimated to follow in later ones.
    std::optional<std::vector<MeasuredSet>> measure(std::string const& what, std::size_t data,
                                                    std::vector<DropSet> sets, double ahead) {
        PrefixTree tree(workplace_.network(), sets, sharing_);
        auto const pass = std::make_shared<Pass const>(Pass{data, std::move(sets), std::move(tree)});
        auto const number = passes_++;
        auto batches = journal_.batches(number);
        StudyProgress progress{what, batches.size(), workplace_.batches(data), batches.size(), -1};
        std::vector<std::size_t> open;
        for (std::size_t b = 0; b < progress.batches; ++b)
            if (!batches.contains(b)) open.push_back(b);
        report_(progress);
        auto const begin = std::chrono::steady_clock::now();
        auto const take = [&](BatchResult&& result) {
            journal_.add(number, result.batch, result.predictions);
            batches.emplace(result.batch, std::move(result.predictions));
            ++progress.done;
            double const spent = std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
            auto const fresh = static_cast<double>(progress.done - progress.known);
            auto const left = static_cast<double>(progress.batches - progress.done);
            progress.seconds_left = spent / fresh * (left + ahead * static_cast<double>(progress.batches));
            report_(progress);
        };
        if (!team_.classify(pass, open, take, stop_)) return std::nullopt;
        return tally(*pass, batches);
    }

  private:
    std::vector<MeasuredSet> tally(Pass const& pass, std::map<std::size_t, Predictions> const& batches) const {
        auto const& images = workplace_.data(pass.data);
        std::vector<MeasuredSet> measured;
        for (std::size_t s = 0; s < pass.sets.size(); ++s) {
            MeasuredSet set{pass.sets[s], 0, {}};
            for (auto const& [batch, predictions] : batches) {
                auto const count = workplace_.images_of(pass.data, batch);
                SKIPSTONE_ENSURE(predictions.size() == pass.sets.size() * count);
                auto const first = predictions.begin() + static_cast<std::ptrdiff_t>(s * count);
                set.predictions.insert(set.predictions.end(), first, first + static_cast<std::ptrdiff_t>(count));
            }
            for (std::size_t i = 0; i < set.predictions.size(); ++i)
                if (static_cast<int>(set.predictions[i]) == images.label(i)) ++set.correct;
            measured.push_back(std::move(set));
        }
        return measured;
    }

    Workplace const& workplace_;
    Sharing sharing_;
    Team& team_;
    Journal& journal_;
    std::function<void(StudyProgress const&)> const& report_;
    std::atomic<bool> const& stop_;
    std::size_t passes_ = 0;
};

DropSet with(DropSet set, BlockId block) {
    set.dropped.insert(std::ranges::upper_bound(set.dropped, block), block);
    return set;
}

// Fills selection.sets and the chain; false when stopped.
bool measure_chain(Workplace const& workplace, Measuring& measuring, double ahead_of_all, StudyResult& result) {
    auto left = identity_blocks(workplace.network());
    auto const steps = left.size();
    DropSet chain;
    for (std::size_t step = 1; step <= steps; ++step) {
        std::vector<DropSet> sets;
        if (step == 1) sets.push_back(chain);
        for (auto const block : left) sets.push_back(with(chain, block));
        auto const ahead = static_cast<double>(steps - step) / 2 + ahead_of_all;
        auto measured = measuring.measure("greedy step " + std::to_string(step) + " of " + std::to_string(steps), 0,
                                          std::move(sets), ahead);
        if (!measured) return false;
        auto best = measured->end() - static_cast<std::ptrdiff_t>(left.size());
        for (auto it = best; it != measured->end(); ++it)
            if (it->correct >= best->correct) best = it;
        chain = best->set;
        auto const added =
            std::ranges::find_if(left, [&](BlockId block) { return std::ranges::binary_search(chain.dropped, block); });
        result.chain.push_back(*added);
        left.erase(added);
        std::ranges::move(*measured, std::back_inserter(result.selection.sets));
    }
    return true;
}

// Of one pass, counted in images through the whole network.
double passes_left(Workplace const& workplace, std::size_t data, std::vector<DropSet> const& sets, Sharing sharing,
                   std::map<std::size_t, Predictions> const& known) {
    auto const& network = workplace.network();
    auto images = workplace.data(data).size();
    for (auto const& [batch, predictions] : known) images -= workplace.images_of(data, batch);
    return static_cast<double>(images) *
           (std::max(PrefixTree(network, sets, sharing).macs(), Macs(1)) / std::max(network.total_macs(), Macs(1)));
}

void sort_by_accuracy(std::vector<MeasuredSet>& sets) {
    std::ranges::stable_sort(sets, [](MeasuredSet const& a, MeasuredSet const& b) {
        auto const rank = [](MeasuredSet const& m) {
            return std::tuple(!m.set.dropped.empty(), m.set.mode, -static_cast<double>(m.correct));
        };
        return rank(a) < rank(b);
    });
}

}  // namespace

double image_passes(Workplace const& workplace, StudyPlan const& plan, Journal const& journal) {
    double passes = 0;
    std::size_t number = 0;
    auto const add = [&](std::size_t data, std::vector<DropSet> const& sets) {
        passes += passes_left(workplace, data, sets, plan.sharing, journal.batches(number++));
    };
    auto tried = plan.drops.sets;
    if (plan.choice == StudyPlan::Choice::greedy) {
        auto left = identity_blocks(workplace.network());
        for (DropSet chain; !left.empty(); left.pop_back()) {  // as if the last blocks went first
            std::vector<DropSet> sets;
            if (tried.empty()) sets.push_back(chain);
            for (auto const block : left) sets.push_back(with(chain, block));
            add(0, sets);
            tried.insert(tried.end(), sets.begin(), sets.end());
            chain = with(chain, left.back());
        }
    } else {
        add(0, tried);
    }
    if (workplace.data_sets() > 1) {
        std::erase_if(tried, [](DropSet const& set) { return set.mode != BlockMode::skip; });
        tried.resize(std::min(tried.size(), plan.final_count + 1));
        add(1, tried);
    }
    return passes;
}

std::optional<StudyResult> conduct(Workplace const& workplace, StudyPlan const& plan, Team& team, Journal& journal,
                                   std::function<void(StudyProgress const&)> const& report,
                                   std::atomic<bool> const& stop) {
    Measuring measuring(workplace, plan.sharing, team, journal, report, stop);
    bool const again = workplace.data_sets() > 1;
    double ahead = 0;
    if (again && !plan.drops.sets.empty())
        ahead = static_cast<double>(std::min(plan.final_count + 1, plan.drops.sets.size())) /
                static_cast<double>(plan.drops.sets.size()) * static_cast<double>(workplace.batches(1)) /
                static_cast<double>(workplace.batches(0));
    StudyResult result;
    if (plan.choice == StudyPlan::Choice::greedy) {
        if (!measure_chain(workplace, measuring, ahead, result)) return std::nullopt;
    } else {
        auto measured = measuring.measure(again ? "selection" : "study", 0, plan.drops.sets, ahead);
        if (!measured) return std::nullopt;
        result.selection.sets = *std::move(measured);
    }
    sort_by_accuracy(result.selection.sets);
    if (again) {
        std::vector<DropSet> best;
        for (auto const& measured : result.selection.sets)
            if (measured.set.mode == BlockMode::skip && best.size() <= plan.final_count) best.push_back(measured.set);
        auto measured = measuring.measure("final", 1, std::move(best), 0);
        if (!measured) return std::nullopt;
        result.final = Measurement{1, *std::move(measured)};
        sort_by_accuracy(result.final->sets);
    }
    return result;
}

}  // namespace skipstone::study

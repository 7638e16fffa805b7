#include "emulator/leaving.hpp"

#include <span>
#include <utility>

#include "units/error.hpp"

namespace skipstone::emulator {

namespace {

std::size_t heads_of(std::span<Task const> tasks) {
    std::size_t heads = 0;
    for (Task const& task : tasks) heads += task.is_head();
    return heads;
}

void end_at(TaskGraph& work, Judgement const& judgement) {
    std::size_t const all = heads_of(work.tasks);
    SKIPSTONE_ENSURE(judgement.leaves ? !judgement.heads.empty() && judgement.heads.size() <= all
                                      : judgement.heads.size() == all);
    if (!judgement.leaves) return;
    std::size_t left = judgement.heads.size();
    for (std::size_t t = 0; t < work.tasks.size(); ++t)
        if (work.tasks[t].is_head() && --left == 0) return leave_at(work, TaskId(t));
}

}  // namespace

Question Leaving::question(timeline::Job const& job, RequestPlan const& plan) const {
    return {.image = state_.requests[job.request.index()].image, .plan = &plan, .job = &job};
}

void Leaving::end(std::vector<timeline::Job>& jobs, std::vector<RequestPlan> const& plans) {
    std::vector<Question> questions;
    questions.reserve(jobs.size());
    for (timeline::Job const& job : jobs) questions.push_back(question(job, plans[job.request.index()]));
    auto judgements = verdicts_.judge(state_.round, instance_.exits, questions);
    SKIPSTONE_ENSURE(judgements.size() == jobs.size());
    for (std::size_t j = 0; j < jobs.size(); ++j) {
        end_at(jobs[j].work, judgements[j]);
        judged_[jobs[j].request] = std::move(judgements[j]);
    }
}

TaskGraph Leaving::end(timeline::Job const& job, std::size_t kept, TaskGraph work, RequestPlan const& plan) {
    Judgement& before = judged_.at(job.request);
    std::size_t const passed = heads_of(std::span(job.work.tasks).first(kept));
    timeline::Job const whole{
        .request = job.request, .ready = job.ready, .source = job.source, .work = std::move(work)};
    Question again = question(whole, plan);
    again.passed = std::span(before.heads).first(passed);
    auto judgements = verdicts_.judge(state_.round, instance_.exits, {&again, 1});
    SKIPSTONE_ENSURE(judgements.size() == 1);
    TaskGraph ended = whole.work;
    end_at(ended, judgements.front());
    before = std::move(judgements.front());
    return ended;
}

std::vector<Judgement> Leaving::judged(std::vector<timeline::Job> const& jobs) const {
    std::vector<Judgement> result;
    result.reserve(jobs.size());
    for (timeline::Job const& job : jobs) result.push_back(judged_.at(job.request));
    return result;
}

}  // namespace skipstone::emulator

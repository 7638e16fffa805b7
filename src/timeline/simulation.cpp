#include "timeline/simulation.hpp"

#include <algorithm>
#include <cmath>
#include <limits>

#include "units/error.hpp"
#include "units/random.hpp"

namespace skipstone::timeline {

namespace {

// Payload of a TCP segment in an Ethernet frame of 1500 bytes, with timestamps.
constexpr std::int64_t packet_bytes = 1448;

// How often one of `packets` packets is lost, and sent again, until all have arrived.
std::int64_t lost_packets(std::int64_t packets, double loss, RandomStream stream) {
    std::int64_t lost = 0;
    if (1 - loss == 1) return lost;  // so rare that its logarithm would be 0
    if (loss <= 0.5) {               // few losses: draw how many packets arrive before the next loss
        double const log_arrival = portable_log(1 - loss);
        for (auto left = static_cast<double>(packets);; ++lost) {
            left -= std::floor(portable_log(1 - stream.uniform()) / log_arrival);
            if (left <= 0) return lost;
        }
    }
    double const log_loss = portable_log(loss);  // many: draw each packet's losses
    for (std::int64_t packet = 0; packet < packets; ++packet)
        lost += static_cast<std::int64_t>(std::floor(portable_log(1 - stream.uniform()) / log_loss));
    return lost;
}

}  // namespace

Simulation::Simulation(std::vector<Job> const& jobs, Conditions const& conditions)
    : jobs_(jobs), unfinished_(jobs.size()), conditions_(conditions), progress_(jobs.size()) {
    SKIPSTONE_EXPECT(conditions.loss >= 0 && conditions.loss < 1);
    SKIPSTONE_EXPECT(conditions.jitter >= Seconds(0));
    std::vector<RequestId> requests;
    times_.jobs.resize(jobs.size());
    for (std::size_t j = 0; j < jobs.size(); ++j) {
        SKIPSTONE_EXPECT(jobs[j].ready >= conditions.start && std::isfinite(jobs[j].ready.value()));
        requests.push_back(jobs[j].request);
        prepare_job(j);
        wakes_.push({jobs[j].ready.value(), j, What::image_there});
    }
    std::ranges::sort(requests);
    SKIPSTONE_EXPECT(std::ranges::adjacent_find(requests) == requests.end());
}

Simulation::Simulation(std::vector<Job>& jobs, Conditions const& conditions, FaultHandling const& handling)
    : Simulation(jobs, conditions) {
    changing_jobs_ = &jobs;
    handling_ = &handling;
}

void Simulation::prepare_job(std::size_t j) {
    SKIPSTONE_EXPECT(!job(j).tasks.empty());
    if (job(j).source) make_room(*job(j).source);
    for (Task const& task : job(j).tasks) {
        SKIPSTONE_EXPECT(bool(task.device));
        SKIPSTONE_EXPECT(task.duration >= Seconds(0) && std::isfinite(task.duration.value()));
        make_room(task.device);
    }
    times_.jobs[j].hops.resize(job(j).tasks.size());
    times_.jobs[j].tasks.resize(job(j).tasks.size());
}

void Simulation::make_room(DeviceId device) {
    if (processors_.size() <= device.index()) processors_.resize(device.index() + 1, none);
    auto& processor = processors_[device.index()];
    if (processor == none) {
        processor = servers_.all.size();
        servers_.all.emplace_back();
    }
    if (conditions_.medium == Medium::radio && radios_.all.size() <= device.index())
        radios_.all.resize(device.index() + 1);
}

RoundTimes Simulation::run() {
    times_.end = conditions_.start;
    while (unfinished_ > 0) {
        SKIPSTONE_ENSURE(!wakes_.empty());
        double const now = wakes_.top().time;
        // Everything that ends or arrives now is seen before anything starts. What starts now and takes no time also
        // ends now.
        while (!wakes_.empty() && wakes_.top().time == now) {
            Wake const wake = wakes_.top();
            wakes_.pop();
            handle(wake);
        }
        start(now);
    }
    for (JobTimes const& job : times_.jobs) times_.end = std::max(times_.end, job.finish);
    times_.end = std::max(times_.end, Seconds(last_failure_));
    return std::move(times_);
}

std::pair<std::size_t, std::size_t> Simulation::radios_of(std::size_t j) const {
    std::size_t const task = progress_[j].task;
    return {sender_of(job(j), task)->index(), job(j).tasks[task].device.index()};
}

void Simulation::handle(Wake const& wake) {
    if (wake.phase() == 1) return fail(wake);
    std::size_t const j = wake.job;
    Progress& progress = progress_[j];
    if (wake.epoch != progress.epoch) return;
    switch (wake.what) {
        case What::image_there:
            begin_hop(j, wake.time);
            break;
        case What::computed:
            servers_.release(progress.server);
            if (++progress.task < job(j).tasks.size()) {
                begin_hop(j, wake.time);
                break;
            }
            times_.jobs[j].finish = Seconds(wake.time);
            progress.phase = Phase::done;
            --unfinished_;
            break;
        case What::sent:
            if (conditions_.medium == Medium::radio) {
                auto const [from, to] = radios_of(j);
                radios_.release(from);
                radios_.release(to);
            } else {
                servers_.release(progress.server);
            }
            hop_times(j).arrival = Seconds(wake.time + progress.delay);
            progress.phase = Phase::on_its_way;
            wakes_.push({hop_times(j).arrival.value(), j, What::arrived, progress.epoch});
            break;
        case What::arrived:
            begin_task(j, wake.time);
            break;
        case What::recover:
            recover(j, wake.time);
            break;
        case What::device_fails:
        case What::link_fails:
            break;
    }
}

void Simulation::begin_hop(std::size_t j, double now) {
    Progress& progress = progress_[j];
    HopTimes& times = hop_times(j);
    times.ready = Seconds(now);
    auto const from = sender_of(job(j), progress.task);
    if (!from) {
        times.arrival = times.ready;
        begin_task(j, now);
        return;
    }
    DeviceId const to = job(j).tasks[progress.task].device;
    times.moved = true;
    progress.phase = Phase::waits_to_send;
    if (!can_send(*from, to, now)) return lose(j, can_compute(*from, now) ? to : *from, now);
    prepare_transmission(j, *from, to);
    if (conditions_.medium == Medium::radio)
        new_on_air_.push_back({now, job(j).request, j, progress.epoch});
    else
        enqueue(j, link_server(*from, to), now);
}

void Simulation::prepare_transmission(std::size_t j, DeviceId from, DeviceId to) {
    Progress& progress = progress_[j];
    BitRate const rate = conditions_.links.rate(from, to);
    SKIPSTONE_EXPECT(rate > BitRate(0));
    Bytes const bytes = moved_bytes(job(j), progress.task).serialised;
    SKIPSTONE_EXPECT(bytes >= Bytes(0));
    auto const stream = [&](char const* name) {
        return RandomStream(conditions_.seed, name, conditions_.round.value(), job(j).request.value(),
                            moved_block(job(j), progress.task).value());
    };
    progress.duration = (bytes / rate).value();
    double const loss = conditions_.links.own_loss(from, to).value_or(conditions_.loss);
    if (loss > 0 && bytes > Bytes(0)) {
        std::int64_t const packets = (bytes.value() + packet_bytes - 1) / packet_bytes;
        std::int64_t const lost = lost_packets(packets, loss, stream("loss"));
        hop_times(j).retransmitted_packets = lost;
        progress.duration *= static_cast<double>(packets + lost) / static_cast<double>(packets);
    }
    progress.delay = conditions_.links.latency(from, to).value();
    Seconds const jitter = conditions_.links.own_jitter(from, to).value_or(conditions_.jitter);
    if (jitter > Seconds(0))
        progress.delay = std::max(0.0, progress.delay + jitter.value() * stream("jitter").normal());
}

void Simulation::begin_task(std::size_t j, double now) {
    Progress& progress = progress_[j];
    Task const& task = job(j).tasks[progress.task];
    progress.phase = Phase::waits_to_compute;
    progress.duration = task.duration.value();
    task_times(j).ready = Seconds(now);
    if (!can_compute(task.device, now)) return lose(j, task.device, now);
    enqueue(j, processors_[task.device.index()], now);
}

void Simulation::enqueue(std::size_t j, std::size_t server, double now) {
    progress_[j].server = server;
    servers_.all[server].queue.push({now, job(j).request, j, progress_[j].epoch});
    servers_.touch(server);
}

std::size_t Simulation::link_server(DeviceId from, DeviceId to) {
    std::uint64_t const pair = (static_cast<std::uint64_t>(from.index()) << 32) | to.index();
    auto const [link, is_new] = links_.try_emplace(pair, servers_.all.size());
    if (is_new) servers_.all.emplace_back();
    return link->second;
}

// Chooses what starts now. If some of it takes no time, only that starts: what it brings about at this same instant may
// come before the rest by its request, and everything is chosen again after that.
void Simulation::start(double now) {
    chosen_.clear();
    for (std::size_t const index : servers_.touched) {
        Resource& server = servers_.all[index];
        drop_void(server.queue);
        if (server.busy || server.queue.empty()) continue;
        std::size_t const j = server.queue.top().job;
        chosen_.push_back({j, now + progress_[j].duration});
    }
    std::size_t const served = chosen_.size();
    choose_hops_on_air(now);
    bool const instant = std::ranges::any_of(chosen_, [&](Choice const& choice) { return choice.end <= now; });
    for (std::size_t i = 0; i < chosen_.size(); ++i) {
        auto const [j, end] = chosen_[i];
        bool const starts = !instant || end <= now;
        if (i < served) {
            if (!starts) continue;
            Resource& server = servers_.all[progress_[j].server];
            server.queue.pop();
            server.busy = true;
        } else if (!starts) {
            auto const [from, to] = radios_of(j);
            radios_.release(from);
            radios_.release(to);
            new_on_air_.push_back({hop_times(j).ready.value(), job(j).request, j, progress_[j].epoch});
            continue;
        }
        commit(j, now, end);
    }
    if (instant) return;
    servers_.settle();
    radios_.settle();
}

// In the order of all hops that may start, new ones and those that waited with a radio that is free now: starts each
// whose two radios are free, and lets each other one wait with a radio that is not.
void Simulation::choose_hops_on_air(double now) {
    Earliest<Candidate> candidates;
    for (Waiting const& hop : new_on_air_)
        if (!is_void(hop)) candidates.push({hop, none});
    new_on_air_.clear();
    auto const offer_next = [&](std::size_t radio) {
        drop_void(radios_.all[radio].queue);
        if (!radios_.all[radio].queue.empty()) candidates.push({radios_.all[radio].queue.top(), radio});
    };
    for (std::size_t const radio : radios_.touched)
        if (!radios_.all[radio].busy) offer_next(radio);
    while (!candidates.empty()) {
        auto const [hop, radio] = candidates.top();
        candidates.pop();
        if (radio != none) {
            if (radios_.all[radio].busy) continue;  // taken by an earlier one; all that wait with it go on waiting
            radios_.all[radio].queue.pop();
        }
        auto const [from, to] = radios_of(hop.job);
        if (radios_.all[from].busy || radios_.all[to].busy) {
            radios_.all[radios_.all[from].busy ? from : to].queue.push(hop);
            if (radio != none) offer_next(radio);
        } else {
            radios_.all[from].busy = radios_.all[to].busy = true;
            chosen_.push_back({hop.job, now + progress_[hop.job].duration});
        }
    }
}

void Simulation::commit(std::size_t j, double now, double end) {
    Progress& progress = progress_[j];
    if (progress.phase == Phase::waits_to_send) {
        hop_times(j).begin = Seconds(now);
        hop_times(j).end = Seconds(end);
        progress.phase = Phase::sends;
        wakes_.push({end, j, What::sent, progress.epoch});
    } else {
        task_times(j).begin = Seconds(now);
        task_times(j).end = Seconds(end);
        progress.phase = Phase::computes;
        wakes_.push({end, j, What::computed, progress.epoch});
    }
}

RoundTimes simulate(std::vector<Job> const& jobs, Conditions const& conditions) {
    return Simulation(jobs, conditions).run();
}

FaultyTimes simulate(std::vector<Job> jobs, Conditions const& conditions, RoundFaults const& faults,
                     Recover const& recover) {
    FaultHandling const handling{faults, recover};
    Simulation simulation(jobs, conditions, handling);
    RoundTimes all = simulation.run();
    FaultyTimes round;
    round.times.end = all.end;
    round.failed = simulation.failed_jobs();
    round.lost = simulation.take_lost();
    for (std::size_t j = 0; j < jobs.size(); ++j) {
        if (std::ranges::binary_search(round.failed, j)) continue;
        round.jobs.push_back(std::move(jobs[j]));
        round.times.jobs.push_back(std::move(all.jobs[j]));
    }
    return round;
}

}  // namespace skipstone::timeline

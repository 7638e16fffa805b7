#include "timeline/timeline.hpp"

#include <algorithm>
#include <cmath>
#include <functional>
#include <numeric>
#include <queue>
#include <tuple>
#include <unordered_map>

#include "units/error.hpp"
#include "units/random.hpp"

namespace skipstone::timeline {

namespace {

// Payload of a TCP segment in an Ethernet frame of 1500 bytes, with timestamps (design.md section 4).
constexpr std::int64_t packet_bytes = 1448;

// Who sends the tensor that task `index` needs; none: nobody, it is there.
std::optional<DeviceId> sender_of(Job const& job, std::size_t index) {
    std::optional<DeviceId> const from = index == 0 ? job.source : std::optional(job.tasks[index - 1].device);
    return from == job.tasks[index].device ? std::nullopt : from;
}

// The block whose output moves in the hop before task `index`; none: the image.
BlockId moved_block(Job const& job, std::size_t index) {
    return index == 0 ? BlockId() : job.tasks[index - 1].block;
}

HopBytes moved_bytes(Job const& job, std::size_t index) {
    return index == 0 ? HopBytes{job.input, job.input} : job.tasks[index - 1].output;
}

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

// A job that waits for a device, a link or a radio. Jobs are served by (ready, request); the block never decides,
// because a request is in one place at a time.
struct Waiting {
    double ready = 0;
    RequestId request;
    std::size_t job = 0;

    bool operator>(Waiting const& other) const {
        return std::tie(ready, request) > std::tie(other.ready, other.request);
    }
};

template <class T>
using Earliest = std::priority_queue<T, std::vector<T>, std::greater<T>>;

class Simulation {
  public:
    Simulation(std::vector<Job> const& jobs, Conditions const& conditions);
    RoundTimes run();

  private:
    enum class What { image_there, computed, sent, arrived };
    struct Wake {
        double time = 0;
        std::size_t job = 0;
        What what = What::image_there;
        bool operator>(Wake const& other) const { return time > other.time; }
    };

    // What does one thing at a time: a processor or a link of medium "links", which serve their queue first come first
    // served; or a radio. A hop that cannot start waits with one of its two radios that is busy, so that nobody looks
    // at it before that one is free.
    struct Resource {
        bool busy = false, touched = false;
        Earliest<Waiting> queue;
    };
    struct Pool {
        std::vector<Resource> all;
        std::vector<std::size_t> touched;  // something happened to them at this instant

        void touch(std::size_t resource) {
            if (all[resource].touched) return;
            all[resource].touched = true;
            touched.push_back(resource);
        }
        void release(std::size_t resource) {
            all[resource].busy = false;
            touch(resource);
        }
        void settle() {
            for (std::size_t const resource : touched) all[resource].touched = false;
            touched.clear();
        }
    };
    static constexpr std::size_t no_radio = static_cast<std::size_t>(-1);
    struct Candidate {
        Waiting hop;
        std::size_t radio = no_radio;  // with which it waits
        bool operator>(Candidate const& other) const { return hop > other.hop; }
    };

    // Where a job is: in its task `task`, or in the hop before it.
    struct Progress {
        std::size_t task = 0;
        bool in_hop = false;
        std::size_t server = 0;
        double duration = 0;
        double delay = 0;  // latency and jitter, of a hop
    };

    struct Choice {
        std::size_t job = 0;
        double end = 0;
    };

    Job const& job(std::size_t j) const { return jobs_[j]; }
    HopTimes& hop_times(std::size_t j) { return times_.jobs[j].hops[progress_[j].task]; }
    TaskTimes& task_times(std::size_t j) { return times_.jobs[j].tasks[progress_[j].task]; }
    std::pair<std::size_t, std::size_t> radios_of(std::size_t j) const;

    void handle(Wake const& wake);
    void begin_hop(std::size_t j, double now);
    void prepare_transmission(std::size_t j, DeviceId from, DeviceId to);
    void begin_task(std::size_t j, double now);
    void enqueue(std::size_t j, std::size_t server, double now);
    std::size_t link_server(DeviceId from, DeviceId to);
    void start(double now);
    void choose_hops_on_air(double now);
    void commit(std::size_t j, double now, double end);

    std::vector<Job> const& jobs_;
    Conditions const& conditions_;
    RoundTimes times_;
    std::vector<Progress> progress_;
    Earliest<Wake> wakes_;
    Pool servers_;                                          // the devices' processors, then the links that are used
    std::unordered_map<std::uint64_t, std::size_t> links_;  // from, to -> server
    Pool radios_;                                           // by device; medium "radio" only
    std::vector<Waiting> new_on_air_;                       // hops that no radio's queue holds yet
    std::vector<Choice> chosen_;
};

Simulation::Simulation(std::vector<Job> const& jobs, Conditions const& conditions)
    : jobs_(jobs), conditions_(conditions), progress_(jobs.size()) {
    SKIPSTONE_EXPECT(conditions.loss >= 0 && conditions.loss < 1);
    SKIPSTONE_EXPECT(conditions.jitter >= Seconds(0));
    std::size_t devices = 0;
    std::vector<RequestId> requests;
    times_.jobs.resize(jobs.size());
    for (std::size_t j = 0; j < jobs.size(); ++j) {
        SKIPSTONE_EXPECT(!jobs[j].tasks.empty());
        SKIPSTONE_EXPECT(jobs[j].ready >= conditions.start && std::isfinite(jobs[j].ready.value()));
        requests.push_back(jobs[j].request);
        if (jobs[j].source) devices = std::max(devices, jobs[j].source->index() + 1);
        for (Task const& task : jobs[j].tasks) {
            SKIPSTONE_EXPECT(bool(task.device));
            SKIPSTONE_EXPECT(task.duration >= Seconds(0) && std::isfinite(task.duration.value()));
            devices = std::max(devices, task.device.index() + 1);
        }
        times_.jobs[j].hops.resize(jobs[j].tasks.size());
        times_.jobs[j].tasks.resize(jobs[j].tasks.size());
        wakes_.push({jobs[j].ready.value(), j, What::image_there});
    }
    std::ranges::sort(requests);
    SKIPSTONE_EXPECT(std::ranges::adjacent_find(requests) == requests.end());
    servers_.all.resize(devices);
    if (conditions.medium == Medium::radio) radios_.all.resize(devices);
}

RoundTimes Simulation::run() {
    times_.end = conditions_.start;
    while (!wakes_.empty()) {
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
    return std::move(times_);
}

std::pair<std::size_t, std::size_t> Simulation::radios_of(std::size_t j) const {
    std::size_t const task = progress_[j].task;
    return {sender_of(job(j), task)->index(), job(j).tasks[task].device.index()};
}

void Simulation::handle(Wake const& wake) {
    std::size_t const j = wake.job;
    Progress& progress = progress_[j];
    switch (wake.what) {
        case What::image_there:
            begin_hop(j, wake.time);
            break;
        case What::computed:
            servers_.release(progress.server);
            if (++progress.task == job(j).tasks.size())
                times_.jobs[j].finish = Seconds(wake.time);
            else
                begin_hop(j, wake.time);
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
            wakes_.push({hop_times(j).arrival.value(), j, What::arrived});
            break;
        case What::arrived:
            begin_task(j, wake.time);
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
    progress.in_hop = true;
    prepare_transmission(j, *from, to);
    if (conditions_.medium == Medium::radio)
        new_on_air_.push_back({now, job(j).request, j});
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
    if (conditions_.loss > 0 && bytes > Bytes(0)) {
        std::int64_t const packets = (bytes.value() + packet_bytes - 1) / packet_bytes;
        std::int64_t const lost = lost_packets(packets, conditions_.loss, stream("loss"));
        hop_times(j).retransmitted_packets = lost;
        progress.duration *= static_cast<double>(packets + lost) / static_cast<double>(packets);
    }
    progress.delay = conditions_.links.latency(from, to).value();
    if (conditions_.jitter > Seconds(0))
        progress.delay = std::max(0.0, progress.delay + conditions_.jitter.value() * stream("jitter").normal());
}

void Simulation::begin_task(std::size_t j, double now) {
    Progress& progress = progress_[j];
    Task const& task = job(j).tasks[progress.task];
    progress.in_hop = false;
    progress.duration = task.duration.value();
    task_times(j).ready = Seconds(now);
    enqueue(j, task.device.index(), now);
}

void Simulation::enqueue(std::size_t j, std::size_t server, double now) {
    progress_[j].server = server;
    servers_.all[server].queue.push({now, job(j).request, j});
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
        Resource const& server = servers_.all[index];
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
            new_on_air_.push_back({hop_times(j).ready.value(), job(j).request, j});
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
    for (Waiting const& hop : new_on_air_) candidates.push({hop, no_radio});
    new_on_air_.clear();
    auto const offer_next = [&](std::size_t radio) {
        if (!radios_.all[radio].queue.empty()) candidates.push({radios_.all[radio].queue.top(), radio});
    };
    for (std::size_t const radio : radios_.touched)
        if (!radios_.all[radio].busy) offer_next(radio);
    while (!candidates.empty()) {
        auto const [hop, radio] = candidates.top();
        candidates.pop();
        if (radio != no_radio) {
            if (radios_.all[radio].busy) continue;  // taken by an earlier one; all that wait with it go on waiting
            radios_.all[radio].queue.pop();
        }
        auto const [from, to] = radios_of(hop.job);
        if (radios_.all[from].busy || radios_.all[to].busy) {
            radios_.all[radios_.all[from].busy ? from : to].queue.push(hop);
            if (radio != no_radio) offer_next(radio);
        } else {
            radios_.all[from].busy = radios_.all[to].busy = true;
            chosen_.push_back({hop.job, now + progress_[hop.job].duration});
        }
    }
}

void Simulation::commit(std::size_t j, double now, double end) {
    if (progress_[j].in_hop) {
        hop_times(j).begin = Seconds(now);
        hop_times(j).end = Seconds(end);
        wakes_.push({end, j, What::sent});
    } else {
        task_times(j).begin = Seconds(now);
        task_times(j).end = Seconds(end);
        wakes_.push({end, j, What::computed});
    }
}

// A task on its device, as far as waiting for it goes.
struct Expected {
    DeviceId device;
    Seconds begin, end, arrival;
    RequestId request;
    BlockId block;
};

// Appends the intervals in which a device that does not compute expects the input of a task of a request that has
// arrived.
std::vector<Event> with_waits(std::vector<Event> events, std::vector<Expected> expected, Conditions const& conditions) {
    std::ranges::sort(expected, {}, [](Expected const& task) {
        return std::tuple(task.device, task.begin, task.end, task.request, task.block);
    });
    Seconds earliest{};  // arrival of a task that runs now or later, on this device
    for (std::size_t i = expected.size(); i-- > 0;) {
        Expected const& task = expected[i];
        bool const last = i + 1 == expected.size() || expected[i + 1].device != task.device;
        bool const first = i == 0 || expected[i - 1].device != task.device;
        earliest = last ? task.arrival : std::min(earliest, task.arrival);
        Seconds const idle_since = first ? conditions.start : expected[i - 1].end;
        Seconds const begin = std::max(earliest, idle_since);
        if (begin >= task.begin) continue;
        events.push_back({.device = task.device.value(),
                          .round = conditions.round.value(),
                          .request = task.request.value(),
                          .block = task.block.value(),
                          .kind = EventKind::wait,
                          .begin_s = begin.value(),
                          .end_s = task.begin.value()});
    }
    return events;
}

// Adds up with the rounding errors carried along (Neumaier 1974).
class Sum {
  public:
    void add(double x) {
        double const sum = sum_ + x;
        error_ += std::abs(sum_) >= std::abs(x) ? (sum_ - sum) + x : (x - sum) + sum_;
        sum_ = sum;
    }
    double value() const { return sum_ + error_; }

  private:
    double sum_ = 0, error_ = 0;
};

auto canonical_key(Event const& event) {
    return std::tuple(event.begin_s, event.device, event.kind, event.end_s, event.request, event.block);
}

}  // namespace

RoundTimes simulate(std::vector<Job> const& jobs, Conditions const& conditions) {
    return Simulation(jobs, conditions).run();
}

std::vector<Job> jobs_of(Instance const& instance, PlanResult const& plan, std::vector<Seconds> const& arrivals,
                         Seconds earliest) {
    SKIPSTONE_EXPECT(plan.requests.size() == arrivals.size());
    std::vector<Job> jobs;
    for (std::size_t r = 0; r < plan.requests.size(); ++r) {
        RequestPlan const& request = plan.requests[r];
        if (!request.admitted) continue;
        Job job{.request = RequestId(r),
                .ready = std::max(arrivals[r], earliest),
                .source = instance.source,
                .input = instance.input,
                .tasks = {}};
        for (auto const& [block, mode, device] : executed_blocks(instance, request)) {
            InstanceBlock const& work = instance.blocks[block.index()];
            job.tasks.push_back({.block = block,
                                 .mode = mode,
                                 .device = device,
                                 .duration = compute_time(instance, block, mode, device),
                                 .macs = mode == BlockMode::skip ? work.skip_macs : work.macs,
                                 .output = hop_bytes(instance, block)});
        }
        jobs.push_back(std::move(job));
    }
    return jobs;
}

std::vector<Event> events_of(std::vector<Job> const& jobs, RoundTimes const& times, Conditions const& conditions) {
    SKIPSTONE_EXPECT(times.jobs.size() == jobs.size());
    std::vector<Event> events;
    std::vector<Expected> expected;
    std::size_t tasks = 0;
    for (Job const& job : jobs) tasks += job.tasks.size();
    events.reserve(4 * tasks);
    expected.reserve(tasks);
    for (std::size_t j = 0; j < jobs.size(); ++j) {
        Job const& job = jobs[j];
        SKIPSTONE_EXPECT(times.jobs[j].hops.size() == job.tasks.size() &&
                         times.jobs[j].tasks.size() == job.tasks.size());
        for (std::size_t t = 0; t < job.tasks.size(); ++t) {
            Task const& task = job.tasks[t];
            TaskTimes const& run = times.jobs[j].tasks[t];
            HopTimes const& hop = times.jobs[j].hops[t];
            if (hop.moved) {
                Event transmit{.device = sender_of(job, t)->value(),
                               .peer = task.device.value(),
                               .round = conditions.round.value(),
                               .request = job.request.value(),
                               .block = moved_block(job, t).value(),
                               .kind = EventKind::transmit,
                               .flags = hop.retransmitted_packets > 0 ? event_flags::retransmitted : std::uint8_t(0),
                               .begin_s = hop.begin.value(),
                               .end_s = hop.end.value(),
                               .bytes = moved_bytes(job, t).shared.value()};
                Event receive = transmit;
                std::swap(receive.device, receive.peer);
                receive.kind = EventKind::receive;
                receive.begin_s = (hop.begin + (hop.arrival - hop.end)).value();
                receive.end_s = hop.arrival.value();
                events.push_back(transmit);
                events.push_back(receive);
            }
            events.push_back({.device = task.device.value(),
                              .round = conditions.round.value(),
                              .request = job.request.value(),
                              .block = task.block.value(),
                              .kind = EventKind::compute,
                              .begin_s = run.begin.value(),
                              .end_s = run.end.value(),
                              .macs = task.macs.value()});
            expected.push_back({task.device, run.begin, run.end, job.ready, job.request, task.block});
        }
    }
    events = with_waits(std::move(events), std::move(expected), conditions);
    std::ranges::sort(events, {}, canonical_key);
    return events;
}

std::vector<Joules> energy_of(std::vector<Event> const& events, std::vector<Powers> const& powers, Seconds start,
                              Seconds end) {
    SKIPSTONE_EXPECT(start <= end);
    // The events that cost energy, grouped by device; a group keeps the order given.
    std::vector<std::size_t> group_end(powers.size() + 1, 0);
    for (Event const& event : events) {
        SKIPSTONE_EXPECT(event.device >= 0 && static_cast<std::size_t>(event.device) < powers.size());
        if (event.kind != EventKind::wait) ++group_end[static_cast<std::size_t>(event.device) + 1];
    }
    std::partial_sum(group_end.begin(), group_end.end(), group_end.begin());
    std::vector<std::size_t> grouped(group_end.back());
    for (std::size_t i = 0; i < events.size(); ++i)
        if (events[i].kind != EventKind::wait) grouped[group_end[static_cast<std::size_t>(events[i].device)]++] = i;

    std::vector<Joules> energy;
    energy.reserve(powers.size());
    auto const in_canonical_order = [&](std::size_t a, std::size_t b) {
        return canonical_key(events[a]) < canonical_key(events[b]);
    };
    auto group = grouped.begin();
    for (std::size_t device = 0; device < powers.size(); ++device) {
        auto const last = grouped.begin() + static_cast<std::ptrdiff_t>(group_end[device]);
        if (!std::is_sorted(group, last, in_canonical_order)) std::sort(group, last, in_canonical_order);
        Sum compute, transmit, receive, idle;
        double busy_until = start.value();
        for (; group != last; ++group) {
            Event const& event = events[*group];
            double const from = std::max(event.begin_s, start.value());
            double const to = std::min(event.end_s, end.value());
            if (from >= to) continue;
            (event.kind == EventKind::compute    ? compute
             : event.kind == EventKind::transmit ? transmit
                                                 : receive)
                .add(to - from);
            if (from > busy_until) idle.add(from - busy_until);
            busy_until = std::max(busy_until, to);
        }
        if (end.value() > busy_until) idle.add(end.value() - busy_until);
        Powers const& power = powers[device];
        energy.push_back(power.compute * Seconds(compute.value()) + power.transmit * Seconds(transmit.value()) +
                         power.receive * Seconds(receive.value()) + power.idle * Seconds(idle.value()));
    }
    return energy;
}

}  // namespace skipstone::timeline

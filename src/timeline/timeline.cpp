#include "timeline/timeline.hpp"

#include <algorithm>
#include <cmath>
#include <functional>
#include <limits>
#include <numeric>
#include <queue>
#include <set>
#include <tuple>
#include <unordered_map>

#include "units/error.hpp"
#include "units/random.hpp"

namespace skipstone::timeline {

namespace {

// Payload of a TCP segment in an Ethernet frame of 1500 bytes, with timestamps.
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
    int epoch = 0;  // of the job: it has been called off since, where that is another one

    bool operator>(Waiting const& other) const {
        return std::tie(ready, request) > std::tie(other.ready, other.request);
    }
};

template <class T>
using Earliest = std::priority_queue<T, std::vector<T>, std::greater<T>>;

struct FaultHandling {
    RoundFaults const& faults;
    Recover const& recover;
};

class Simulation {
  public:
    Simulation(std::vector<Job> const& jobs, Conditions const& conditions);
    // `jobs` change where something is lost.
    Simulation(std::vector<Job>& jobs, Conditions const& conditions, FaultHandling const& handling);
    RoundTimes run();
    // After run(): what failed, and what was done in vain.
    std::vector<std::size_t> failed_jobs() const;
    std::vector<Event> take_lost() { return std::move(lost_); }

  private:
    enum class What { image_there, computed, sent, arrived, device_fails, link_fails, recover };
    struct Wake {
        double time = 0;
        std::size_t job = 0;  // or the device that fails
        What what = What::image_there;
        int epoch = 0;          // of the job
        std::int32_t rank = 0;  // among equals: the request; or, where a link fails, the device at its other end

        // At one instant what ends comes before what fails, and that before what is to be recovered.
        int phase() const { return what == What::recover ? 2 : what >= What::device_fails ? 1 : 0; }
        bool operator>(Wake const& other) const {
            if (time != other.time || phase() != other.phase())
                return std::tuple(time, phase()) > std::tuple(other.time, other.phase());
            if (phase() == 0) return false;
            return phase() == 1 ? std::tuple(what, job, rank) > std::tuple(other.what, other.job, other.rank)
                                : rank > other.rank;
        }
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
    static constexpr std::size_t none = static_cast<std::size_t>(-1);
    struct Candidate {
        Waiting hop;
        std::size_t radio = none;  // with which it waits
        bool operator>(Candidate const& other) const { return hop > other.hop; }
    };

    // What a job does: the hop before its task `task`, or that task.
    enum class Phase { not_ready, waits_to_send, sends, on_its_way, waits_to_compute, computes, is_lost, done, failed };
    struct Progress {
        std::size_t task = 0;
        Phase phase = Phase::not_ready;
        int epoch = 0;  // how often it was lost
        std::size_t server = 0;
        double duration = 0;
        double delay = 0;      // latency and jitter, of a hop
        DeviceId lost_device;  // see Loss::device
    };

    struct Choice {
        std::size_t job = 0;
        double end = 0;
    };

    Job const& job(std::size_t j) const { return jobs_[j]; }
    HopTimes& hop_times(std::size_t j) { return times_.jobs[j].hops[progress_[j].task]; }
    TaskTimes& task_times(std::size_t j) { return times_.jobs[j].tasks[progress_[j].task]; }
    std::pair<std::size_t, std::size_t> radios_of(std::size_t j) const;
    void prepare_job(std::size_t j);
    bool is_void(Waiting const& waiting) const { return waiting.epoch != progress_[waiting.job].epoch; }
    void drop_void(Earliest<Waiting>& queue) const {
        while (!queue.empty() && is_void(queue.top())) queue.pop();
    }

    void handle(Wake const& wake);
    void begin_hop(std::size_t j, double now);
    void prepare_transmission(std::size_t j, DeviceId from, DeviceId to);
    void begin_task(std::size_t j, double now);
    void enqueue(std::size_t j, std::size_t server, double now);
    std::size_t link_server(DeviceId from, DeviceId to);
    void start(double now);
    void choose_hops_on_air(double now);
    void commit(std::size_t j, double now, double end);

    // With faults:
    bool can_compute(DeviceId device, double now);
    bool can_send(DeviceId from, DeviceId to, double now);
    void watch(DeviceId device, DeviceId peer, double now);
    void fail(Wake const& wake);
    void lose(std::size_t j, DeviceId device, double now);
    void recover(std::size_t j, double now);
    std::optional<std::size_t> kept_of(std::size_t j, double now) const;
    bool held(DeviceId device, Seconds since, double now) const;
    void write_off_hop(std::size_t j, std::size_t task, double now);
    void write_off(std::size_t j, std::size_t task, double now);
    void make_room(DeviceId device);

    std::vector<Job> const& jobs_;
    std::vector<Job>* changing_jobs_ = nullptr;
    FaultHandling const* handling_ = nullptr;
    std::vector<Event> lost_;
    std::set<std::pair<DeviceId, DeviceId>> watched_;  // devices, and links with the smaller device first
    std::size_t unfinished_ = 0;
    double last_failure_ = 0;
    Conditions const& conditions_;
    RoundTimes times_;
    std::vector<Progress> progress_;
    Earliest<Wake> wakes_;
    Pool servers_;                                          // processors, and links, of those that are used
    std::vector<std::size_t> processors_;                   // by device
    std::unordered_map<std::uint64_t, std::size_t> links_;  // from, to -> server
    Pool radios_;                                           // by device; medium "radio" only
    std::vector<Waiting> new_on_air_;                       // hops that no radio's queue holds yet
    std::vector<Choice> chosen_;
};

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

// ---- faults

bool Simulation::can_compute(DeviceId device, double now) {
    if (!handling_) return true;
    watch(device, DeviceId(), now);
    return !handling_->faults.down(device, Seconds(now));
}

bool Simulation::can_send(DeviceId from, DeviceId to, double now) {
    if (!handling_) return true;
    watch(std::min(from, to), std::max(from, to), now);
    return can_compute(from, now) && can_compute(to, now) && !handling_->faults.down(from, to, Seconds(now));
}

// From now on its failures are noticed.
void Simulation::watch(DeviceId device, DeviceId peer, double now) {
    if (!watched_.emplace(device, peer).second) return;
    fail({now, device.index(), peer ? What::link_fails : What::device_fails, 0, peer.value()});
}

// Calls off what the device or link is needed for, where it is down, and looks out for its next failure.
void Simulation::fail(Wake const& wake) {
    DeviceId const device(wake.job), peer(wake.rank);
    auto const& faults = handling_->faults;
    auto const next = [&](Seconds time) { return peer ? faults.next(device, peer, time) : faults.next(device, time); };
    auto outage = next(Seconds(wake.time));
    if (outage && outage->covers(Seconds(wake.time))) {
        for (std::size_t j = 0; j < jobs_.size(); ++j) {
            Progress const& progress = progress_[j];
            bool const to_send = progress.phase == Phase::waits_to_send || progress.phase == Phase::sends;
            bool const to_receive = to_send || progress.phase == Phase::on_its_way;
            bool const to_compute = progress.phase == Phase::waits_to_compute || progress.phase == Phase::computes;
            if (!to_receive && !to_compute) continue;
            DeviceId const to = job(j).tasks[progress.task].device;
            auto const from = to_receive ? sender_of(job(j), progress.task) : std::nullopt;
            if (peer) {
                if (to_send && std::minmax(*from, to) == std::minmax(device, peer)) lose(j, to, wake.time);
            } else if (to == device || (to_send && *from == device)) {
                lose(j, device, wake.time);
            }
        }
        outage = outage->end < Seconds(std::numeric_limits<double>::infinity()) ? next(outage->end) : std::nullopt;
    }
    if (outage) wakes_.push({outage->begin.value(), wake.job, wake.what, 0, wake.rank});
}

void Simulation::lose(std::size_t j, DeviceId device, double now) {
    Progress& progress = progress_[j];
    if (progress.phase == Phase::is_lost) return;
    if (progress.phase == Phase::sends && conditions_.medium == Medium::radio) {
        auto const [from, to] = radios_of(j);
        radios_.release(from);
        radios_.release(to);
    } else if (progress.phase == Phase::sends || progress.phase == Phase::computes) {
        servers_.release(progress.server);
    }
    write_off(j, progress.task, now);
    progress.phase = Phase::is_lost;
    progress.lost_device = device;
    ++progress.epoch;
    wakes_.push(
        {now + handling_->faults.detection().value(), j, What::recover, progress.epoch, job(j).request.value()});
}

void Simulation::recover(std::size_t j, double now) {
    Progress& progress = progress_[j];
    Job& changing = (*changing_jobs_)[j];
    Loss loss{j, Seconds(now), progress.lost_device, kept_of(j, now), {}};
    std::size_t const kept = loss.kept.value_or(0);
    progress.phase = Phase::done;  // what comes now is written off as finished
    for (std::size_t t = kept; t < progress.task; ++t) write_off(j, t, now);
    loss.in_vain = lost_;
    progress.task = kept;
    auto const tail = loss.kept ? handling_->recover(changing, loss) : std::vector<Task>();
    if (tail.empty()) {
        for (std::size_t t = 0; t < kept; ++t) write_off(j, t, now);
        progress.phase = Phase::failed;
        --unfinished_;
        last_failure_ = std::max(last_failure_, now);
        return;
    }
    changing.tasks.resize(kept);
    times_.jobs[j].hops.resize(kept);
    times_.jobs[j].tasks.resize(kept);
    for (Task task : tail) {
        task.assigned = Seconds(now);
        changing.tasks.push_back(task);
    }
    prepare_job(j);
    auto const from = sender_of(changing, kept);
    DeviceId const to = changing.tasks[kept].device;
    SKIPSTONE_EXPECT(from ? can_send(*from, to, now) : can_compute(to, now));
    begin_hop(j, now);
}

// A tensor is kept by its sender, until the sender fails.
std::optional<std::size_t> Simulation::kept_of(std::size_t j, double now) const {
    auto const& tasks = job(j).tasks;
    for (std::size_t t = progress_[j].task; t > 0; --t)
        if (sender_of(job(j), t) && held(tasks[t - 1].device, times_.jobs[j].tasks[t - 1].end, now)) return t;
    if (!job(j).source || held(*job(j).source, job(j).ready, now)) return 0;
    return std::nullopt;
}

bool Simulation::held(DeviceId device, Seconds since, double now) const {
    auto const outage = handling_->faults.next(device, since);
    return !outage || outage->begin > Seconds(now);
}

// Task `task` of a job and the hop before it, as far as they came by now.
void Simulation::write_off(std::size_t j, std::size_t task, double now) {
    write_off_hop(j, task, now);
    Phase const phase = progress_[j].phase;
    if (phase != Phase::computes && phase != Phase::done) return;
    Task const& work = job(j).tasks[task];
    TaskTimes const& times = times_.jobs[j].tasks[task];
    double const share = phase == Phase::done ? 1 : (now - times.begin.value()) / work.duration.value();
    lost_.push_back({.device = work.device.value(),
                     .round = conditions_.round.value(),
                     .request = job(j).request.value(),
                     .block = work.block.value(),
                     .kind = EventKind::compute,
                     .flags = event_flags::failed,
                     .begin_s = times.begin.value(),
                     .end_s = phase == Phase::done ? times.end.value() : now,
                     .macs = static_cast<std::int64_t>(share * static_cast<double>(work.macs.value()))});
}

void Simulation::write_off_hop(std::size_t j, std::size_t task, double now) {
    HopTimes const& hop = times_.jobs[j].hops[task];
    Phase const phase = progress_[j].phase;
    if (!hop.moved || phase == Phase::waits_to_send) return;
    bool const sent = phase != Phase::sends;
    double const begin = hop.begin.value(), end = sent ? hop.end.value() : now;
    double const share = sent ? 1 : (now - begin) / progress_[j].duration;
    auto const bytes = static_cast<double>(moved_bytes(job(j), task).shared.value());
    double const delay = sent ? (hop.arrival - hop.end).value() : progress_[j].delay;
    Event transmit{.device = sender_of(job(j), task)->value(),
                   .peer = job(j).tasks[task].device.value(),
                   .round = conditions_.round.value(),
                   .request = job(j).request.value(),
                   .block = moved_block(job(j), task).value(),
                   .kind = EventKind::transmit,
                   .flags = event_flags::failed,
                   .begin_s = begin,
                   .end_s = end,
                   .bytes = static_cast<std::int64_t>(share * bytes)};
    Event receive = transmit;
    std::swap(receive.device, receive.peer);
    receive.kind = EventKind::receive;
    receive.begin_s = begin + delay;
    receive.end_s = std::min(end + delay, now);
    lost_.push_back(transmit);
    if (receive.begin_s < receive.end_s) lost_.push_back(receive);
}

std::vector<std::size_t> Simulation::failed_jobs() const {
    std::vector<std::size_t> failed;
    for (std::size_t j = 0; j < progress_.size(); ++j)
        if (progress_[j].phase == Phase::failed) failed.push_back(j);
    return failed;
}

// A task on its device, as far as waiting for it goes.
struct Expected {
    DeviceId device;
    Seconds begin, end, arrival;
    RequestId request;
    BlockId block;  // none: it was lost, and nobody knows any more what it was expected for
};

// Appends the intervals in which a device that does not compute expects the input of a task of a request that has
// arrived.
std::vector<Event> with_waits(std::vector<Event> events, std::vector<Expected> expected, DownTimes const& off,
                              Conditions const& conditions) {
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
        if (begin >= task.begin || !task.block) continue;
        for (auto const& [from, to] : off.up(task.device, begin, task.begin))
            events.push_back({.device = task.device.value(),
                              .round = conditions.round.value(),
                              .request = task.request.value(),
                              .block = task.block.value(),
                              .kind = EventKind::wait,
                              .begin_s = from.value(),
                              .end_s = to.value()});
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

std::vector<Event> all_events(std::vector<Job> const& jobs, RoundTimes const& times, std::vector<Event> const& lost,
                              DownTimes const& off, Conditions const& conditions) {
    SKIPSTONE_EXPECT(times.jobs.size() == jobs.size());
    std::vector<Event> events = lost;
    std::vector<Expected> expected;
    for (Event const& event : lost)
        if (event.kind == EventKind::compute)
            expected.push_back({DeviceId(event.device), Seconds(event.begin_s), Seconds(event.end_s),
                                Seconds(event.begin_s), RequestId(event.request), BlockId()});
    std::size_t tasks = lost.size();
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
            expected.push_back(
                {task.device, run.begin, run.end, std::max(job.ready, task.assigned), job.request, task.block});
        }
    }
    events = with_waits(std::move(events), std::move(expected), off, conditions);
    std::ranges::sort(events, {}, canonical_key);
    return events;
}

}  // namespace

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
    return all_events(jobs, times, {}, {}, conditions);
}

std::vector<Event> events_of(FaultyTimes const& round, DownTimes const& off, Conditions const& conditions) {
    return all_events(round.jobs, round.times, round.lost, off, conditions);
}

std::vector<Joules> energy_of(std::vector<Event> const& events, std::vector<Powers> const& powers, Seconds start,
                              Seconds end, DownTimes const& off) {
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
        auto const add_idle = [&](double from, double to) {
            for (auto const& [begin, stop] : off.up(DeviceId(device), Seconds(from), Seconds(to)))
                idle.add((stop - begin).value());
        };
        for (; group != last; ++group) {
            Event const& event = events[*group];
            double const from = std::max(event.begin_s, start.value());
            double const to = std::min(event.end_s, end.value());
            if (from >= to) continue;
            (event.kind == EventKind::compute    ? compute
             : event.kind == EventKind::transmit ? transmit
                                                 : receive)
                .add(to - from);
            if (from > busy_until) add_idle(busy_until, from);
            busy_until = std::max(busy_until, to);
        }
        if (end.value() > busy_until) add_idle(busy_until, end.value());
        Powers const& power = powers[device];
        energy.push_back(power.compute * Seconds(compute.value()) + power.transmit * Seconds(transmit.value()) +
                         power.receive * Seconds(receive.value()) + power.idle * Seconds(idle.value()));
    }
    return energy;
}

}  // namespace skipstone::timeline

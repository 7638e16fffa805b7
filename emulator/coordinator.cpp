#include "emulator/coordinator.hpp"

#include <algorithm>
#include <chrono>
#include <cmath>
#include <future>
#include <limits>
#include <numeric>
#include <set>
#include <utility>

#include "units/error.hpp"

namespace skipstone::emulator {

namespace {

constexpr double first_pause_s = 20e-6;
constexpr double longest_pause_s = 1e-3;
constexpr double idle_pause_s = 5e-3;          // while a round runs under the wall clock, or messages wake
constexpr std::size_t tensors_in_flight = 64;  // bounds the memory that waiting requests take
constexpr std::size_t all_at_once = std::numeric_limits<std::size_t>::max();
constexpr std::size_t rounds_in_flight = 64;

// A rehearsal's requests may end with a tensor that is no logits.
std::span<float const> values_of(Tensor const& tensor) {
    return tensor.type() == ElementType::float32 ? tensor.values() : std::span<float const>();
}

int largest(std::span<float const> logits) {
    return logits.empty() ? -1 : static_cast<int>(std::ranges::max_element(logits) - logits.begin());
}

}  // namespace

Coordinator::Coordinator(Transport& transport, HostClock const& clock, Waker& waker, Settings settings,
                         double run_start, std::atomic<bool> const& stop)
    : transport_(transport),
      clock_(clock),
      waker_(waker),
      settings_(settings),
      run_start_(run_start),
      stop_(stop),
      offsets_(static_cast<std::size_t>(transport.size()), 0.0),
      backlog_(static_cast<std::size_t>(transport.size()), 0.0) {}

Coordinator::Outcome Coordinator::run(NextRound const& next, int rounds, ImageSupply const& images,
                                      ResultSink const& sink, LogitsSink const& logits) {
    bool const wall = settings_.clock == ClockKind::wall;
    std::size_t const window = wall || !nodes_have_work() ? 1 : rounds_in_flight;
    int planned = 0, next_to_commit = 0;
    while (next_to_commit < rounds) {
        if (stop_) return Outcome::interrupted;
        while (planned < rounds && flights_.size() < window && outstanding_ < tensors_in_flight && !stop_) {
            auto round = next_round(next);
            if (!round) return Outcome::interrupted;
            auto& flight = flights_[planned++] = prepare(std::move(*round), Requests::whole);
            if (!nodes_have_work()) continue;
            if (wall) send_images(flight, images, all_at_once);
            dispatch(flight);
            if (wall) start_wall_round(flight);
            if (!wall) break;  // look at the messages between two rounds
        }
        for (auto& [number, flight] : flights_) send_images(flight, images, tensors_in_flight);
        bool progress = pump(logits);
        for (auto it = flights_.find(next_to_commit); it != flights_.end() && it->second.complete();
             it = flights_.find(next_to_commit)) {
            finish(it->second);
            sink(std::move(it->second.result));
            flights_.erase(it);
            ++next_to_commit;
            progress = true;
        }
        bool const may_plan = planned < rounds && flights_.size() < window && outstanding_ < tensors_in_flight;
        if (progress || may_plan) {
            pause_ = first_pause_s;
            continue;
        }
        double const longest = wall || transport_.wakes() ? idle_pause_s : longest_pause_s;
        pause_ = std::min(pause_ * 1.5, transport_.busy() ? longest_pause_s : longest);
        waker_.wait_until(clock_.now() + pause_);
    }
    return Outcome::finished;
}

std::vector<double> Coordinator::rehearse(NextRound const& next, ImageSupply const& images, Seconds longest) {
    if (!rehearsed_) rehearsed_ = next();
    if (!rehearsed_) return {};
    auto const round = rehearsed_->state.round.value();
    auto& flight = flights_[round] = prepare(beginning_of(*rehearsed_, longest), Requests::cut_short);
    send_images(flight, images, all_at_once);
    dispatch(flight);
    start_wall_round(flight);
    next_start_ = 0;
    std::vector<double> late;
    if (wait_for([&] { return flight.complete(); }, {})) {
        auto const& result = flight.result;
        for (auto const& event : result.course.events)
            if (!std::isnan(event.host_end_s))
                late.push_back(
                    lateness(event, result.course.state.start.value(), result.host_start_s, settings_.dilation));
    }
    flights_.erase(round);
    return late;
}

std::optional<RoundCourse> Coordinator::next_round(NextRound const& next) {
    if (rehearsed_) return std::exchange(rehearsed_, std::nullopt);
    return next();
}

// ---- where requests leave ----

std::optional<RoundCourse> Coordinator::next_of(Planning const& planning,
                                                std::shared_ptr<KernelVerdicts> const& verdicts,
                                                ImageSupply const& images, LogitsSink const& logits) {
    constexpr double longest_wait_s = 20e-3;
    struct Desk {  // the course's thread may outlive this coordinator, unless it is told that nobody is here
        KernelVerdicts& verdicts;
        bool stays = false;
        ~Desk() { stays ? verdicts.pause() : verdicts.close(); }
    } desk{*verdicts};
    verdicts->open([this] { waker_.notify(); });
    auto round = start(planning, [verdicts] { verdicts->wake(); });
    while (round.wait_for(std::chrono::seconds(0)) != std::future_status::ready) {
        if (stop_) return std::nullopt;
        if (auto const asked = verdicts->asked()) {
            auto judgements = judge(*asked, images, logits);
            if (!judgements) return std::nullopt;
            verdicts->answer(*std::move(judgements));
        }
        waker_.wait_until(clock_.now() + longest_wait_s);
    }
    auto planned = round.get();
    desk.stays = true;
    return planned;
}

std::optional<std::vector<Judgement>> Coordinator::judge(KernelVerdicts::Asked const& asked, ImageSupply const& images,
                                                         LogitsSink const& logits) {
    if (!judging_ || judging_->round != asked.round)
        judging_ = Judging{.round = asked.round, .host_start_s = since_start(), .stamps = {}};
    auto const number = --next_untimed_;
    auto& flight = flights_[number];
    auto& course = flight.result.course;
    course.state.round = RoundId(number);
    for (Question const& question : asked.questions) {
        auto const request = question.job->request.index();
        if (course.state.requests.size() <= request) course.state.requests.resize(request + 1);
        course.state.requests[request].image = question.image;
        course.jobs.push_back(*question.job);
        auto& times = course.times.jobs.emplace_back();
        times.tasks.resize(question.job->work.tasks.size());
        times.hops.resize(question.job->work.moves.size());
    }
    SKIPSTONE_EXPECT(std::ranges::is_sorted(course.jobs, {}, &timeline::Job::request));
    flight.result.predicted.assign(course.state.requests.size(), -1);
    flight.judged.resize(course.state.requests.size());
    flight.of_round = asked.round.value();
    order(flight, Requests::whole, ClockKind::virtual_time, Heads::Role::judge);
    dispatch(flight);
    if (!wait_for(
            [&] {
                send_images(flight, images, tensors_in_flight);
                return flight.complete();
            },
            logits))
        return std::nullopt;
    std::vector<Judgement> judgements;
    for (std::size_t j = 0; j < course.jobs.size(); ++j) judgements.push_back(judgement_of(flight, j));
    judging_->kernel_s += flight.result.kernel_s;
    flights_.erase(number);
    return judgements;
}

// Its heads may be on several nodes, whose words need not come in order.
Judgement Coordinator::judgement_of(Flight const& flight, std::size_t job) const {
    auto const request = flight.result.course.jobs[job].request.index();
    auto said = flight.judged[request];
    std::ranges::sort(said, {}, &Judged::task);
    Judgement judgement;
    for (Judged const& head : said) judgement.heads.push_back(head.verdict);
    judgement.leaves = !said.empty() && said.back().leaves != 0;
    if (!judgement.leaves) judgement.end = flight.ends[request];
    return judgement;
}

void Coordinator::take_judged(Judged const& judged) {
    auto& flight = flights_.at(judged.round);
    auto const request = static_cast<std::size_t>(judged.request);
    flight.judged.at(request).push_back(judged);
    if (!judged.leaves) return;
    auto const job =
        std::ranges::lower_bound(flight.result.course.jobs, RequestId(judged.request), {}, &timeline::Job::request);
    std::set<int> nodes;
    for (auto const& task : std::span(job->work.tasks).subspan(static_cast<std::size_t>(judged.task) + 1))
        nodes.insert(flight.node_of[task.device.index()]);
    for (int const node : nodes)
        transport_.send(node, Tag::call_off, pack(CallOff{judged.round, judged.request, judged.task}));
}

// Under the virtual clock what was computed to judge requests is what the round computed.
void Coordinator::add_judging(Flight& flight) {
    auto& result = flight.result;
    if (judging_ && judging_->round == result.course.state.round) {
        result.host_start_s = judging_->host_start_s;
        result.kernel_s = judging_->kernel_s;
        StampedEvents const stamped(result.course.events);
        for (auto const& [stamp, shift] : judging_->stamps) stamped.set(result.course.events, stamp, shift);
    }
    for (std::size_t j = 0; j < result.course.judged.size(); ++j)
        result.predicted[result.course.jobs[j].request.index()] = result.course.judged[j].outcome().predicted;
}

// ---- before a round ----

// Which node hosts which device. With a node for every device it is always the same one. With fewer (virtual clock) the
// round's devices are shared out by the work that they have, the largest first, each to the node with the least work
// left.
std::vector<int> Coordinator::share_devices(RoundCourse const& course) {
    std::vector<int> node_of(settings_.devices);
    if (static_cast<std::size_t>(nodes()) >= settings_.devices) {
        std::iota(node_of.begin(), node_of.end(), 1);
        return node_of;
    }
    std::vector<double> work(settings_.devices, 0.0);
    for (auto const& job : course.jobs)
        for (auto const& task : job.work.tasks) work[task.device.index()] += static_cast<double>(task.macs.value());
    std::vector<std::size_t> order(settings_.devices);
    std::iota(order.begin(), order.end(), std::size_t{0});
    std::ranges::stable_sort(order, [&](auto a, auto b) { return work[a] > work[b]; });
    for (auto const device : order) {
        auto const node = std::min_element(backlog_.begin() + 1, backlog_.begin() + 1 + nodes()) - backlog_.begin();
        node_of[device] = static_cast<int>(node);
        backlog_[static_cast<std::size_t>(node)] += work[device];
        handed_over_[{course.state.round.value(), static_cast<int>(node)}] += work[device];
    }
    return node_of;
}

Coordinator::Flight Coordinator::prepare(RoundCourse course, Requests requests) {
    Flight flight;
    auto& result = flight.result;
    result.host_start_s = result.host_end_s = since_start();
    result.predicted.assign(course.state.requests.size(), -1);
    result.course = std::move(course);
    flight.of_round = result.course.state.round.value();
    if (!nodes_have_work()) {
        if (settings_.judges) add_judging(flight);
        return flight;
    }
    order(flight, requests, settings_.clock, settings_.judges ? Heads::Role::check : Heads::Role::follow);
    return flight;
}

void Coordinator::order(Flight& flight, Requests requests, ClockKind clock, Heads::Role role) {
    auto const& round = flight.result.course;
    flight.stamped = StampedEvents(round.events);
    flight.node_of = share_devices(round);
    flight.orders =
        orders_of(round, flight.node_of, transport_.size(), settings_.blocks, requests, clock, {role, settings_.exits});
    for (auto& orders : flight.orders.nodes) orders.of_round = flight.of_round;
    flight.tensors.assign(round.state.requests.size(), 0);
    for (std::size_t j = 0; j < round.jobs.size(); ++j) {
        flight.tensors.at(round.jobs[j].request.index()) = flight.orders.tensors[j];
        flight.images_to_send.push_back(j);
    }
    flight.logits_left = round.jobs.size();
    flight.ends.assign(round.state.requests.size(), {});
}

void Coordinator::send_images(Flight& flight, ImageSupply const& images, std::size_t most_tensors) {
    while (!flight.images_to_send.empty() && (outstanding_ == 0 || outstanding_ < most_tensors)) {
        auto const j = flight.images_to_send.front();
        flight.images_to_send.pop_front();
        auto const& course = flight.result.course;
        auto const request = course.jobs[j].request;
        auto picture = settings_.kernels ? images(course.state.requests[request.index()].image) : Tensor();
        outstanding_ += flight.orders.tensors[j];
        auto const& targets = flight.orders.images[j];
        for (auto const& target : targets) {
            bool const is_last = &target == &targets.back();
            auto copy = is_last || picture.empty() ? std::move(picture) : picture.clone();
            TensorName const name{course.state.round.value(), request.value(), target.task, {}};
            transport_.send(target.node, Tag::tensor, pack_tensor({name}, std::move(copy)));
        }
    }
}

void Coordinator::dispatch(Flight& flight) {
    for (std::size_t node = 1; node < flight.orders.nodes.size(); ++node) {
        auto const& orders = flight.orders.nodes[node];
        if (orders.empty()) continue;
        ++flight.reports_left;
        transport_.send(static_cast<int>(node), Tag::orders, pack_orders(orders));
    }
}

void Coordinator::start_wall_round(Flight& flight) {
    // Everything is handed over and warmed up before the emulated clock runs.
    ready_ = 0;
    if (!wait_for([&] { return ready_ == flight.reports_left && clock_.now() >= next_start_; }, {})) return;
    priority_.wait_for_deadlines();
    flight.result.clocks = synchronise();
    double const start = clock_.now() + 5e-3 + 1e-4 * nodes();
    flight.result.host_start_s = start - run_start_;
    auto const& course = flight.result.course;
    next_start_ = start + (course.next_start - course.state.start).value() * settings_.dilation;
    for (std::size_t node = 1; node < flight.orders.nodes.size(); ++node)
        if (!flight.orders.nodes[node].empty())
            transport_.send(static_cast<int>(node), Tag::go,
                            pack(Go{flight.result.course.state.round.value(), start + offsets_[node],
                                    flight.result.course.state.start.value(), settings_.dilation}));
    priority_.compute();
}

std::vector<ClockReading> Coordinator::synchronise() {
    std::vector<ClockReading> readings;
    for (int node = 1; node <= nodes() && !stop_; ++node) {
        ClockReading best{node, 0, std::numeric_limits<double>::infinity()};
        for (int i = 0; i < pings_per_sync && !stop_; ++i) {
            pong_.reset();
            double const sent = clock_.now();
            transport_.send(node, Tag::ping, Buffer());
            while (!pong_ && !stop_) {
                pump({});
                if (!pong_ && clock_.now() - sent > 100e-6) waker_.wait_until(clock_.now() + first_pause_s);
            }
            double const received = clock_.now();
            double const uncertainty = (received - sent) / 2;
            if (pong_ && uncertainty < best.uncertainty_s) {
                best.uncertainty_s = uncertainty;
                best.offset_s = *pong_ - (sent + received) / 2;
            }
        }
        offsets_[static_cast<std::size_t>(node)] = best.offset_s;
        readings.push_back(best);
    }
    return readings;
}

// ---- while rounds run ----

bool Coordinator::pump(LogitsSink const& logits) {
    bool any = false;
    while (auto message = transport_.receive()) {
        any = true;
        switch (message->tag) {
            case Tag::ready:
                ++ready_;
                break;
            case Tag::pong:
                pong_ = unpack<Pong>(message->payload).host_s;
                return true;
            case Tag::report:
                take_report(message->peer, std::move(message->payload));
                break;
            case Tag::logits: {
                auto const [header, tensor] = unpack_tensor(std::move(message->payload));
                auto& flight = flights_.at(header.name.round);
                auto const request = static_cast<std::size_t>(header.name.request);
                --flight.logits_left;
                outstanding_ -= flight.tensors.at(request);
                flight.result.predicted.at(request) = largest(values_of(tensor));
                if (is_untimed(header.name.round))
                    flight.ends.at(request) = verdict_of(values_of(tensor), settings_.is_probability);
                if (logits) logits(flight.of_round, header.name.request, values_of(tensor));
                break;
            }
            case Tag::judged:
                take_judged(unpack<Judged>(message->payload));
                break;
            case Tag::measured:
                measured_ =
                    Speed{unpack_items<std::int32_t, double>(message->payload), unpack<std::int32_t>(message->payload)};
                break;
            case Tag::failed:
                throw EnvironmentError("rank " + std::to_string(message->peer), unpack_text(message->payload));
            default:
                contract_failed("message", "the coordinator understands this tag", __FILE__, __LINE__);
        }
    }
    return any;
}

bool Coordinator::wait_for(std::function<bool()> const& condition, LogitsSink const& logits) {
    double pause = first_pause_s;
    while (!condition()) {
        if (stop_) return false;
        if (pump(logits)) {
            pause = first_pause_s;
            continue;
        }
        pause = std::min(pause * 1.5, transport_.busy() || !transport_.wakes() ? longest_pause_s : idle_pause_s);
        waker_.wait_until(clock_.now() + pause);
    }
    return true;
}

void Coordinator::take_report(int peer, Buffer payload) {
    auto const header = unpack<ReportHeader>(payload);
    auto& flight = flights_.at(header.round);
    double const shift = -offsets_[static_cast<std::size_t>(peer)] - run_start_;
    for (Stamp const& stamp : unpack_items<ReportHeader, Stamp>(payload)) {
        flight.stamped.set(flight.result.course.events, stamp, shift);
        if (is_untimed(header.round)) judging_->stamps.emplace_back(stamp, shift);
    }
    flight.result.kernel_s += header.kernel_s;
    --flight.reports_left;
    if (auto const handed = handed_over_.find({header.round, peer}); handed != handed_over_.end()) {
        backlog_[static_cast<std::size_t>(peer)] -= handed->second;
        handed_over_.erase(handed);
    }
}

void Coordinator::finish(Flight& flight) {
    auto& result = flight.result;
    result.host_end_s = since_start();
    if (settings_.clock != ClockKind::wall) return;
    for (auto& event : result.course.events) {
        if (event.kind == EventKind::wait || (event.flags & event_flags::failed)) continue;
        if (!(lateness(event, result.course.state.start.value(), result.host_start_s, settings_.dilation) <=
              overrun_lateness))
            event.flags |= event_flags::overrun;
    }
}

Coordinator::Speed Coordinator::measure_blocks() {
    if (!settings_.kernels || nodes() == 0) return {};
    measured_.reset();
    transport_.send(1, Tag::measure, Buffer());
    wait_for([&] { return measured_.has_value(); }, {});
    return measured_.value_or(Speed());
}

void Coordinator::stop_nodes() {
    for (int node = 1; node < transport_.size(); ++node) transport_.send(node, Tag::stop, Buffer());
}

}  // namespace skipstone::emulator

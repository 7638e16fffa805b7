#include "trace/check_basis.hpp"

#include <algorithm>
#include <cmath>
#include <iterator>
#include <map>
#include <string_view>
#include <tuple>
#include <utility>

#include "model/cost_model.hpp"
#include "model/round_state.hpp"
#include "trace/check_exits.hpp"

namespace skipstone::trace {

namespace {

constexpr double relative = 1e-9;  // of sums that were added up in another order

bool close(double a, double b) {
    return a == b || (std::isnan(a) && std::isnan(b)) ||
           std::abs(a - b) <= relative * std::max(std::abs(a), std::abs(b));
}

// Of a task, on whichever device.
Seconds time_of(Instance const& instance, Task const& task, DeviceId device) {
    if (task.is_head()) return head_time(instance, instance.exits[static_cast<std::size_t>(task.exit)], device);
    if (task.split.is_whole()) return compute_time(instance, task.block, task.mode, device);
    if (task.joins()) return join_time(instance, task.block, task.split, device);
    return part_time(instance, task.block, task.split, static_cast<std::size_t>(task.part), device);
}

std::string request_text(Round const& round, std::size_t request) {
    return ": request " + std::to_string(request) + in_round(round.row);
}

}  // namespace

BasisCheck::BasisCheck(Basis const& basis, Header const& header, Findings& findings)
    : basis_(basis), scenario_(basis.scenario), devices_(header.devices), blocks_(header.blocks), findings_(findings) {
    check_header(header);
    if (!fits_) return;
    RoundState state;
    state.battery.assign(devices_.size(), Joules(0));
    state.links = LinkTable::drawn(devices_.size(), scenario_.links, scenario_.seed, RoundId(std::int32_t{0}));
    instance_ = make_instance(scenario_, basis.network, known_options(scenario_, basis.network), state,
                              std::vector<Joules>(devices_.size()));
}

bool BasisCheck::loses_nothing() const {
    if (!fits_ || scenario_.links.loss > 0) return false;
    for (std::size_t i = 0; i < devices_.size() && scenario_.links.pairs; ++i)
        for (std::size_t k = 0; k < devices_.size(); ++k)
            if (i != k && *scenario_.links.traits(DeviceId(i), DeviceId(k)).loss > 0) return false;
    return true;
}

void BasisCheck::check_header(Header const& header) {
    auto const& network = basis_.network;
    fits_ = scenario_.fleet.size() == devices_.size() && network.all_blocks() == blocks_.size() &&
            network.size() == header.chain();
    if (!fits_) {
        findings_.add("/devices or /blocks have other rows than the scenario has devices and blocks", ": ",
                      devices_.size(), " and ", blocks_.size(), " instead of ", scenario_.fleet.size(), " and ",
                      network.all_blocks());
        return;
    }
    if (header.seed != scenario_.seed)
        findings_.add("attribute seed is not the scenario's", ": ", header.seed, " instead of ", scenario_.seed);
    auto const hold = [&](std::string const& what, auto row, auto const& value, auto const& right) {
        if (value != right)
            findings_.add(what + " is not the scenario's", ": row ", row, " has ", value, " instead of ", right);
    };
    for (std::size_t i = 0; i < devices_.size(); ++i) {
        auto const& row = devices_[i];
        auto const& device = scenario_.fleet[i];
        hold("/devices: name", i, row.name.view(), Text(device.name).view());
        hold("/devices: mac_rate", i, row.mac_rate, device.mac_rate_in(scenario_.network.profile.precision).value());
        hold("/devices: memory_bytes", i, row.memory_bytes, device.memory.value());
        hold("/devices: macs_per_round", i, row.macs_per_round, device.macs_per_round.value());
        hold("/devices: battery_j", i, row.battery_j, device.battery.value());
        hold("/devices: power_compute_w", i, row.power_compute_w, device.power.compute.value());
        hold("/devices: power_transmit_w", i, row.power_transmit_w, device.power.transmit.value());
        hold("/devices: power_receive_w", i, row.power_receive_w, device.power.receive.value());
        hold("/devices: power_idle_w", i, row.power_idle_w, device.power.idle.value());
    }
    if (!blocks_.empty()) hold("/blocks: input_bytes", 0, blocks_.front().input_bytes, network.input_bytes().value());
    for (std::size_t i = 0; i < blocks_.size(); ++i) {
        auto const& row = blocks_[i];
        auto const& block = network.block(BlockId(i));
        hold("/blocks: name", i, row.name.view(), Text(block.name).view());
        hold("/blocks: macs", i, row.macs, block.macs.value());
        hold("/blocks: memory_bytes", i, row.memory_bytes, block.memory_bytes.value());
        hold("/blocks: output_bytes", i, row.output_bytes, block.output_bytes.value());
        hold("/blocks: weight_bytes", i, row.weight_bytes, block.weight_bytes.value());
        hold("/blocks: skip_macs", i, row.skip_macs, block.skip_macs.value());
        hold("/blocks: skip_memory_bytes", i, row.skip_memory_bytes, block.skip_memory_bytes.value());
        hold("/blocks: stage", i, row.stage, block.stage);
        if (!network.is_head(BlockId(i))) continue;
        auto const head = i - network.size();
        hold("/blocks: after", i, row.after, network.exits()[head].after.value());
        hold("/blocks: threshold", i, row.threshold, scenario_.exits.rules.at(head).threshold);
    }
}

void BasisCheck::check(Round const& round, std::vector<double> const& rates, std::vector<UsedLinkRow> const& used) {
    if (!fits_) return;
    auto const links = LinkTable::drawn(devices_.size(), scenario_.links, scenario_.seed, RoundId(round.row.round));
    check_rates(round, links, rates, used);
    check_arrivals(round);
    if (scenario_.requests.in_flight > 0) check_in_flight(round);
    instance_.links = links.expected();
    check_goal(round);
    check_plan(round);
    check_verdicts(round, scenario_, images_, findings_);
    check_events(round, links);
    check_span(round);
}

void BasisCheck::check_rates(Round const& round, LinkTable const& links, std::vector<double> const& rates,
                             std::vector<UsedLinkRow> const& used) {
    auto const hold = [&](std::size_t from, std::size_t to, double rate) {
        DeviceId const sender(from), receiver(to);  // a table has payload rates
        auto const right = links.rate(sender, receiver).value() / *scenario_.links.traits(sender, receiver).efficiency;
        if (rate != right)
            findings_.add("/links: a rate is not what the scenario gives", ": ", from, " to ", to, in_round(round.row),
                          ": ", rate, " bit/s instead of ", right, " bit/s");
    };
    auto const devices = devices_.size();
    for (std::size_t i = 0; i < devices && !rates.empty(); ++i)
        for (std::size_t k = 0; k < devices; ++k)
            if (i != k) hold(i, k, rates[i * devices + k]);
    for (auto const& row : used)
        if (is_index(row.device, devices) && is_index(row.peer, devices) && row.device != row.peer)
            hold(static_cast<std::size_t>(row.device), static_cast<std::size_t>(row.peer), row.rate_bit_s);
}

// Of those that were done, no more than scenario.requests.in_flight were under way at once.
void BasisCheck::check_in_flight(Round const& round) {
    std::vector<double> arrivals, finishes;
    for (auto const& row : round.requests)
        if (row.status == RequestStatus::done && std::isfinite(row.arrival_s) && std::isfinite(row.finish_s)) {
            arrivals.push_back(row.arrival_s);
            finishes.push_back(row.finish_s);
        }
    std::ranges::sort(arrivals);
    std::ranges::sort(finishes);
    auto const room = static_cast<std::size_t>(scenario_.requests.in_flight);
    for (std::size_t r = room; r < arrivals.size(); ++r)
        if (arrivals[r] < finishes[r - room]) {
            findings_.add("/requests: more are under way at once than the scenario lets", in_round(round.row), ": ",
                          room + 1, " at ", arrivals[r], " s, not ", room);
            return;
        }
}

// First those that are retried, in their order, then those that are drawn.
void BasisCheck::check_arrivals(Round const& round) {
    bool const retry = scenario_.requests.on_reject == OnReject::retry;
    auto expected = retry ? std::exchange(rejected_, {}) : std::vector<RequestRow>();
    images_ = retry ? std::exchange(rejected_images_, {}) : std::vector<std::int64_t>();
    for (auto& row : expected) ++row.attempt;
    // So many are not drawn to say that there are others.
    double const about = scenario_.requests.count ? *scenario_.requests.count : scenario_.requests.rate;
    if (about > 1e6 + 2 * static_cast<double>(round.requests.size())) {
        findings_.add("/requests: there are not as many as the scenario gives", in_round(round.row), ": ",
                      round.requests.size(), " instead of about ", about);
        return;
    }
    auto const drawn = draw_requests(scenario_, RoundId(round.row.round), Seconds(round.row.start_s), drawn_);
    drawn_ += static_cast<std::int64_t>(drawn.size());
    for (auto const& request : drawn) {
        RequestRow row;
        row.arrival_s = request.arrival.value();
        expected.push_back(row);
        images_.push_back(request.image);
    }
    if (expected.size() != round.requests.size())
        findings_.add("/requests: there are not as many as the scenario gives", in_round(round.row), ": ",
                      round.requests.size(), " instead of ", expected.size());
    for (std::size_t r = 0; r < std::min(expected.size(), round.requests.size()); ++r) {
        auto const& row = round.requests[r];
        // Where only so many are under way at a time, those that were done arrived when there was room for them.
        bool const may_wait = scenario_.requests.in_flight > 0 && row.status == RequestStatus::done;
        if (may_wait ? row.arrival_s < expected[r].arrival_s : row.arrival_s != expected[r].arrival_s)
            findings_.add("/requests: arrival_s is not what the scenario gives", request_text(round, r), ": ",
                          row.arrival_s, " s instead of ", expected[r].arrival_s, " s");
        if (row.attempt != expected[r].attempt)
            findings_.add("/requests: attempt does not follow from the rounds before", request_text(round, r), ": ",
                          row.attempt, " instead of ", expected[r].attempt);
    }
    for (std::size_t r = 0; r < round.requests.size(); ++r) {
        if (round.requests[r].status != RequestStatus::rejected) continue;
        rejected_.push_back(round.requests[r]);
        rejected_images_.push_back(r < images_.size() ? images_[r] : -1);
    }
}

void BasisCheck::check_plan(Round const& round) {
    auto const& row = round.row;
    auto const& plans = round.planned;
    std::vector<RequestPlan> requests;
    double latency = 0;
    bool whole = true;
    int const classes = scenario_.network.classes.value_or(scenario_.network.profile.classes);
    for (std::size_t r = 0; r < plans.size(); ++r) {
        auto const& request = round.requests[r];
        auto const where = request_text(round, r);
        bool const done = request.status == RequestStatus::done;
        if (request.predicted_class >= classes ||
            (request.predicted_class >= 0) != (done && scenario_.emulation.kernels))
            findings_.add("/requests: predicted_class is not one that the network can tell", where, ": ",
                          request.predicted_class,
                          done && scenario_.emulation.kernels ? " of " : " without kernels, of ", classes);
        if (request.status == RequestStatus::rejected) continue;
        if (!plans[r].first || !plans[r].last) {
            whole = false;
            continue;
        }
        auto const &first = *plans[r].first, &last = *plans[r].last;
        for (auto const* plan : {&first, &last}) {
            whole = check_splits(*plan, where) && whole;
            for (std::size_t b = 0; b < instance_.blocks.size(); ++b) {
                bool const dropped = std::ranges::binary_search(plan->dropped, BlockId(b));
                bool const vanishes = dropped && instance_.blocks[b].vanishes_when_dropped();
                if (bool(plan->devices[b]) == vanishes) {
                    findings_.add(vanishes ? "/plans: a block that vanishes has a device"
                                           : "/plans: a block that does not vanish has no device",
                                  where, ", block ", b);
                    whole = false;
                }
            }
        }
        if (!whole) continue;
        auto const option = std::ranges::find(instance_.accuracy, last.dropped, &DropOption::dropped);
        if (option == instance_.accuracy.end())
            findings_.add("/plans: the accuracy table does not know what a request drops", where);
        else if (done && instance_.accuracy_known && request.accuracy != option->accuracy)
            findings_.add("/requests: accuracy is not that of its plan", where, ": ", request.accuracy, " instead of ",
                          option->accuracy);
        auto const cost = expected_cost(instance_, first);
        if (!close(request.predicted_latency_s, cost.latency.value()))
            findings_.add("/requests: predicted_latency_s is not that of its plan", where, ": ",
                          request.predicted_latency_s, " s instead of ", cost.latency.value(), " s");
        latency += cost.latency.value();
        requests.push_back(first);
    }
    if (row.planner.view() != scenario_.planner.name)
        findings_.add("/rounds: planner is not the scenario's", in_round(row), ": ", row.planner.view(), " instead of ",
                      scenario_.planner.name);
    if (!whole) return;
    auto const hold = [&](char const* column, double value, double right) {
        if (!close(value, right))
            findings_.add(std::string("/rounds: ") + column + " does not follow from the plans", in_round(row), ": ",
                          value, " instead of ", right);
    };
    auto const count = static_cast<double>(requests.size());
    hold("predicted_latency_s", row.predicted_latency_s, requests.empty() ? no_value : latency / count);
    auto const objective = objective_of(instance_, requests);
    hold("objective", row.objective, objective);
    if (row.goal == Goal::throughput) {  // bound and gap are of the throughput
        hold("bound", row.bound, no_value);
        hold("throughput", row.throughput, planned_throughput(requests));
        double const gap = 1 - row.throughput / row.throughput_bound;
        hold("gap", row.gap, gap < 0 ? 0 : gap);
    } else if (std::isnan(row.bound) || requests.empty()) {
        hold("bound", row.bound, no_value);
        hold("gap", row.gap, no_value);
    } else {
        if (!(row.bound <= objective + relative * std::abs(objective)))
            findings_.add("/rounds: bound is above the objective", in_round(row), ": ", row.bound, " and ", objective);
        auto const gap = objective > 0 ? std::max(0.0, (objective - row.bound) / objective) : 0;
        if (!(std::abs(row.gap - gap) <= 1e-9 + relative * gap))
            findings_.add("/rounds: gap does not follow from objective and bound", in_round(row), ": ", row.gap,
                          " instead of ", gap);
    }
    auto const status = row.status.view();
    bool const none_asked = round.requests.empty(), none_admitted = requests.empty();
    bool const right = none_asked      ? status == "optimal"
                       : none_admitted ? status == "infeasible" || status == "unknown"
                                       : status == "optimal" || status == "feasible";
    if (!right)
        findings_.add("/rounds: status does not follow from what was admitted", in_round(row), ": '", status,
                      "' instead of '",
                      none_asked      ? "optimal"
                      : none_admitted ? "infeasible' or 'unknown"
                                      : "optimal' or 'feasible",
                      "'");
}

// False where the plan splits a block in a way that the scenario does not offer.
bool BasisCheck::check_splits(RequestPlan const& plan, std::string const& where) {
    bool right = true;
    for (auto const& way : plan.splits) {
        auto const& block = instance_.blocks[way.block.index()];
        auto const* split = block.find(way.split);
        if (split && split->parts.size() == way.parts.size()) continue;
        findings_.add("/plans: a block is split in a way that the scenario does not offer", where, ", block ",
                      way.block.value(), ": ", to_string(way.split));
        right = false;
    }
    return right;
}

// Requests per second while the busiest processor, link or radio works without a break; of those that leave early, as
// many as are expected to.
double BasisCheck::planned_throughput(std::vector<RequestPlan> const& requests) const {
    std::vector<double> processors(devices_.size()), radios(devices_.size());
    std::map<std::pair<DeviceId, DeviceId>, double> links;
    for (auto const& plan : requests) {
        auto const graph = task_graph(instance_, plan);
        auto const reach = reach_of(instance_, plan.dropped);
        std::vector<double> shares(graph.moves.size());
        for (Feed const& feed : graph.feeds)
            if (feed.move >= 0)
                shares[static_cast<std::size_t>(feed.move)] = share_of(instance_, graph.tasks[feed.to.index()], reach);
        for (Task const& task : graph.tasks)
            processors[task.device.index()] += expected(task.duration, share_of(instance_, task, reach)).value();
        for (std::size_t m = 0; m < graph.moves.size(); ++m) {
            auto const& move = graph.moves[m];
            auto const time =
                expected(move.bytes.serialised / instance_.links.rate(move.sender, move.receiver), shares[m]).value();
            links[{move.sender, move.receiver}] += time;
            radios[move.sender.index()] += time;
            radios[move.receiver.index()] += time;
        }
    }
    double most = 0;
    for (double const seconds : processors) most = std::max(most, seconds);
    if (scenario_.links.medium == Medium::radio)
        for (double const seconds : radios) most = std::max(most, seconds);
    else
        for (auto const& [link, seconds] : links) most = std::max(most, seconds);
    return most > 0 ? static_cast<double>(requests.size()) / most : no_value;
}

// The goal is the scenario's. That throughputs follow from the rest is another check's matter.
void BasisCheck::check_goal(Round const& round) {
    auto const word = [](Goal goal) { return goal == Goal::throughput ? "throughput" : "latency"; };
    if (auto const goal = scenario_.objective.goal; round.row.goal != goal)
        findings_.add("/rounds: goal is not the scenario's", in_round(round.row), ": ", word(round.row.goal),
                      " instead of ", word(goal));
}

void BasisCheck::check_events(Round const& round, LinkTable const& links) {
    using Place = std::tuple<std::int32_t, std::int32_t, std::int16_t>;  // request, block, part
    std::map<Place, Task> tasks;                                         // of the last plans
    std::map<std::pair<Place, std::int32_t>, HopBytes> moves;            // with the receiver
    for (std::size_t r = 0; r < round.planned.size(); ++r) {
        auto const& plan = round.planned[r].last;
        if (!plan || !fits(*plan)) continue;
        auto const request = static_cast<std::int32_t>(r);
        auto const graph = task_graph(instance_, *plan);
        auto const place = [&](Task const& task) { return Place(request, task.block.value(), task.part); };
        for (Task const& task : graph.tasks) tasks.emplace(place(task), task);
        for (Move const& move : graph.moves)
            moves.emplace(std::pair(move.from ? place(graph.tasks[move.from.index()]) : Place(request, -1, -1),
                                    move.receiver.value()),
                          move.bytes);
    }
    std::map<std::tuple<std::int32_t, std::int32_t, Place>, Event const*> received;  // from, to, what
    auto const what = [](Event const& event) { return Place(event.request, event.block, event.part); };
    for (auto const& event : round.events)
        if (event.kind == EventKind::receive && !(event.flags & event_flags::failed))
            received[{event.peer, event.device, what(event)}] = &event;
    for (auto const& event : round.events) {
        if ((event.flags & event_flags::failed) || !is_index(event.device, devices_.size())) continue;
        if (event.kind == EventKind::compute)
            if (auto const task = tasks.find(what(event)); task != tasks.end()) check_computation(event, task->second);
        if (event.kind != EventKind::transmit || !is_index(event.peer, devices_.size()) || event.peer == event.device)
            continue;
        if (event.block < 0 && (!instance_.source || *instance_.source != DeviceId(event.device)))
            findings_.add("/events: an image comes from a device that is not the scenario's source", ": ",
                          named(event));
        auto const other = received.find({event.device, event.peer, what(event)});
        if (auto const size = moves.find({what(event), event.peer}); size != moves.end())
            check_transfer(event, other == received.end() ? nullptr : other->second, size->second, links);
    }
}

// Each block that does not vanish has a device, and splits are ones that there are.
bool BasisCheck::fits(RequestPlan const& plan) const {
    for (std::size_t b = 0; b < instance_.blocks.size(); ++b) {
        bool const dropped = std::ranges::binary_search(plan.dropped, BlockId(b));
        if (bool(plan.devices[b]) == (dropped && instance_.blocks[b].vanishes_when_dropped())) return false;
    }
    return std::ranges::all_of(plan.splits, [&](SplitBlock const& way) {
        auto const* split = instance_.blocks[way.block.index()].find(way.split);
        return split && split->parts.size() == way.parts.size();
    });
}

void BasisCheck::check_computation(Event const& event, Task const& task) {
    auto const right = time_of(instance_, task, DeviceId(event.device)).value();
    if (!(std::abs((event.end_s - event.begin_s) - right) <= rounding_of(event.end_s)))
        findings_.add("/events: a block takes another time than its device needs", ": ", named(event), " takes ",
                      event.end_s - event.begin_s, " s instead of ", right, " s");
}

void BasisCheck::check_transfer(Event const& sent, Event const* received, HopBytes const& size,
                                LinkTable const& links) {
    DeviceId const from(sent.device), to(sent.peer);
    if (sent.bytes != size.shared.value())
        findings_.add("/events: bytes is not what moves after the block", ": ", named(sent), " has ", sent.bytes,
                      " instead of ", size.shared.value());
    auto const least = (size.serialised / links.rate(from, to)).value(), takes = sent.end_s - sent.begin_s;
    auto const traits = scenario_.links.traits(from, to);
    bool const again = (sent.flags & event_flags::retransmitted) != 0;
    if (again && *traits.loss == 0)
        findings_.add("/events: flags says retransmitted where links lose nothing", ": ", named(sent));
    if (again ? takes < least - rounding_of(sent.end_s) : !(std::abs(takes - least) <= rounding_of(sent.end_s)))
        findings_.add("/events: a tensor takes another time than its link needs", ": ", named(sent), " takes ", takes,
                      " s instead of ", least, again ? " s or more" : " s");
    if (received == nullptr) return;
    auto const latency = links.latency(from, to).value(), later = received->begin_s - sent.begin_s;
    if (*traits.jitter == Seconds(0) ? !(std::abs(later - latency) <= rounding_of(received->end_s))
                                     : later < -rounding_of(received->end_s))
        findings_.add("/events: a tensor arrives at another time than its link's latency says", ": ", named(*received),
                      " begins ", later, " s later than it is sent, instead of ", latency, " s");
}

void BasisCheck::check_span(Round const& round) {
    auto const& row = round.row;
    if (row.round == 0 && row.start_s != 0)
        findings_.add("/rounds: the first round does not start at 0 s", ": at ", row.start_s, " s");
    if (!scenario_.faults.none()) return;  // a round may end with a failure, or wait for the end of an outage
    double end = row.start_s;
    for (auto const& request : round.requests)
        if (request.status == RequestStatus::done) end = std::max(end, request.finish_s);
    if (scenario_.planner.charge && !scenario_.planner.charge_time) {
        if (!(row.end_s >= end - rounding_of(end)))
            findings_.add("/rounds: end_s is before the last request is done", in_round(row));
    } else {
        end = std::max(end, row.start_s + scenario_.planner.charge_time.value_or(Seconds(0)).value());
        if (!(std::abs(row.end_s - end) <= rounding_of(end)))
            findings_.add("/rounds: end_s is not when the last request is done", in_round(row), ": ", row.end_s,
                          " s instead of ", end, " s");
    }
    auto const next = std::max(row.end_s, row.start_s + scenario_.rounds.period.value());
    if (!std::isnan(round.next_start) && !(std::abs(round.next_start - next) <= rounding_of(next)))
        findings_.add("/rounds: next_start_s does not follow from end_s and rounds.period", in_round(row), ": ",
                      round.next_start, " s instead of ", next, " s");
}

}  // namespace skipstone::trace

"""The figures of a small trace, computed from its raw tables and its scenario by their definitions (the names' comments in
analysis/summary.hpp): the independent side of test_analyze_figures. Plain loops; nothing is streamed.

figures(trace) has the shape of `skipstone analyze --json`: tables by name, rows as dictionaries; None: there is no such value."""

import collections
import math
import tomllib

import numpy

DONE, REJECTED, FAILED = "done", "rejected", "failed"
OVERRUN, RETRANSMITTED, LOST = 1, 2, 4  # flags of events
RULE_S = 0.010  # lateness and errors are relative to a length of at least this


def seconds(text):
    number, unit = text.split()
    return float(number) * {"s": 1, "ms": 1e-3, "us": 1e-6, "µs": 1e-6, "min": 60, "h": 3600}[unit]


def mean(values):
    return math.fsum(values) / len(values) if len(values) else None


def percentile(values, share):
    return float(numpy.percentile(values, 100 * share)) if len(values) else None


def largest(values):
    return max(values, default=None)


def ratio(a, b):
    return a / b if b else None


def rows_of(frame):
    """A frame's rows; None stands for what is missing."""
    return list(frame.astype(object).where(frame.notna(), None).itertuples(index=False))


def length(spans):
    """Length of the union of intervals."""
    total, reached = [], -math.inf
    for begin, end in sorted(spans):
        if end > reached:
            total.append(end - max(begin, reached))
            reached = end
    return math.fsum(total)


def wilson(successes, trials):
    """The score interval as the roots of |p̂ − p| = z √(p (1 − p) / n)."""
    z = 1.959963984540054
    a, b, c = trials + z * z, -(2 * successes + z * z), successes * successes / trials
    root = math.sqrt(b * b - 4 * a * c)
    return (-b - root) / (2 * a), (-b + root) / (2 * a)


class Scenario:
    """What planned times and the run's end depend on."""

    def __init__(self, trace):
        values = tomllib.loads(trace.provenance["scenario"])
        links = values["links"]["profile"] if isinstance(values["links"].get("profile"), dict) else values["links"]
        self.payload_share = links["efficiency"] * (1 - links["loss"])
        self.latency_s = seconds(links["latency"])
        self.period_s = seconds(values["rounds"]["period"])
        self.rounds = values["rounds"]["count"]
        self.paper_residual = values["objective"]["residual"] == "paper"
        charge = values["planner"]["charge"]
        self.charge_s = seconds(charge) if isinstance(charge, str) else None
        self.charges_measured = charge is True
        devices = [device for device in values["fleet"]["devices"] for _ in range(device.get("count", 1))]
        self.measured = [device["profile"].get("compute_seconds", {}) for device in devices]
        source = values["requests"]["source"]
        names = list(trace.devices.name)
        self.stream = values["objective"].get("goal") == "throughput" or values["requests"]["arrivals"] in ("every", "closed")
        self.radio = links.get("medium") == "radio"
        self.promised = {frozenset(row["dropped"]): row["leaving"] for row in values.get("exits", {}).get("rules", {}).get("promised", [])}
        self.source = None if source == "any" else names.index(source)


class Figures:
    def __init__(self, trace, powers=None):
        self.trace, self.scenario = trace, Scenario(trace)
        self.devices = rows_of(trace.devices)
        self.blocks = rows_of(trace.blocks)
        self.heads = [block for block in self.blocks if block.after is not None]  # of the exits that are open
        self.rounds = rows_of(trace.rounds)
        self.events = rows_of(trace.events)
        self.requests = rows_of(trace.requests)
        self.outages = rows_of(trace.outages)
        self.of_device = [[e for e in self.events if e.device == d.device] for d in self.devices]
        self.own_powers = {d.device: {"compute": d.power_compute_w, "transmit": d.power_transmit_w, "receive": d.power_receive_w,
                                      "idle": d.power_idle_w} for d in self.devices}
        self.powers = powers or self.own_powers
        self.dilation = trace.provenance["dilation"]
        self.wall = trace.provenance["clock"] == "wall"
        self.input_bytes = {e.bytes for e in self.events if e.block == -1}
        self.read_plans()

    # When rounds begin and end.

    def start(self):
        return self.rounds[0].start_s

    def end(self, number=-1):
        """When the round after this one starts; the run's end after the last."""
        if number not in (-1, len(self.rounds) - 1):
            return self.rounds[number + 1].start_s
        last = self.rounds[-1]
        return max(last.end_s, last.start_s + self.scenario.period_s)

    def span(self):
        return self.end() - self.start()

    # Plans: what the cost model expects.

    def read_plans(self):
        revisions = collections.defaultdict(dict)  # (round, request) -> revision -> block -> row
        for row in rows_of(self.trace.plans):
            if row.part is None:
                revisions[row.round, row.request].setdefault(row.revision, {})[row.block] = row
        self.first_plan = {key: plans[min(plans)] for key, plans in revisions.items()}
        self.last_plan = {key: plans[max(plans)] for key, plans in revisions.items()}
        self.rates = {number: self.trace.rates(number).to_numpy() for number in range(len(self.rounds))}

    def mode_of(self, event):
        """Of what a device computed; heads of exits are in no plan."""
        return "full" if self.blocks[event.block].after is not None else self.last_plan[event.round, event.request][event.block].mode

    def planned_compute(self, block, mode, device):
        row = self.blocks[block]
        if mode == "skip":
            return row.skip_macs / self.devices[device].mac_rate
        measured = self.scenario.measured[device].get(row.name)
        return measured if measured is not None else row.macs / self.devices[device].mac_rate

    def planned_transmission(self, number, block, device, peer):
        """Serialisation of what moves after the block; block −1: the image."""
        if block == -1:
            (size,) = self.input_bytes
        else:
            size = self.blocks[block].output_bytes
            if self.scenario.paper_residual and block > 0:
                size = max(size, self.blocks[block - 1].output_bytes)
        return 8 * size / (self.rates[number][device, peer] * self.scenario.payload_share)

    def planned_hop(self, *hop):
        return self.planned_transmission(*hop) + self.scenario.latency_s

    def hop_energy(self, device, peer, sending_s, receiving_s):
        return self.powers[device]["transmit"] * sending_s + self.powers[peer]["receive"] * receiving_s

    def planned_energy(self, key):
        """Joules of the first plan; where exits are open, each block for the share of requests that is expected there."""
        return self.planned_work(key, self.first_plan[key], self.leaving(self.first_plan[key]))[0]

    def planned_work(self, key, plan, leaving=None):
        """Joules and seconds without queues of a plan; leaving: shares that leave at each exit; None: without exits."""
        energy, time, before, there = [], [], (-1, self.scenario.source), 1.0
        for block in sorted(plan):
            row = plan[block]
            if row.device is None:
                continue
            work = [self.planned_compute(block, row.mode, row.device)]
            for head, share in zip(self.heads, leaving or []):
                if head.after == block:
                    work.append(self.planned_compute(head.block, "full", row.device))
            energy += [there * self.powers[row.device]["compute"] * seconds_ for seconds_ in work]
            time += work
            if before[1] not in (None, row.device):
                sending = self.planned_transmission(key[0], before[0], before[1], row.device)
                energy.append(there * self.hop_energy(before[1], row.device, sending, sending))
                time.append(self.planned_hop(key[0], before[0], before[1], row.device))
            before = block, row.device
            there -= sum(share for head, share in zip(self.heads, leaving or []) if head.after == block)
        return math.fsum(energy), math.fsum(time)

    def leaving(self, plan):
        """Shares that were promised for the blocks that a plan drops, by exit and then the end; None: no exit is open."""
        dropped = frozenset(self.blocks[block].name for block, row in plan.items() if row.mode == "skip")
        return self.scenario.promised[dropped] if self.heads else None

    # What happened to each request: its path.

    def ready(self, request):
        """When a request may begin: it has arrived and its round is planned."""
        row = self.rounds[request.round]
        charge = row.plan_host_s if self.scenario.charges_measured else self.scenario.charge_s or 0.0
        return max(request.arrival_s, row.start_s + charge)

    def chained(self, block):
        """The block of the chain that it is, or whose output the head of an exit reads."""
        after = self.blocks[block].after
        return block if after is None else after

    def follow_requests(self):
        """self.steps and self.hops: of each computation and transfer that was not lost, when its input was there; self.paths: the
        parts of each request's latency."""
        self.steps, self.hops, self.paths = [], [], {}
        mine = collections.defaultdict(list)
        for event in self.events:
            if event.kind != "wait" and not event.flags & LOST:
                mine[event.round, event.request].append(event)
        for request in self.requests:
            key = request.round, request.request
            computes = sorted((e for e in mine[key] if e.kind == "compute"), key=lambda e: (self.chained(e.block), e.block))
            sent = {e.block: e for e in mine[key] if e.kind == "transmit"}
            received = {e.block: e for e in mine[key] if e.kind == "receive"}
            assert set(sent) == set(received)
            path = {"compute": [], "transfer": [], "start": 0.0, "processor": [], "link": []}
            there, before, first = self.ready(request), -1, True
            for compute in computes:
                hop = sent.get(before) if self.blocks[compute.block].after is None else None  # a head runs where its input is
                if hop is not None:
                    arrived = received[before]
                    self.hops.append((hop, arrived, there))
                    path["transfer"].append(arrived.end_s - hop.begin_s)
                    if first:
                        path["start"] = hop.begin_s - request.arrival_s
                    else:
                        path["link"].append(hop.begin_s - there)
                    there, first = arrived.end_s, False
                self.steps.append((compute, there))
                path["compute"].append(compute.end_s - compute.begin_s)
                if first:
                    path["start"] = compute.begin_s - request.arrival_s
                else:
                    path["processor"].append(compute.begin_s - there)
                there, before, first = compute.end_s, self.chained(compute.block), False
            self.paths[key] = path
        assert len(self.hops) == sum(e.kind == "transmit" and not e.flags & LOST for e in self.events)

    # The tables.

    def all(self):
        self.follow_requests()
        tables = self.tables() | (self.exit_tables() if self.heads else {})
        return tables | self.stream_tables() if self.scenario.stream or (self.trace.rounds.goal == "throughput").any() else tables

    def tables(self):
        return {"trace": self.trace_figures(), "requests": self.request_totals(), "energy": self.energy_totals(),
                "fidelity": self.fidelity(), "rejections": self.rejections(), "devices": self.device_figures(),
                "links": self.link_figures(), "blocks": self.block_figures(), "rounds": self.round_figures(),
                "request_paths": self.request_paths(), "deviations": self.deviations(), "achievements": self.achievements()}

    def trace_figures(self):
        attributes, provenance = self.trace.attributes, self.trace.provenance
        return {"path": self.trace.path, "software_version": attributes["software_version"], "date": attributes["date"],
                "scenario": provenance.get("scenario_name", ""), "network": provenance["network"],
                "planner": self.rounds[0].planner, "clock": provenance["clock"],
                "seed": attributes["seed"], "dilation": self.dilation, "complete": self.trace.complete, "ended": self.trace.ended,
                "devices": len(self.devices), "blocks": len(self.blocks), "rounds": len(self.rounds),
                "rounds_planned": self.scenario.rounds, "events": len(self.events),
                "failed_events": sum(bool(e.flags & LOST) for e in self.events), "start_s": self.start(), "end_s": self.end(),
                "span_s": self.span()}

    def request_totals(self):
        status = collections.Counter(r.status for r in self.requests)
        done = [r for r in self.requests if r.status == DONE]
        latency = [r.latency_s for r in done]
        paths = [self.paths[r.round, r.request] for r in done]
        trained = self.trace.provenance["weights_hash"] != "he-initialised from the seed" or self.heads
        answer = lambda r: r.verdict if self.heads else r.predicted_class  # noqa: E731
        labelled = [r for r in done if trained and r.label is not None and answer(r) is not None]
        correct = sum(r.label == answer(r) for r in labelled)
        low, high = wilson(correct, len(labelled)) if labelled else (None, None)
        first = sum(r.attempt == 1 for r in self.requests)
        return {"requests": first, "attempts": len(self.requests), "done": status[DONE], "rejected": status[REJECTED],
                "failed": status[FAILED], "unserved": first - status[DONE], "latency_mean_s": mean(latency),
                "latency_p50_s": percentile(latency, 0.5), "latency_p90_s": percentile(latency, 0.9),
                "latency_p99_s": percentile(latency, 0.99), "latency_max_s": largest(latency), "latency_total_s": math.fsum(latency),
                "path_compute_mean_s": mean([math.fsum(p["compute"]) for p in paths]),
                "path_transfer_mean_s": mean([math.fsum(p["transfer"]) for p in paths]),
                "path_queue_mean_s": mean([self.queue(p) for p in paths]),
                "throughput_per_s": ratio(len(done), self.span()), "accuracy_planned": mean([r.accuracy for r in done]),
                "labelled": len(labelled), "correct": correct, "accuracy_planned_labelled": mean([r.accuracy for r in labelled]),
                "accuracy_observed": ratio(correct, len(labelled)), "accuracy_low": low, "accuracy_high": high,
                "shared_bytes": sum(e.bytes for e in self.events if e.kind == "transmit"),
                "macs": sum(e.macs for e in self.events if e.kind == "compute"), "dropped_blocks": self.dropped()}

    @staticmethod
    def queue(path):
        return math.fsum([path["start"], *path["processor"], *path["link"]])

    def dropped(self, number=None, request=None):
        return sum(row.mode == "skip" for key, plan in self.last_plan.items() if number in (None, key[0]) and request in (None, key[1])
                   for row in plan.values())

    def rejections(self):
        counts = collections.Counter(self.rounds[r.round].binding for r in self.requests if r.status == REJECTED)
        return [{"binding": binding, "rejected": count} for binding, count in counts.items()]

    # Devices: time and energy.

    def spans(self, device, kinds, begin, end):
        """What the device does of these kinds in [begin, end); "off": its own outages."""
        found = [(e.begin_s, e.end_s) for e in self.of_device[device] if e.kind in kinds]
        if "off" in kinds:
            found += [(o.begin_s, math.inf if o.end_s is None else o.end_s) for o in self.outages
                      if o.device == device and o.peer is None]
        return [(max(a, begin), min(b, end)) for a, b in found if max(a, begin) < min(b, end)]

    def energy(self, device, begin, end, powers):
        """Joules by state in [begin, end): transfers that overlap each count; idle is what is none of all, and not off."""
        joules = {kind: powers[device][kind] * math.fsum(b - a for a, b in self.spans(device, (kind,), begin, end))
                  for kind in ("compute", "transmit", "receive")}
        rest = end - begin - length(self.spans(device, ("compute", "transmit", "receive", "off"), begin, end))
        return joules | {"idle": powers[device]["idle"] * rest}, rest

    def ledger(self, device):
        """Joules left at the start, and after each round."""
        rows = self.trace.battery[self.trace.battery["device"] == device].sort_values("round")
        return [float(self.devices[device].battery_j), *rows["remaining_j"]]

    def ledger_error(self, device):
        left = self.ledger(device)
        if not math.isfinite(left[0]):
            return None
        spans = [(self.rounds[n].start_s, self.end(n), left[n] - left[n + 1]) for n in range(len(self.rounds))]
        spans.append((self.start(), self.end(), left[0] - left[-1]))
        errors = []
        for begin, end, spent in spans:
            joules = math.fsum(self.energy(device, begin, end, self.own_powers)[0].values())
            errors.append(abs(joules - spent) / max(joules, 1e-6 * left[0]))
        return max(errors)

    def device_figures(self):
        return [self.device_row(d) for d in range(len(self.devices))]

    def device_row(self, d):
        begin, end, span, row = self.start(), self.end(), self.span(), self.devices[d]
        compute, wait = (length(self.spans(d, (kind,), begin, end)) for kind in ("compute", "wait"))
        processor = length(self.spans(d, ("compute", "wait"), begin, end))
        processor_on = length(self.spans(d, ("compute", "wait", "off"), begin, end))
        transmit = length(self.spans(d, ("transmit",), begin, end))
        radio = length(self.spans(d, ("transmit", "receive"), begin, end))
        radio_on = length(self.spans(d, ("transmit", "receive", "off"), begin, end))
        assert math.isclose(processor, compute + wait, abs_tol=1e-9)  # a processor does one thing at a time
        joules, rest = self.energy(d, begin, end, self.powers)
        energy = math.fsum(joules.values())
        left = self.ledger(d)
        endless = not math.isfinite(left[0])
        mine = self.of_device[d]
        computes = [e for e in mine if e.kind == "compute"]
        kept = [e for e in computes if not e.flags & LOST]
        macs = sum(e.macs for e in computes)
        host_s = math.fsum(e.host_end_s - e.host_begin_s for e in kept) / self.dilation if self.wall else 0
        sums = {kind: math.fsum(e.end_s - e.begin_s for e in mine if e.kind == kind) for kind in ("transmit", "receive")}
        battery_left = left[-1] if self.powers is self.own_powers else left[0] - energy
        return {"device": d, "name": row.name, "processor_compute_s": compute, "processor_wait_s": wait,
                "processor_idle_s": span - processor_on, "processor_off_s": processor_on - processor, "radio_transmit_s": transmit,
                "radio_receive_s": radio - transmit, "radio_idle_s": span - radio_on, "radio_off_s": radio_on - radio,
                "airtime_transmit_s": sums["transmit"], "airtime_receive_s": sums["receive"], "rest_s": rest,
                "compute_j": joules["compute"], "transmit_j": joules["transmit"], "receive_j": joules["receive"],
                "idle_j": joules["idle"], "energy_j": energy, "battery_j": None if endless else left[0],
                "battery_left_j": None if endless else battery_left, "ledger_j": None if endless else left[0] - left[-1],
                "ledger_error": self.ledger_error(d), "blocks_run": len(computes), "macs": macs,
                "sent_bytes": sum(e.bytes for e in mine if e.kind == "transmit"),
                "received_bytes": sum(e.bytes for e in mine if e.kind == "receive"), "mac_rate": row.mac_rate,
                "achieved_mac_rate": ratio(macs, compute), "host_mac_rate": ratio(sum(e.macs for e in kept), host_s),
                "overruns": sum(bool(e.flags & OVERRUN) for e in mine)}

    def energy_totals(self):
        rows = self.device_figures()
        totals = {name: math.fsum(row[name] for row in rows) for name in ("compute_j", "transmit_j", "receive_j", "idle_j", "energy_j")}
        finite = [row for row in rows if row["ledger_j"] is not None]
        return totals | {"ledger_j": math.fsum(row["ledger_j"] for row in finite) if finite else None,
                         "ledger_error": largest([row["ledger_error"] for row in finite])}

    # Links and blocks.

    def link_figures(self):
        rows = []
        for device, peer in sorted({(e.device, e.peer) for e in self.events if e.kind == "transmit"}):
            sent = [e for e in self.events if e.kind == "transmit" and (e.device, e.peer) == (device, peer)]
            hops = [hop for hop in self.hops if (hop[0].device, hop[0].peer) == (device, peer)]
            queue = [sending.begin_s - there for sending, _, there in hops]
            busy = math.fsum(e.end_s - e.begin_s for e in sent)
            size = sum(e.bytes for e in sent)
            rows.append({"device": device, "peer": peer, "transfers": len(sent),
                         "retransmitted": sum(bool(e.flags & RETRANSMITTED) for e in sent), "bytes": size, "busy_s": busy,
                         "utilisation": ratio(busy, self.span()), "rate_bit_s": ratio(8 * size, busy), "queue_mean_s": mean(queue),
                         "queue_max_s": largest(queue),
                         "delay_mean_s": mean([receiving.begin_s - sending.begin_s for sending, receiving, _ in hops]),
                         "planned_mean_s": mean([self.planned_hop(e.round, e.block, device, peer) for e, _, _ in hops]),
                         "emulated_mean_s": mean([receiving.end_s - there for _, receiving, there in hops])})
        return rows

    def block_figures(self):
        image = [-1] if any(e.block == -1 and e.kind == "transmit" for e in self.events) else []
        return [self.block_row(b) for b in image + list(range(len(self.blocks)))]

    def block_row(self, b):
        mine = {kind: [e for e in self.events if e.block == b and e.kind == kind] for kind in ("compute", "transmit", "receive")}
        steps = [(compute, there) for compute, there in self.steps if compute.block == b]
        plans = [plan[b] for plan in self.last_plan.values() if b in plan]
        dropped = sum(row.mode == "skip" for row in plans)
        joules = {kind: math.fsum(self.powers[e.device][kind] * (e.end_s - e.begin_s) for e in events) for kind, events in mine.items()}
        compute_s = math.fsum(e.end_s - e.begin_s for e in mine["compute"])
        planned = [self.planned_compute(b, self.mode_of(e), e.device) for e, _ in steps]
        return {"block": b, "name": "image" if b == -1 else self.blocks[b].name, "planned": len(plans), "dropped": dropped,
                "dropped_share": ratio(dropped, len(plans)), "runs": len(mine["compute"]), "macs": sum(e.macs for e in mine["compute"]),
                "compute_s": compute_s, "compute_mean_s": ratio(compute_s, len(mine["compute"])),
                "queue_mean_s": mean([e.begin_s - there for e, there in steps]), "planned_mean_s": mean(planned),
                "emulated_mean_s": mean([e.end_s - there for e, there in steps]), "transfers": len(mine["transmit"]),
                "bytes": sum(e.bytes for e in mine["transmit"]),
                "transmit_s": math.fsum(e.end_s - e.begin_s for e in mine["transmit"]), "compute_j": joules["compute"],
                "transmit_j": joules["transmit"], "receive_j": joules["receive"], "energy_j": math.fsum(joules.values())}

    # Rounds and requests.

    def round_figures(self):
        return [self.round_row(row) for row in self.rounds]

    def round_row(self, row):
        n = row.round
        events = [e for e in self.events if e.round == n]
        requests = [r for r in self.requests if r.round == n]
        done = [r for r in requests if r.status == DONE]
        status = collections.Counter(r.status for r in requests)
        energy = [math.fsum(self.energy(d, row.start_s, self.end(n), self.powers)[0].values()) for d in range(len(self.devices))]
        left = [(self.ledger(d)[n + 1], d) for d in range(len(self.devices)) if math.isfinite(self.devices[d].battery_j)]
        lowest = min(left, default=(None, -1))
        return {"round": n, "start_s": row.start_s, "end_s": row.end_s, "length_s": row.end_s - row.start_s, "requests": row.requests,
                "admitted": row.admitted, "done": status[DONE], "rejected": status[REJECTED], "failed": status[FAILED],
                "planner": row.planner, "status": row.status, "binding": row.binding, "objective": row.objective,
                "bound": row.bound, "gap": row.gap, "plan_host_s": row.plan_host_s,
                "predicted_latency_s": row.predicted_latency_s, "latency_mean_s": mean([r.latency_s for r in done]),
                "accuracy_mean": mean([r.accuracy for r in done]), "dropped_blocks": self.dropped(n),
                "shared_bytes": sum(e.bytes for e in events if e.kind == "transmit"),
                "macs": sum(e.macs for e in events if e.kind == "compute"), "overruns": sum(bool(e.flags & OVERRUN) for e in events),
                "energy_j": math.fsum(energy), "lowest_battery_j": lowest[0], "lowest_device": lowest[1]}

    def request_energy(self, request):
        return math.fsum(self.powers[e.device][e.kind] * (e.end_s - e.begin_s) for e in self.events
                         if (e.round, e.request) == (request.round, request.request) and e.kind != "wait")

    def request_paths(self):
        return [self.request_row(r) for r in self.requests]

    def request_row(self, r):
        key = r.round, r.request
        path, events = self.paths[key], [e for e in self.events if (e.round, e.request) == key]
        return {"round": r.round, "request": r.request, "attempt": r.attempt, "status": r.status, "arrival_s": r.arrival_s,
                "latency_s": r.latency_s, "predicted_latency_s": r.predicted_latency_s, "accuracy": r.accuracy,
                "compute_s": math.fsum(path["compute"]), "transfer_s": math.fsum(path["transfer"]), "queue_s": self.queue(path),
                "queue_start_s": path["start"], "queue_processor_s": math.fsum(path["processor"]),
                "queue_link_s": math.fsum(path["link"]), "hops": len(path["transfer"]), "dropped_blocks": self.dropped(*key),
                "shared_bytes": sum(e.bytes for e in events if e.kind == "transmit"),
                "macs": sum(e.macs for e in events if e.kind == "compute"), "energy_j": self.request_energy(r),
                "planned_energy_j": self.planned_energy(key) if key in self.first_plan else None}

    # Exits: who left where, and what that brings.

    def exit_tables(self):
        done = [r for r in self.requests if r.status == DONE]
        own = {(r.round, r.request): self.request_row(r) for r in done}
        judged = rows_of(self.trace.exits)
        by_key = {(r.round, r.request): r for r in done}
        expected = [self.leaving(self.last_plan[key]) for key in own]
        count, rows, gone = len(done), [], 0.0
        for place, head in enumerate([*self.heads, None]):
            after = head and head.after
            here = [r for r in done if r.exit == after]
            there = [row for row in judged if row.exit == after and (row.round, row.request) in own] if head else here
            labelled = [r for r in here if r.label is not None]
            correct = sum(r.verdict == r.label for r in labelled)
            known = [(row.predicted, by_key[row.round, row.request].label) for row in there] if head else [(r.verdict, r.label) for r in here]
            known = [answer == label for answer, label in known if label is not None]
            share = math.fsum(shares[place] for shares in expected) / count if count else None
            interval = wilson(len(here), count) if count else (None, None)
            accurate = wilson(correct, len(labelled)) if labelled else (None, None)
            mine = [own[r.round, r.request] for r in here]
            rows.append({"exit": head.after if head else -1, "name": head.name if head else "end", "threshold": head.threshold if head else None,
                         "reached": len(there), "left": len(here), "reach_share": ratio(len(there), count), "left_share": ratio(len(here), count),
                         "left_low": interval[0], "left_high": interval[1], "expected_reach": None if share is None else 1 - gone,
                         "expected_left": share, "labelled": len(labelled), "correct": correct, "accuracy": ratio(correct, len(labelled)),
                         "accuracy_low": accurate[0], "accuracy_high": accurate[1], "head_accuracy": ratio(sum(known), len(known)),
                         "confidence_mean": mean([r.confidence for r in here]),
                         "confidence_stayed_mean": mean([row.confidence for row in there if row.left == "no"]) if head else None,
                         "latency_mean_s": mean([r.latency_s for r in here]), "energy_mean_j": mean([row["energy_j"] for row in mine]),
                         "macs_mean": mean([row["macs"] for row in mine])})
            gone += share or 0
        labelled = [r for r in done if r.label is not None]
        correct = sum(r.verdict == r.label for r in labelled)
        low, high = wilson(correct, len(labelled)) if labelled else (None, None)
        work = [self.planned_work(key, self.last_plan[key]) for key in own]
        paths = [self.paths[key] for key in own]
        means = {"macs": (mean([row["macs"] for row in own.values()]), mean([self.whole_macs(self.last_plan[key]) for key in own])),
                 "energy": (mean([row["energy_j"] for row in own.values()]), mean([energy for energy, _ in work])),
                 "way": (mean([math.fsum(p["compute"] + p["transfer"]) for p in paths]), mean([time for _, time in work]))}
        early = sum(r.exit is not None for r in done)
        row = {"done": count, "left_early": early, "early_share": ratio(early, count), "accuracy_promised": mean([r.accuracy for r in done]),
               "labelled": len(labelled), "correct": correct, "accuracy_promised_labelled": mean([r.accuracy for r in labelled]),
               "accuracy_observed": ratio(correct, len(labelled)), "accuracy_low": low, "accuracy_high": high}
        for name, unit in (("macs", ""), ("energy", "_j"), ("way", "_s")):
            with_exits, whole = means[name]
            row |= {f"{name}_mean{unit}": with_exits, f"{name}_whole_mean{unit}": whole,
                    f"{name}_saved": None if None in (with_exits, whole) else 1 - with_exits / whole}
        return {"leaving": [row], "exits": rows}

    def whole_macs(self, plan):
        return sum(self.blocks[b].skip_macs if row.mode == "skip" else self.blocks[b].macs for b, row in plan.items() if row.device is not None)

    # Streams: what a steady state reaches, and what holds it up.

    def steady(self):
        """Of each request that finishes after all that began before its round's first was done, and before the last one begins:
        the time since the finish before it, and its latency; rounds one after the other."""
        rows = []
        for row in self.rounds:
            done = sorted((r for r in self.requests if r.round == row.round and r.status == DONE), key=lambda r: r.finish_s)
            begins = [min(e.begin_s for e in self.events if (e.round, e.request) == (r.round, r.request) and e.kind != "wait") for r in done]
            full = max((r.finish_s for r, begin in zip(done, begins) if begin < done[0].finish_s), default=0)
            rows += [(b.finish_s - a.finish_s, b.finish_s - b.arrival_s) for a, b in zip(done, done[1:]) if full < b.finish_s <= max(begins)]
        return rows

    def stream_tables(self):
        steady, name = self.steady(), [d.name for d in self.devices]
        done = sum(r.status == DONE for r in self.requests)
        rate = ratio(len(steady), math.fsum(gap for gap, _ in steady))
        share = lambda busy: None if rate is None else busy * rate  # noqa: E731
        busy = collections.defaultdict(list)
        for e in self.events:
            length_s = e.end_s - e.begin_s
            if e.kind == "compute":
                busy["processor", e.device, -1].append(length_s)
            elif e.kind != "wait" and self.scenario.radio:
                busy["radio", e.device, -1].append(length_s)
            elif e.kind == "transmit":
                busy["link", e.device, e.peer].append(length_s)
        busy = {key: math.fsum(spans) for key, spans in busy.items()}
        resources = [{"resource": kind, "device": device, "peer": peer, "name": name[device] + (f" to {name[peer]}" if peer >= 0 else ""),
                      "busy_s": total, "per_request_s": ratio(total, done), "share": share(total / done)}
                     for (kind, device, peer), total in sorted(busy.items(), key=lambda item: -item[1])]
        # Ten batches of equal counts, or as many as have two finishes each; what is left over comes first and is left out.
        count = min(10, len(steady) // 2)
        size = len(steady) // count if count > 1 else 0
        batches = [steady[len(steady) - count * size:][i * size:(i + 1) * size] for i in range(count)] if count > 1 else []
        periods = [math.fsum(gap for gap, _ in batch) / len(batch) for batch in batches]
        student = {2: 12.706, 3: 4.303, 4: 3.182, 5: 2.776, 6: 2.571, 7: 2.447, 8: 2.365, 9: 2.306, 10: 2.262}
        error = rate**2 * student[len(periods)] * float(numpy.std(periods, ddof=1)) / math.sqrt(len(periods)) if periods else None
        over = lambda column: self.harmonic(done, column)  # noqa: E731
        bound, latencies = over("throughput_bound"), [latency for _, latency in steady]
        stream = {"rounds": len(self.rounds), "done": done, "counted": len(steady), "window_s": math.fsum(gap for gap, _ in steady),
                  "throughput_per_s": rate, "throughput_error_per_s": error, "batches": len(batches),
                  "period_s": None if rate is None else 1 / rate, "planned_per_s": over("throughput"), "bound_per_s": bound,
                  "gap": None if None in (rate, bound) else 1 - rate / bound, "latency_mean_s": mean(latencies),
                  "latency_p50_s": percentile(latencies, 0.5), "latency_p90_s": percentile(latencies, 0.9),
                  "latency_p99_s": percentile(latencies, 0.99), "bottleneck": f"{resources[0]['resource']} {resources[0]['name']}",
                  "bottleneck_s": resources[0]["per_request_s"], "bottleneck_share": resources[0]["share"]}
        return {"stream": [stream], "stages": self.stages(done, share), "resources": resources, "gains": self.gains(bound)}

    def harmonic(self, done, column):
        """The rate at which all that was done would have been done, each round's at its own rate."""
        times = [sum(r.round == row.round and r.status == DONE for r in self.requests) / getattr(row, column)
                 for row in self.rounds if getattr(row, column) is not None]
        return ratio(done, math.fsum(times)) if len(times) == len(self.rounds) else None

    def stages(self, done, share):
        work = collections.defaultdict(lambda: collections.defaultdict(list))  # block -> device -> lengths
        for e in self.events:
            if e.kind == "compute":
                work[e.block][e.device].append(e.end_s - e.begin_s)
        stages = []
        for block in sorted(work):
            if not stages or set(work[stages[-1][-1]]) != set(work[block]):
                stages.append([])
            stages[-1].append(block)
        rows = []
        for number, blocks in enumerate(stages, 1):
            devices = sorted(work[blocks[0]])
            each = [math.fsum(length_s for block in blocks for length_s in work[block][device]) for device in devices]
            names = [self.blocks[block].name for block in (blocks[0], blocks[-1])]
            ways = dict.fromkeys(f"{row.split}/{row.parts}" for block in blocks for plan in self.last_plan.values()
                                 for row in [plan.get(block)] if row is not None and row.split != "whole")
            rows.append({"stage": number, "first_block": blocks[0], "last_block": blocks[-1],
                         "blocks": names[0] if len(blocks) == 1 else "..".join(names),
                         "on": ", ".join(self.devices[device].name for device in devices), "devices": len(devices),
                         "split": ", ".join(ways), "per_request_s": ratio(max(each), done),
                         "share": share(math.fsum(each) / len(each) / done)})
        return rows

    def gains(self, bound):
        rows = {}
        for price in rows_of(self.trace.prices):
            mean_price = price.price / len(self.rounds)
            for device in {price.device, price.peer} - {None}:
                row = rows.setdefault(device, {"device": device, "name": self.devices[device].name, "processor_per_s": 0.0,
                                               "memory_per_s": 0.0, "radio_per_s": 0.0, "links_per_s": 0.0})
                column = "links_per_s" if price.resource == "link" else f"{price.resource}_per_s"
                row[column] += mean_price * (self.devices[device].memory_bytes if price.resource == "memory" else 1)
        for row in rows.values():
            row["gain_per_s"] = math.fsum(row[f"{kind}_per_s"] for kind in ("processor", "memory", "radio", "links"))
            row["bound_per_s"] = None if bound is None else bound + row["gain_per_s"]
        return sorted(rows.values(), key=lambda row: -row["gain_per_s"])

    # Planned against emulated, and how exactly the clock was kept.

    def deviations(self):
        done = [r for r in self.requests if r.status == DONE]
        hops = [(sending, receiving, there, (sending.round, sending.block, sending.device, sending.peer))
                for sending, receiving, there in self.hops]
        steps = [(e, there, self.planned_compute(e.block, self.mode_of(e), e.device))
                 for e, there in self.steps]
        power = {d: self.powers[d]["compute"] for d in self.powers}
        pairs = {
            ("request", "latency_s"): [(r.predicted_latency_s, r.latency_s) for r in done],
            ("request", "energy_j"): [(self.planned_energy((r.round, r.request)), self.request_energy(r)) for r in done],
            ("hop", "latency_s"): [(self.planned_hop(*hop), receiving.end_s - there) for _, receiving, there, hop in hops],
            ("hop", "energy_j"): [(self.hop_energy(sending.device, sending.peer, *[self.planned_transmission(*hop)] * 2),
                                   self.hop_energy(sending.device, sending.peer, sending.end_s - sending.begin_s,
                                                   receiving.end_s - receiving.begin_s)) for sending, receiving, _, hop in hops],
            ("block", "latency_s"): [(planned, e.end_s - there) for e, there, planned in steps],
            ("block", "energy_j"): [(power[e.device] * planned, power[e.device] * (e.end_s - e.begin_s)) for e, _, planned in steps],
        }
        rows = []
        for (level, quantity), values in pairs.items():
            planned, emulated = [p for p, _ in values], [e for _, e in values]
            deviation = [e - p for p, e in values]
            bias = mean(deviation)
            rows.append({"level": level, "quantity": quantity, "count": len(values), "planned_mean": mean(planned),
                         "emulated_mean": mean(emulated), "bias": bias, "relative_bias": ratio(bias, mean(planned)) if values else None,
                         "p50": percentile(deviation, 0.5), "p99": percentile(deviation, 0.99), "max": largest(deviation)})
        return rows

    def timed(self):
        """Events with host times, of the wall clock."""
        return [e for e in self.events if self.wall and e.kind != "wait" and not e.flags & LOST and e.host_end_s is not None]

    def fidelity(self):
        events = self.timed()
        late = []
        for e in events:
            row = self.rounds[e.round]
            late.append(((e.host_end_s - row.host_start_s) / self.dilation - (e.end_s - row.start_s)) / max(e.end_s - e.begin_s, RULE_S))
        overruns = sum(bool(e.flags & OVERRUN) for e in events)
        assert overruns == sum(value > 0.01 for value in late)
        uncertainty = [float(value) for value in self.trace.clocks["uncertainty_s"] if value == value]
        return {"events": len(events), "overruns": overruns, "overrun_share": ratio(overruns, len(events)), "lateness_mean": mean(late),
                "lateness_p50": percentile(late, 0.5), "lateness_p90": percentile(late, 0.9), "lateness_p99": percentile(late, 0.99),
                "lateness_max": largest(late), "clock_uncertainty_s": largest(uncertainty)}

    def achievements(self):
        if not self.wall:
            return []
        timed = self.timed()
        host = lambda e: (e.host_end_s - e.host_begin_s) / self.dilation  # noqa: E731
        spans = {
            "compute": ([(e.end_s - e.begin_s, host(e), e.macs) for e in timed if e.kind == "compute"], "MAC/s"),
            "transmit": ([(e.end_s - e.begin_s, host(e), 8 * e.bytes) for e in timed if e.kind == "transmit"], "bit/s"),
            "hop": ([(receiving.end_s - sending.begin_s, (receiving.host_end_s - sending.host_begin_s) / self.dilation, 0)
                     for sending, receiving, _ in self.hops], ""),
        }
        rows = []
        for kind, (values, unit) in spans.items():
            requested, achieved, amount = ([v[i] for v in values] for i in range(3))
            errors = [(a - r) / max(r, RULE_S) for r, a in zip(requested, achieved)]
            rows.append({"kind": kind, "count": len(values), "requested_mean_s": mean(requested), "achieved_mean_s": mean(achieved),
                         "requested_rate": ratio(sum(amount), math.fsum(requested)) if unit else None,
                         "achieved_rate": ratio(sum(amount), math.fsum(achieved)) if unit else None, "rate_unit": unit,
                         "error_mean": mean(errors), "error_p50": percentile(errors, 0.5), "error_p99": percentile(errors, 0.99),
                         "error_max": largest(errors)})
        return rows


def figures(trace, powers=None):
    """powers: {device: {"compute": W, "transmit": W, "receive": W, "idle": W}}, instead of the trace's own."""
    return Figures(trace, powers).all()


def stream_figures(trace):
    """The tables of a stream alone: of traces in which devices share blocks, too."""
    return Figures(trace).stream_tables()

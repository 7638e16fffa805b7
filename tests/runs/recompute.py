"""What must hold in a trace, recomputed from its raw tables and the scenario alone; no code of the program's is used.

findings(scenario, path) gives one sentence for each thing that does not hold. What parts of blocks cost is told by an instance that
`skipstone plan --dump-instance` wrote; the work that plans make of them is put together here.
"""

import collections
import json
import math
import pathlib
import tomllib

import h5py
import numpy

ROOT = pathlib.Path(__file__).resolve().parents[2]
COMPUTE, TRANSMIT, RECEIVE, WAIT = 1, 2, 3, 4
RETRANSMITTED, FAILED = 2, 4
DONE, REJECTED, FAILED_REQUEST = 1, 2, 3
SKIP = 2
SURVIVAL = b"survival"
ENDING = (b"schedule", b"failure")  # outages that planners know of and that may end
PROFILED = ("min", "max", "rate", "symmetric", "redraw", "latency", "jitter", "loss", "efficiency", "medium")


def amount(value):
    """A quantity's number; all units here are without prefix, but for those of shipped profiles."""
    if not isinstance(value, str):
        return float(value)
    if value == "mains":
        return math.inf
    number, _, unit = value.partition(" ")
    scale = {"k": 1e3, "M": 1e6, "G": 1e9, "m": 1e-3, "u": 1e-6}.get(unit[:1], 1) if len(unit) > 1 and unit not in ("min", "MAC", "MAC/s") else 1
    return float(number) * scale


def volume(box):
    return (box[1] - box[0]) * (box[3] - box[2]) * (box[5] - box[4])


def close(a, b, relative=1e-9, absolute=1e-9):
    return a == b or abs(a - b) <= max(absolute, relative * max(abs(a), abs(b)))


# What a device does without a break: a block, a part of one, joining parts (part −1 of a block that is split), the head of an exit.
# reads: places of the tasks whose outputs it needs; gate: the place of the head that must have let the request go on.
Task = collections.namedtuple("Task", "block part device macs memory weights time reads gate")
# An output, or a box of it, on its way; bytes that decide the time, and bytes that move.
Move = collections.namedtuple("Move", "sender serialised shared gate")
IMAGE = (-1, -1)  # the place, (block, part), of what is there before any task


class Trace:
    def __init__(self, path):
        with h5py.File(path, "r") as file:
            for name in ("devices", "blocks", "rounds", "plans", "requests", "events", "battery", "outages"):
                setattr(self, name, file[name][:])
            self.exits = file["exits"][:] if "exits" in file else None
            self.split_names = {code: name for name, code in h5py.check_enum_dtype(self.plans.dtype["split"]).items()}
            links = file["links"]
            self.rates = links["rate_bit_s"][:] if "rate_bit_s" in links else None
            self.complete = bool(file.attrs["complete"])
        self.chain = int((self.blocks["after"] < 0).sum())
        self.heads = {int(row["after"]): row for row in self.blocks[self.chain:]}  # by the block before them

    def of_round(self, table, number):
        rows = getattr(self, table)
        return rows[rows["round"] == number]


def linked(scenario):
    """The links' keys, those of their profile included."""
    links = dict(scenario["links"])
    if "profile" in links:
        profile = tomllib.loads((ROOT / "profiles" / "links" / f"{links['profile']}.toml").read_text())
        links = {key: profile[key] for key in PROFILED if key in profile} | links
    return links


class Recomputation:
    def __init__(self, scenario, path, instance):
        self.scenario, self.trace, self.found = scenario, Trace(path), []
        blocks = json.loads(pathlib.Path(instance).read_text())["blocks"] if instance else []
        self.splits = [{way["split"]: way for way in block.get("splits", [])} for block in blocks]
        links, objective = linked(scenario), scenario["objective"]
        self.links, self.pairs = links, getattr(scenario, "pairs_of_file", None) or links.get("pair", [])
        self.medium = links.get("medium", "links")
        self.paper = objective.get("residual", "fused") == "paper"
        self.resident = objective.get("memory", "paper") == "resident"
        self.threshold = objective.get("accuracy_threshold", 0.8) if scenario.get("accuracy", {}).get("table", "none") != "none" or "exits" in scenario else 0
        self.period = amount(scenario["rounds"].get("period", 0))
        charge = scenario["planner"].get("charge", False)
        self.charge = 0 if charge is False else amount(charge)
        self.retry = scenario["requests"].get("on_reject", "drop") == "retry"
        self.names = [name.decode() for name in self.trace.devices["name"]]
        source = scenario["requests"].get("source", "any")
        self.source = None if source == "any" else self.names.index(source)
        network = scenario["network"]
        self.block_names = [name.decode() for name in self.trace.blocks["name"]]
        element = {"float32": 4, "bfloat16": 2, "int8": 1}[network.get("precision", "float32")]
        profile = network.get("profile")
        sizes = {"resnet20-cifar": 32, "resnet50": 224}
        if profile:
            side = network.get("input", profile["input"] if isinstance(profile, dict) else sizes[profile])
            self.image_bytes = 3 * side * side * element
        else:  # weights say what the network is
            self.image_bytes = int(self.trace.blocks["input_bytes"][0])
        self.speedups, self.times = self.device_times(network.get("precision", "float32"))
        self.rules = self.exit_rules()
        self.expected = scenario.get("exits", {}).get("reserve", "worst") == "expected"
        self.accuracies = self.table()
        outages = self.trace.outages
        self.outages = [(row["begin_s"], math.inf if math.isnan(row["end_s"]) else row["end_s"], row["device"], row["peer"], row["cause"])
                        for row in outages]

    def device_times(self, precision):
        speedups, times = [], []
        for entry in self.scenario["fleet"]["devices"]:
            profile = {}
            if "profile" in entry:
                profile = tomllib.loads((ROOT / "profiles" / "devices" / f"{entry['profile']}.toml").read_text())
            merged = profile | entry
            speedup = merged.get("speedup", {}).get(precision, 1)
            measured = {block: amount(time) / speedup for block, time in merged.get("compute_seconds", {}).items()}
            for _ in range(entry.get("count", 1)):
                speedups.append(speedup)
                times.append(measured)
        return speedups, times

    def exit_rules(self):
        rules = self.scenario.get("exits", {}).get("rules")
        return tomllib.loads(pathlib.Path(rules).read_text()) if isinstance(rules, str) else rules

    def reach(self, dropped):
        """Share of requests that drop these blocks and get to each block of the chain; 1 where nothing is known."""
        known = [row for row in (self.rules or {"promised": []})["promised"] if frozenset(row["dropped"]) == dropped]
        shares, left = [], 1.0
        leaving = iter(known[0]["leaving"] if known else [])
        for block in range(self.trace.chain):
            shares.append(left)
            if known and block in self.trace.heads:
                left -= next(leaving)
        return shares

    def table(self):
        if self.rules:
            return {frozenset(row["dropped"]): row["accuracy"] for row in self.rules["promised"]}
        table = self.scenario["accuracy"]["table"]
        if table == "none":
            return {frozenset(): math.nan}
        if isinstance(table, str):
            table = tomllib.loads((ROOT / "profiles" / "accuracy" / f"{table}.toml").read_text())
        accuracies = {}
        for row in table["row"]:
            if row.get("mode", "skip") != "skip":
                continue
            dropped = frozenset(row["dropped"])
            accuracies[dropped] = min(row["accuracy"], accuracies.get(dropped, 1))
        return accuracies

    def add(self, *words):
        self.found.append(" ".join(str(word) for word in words))

    # ---- costs

    def macs_of(self, block, skipped):
        return int(self.trace.blocks[block]["skip_macs" if skipped else "macs"])

    def memory_of(self, block, skipped):
        return int(self.trace.blocks[block]["skip_memory_bytes" if skipped else "memory_bytes"])

    def compute_time(self, block, skipped, device):
        if not skipped and self.block_names[block] in self.times[device]:
            return self.times[device][self.block_names[block]]
        return self.macs_of(block, skipped) / self.trace.devices[device]["mac_rate"]

    def hop_bytes(self, block):
        """Bytes that decide the time of a hop, and bytes that move; block −1: the image."""
        if block < 0:
            return self.image_bytes, self.image_bytes
        output = int(self.trace.blocks[block]["output_bytes"])
        if not self.paper or block == 0:
            return output, output
        before = int(self.trace.blocks[block - 1]["output_bytes"])
        return max(output, before), output + before

    def part_time(self, block, way, macs, device):
        measured, whole = self.times[device], int(self.trace.blocks[block]["macs"])
        if f"{self.block_names[block]}:{way}" in measured:
            return measured[f"{self.block_names[block]}:{way}"]
        if macs and self.block_names[block] in measured and whole:
            return measured[self.block_names[block]] * macs / whole
        return macs / self.trace.devices[device]["mac_rate"]

    def head_time(self, head, device):
        """Heads compute in float32, whatever the network does."""
        name = self.block_names[head["block"]]
        if name in self.times[device]:
            return self.times[device][name] * self.speedups[device]
        return int(head["macs"]) / (self.trace.devices[device]["mac_rate"] / self.speedups[device])

    def graph(self, plan, exit=-1):
        """What a plan makes devices do for a request that leaves behind this block (−1: at no exit): tasks by place, in order, and moves
        by the place whose output moves and the receiver."""
        tasks, moves = {}, {}
        holder, last, gate = self.source, IMAGE, None  # device that has the whole tensor, whose output that is, the last head

        def head(block):
            nonlocal gate
            if block in self.trace.heads and last != IMAGE:
                row = self.trace.heads[block]
                place = (int(row["block"]), -1)
                tasks[place] = Task(*place, holder, int(row["macs"]), int(row["memory_bytes"]), int(row["weight_bytes"]),
                                    self.head_time(row, holder), [last], gate)
                gate = place
            return block == exit

        wholes = {int(row["block"]): row for row in plan if row["part"] < 0}
        for block in range(self.trace.chain):
            row = wholes[block]
            device, kind = int(row["device"]), self.trace.split_names[row["split"]]
            if device < 0:
                if head(block):
                    break
                continue
            if kind == "whole":
                skipped = row["mode"] == SKIP
                if holder is not None and holder != device:
                    moves[last, device] = Move(holder, *self.hop_bytes(last[0]), gate)
                tasks[block, -1] = Task(block, -1, device, self.macs_of(block, skipped), self.memory_of(block, skipped),
                                        int(self.trace.blocks[block]["weight_bytes"]), self.compute_time(block, skipped, device), [last], gate)
            else:
                self.add_split(tasks, moves, block, plan, f"{kind}/{row['parts']}", device, holder, last, gate)
            holder, last, gate = device, (block, -1), None
            if head(block):
                break
        return tasks, moves

    def add_split(self, tasks, moves, block, plan, name, joins, holder, last, gate):
        """Each device that has parts gets one box that holds what all of them read; each part goes to who joins them."""
        way = self.splits[block][name]
        devices = {int(row["part"]): int(row["device"]) for row in plan if row["block"] == block and row["part"] >= 0}
        boxes = {}
        for part, what in enumerate(way["parts"]):
            device, box = devices[part], what["input"]
            if holder is not None and device != holder:
                before = boxes.get(device, box)
                boxes[device] = [pick(a, b) for pick, a, b in zip((min, max) * 3, before, box)]
            tasks[block, part] = Task(block, part, device, what["macs"], what["memory_bytes"], what["weight_bytes"],
                                      self.part_time(block, name, what["macs"], device), [last], gate)
        sample = way["parts"][0]
        for device, box in boxes.items():
            size = sample["input_bytes"] // volume(sample["input"]) * volume(box)
            moves[last, device] = Move(holder, size, size, gate)
        for part, what in enumerate(way["parts"]):
            if devices[part] != joins:
                moves[(block, part), joins] = Move(devices[part], what["output_bytes"], what["output_bytes"], None)
        tasks[block, -1] = Task(block, -1, joins, way["join_macs"], 0, 0, way["join_macs"] / self.trace.devices[joins]["mac_rate"],
                                [(block, part) for part in range(len(way["parts"]))], None)

    def trait(self, key, sender, receiver):
        """Of a link: what a pair of these names says, else one for all, else the model; quantities as numbers."""
        ends = (self.names[sender], self.names[receiver])
        value = self.links.get(key, {"efficiency": 1}.get(key, 0))
        for wanted in (("*", "*"), ends):
            for pair in self.pairs:
                named = (pair["from"], pair["to"])
                if key in pair and (named == wanted or (pair.get("symmetric") and named[::-1] == wanted)):
                    value = pair[key]
        return amount(value)

    def rate(self, number, sender, receiver):
        return self.trace.rates[number][sender][receiver] * self.trait("efficiency", sender, receiver)

    def check_rates(self, number):
        """Links of one's own have the rates that they were given."""
        for pair in self.pairs:
            ends = [self.names.index(pair[key]) for key in ("from", "to") if pair[key] != "*"]
            for sender, receiver in ([ends, ends[::-1]] if pair.get("symmetric") else [ends]) if len(ends) == 2 and "rate" in pair else []:
                found = self.trace.rates[number][sender][receiver]
                wanted = 0 if pair["rate"] == "none" else amount(pair["rate"])
                if not (close(found, wanted, 1e-12, 0) or (wanted == 0 and math.isnan(found))):
                    self.add("the link from", pair["from"], "to", pair["to"], "has rate", found, "for", wanted)

    # ---- rounds

    def check(self):
        trace = self.trace
        if not trace.complete:
            self.add("the trace is not complete")
        self.check_devices()
        battery = trace.devices["battery_j"].copy()
        pending = []
        images = 0
        for number, row in enumerate(trace.rounds):
            if row["round"] != number:
                self.add("rounds are not numbered")
            next_start = row["next_start_s"]
            if number + 1 < len(trace.rounds) and trace.rounds[number + 1]["start_s"] != next_start:
                self.add("round", number + 1, "does not start when its predecessor says")
            requests = trace.of_round("requests", number)
            self.plans = collections.OrderedDict()  # (request, revision) in the order of the trace
            for plan in trace.of_round("plans", number):
                self.plans.setdefault((plan["request"], plan["revision"]), []).append(plan)
            self.events = trace.of_round("events", number)
            self.check_rates(number)
            pending = self.check_requests(number, row, requests, pending)
            self.check_plans(number, row, requests, battery)
            self.check_work(number, row, requests)
            self.check_queues(number)
            self.check_outages(number, battery)
            self.check_times(number, row, requests, next_start, battery)
            battery = self.check_battery(number, row, next_start, battery)
        return self.found

    def check_devices(self):
        entries = [entry for entry in self.scenario["fleet"]["devices"] for _ in range(entry.get("count", 1))]
        if len(entries) != len(self.trace.devices):
            self.add("the fleet has", len(self.trace.devices), "devices")
        for entry, row, speedup in zip(entries, self.trace.devices, self.speedups):
            power = entry["power"]
            for column, value in (("mac_rate", amount(entry["mac_rate"]) * speedup), ("memory_bytes", amount(entry["memory"])),
                                  ("macs_per_round", amount(entry["macs_per_round"])), ("battery_j", amount(entry["battery"])),
                                  ("power_compute_w", amount(power["compute"])), ("power_transmit_w", amount(power["transmit"]))):
                if not close(row[column], value, 1e-12, 0):
                    self.add("a device has", column, row[column], "for", value)

    def check_requests(self, number, row, requests, pending):
        """Nobody vanishes; returns who must come back in the next round."""
        if list(requests["request"]) != list(range(len(requests))) or row["requests"] != len(requests):
            self.add("requests are not numbered in round", number)
        for expected, found in zip(pending, requests):
            if (found["arrival_s"], found["attempt"]) != expected:
                self.add("a rejected request does not come back in round", number, expected, found)
        if len(pending) > len(requests):
            self.add("requests vanish in round", number)
        new = requests[len(pending):]
        if any(new["attempt"] != 1):
            self.add("a new request has another attempt than the first in round", number)
        count = self.scenario["requests"].get("count")
        if count is not None and len(new) != count:
            self.add("round", number, "draws", len(new), "requests for", count)
        arrivals = self.scenario["requests"].get("arrivals", "batch")
        interval = amount(self.scenario["requests"].get("interval", 0))
        for place, request in enumerate(new):
            earliest = row["start_s"] + place * interval
            latest = math.inf if arrivals == "closed" else earliest + (self.period if arrivals == "spread" else 0)
            if not earliest * (1 - 1e-12) <= request["arrival_s"] <= latest * (1 + 1e-12):
                self.add("a request arrives outside of its round", number)
        if arrivals != "closed" and list(new["arrival_s"]) != sorted(new["arrival_s"]):
            self.add("requests are not in the order of their arrivals in round", number)
        for request in requests:
            who = f"request {request['request']} of round {number}"
            if request["status"] not in (DONE, REJECTED, FAILED_REQUEST):
                self.add(who, "has status", request["status"])
            if request["status"] == DONE and not close(request["latency_s"], request["finish_s"] - request["arrival_s"], 1e-12, 1e-12):
                self.add(who, "has another latency than from arrival to finish")
            if request["status"] != DONE and not math.isnan(request["finish_s"]):
                self.add(who, "finishes without being done")
        rejected = requests[requests["status"] == REJECTED]
        if row["admitted"] != len(requests) - len(rejected):
            self.add("round", number, "counts other admitted requests")
        if bool(row["binding"]) != bool(len(rejected)):
            self.add("round", number, "rejects", len(rejected), "for", row["binding"])
        return [(r["arrival_s"], r["attempt"] + 1) for r in rejected] if self.retry else []

    def check_plans(self, number, row, requests, battery):
        """Eq. 13 to 17 of the first plan, and after each revision."""
        vain, current = collections.Counter(), {}
        counted = {}
        for (request, revision), plan in self.plans.items():
            who = f"revision {revision} of request {request}, round {number}"
            if sorted(p["block"] for p in plan if p["part"] < 0) != list(range(self.trace.chain)):
                self.add(who, "does not have every block once (Eq. 15)")
            for block in {int(p["block"]) for p in plan if self.trace.split_names[p["split"]] != "whole"}:
                mine = [p for p in plan if p["block"] == block]
                if sorted(p["part"] for p in mine) != list(range(-1, mine[0]["parts"])) or len({(p["parts"], p["split"]) for p in mine}) > 1:
                    self.add(who, "does not have every part of block", block, "once")
            for p in plan:
                vanished = p["mode"] == SKIP and self.trace.blocks[p["block"]]["skip_macs"] == 0
                if (p["device"] < 0) != vanished or p["device"] >= len(self.names):
                    self.add(who, "has device", p["device"], "for block", p["block"])
            dropped = frozenset(self.block_names[p["block"]] for p in plan if p["mode"] == SKIP)
            accuracy = self.accuracies.get(dropped)
            if accuracy is None or accuracy < self.threshold:
                self.add(who, "drops", sorted(dropped), "with accuracy", accuracy, "(Eq. 16)")
            if revision != counted.get(request, -1) + 1:
                self.add(who, "does not follow its predecessor")
            counted[request] = revision
            for (_, receiver), move in self.graph(plan)[1].items():
                if not self.rate(number, move.sender, receiver) > 0:
                    self.add(who, "moves a tensor where there is no link")
        first = {r: p for (r, revision), p in self.plans.items() if revision == 0}
        admitted = {r["request"] for r in requests if r["status"] != REJECTED}
        if set(first) != admitted:
            self.add("plans are of requests", sorted(first), "and not of", sorted(admitted), "in round", number)
        for request in requests:
            if request["status"] == DONE:
                last = self.plans[(request["request"], counted[request["request"]])]
                dropped = frozenset(self.block_names[p["block"]] for p in last if p["mode"] == SKIP)
                known = self.accuracies.get(dropped, math.nan)
                if not (close(request["accuracy"], known, 1e-12, 0) or (math.isnan(request["accuracy"]) and dropped in self.accuracies and math.isnan(known))):
                    self.add("request", request["request"], "of round", number, "has accuracy", request["accuracy"])
        current = dict(first)
        stream = self.scenario["objective"].get("goal", "latency") == "throughput"
        self.check_capacity(number, current, vain, battery, "the first plan", stream)
        for (request, revision), plan in self.plans.items():
            if revision == 0:
                continue
            vain = self.in_vain(request, revision, counted[request], vain)
            current[request] = plan
            self.check_capacity(number, current, vain, None, f"revision {revision} of request {request}", stream)
        for device, limit in enumerate(self.trace.devices["macs_per_round"] if not stream and not self.expected else ()):
            mine = self.events[(self.events["kind"] == COMPUTE) & (self.events["device"] == device)]
            if mine["macs"].sum() > limit:
                self.add("device", device, "computes", mine["macs"].sum(), "of", limit, "MAC in round", number, "(Eq. 14)")

    def in_vain(self, request, revision, last, vain):
        """MACs in vain by the time of a request's last revision; earlier ones are only known together."""
        if revision < last or self.status_failed(request):
            return vain
        lost = self.events[(self.events["request"] == request) & (self.events["kind"] == COMPUTE) & (self.events["flags"] & FAILED != 0)]
        more = collections.Counter(vain)
        for event in lost:
            more[event["device"]] += int(event["macs"])
        return more

    def status_failed(self, request):
        mine = self.events[self.events["request"] == request]
        return not len(mine) or not any((mine["flags"] & FAILED == 0) & (mine["kind"] != WAIT))

    def check_capacity(self, number, plans, vain, battery, what, stream):
        """stream: requests come without end, and memory is for one task at a time; then time is what limits MACs."""
        macs, memory, energy, held = collections.Counter(vain), collections.Counter(), collections.Counter(), {}
        for plan in plans.values():
            tasks, moves = self.graph(plan)
            reach = self.reach(frozenset(self.block_names[p["block"]] for p in plan if p["mode"] == SKIP)) if self.expected else None

            def share(block):
                after = int(self.trace.blocks[block]["after"])
                return reach[after if after >= 0 else block] if reach else 1

            for task in tasks.values():
                weight = share(task.block)
                macs[task.device] += math.ceil(task.macs * weight) if reach else task.macs
                memory[task.device] = max(memory[task.device], task.memory) if stream else memory[task.device] + task.memory
                energy[task.device] += weight * self.trace.devices[task.device]["power_compute_w"] * task.time
                held[task.device, task.block, task.part] = task.weights
            for (place, receiver), move in moves.items():
                sender = move.sender
                weight = max(share(task.block) for task in tasks.values() if place in task.reads and task.device == receiver) if reach and place != IMAGE else 1
                time = weight * 8 * move.serialised / (self.rate(number, sender, receiver) * (1 - self.trait("loss", sender, receiver)))
                energy[sender] += self.trace.devices[sender]["power_transmit_w"] * time
                energy[receiver] += self.trace.devices[receiver]["power_receive_w"] * time
        if stream:
            macs, energy = {}, {}
        if self.resident or stream:
            for (device, _, _), weights in held.items():
                memory[device] += weights
        for used, column, equation in ((memory, "memory_bytes", 13), (macs, "macs_per_round", 14)):
            for device, value in used.items():
                limit = self.trace.devices[device][column]
                if value > limit * (1 + 1e-9):
                    self.add(what, "needs", value, "of", limit, "on device", device, "in round", number, f"(Eq. {equation})")
        for device, value in energy.items() if battery is not None else ():
            if value > battery[device] * (1 + 1e-9):
                self.add(what, "needs", value, "J of", battery[device], "on device", device, "in round", number, "(Eq. 17)")

    def check_work(self, number, row, requests):
        """What was planned is done, in order, on its devices; and nothing else."""
        last = {}
        for (request, revision), plan in self.plans.items():
            last[request] = plan
        work = {r["request"]: [] for r in requests}
        for event in self.events:
            if event["kind"] == WAIT:
                continue
            if event["request"] not in work:
                self.add("an event of no request in round", number)
                continue
            work[event["request"]].append(event)
        for request in requests:
            mine, who = work[request["request"]], f"request {request['request']} of round {number}"
            good = [e for e in mine if not e["flags"] & FAILED]
            sent = sum(int(e["bytes"]) for e in mine if e["kind"] == TRANSMIT)
            if sent != request["shared_bytes"]:
                self.add(who, "shares", request["shared_bytes"], "bytes and sends", sent)
            if request["status"] == REJECTED and mine:
                self.add(who, "is rejected and has events")
            if request["status"] != DONE:
                if good:
                    self.add(who, "is not done and has events that are not lost")
                continue
            self.check_path(number, row, request, *self.graph(last[request["request"]], request["exit"]), good, who)
            self.check_exit(number, request, self.graph(last[request["request"]])[0], who)

    def check_path(self, number, row, request, tasks, moves, events, who):
        computed, transfers = {}, {}
        for event in events:
            place = (int(event["block"]), int(event["part"]))
            key = (event["kind"], place, int(event["peer" if event["kind"] == TRANSMIT else "device"]))
            table, key = (computed, place) if event["kind"] == COMPUTE else (transfers, key)
            if key in table:
                self.add(who, "has two events of", key)
            table[key] = event
        if {place: int(e["device"]) for place, e in computed.items()} != {place: task.device for place, task in tasks.items()}:
            self.add(who, "runs", {place: int(e["device"]) for place, e in computed.items()}, "for", {place: task.device for place, task in tasks.items()})
            return
        if set(transfers) != {(kind, *key) for key in moves for kind in (TRANSMIT, RECEIVE)}:
            self.add(who, "moves", sorted(transfers), "for", sorted(moves))
            return
        begin = max(request["arrival_s"], row["start_s"] + self.charge)
        arrived = {}
        for (place, receiver), move in moves.items():
            there = begin if place == IMAGE else computed[place]["end_s"]
            if move.gate:
                there = max(there, computed[move.gate]["end_s"])
            arrived[place, receiver] = self.check_move(number, who, place, receiver, move, transfers, there)
        for place, task in tasks.items():
            event, block = computed[place], task.block
            if event["macs"] != task.macs:
                self.add(who, "computes", event["macs"], "MAC for block", block)
            if not close(event["end_s"] - event["begin_s"], task.time, 1e-9, 1e-12 * max(1, event["end_s"])):
                self.add(who, "computes block", block, "in", event["end_s"] - event["begin_s"], "s")
            ready = max(arrived.get((read, task.device), begin if read == IMAGE else computed[read]["end_s"]) for read in task.reads)
            if task.gate:
                ready = max(ready, computed[task.gate]["end_s"])
            if not event["begin_s"] >= ready - 1e-9 * max(1, ready):
                self.add(who, "computes block", block, "before its input is there")
        end = computed[list(tasks)[-1]]["end_s"]
        if request["finish_s"] != end:
            self.add(who, "finishes at", request["finish_s"], "and its last block at", end)

    def check_move(self, number, who, place, receiver, move, transfers, ready):
        sent, received = transfers[(TRANSMIT, place, receiver)], transfers[(RECEIVE, place, receiver)]
        ends, block = (move.sender, receiver), place[0]
        if sent["device"] != move.sender or received["peer"] != move.sender:
            self.add(who, "moves the output of block", block, "from", sent["device"], "for", move.sender)
        serialised, shared = move.serialised, move.shared
        if sent["bytes"] != shared or received["bytes"] != shared:
            self.add(who, "moves", sent["bytes"], "bytes after block", block, "for", shared)
        rounding = 1e-12 * max(1, sent["end_s"], received["end_s"])
        least, took = 8 * serialised / self.rate(number, *ends), sent["end_s"] - sent["begin_s"]
        again = bool(sent["flags"] & RETRANSMITTED)
        if took < least * (1 - 1e-9) - rounding or (not again and not close(took, least, 1e-9, rounding)) or (again and self.trait("loss", *ends) == 0):
            self.add(who, "sends the output of block", block, "in", took, "s for", least)
        if not close(received["end_s"] - received["begin_s"], took, 1e-9, 10 * rounding):
            self.add(who, "receives the output of block", block, "in another time than it is sent")
        delay = received["begin_s"] - sent["begin_s"]
        latency = self.trait("latency", *ends)
        if delay < -rounding or (self.trait("jitter", *ends) == 0 and not close(delay, latency, 1e-9, 10 * rounding)):
            self.add(who, "receives the output of block", block, "after", delay, "s for", latency)
        if sent["begin_s"] < ready - rounding:
            self.add(who, "sends the output of block", block, "before it is there")
        return received["end_s"]

    def check_exit(self, number, request, tasks, who):
        """Requests leave at the first exit whose confidence reaches its threshold, and nowhere else. tasks: of one that stays."""
        if self.trace.exits is None:
            if (request["exit"], request["verdict"]) != (-1, -1) or not math.isnan(request["confidence"]):
                self.add(who, "leaves, and there are no exits")
            return
        rows = self.trace.of_round("exits", number)
        rows = rows[rows["request"] == request["request"]]
        passed, left = [], -1
        for after, head in sorted(self.trace.heads.items()):
            if (int(head["block"]), -1) not in tasks or len(passed) == len(rows):
                continue
            row = rows[len(passed)]
            passed.append(after)
            if row["confidence"] >= head["threshold"]:
                left = after
                if (row["predicted"], row["confidence"]) != (request["verdict"], request["confidence"]):
                    self.add(who, "left with another verdict than its exit's")
                break
        if list(rows["exit"]) != passed or [bool(value) for value in rows["left"]] != [after == left for after in passed]:
            self.add(who, "passes", list(rows["exit"]), "for", passed, "and leaves at", left)
        if left < 0 and len(passed) != sum((int(head["block"]), -1) in tasks for head in self.trace.heads.values()):
            self.add(who, "leaves nowhere and does not pass every exit")
        if request["exit"] != left:
            self.add(who, "leaves behind block", request["exit"], "for", left)

    def check_queues(self, number):
        """Processors, and links or radios, do one thing at a time."""
        queues = collections.defaultdict(list)
        for event in self.events:
            interval = (event["begin_s"], event["end_s"])
            if event["kind"] in (COMPUTE, WAIT):
                queues["processor", event["device"]].append(interval)
            elif event["kind"] == TRANSMIT and self.medium == "links":
                queues["link", event["device"], event["peer"]].append(interval)
            elif event["kind"] == TRANSMIT:
                queues["radio", event["device"]].append(interval)
                queues["radio", event["peer"]].append(interval)
        for who, intervals in queues.items():
            intervals.sort()
            for (_, end), (begin, _) in zip(intervals, intervals[1:]):
                if begin < end - 1e-9 * max(1, end):
                    self.add(who, "does two things at a time in round", number)

    def check_outages(self, number, battery):
        for event in self.events:
            device, begin, end = event["device"], event["begin_s"], event["end_s"]
            rounding = 1e-9 * max(1, end)
            if event["kind"] != WAIT and battery[device] <= 0 and end > begin:
                self.add("device", device, "works with an empty battery in round", number)
            for since, until, away, peer, _ in self.outages:
                if peer < 0:
                    concerned = away == device
                else:
                    concerned = event["kind"] == TRANSMIT and {away, peer} == {device, event["peer"]}
                if concerned and min(end, until) - max(begin, since) > rounding:
                    self.add("kind", event["kind"], "of device", device, "goes on while it or its link is down, round", number)

    def down(self, time):
        """Devices and links that planners know to be down then."""
        return [(device, peer) for begin, end, device, peer, cause in self.outages if begin <= time < end and cause != SURVIVAL]

    def check_times(self, number, row, requests, next_start, battery):
        start, end = row["start_s"], row["end_s"]
        latest = max([start + (self.charge if self.charge else 0), *(self.events["end_s"] if len(self.events) else []),
                      *(r["finish_s"] for r in requests if r["status"] == DONE)])
        if end < latest - 1e-9 * max(1, latest):
            self.add("round", number, "ends before its last event")
        if not any(r["status"] == FAILED_REQUEST for r in requests) and not close(end, latest):
            self.add("round", number, "ends at", end, "and not with its last event at", latest)
        # Who does not survive a round is told as that, whatever else would have kept it away.
        if row["binding"] == b"outage" and not any(begin <= start <= until for begin, until, _, _, _ in self.outages):
            self.add("round", number, "rejects for an outage, and nothing is down")
        for (request, revision), plan in self.plans.items():
            if revision == 0:
                off = {device for device, peer in self.down(start) if peer < 0}
                tasks, moves = self.graph(plan)
                if off & {task.device for task in tasks.values()} or (self.source in off):
                    self.add("round", number, "plans with a device that is down")
                cut = [{device, peer} for device, peer in self.down(start) if peer >= 0]
                if any({move.sender, receiver} in cut for (_, receiver), move in moves.items()):
                    self.add("round", number, "plans with a link that is down")
        earliest = max(end, start + self.period)
        if close(next_start, earliest, 1e-12, 0):
            waits = row["binding"] == b"outage" and not row["admitted"] and not self.period
            ends = [until for begin, until, device, peer, cause in self.outages if begin <= start < until and cause in ENDING
                    and battery[device] > 0 and (peer < 0 or battery[peer] > 0)]
            if waits and ends and next_start < min(ends) < math.inf:
                self.add("round", number, "rejects everything for an outage, and the next starts before it ends")
            return
        if not (next_start > earliest and row["binding"] == b"outage" and not row["admitted"] and not self.period):
            self.add("round", number + 1, "starts at", next_start, "and not at", earliest)
        elif not any(close(next_start, until, 1e-12, 0) for _, until, _, _, _ in self.outages):
            self.add("round", number + 1, "starts when no outage ends")

    def check_battery(self, number, row, next_start, before):
        rows = self.trace.of_round("battery", number)
        left = numpy.full(len(before), numpy.nan)
        left[rows["device"]] = rows["remaining_j"]
        if len(rows) != len(before) or numpy.isnan(left).any():
            self.add("/battery lacks devices in round", number)
            return left
        if (left < 0).any():
            self.add("a battery holds less than nothing in round", number)
        start, until = row["start_s"], next_start
        for device, power in enumerate(self.trace.devices):
            mine = self.events[(self.events["device"] == device) & (self.events["kind"] != WAIT)]
            spent, busy, reached = 0.0, 0.0, start
            for event in sorted(mine, key=lambda event: event["begin_s"]):
                begin, stop = max(event["begin_s"], start), min(event["end_s"], until)
                if stop <= begin:
                    continue
                column = {COMPUTE: "power_compute_w", TRANSMIT: "power_transmit_w", RECEIVE: "power_receive_w"}[event["kind"]]
                spent += power[column] * (stop - begin)
                busy += max(0.0, stop - max(begin, reached))
                reached = max(reached, stop)
            off, reached = 0.0, start
            for since, back, away, peer, _ in sorted(self.outages):
                if away == device and peer < 0:
                    begin, stop = max(since, reached), min(back, until)
                    if stop > begin:
                        off += stop - begin
                        reached = stop
            spent += power["power_idle_w"] * max(0.0, until - start - off - busy)
            expected = max(0.0, before[device] - spent)
            if before[device] > 0 and not close(left[device], expected, 0, 1e-9 * spent + 1e-12 * before[device] + 1e-12):
                self.add("device", device, "has", left[device], "J after round", number, "and should have", expected)
            if before[device] <= 0 and left[device] != before[device]:
                self.add("an empty battery changes in round", number)
        return left


def findings(scenario, path, instance=None):
    """instance: of the scenario, as `skipstone plan --dump-instance` writes it; it is needed where blocks are split."""
    return Recomputation(scenario, path, instance).check()


def analysis_findings(scenario, path, analysis):
    """What `analyze --json` says, against the raw tables."""
    trace, found = Trace(path), []
    status = trace.requests["status"]
    requests = analysis["requests"]

    def expect(what, found_value, value, relative=1e-9):
        if found_value is None and math.isinf(value):
            return
        if not close(float(found_value), float(value), relative, 1e-9):
            found.append(f"analyze has {what} {found_value} for {value}")

    expect("attempts", requests["attempts"], len(status))
    first = int((trace.requests["attempt"] == 1).sum())
    expect("requests", requests["requests"], first)
    expect("done", requests["done"], (status == DONE).sum())
    expect("rejected", requests["rejected"], (status == REJECTED).sum())
    expect("failed", requests["failed"], (status == FAILED_REQUEST).sum())
    done = trace.requests[status == DONE]
    if len(done):
        expect("the mean latency", requests["latency_mean_s"], done["latency_s"].mean())
        parts = sum(requests[f"path_{part}_mean_s"] for part in ("compute", "transfer", "queue"))
        expect("parts of the latency that add up to", parts, done["latency_s"].mean(), 1e-6)
    rejected = collections.Counter()
    for row in trace.rounds:
        rejected[row["binding"].decode()] += int(row["requests"] - row["admitted"])
    told = {r["binding"]: r["rejected"] for r in analysis["rejections"]}
    if told != {binding: count for binding, count in rejected.items() if count}:
        found.append(f"analyze has rejections {told} for {dict(rejected)}")
    span = analysis["trace"]["span_s"]
    events = trace.events
    for device in analysis["devices"]:
        number = device["device"]
        for tiling in ("processor", "radio"):
            total = sum(value for key, value in device.items() if key.startswith(tiling + "_") and key.endswith("_s"))
            if not close(total, span, 1e-6, 1e-6):
                found.append(f"the {tiling}'s time of device {number} adds up to {total} of {span} s")
        mine = events[events["device"] == number]
        for kind, key in ((COMPUTE, "processor_compute_s"), (WAIT, "processor_wait_s"), (TRANSMIT, "airtime_transmit_s"),
                          (RECEIVE, "airtime_receive_s")):
            part = mine[mine["kind"] == kind]
            expect(f"{key} of device {number}", device[key], (part["end_s"] - part["begin_s"]).sum(), 1e-6)
        row = trace.devices[number]
        left = trace.battery[trace.battery["device"] == number]["remaining_j"]
        expect(f"battery_left_j of device {number}", device["battery_left_j"], left[-1] if len(left) else row["battery_j"])
        if device["ledger_error"] is not None and not device["ledger_error"] <= 1e-9:
            found.append(f"the ledger of device {number} is off by {device['ledger_error']}")
    return found

"""Random scenarios over every key that a scenario can have.

A scenario is a dict of sections, written as TOML by text(). Capacities are drawn around what one request needs, so that some
rounds are easy, some drop blocks, and some reject requests.
"""

import json
import random

# Keys that random scenarios have, by section. Anything that a scenario can hold beside them is in ELSEWHERE.
KEYS = {
    "": {"seed"},
    "network": {"profile", "variant", "weights", "precision", "calibration", "convolutions", "input", "classes", "blocks"},
    "accuracy": {"table"},
    "fleet": {"devices"},
    "links": {"profile", "model", "rate", "min", "max", "symmetric", "redraw", "latency", "jitter", "loss", "efficiency", "medium",
              "pair", "file"},
    "requests": {"rate", "count", "arrivals", "interval", "source", "on_reject"},
    "rounds": {"count", "period"},
    "objective": {"alpha", "beta", "accuracy_threshold", "latency_reference", "residual", "memory"},
    "planner": {"name", "gap", "charge"},
    "faults": {"profile", "survival", "devices", "links", "outages", "detection", "remedies"},
    "emulation": {"clock", "dilation", "kernels"},
}
# Keys of work that is shared, which shared_scenarios.py draws; tests/cli/test_shared_work.py shows their effects, and
# tests/cli/test_exits.py those of exits.
ELSEWHERE = {
    "requests": {"in_flight"},
    "objective": {"goal"},
    "planner": {"stages"},
    "collaboration": {"splits", "most_parts"},
    "exits": {"rules", "verdicts", "table", "reserve"},
}
DEVICE_KEYS = {"profile", "count", "name", "mac_rate", "memory", "macs_per_round", "battery", "power", "compute_seconds", "speedup"}
PAIR_KEYS = {"from", "to", "rate", "latency", "jitter", "loss", "efficiency", "symmetric"}
OUTAGE_KEYS = {"device", "peer", "begin", "end"}

PLANNERS = ["exact", "contention", "milp", "ga", "greedy", "no-drop", "single-device"]
ELEMENT_BYTES = {"float32": 4, "bfloat16": 2, "int8": 1}


class Block:
    """What a block costs, in MACs and elements; enough to draw capacities around it."""

    def __init__(self, name, macs, inputs, output):
        self.name, self.macs, self.inputs, self.output = name, macs, inputs, output


def blocks_of(profile):
    """The blocks of a network's profile, by the formulas of convolutions."""
    size, channels, blocks = profile["input"], profile["width"], []

    def convolve(inputs, outputs, window, size_in, stride):
        size_out = -(-size_in // stride)
        return inputs * outputs * window * window * size_out * size_out, inputs * size_in * size_in

    stride = 2 if profile["stem"] == "imagenet" else 1
    macs, inputs = convolve(3, channels, 7 if stride == 2 else 3, size, stride)
    size = -(-size // (stride * stride))
    blocks.append(Block("stem", macs, inputs, channels * size * size))
    for stage, count in enumerate(profile["stages"]):
        width = profile["width"] << stage
        outputs = width * (4 if profile["block"] == "bottleneck" else 1)
        for index in range(count):
            stride = 2 if index == 0 and stage > 0 else 1
            if profile["block"] == "bottleneck":
                parts = [convolve(channels, width, 1, size, stride), convolve(width, width, 3, -(-size // stride), 1),
                         convolve(width, outputs, 1, -(-size // stride), 1)]
            else:
                parts = [convolve(channels, width, 3, size, stride), convolve(width, width, 3, -(-size // stride), 1)]
            size = -(-size // stride)
            blocks.append(Block(f"s{stage + 2}b{index + 1}", sum(m for m, _ in parts), sum(i for _, i in parts), outputs * size * size))
            channels = outputs
    blocks.append(Block("head", channels * profile["classes"], channels, profile["classes"]))
    return blocks


def joined(blocks, first, last):
    """The blocks with those from one to another as one."""
    part = blocks[first:last + 1]
    whole = Block(f"{part[0].name}..{part[-1].name}", sum(b.macs for b in part), sum(b.inputs for b in part), part[-1].output)
    return blocks[:first] + [whole] + blocks[last + 1:]


def stage_of(block):
    return block.name.split("b")[0] if "b" in block.name else block.name


RESNET20 = {"stages": [3, 3, 3], "block": "basic", "width": 16, "stem": "cifar", "input": 32, "classes": 10}
RESNET50 = {"stages": [3, 4, 6, 3], "block": "bottleneck", "width": 64, "stem": "imagenet", "input": 224, "classes": 1000}


def toml(value):
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, dict):
        return "{" + ", ".join(f"{json.dumps(key)} = {toml(item)}" for key, item in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(toml(item) for item in value) + "]"
    return json.dumps(value) if isinstance(value, str) else repr(value)


class Scenario(dict):
    """Sections and their keys, and what is in the file that links.file names."""

    pairs_of_file = None


def pairs_text(pairs):
    """Links of one's own as CSV."""
    columns = sorted({key for pair in pairs for key in pair}, key=["from", "to", "rate", "latency", "jitter", "loss", "efficiency", "symmetric"].index)
    rows = [columns] + [[str(pair.get(key, "")).lower() if key == "symmetric" else str(pair.get(key, "")) for key in columns] for pair in pairs]
    return "".join(",".join(row) + "\n" for row in rows)


def text(scenario):
    """The scenario as TOML."""
    lines = [f"seed = {scenario['']['seed']}"]
    for section, keys in scenario.items():
        if section:
            lines += [f"\n[{section}]", *(f"{key} = {toml(value)}" for key, value in keys.items())]
    return "\n".join(lines) + "\n"


class Draw:
    """One scenario's draws."""

    def __init__(self, seed):
        self.random = random.Random(f"scenario {seed}")
        # Of their own, so that the other draws of a seed stay as they were.
        self.joins = random.Random(f"blocks {seed}")
        self.streams = random.Random(f"streams {seed}")

    def chance(self, share):
        return self.random.random() < share

    def pick(self, *values):
        return self.random.choice(values)

    def spread(self, low, high):
        """Evenly over orders of magnitude."""
        return low * (high / low) ** self.random.random()

    # ---- sections

    def scenario(self):
        scenario = Scenario({"": {"seed": self.random.randrange(1 << 31)}})
        scenario["network"] = self.network()
        self.macs = sum(block.macs for block in self.blocks)
        self.memory = sum(block.inputs for block in self.blocks) * self.element
        self.request_s = self.spread(0.05, 5)  # of a request on a device of the usual speed
        scenario["accuracy"] = {"table": self.table()}
        scenario["fleet"] = {"devices": self.fleet()}
        self.period_s = self.pick(0, 0, self.spread(0.1, 10) * self.request_s)
        scenario["links"] = self.links()
        pairs = self.pairs()
        if pairs and self.chance(0.3):
            scenario["links"]["file"] = "links.csv"
            scenario.pairs_of_file = pairs
        elif pairs:
            scenario["links"]["pair"] = pairs
        scenario["requests"] = self.requests()
        if "arrivals" not in scenario["requests"] and self.streams.random() < 0.2:
            scenario["requests"] |= {"arrivals": "every", "interval": f"{self.streams.uniform(0.01, 2) * self.request_s!r} s"}
        scenario["rounds"] = {"count": self.random.randint(1, 8)}
        if self.period_s or self.chance(0.2):
            scenario["rounds"]["period"] = f"{self.period_s!r} s"
        scenario["objective"] = self.objective()
        scenario["planner"] = self.planner()
        if scenario["planner"]["name"] == "milp":  # for small rounds
            if len(self.devices) > 4 or len(self.blocks) > 8:
                scenario["planner"]["name"] = "exact"
            else:
                scenario["requests"] = {key: value for key, value in scenario["requests"].items() if key not in ("rate", "on_reject")}
                scenario["requests"]["count"] = self.random.randint(1, 2)
        faults = self.faults()
        if faults:
            scenario["faults"] = faults
        scenario["emulation"] = self.emulation()
        return scenario

    def network(self):
        network = {}
        self.named = self.pick(None, None, None, "resnet20-cifar", "resnet50")
        precision = self.pick("float32", "float32", "bfloat16", "int8")
        if self.named:
            network["profile"] = self.named
            profile = dict(RESNET20 if self.named == "resnet20-cifar" else RESNET50)
            if self.chance(0.3):
                network["input"] = profile["input"] = self.pick(16, 64, 96)
            if self.chance(0.3):
                network["classes"] = profile["classes"] = self.pick(2, 10, 100)
        else:
            profile = {"name": "tiny", "stages": [self.random.randint(1, 3) for _ in range(self.random.randint(1, 3))],
                       "block": self.pick("basic", "bottleneck"), "width": self.pick(4, 8), "stem": self.pick("cifar", "imagenet"),
                       "input": self.pick(16, 32, 33), "classes": self.pick(2, 10)}
            profile["shortcut"] = "projection" if profile["block"] == "bottleneck" else self.pick("projection", "zero-pad")
            network["profile"] = profile
        if profile["block"] == "bottleneck" and self.chance(0.5):
            network["variant"] = self.pick("v1", "v1.5")
        if precision != "float32" or self.chance(0.3):
            network["precision"] = precision
        if self.chance(0.3):
            network["convolutions"] = self.pick("standard", "measured", "direct")
        if self.named == "resnet20-cifar" and "input" not in network and "classes" not in network and self.chance(0.3):
            network["weights"] = "resnet20.h5"  # fuzz_runs.py makes it
            if precision == "int8" and self.chance(0.5):
                network["calibration"] = "resnet20-cifar-skipstone"
        self.measured = network.get("convolutions") == "measured"  # kernels would want measurements of this host
        self.profile, self.element = profile, ELEMENT_BYTES[network.get("precision", "float32")]
        self.blocks = blocks_of(profile)
        if not self.named and self.joins.random() < 0.3:
            network["blocks"] = self.join()
        return network

    def join(self):
        """Joins blocks; gives what network.blocks says of it."""
        kind = self.joins.choice(["finest", "stages", "listed"])
        if kind == "stages":
            stages = [stage_of(block) for block in self.blocks]
            for stage in sorted(set(stages), key=stages.index, reverse=True):
                if stages.count(stage) > 1:
                    first = stages.index(stage)
                    self.blocks = joined(self.blocks, first, first + stages.count(stage) - 1)
        if kind != "listed":
            return kind
        first, last = sorted(self.joins.sample(range(len(self.blocks)), 2))
        names = [self.blocks[first].name, self.blocks[last].name]
        self.blocks = joined(self.blocks, first, last)
        return [names]

    def table(self):
        residual = [block.name for block in self.blocks if "b" in block.name and ".." not in block.name]
        self.best = 1
        if self.chance(0.1):
            return "none"
        if self.named == "resnet50" and self.chance(0.5):
            return "khan2023-table2"
        rows = {(): self.random.uniform(0.8, 1)}
        self.best = round(rows[()], 4)
        for _ in range(self.random.randint(0, 12) if residual else 0):
            dropped = tuple(sorted(self.random.sample(residual, self.random.randint(1, min(3, len(residual))))))
            rows[dropped] = rows[()] - self.random.uniform(0, 0.2) * len(dropped)
        if self.chance(0.3):  # skipping a block after a failure is worth most where many sets are known
            rows.update({(name,): rows[()] - self.random.uniform(0, 0.1) for name in residual})
        return {"format": "skipstone-accuracy", "version": 1, "network": self.named or "tiny",
                "row": [{"dropped": list(dropped), "accuracy": round(accuracy, 4)} for dropped, accuracy in rows.items()]}

    def power(self, usual):
        return self.pick(0, usual, self.spread(0.01, 10) * usual)

    def fleet(self):
        entries = []
        for number in range(self.random.randint(1, 4)):
            usual = self.macs / self.request_s
            entry = {"name": f"d{number}"}
            if self.chance(0.7):
                entry["count"] = self.random.randint(1, 3)
            if self.chance(0.2):
                entry["profile"] = self.pick("khan2023-low", "khan2023-high", "raspberry-pi-4b")
            power = {"compute": f"{self.power(8)!r} W", "transmit": f"{self.power(10)!r} W"}
            if self.chance(0.5):
                power["receive"] = f"{self.power(5)!r} W"
            if self.chance(0.5):
                power["idle"] = f"{self.power(2)!r} W"
            entry["power"] = power
            entry["mac_rate"] = f"{self.spread(0.2, 5) * usual!r} MAC/s"
            entry["macs_per_round"] = f"{int(self.spread(0.1, 4) * self.macs)} MAC"
            entry["memory"] = f"{int(self.spread(0.1, 6) * self.memory)} B"
            entry["battery"] = f"{self.pick(0, self.spread(0.2, 100) * 8 * self.request_s, 1e6)!r} J"
            if self.chance(0.1):
                entry["battery"] = "mains"
            if self.chance(0.2):
                names = self.random.sample([block.name for block in self.blocks], self.random.randint(1, len(self.blocks)))
                entry["compute_seconds"] = {name: f"{self.spread(0.001, 1) * self.request_s!r} s" for name in names}
            if self.chance(0.2):
                entry["speedup"] = {name: self.pick(1, 1.5, 4) for name in self.random.sample(["bfloat16", "int8"], self.random.randint(1, 2))}
            entries.append(entry)
        self.devices = []
        for entry in entries:
            count = entry.get("count")
            self.devices += [f"{entry['name']}-{i}" for i in range(count)] if count else [entry["name"]]
        return entries

    def links(self):
        links, tensor = {}, 8 * max(block.output for block in self.blocks) * self.element
        usual = tensor / (self.spread(0.01, 1) * self.request_s)  # bit/s
        kind = self.pick("profile", "range", "fixed")
        if kind == "profile":
            links["profile"] = self.pick("khan2023", "ieee80211n-mcs0", "ieee80211n-mcs7")
        elif kind == "range":
            links |= {"min": f"{usual!r} bit/s", "max": f"{self.spread(1, 10) * usual!r} bit/s"}
            if self.chance(0.3):
                links["model"] = "uniform"
        else:
            links |= {"model": "fixed", "rate": f"{usual!r} bit/s"}
        if self.chance(0.3):
            links["symmetric"] = self.chance(0.5)
        if self.chance(0.3):
            links["redraw"] = self.pick("round", "never")
        if self.chance(0.4):
            links["latency"] = f"{self.spread(0.001, 0.3) * self.request_s!r} s"
        if self.chance(0.3):
            links["jitter"] = f"{self.spread(0.001, 0.3) * self.request_s!r} s"
        if self.chance(0.3):
            links["loss"] = self.pick(0.01, 0.3, 0.9)
        if self.chance(0.3):
            links["efficiency"] = self.pick(0.5, 0.95)
        if self.chance(0.5):
            links["medium"] = self.pick("links", "radio")
        return links

    def pairs(self):
        """Links of one's own: pairs of devices, each once, and perhaps one for all others."""
        if len(self.devices) < 2 or self.chance(0.7):
            return []
        ends = [self.random.sample(self.devices, 2) for _ in range(self.random.randint(1, 4))]
        ends = list({frozenset(pair): pair for pair in ends}.values())
        return [self.pair(*pair) for pair in ends + ([["*", "*"]] if self.chance(0.2) else [])]

    def pair(self, sender, receiver):
        pair = {"from": sender, "to": receiver}
        for key, value in (("rate", self.pick("none", f"{self.spread(1e5, 1e8)!r} bit/s")), ("latency", f"{self.spread(0.001, 0.3) * self.request_s!r} s"),
                           ("jitter", f"{self.spread(0.001, 0.3) * self.request_s!r} s"), ("loss", self.pick(0, 0.2)), ("efficiency", self.pick(0.5, 1))):
            if self.chance(0.4) and pair.get("rate") != "none" and not (value == "none" and sender == "*"):
                pair[key] = value
        if self.chance(0.5):
            pair["symmetric"] = self.chance(0.7)
        if len(pair) == 2 + ("symmetric" in pair):
            pair["latency"] = "1 ms"
        return pair

    def requests(self):
        requests = {}
        if self.chance(0.5):
            requests["count"] = self.random.randint(1, 5)
        else:
            requests["rate"] = self.pick(0, 1, 3, 5)
        if self.period_s and self.chance(0.6):
            requests["arrivals"] = "spread"
        elif self.chance(0.3):
            requests["arrivals"] = "batch"
        if self.chance(0.5):
            requests["source"] = self.pick("any", *self.devices)
        if self.chance(0.6):
            requests["on_reject"] = self.pick("drop", "retry")
        return requests

    def objective(self):
        objective = {}
        if self.chance(0.6):
            objective["alpha"] = self.pick(0, 0.3, 1)
            if self.chance(0.3):
                objective["beta"] = round(1 - objective["alpha"], 3)
        elif self.chance(0.3):
            objective["beta"] = self.pick(0, 0.5, 1)
        if self.chance(0.7) or self.best < 0.8:  # a threshold that nothing reaches is refused
            objective["accuracy_threshold"] = self.pick(0, 0.5, *(value for value in (0.8, 0.9) if value <= self.best))
        if self.chance(0.3):
            objective["latency_reference"] = self.pick("compute", "worst-case", f"{self.request_s!r} s")
        if self.chance(0.5):
            objective["residual"] = self.pick("fused", "paper")
        if self.chance(0.5):
            objective["memory"] = self.pick("paper", "resident")
        return objective

    def planner(self):
        planner = {"name": self.pick(*PLANNERS, "greedy", "greedy", "greedy")}
        if self.chance(0.3):
            planner["gap"] = self.pick(0, 0.01, 0.5)
        if self.chance(0.3):
            planner["charge"] = self.pick(False, f"{self.spread(0.001, 1) * self.request_s!r} s")
        return planner

    def mean_times(self, usual):
        return {"mean_time_to_failure": f"{max(0.001, self.spread(0.3, 20) * usual)!r} s",
                "mean_time_to_repair": f"{max(0.001, self.spread(0.05, 5) * usual)!r} s"}

    def faults(self):
        if self.chance(0.3):
            return {}
        faults = {}
        if self.chance(0.2):
            faults["profile"] = self.pick("survival-poor", "survival-hazardous")
        elif self.chance(0.3):
            faults["survival"] = [self.pick(0, 0.5, 0.9, 1) for _ in range(self.random.randint(1, 4))]
        if self.chance(0.4):
            faults["devices"] = self.mean_times(self.request_s)
        if self.chance(0.3):
            faults["links"] = self.mean_times(self.request_s)
        if self.chance(0.4):
            faults["outages"] = [self.outage() for _ in range(self.random.randint(1, 5))]
        if self.chance(0.3):
            faults["detection"] = f"{self.spread(0.001, 1) * self.request_s!r} s"
        if self.chance(0.6):
            faults["remedies"] = self.pick([], ["skip"], ["replan"], ["replan", "skip"], ["skip", "replan"])
        return faults

    def outage(self):
        begin = self.pick(0, self.random.uniform(0, 10) * self.request_s)
        outage = {"device": self.pick(*self.devices), "begin": f"{begin!r} s"}
        if len(self.devices) > 1 and self.chance(0.4):
            outage["peer"] = self.pick(*(name for name in self.devices if name != outage["device"]))
        if self.chance(0.8):
            outage["end"] = f"{begin + self.spread(0.05, 10) * self.request_s!r} s"
        return outage

    def emulation(self):
        kernels = not self.named and not self.measured and self.chance(0.05)
        emulation = {"clock": "virtual", "kernels": kernels}
        if self.chance(0.3):
            emulation["dilation"] = self.pick("auto", 2)
        return emulation


def scenario(seed):
    return Draw(seed).scenario()

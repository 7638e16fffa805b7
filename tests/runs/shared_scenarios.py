"""Random scenarios of work that devices share, with kernels that compute: splits, plans by hand, goals, streams, faults.

Networks are small, so that a run takes a moment.
"""

from scenarios import Draw

SPLITS = ["outputs", "inputs", "rows", "tiles"]


class SharedDraw(Draw):
    """One scenario's draws. ways_of(profile, blocks): how each block can be split, {"s2b1": ["outputs/2", …]}; blocks as network.blocks."""

    def __init__(self, seed, ways_of):
        super().__init__(f"shared {seed}")
        self.ways_of = ways_of

    def scenario(self):
        scenario = super().scenario()
        self.ways = self.ways_of({"name": "tiny", "shortcut": "zero-pad"} | self.profile, scenario["network"].get("blocks", "finest"))
        scenario["accuracy"] = {"table": "none"} if self.chance(0.4) else scenario["accuracy"]
        scenario["rounds"]["count"] = self.random.randint(1, 3)
        scenario["objective"]["accuracy_threshold"] = 0
        scenario["objective"].pop("residual", None)  # "paper" is for blocks that are whole
        goal = self.pick("latency", "latency", "throughput")
        planner = self.pick("fixed", "fixed", "contention", "contention", "exact", "greedy", "milp")
        if goal == "throughput":
            scenario["objective"] |= {"goal": goal}
            scenario["objective"].pop("memory", None)
            planner = self.pick("fixed", "pipeline", "pipeline", "balanced")
        scenario["planner"]["name"] = planner
        self.stream(scenario["requests"], goal == "throughput")
        if planner == "milp" and (len(self.devices) > 3 or len(self.blocks) > 5):
            scenario["planner"]["name"] = planner = "exact"
        if planner == "milp":
            scenario["requests"] = {"count": 1}
        if planner == "fixed":
            scenario["planner"]["stages"] = self.stages()
        if self.chance(0.8) and planner != "fixed":
            scenario["collaboration"] = {"splits": "auto" if self.chance(0.4) else self.some_splits()}
            if self.chance(0.5):
                scenario["collaboration"]["most_parts"] = self.random.randint(2, 4)
        return scenario

    def some_splits(self):
        return self.random.sample(SPLITS, self.random.randint(1, 4))

    def network(self):
        """resnet20 at 32 pixels, or one that is smaller."""
        while True:
            network = super().network()
            if self.measured or self.named == "resnet50" or network.get("input", 32) > 33 or network.get("precision") == "int8" and "calibration" in network:
                continue
            return network

    def fleet(self):
        """Devices that can do much: most requests are admitted, most splits are affordable."""
        entries = super().fleet()
        for entry in entries:
            if self.chance(0.8):
                entry |= {"battery": "mains", "macs_per_round": f"{100 * self.macs} MAC", "memory": f"{40 * self.memory + 4_000_000} B"}
        return entries

    def stream(self, requests, throughput):
        """Requests one behind the other, at times."""
        for key in ("arrivals", "interval", "rate", "on_reject"):
            requests.pop(key, None)
        requests["count"] = self.random.randint(1, 12 if throughput else 4)
        kind = self.pick("batch", "every", "closed", "closed")
        if kind == "every":
            requests |= {"arrivals": "every", "interval": f"{self.spread(0.01, 2) * self.request_s!r} s"}
        if kind == "closed":
            requests |= {"arrivals": "closed", "in_flight": self.random.randint(1, 5)}

    def stages(self):
        """A plan by hand over all blocks: whole on one device, in turns, or split into parts."""
        stages, names, at = [], [block.name for block in self.blocks], 0
        while at < len(names):
            here = [way for way in self.ways.get(names[at], []) if int(way.split("/")[1]) <= 4]
            if here and self.chance(0.5):
                kind, parts = self.pick(*here).split("/")
                stage = {"blocks": names[at], "devices": [self.pick(*self.devices) for _ in range(int(parts))], "split": kind}
                if self.chance(0.5):
                    stage["join"] = self.pick(*self.devices)
                stages.append(stage)
                at += 1
                continue
            last = min(len(names), at + self.random.randint(1, 4)) - 1
            devices = self.random.sample(self.devices, self.random.randint(1, min(3, len(self.devices))))
            stages.append({"blocks": names[at] if last == at else f"{names[at]}..{names[last]}", "devices": devices}
                          | ({"take": "turns"} if len(devices) > 1 else {}))
            at = last + 1
        return stages

    def emulation(self):
        return super().emulation() | {"kernels": True}


def scenario(seed, ways_of):
    return SharedDraw(seed, ways_of).scenario()

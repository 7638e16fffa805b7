#!/usr/bin/env python3
"""Kills a sweep at random moments, resumes it each time, and holds it against one that nobody disturbed.

The sweep runs as job arrays on a SLURM of four nodes on this machine (cluster.py). What is killed, by turns: a runner, a point's
process, a node's daemon, a node, the controller, everything at once, a job. Exit status 0: the table is the same to the byte, no
point was started again once it was verified, and no verified trace was touched.
"""

import argparse
import collections
import itertools
import json
import os
import pathlib
import random
import signal
import subprocess
import sys
import tempfile
import time

from cluster import Cluster, read, unavailable

try:
    import h5py
except ImportError as missing:
    print(f"skipped: {missing}")
    sys.exit(77)

ROOT = pathlib.Path(__file__).resolve().parents[2]
SUBMIT = ROOT / "jobs" / "submit_sweep.sh"
LIMIT_S = 120  # without any point getting done
COMPARE_S = 5

# A point takes some tenths of a second.
SWEEP = """
format = "skipstone-sweep"
version = 1
scenario = "khan2023"
repetitions = {repetitions}

[set]
rounds.count = {rounds}
planner.name = "greedy"
emulation.clock = "virtual"
emulation.kernels = false

[grid]
objective.alpha = [0, 0.25, 0.5, 0.75, 1]
requests.rate = [2, 3]
"""
POINTS_PER_REPETITION = 10


class Sweep:
    def __init__(self, program, file, folder):
        self.program, self.file, self.folder = program, file, folder

    def skipstone(self, command, *options):
        words = [self.program, "sweep", command, self.file, "--folder", self.folder, *options]
        return subprocess.run([str(word) for word in words], check=True, capture_output=True, text=True).stdout

    def left(self):
        return self.skipstone("status", "--left").strip()

    def table(self):
        """What collect makes: the CSV file, and what the HDF5 file holds (it also says when it was written)."""
        name = self.folder.with_name(self.folder.name + "-table")
        self.skipstone("collect", "-o", name)
        with h5py.File(name.with_suffix(".h5"), "r") as file:
            datasets = []
            file.visititems(lambda key, item: datasets.append((key, str(item.dtype), item[()].tobytes())) if hasattr(item, "dtype") else None)
        return name.with_suffix(".csv").read_bytes(), datasets

    def log(self):
        """(point, what) in the order of the log."""
        return [tuple(line.split()[1:3]) for line in read(self.folder / "log.txt").decode().splitlines()]

    def verified(self):
        return sum(what == "verified" for _, what in self.log())

    def traces(self):
        """{verified trace: what changes when somebody touches it}"""
        found = {}
        for record in (self.folder / "points").glob("*.json"):
            status = record.with_suffix(".h5").stat()
            found[record.stem] = (status.st_ino, status.st_mtime_ns)
        return found


class Killer:
    """Ways to kill something of a cluster."""

    WAYS = ("runner", "point", "daemon", "node", "controller", "everything", "job")

    def __init__(self, cluster, chance):
        self.cluster, self.chance = cluster, chance

    def runners(self):
        """{runner: [its points' processes]}"""
        found = {}
        for node in self.cluster.nodes:
            pids = [pid for pid in self.cluster.processes_on(node) if b"\0sweep\0run\0" in read(f"/proc/{pid}/cmdline")]
            parents = {pid: int(read(f"/proc/{pid}/stat").rpartition(b")")[2].split()[1] or 0) for pid in pids}
            found.update({pid: [child for child in pids if parents[child] == pid] for pid in pids if parents[pid] not in pids})
        return found

    def runner(self):
        os.kill(self.chance.choice([*self.runners()]), signal.SIGKILL)

    def point(self):
        os.kill(self.chance.choice([pid for points in self.runners().values() for pid in points]), signal.SIGKILL)

    def daemon(self):
        self.cluster.kill_daemon(self.chance.choice(self.cluster.nodes))

    def node(self):
        self.cluster.kill_node(self.chance.choice(self.cluster.nodes))

    def controller(self):
        self.cluster.kill_controller()

    def everything(self):
        self.cluster.kill_controller()
        for node in self.cluster.nodes:
            self.cluster.kill_node(node)

    def job(self):
        running = [job for job, state in self.cluster.jobs().items() if state == "RUNNING"]
        self.cluster.command("scancel", self.chance.choice(running), check=False)


def make(program, folder, points, rounds):
    """A sweep file, and two sweeps of it: one that nobody disturbs, which has run, and one that has not begun."""
    file = folder / "sweep.toml"
    file.write_text(SWEEP.format(repetitions=points // POINTS_PER_REPETITION, rounds=rounds))
    undisturbed = Sweep(program, file, folder / "undisturbed")
    undisturbed.skipstone("run", "--jobs", "2")
    return undisturbed, Sweep(program, file, folder / "killed")


def run_and_kill(cluster, sweep, kills, bundle, chance, say):
    """Runs the sweep on the cluster to its end. kills: (way, how many points are verified by then), in this order. Returns
    how many points were at work at the kills, all in all, and {trace: what traces() said when it first was there}."""
    killer = Killer(cluster, chance)
    cluster.environment["SKIPSTONE"] = str(sweep.program)
    patience = Patience()

    def keep_going():
        """As a user would: submits again what is left when the queue is empty."""
        cluster.release()
        if not cluster.command("squeue", "--noheader").stdout.strip() and sweep.left():
            cluster.command(
                SUBMIT, "--bundle", str(bundle), sweep.file, sweep.folder, "--", "--cpus-per-task=2", cwd=sweep.folder.parent)
        patience.check(cluster, sweep.verified())
        time.sleep(0.05)

    at_work, first_seen = 0, {}
    for number, (way, moment) in enumerate(kills, 1):
        while sweep.verified() < moment:
            keep_going()
        time.sleep(chance.uniform(0, 0.1))
        while True:
            first_seen = sweep.traces() | first_seen
            caught = sum(map(len, killer.runners().values()))
            if caught:
                try:
                    getattr(killer, way)()
                    break
                except (ProcessLookupError, IndexError):
                    pass  # it ended at that moment
            if not sweep.left() and not killer.runners():
                raise RuntimeError("the sweep was done before all kills: its points are too short (--rounds)")
            keep_going()
        at_work += caught
        say(f"[{number}/{len(kills)}] {way}: killed with {sweep.verified()} points verified and {caught} at work")
        cluster.restore()
    while sweep.left() or cluster.command("squeue", "--noheader").stdout.strip():
        keep_going()
    return at_work, first_seen


class Patience:
    """How long nothing got done."""

    def __init__(self):
        self._last, self._since, self._compared = None, 0, 0

    def check(self, cluster, state):
        """Ends the program if it is too long."""
        now = time.monotonic()
        if state != self._last:
            self._last, self._since, self._compared = state, now, now
        elif now - self._since > LIMIT_S:
            raise RuntimeError(f"nothing got done for {LIMIT_S} s\n{cluster.command('squeue').stdout}\n{cluster.logs(40)}")
        elif now - self._compared > COMPARE_S:
            cluster.compare()
            self._compared = now


def faults(undisturbed, sweep, points, first_seen):
    """What is wrong with a sweep that was killed, as sentences."""
    found = []
    (csv, datasets), (expected_csv, expected_datasets) = sweep.table(), undisturbed.table()
    if csv != expected_csv:
        lines = itertools.zip_longest(csv.splitlines(), expected_csv.splitlines())
        found.append(f"the CSV table differs: {next(pair for pair in lines if pair[0] != pair[1])}")
    if not datasets or datasets != expected_datasets:
        found.append("the HDF5 table differs")
    state = json.loads(sweep.skipstone("status", "--json"))
    if state["done"] != points:
        found.append(f"only {state['done']} of {points} points are done")
    verified = set()
    for point, what in sweep.log():
        if point in verified:
            found.append(f"{point} was {what} after it was verified")
        if what == "verified":
            verified.add(point)
    now = sweep.traces()
    found += [f"{name} was touched after it was verified" for name, before in first_seen.items() if now.get(name) != before]
    return found


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--points", type=int, default=200, metavar="N", help=f"a multiple of {POINTS_PER_REPETITION}")
    parser.add_argument("--kills", type=int, default=20, metavar="N")
    parser.add_argument("--seed", type=int, metavar="S", help="of what is killed when; default: any")
    parser.add_argument("--rounds", type=int, default=20, metavar="N", help="of each point: how long it takes")
    parser.add_argument("--program", type=pathlib.Path, metavar="FILE", default=ROOT / "build" / "skipstone")
    options = parser.parse_args()
    if options.points % POINTS_PER_REPETITION or not 0 <= options.kills <= options.points // 2:
        parser.error(f"--points must be a multiple of {POINTS_PER_REPETITION}, --kills at most half of it")
    if reason := unavailable():
        print(f"skipped: {reason}")
        return 77
    seed = options.seed if options.seed is not None else random.SystemRandom().randrange(10**6)
    chance = random.Random(seed)
    ways = [Killer.WAYS[i % len(Killer.WAYS)] for i in range(options.kills)]
    chance.shuffle(ways)
    moments = sorted(chance.sample(range(options.points * 9 // 10), options.kills))
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    with tempfile.TemporaryDirectory(prefix="skipstone-kill-") as folder:
        begin = time.monotonic()
        undisturbed, sweep = make(options.program.resolve(), pathlib.Path(folder), options.points, options.rounds)
        print(f"undisturbed: {options.points} points in {time.monotonic() - begin:.1f} s; now with --seed {seed}", flush=True)
        with Cluster(cpus=2, max_array_size=16) as cluster:
            begin = time.monotonic()
            at_work, first_seen = run_and_kill(
                cluster, sweep, list(zip(ways, moments)), 5, chance, lambda line: print(line, flush=True))
        counts = ", ".join(f"{way} {number}" for way, number in sorted(collections.Counter(ways).items()))
        happened = collections.Counter(what for _, what in sweep.log())
        print(f"{options.kills} kills ({counts}) with {at_work} points at work, {time.monotonic() - begin:.1f} s")
        print("log: " + ", ".join(f"{number} {what}" for what, number in happened.items()))
        if found := faults(undisturbed, sweep, options.points, first_seen):
            print("\n".join(found))
        else:
            print(f"the table of {options.points} points, {len(sweep.table()[0])} bytes of CSV, is that of the undisturbed sweep; "
                  "no point was started, and no trace touched, after it was verified")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())

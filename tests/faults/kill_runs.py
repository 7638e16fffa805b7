#!/usr/bin/env python3
"""Kills runs at random moments, and looks at what they leave behind.

A try starts a run, waits for a random time and strikes: SIGKILL, SIGTERM or SIGINT to the process (or rank 0, another
rank, or mpirun), or no more room on the disk. Afterwards the trace must open, hold every round that the run had reported
as finished, word for word as an undisturbed run has it, and say that it is incomplete (or be complete, where the run was
quicker); no process, no segment of shared memory and no temporary file may be left. Ends with a table, and with status 1
if anything was lost.

With --weights, every second try runs a trained ResNet-50 on real images, with the cache of packed weights in use, which
half of the time is empty, so that who fills it is struck, too. A file there that has its final name must be right, and a
run that finds what the struck one left must come to the same results."""

import argparse
import collections
import hashlib
import os
import pathlib
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "cli"))
from support import PROGRAM, h5py, launcher, numpy, scenario_text, text  # noqa: E402

RANKS = 5
CHANGES = {"emulation.kernels": True, "rounds.count": 400, "requests.rate": 4, "requests.count": None}
TRAINED = {"network.profile": "resnet50", "rounds.count": 40, "fleet.devices": [
    {"profile": "khan2023-low", "name": "low", "count": 3, "macs_per_round": "1 GMAC"},
    {"profile": "khan2023-high", "name": "big", "macs_per_round": "2 GMAC"}],
    "accuracy.table": {"format": "skipstone-accuracy", "version": 1, "network": "resnet50", "row": [{"dropped": [], "accuracy": 0.93}]}}
WALL = {"emulation.clock": "wall", "emulation.dilation": 0.05}
TABLES = ("rounds", "requests", "plans", "events", "battery")
HOST_COLUMNS = ("host_begin_s", "host_end_s", "host_start_s", "plan_host_s", "flags")
GRACE_S = 8  # for what ends after the launcher

# Who is struck by what; under mpirun unless "alone".
ATTACKS = [(who, number) for who in ("alone", "mpirun", "rank 0", "another rank") for number in (signal.SIGKILL, signal.SIGTERM, signal.SIGINT)
           if who in ("alone", "mpirun") or number == signal.SIGKILL] + [("alone", "full disk"), ("mpirun", "full disk")]


class Lost(Exception):
    """What a try left wrong."""


def committed(path):
    """{table: rows of the rounds that are in}, complete, ended."""
    with h5py.File(path, "r", swmr=True) as file:
        rounds = len(file["rounds"])
        tables = {name: file[name][:] for name in TABLES}
        return ({name: rows[rows["round"] < rounds] for name, rows in tables.items()}, int(file.attrs["complete"]), text(file.attrs["ended"]))


def same(found, expected, rounds):
    """Whether the rows of the first rounds agree, but for what depends on the host."""
    expected = expected[expected["round"] < rounds]
    return len(found) == len(expected) and all(
        numpy.array_equal(found[name], expected[name], equal_nan=found[name].dtype.kind == "f")
        for name in found.dtype.names if name not in HOST_COLUMNS)


def processes_of(scenario):
    """Ours that have this scenario on their command line."""
    found = []
    for entry in pathlib.Path("/proc").iterdir():
        try:
            words = (entry / "cmdline").read_bytes().split(b"\0")
            if entry.name.isdigit() and str(scenario).encode() in words:
                found.append((int(entry.name), words))
        except OSError:
            pass
    return found


def memory_segments():
    return {entry.name for entry in pathlib.Path("/dev/shm").iterdir() if not entry.is_dir()}


def forgotten_segments():
    """Segments that no process has mapped: their owner has ended without removing them."""
    there = memory_segments()
    for maps in pathlib.Path("/proc").glob("[0-9]*/maps"):
        try:
            there -= {pathlib.Path(line.split()[-1]).name for line in maps.read_text().splitlines() if "/dev/shm/" in line}
        except OSError:
            pass
    return there & memory_segments()


def session_of(launcher):
    """mpirun's session folder, once it holds one of the job: what mpirun leaves that is killed before, no program of the job ever saw."""
    return [folder.parent for folder in pathlib.Path(tempfile.gettempdir()).glob(f"ompi.*/pid.{launcher}/1")]


def wrong_in(cache):
    """Files of packed weights whose trailer does not agree with what is before it."""
    wrong = []
    for file in cache.glob("weights/*.packed"):
        content = file.read_bytes()
        if hashlib.sha256(content[:-512]).hexdigest().encode() != content[-65:-1]:
            wrong.append(file.name)
    return wrong


def start(scenario, output, alone, folder, real=(), cache="off"):
    command = [PROGRAM, "run", scenario, "-o", output, *real]
    if not alone:
        command = [*launcher(RANKS), *command]
    return subprocess.Popen(list(map(str, command)), cwd=folder, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                            text=True, start_new_session=True, env={**os.environ, "SKIPSTONE_CACHE": str(cache)})


def strike(process, who, number, scenario):
    if who in ("alone", "mpirun"):
        os.kill(process.pid, number)
        return
    ranks, end = [], time.monotonic() + 5
    while not ranks and process.poll() is None and time.monotonic() < end:  # on a busy machine they are there later
        ranks = sorted(pid for pid, words in processes_of(scenario) if pid != process.pid and b"mpirun" not in words[0])
        time.sleep(0.01)
    if not ranks:
        return
    os.kill(ranks[0] if who == "rank 0" else random.choice(ranks[1:] or ranks), number)


def wait_until_gone(what, left):
    end = time.monotonic() + GRACE_S
    while (remains := left()):
        if time.monotonic() > end:
            raise Lost(f"{what} left behind: {remains}")
        time.sleep(0.05)


def one_try(who, attack, expected, scenario, folder, after_s, real, cache):
    """real: options that name weights and images. Raises Lost; returns how many rounds the trace held, and how long the end took."""
    rounds = len(expected["rounds"])
    before = memory_segments()
    output = folder / "t.h5"
    full = attack == "full disk"
    if full:  # a file system of its own that has room for a part of the trace
        disk = folder / "disk"
        disk.mkdir()
        room = random.randrange(40, 700) * 4096
        subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={room}", "tmpfs", disk], check=True)
        output = disk / "t.h5"
        if real:
            cache = disk / "cache"
    try:
        process = start(scenario, output, who == "alone", folder, real, cache)
        if not full:
            try:
                process.wait(after_s)
            except subprocess.TimeoutExpired:
                strike(process, who, attack, scenario)
        struck = time.monotonic()
        try:
            out, err = process.communicate(timeout=60)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            raise Lost("did not end within a minute")
        took = time.monotonic() - struck
        reported = sum(line.startswith("[") and "] round " in line for line in out.splitlines())
        held = 0
        if reported and not output.exists():
            raise Lost("no trace")
        if output.exists():
            try:
                tables, complete, ended = committed(output)
            except (OSError, KeyError) as error:
                # Struck before the trace was begun: what is there is no trace yet, and nothing was finished.
                if reported:
                    raise Lost(f"unreadable: {error}")
                tables, complete, ended = {}, 0, "running"
            held = len(tables.get("rounds", ()))
            if held < reported:
                raise Lost(f"{reported} rounds were reported, {held} are in the trace")
            if complete != (ended == "finished") or (complete and held < rounds):
                raise Lost(f"says complete = {complete}, ended = {ended} with {held} rounds")
            for name, rows in tables.items():
                if not same(rows, expected[name], held):
                    raise Lost(f"/{name} differs from an undisturbed run's")
        if who == "alone" and attack in (signal.SIGTERM, signal.SIGINT) and process.returncode not in (0, 128 + attack, -attack):
            raise Lost(f"exit status {process.returncode}: {err[-300:]}")
        if full and process.returncode == 0 and held < rounds:
            raise Lost("a full disk went unnoticed")
        wait_until_gone("processes", lambda: [pid for pid, _ in processes_of(scenario)])
        wait_until_gone("shared memory", lambda: sorted(name for name in forgotten_segments() - before if name.startswith(("vader", "skipstone"))))
        wait_until_gone("session folders", lambda: session_of(process.pid))
        extra = {p.name for p in folder.iterdir()} - {"s.toml", "t.h5", "disk"}
        if extra:
            raise Lost(f"files left behind: {sorted(extra)}")
        if real:
            if wrong := wrong_in(pathlib.Path(cache)):
                raise Lost(f"packed weights are wrong: {wrong}")
            again = folder / "again.h5"
            subprocess.run([PROGRAM, "run", scenario, "-o", again, *real, "--rounds", "2", "--clock", "virtual"], check=True,
                           stdout=subprocess.DEVNULL, env={**os.environ, "SKIPSTONE_CACHE": str(cache)})
            if not all(same(rows, expected[name], 2) for name, rows in committed(again)[0].items()):
                raise Lost("a run after it came to other results")
        return held, took
    finally:
        if full:
            subprocess.run(["umount", "-l", folder / "disk"], check=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--tries", type=int, default=200)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--weights", help="of a ResNet-50 for CIFAR-10")
    parser.add_argument("--images", help="a CIFAR-10 batch, for --weights")
    arguments = parser.parse_args()
    random.seed(arguments.seed)
    attacks = [attack for attack in ATTACKS if attack[1] != "full disk" or os.geteuid() == 0]
    survived, held_rounds, longest, failures = collections.Counter(), collections.defaultdict(list), collections.defaultdict(float), []
    tries = collections.Counter()
    kinds = {"random": ((), "off", CHANGES)}
    with tempfile.TemporaryDirectory(prefix="skipstone-kill-") as base:
        base = pathlib.Path(base)
        if arguments.weights:
            real = ["--weights", os.path.abspath(arguments.weights)] + (["--images", os.path.abspath(arguments.images)] if arguments.images else [])
            kinds["trained"] = (real, base / "cache", CHANGES | TRAINED)
        expected, lasts = {}, {}
        for kind, (real, _, changes) in kinds.items():
            for clock in ("virtual", "wall"):
                scenario = base / f"{kind}-{clock}.toml"
                scenario.write_text(scenario_text(changes | (WALL if clock == "wall" else {})))
                begin = time.monotonic()
                subprocess.run([PROGRAM, "run", scenario, "-o", base / "expected.h5", "--clock", "virtual", *real], check=True,
                               stdout=subprocess.DEVNULL, env={**os.environ, "SKIPSTONE_CACHE": "off"})
                lasts[kind, clock] = time.monotonic() - begin
                expected[kind, clock], complete, _ = committed(base / "expected.h5")
                assert complete
                (base / "expected.h5").unlink()
        for number in range(arguments.tries):
            who, attack = attacks[number % len(attacks)]
            kind = list(kinds)[number // len(attacks) % len(kinds)]
            real, cache, _ = kinds[kind]
            if real and random.random() < 0.5:
                shutil.rmtree(cache, ignore_errors=True)
            clock = "virtual" if who == "alone" else random.choice(("virtual", "wall"))
            folder = base / str(number)
            folder.mkdir()
            scenario = folder / "s.toml"
            shutil.copy(base / f"{kind}-{clock}.toml", scenario)
            name = (who, getattr(attack, "name", attack))
            tries[name] += 1
            try:
                after_s = random.uniform(0.05, lasts[kind, clock] + (0 if who == "alone" else 1))
                held, took = one_try(who, attack, expected[kind, clock], scenario, folder, after_s, real, cache)
                survived[name] += 1
                held_rounds[name].append(held)
                longest[name] = max(longest[name], took)
            except Lost as lost:
                failures.append(f"try {number} (seed {arguments.seed}): {name[0]}, {name[1]}, {clock} clock, {kind} weights: {lost}")
                print(failures[-1], flush=True)
            shutil.rmtree(folder)
    print(f"{'struck':<13} {'by':<10} {'tries':>6} {'survived':>9}   rounds held (median, least, most)   longest end/s")
    for name in tries:
        rounds = held_rounds[name] or [0]
        print(f"{name[0]:<13} {name[1]:<10} {tries[name]:>6} {survived[name]:>9}   {int(numpy.median(rounds)):>6} {min(rounds):>6} {max(rounds):>6} "
              f"{'':>12} {longest[name]:>10.2f}")
    print(f"{sum(survived.values())} of {arguments.tries} survived")
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())

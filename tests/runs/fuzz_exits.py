#!/usr/bin/env python3
"""Random runs whose requests leave at exits, by what kernels compute: every verdict against numpy, on any ranks, and replayed.

    tests/runs/fuzz_exits.py                            the scenarios 0 to 11
    tests/runs/fuzz_exits.py --seconds 3600 --seed 1000 for an hour, from scenario 1000 on
    tests/runs/fuzz_exits.py --wall                     some of them under the wall clock, too

A scenario that fails is kept, with its traces.
"""

import argparse
import itertools
import os
import pathlib
import random
import shutil
import subprocess
import sys
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path += [str(ROOT / "tests" / "cli"), str(pathlib.Path(__file__).resolve().parent)]

from support import PROGRAM, launcher  # ends with 77 where h5py is missing

import exits_files
import h5py
import numpy
import scenarios


def scenario_of(seed, thresholds, folder):
    draw = random.Random(f"exits {seed}")
    chance = lambda share: draw.random() < share
    devices = [{"profile": draw.choice(["khan2023-low", "khan2023-high"]), "name": f"d{i}", "battery": draw.choice(["mains", "60 J", "5 J"]),
                "mac_rate": f"{draw.randint(20, 400)} MMAC/s", "macs_per_round": f"{draw.randint(3, 200)} MMAC",
                "memory": f"{draw.randint(60, 4000)} kB"} for i in range(draw.randint(1, 4))]
    open_exits = [name for name in exits_files.AFTER if chance(0.75)] or exits_files.AFTER[:1]
    rules = {name: draw.choice([thresholds[name], thresholds[name], 0.0, 1.0]) for name in open_exits}
    exits_files.write_rules(folder / "rules.toml", folder / "exits.h5", rules)
    scenario = {
        "network": {"weights": "exits.h5"}, "accuracy": {"table": "none"}, "fleet": {"devices": devices},
        "exits": {"rules": "rules.toml"} | ({"reserve": "expected"} if chance(0.4) else {}),
        "links": {"min": "1 Mbit/s", "max": "40 Mbit/s"} | draw.choice([{}, {"loss": 0.05}, {"jitter": "3 ms"}, {"medium": "radio"}]),
        "requests": {"count": draw.randint(1, 6)} | draw.choice([{}, {"on_reject": "retry"}, {"source": "d0"}]),
        "rounds": {"count": draw.randint(1, 4)}, "objective": {"alpha": 0.7},
        "planner": {"name": draw.choice(["greedy", "exact", "exact", "contention", "no-drop", "single-device"])},
        "emulation": {"clock": "virtual", "kernels": True}}
    if chance(0.4):
        scenario["collaboration"] = {"splits": "auto", "most_parts": draw.randint(2, 3)}
        scenario["planner"]["name"] = draw.choice(["exact", "greedy", "contention"])
    if chance(0.4):
        scenario["faults"] = {"devices": {"mean_time_to_failure": f"{draw.randint(50, 900)} ms", "mean_time_to_repair": "80 ms"}}
        if chance(0.5):
            scenario["faults"]["links"] = {"mean_time_to_failure": "500 ms", "mean_time_to_repair": "100 ms"}
    return draw, {"": {"seed": draw.randint(1, 10 ** 6)}, **scenario}, rules


def run(folder, limit_s, *arguments, ranks=None):
    command = [*(launcher(ranks) if ranks else []), PROGRAM, *map(str, arguments)]
    process = subprocess.Popen(command, cwd=folder, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                               start_new_session=True, env={"SKIPSTONE_CACHE": "off", **os.environ})
    try:
        out, _ = process.communicate(timeout=limit_s)
        return process.returncode, out
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, 9)
        out, _ = process.communicate()
        return f"no end within {limit_s} s", out


def wrong_verdicts(trace, rules, known):
    """Requests that did not leave where their images' own logits say."""
    with h5py.File(trace) as file:
        requests, heads, blocks = file["requests"][:], file["exits"][:], [name.decode() for name in file["blocks"]["name"]]
    said = {}
    for row in heads:
        said.setdefault((row["round"], row["request"]), []).append((int(row["predicted"]), bool(row["left"])))
    found = []
    for row in requests[requests["status"] == 1]:
        outcomes = known[int(row["label"])]
        meant, exit, end = [], -1, outcomes[-1]
        for name, threshold in rules.items():
            verdict = outcomes[exits_files.AFTER.index(name)]
            meant.append((verdict[0], verdict[1] >= threshold))
            if verdict[1] >= threshold:
                exit, end = blocks.index(name), verdict
                break
        place = (row["round"], row["request"])
        if said.get(place, []) != meant or row["exit"] != exit or row["verdict"] != end[0] or abs(row["confidence"] - end[1]) > 1e-4 or \
                row["predicted_class"] not in (end[0], -1):
            found.append(f"request {place}: {said.get(place)} and exit {row['exit']}, class {row['verdict']}; must be {meant}, {exit}, {end}")
    return found


def failures(seed, folder, thresholds, known, options):
    draw, scenario, rules = scenario_of(seed, thresholds, folder)
    (folder / "scenario.toml").write_text(scenarios.text(scenario))
    many = draw.randint(2, 5)

    def carried_out(name, *arguments, ranks=None):
        for command in (["run", "scenario.toml", "--images", "ten.bin", "-o", name, *arguments], ["check", name]):
            status, out = run(folder, options.limit, *command, ranks=ranks if command[0] == "run" else None)
            if status != 0:
                return [f"skipstone {' '.join(command)} on {ranks} ranks: exit {status}", *out.strip().splitlines()[-8:]]
        return wrong_verdicts(folder / name, rules, known)

    found = carried_out("one.h5") or carried_out("many.h5", ranks=many) or \
        carried_out("off.h5", "--kernels", "off", "--set", "exits.verdicts=one.h5")
    if found:
        return found
    digests = {name: run(folder, options.limit, "check", "--digest", name)[1].split()[0] for name in ("one.h5", "many.h5")}
    if digests["one.h5"] != digests["many.h5"]:
        return [f"one process and {many} ranks give different traces"]
    tables = []
    for name in ("one.h5", "off.h5"):
        with h5py.File(folder / name) as file:
            tables.append((file["exits"][:].tolist(), file["requests"]["finish_s"][:].tolist()))
    if repr(tables[0]) != repr(tables[1]):
        return ["the replay with kernels off differs"]
    if options.wall and draw.random() < 0.5:
        return carried_out("wall.h5", "--clock", "wall", "--dilation", "1", ranks=len(scenario["fleet"]["devices"]) + 1)
    return []


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seed", type=int, default=0, help="number of the first scenario")
    parser.add_argument("--scenarios", type=int, help="how many; without it 12, or as many as --seconds allow")
    parser.add_argument("--seconds", type=float, help="how long to go on")
    parser.add_argument("--limit", type=float, default=120, help="seconds for one start of the program")
    parser.add_argument("--wall", action="store_true", help="half of them under the wall clock, too")
    parser.add_argument("--keep", type=pathlib.Path, default=pathlib.Path("fuzz-exits"), help="folder for scenarios that fail")
    options = parser.parse_args()
    count = options.scenarios or (None if options.seconds else 12)
    end = time.monotonic() + (options.seconds or float("inf"))
    batch = exits_files.cifar_batch()
    known = {label: exits_files.verdicts(image) for label, image in exits_files.cifar_images(batch).items()}
    confidences = numpy.array([[confidence for _, confidence in outcomes[:-1]] for outcomes in known.values()]).T
    thresholds = dict(zip(exits_files.AFTER, exits_files.thresholds_between(confidences)))
    failed = done = 0
    with tempfile.TemporaryDirectory(prefix="skipstone-exits-") as name:
        for seed in itertools.count(options.seed):
            if done == count or time.monotonic() >= end:
                break
            folder = pathlib.Path(name) / str(seed)
            folder.mkdir()
            exits_files.write_weights(folder / "exits.h5")
            (folder / "ten.bin").write_bytes(batch)
            found = failures(seed, folder, thresholds, known, options)
            done += 1
            if found:
                failed += 1
                shutil.rmtree(options.keep / str(seed), ignore_errors=True)
                shutil.copytree(folder, options.keep / str(seed))
                print(f"scenario {seed} (kept in {options.keep / str(seed)}):")
                print("".join(f"    {sentence}\n" for sentence in found[:12]), end="", flush=True)
            shutil.rmtree(folder)
    print(f"scenarios {options.seed} to {options.seed + done - 1}: {done} run, {failed} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())

#!/usr/bin/env python3
"""Random scenarios, each run, checked, analysed, and recomputed from the raw tables of its trace.

    tests/runs/fuzz_runs.py                            the scenarios 0 to 39
    tests/runs/fuzz_runs.py --seconds 3600 --seed 1000 for an hour, from scenario 1000 on
    tests/runs/fuzz_runs.py --seed 1234 --scenarios 1  one scenario
    tests/runs/fuzz_runs.py --shared                   of devices that share work, with kernels that compute

A scenario that fails is kept, with its trace and the command that runs it again.
"""

import argparse
import itertools
import json
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path += [str(ROOT / "tests" / "cli"), str(pathlib.Path(__file__).resolve().parent)]

from support import PROGRAM, write_weights  # ends with 77 where h5py is missing

import h5py
import recompute
import scenarios
import shared_scenarios


def run(folder, limit_s, *arguments):
    """Runs the program; (exit status or what became of it, stdout, stderr)."""
    process = subprocess.Popen([PROGRAM, *arguments], cwd=folder, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                               text=True, env={"SKIPSTONE_CACHE": "off", **os.environ})
    try:
        out, err = process.communicate(timeout=limit_s)
        return process.returncode, out, err
    except subprocess.TimeoutExpired:
        process.kill()
        process.communicate()
        return f"no end within {limit_s} s", "", ""


def ways_of(profile, blocks, folder):
    """How each block of a network can be split, {"s2b1": ["outputs/2", …]}; blocks: what network.blocks says."""
    (folder / "network.toml").write_text("".join(f"{key} = {scenarios.toml(value)}\n" for key, value in profile.items()))
    status, out, err = run(folder, 60, "networks", "network.toml", "--splits", "--json", "--blocks",
                           blocks if isinstance(blocks, str) else json.dumps(blocks))
    if status != 0:
        raise RuntimeError(f"skipstone networks network.toml: exit {status}: {err}")
    return {block["name"]: [way["split"] for way in block["splits"]] for block in json.loads(out)["blocks"]}


def classes_of(trace):
    """What each request of a run was taken for, by its number in the run; of requests that ran whole."""
    with h5py.File(trace) as file:
        requests, plans = file["requests"][:], file["plans"][:]
    shortened = {(row["round"], row["request"]) for row in plans if row["mode"] == recompute.SKIP}
    return {number: int(row["predicted_class"]) for number, row in enumerate(requests)
            if row["status"] == recompute.DONE and (row["round"], row["request"]) not in shortened}


def class_failures(scenario, folder, limit_s):
    """Requests whose blocks several devices computed in parts are taken for what one device takes them for."""
    alone = {section: dict(keys) for section, keys in scenario.items() if section not in ("faults", "collaboration", "objective")}
    alone |= {"fleet": {"devices": [{"profile": "khan2023-high", "battery": "mains", "macs_per_round": "1e6 GMAC", "memory": "1e3 GB"}]},
              "links": {"profile": "khan2023"}, "accuracy": {"table": "none"}, "planner": {"name": "single-device"}}
    alone["requests"] = {"count": 1}
    together = classes_of(folder / "trace.h5")
    alone["rounds"] = {"count": max(together, default=0) + 1}
    (folder / "alone.toml").write_text(scenarios.text(alone))
    status, out, err = run(folder, limit_s, "run", "alone.toml", "-o", "alone.h5")
    if status != 0:
        return [f"skipstone run alone.toml: exit {status}", *(out + err).strip().splitlines()[-8:]]
    expected = classes_of(folder / "alone.h5")
    return [f"request {number} was taken for {got}; one device takes it for {expected.get(number)}" for number, got in together.items()
            if got != expected.get(number)]


def failures(scenario, folder, limit_s, shared):
    """What is wrong with one scenario's run; empty when nothing is."""
    (folder / "scenario.toml").write_text(scenarios.text(scenario))
    if scenario.pairs_of_file:
        (folder / scenario["links"]["file"]).write_text(scenarios.pairs_text(scenario.pairs_of_file))
    for command in (["check", "scenario.toml"], ["run", "scenario.toml", "-o", "trace.h5"], ["check", "trace.h5"],
                    ["analyze", "trace.h5", "--json"]):
        status, out, err = run(folder, limit_s, *command)
        if status != 0:
            return [f"skipstone {' '.join(command)}: exit {status}", *(out + err).strip().splitlines()[-8:]]
    trace = folder / "trace.h5"
    if shared:
        status, out, err = run(folder, limit_s, "plan", "scenario.toml", "--json", "--dump-instance", "instance.json")
        if status not in (0, 3):  # 3: no plan
            return [f"skipstone plan scenario.toml: exit {status}", *(out + err).strip().splitlines()[-8:]]
        return recompute.findings(scenario, trace, folder / "instance.json") + class_failures(scenario, folder, limit_s)
    return recompute.findings(scenario, trace) + recompute.analysis_findings(scenario, trace, json.loads(out))


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seed", type=int, default=0, help="number of the first scenario")
    parser.add_argument("--shared", action="store_true", help="devices share work, and kernels compute")
    parser.add_argument("--scenarios", type=int, help="how many; without it 40, or as many as --seconds allow")
    parser.add_argument("--seconds", type=float, help="how long to go on")
    parser.add_argument("--limit", type=float, default=120, help="seconds for one start of the program")
    parser.add_argument("--keep", type=pathlib.Path, default=pathlib.Path("fuzz-runs"), help="folder for scenarios that fail")
    options = parser.parse_args()
    count = options.scenarios or (None if options.seconds else 40)
    end = time.monotonic() + (options.seconds or float("inf"))
    failed = done = 0
    with tempfile.TemporaryDirectory(prefix="skipstone-runs-") as name:
        write_weights(pathlib.Path(name) / "resnet20.h5")
        for seed in itertools.count(options.seed):
            if done == count or time.monotonic() >= end:
                break
            folder = pathlib.Path(name) / str(seed)
            folder.mkdir()
            os.link(pathlib.Path(name) / "resnet20.h5", folder / "resnet20.h5")
            if options.shared:
                scenario = shared_scenarios.scenario(seed, lambda profile, blocks: ways_of(profile, blocks, folder))
            else:
                scenario = scenarios.scenario(seed)
            found = failures(scenario, folder, options.limit, options.shared)
            done += 1
            if found:
                failed += 1
                kept = options.keep / str(seed)
                kept.parent.mkdir(parents=True, exist_ok=True)
                shutil.rmtree(kept, ignore_errors=True)
                shutil.copytree(folder, kept)
                print(f"scenario {seed} (kept in {kept}; again: {pathlib.Path(__file__).relative_to(ROOT)} --seed {seed} --scenarios 1{' --shared' * options.shared}):")
                print("".join(f"    {sentence}\n" for sentence in found[:12]), end="", flush=True)
            shutil.rmtree(folder)
    print(f"scenarios {options.seed} to {options.seed + done - 1}: {done} run, {failed} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())

#!/usr/bin/env python3
"""Random scenarios, each run, checked, analysed, and recomputed from the raw tables of its trace.

    tests/runs/fuzz_runs.py                            the scenarios 0 to 39
    tests/runs/fuzz_runs.py --seconds 3600 --seed 1000 for an hour, from scenario 1000 on
    tests/runs/fuzz_runs.py --seed 1234 --scenarios 1  one scenario

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

import recompute
import scenarios


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


def failures(scenario, folder, limit_s):
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
    return recompute.findings(scenario, trace) + recompute.analysis_findings(scenario, trace, json.loads(out))


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seed", type=int, default=0, help="number of the first scenario")
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
            found = failures(scenarios.scenario(seed), folder, options.limit)
            done += 1
            if found:
                failed += 1
                kept = options.keep / str(seed)
                kept.parent.mkdir(parents=True, exist_ok=True)
                shutil.rmtree(kept, ignore_errors=True)
                shutil.copytree(folder, kept)
                print(f"scenario {seed} (kept in {kept}; again: {pathlib.Path(__file__).relative_to(ROOT)} --seed {seed} --scenarios 1):")
                print("".join(f"    {sentence}\n" for sentence in found[:12]), end="", flush=True)
            shutil.rmtree(folder)
    print(f"scenarios {options.seed} to {options.seed + done - 1}: {done} run, {failed} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())

#!/usr/bin/env python3
"""How fast `skipstone analyze` is on a long trace, and how much memory it takes, beside the same reductions written with pandas.

    analyze_against_pandas.py [--trace FILE] [--events N] [--runs N]

The two take turns. Each time is a whole process: of analyze with its tables, of pandas_reductions.py without the import of its
libraries, which it would pay in a notebook only once. Medians, with the smallest and the largest in brackets; the ratio is that of
neighbouring runs. Both must have found the same."""

import argparse
import json
import os
import pathlib
import statistics
import subprocess
import sys
import tempfile
import time

import big_trace

HERE = pathlib.Path(__file__).resolve().parent
PANDAS = """
import sys, time, resource
sys.path.insert(0, sys.argv[1])
import pandas_reductions
began, cpu = time.perf_counter(), sum(resource.getrusage(resource.RUSAGE_SELF)[:2])
figures = pandas_reductions.Reductions(sys.argv[2]).all()
usage = resource.getrusage(resource.RUSAGE_SELF)
import json
print(json.dumps({"seconds": time.perf_counter() - began, "cpu": sum(usage[:2]) - cpu, "memory": usage.ru_maxrss / 1e3,
                  "figures": pandas_reductions.plain({**figures["requests"], **figures["energy"]})}, default=float))
"""


def run_pandas(trace):
    done = subprocess.run([sys.executable, "-c", PANDAS, str(HERE), trace], check=True, capture_output=True, text=True)
    return json.loads(done.stdout)


def run_analyze(trace):
    began = time.perf_counter()
    process = subprocess.Popen([big_trace.PROGRAM, "analyze", trace], stdout=subprocess.DEVNULL)
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode != 0:
        sys.exit("skipstone analyze failed")
    return {"seconds": time.perf_counter() - began, "cpu": usage.ru_utime + usage.ru_stime, "memory": usage.ru_maxrss / 1e3}


def spread(values, unit, digits=2):
    return f"{statistics.median(values):.{digits}f} {unit} ({min(values):.{digits}f} to {max(values):.{digits}f})"


def same_figures(trace, pandas_figures):
    found = json.loads(subprocess.run([big_trace.PROGRAM, "analyze", trace, "--json"], check=True, capture_output=True).stdout)
    ours = {**found["requests"], **found["energy"]}
    compared = [name for name in pandas_figures if isinstance(ours.get(name), (int, float)) and name != "ledger_error"]
    wrong = [name for name in compared if abs(ours[name] - pandas_figures[name]) > 1e-9 * max(1, abs(ours[name]))]
    if wrong:
        sys.exit("the two differ in " + ", ".join(wrong))
    return len(compared)


def compare(trace, events, repeats):
    run_analyze(trace)  # so that the file is in memory for both
    ours, theirs = [], []
    for _ in range(repeats):
        ours.append(run_analyze(trace))
        theirs.append(run_pandas(trace))
    column = lambda runs, key: [run[key] for run in runs]  # noqa: E731
    print(f"{events} events, {repeats} runs each")
    for name, runs in (("analyze", ours), ("pandas", theirs)):
        print(f"  {name:8} {spread(column(runs, 'seconds'), 's')}, processor {spread(column(runs, 'cpu'), 's')}, "
              f"memory {max(column(runs, 'memory')):.0f} MB")
    for key, name in (("seconds", "time"), ("cpu", "processor time")):
        ratios = [b / a for a, b in zip(column(ours, key), column(theirs, key))]
        print(f"  pandas takes {spread(ratios, 'times', 1)} the {name} of analyze")
    print(f"  {same_figures(trace, theirs[0]['figures'])} totals agree to 1e-9")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--trace", help="one that big_trace.py made; else one is made, and removed")
    parser.add_argument("--events", type=int, default=10_000_000)
    parser.add_argument("--runs", type=int, default=5, help="of each")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="skipstone-bench-") as folder:
        trace = options.trace or str(pathlib.Path(folder) / "big.h5")
        if not options.trace:
            big_trace.make(trace, options.events)
        with big_trace.h5py.File(trace, "r") as file:
            events = len(file["events"])
        compare(trace, events, options.runs)


if __name__ == "__main__":
    main()

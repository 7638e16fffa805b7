#!/usr/bin/env python3
"""How long the events of a trace take to become a data frame: h5py and pandas alone, and the package, one after the other in processes of
their own.

    load_events.py TRACE [--repeat N]"""

import argparse
import pathlib
import statistics
import subprocess
import sys

ANALYSIS = pathlib.Path(__file__).resolve().parents[3] / "analysis"
WAYS = {
    "h5py and pandas": "with h5py.File(path, 'r', swmr=True) as file: frame = pandas.DataFrame(file['events'][:])",
    "skipstone.load": "frame = skipstone.load(path).events",
}
SCRIPT = """
import resource, sys, time, h5py, pandas, skipstone
path = sys.argv[1]
begin, cpu = time.perf_counter(), time.process_time()
{}
print(len(frame), time.perf_counter() - begin, time.process_time() - cpu, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024)
"""


def measure(way, path):
    result = subprocess.run([sys.executable, "-c", SCRIPT.format(WAYS[way]), path], env={"PYTHONPATH": str(ANALYSIS)}, check=True,
                            capture_output=True, text=True)
    return [float(word) for word in result.stdout.split()]


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("trace", metavar="TRACE")
    parser.add_argument("--repeat", type=int, default=5, metavar="N", help="measurements of each (default: 5)")
    arguments = parser.parse_args()
    found = {way: [] for way in WAYS}
    for _ in range(arguments.repeat):
        for way in WAYS:
            found[way].append(measure(way, arguments.trace))
    for way, runs in found.items():
        events, wall, cpu, memory = (statistics.median(column) for column in zip(*runs))
        print(f"{way:16} {events:.0f} events: median {wall:.2f} s ({min(run[1] for run in runs):.2f} to {max(run[1] for run in runs):.2f}), "
              f"processor {cpu:.2f} s, {memory:.0f} MB")


if __name__ == "__main__":
    main()

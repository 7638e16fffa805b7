#!/usr/bin/env python3
"""What a sweep costs beyond its runs: points per minute, and host time and CPU time per point against `skipstone run` alone.

A sweep of kernels-off points of khan2023 is run by `skipstone sweep run`; the same points are run one by one by `skipstone run`,
as many at a time, between halves of the sweep. The machine should have nothing else to do.
"""

import argparse
import concurrent.futures
import os
import pathlib
import resource
import subprocess
import tempfile
import time

SWEEP = """format = "skipstone-sweep"
version = 1
scenario = "khan2023"
repetitions = {repetitions}
[set]
emulation.clock = "virtual"
emulation.kernels = false
planner.name = "{planner}"
"""


class Usage:
    """Host and CPU seconds of child processes since it was made."""

    def __init__(self):
        self.start, self.cpu = time.monotonic(), self.cpu_now()

    @staticmethod
    def cpu_now():
        usage = resource.getrusage(resource.RUSAGE_CHILDREN)
        return usage.ru_utime + usage.ru_stime

    def passed(self):
        return time.monotonic() - self.start, self.cpu_now() - self.cpu


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    root = pathlib.Path(__file__).resolve().parents[3]
    parser.add_argument("--program", default=root / "build" / "skipstone")
    parser.add_argument("--points", type=int, default=200)
    parser.add_argument("--planner", default="greedy")
    parser.add_argument("--jobs", type=int, default=len(os.sched_getaffinity(0)))
    options = parser.parse_args()
    points, jobs = options.points, options.jobs

    def run(*words):
        subprocess.run([options.program, *map(str, words)], cwd=folder, check=True, stdout=subprocess.DEVNULL)

    def alone(seed):
        run("run", "khan2023", "--clock", "virtual", "--kernels", "off", "--planner", options.planner, "--seed", seed,
            "-o", f"alone-{seed}.h5")

    with tempfile.TemporaryDirectory(prefix="skipstone-bench-") as folder:
        pathlib.Path(folder, "sweep.toml").write_text(SWEEP.format(repetitions=points, planner=options.planner))
        sweep, single = [0.0, 0.0], [0.0, 0.0]
        for half in (range(points // 2), range(points // 2, points)):
            usage = Usage()
            run("sweep", "run", "sweep.toml", "--jobs", jobs, "--points", f"{half[0]}-{half[-1]}")
            sweep = [a + b for a, b in zip(sweep, usage.passed())]
            usage = Usage()
            with concurrent.futures.ThreadPoolExecutor(jobs) as pool:
                list(pool.map(alone, (seed + 1 for seed in half)))
            single = [a + b for a, b in zip(single, usage.passed())]

    print(f"{points} points of khan2023, planner {options.planner}, kernels off, {jobs} at a time, load {os.getloadavg()[0]:.1f}")
    print(f"  sweep run:     {60 * points / sweep[0]:7.0f} points per minute, {1e3 * sweep[0] * jobs / points:6.1f} ms host and "
          f"{1e3 * sweep[1] / points:5.1f} ms CPU per point, verification, digest and summary included")
    print(f"  skipstone run: {60 * points / single[0]:7.0f} points per minute, {1e3 * single[0] * jobs / points:6.1f} ms host and "
          f"{1e3 * single[1] / points:5.1f} ms CPU per point")
    print(f"  overhead:      {1e3 * (sweep[0] - single[0]) * jobs / points:6.1f} ms host, "
          f"{1e3 * (sweep[1] - single[1]) / points:6.1f} ms CPU per point (limit: 60 ms)")


if __name__ == "__main__":
    main()

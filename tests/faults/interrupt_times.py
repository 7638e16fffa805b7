#!/usr/bin/env python3
"""How long a run takes to end after SIGINT or SIGTERM, in the middle of kernels, of a plan that takes long, and of its start; alone and under
mpirun (3 ranks), on both clocks. Prints per case how long after the signal the trace was closed and the process had ended: median and
longest. Fails where an exit status or a trace is wrong, or, with --limit, where a trace was closed later than that.

Open MPI's mpirun passes a signal on after a second (with SIGCONT before it), and ends ranks that are there a second later: that first
second is taken off the time of traces."""

import argparse
import collections
import os
import pathlib
import random
import signal
import subprocess
import sys
import tempfile
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "cli"))
from support import PROGRAM, h5py, launcher, numpy, read_line, scenario_text, text  # noqa: E402

RESNET50 = {"network.profile": "resnet50", "accuracy.table": "khan2023-table2", "rounds.count": 100_000, "requests.count": 3,
            "fleet.devices": [{"profile": "khan2023-high", "name": "d", "count": 2, "macs_per_round": "60 GMAC"}]}
KERNELS = RESNET50 | {"emulation.kernels": True}
PLANNING = RESNET50 | {"planner.name": "milp", "requests.count": 6, "fleet.devices": [{"profile": "khan2023-low", "name": "d", "count": 40}]}
WALL = {"emulation.clock": "wall", "emulation.dilation": 0.2}
PLANNING_WALL = PLANNING | WALL | {"requests.count": 12, "fleet.devices": [{"profile": "khan2023-low", "name": "d", "count": 2, "macs_per_round": "20 GMAC"}]}

PASSED_ON_S = 1.0  # by mpirun

Case = collections.namedtuple("Case", "name scenario ranks started after_s")
CASES = [
    Case("kernels, alone", KERNELS, None, True, (0.1, 1.0)),
    Case("kernels, mpirun, virtual", KERNELS, 3, True, (0.1, 1.0)),
    Case("kernels, mpirun, wall", KERNELS | WALL, 3, True, (0.1, 1.0)),
    Case("plan, alone", PLANNING, None, True, (0.3, 1.0)),
    Case("plan, mpirun, virtual", PLANNING, 3, True, (0.3, 1.0)),
    Case("plan, mpirun, wall", PLANNING_WALL, 3, True, (0.3, 1.0)),
    Case("start, alone", KERNELS, None, False, (0.0, 0.5)),
    Case("start, mpirun, wall", KERNELS | WALL, 3, False, (0.0, 1.0)),
]


class Wrong(Exception):
    """An exit status or a trace."""


def one_try(case, number, folder):
    """Seconds from the signal until the trace was closed (None: there was none yet), and until the process had ended."""
    (folder / "s.toml").write_text(scenario_text(case.scenario))
    trace = folder / "t.h5"
    trace.unlink(missing_ok=True)
    command = [PROGRAM, "run", str(folder / "s.toml"), "-o", str(trace)]
    if case.ranks:
        command = [*launcher(case.ranks), *command]
    process = subprocess.Popen(command, cwd=folder, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, start_new_session=True)
    try:
        if case.started and not read_line(process).startswith("skipstone:"):
            raise Wrong(f"did not start: {process.communicate()[1].decode()[-300:]}")
        time.sleep(random.uniform(*case.after_s))
        struck, began = time.time(), time.monotonic()
        process.send_signal(number)
        out, err = process.communicate(timeout=60)
        took = time.monotonic() - began
    finally:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
            process.communicate()
    # Before there is anything to close, the signal itself ends the process.
    if case.ranks is None and process.returncode not in ((128 + number,) if case.started else (128 + number, -number)):
        raise Wrong(f"exit status {process.returncode}: {err.decode()[-300:]}")
    try:
        with h5py.File(trace, "r", swmr=True) as file:
            ended, complete = text(file.attrs["ended"]), int(file.attrs["complete"])
    except (OSError, KeyError):
        if case.started:
            raise Wrong(f"no trace: {err.decode()[-300:]}")
        return None, took
    if (ended, complete) != ("interrupted", 0) and case.started:
        raise Wrong(f"the trace says ended = {ended}, complete = {complete}: {err.decode()[-300:]}")
    closed = trace.stat().st_mtime - struck - (PASSED_ON_S if case.ranks else 0)
    return (max(0.0, closed) if ended == "interrupted" else None), took


def figures(seconds):
    return f"{numpy.median(seconds):>8.3f} {max(seconds):>8.3f}" if seconds else f"{'–':>8} {'–':>8}"


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--tries", type=int, default=6, help="per case, half of them with each signal")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--limit", type=float, help="seconds in which every trace must have been closed")
    arguments = parser.parse_args()
    random.seed(arguments.seed)
    wrong = 0
    print(f"{'interrupted in':<26} {'tries':>5} {'right':>5}   closed/s {'max':>7}    ended/s {'max':>7}")
    with tempfile.TemporaryDirectory(prefix="skipstone-interrupt-") as folder:
        for case in CASES:
            closed, ended, right = [], [], 0
            for number in range(arguments.tries):
                try:
                    trace_s, process_s = one_try(case, (signal.SIGINT, signal.SIGTERM)[number % 2], pathlib.Path(folder))
                except (Wrong, subprocess.TimeoutExpired) as error:
                    print(f"{case.name}, try {number}: {error}", flush=True)
                    continue
                right += 1
                ended.append(process_s)
                if trace_s is not None:
                    closed.append(trace_s)
            late = arguments.limit is not None and closed and max(closed) > arguments.limit
            wrong += (arguments.tries - right) + bool(late)
            print(f"{case.name:<26} {arguments.tries:>5} {right:>5}   {figures(closed)}   {figures(ended)}{'   TOO LATE' if late else ''}", flush=True)
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())

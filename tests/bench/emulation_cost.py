#!/usr/bin/env python3
"""What emulation costs beyond its kernels, on this machine.

Three figures, each the median of interleaved repetitions with its spread:
  virtual   the whole run (mpirun, start-up and trace included), kernels on, against the least that its kernels need: the larger of
            their own time spread over the cores and the longest chain of dependent kernels (a request's blocks)
  waiting   processor time of all ranks of a wall-clock run while their devices wait, in cores
  memory    proportional set size of every rank of a wall-clock run
"""
import argparse
import os
import statistics
import subprocess
import sys
import tempfile
import time

import h5py
import numpy

LAUNCH = ["--oversubscribe", "--bind-to", "none", "--mca", "mpi_yield_when_idle", "1"]


def environment():
    allowed = dict(os.environ)
    if os.geteuid() == 0:
        allowed.update(OMPI_ALLOW_RUN_AS_ROOT="1", OMPI_ALLOW_RUN_AS_ROOT_CONFIRM="1")
    return allowed


def command(ranks, program, arguments):
    return ["mpirun", "-n", str(ranks), *LAUNCH, program, "run", *arguments]


def spread(values, unit):
    return f"{statistics.median(values):.3g} {unit} ({min(values):.3g} to {max(values):.3g})"


def kernel_times(trace):
    """Seconds inside kernels over all ranks, and in the longest chain of dependent ones."""
    with h5py.File(trace, "r", swmr=True) as file:
        events = file["events"][:]
    compute = events[events["kind"] == 1]
    seconds = compute["host_end_s"] - compute["host_begin_s"]
    request = compute["round"].astype(numpy.int64) * (1 << 32) + compute["request"]
    _, index = numpy.unique(request, return_inverse=True)
    return seconds.sum(), numpy.bincount(index, weights=seconds).max()


def virtual_run(program, scenario, ranks, cores, folder):
    trace = os.path.join(folder, "virtual.h5")
    begin = time.monotonic()
    subprocess.run(command(ranks, program, [scenario, "--clock", "virtual", "-o", trace]), check=True,
                   stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env=environment())
    wall = time.monotonic() - begin
    own, chain = kernel_times(trace)
    least = max(own / cores, chain)
    return wall, least, own, chain


def ranks_of(launcher, program):
    """Process ids of the program's ranks below a launcher."""
    name = os.path.basename(program)
    pids = []
    for pid in filter(str.isdigit, os.listdir("/proc")):
        try:
            with open(f"/proc/{pid}/stat") as file:
                stat = file.read()
        except OSError:
            continue
        parent = int(stat.rsplit(")", 1)[1].split()[1])
        if parent == launcher and os.path.basename(os.readlink(f"/proc/{pid}/exe")) == name:
            pids.append(int(pid))
    return pids


def processor_seconds(pid):
    with open(f"/proc/{pid}/stat") as file:
        fields = file.read().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def proportional_set_size(pid):
    with open(f"/proc/{pid}/smaps_rollup") as file:
        return next(int(line.split()[1]) for line in file if line.startswith("Pss:")) * 1024 / 1e6


def waiting_run(program, scenario, ranks, folder, seconds):
    """A run so slow that its devices do little but wait; stopped when it has been looked at."""
    arguments = [scenario, "--clock", "wall", "--dilation", "40", "-o", os.path.join(folder, "wall.h5")]
    launcher = subprocess.Popen(command(ranks, program, arguments), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
                                env=environment())
    try:
        time.sleep(8)
        pids = ranks_of(launcher.pid, program)
        if len(pids) != ranks:
            sys.exit(f"found {len(pids)} of {ranks} ranks: did the run fail?")
        before = sum(map(processor_seconds, pids))
        begin = time.monotonic()
        time.sleep(seconds)
        cores = (sum(map(processor_seconds, pids)) - before) / (time.monotonic() - begin)
        return cores, [proportional_set_size(pid) for pid in pids]
    finally:
        launcher.terminate()
        launcher.wait()


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("program", help="the skipstone to measure")
    parser.add_argument("--scenario", default="khan2023")
    parser.add_argument("--repetitions", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=10, help="how long waiting ranks are watched")
    options = parser.parse_args()
    cores = len(os.sched_getaffinity(0))
    with tempfile.TemporaryDirectory() as folder:
        rows = [virtual_run(options.program, options.scenario, 3, cores, folder) for _ in range(options.repetitions)]
        waiting, memory = waiting_run(options.program, options.scenario, 11, folder, options.seconds)
    print(f"virtual clock, 3 ranks on {cores} cores, {options.repetitions} runs of {options.scenario}")
    print("  whole run          ", spread([row[0] for row in rows], "s"))
    print("  kernels' own time  ", spread([row[2] for row in rows], "s"))
    print("  longest chain      ", spread([row[3] for row in rows], "s"))
    print("  least possible     ", spread([row[1] for row in rows], "s"))
    print("  (run - 1.5 s)/least", spread([(row[0] - 1.5) / row[1] for row in rows], "  allowed: 1.25"))
    print(f"wall clock, 11 ranks, waiting: {waiting:.3f} cores together   allowed: 0.3")
    print("  proportional set size per rank", spread(memory, "MB"), "  allowed: 60")


if __name__ == "__main__":
    main()

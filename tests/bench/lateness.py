#!/usr/bin/env python3
"""How late the events of wall-clock runs are when many ranks share this machine's cores, with and without SCHED_FIFO.

Runs each of the programs in turn, interleaved, for every number of ranks, with `dilation = auto`, and prints by number of ranks, rights and
program: the dilation that was chosen, lateness (of emulator/README.md's formula, from the traces: p50, p99, largest), the share of events that are late
by more than 1 %, and the largest delay in host time. Several repetitions are thrown together. Three minutes per program and repetition.

As root, each run is made twice: as root, and without the right to real-time scheduling (CAP_SYS_NICE taken away by setpriv)."""

import argparse
import os
import pathlib
import subprocess
import sys
import tempfile

import h5py
import numpy

LAUNCH = ["mpirun", "--oversubscribe", "--bind-to", "none", "--mca", "mpi_yield_when_idle", "1"]
ORDINARY = ["setpriv", "--bounding-set", "-sys_nice", "--inh-caps", "-sys_nice"]
WAIT = 4

SCENARIO = """seed = 1
[network]
profile = "resnet20-cifar"
[accuracy]
table = "resnet20-cifar-skipstone"
[fleet]
devices = [{{profile = "esp32", count = {devices}, macs_per_round = "25 MMAC"}}]
[links]
profile = "khan2023"
[requests]
rate = {rate}
[rounds]
count = {rounds}
[planner]
name = "greedy"
[emulation]
clock = "wall"
dilation = {dilation}
"""


def lateness(path):
    """Of every compute and transfer event: as a share of its length, and in host seconds; the dilation."""
    with h5py.File(path, "r", swmr=True) as file:
        dilation = float(file["provenance"].attrs["dilation"] if "dilation" in file["provenance"].attrs else file["provenance/dilation"][()])
        rounds, events = file["rounds"][:], file["events"][:]
    events = events[(events["kind"] != WAIT) & ~numpy.isnan(events["host_end_s"])]
    row = rounds[events["round"]]
    late_s = events["host_end_s"] - row["host_start_s"] - dilation * (events["end_s"] - row["start_s"])
    return late_s / dilation / numpy.maximum(events["end_s"] - events["begin_s"], 0.010), late_s, dilation


def run(program, ranks, before, options, folder):
    scenario, trace = folder / "s.toml", folder / "t.h5"
    dilation = options.dilation if options.dilation != "auto" else '"auto"'
    scenario.write_text(SCENARIO.format(devices=ranks - 1, rate=ranks // 2, rounds=options.rounds, dilation=dilation))
    allowed = {"OMPI_ALLOW_RUN_AS_ROOT": "1", "OMPI_ALLOW_RUN_AS_ROOT_CONFIRM": "1", "PMIX_MCA_gds": "hash"} if os.geteuid() == 0 else {}
    command = [*before, *LAUNCH, "-n", str(ranks), program, "run", str(scenario), "-o", str(trace)]
    result = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=options.limit, env={**os.environ, **allowed})
    if result.returncode != 0:
        sys.exit(f"{' '.join(command)}: exit status {result.returncode}\n{result.stdout[-2000:]}")
    return lateness(trace)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("programs", nargs="+", metavar="NAME=PROGRAM", help="programs to compare, each with a name")
    parser.add_argument("--ranks", default="32,64,128")
    parser.add_argument("--rights", default="root,ordinary" if os.geteuid() == 0 else "ordinary", help="root, ordinary, or both")
    parser.add_argument("--dilation", default="auto")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--repetitions", type=int, default=1)
    parser.add_argument("--limit", type=float, default=300, help="seconds that a run may take")
    options = parser.parse_args()
    programs = [entry.partition("=")[::2] for entry in options.programs]
    cases = [(int(ranks), rights) for ranks in options.ranks.split(",") for rights in options.rights.split(",")]
    found = {}
    with tempfile.TemporaryDirectory(prefix="skipstone-lateness-") as folder:
        for _ in range(options.repetitions):
            for ranks, rights in cases:
                before = ORDINARY if rights == "ordinary" and os.geteuid() == 0 else []
                for name, program in programs:
                    found.setdefault((ranks, rights, name), []).append(run(program, ranks, before, options, pathlib.Path(folder)))
                    late = found[ranks, rights, name][-1][0]
                    print(f"{ranks} ranks, {rights}, {name}: {100 * (late > 0.01).mean():.2f} % late", file=sys.stderr, flush=True)
    print(f"{len(os.sched_getaffinity(0))} cores, {options.rounds} rounds, {options.repetitions} repetitions, load {os.getloadavg()[0]:.1f} at the end")
    print("| ranks | rights | program | dilation | events | p50 | p99 | largest | late by > 1 % | largest, host |")
    print("|---|---|---|---|---|---|---|---|---|---|")
    for (ranks, rights, name), runs in found.items():
        late = numpy.concatenate([entry[0] for entry in runs])
        host = max(entry[1].max() for entry in runs)
        dilations = sorted(entry[2] for entry in runs)
        chosen = f"{dilations[0]:.2f}" + (f" to {dilations[-1]:.2f}" if dilations[-1] > dilations[0] else "")
        p50, p99 = (100 * numpy.quantile(late, q, method="inverted_cdf") for q in (0.5, 0.99))
        print(f"| {ranks} | {rights} | {name} | {chosen} | {len(late)} | {p50:.3f} % | {p99:.2f} % | {100 * late.max():.1f} % | "
              f"{100 * (late > 0.01).mean():.2f} % | {1e3 * host:.2f} ms |")


if __name__ == "__main__":
    main()

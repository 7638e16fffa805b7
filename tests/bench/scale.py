#!/usr/bin/env python3
"""What emulation costs the host as fleets grow: one process, virtual clock, kernels off, planner greedy.

  events   host time per event at 100, 1,000 and 10,000 devices with the same requests: the median over interleaved repetitions of the
           difference between a long run and a short one (which takes start-up out), and by how much it is more than at 100 devices
  large    time and peak memory of 10,000 devices with 100 rounds of 1,000 requests
  ranks    mpirun with many ranks, one of them the coordinator: time of a round, and the memory of all ranks (--ranks N; 0: none)"""

import argparse
import os
import pathlib
import resource
import statistics
import subprocess
import tempfile
import time

import h5py

LAUNCH = ["--oversubscribe", "--bind-to", "none", "--mca", "mpi_yield_when_idle", "1"]


def scenario(folder, devices, requests, rounds):
    path = folder / f"{devices}-{requests}-{rounds}.toml"
    low = devices // 2
    path.write_text(f"""seed = 1
network = {{profile = "resnet50"}}
accuracy = {{table = "khan2023-table2"}}
fleet = {{devices = [{{profile = "khan2023-low", count = {low}}}, {{profile = "khan2023-high", count = {devices - low}}}]}}
links = {{profile = "khan2023"}}
requests = {{count = {requests}}}
rounds = {{count = {rounds}}}
planner = {{name = "greedy"}}
emulation = {{clock = "virtual", kernels = false}}
""")
    return path


def run(program, path, *options, launch=()):
    """Seconds, and events in the trace."""
    trace = path.with_suffix(".h5")
    allowed = dict(os.environ, OMPI_ALLOW_RUN_AS_ROOT="1", OMPI_ALLOW_RUN_AS_ROOT_CONFIRM="1") if os.geteuid() == 0 else None
    begin = time.monotonic()
    subprocess.run([*launch, program, "run", path, "-o", trace, *options], check=True, stdout=subprocess.DEVNULL, env=allowed)
    took = time.monotonic() - begin
    with h5py.File(trace, "r", swmr=True) as file:
        assert file.attrs["complete"] == 1
        return took, len(file["events"])


def cost_per_event(program, folder, fleets, requests, rounds, repetitions):
    costs = {devices: [] for devices in fleets}
    for _ in range(repetitions):
        for devices in fleets:
            short, few = run(program, scenario(folder, devices, requests, 1))
            long, many = run(program, scenario(folder, devices, requests, 1 + rounds))
            costs[devices].append((long - short) / (many - few))
    least = statistics.median(costs[fleets[0]])
    for devices, values in costs.items():
        print(f"events  {devices:>6} devices, {rounds} rounds of {requests} requests: {1e6 * statistics.median(values):.2f} µs per event "
              f"({1e6 * min(values):.2f} to {1e6 * max(values):.2f}), {statistics.median(values) / least:.2f} times that of {fleets[0]}", flush=True)


def memory_of(word):
    """Proportional set size of all processes that have the word on their command line, in bytes."""
    total = 0
    for entry in pathlib.Path("/proc").glob("[0-9]*"):
        try:
            if word in (entry / "cmdline").read_bytes().split(b"\0"):
                total += sum(1024 * int(line.split()[1]) for line in (entry / "smaps_rollup").read_text().splitlines() if line.startswith("Pss:"))
        except OSError:
            pass
    return total


def many_ranks(program, folder, ranks, clock):
    path = scenario(folder, ranks - 1, 100, 1)
    command = ["mpirun", "-n", str(ranks), *LAUNCH, program, "run", path, "-o", path.with_suffix(".h5"), *clock]
    allowed = dict(os.environ, OMPI_ALLOW_RUN_AS_ROOT="1", OMPI_ALLOW_RUN_AS_ROOT_CONFIRM="1") if os.geteuid() == 0 else None
    begin, most = time.monotonic(), 0
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, env=allowed)
    while process.poll() is None:
        most = max(most, memory_of(str(path).encode()))
        time.sleep(0.5)
    took = time.monotonic() - begin
    assert process.returncode == 0
    with h5py.File(path.with_suffix(".h5"), "r", swmr=True) as file:
        assert file.attrs["complete"] == 1
        late = int((file["events"]["flags"] & 1).sum())
        round_s = file["rounds"]["host_end_s"][0] - file["rounds"]["host_start_s"][0]
        print(f"ranks   {ranks} ranks, {' '.join(clock)}: {took:.1f} s in all, the round {round_s:.2f} s, {most / 1e6:.0f} MB of all ranks, "
              f"{late} of {len(file['events'])} events late", flush=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("program", nargs="?", default="build/skipstone")
    parser.add_argument("--fleets", type=int, nargs="+", default=[100, 1000, 10000])
    parser.add_argument("--requests", type=int, default=40, help="per round, of what is measured per event (40: as many as 100 devices take)")
    parser.add_argument("--rounds", type=int, default=50, help="likewise")
    parser.add_argument("--repetitions", type=int, default=3)
    parser.add_argument("--large", action=argparse.BooleanOptionalAction, default=True)
    parser.add_argument("--ranks", type=int, default=256)
    arguments = parser.parse_args()
    program = os.path.abspath(arguments.program)
    with tempfile.TemporaryDirectory(prefix="skipstone-scale-") as folder:
        folder = pathlib.Path(folder)
        cost_per_event(program, folder, arguments.fleets, arguments.requests, arguments.rounds, arguments.repetitions)
        if arguments.large:
            took, events = run(program, scenario(folder, 10_000, 1000, 100))
            peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss * 1024
            print(f"large   10,000 devices, 100 rounds of 1,000 requests: {took:.1f} s, at most {peak / 1e6:.0f} MB, {events} events", flush=True)
        if arguments.ranks:
            many_ranks(program, folder, arguments.ranks, ["--clock", "virtual"])
            many_ranks(program, folder, arguments.ranks, ["--clock", "wall", "--dilation", "50"])


if __name__ == "__main__":
    main()

#!/usr/bin/env python3
"""Holds runs in real time, with kernels, against the same runs under the virtual clock without: what jobs/sweeps/clocks.toml made.

Says for each pair whether plans, what became of the requests, computations, transfers and batteries are equal to the last bit, and how late the
real-time run was; exit status 1 if something is not equal."""

import argparse
import csv
import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))
import needs  # noqa: E402


def parse_arguments(words=None):
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", metavar="FOLDER", type=pathlib.Path, help="of `skipstone sweep run jobs/sweeps/clocks.toml`")
    return parser.parse_args(words)


try:
    import skipstone
except ImportError as missing:
    if __name__ == "__main__":
        parse_arguments()  # --help needs no modules
    sys.exit(needs.explain(missing, "python3-h5py python3-pandas", "h5py pandas"))

# What kernels and real time leave as it is; predicted_class and the host's times they do not.
COLUMNS = {
    "plans": ["round", "revision", "request", "block", "device", "mode"],
    "requests": ["round", "request", "arrival_s", "finish_s", "latency_s", "predicted_latency_s", "accuracy", "shared_bytes", "status"],
    "events": ["device", "peer", "round", "request", "block", "kind", "begin_s", "end_s", "bytes", "macs"],
    "battery": ["round", "device", "remaining_j"],
}


def pairs(folder):
    """{figure: {clock: trace}} of a sweep's folder."""
    found = {}
    with open(folder / "manifest.csv", newline="", encoding="utf-8") as file:
        for row in csv.DictReader(file):
            figure, _, clock = row["name"].rpartition("-")
            found.setdefault(figure, {})[clock] = skipstone.load(folder / "points" / f"{row['id']}.h5")
    return found


def rows(trace, table):
    frame = getattr(trace, table)[COLUMNS[table]]
    return frame.sort_values(COLUMNS[table], ignore_index=True)  # of one instant in any order


def compare(figure, virtual, wall):
    """A line on a pair, and whether all is equal."""
    different = [table for table in COLUMNS if not rows(virtual, table).equals(rows(wall, table))]
    done = wall.requests[wall.requests["status"] == "done"]
    spent = float((wall.devices["battery_j"] - wall.battery.groupby("device")["remaining_j"].last()).sum())
    late = float((wall.events["flags"] & skipstone.OVERRUN).astype(bool).mean())
    said = "all equal" if not different else "DIFFERENT: " + ", ".join(different)
    return (f"| {figure} | {len(wall.plans)} | {len(wall.events)} | {done['latency_s'].mean():.4f} s | {100 * done['accuracy'].mean():.2f} % | "
            f"{done['shared_bytes'].sum() / 1e6:.2f} MB | {spent:.2f} J | {float(wall.provenance['dilation']):.3g} | {100 * late:.2g} % | {said} |", not different)


def main(arguments=None):
    arguments = parse_arguments(arguments)
    equal = True
    try:
        found = pairs(arguments.folder)
        print("| point of | plan rows | events | latency | accuracy | shared | energy | dilation | late events | both clocks |\n|---|---|---|---|---|---|---|---|---|---|")
        for figure, traces in found.items():
            if set(traces) != {"virtual", "wall"}:
                raise skipstone.TraceError(f"{arguments.folder}: {figure} is not there under both clocks")
            line, same = compare(figure, traces["virtual"], traces["wall"])
            print(line)
            equal = equal and same
    except (OSError, KeyError, skipstone.TraceError) as error:
        print(f"compare_clocks.py: {error}", file=sys.stderr)
        return 2
    return 0 if equal else 1


if __name__ == "__main__":
    sys.exit(main())

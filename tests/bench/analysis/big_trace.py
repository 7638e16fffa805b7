#!/usr/bin/env python3
"""Makes a long trace for measurements: emulates some rounds of a hundred devices, and repeats them one after the other."""

import argparse
import os
import pathlib
import subprocess
import tempfile

import h5py
import numpy

ROOT = pathlib.Path(__file__).resolve().parents[3]
PROGRAM = os.environ.get("SKIPSTONE_PROGRAM", str(ROOT / "build" / "skipstone"))
SETTINGS = ["requests.count=60", "rounds.count=8", "planner.name=greedy", "objective.accuracy_threshold=0.8", "links.latency=2 ms",
            'fleet.devices=[{profile = "khan2023-low", count = 50, battery = "1 MJ", power = {compute = "8 W", transmit = "10 W", receive = "2 W", idle = "0.5 W"}},'
            ' {profile = "khan2023-high", count = 50, battery = "1 MJ"}]']


def base_trace(path):
    """Some rounds, really emulated."""
    command = [PROGRAM, "run", "khan2023", "--clock", "virtual", "--kernels", "off", "-o", str(path)]
    subprocess.run(command + [part for setting in SETTINGS for part in ("--set", setting)], check=True, stdout=subprocess.DEVNULL)


def shifted(rows, repeat, rounds, span):
    """A table's rows as they are in the repeat-th repetition."""
    rows = rows.copy()
    for column in rows.dtype.names:
        if column == "round":
            rows[column] += repeat * rounds
        elif column in ("begin_s", "end_s", "start_s", "arrival_s", "finish_s"):
            rows[column] += repeat * span
    return rows


def repeat_trace(base, path, events):
    """Repeats the base until there are so many events."""
    with h5py.File(base, "r") as source, h5py.File(path, "w", libver="latest") as target:
        rounds, span = len(source["rounds"]), source["rounds"]["end_s"][-1]
        repeats = -(-events // len(source["events"]))
        for name, value in source.attrs.items():
            target.attrs[name] = value
        source.copy("provenance", target)
        tables = {name: source[name][:] for name in ("rounds", "plans", "requests", "events", "clocks", "outages")}
        devices, battery = source["devices"][:], source["battery"][:]
        spent = devices["battery_j"] - battery["remaining_j"][-len(devices):]
        devices["battery_j"] += spent * repeats
        target["devices"], target["blocks"] = devices, source["blocks"][:]
        for name, rows in (*tables.items(), ("battery", battery), ("links/rate_bit_s", source["links/rate_bit_s"][:])):
            table = target.create_dataset(name, shape=(repeats * len(rows), *rows.shape[1:]), maxshape=(None, *rows.shape[1:]), dtype=source[name].dtype,
                                          chunks=(max(1, min(4096, len(rows))), *rows.shape[1:]))
            for repeat in range(repeats if len(rows) else 0):
                part = rows
                if rows.dtype.names:
                    part = shifted(rows, repeat, rounds, span)
                if name == "battery":
                    part["remaining_j"] += numpy.tile(spent * (repeats - repeat), rounds)
                table[repeat * len(rows):(repeat + 1) * len(rows)] = part
        for name in ("devices", "blocks", *tables, "battery", "links/rate_bit_s"):
            target[name].attrs["units"] = source[name].attrs["units"]
        return len(target["events"])


def make(path, events):
    with tempfile.TemporaryDirectory(prefix="skipstone-big-") as folder:
        base = pathlib.Path(folder) / "base.h5"
        base_trace(base)
        return repeat_trace(base, path, events)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("output")
    parser.add_argument("--events", type=int, default=10_000_000)
    options = parser.parse_args()
    print(f"{options.output}: {make(options.output, options.events)} events")

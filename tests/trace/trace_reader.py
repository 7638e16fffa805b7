#!/usr/bin/env python3
"""Reads traces the way an analyst does, for trace_tests. Prints nothing when all is right."""
import pathlib
import sys

import h5py
import pandas

TABLES = ["devices", "blocks", "rounds", "plans", "requests", "events", "battery", "clocks", "outages"]


def committed(trace):
    rounds = trace["rounds"]["round"]
    return next((i for i, number in enumerate(rounds) if number != i), len(rounds))


def check_frames(path, events):
    """Every table becomes a DataFrame, with its columns, units and codes."""
    with h5py.File(path, "r", swmr=True) as trace:
        for name in TABLES:
            frame = pandas.DataFrame(trace[name][:])
            assert list(frame.columns) == list(trace[name].dtype.names), name
            units = dict(pair.decode().split("=") for pair in trace[name].attrs["units"])
            assert set(units) <= set(frame.columns), name
        assert len(trace["events"]) == events, len(trace["events"])
        assert trace["events"].attrs["units"][0] == b"begin_s=s"
        kinds = h5py.check_enum_dtype(trace["events"].dtype["kind"])
        assert kinds == {"compute": 1, "transmit": 2, "receive": 3, "wait": 4}, kinds
        statuses = h5py.check_enum_dtype(trace["requests"].dtype["status"])
        assert statuses == {"done": 1, "rejected": 2, "failed": 3}, statuses
        modes = h5py.check_enum_dtype(trace["plans"].dtype["mode"])
        assert modes == {"full": 1, "skip": 2, "direct": 3}, modes
        name = h5py.check_string_dtype(trace["devices"].dtype["name"])
        assert (name.encoding, name.length) == ("utf-8", 64), name
        assert trace["devices"]["name"][1].decode() == "dévice 1"
        assert trace.attrs["format"].decode() == "skipstone-trace"
        assert trace.attrs["format_version"] == 2 and trace.attrs["complete"] == 1
        assert trace.attrs["ended"].decode() == "finished"
        assert trace["provenance"].attrs["clock"].decode() == "virtual"
        devices = len(trace["devices"])
        assert trace["links/rate_bit_s"].shape == (len(trace["rounds"]), devices, devices)
    with h5py.File(path, "r") as trace:  # a finished trace needs no swmr
        assert trace.attrs["complete"] == 1


def check_killed(path, at_least, events_per_round):
    """A killed writer's file opens, and holds every round that it said was there."""
    with h5py.File(path, "r", swmr=True) as trace:
        rounds = committed(trace)
        assert rounds >= at_least, (path, rounds, at_least)
        events = pandas.DataFrame(trace["events"][:])
        counts = events[(events["round"] >= 0) & (events["round"] < rounds)].groupby("round").size()
        assert len(counts) == rounds and (counts == events_per_round).all(), (path, counts)
        assert trace.attrs["complete"] == 0 and trace.attrs["ended"].decode() == "running"


def check_drawn(path, round, expected):
    """The package draws the rates that the file leaves out."""
    sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2] / "analysis"))
    import skipstone
    rates = skipstone.load(path).rates(round).to_numpy()
    total = 0.0
    for rate in rates.ravel():
        if rate == rate:
            total += rate
    assert total == expected, (total, expected)


def rechunk(source, destination):
    """The same rows in other chunks, compressed, with other attributes."""
    with h5py.File(source, "r") as old, h5py.File(destination, "w", libver="latest") as new:
        for key, value in old.attrs.items():
            new.attrs[key] = value
        new.attrs["date"] = "another day"
        old.copy("provenance", new)
        for name in TABLES + ["links/rate_bit_s"]:
            chunks = (7,) + old[name].shape[1:]
            copy = new.create_dataset(
                name, data=old[name][:], dtype=old[name].dtype, chunks=chunks, maxshape=(None,) + old[name].shape[1:], compression="gzip"
            )
            copy.attrs["units"] = old[name].attrs["units"]


if __name__ == "__main__":
    command, *arguments = sys.argv[1:]
    if command == "frames":
        check_frames(arguments[0], int(arguments[1]))
    elif command == "killed":
        for path, at_least, events in zip(arguments[::3], arguments[1::3], arguments[2::3]):
            check_killed(path, int(at_least), int(events))
    elif command == "drawn":
        check_drawn(arguments[0], int(arguments[1]), float(arguments[2]))
    elif command == "rechunk":
        rechunk(*arguments)
    else:
        sys.exit(f"unknown command {command}")

#!/usr/bin/env python3
"""Draws a trace: what every device did in one round, and below it batteries, requests, dropped blocks and latency over all rounds.

A trace of a run that is still going on, or was killed, is drawn as far as its finished rounds reach."""

import argparse
import pathlib
import sys

try:
    import h5py
    import matplotlib
    import numpy
except ImportError as missing:
    sys.exit(f"plot_trace.py: {missing}; install Debian's packages: apt-get install python3-h5py python3-matplotlib")

matplotlib.use("Agg")
from matplotlib import pyplot  # noqa: E402
from matplotlib.patches import Patch  # noqa: E402
from matplotlib.ticker import MaxNLocator  # noqa: E402

COMPUTE, TRANSMIT, RECEIVE, WAIT = 1, 2, 3, 4  # kinds of events
SKIP = 2  # mode of a dropped block in /plans
STATUSES = {1: ("done", "#4c78a8"), 2: ("rejected", "#e45756"), 3: ("failed", "#222222")}
RADIO = {TRANSMIT: ("sends", "#c0392b"), RECEIVE: ("receives", "#f1a89c")}
WAIT_COLOUR = "#d9d9d9"
MOST_DEVICES = 32  # in the timeline


class InputError(Exception):
    """The user's input is wrong; the message says where and what."""


def open_trace(path):
    """Of a file whose first bytes are damaged, HDF5 1.10 in SWMR mode waits for ever for them to get better: only files that a run has
    open, or had open when it was killed, are opened so."""
    try:
        return h5py.File(path, "r")
    except OSError as error:
        if not any(word in str(error) for word in ("SWMR", "lock", "h5clear")):
            raise
    return h5py.File(path, "r", swmr=True)


class Trace:
    """The finished rounds of a trace file, each table an array."""

    def __init__(self, path):
        try:
            with open_trace(path) as file:
                kind = file.attrs.get("format")
                if (kind.decode() if isinstance(kind, bytes) else kind) != "skipstone-trace":
                    raise InputError(f"{path}: is no trace (its format attribute says {kind!r})")
                if file.attrs["format_version"] != 1:
                    raise InputError(f"{path}: is a trace of version {file.attrs['format_version']}; 1 is read")
                self.rounds = file["rounds"][:]  # first: what is in here is finished
                self.complete = bool(file.attrs["complete"])
                self.devices, self.blocks = file["devices"][:], file["blocks"][:]
                for table in ("plans", "requests", "events", "battery"):
                    rows = file[table][:]
                    setattr(self, table, rows[numpy.isin(rows["round"], self.rounds["round"])])
        except (OSError, KeyError) as error:
            raise InputError(f"{path}: cannot be read as a trace ({error})") from error
        if len(self.rounds) == 0:
            raise InputError(f"{path}: holds no finished round yet")
        self.device_names = [text(name) for name in self.devices["name"]]
        self.stages = [stage_of(text(name)) for name in self.blocks["name"]]

    def stage_colours(self):
        """Stage -> colour, in the order of the network: dark to light."""
        stages = list(dict.fromkeys(self.stages))
        map_ = matplotlib.colormaps["viridis"]
        return {stage: map_(0.05 + 0.9 * i / max(1, len(stages) - 1)) for i, stage in enumerate(stages)}

    def of_round(self, table, index):
        rows = getattr(self, table)
        return rows[rows["round"] == index]


def text(value):
    return value.decode("utf-8", "replace") if isinstance(value, bytes) else str(value)


def stage_of(block):
    """"s3b2" -> "stage 3"; "stem" and "head" as they are."""
    return f"stage {block[1:block.index('b')]}" if block[:1] == "s" and "b" in block and block[1:2].isdigit() else block


def choose_round(trace, wanted):
    rounds = trace.rounds["round"]
    if wanted is None:
        return int(rounds[numpy.argmax(trace.rounds["admitted"])])
    if wanted not in rounds:
        raise InputError(f"--round {wanted}: the trace has rounds {rounds.min()} to {rounds.max()}")
    return wanted


def choose_devices(trace, events):
    """All devices of a small fleet; of a large one the busiest of the round, in order."""
    everyone = trace.devices["device"]
    if len(everyone) <= MOST_DEVICES:
        return list(everyone)
    busy = {device: 0.0 for device in everyone}
    for event in events:
        if event["kind"] != WAIT:
            busy[event["device"]] += event["end_s"] - event["begin_s"]
    return sorted(sorted(busy, key=busy.get, reverse=True)[:MOST_DEVICES])


def draw_timeline(axes, trace, index):
    events = trace.of_round("events", index)
    row = trace.rounds[trace.rounds["round"] == index][0]
    devices = choose_devices(trace, events)
    events = events[numpy.isin(events["device"], devices)]
    place = {device: i for i, device in enumerate(devices)}
    colours = trace.stage_colours()
    start = row["start_s"]
    end = max(events["end_s"].max(), start) if len(events) else row["end_s"]
    length = max(end - start, 1e-9)

    # Upper half of a device's row: its processor; lower half: its radio.
    bars = {}
    for event in events:
        kind, y = event["kind"], place[event["device"]]
        if kind == COMPUTE:
            style = (colours[trace.stages[event["block"]]], y - 0.40, 0.48, 2)
        elif kind == WAIT:
            style = (WAIT_COLOUR, y - 0.40, 0.48, 1)
        else:
            style = (RADIO[kind][1], y + 0.12, 0.24, 2)
        bars.setdefault(style, []).append((event["begin_s"] - start, event["end_s"] - event["begin_s"]))
    for (colour, bottom, height, layer), spans in bars.items():
        axes.broken_barh(spans, (bottom, height), facecolors=colour, edgecolors="white", linewidth=0.3, zorder=layer)
    label_requests(axes, events[events["kind"] == COMPUTE], place, start, length)

    axes.set_xlim(0, length)
    axes.set_ylim(len(devices) - 0.5, -0.5)
    axes.set_yticks(range(len(devices)), [trace.device_names[device] for device in devices])
    axes.tick_params(axis="y", length=0)
    axes.set_ylabel("device")
    axes.set_xlabel("emulated time since the round's start (s)")
    requests = f"{row['requests']} request{'s' if row['requests'] != 1 else ''}"
    shown = "" if len(devices) == len(trace.devices) else f", the {len(devices)} busiest of {len(trace.devices)} devices"
    axes.set_title(f"Round {index}: {requests}, {row['admitted']} admitted, planner {text(row['planner'])}{shown}",
                   loc="left", pad=22)
    handles = [Patch(color=colour, label=stage) for stage, colour in colours.items()]
    handles.append(Patch(color=WAIT_COLOUR, label="waits"))
    handles += [Patch(color=colour, label=label) for label, colour in RADIO.values()]
    axes.legend(handles=handles, loc="lower left", bbox_to_anchor=(-0.01, 0.99), ncols=len(handles), frameon=False,
                handlelength=1, columnspacing=1.2)


def label_requests(axes, events, place, start, length):
    """The request's number on every run of its blocks on a device that is wide enough for it."""
    for device in set(events["device"]):
        run = None
        for event in sorted(events[events["device"] == device], key=lambda e: e["begin_s"]):
            if run and run[0] == event["request"] and event["begin_s"] - run[2] < 1e-3 * length:
                run[2] = event["end_s"]
                continue
            write_label(axes, run, place[device], start, length)
            run = [event["request"], event["begin_s"], event["end_s"]]
        write_label(axes, run, place[device], start, length)


def write_label(axes, run, y, start, length):
    if run is None or run[2] - run[1] < 0.035 * length:
        return
    axes.text((run[1] + run[2]) / 2 - start, y - 0.16, f"r{run[0]}", ha="center", va="center", fontsize=7, zorder=3,
              bbox={"boxstyle": "round,pad=0.15", "facecolor": "white", "edgecolor": "none", "alpha": 0.85})


def draw_battery(axes, trace):
    capacity = trace.devices["battery_j"]
    kinds = {}
    for device, row in enumerate(trace.devices):
        if numpy.isfinite(row["battery_j"]) and row["battery_j"] > 0:
            kinds.setdefault((row["battery_j"], row["mac_rate"]), []).append(device)
    for (joules, rate), colour in zip(sorted(kinds), matplotlib.colormaps["tab10"].colors * len(kinds)):
        members = kinds[joules, rate]
        for number, device in enumerate(members):
            rows = trace.battery[trace.battery["device"] == device]
            left = 100 * numpy.concatenate(([1.0], rows["remaining_j"] / capacity[device]))
            rounds = numpy.concatenate(([trace.rounds["round"][0]], rows["round"] + 1))
            axes.plot(rounds, left, color=colour, linewidth=1, marker=".", markersize=3,
                      label=f"{len(members)} × {joules:g} J, {rate / 1e9:g} GMAC/s" if number == 0 else None)
    axes.set_ylabel("battery left (%)")
    axes.set_xlabel("rounds done")
    axes.set_title("Battery of each device", loc="left")
    low, _ = axes.get_ylim()
    axes.set_ylim(max(low, -3) if kinds else 0, None if kinds else 100)
    if kinds:
        axes.legend(frameon=False, loc="best")
    else:
        axes.text(0.5, 0.5, "no battery", transform=axes.transAxes, ha="center")


def draw_stacked(axes, rounds, layers):
    """Bars per round, layer on layer: [(label, colour, heights)]."""
    bottom = numpy.zeros(len(rounds))
    for label, colour, heights in layers:
        axes.bar(rounds, heights, bottom=bottom, color=colour, label=label, width=0.8)
        bottom = bottom + heights
    axes.set_ylim(0, max(1, bottom.max()) * 1.3)  # room for the legend
    axes.legend(frameon=False, loc="upper left", ncols=4, columnspacing=1, handlelength=1)
    axes.yaxis.set_major_locator(MaxNLocator(integer=True))
    axes.set_xlabel("round")


def draw_requests(axes, trace):
    rounds = trace.rounds["round"]
    layers = []
    for status, (label, colour) in STATUSES.items():
        found = trace.requests[trace.requests["status"] == status]
        if len(found) or status != 3:
            layers.append((label, colour, numpy.array([(found["round"] == index).sum() for index in rounds])))
    draw_stacked(axes, rounds, layers)
    axes.set_ylabel("requests")
    axes.set_title("Requests per round", loc="left")


def draw_dropped(axes, trace):
    rounds = trace.rounds["round"]
    counts = {stage: numpy.zeros(len(rounds)) for stage in dict.fromkeys(trace.stages)}
    for position, index in enumerate(rounds):
        plans = trace.of_round("plans", index)
        for row in plans[plans["mode"] == SKIP]:
            later = plans[(plans["request"] == row["request"]) & (plans["revision"] > row["revision"])]
            if len(later) == 0:
                counts[trace.stages[row["block"]]][position] += 1
    colours = trace.stage_colours()
    layers = [(stage, colours[stage], heights) for stage, heights in counts.items() if heights.any()]
    if layers:
        draw_stacked(axes, rounds, layers)
    else:
        axes.text(0.5, 0.5, "none", transform=axes.transAxes, ha="center", va="center")
        axes.set_ylim(0, 1)
        axes.set_yticks([0, 1])
        axes.set_xlabel("round")
    axes.set_ylabel("dropped blocks")
    axes.set_title("Dropped blocks, all requests of a round", loc="left")


def draw_latency(axes, trace):
    done = trace.requests[trace.requests["status"] == 1]
    rounds = [index for index in trace.rounds["round"] if (done["round"] == index).any()]
    for column, label, colour, marker, offset in (("predicted_latency_s", "planned", "#f58518", "D", -0.15),
                                                  ("latency_s", "emulated", "#4c78a8", "o", 0.15)):
        values = [done[column][done["round"] == index] for index in rounds]
        middle = numpy.array([v.mean() for v in values])
        reach = [middle - [v.min() for v in values], [v.max() for v in values] - middle]
        axes.errorbar(numpy.array(rounds) + offset, middle, numpy.maximum(reach, 0), fmt=marker, markersize=3.5,
                      color=colour, elinewidth=1, label=label)
    axes.set_ylim(0, axes.get_ylim()[1] * 1.2 if rounds else 1)
    axes.set_ylabel("latency (s)")
    axes.set_xlabel("round")
    axes.set_title("Latency: mean, and range over requests", loc="left")
    axes.legend(frameon=False, loc="upper left", ncols=2)


def draw(trace, index, title):
    shown = min(len(trace.devices), MOST_DEVICES)
    timeline_height = 1.2 + 0.27 * shown
    with pyplot.rc_context({"font.size": 9, "axes.titlesize": 10, "axes.titleweight": "bold", "legend.fontsize": 8,
                            "axes.spines.top": False, "axes.spines.right": False}):
        figure = pyplot.figure(figsize=(10, timeline_height + 5.4), layout="constrained")
        grid = figure.add_gridspec(3, 2, height_ratios=[timeline_height, 2.4, 2.4])
        draw_timeline(figure.add_subplot(grid[0, :]), trace, index)
        panels = ((draw_battery, grid[1, 0]), (draw_requests, grid[1, 1]), (draw_dropped, grid[2, 0]),
                  (draw_latency, grid[2, 1]))
        for panel, cell in panels:
            axes = figure.add_subplot(cell)
            panel(axes, trace)
            first, last = trace.rounds["round"][0], trace.rounds["round"][-1]
            axes.set_xlim(first - 0.6, last + (1.6 if panel is draw_battery else 0.6))
            axes.xaxis.set_major_locator(MaxNLocator(integer=True))
            axes.grid(axis="y", color="#e6e6e6", linewidth=0.6)
            axes.set_axisbelow(True)
        state = "" if trace.complete else f" (not complete: {len(trace.rounds)} rounds so far)"
        figure.suptitle(title + state, fontsize=11, x=0.01, ha="left")
    return figure


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("trace", metavar="TRACE", help="trace of skipstone run (.h5)")
    parser.add_argument("-o", "--output", required=True, metavar="PNG", help="picture to write (.png, .svg, .pdf)")
    parser.add_argument("--round", type=int, metavar="K",
                        help="round of the timeline (default: the first with the most admitted requests)")
    parser.add_argument("--title", metavar="TEXT", help="default: the trace's name")
    arguments = parser.parse_args()
    try:
        trace = Trace(arguments.trace)
        figure = draw(trace, choose_round(trace, arguments.round), arguments.title or pathlib.Path(arguments.trace).stem)
        try:
            figure.savefig(arguments.output, dpi=110)
        except (OSError, ValueError) as error:
            raise InputError(f"{arguments.output}: cannot be written ({error})") from error
    except InputError as error:
        print(f"plot_trace.py: {error}", file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())

#!/usr/bin/env python3
"""Draws a trace: what every device did in one round, and below it batteries, requests, dropped blocks and latency over all rounds.

A trace of a run that is still going on, or was killed, is drawn as far as its finished rounds reach."""

import argparse
import pathlib
import sys

import needs
import output_file
import stages
from plain_text import draw_plainly, drawable, legend_label


def parse_arguments(words=None):
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("trace", metavar="TRACE", help="trace of skipstone run (.h5)")
    parser.add_argument("-o", "--output", required=True, metavar="PNG", help="picture to write (.png, .svg, .pdf)")
    parser.add_argument("--round", type=int, metavar="K",
                        help="round of the timeline (default: the first with the most admitted requests)")
    parser.add_argument("--title", metavar="TEXT", help="default: the trace's name")
    return parser.parse_args(words)


try:
    import matplotlib
    import numpy
    import pandas

    import skipstone
except ImportError as missing:
    if __name__ == "__main__":
        parse_arguments()  # --help needs no modules
    sys.exit(needs.explain(missing, "python3-h5py python3-matplotlib python3-pandas", "h5py matplotlib pandas"))

draw_plainly(matplotlib)
from matplotlib import pyplot  # noqa: E402
from matplotlib.lines import Line2D  # noqa: E402
from matplotlib.patches import Patch  # noqa: E402
from matplotlib.ticker import MaxNLocator  # noqa: E402

STATUSES = {"done": "#4c78a8", "rejected": "#e45756", "failed": "#222222"}
RADIO = {"transmit": ("sends", "#c0392b"), "receive": ("receives", "#f1a89c")}
WAIT_COLOUR = "#d9d9d9"
JOIN_HATCH = "////"
MOST_DEVICES = 32  # in the timeline


class InputError(Exception):
    """The user's input is wrong; the message says where and what."""


def stages_of(trace):
    """Stage of each block."""
    told = trace.blocks["stage"]
    return stages.of_names(trace.blocks["name"]) if told.isna().any() else told.tolist()


def stage_labels(trace):
    """Stage -> label, in the order of the network; heads of exits give none their name."""
    chain = trace.blocks["after"].isna()
    return stages.labels(trace.blocks["name"][chain], [stage for stage, is_block in zip(stages_of(trace), chain) if is_block])


def stage_colours(trace):
    """Stage -> colour, in the order of the network."""
    return stages.colours(matplotlib.colormaps, stages_of(trace))


def choose_round(trace, wanted):
    rounds = trace.rounds
    if len(rounds) == 0:
        raise InputError(f"{trace.path}: holds no finished round yet")
    if wanted is None:
        return int(rounds["round"][rounds["admitted"].idxmax()])
    if not 0 <= wanted < len(rounds):
        raise InputError(f"--round {wanted}: the trace has rounds 0 to {len(rounds) - 1}")
    return wanted


def choose_devices(trace, events):
    """All devices of a small fleet; of a large one the busiest of the round, in order."""
    devices = trace.devices["device"]
    if len(devices) <= MOST_DEVICES:
        return list(devices)
    working = events[events["kind"] != "wait"]
    busy = (working["end_s"] - working["begin_s"]).groupby(working["device"]).sum().reindex(devices, fill_value=0)
    return sorted(busy.sort_values(ascending=False, kind="stable").index[:MOST_DEVICES])


def joins_of(trace, events, index):
    """Whether each of the round's events puts parts of a block together: it computes a block, not a part, that its request has in parts."""
    wholes = trace.plans[(trace.plans["round"] == index) & trace.plans["part"].isna()].sort_values("revision", kind="stable")
    wholes = wholes.groupby(["request", "block"]).tail(1)
    in_parts = set(wholes.loc[wholes["parts"] > 1, ["request", "block"]].itertuples(index=False, name=None))
    whole = (events["kind"] == "compute") & events["part"].isna()
    return [computes and pair in in_parts for computes, pair in zip(whole, zip(events["request"], events["block"]))]


def leavings_of(trace, events, index):
    """Whether its request leaves with each of the round's events: it computes the head of the exit that it left at."""
    judged = trace.exits[(trace.exits["round"] == index) & (trace.exits["left"] == "yes")]
    left = set(zip(judged["request"], judged["exit"]))
    after = events["block"].map(trace.blocks["after"])
    whole = (events["kind"] == "compute") & (events["flags"] & skipstone.FAILED == 0) & after.notna()
    return [computes and pair in left for computes, pair in zip(whole, zip(events["request"], after))]


def draw_timeline(axes, trace, index):
    events = trace.events[trace.events["round"] == index]
    row = trace.rounds.iloc[index]
    devices = choose_devices(trace, events)
    events = events[events["device"].isin(devices)]
    events = events.assign(joins=joins_of(trace, events, index), leaves=leavings_of(trace, events, index))
    place = {device: i for i, device in enumerate(devices)}
    colours, stage_of = stage_colours(trace), stages_of(trace)
    start = row["start_s"]
    end = max(events["end_s"].max(), start) if len(events) else row["end_s"]
    length = end - start if end > start else 1.0

    # Upper half of a device's row: its processor; lower half: its radio.
    bars = {}
    for event in events.itertuples():
        y = place[event.device]
        if event.kind == "compute":
            style = (colours[stage_of[event.block]], y - 0.40, 0.48, 2, JOIN_HATCH if event.joins else None)
        elif event.kind == "wait":
            style = (WAIT_COLOUR, y - 0.40, 0.48, 1, None)
        else:
            style = (RADIO[event.kind][1], y + 0.12, 0.24, 2, None)
        bars.setdefault(style, []).append((event.begin_s - start, event.end_s - event.begin_s))
    for (colour, bottom, height, layer, hatch), spans in bars.items():
        axes.broken_barh(spans, (bottom, height), facecolors=colour, edgecolors="white", linewidth=0.3, zorder=layer, hatch=hatch)
    leaving = events[events["leaves"].astype(bool)]
    if len(leaving):
        axes.scatter(leaving["end_s"] - start, [place[device] - 0.16 for device in leaving["device"]], marker=">", s=36, color="black",
                     edgecolor="white", linewidth=0.6, zorder=4, clip_on=False)
    label_requests(axes, events[events["kind"] == "compute"], place, start, length)
    if not bars:
        axes.text(0.5, 0.5, "nothing runs", transform=axes.transAxes, ha="center", va="center")

    axes.set_xlim(0, length)
    axes.set_ylim(len(devices) - 0.5, -0.5)
    axes.set_yticks(range(len(devices)), [drawable(name) for name in trace.devices["name"][devices]])
    axes.tick_params(axis="y", length=0)
    axes.set_ylabel("device")
    axes.set_xlabel("emulated time since the round's start (s)")
    requests = f"{row['requests']} request{'s' if row['requests'] != 1 else ''}"
    shown = "" if len(devices) == len(trace.devices) else f", the {len(devices)} busiest of {len(trace.devices)} devices"
    axes.set_title(f"Round {index}: {requests}, {row['admitted']} admitted, planner {row['planner']}{shown}",
                   loc="left", pad=22)
    handles = [Patch(color=colours[stage], label=legend_label(label)) for stage, label in stages.thinned(stage_labels(trace)).items()]
    if events["joins"].any():
        handles.append(Patch(facecolor="#777777", edgecolor="white", hatch=JOIN_HATCH, label="joins parts"))
    if len(leaving):
        handles.append(Line2D([], [], color="black", marker=">", linestyle="none", label="a request leaves"))
    handles.append(Patch(color=WAIT_COLOUR, label="waits"))
    handles += [Patch(color=colour, label=label) for label, colour in RADIO.values()]
    draw_legend(axes, handles)


def draw_legend(axes, handles):
    """Above the panel, in as many columns as there is room for; the title above that."""
    ncols = fitting_columns(axes, 0.9, ncols=len(handles), handles=handles, loc="lower left", bbox_to_anchor=(-0.01, 0.99),
                            columnspacing=1.2)
    rows = -(-len(handles) // ncols)
    axes.set_title(axes.get_title(loc="left"), loc="left", pad=22 + 13 * (rows - 1))


def fitting_columns(axes, share, ncols, **how):
    """Adds a legend of at most so many columns and that share of the picture's width; how many columns it has."""
    while True:
        legend = axes.legend(ncols=ncols, frameon=False, handlelength=1, **how)
        width = legend.get_window_extent(axes.figure.canvas.get_renderer()).width
        if ncols == 1 or width <= share * axes.figure.bbox.width:
            return ncols
        ncols -= 1


def label_requests(axes, events, place, start, length):
    """The request's number on every run of its blocks on a device that is wide enough for it."""
    for device, mine in events.groupby("device"):
        run = None
        for event in mine.sort_values("begin_s").itertuples():
            name = f"r{event.request}" + (" join" if event.joins else "" if pandas.isna(event.part) else f" part {event.part + 1}")
            if run and run[0] == name and event.begin_s - run[2] < 1e-3 * length:
                run[2] = event.end_s
                continue
            write_label(axes, run, place[device], start, length)
            run = [name, event.begin_s, event.end_s]
        write_label(axes, run, place[device], start, length)


def write_label(axes, run, y, start, length):
    if run is None or run[2] - run[1] < 0.035 * length:
        return
    axes.text((run[1] + run[2]) / 2 - start, y - 0.16, run[0], ha="center", va="center", fontsize=7, zorder=3,
              bbox={"boxstyle": "round,pad=0.15", "facecolor": "white", "edgecolor": "none", "alpha": 0.85})


def draw_battery(axes, trace):
    left = trace.battery.pivot(index="round", columns="device", values="remaining_j") / trace.devices["battery_j"]
    kinds = trace.devices[numpy.isfinite(trace.devices["battery_j"]) & (trace.devices["battery_j"] > 0)].groupby(["battery_j", "mac_rate"])
    for ((joules, rate), devices), colour in zip(kinds, matplotlib.colormaps["tab10"].colors * len(kinds)):
        for number, device in enumerate(devices["device"]):
            axes.plot([0, *(left.index + 1)], [100, *(100 * left[device])], color=colour, linewidth=1, marker=".", markersize=3,
                      label=f"{len(devices)} × {joules:g} J, {rate / 1e9:g} GMAC/s" if number == 0 else None)
    axes.set_ylabel("battery left (%)")
    axes.set_xlabel("rounds done")
    axes.set_title("Battery of each device", loc="left")
    if len(kinds):
        low = max(axes.get_ylim()[0], -3)
        axes.set_ylim(low, 100 + 0.05 * (100 - low))
        if len(kinds) <= 8:
            axes.legend(frameon=False, loc="best")
    else:
        axes.set_ylim(0, 100)
        axes.text(0.5, 0.5, "no battery", transform=axes.transAxes, ha="center")


def draw_stacked(axes, rounds, layers):
    """Bars per round, layer on layer: [(label, colour, heights)]."""
    bottom = numpy.zeros(len(rounds))
    for label, colour, heights in layers:
        axes.bar(rounds, heights, bottom=bottom, color=colour, label=label, width=0.8)
        bottom = bottom + heights
    columns = fitting_columns(axes, 0.4, ncols=4, loc="upper left", columnspacing=1)
    lines = -(-len(layers) // columns)
    axes.set_ylim(0, max(1, bottom.max()) * (1.3 + 0.13 * (lines - 1)))  # room for the legend
    axes.yaxis.set_major_locator(MaxNLocator(integer=True))
    axes.set_xlabel("round")


def counted(rows, kinds, rounds, every):
    """How many rows of each round are of each kind: a line per round, a column for every kind."""
    counts = rows.groupby(["round", kinds.astype(object)]).size()
    table = counts.unstack(fill_value=0) if len(counts) else pandas.DataFrame()
    return table.reindex(index=rounds, columns=every, fill_value=0)


def left_at(trace):
    """Of each request that is done, where it left: layers of "done", in the order of the chain; where no exit was open there is one."""
    heads = trace.blocks[trace.blocks["after"].notna()]
    if len(heads) == 0:
        return {"done": STATUSES["done"]}, trace.requests["status"]
    names = dict(zip(heads["after"], heads["name"]))
    kinds = trace.requests["exit"].map(names).astype(object).fillna("at the end")
    shades = matplotlib.colormaps["Blues"](numpy.linspace(0.35, 0.9, len(names) + 1))
    return (dict(zip([*names.values(), "at the end"], shades)),
            kinds.where(trace.requests["status"] == "done", trace.requests["status"].astype(object)))


def draw_requests(axes, trace):
    rounds = trace.rounds["round"]
    done, kinds = left_at(trace)
    layers = done | {status: colour for status, colour in STATUSES.items() if status != "done"}
    counts = counted(trace.requests, kinds, rounds, list(layers))
    draw_stacked(axes, rounds, [(stages.shortened(kind), colour, counts[kind].to_numpy()) for kind, colour in layers.items()
                                if kind != "failed" or counts[kind].any()])
    axes.set_ylabel("requests")
    axes.set_title("Requests per round" + (", and where they left" if len(done) > 1 else ""), loc="left")


def draw_dropped(axes, trace):
    rounds = trace.rounds["round"]
    plans = trace.plans[trace.plans["revision"] == trace.plans.groupby(["round", "request"])["revision"].transform("max")]
    dropped = plans[plans["mode"] == "skip"]
    stage_of = dropped["block"].map(dict(enumerate(stages_of(trace))))
    colours = stage_colours(trace)
    counts = counted(dropped, stage_of, rounds, list(colours))
    layers = [(legend_label(label), colours[stage], counts[stage].to_numpy()) for stage, label in stage_labels(trace).items()
              if counts[stage].any()]
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
    done = trace.requests[trace.requests["status"] == "done"].groupby("round")
    for column, label, colour, marker, offset in (("predicted_latency_s", "planned", "#f58518", "D", -0.15),
                                                  ("latency_s", "emulated", "#4c78a8", "o", 0.15)):
        middle, low, high = (done[column].agg(function).to_numpy() for function in ("mean", "min", "max"))
        axes.errorbar(numpy.array(list(done.groups), float) + offset, middle, numpy.maximum([middle - low, high - middle], 0),
                      fmt=marker, markersize=3.5, color=colour, elinewidth=1, label=label)
    if len(done) == 0:
        axes.text(0.5, 0.5, "no request was done", transform=axes.transAxes, ha="center", va="center")
    axes.set_ylim(0, axes.get_ylim()[1] * 1.2 if len(done) else 1)
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
            axes.set_xlim(-0.6, len(trace.rounds) - 1 + (1.6 if panel is draw_battery else 0.6))
            axes.xaxis.set_major_locator(MaxNLocator(integer=True, min_n_ticks=1))
            axes.grid(axis="y", color="#e6e6e6", linewidth=0.6)
            axes.set_axisbelow(True)
        state = "" if trace.complete else f" (not complete: {len(trace.rounds)} rounds so far)"
        figure.suptitle(drawable(title) + state, fontsize=11, x=0.01, ha="left")
    return figure


def main(words=None):
    output_file.open_closed_streams()
    arguments = parse_arguments(words)
    try:
        trace = skipstone.load(arguments.trace)
        figure = draw(trace, choose_round(trace, arguments.round), arguments.title or pathlib.Path(arguments.trace).stem)
        if wrong := output_file.save_picture(figure, arguments.output, arguments.trace, dpi=110):
            raise InputError(wrong)
    except (InputError, skipstone.TraceError) as error:
        print(f"plot_trace.py: {error}", file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())

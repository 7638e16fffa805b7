#!/usr/bin/env python3
"""Draws what a search for exits found: accuracy against mean MACs of its trade-off, with one threshold for all exits beside it, the whole
network, and the rules that were chosen; and below where samples leave, for every set of rules of the trade-off.

The file is what skipstone exits search writes with --trade-off."""

import argparse
import json
import math
import re
import sys

import needs
import output_file
from plain_text import draw_plainly, drawable, legend_label


def parse_arguments(words=None):
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("tradeoff", metavar="TRADE-OFF", help="trade-off of skipstone exits search (.json)")
    parser.add_argument("-o", "--output", required=True, metavar="PNG", help="picture to write (.png, .svg, .pdf)")
    parser.add_argument("--title", metavar="TEXT", help="default: network, data and number of samples")
    return parser.parse_args(words)


try:
    import matplotlib
    import numpy
except ImportError as missing:
    if __name__ == "__main__":
        parse_arguments()  # --help needs no modules
    sys.exit(needs.explain(missing, "python3-matplotlib", "matplotlib"))

draw_plainly(matplotlib)
from matplotlib import pyplot  # noqa: E402
from matplotlib.ticker import PercentFormatter  # noqa: E402

FORMAT, VERSION = "skipstone-trade-off", 1
FOUND, PROVEN, SIMPLE, CHOSEN, WHOLE = "#1f5f99", "#7fb3d8", "#e08214", "#b2182b", "#222222"
END = "the end"


class InputError(Exception):
    """The user's input is wrong; the message says where and what."""


class Tradeoff:
    """A trade-off as the file has it, checked: its rules by mean MACs, ascending. points: the best that were found; grid: the best of the
    search's grid, which is proven; one_threshold: with one threshold for all exits; chosen: those that were chosen, or None."""

    def __init__(self, path):
        self.path = path
        try:
            with open(path, encoding="utf-8") as file:
                content = json.load(file)
        except OSError as error:
            raise InputError(f"{path}: cannot be opened ({error.strerror})") from error
        except (ValueError, RecursionError) as error:
            raise InputError(f"{path}: is no JSON ({error})") from error
        if not isinstance(content, dict) or content.get("format") != FORMAT:
            raise InputError(f'{path}: is no trade-off of skipstone exits search (its "format" is not "{FORMAT}")')
        if content.get("version") != VERSION:
            raise InputError(f"{path}: is a trade-off of version {content.get('version')!r}; version {VERSION} is read")
        self.network, self.dataset = (str(content.get(key, "")) for key in ("network", "dataset"))
        self.samples = content.get("samples")
        self.whole = self.measured(content.get("whole"), "whole", "macs")
        if self.whole["mean_macs"] <= 0:
            raise InputError(f"{path}: whole.macs is 0; what the whole network takes must be more")
        fronts = [front for front in self.rows(content, "fronts") if isinstance(front, dict) and front.get("cost") == "macs"]
        if len(fronts) != 1:
            raise InputError(f"{path}: fronts has {len(fronts)} whose cost is \"macs\"; there must be one")
        self.points, self.grid, self.one_threshold = (
            sorted((self.point(row, f"{key}[{i}]") for i, row in enumerate(self.rows(fronts[0], key))), key=lambda row: (row["mean_macs"], row["accuracy"]))
            for key in ("found", "grid", "one_threshold"))
        if not self.points:
            raise InputError(f"{path}: found is empty; there is nothing to draw")
        chosen = content.get("chosen")
        self.chosen = None if chosen is None else self.point(chosen, "chosen")
        order = {}
        for row in self.points:
            order |= dict.fromkeys(row["exits"])
        self.exits = self.in_order(sorted(order, key=by_numbers))

    def rows(self, content, key):
        rows = content.get(key, [])
        if not isinstance(rows, list):
            raise InputError(f"{self.path}: {key} is no list")
        return rows

    def measured(self, row, place, macs="mean_macs"):
        values = {}
        for key, most in (("accuracy", 1), (macs, math.inf)):
            value = row.get(key) if isinstance(row, dict) else None
            if not isinstance(value, (int, float)) or isinstance(value, bool) or not 0 <= value <= most or math.isinf(value):
                raise InputError(f"{self.path}: {place}.{key} is {value!r}; it must be a number from 0" + (" to 1" if most == 1 else ""))
            values["mean_macs" if key == macs else key] = value
        return values

    def point(self, row, place):
        values = self.measured(row, place)
        rules, leaving = row.get("rules", []), row.get("leaving", [])
        exits = [rule.get("exit") if isinstance(rule, dict) else None for rule in rules] if isinstance(rules, list) else [None]
        if not all(isinstance(name, str) for name in exits):
            raise InputError(f"{self.path}: {place}.rules must be a list of objects with the exit's name and its threshold")
        if not isinstance(leaving, list) or len(leaving) != len(exits) + 1 or not all(isinstance(share, (int, float)) for share in leaving):
            raise InputError(f"{self.path}: {place}.leaving must have a share for each of its {len(exits)} rules, and one for the end")
        return values | {"exits": exits, "leaving": leaving}

    def in_order(self, exits):
        """Exits in the order of the chain, which the rules of each point are in: none stands before one that must come earlier, and those
        that no point compares stay as they are."""
        before = {name: set() for name in exits}
        for row in self.points:
            for i, name in enumerate(row["exits"]):
                before[name] |= set(row["exits"][:i])
        placed = []
        while len(placed) < len(exits):
            placed.append(next((name for name in exits if name not in placed and before[name] <= set(placed)),
                               next(name for name in exits if name not in placed)))
        return placed

    def leaving(self):
        """Shares of the samples, by exit and then the end: a row for each, a column per point."""
        shares = numpy.zeros((len(self.exits) + 1, len(self.points)))
        for column, row in enumerate(self.points):
            for name, share in zip(row["exits"], row["leaving"]):
                shares[self.exits.index(name), column] = share
            shares[-1, column] = row["leaving"][-1]
        return shares


def by_numbers(name):
    """Sorts s2b9 before s2b10."""
    return [(int(part), "") if part.isdigit() else (-1, part) for part in re.split(r"(\d{1,9})", name)]


def share_of(tradeoff, row):
    """MACs as a share of the whole network's."""
    return row["mean_macs"] / tradeoff.whole["mean_macs"]


def draw_tradeoff(axes, tradeoff):
    def line(rows, **how):
        axes.plot([share_of(tradeoff, row) for row in rows], [row["accuracy"] for row in rows], **how)

    if tradeoff.one_threshold:
        line(tradeoff.one_threshold, color=SIMPLE, marker="o", markersize=3, linewidth=1, label="one threshold for all exits")
    if tradeoff.grid and tradeoff.grid != tradeoff.points:
        line(tradeoff.grid, color=PROVEN, drawstyle="steps-post", linewidth=1.6, label="best of the grid, proven")
    line(tradeoff.points, color=FOUND, drawstyle="steps-post", linewidth=1.6, marker="o", markersize=3 if len(tradeoff.points) < 80 else 0,
         label="what the search found")
    axes.plot(1, tradeoff.whole["accuracy"], linestyle="none", marker="s", color=WHOLE, markersize=7, label="the whole network")
    if tradeoff.chosen:
        row = tradeoff.chosen
        axes.plot(share_of(tradeoff, row), row["accuracy"], linestyle="none", marker="*", color=CHOSEN, markersize=15, zorder=4,
                  label=f"chosen: {1 - share_of(tradeoff, row):.1%} fewer MACs, {100 * (row['accuracy'] - tradeoff.whole['accuracy']):+.2f} points")
    axes.axhline(tradeoff.whole["accuracy"], color=WHOLE, linewidth=0.7, linestyle=":")
    axes.xaxis.set_major_formatter(PercentFormatter(1, decimals=0))
    axes.yaxis.set_major_formatter(PercentFormatter(1))
    shown = [row["accuracy"] for row in (*tradeoff.points, tradeoff.whole)]
    room = 0.06 * (max(shown) - min(shown)) or 0.01
    axes.set_ylim(min(shown) - room, max(max(shown), max((row["accuracy"] for row in tradeoff.one_threshold), default=0)) + room)
    axes.set_ylabel("accuracy")
    axes.set_title("Accuracy against mean MACs, heads counted", loc="left")
    axes.legend(frameon=False, loc="lower right")
    axes.grid(color="#e6e6e6", linewidth=0.6)
    axes.set_axisbelow(True)


def draw_leaving(axes, tradeoff):
    """The shares as a stack, the first exit below; what a set of rules gives holds until the next one."""
    places = [share_of(tradeoff, row) for row in tradeoff.points]
    edges = [*places, max(1.0, places[-1])]
    colours = [*matplotlib.colormaps["viridis"](numpy.linspace(0.1, 0.95, max(1, len(tradeoff.exits)))), "#cccccc"]
    shares = tradeoff.leaving()
    axes.stackplot(edges, numpy.column_stack([shares, shares[:, -1]]), colors=colours, step="post", linewidth=0,
                   labels=[legend_label(name) for name in (*tradeoff.exits, END)])
    if tradeoff.chosen:
        axes.axvline(share_of(tradeoff, tradeoff.chosen), color=CHOSEN, linewidth=1.2)
    axes.set_ylim(0, 1)
    axes.xaxis.set_major_formatter(PercentFormatter(1, decimals=0))
    axes.yaxis.set_major_formatter(PercentFormatter(1, decimals=0))
    axes.set_xlabel("mean MACs of a sample, of the whole network's")
    axes.set_ylabel("samples")
    axes.set_title("Where samples leave, by the rules of the trade-off", loc="left")
    handles, labels = axes.get_legend_handles_labels()
    most = 24
    if len(labels) > most:  # the first and the last, and evenly between
        kept = [round(i * (len(labels) - 1) / (most - 1)) for i in range(most)]
        handles, labels = [handles[i] for i in kept], [labels[i] for i in kept]
    axes.legend(handles, labels, frameon=False, loc="upper left", bbox_to_anchor=(1.0, 1.0), handlelength=1, borderaxespad=0.3,
                ncols=1 + (len(labels) > 12))


def draw(tradeoff, title=None):
    with pyplot.rc_context({"font.size": 9, "axes.titlesize": 10, "axes.titleweight": "bold", "legend.fontsize": 8,
                            "axes.spines.top": False, "axes.spines.right": False}):
        figure = pyplot.figure(figsize=(9.5, 7.4), layout="constrained")
        upper, lower = figure.subplots(2, 1, sharex=True, height_ratios=[3, 2])
        draw_tradeoff(upper, tradeoff)
        draw_leaving(lower, tradeoff)
        places = [share_of(tradeoff, row) for row in (*tradeoff.points, tradeoff.whole)]
        room = 0.03 * (max(places) - min(places) or 1)
        upper.set_xlim(min(places) - room, max(places) + room)
        samples = f", {tradeoff.samples:,} samples" if isinstance(tradeoff.samples, int) else ""
        figure.suptitle(drawable(title or ": ".join(filter(None, (tradeoff.network, tradeoff.dataset))) + samples or "exits"), fontsize=11, x=0.01, ha="left")
    return figure


def main(words=None):
    output_file.open_closed_streams()
    arguments = parse_arguments(words)
    try:
        figure = draw(Tradeoff(arguments.tradeoff), arguments.title)
        if wrong := output_file.save_picture(figure, arguments.output, arguments.tradeoff, dpi=110):
            raise InputError(wrong)
    except InputError as error:
        print(f"plot_exits.py: {error}", file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())

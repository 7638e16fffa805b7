#!/usr/bin/env python3
"""Draws an accuracy table: accuracy with one block dropped, with two (a heat map), and with more.

Any accuracy table will do: one that skipstone study wrote, or one written by hand. Where a set stands twice, the lower accuracy is
drawn, as planning uses it."""

import argparse
import math
import pathlib
import re
import sys

import needs
import output_file
import stages
from plain_text import draw_plainly, drawable


def parse_arguments():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("table", metavar="TABLE", help="accuracy table (.toml)")
    parser.add_argument("-o", "--output", metavar="FILE",
                        help="picture to write (.png, .svg, .pdf); default: the table's name with .png")
    parser.add_argument("--title", metavar="TEXT", help="default: network, data and number of images")
    return parser.parse_args()


try:
    import tomllib

    import matplotlib
except ImportError as missing:
    if __name__ == "__main__":
        parse_arguments()  # --help needs no modules
    sys.exit(needs.explain(missing, "python3-matplotlib", "matplotlib"))

draw_plainly(matplotlib)
from matplotlib import pyplot  # noqa: E402
from matplotlib.ticker import MaxNLocator  # noqa: E402

MODES = {"skip": ("skip: convolutions dropped", "#4c78a8", "o"), "direct": ("direct: shortcut dropped", "#f58518", "D")}
NOT_RUN = re.compile(r"# (.+), mode (skip|direct): (.+)")  # a comment that skipstone study writes
MOST_LABELLED = 30  # blocks in a heat map whose cells have numbers
CELL_INCHES = 0.42


class InputError(Exception):
    """The user's input is wrong; the message says where and what."""


class Row:
    """Per cent: accuracy, low and high (its confidence interval; None where the table has none)."""

    def __init__(self, place, content):
        def wrong(key, right):
            raise InputError(f"{place}: {key} = {content.get(key)!r}; must be {right}")

        if not isinstance(content, dict):
            raise InputError(f"{place}: is no table; rows are written [[row]]")
        dropped = content.get("dropped")
        if not isinstance(dropped, list) or not all(isinstance(name, str) for name in dropped):
            wrong("dropped", "a list of block names")
        self.dropped = frozenset(dropped)
        self.mode = content.get("mode", "skip")
        if self.mode not in MODES:
            wrong("mode", "\"skip\" or \"direct\"")
        if not is_share(content.get("accuracy")):
            wrong("accuracy", "a number from 0 to 1")
        self.accuracy = 100 * content["accuracy"]
        self.low = self.high = None
        if "confidence" in content:
            ends = content["confidence"]
            if not isinstance(ends, list) or len(ends) != 2 or not all(map(is_share, ends)) or ends[0] > ends[1]:
                wrong("confidence", "[low, high], two numbers from 0 to 1")
            self.low, self.high = 100 * ends[0], 100 * ends[1]

    def reach(self):
        """What an error bar shows below and above the accuracy."""
        if self.low is None:
            return 0, 0
        return max(0, self.accuracy - self.low), max(0, self.high - self.accuracy)


def is_share(value):
    return isinstance(value, (int, float)) and not isinstance(value, bool) and 0 <= value <= 1


class Table:
    """An accuracy table: its rows by (dropped blocks, mode), and (block, mode) -> why it could not run."""

    def __init__(self, path):
        try:
            text = pathlib.Path(path).read_text(encoding="utf-8")
            content = tomllib.loads(text)
        except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
            raise InputError(f"{path}: cannot be read as an accuracy table ({error})") from error
        if content.get("format") != "skipstone-accuracy":
            raise InputError(f"{path}: is no accuracy table (its format is {content.get('format')!r}, not 'skipstone-accuracy')")
        if content.get("version") != 1:
            raise InputError(f"{path}: is an accuracy table of version {content.get('version')!r}; 1 is read")
        rows = content.get("row")
        if not isinstance(rows, list) or not rows:
            raise InputError(f"{path}: has no rows ([[row]] with dropped and accuracy)")
        self.rows = {}
        for number, item in enumerate(rows, 1):
            row = Row(f"{path}: row {number}", item)
            known = self.rows.get((row.dropped, row.mode))
            if known is None or row.accuracy < known.accuracy:
                self.rows[row.dropped, row.mode] = row
        self.baseline = self.rows.pop((frozenset(), "skip"), None)
        if self.baseline is None:
            raise InputError(f"{path}: has no row with dropped = [], the network with nothing dropped")
        if not self.rows:
            raise InputError(f"{path}: has no row with a dropped block; there is nothing to draw")
        self.not_run = {(found[1], found[2]): found[3] for found in map(NOT_RUN.fullmatch, text.splitlines()) if found}
        self.stages = self.read_stages(path, content)
        self.network = str(content.get("network", "unknown network"))
        self.dataset = str(content.get("dataset", ""))
        self.samples = content.get("samples")

    def read_stages(self, path, content):
        """Block -> stage, in the order of the network. Tables that do not tell are of residual networks: stem, s2b1 … s5b3, head."""
        named = set().union(*(dropped for dropped, _ in self.rows), (block for block, _ in self.not_run))
        if "blocks" not in content:
            names = sorted(named, key=place_in_residual_network)
            return dict(zip(names, stages.of_names(names)))
        names, numbers = content["blocks"], content.get("stages")
        if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
            raise InputError(f"{path}: blocks = {names!r:.60}; must be a list of block names")
        if not isinstance(numbers, list) or len(numbers) != len(names) or not all(type(number) is int for number in numbers):
            raise InputError(f"{path}: stages = {numbers!r:.60}; must be a whole number for each of the blocks")
        if unknown := sorted(named - set(names)):
            raise InputError(f"{path}: block {unknown[0]!r} is not among the blocks")
        return dict(zip(names, numbers))

    def in_network_order(self, blocks):
        wanted = set(blocks)
        return [name for name in self.stages if name in wanted]

    def singles(self):
        return {(*dropped, mode): row for (dropped, mode), row in self.rows.items() if len(dropped) == 1}

    def pairs(self):
        return {dropped: row for (dropped, mode), row in self.rows.items() if len(dropped) == 2 and mode == "skip"}

    def larger(self):
        return [row for (dropped, mode), row in self.rows.items() if len(dropped) > 2 and mode == "skip"]

    def title(self):
        images = f", {self.samples:,} images" if isinstance(self.samples, int) else ""
        return f"{self.network}: {self.dataset or 'unknown data'}{images}"


def place_in_residual_network(name):
    """The stem, s2b1 … s5b3 (s2b10 after s2b9), and then whatever has another name, such as the head."""
    found = re.fullmatch(r"s(\d+)b(\d+)", name)
    return (1, int(found[1]), int(found[2]), "") if found else (0 if name == "stem" else 2, 0, 0, name)


def shade_stages(axes, stages_of_blocks):
    """Every second stage has a light ground."""
    order = list(dict.fromkeys(stages_of_blocks))
    for position, stage in enumerate(stages_of_blocks):
        if order.index(stage) % 2 == 0:
            axes.axvspan(position - 0.5, position + 0.5, color="#f4f4f4", linewidth=0, zorder=0)


def upright(names):
    """They have no room side by side."""
    return len(names) > 18 or len(names) * max(map(len, names), default=0) > 130


def draw_singles(axes, table):
    singles = table.singles()
    blocks = table.in_network_order([block for block, _ in [*singles, *table.not_run]])
    baseline = table.baseline
    shade_stages(axes, [table.stages[block] for block in blocks])
    if baseline.low is not None:
        axes.axhspan(baseline.low, baseline.high, color="#cccccc", linewidth=0, zorder=1)
    axes.axhline(baseline.accuracy, color="#555555", linewidth=1, zorder=1, label=f"nothing dropped: {baseline.accuracy:.2f} %")
    modes = [mode for mode in MODES if any(key[1] == mode for key in [*singles, *table.not_run])]
    for number, mode in enumerate(modes):
        offset = 0.0 if len(modes) == 1 else 0.34 * number - 0.17
        label, colour, marker = MODES[mode]
        found = [(blocks.index(block) + offset, row) for (block, its_mode), row in singles.items() if its_mode == mode]
        if found:
            positions, rows = zip(*found)
            reach = list(zip(*(row.reach() for row in rows)))
            axes.errorbar(positions, [row.accuracy for row in rows], reach, fmt=marker, markersize=4, color=colour,
                          elinewidth=1.2, capsize=2, label=label, zorder=3)
        absent = [blocks.index(block) + offset for block, its_mode in table.not_run if its_mode == mode]
        if absent:
            axes.plot(absent, [0.03] * len(absent), "x", color=colour, markersize=6, transform=axes.get_xaxis_transform(),
                      label=f"could not run ({mode})", zorder=3)
    axes.set_xlim(-0.6, len(blocks) - 0.4)
    names = stages.all_shortened(blocks)
    axes.set_xticks(range(len(blocks)), names, rotation=90 if upright(names) else 0)
    axes.tick_params(axis="x", length=0)
    axes.set_xlabel("dropped block")
    axes.set_ylabel("accuracy (%)")
    axes.grid(axis="y", color="#e6e6e6", linewidth=0.6)
    axes.set_axisbelow(True)
    axes.set_title("One block dropped", loc="left", pad=20)
    axes.legend(loc="lower left", bbox_to_anchor=(-0.01, 0.985), ncols=5, frameon=False, columnspacing=1.4, handletextpad=0.4)


def draw_pairs(axes, table):
    pairs, singles = table.pairs(), table.singles()
    blocks = table.in_network_order([block for pair in pairs for block in pair])
    grid = [[math.nan] * len(blocks) for _ in blocks]
    for i, first in enumerate(blocks):
        for k, second in enumerate(blocks[:i + 1]):
            row = singles.get((first, "skip")) if i == k else pairs.get(frozenset((first, second)))
            if row is not None:
                grid[i][k] = row.accuracy
    picture = axes.imshow(grid, cmap="viridis", aspect="equal")
    low, high = picture.get_clim()
    for i, line in enumerate(grid):
        for k, value in enumerate(line):
            if math.isnan(value) or len(blocks) > MOST_LABELLED:
                continue
            dark = value < low + 0.6 * (high - low)
            axes.text(k, i, f"{value:.1f}", ha="center", va="center", fontsize=7, color="white" if dark else "black")
    names = stages.all_shortened(blocks)
    axes.set_xticks(range(len(blocks)), names, rotation=90 if len(blocks) > 6 or max(map(len, names)) > 6 else 0)
    axes.set_yticks(range(len(blocks)), names)
    axes.tick_params(length=0)
    axes.set_xlabel("dropped block")
    axes.set_ylabel("the other dropped block")
    axes.set_title("Two blocks dropped; on the diagonal, one", loc="left")
    bar = axes.figure.colorbar(picture, ax=axes, shrink=0.8, pad=0.02)
    bar.set_label("accuracy (%)")
    bar.outline.set_visible(False)


def draw_larger(axes, table):
    """Accuracy over the number of dropped blocks, all sets; the best of each number joined by a line."""
    points = [(len(dropped), row) for (dropped, mode), row in table.rows.items() if mode == "skip"] + [(0, table.baseline)]
    best = {}
    for count, row in points:
        if count not in best or row.accuracy > best[count].accuracy:
            best[count] = row
    axes.plot([count for count, _ in points], [row.accuracy for _, row in points], ".", color="#9ecae9", markersize=5,
              label="a set")
    counts = sorted(best)
    axes.errorbar(counts, [best[count].accuracy for count in counts], list(zip(*(best[count].reach() for count in counts))),
                  fmt="o-", color="#4c78a8", markersize=4, linewidth=1, elinewidth=1.2, capsize=2, label="the best")
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    axes.set_xlabel("number of dropped blocks")
    axes.set_ylabel("accuracy (%)")
    axes.grid(axis="y", color="#e6e6e6", linewidth=0.6)
    axes.set_axisbelow(True)
    axes.set_title("More blocks dropped", loc="left")
    axes.legend(frameon=False, loc="lower left")


def pairs_names(table):
    return sorted({block for pair in table.pairs() for block in pair})


def inches_more(names):
    """What names take that are longer than those of a residual network."""
    return 0.075 * max(0, max(map(len, stages.all_shortened(names)), default=0) - 6)


def draw(table, title):
    """One block, below it two, and beside those more, as far as the table has them."""
    pairs = table.pairs()
    side = CELL_INCHES * min(len(set().union(*pairs)), MOST_LABELLED) if pairs else 0
    beside = 2.4 + inches_more(pairs_names(table))
    width = max(10, side + beside)
    rest = width - side - beside
    with pyplot.rc_context({"font.size": 9, "axes.titlesize": 10, "axes.titleweight": "bold", "legend.fontsize": 8,
                            "axes.spines.top": False, "axes.spines.right": False}):
        rows = []  # height in inches, [(width, drawing)]
        if table.singles() or table.not_run:
            names = [block for block, _ in [*table.singles(), *table.not_run]]
            rows.append((3.4 + inches_more(names), [(width, draw_singles)]))
        if pairs:
            rows.append((1.2 + inches_more(pairs_names(table)) + max(2.2, side),
                         [(side + beside, draw_pairs), (max(0.01, rest), None)]))
        if table.larger():
            if pairs and rest > 3:
                rows[-1][1][1] = (rest, draw_larger)
            else:
                rows.append((3.2, [(width, draw_larger)]))
        figure = pyplot.figure(figsize=(width, 0.4 + sum(height for height, _ in rows)), layout="constrained")
        grid = figure.add_gridspec(len(rows), 1, height_ratios=[height for height, _ in rows])
        for (_, panels), line in zip(rows, grid):
            cells = line.subgridspec(1, len(panels), width_ratios=[share for share, _ in panels])
            for (_, panel), cell in zip(panels, cells):
                if panel is not None:
                    panel(figure.add_subplot(cell), table)
        figure.suptitle(drawable(title), fontsize=11, x=0.01, ha="left")
    return figure


def main():
    output_file.open_closed_streams()
    arguments = parse_arguments()
    output = pathlib.Path(arguments.output or pathlib.Path(arguments.table).with_suffix(".png"))
    try:
        table = Table(arguments.table)
        figure = draw(table, arguments.title or table.title())
        if wrong := output_file.save_picture(figure, output, arguments.table, dpi=110):
            raise InputError(wrong)
    except InputError as error:
        print(f"plot_study.py: {error}", file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())

#!/usr/bin/env python3
"""Draws what skipstone bench measured: a roofline (how much a block computes per byte it moves, and how fast), and each block's time beside
what it would be at the roofline.

The file is what `skipstone bench --json` prints, or a host profile (`bench --host-profile FILE`, or the one in the cache). Roofs are what
bench measured on the same host: multiply-adds in float32, so many times what one core does as a setting has threads, and one core's reading
from memory. They are no bounds where data fit a cache or Winograd saves multiplications (operations are counted as without it), and the
first is none for bfloat16 and int8, whose times are held against memory alone."""

import argparse
import json
import math
import pathlib
import sys

import needs
import output_file
import stages
from plain_text import draw_plainly, drawable, legend_label


def parse_arguments():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter,
                                     epilog="For instance:\n  skipstone bench --precision float32,int8 --json > bench.json\n"
                                            "  plot_bench.py bench.json\n  plot_bench.py bench.json --precision int8 -o int8.svg")
    parser.add_argument("profile", metavar="FILE", help="what `skipstone bench --json` printed, or a host profile")
    parser.add_argument("-o", "--output", metavar="FILE", help="picture to write (.png, .svg, .pdf); default: FILE's name with .png")
    parser.add_argument("--title", metavar="TEXT", help="default: what the settings share, processor, instruction set and library")
    for attribute in ("network", "input", "precision", "threads", "batch", "convolutions"):
        parser.add_argument(f"--{attribute}", metavar="VALUE[,VALUE...]", help=f"draw only settings with this {attribute}")
    return parser.parse_args()


try:
    import matplotlib
except ImportError as missing:
    if __name__ == "__main__":
        parse_arguments()  # --help needs no modules
    sys.exit(needs.explain(missing, "python3-matplotlib", "matplotlib"))

draw_plainly(matplotlib)
from matplotlib import pyplot  # noqa: E402
from matplotlib.lines import Line2D  # noqa: E402
from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter  # noqa: E402

COLOURS = ["#4c78a8", "#f58518", "#54a24b", "#b279a2", "#9d755d", "#e45756", "#72b7b2", "#8c8c00"]
ROOF, ROOFS = "#555555", {"arithmetic": "#222222", "memory": "#c0392b"}
MOST_SETTINGS = len(COLOURS)


class InputError(Exception):
    """The user's input is wrong; the message says where and what."""


class Content:
    """A JSON object whose members are checked as they are taken."""

    def __init__(self, place, value):
        if not isinstance(value, dict):
            raise InputError(f"{place}: is no JSON object")
        self.place, self.value = place, value

    def take(self, key, right, fits):
        if key not in self.value:
            raise InputError(f"{self.place}: has no {key}; must have {right}")
        value = self.value[key]
        if not fits(value):
            raise InputError(f"{self.place}: {key} = {value!r:.60}; must be {right}")
        return value

    def text(self, key):
        return self.take(key, "a text", lambda value: isinstance(value, str))

    def count(self, key):
        return self.take(key, "a whole number from 1", lambda value: type(value) is int and value >= 1)

    def number(self, key, least=0.0, right="a number from 0"):
        return self.take(key, right, lambda value: type(value) in (int, float) and math.isfinite(value) and value >= least)

    def rate(self, key):
        return self.number(key, sys.float_info.min, "a number above 0")

    def part(self, key):
        return Content(f"{self.place}: {key}", self.take(key, "an object", lambda value: isinstance(value, dict)))

    def parts(self, key, what):
        items = self.take(key, "a list", lambda value: isinstance(value, list))
        return [Content(f"{self.place}: {what} {number}", item) for number, item in enumerate(items, 1)]


class Work:
    """Of a block or a whole network: operations, bytes moved, seconds."""

    def __init__(self, name, operations, bytes_, seconds):
        self.name, self.operations, self.bytes, self.seconds = name, operations, bytes_, seconds

    def point(self):
        """FLOP/byte and FLOP/s; None where one of them is no number that a logarithm has."""
        if min(self.operations, self.bytes, self.seconds) <= 0:
            return None
        return self.operations / self.bytes, self.operations / self.seconds


class Setting:
    """What was measured with one network, input, precision, number of threads and batch."""

    def __init__(self, content):
        self.network, self.precision = content.text("network"), content.text("precision")
        self.convolutions = content.text("convolutions")
        self.input, self.threads, self.batch = (content.count(key) for key in ("input", "threads", "batch"))
        self.blocks = [Work(block.text("block"), 2 * block.number("macs"), block.number("bytes"), block.number("median_s"))
                       for block in content.parts("blocks", "block")]
        if not self.blocks:
            raise InputError(f"{content.place}: has no blocks")
        told = [block.count("stage") if "stage" in block.value else None for block in content.parts("blocks", "block")]
        self.stages = stages.of_names([block.name for block in self.blocks]) if None in told else told
        self.whole = Work("whole network", sum(block.operations for block in self.blocks), sum(block.bytes for block in self.blocks),
                          content.number("median_s"))

    def kinds(self):
        """Label and marker of each block's stage."""
        labels, marks = stages.labels([block.name for block in self.blocks], self.stages), stages.marks(self.stages)
        return [(labels[stage], marks[stage]) for stage in self.stages]

    def words(self):
        """What tells settings apart, by attribute."""
        return {"network": self.network, "input": f"input {self.input}", "precision": self.precision,
                "threads": f"{self.threads} thread{'s' if self.threads != 1 else ''}", "batch": f"batch {self.batch}",
                "convolutions": f"convolutions {self.convolutions}"}


class Profile:
    def __init__(self, path):
        try:
            value = json.loads(pathlib.Path(path).read_text(encoding="utf-8"))
        except (OSError, UnicodeDecodeError, json.JSONDecodeError, RecursionError) as error:
            raise InputError(f"{path}: cannot be read as JSON ({error}); skipstone bench --json writes it") from error
        content = Content(str(path), value)
        if content.value.get("format") != "skipstone-host-profile":
            raise InputError(f"{path}: is no host profile (its format is {content.value.get('format')!r:.60}, not "
                             "'skipstone-host-profile'); skipstone bench --json writes one")
        if content.value.get("version") != 1:
            raise InputError(f"{path}: is a host profile of version {content.value.get('version')!r:.60}; 1 is read")
        host, limits = content.part("host"), content.part("limits")
        self.host = f"{host.text('processor')}, {host.text('instruction_set')}, {host.text('library')}"
        self.peak, self.memory = limits.rate("fma_flop_s"), limits.rate("memory_byte_s")
        self.settings = [Setting(timing) for timing in content.parts("timings", "timing")]
        if not self.settings:
            raise InputError(f"{path}: has no timings; skipstone bench measures them")

    def choose(self, path, wanted):
        """Leaves the settings that have the wanted values: {attribute: values, or None for all}."""
        for attribute, values in wanted.items():
            if values is None:
                continue
            there = sorted({str(getattr(setting, attribute)) for setting in self.settings})
            self.settings = [setting for setting in self.settings if str(getattr(setting, attribute)) in values]
            if not self.settings:
                raise InputError(f"--{attribute} {','.join(values)}: {path} has only {', '.join(there)} there")
        if len(self.settings) > MOST_SETTINGS:
            raise InputError(f"{path}: {len(self.settings)} settings are more than the {MOST_SETTINGS} that can be told apart in a picture; "
                             "choose with --network, --input, --precision, --threads, --batch, --convolutions")

    def common(self):
        """The words that all settings share."""
        first, *rest = (setting.words() for setting in self.settings)
        return [word for attribute, word in first.items() if all(other[attribute] == word for other in rest)]

    def label(self, setting):
        """What tells a setting from the others; nothing for a single one."""
        common = self.common()
        return ", ".join(word for word in setting.words().values() if word not in common)

    def shortest(self, setting, work):
        """Seconds at the roofline, and which roof it is. Only float32 has one of arithmetic."""
        arithmetic = work.operations / (setting.threads * self.peak) if setting.precision == "float32" else 0
        memory = work.bytes / self.memory
        return max(arithmetic, memory), "arithmetic" if arithmetic >= memory else "memory"


def draw_roofline(axes, profile):
    points = [(work.point(), colour, kind) for setting, colour in zip(profile.settings, COLOURS)
              for work, kind in zip(setting.blocks, setting.kinds())]
    points = [point for point in points if point[0] is not None]
    wholes = [(setting.whole.point(), colour) for setting, colour in zip(profile.settings, COLOURS) if setting.whole.point() is not None]
    every = [point for point, *_ in points + wholes]
    threads = sorted({setting.threads for setting in profile.settings})
    ridge = profile.peak / profile.memory
    left = min([x for x, _ in every] + [ridge]) / 2
    right = max([x for x, _ in every] + [ridge * threads[-1]]) * 2
    for count in threads:
        peak = count * profile.peak
        axes.plot([left, peak / profile.memory, right], [left * profile.memory / 1e9, peak / 1e9, peak / 1e9], color=ROOF, linewidth=1.2,
                  zorder=1)
        cores = f", {count} cores" if count > 1 else ""
        axes.annotate(f"{peak / 1e9:.0f} GFLOP/s: multiply-adds in float32{cores}", (right, peak / 1e9),
                      xytext=(-2, 3 if count == threads[-1] else -11), textcoords="offset points", ha="right", color=ROOF, fontsize=8)
    for kind, colour in dict.fromkeys((kind, colour) for _, colour, kind in points):
        chosen = [point for point, its_colour, its in points if its == kind and its_colour == colour]
        axes.plot([x for x, _ in chosen], [y / 1e9 for _, y in chosen], kind[1], color=colour, markersize=6, alpha=0.75,
                  markeredgewidth=0, zorder=3)
    for (x, y), colour in wholes:
        axes.plot([x], [y / 1e9], "*", color=colour, markersize=15, markeredgecolor="white", zorder=4)
    axes.set_xscale("log")
    axes.set_yscale("log")
    axes.set_xlim(left, right)
    axes.set_ylim(min([y for _, y in every] + [left * profile.memory]) / 1e9 / 1.6,
                  max([y for _, y in every] + [threads[-1] * profile.peak]) / 1e9 * 1.6)
    for axis in (axes.xaxis, axes.yaxis):
        low, high = axis.get_view_interval()
        axis.set_major_locator(LogLocator(subs=(1, 2, 5) if high / low < 1e4 else (1,), numticks=15))
        axis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
        axis.set_minor_formatter(NullFormatter())
    # The memory's roof has its name on it, at its own slope.
    x = math.sqrt(left * ridge)
    slope = math.degrees(math.atan(profile.memory / 1e9))
    axes.text(x, 1.12 * x * profile.memory / 1e9, f"{profile.memory / 1e9:.1f} GB/s: memory", rotation=slope, rotation_mode="anchor",
              transform_rotates_text=True, ha="center", va="bottom", color=ROOF, fontsize=8)
    axes.set_xlabel("operations per byte moved (FLOP/byte)")
    axes.set_ylabel("GFLOP/s")
    axes.grid(color="#eeeeee", linewidth=0.6)
    axes.set_axisbelow(True)
    axes.set_title("Roofline", loc="left")

    def mark(label, marker="o", colour="#888888", size=6):
        return Line2D([], [], marker=marker, linestyle="", markersize=size, color=colour, label=label)
    handles = [mark(legend_label(profile.label(setting)), colour=colour) for setting, colour in zip(profile.settings, COLOURS) if profile.label(setting)]
    handles += [mark("whole network", "*", size=11)]
    handles += [mark(legend_label(label), marker) for label, marker in dict.fromkeys(kind for *_, kind in points)]
    handles += [Line2D([], [], color=colour, linewidth=1.6, label=f"at the roof of {roof}") for roof, colour in ROOFS.items()]
    axes.legend(handles=handles, frameon=False, loc="center left", bbox_to_anchor=(1.0, 0.5), handletextpad=0.5)


def short_names(setting):
    return [drawable(name) for name in stages.all_shortened([block.name for block in setting.blocks])]


def upright(names):
    """They have no room side by side."""
    return len(names) > 18 or len(names) * max(map(len, names)) > 130


def draw_times(axes, profile, setting, colour):
    """Milliseconds of one image: bars, and across each the time at the roofline."""
    scale = 1e3 / setting.batch
    axes.bar(range(len(setting.blocks)), [scale * block.seconds for block in setting.blocks], width=0.72, color=colour, zorder=2)
    roofline = [profile.shortest(setting, block) for block in setting.blocks]
    for position, (seconds, roof) in enumerate(roofline):
        axes.plot([position - 0.42, position + 0.42], [scale * seconds] * 2, color=ROOFS[roof], linewidth=1.6, solid_capstyle="butt",
                  zorder=3, label=roof)
    label = profile.label(setting)
    axes.set_title(f"Time{': ' if label else ''}{drawable(label)} ({scale * setting.whole.seconds:.3g} ms an image, "
                   f"{scale * sum(seconds for seconds, _ in roofline):.3g} ms at the roofline)", loc="left")
    names = short_names(setting)
    axes.set_xlim(-0.6, len(setting.blocks) - 0.4)
    axes.set_xticks(range(len(setting.blocks)), names, rotation=90 if upright(names) else 0)
    axes.tick_params(axis="x", length=0)
    axes.set_ylim(bottom=0)
    axes.set_ylabel("ms per image")
    axes.grid(axis="y", color="#e6e6e6", linewidth=0.6)
    axes.set_axisbelow(True)


def room_for(names):
    """Inches that upright names take more."""
    return max(0.3, 0.075 * max(map(len, names))) if upright(names) else 0


def draw(profile, title):
    """The roofline, and below it a panel of times for each setting."""
    settings = profile.settings
    most = max(len(setting.blocks) for setting in settings)
    with pyplot.rc_context({"font.size": 9, "axes.titlesize": 10, "axes.titleweight": "bold", "legend.fontsize": 8,
                            "axes.spines.top": False, "axes.spines.right": False}):
        heights = [3.6] + [1.7 + room_for(short_names(setting)) for setting in settings]
        figure = pyplot.figure(figsize=(max(10, 2.2 + 0.3 * most), 0.6 + sum(heights)), layout="constrained")
        grid = figure.add_gridspec(len(heights), 1, height_ratios=heights)
        draw_roofline(figure.add_subplot(grid[0]), profile)
        for setting, colour, cell in zip(settings, COLOURS, list(grid)[1:]):
            draw_times(figure.add_subplot(cell), profile, setting, colour)
        figure.suptitle(drawable(title), fontsize=11, x=0.01, ha="left")
    return figure


def title_of(profile):
    return ", ".join(profile.common()) + f"\n{profile.host}"


def main():
    output_file.open_closed_streams()
    arguments = parse_arguments()
    output = pathlib.Path(arguments.output or pathlib.Path(arguments.profile).with_suffix(".png"))
    try:
        profile = Profile(arguments.profile)
        wanted = {name: getattr(arguments, name) for name in ("network", "input", "precision", "threads", "batch", "convolutions")}
        profile.choose(arguments.profile, {name: values.split(",") if values is not None else None for name, values in wanted.items()})
        figure = draw(profile, arguments.title or title_of(profile))
        if wrong := output_file.save_picture(figure, output, arguments.profile, dpi=110):
            raise InputError(wrong)
    except InputError as error:
        print(f"plot_bench.py: {error}", file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())

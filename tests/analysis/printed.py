"""What `skipstone analyze` prints for people, held against the figures: every number in it is that figure, rounded."""

import re

NUMBER = re.compile(r"-?\d+(?:\.\d+)?(?:e[-+]\d+)?")

# Tables by the first columns of their heading: the figures' table, what finds a row, and (figure, factor) of each column. A factor
# that is a name is a figure of the whole trace to divide by.
TABLES = {
    ("device", "compute/s"): ("devices", {"device": "name"}, {
        "compute/s": "processor_compute_s", "share": ("processor_compute_s", "span_s"), "wait/s": "processor_wait_s",
        "idle/s": "processor_idle_s", "transmit/s": "radio_transmit_s", "receive/s": "radio_receive_s", "radio idle/s": "radio_idle_s",
        "off/s": "processor_off_s"}),
    ("device", "compute/J"): ("devices", {"device": "name"}, {
        "compute/J": "compute_j", "transmit/J": "transmit_j", "receive/J": "receive_j", "idle/J": "idle_j", "energy/J": "energy_j",
        "left/J": "battery_left_j", "blocks": "blocks_run", "sent/MB": ("sent_bytes", 1e-6), "received/MB": ("received_bytes", 1e-6),
        "GMAC": ("macs", 1e-9), "GMAC/s set": ("mac_rate", 1e-9), "achieved": ("achieved_mac_rate", 1e-9),
        "on host": ("host_mac_rate", 1e-9)}),
    ("from", "to"): ("links", {"from": "device", "to": "peer"}, {
        "transfers": "transfers", "MB": ("bytes", 1e-6), "used": "utilisation", "Mbit/s": ("rate_bit_s", 1e-6),
        "queue/ms": ("queue_mean_s", 1e3), "max/ms": ("queue_max_s", 1e3), "planned/ms": ("planned_mean_s", 1e3),
        "emulated/ms": ("emulated_mean_s", 1e3)}),
    ("block", "runs"): ("blocks", {"block": "name"}, {
        "runs": "runs", "dropped": "dropped", "share": "dropped_share", "compute/s": "compute_s", "mean/ms": ("compute_mean_s", 1e3),
        "queue/ms": ("queue_mean_s", 1e3), "planned/ms": ("planned_mean_s", 1e3), "emulated/ms": ("emulated_mean_s", 1e3),
        "moved": "transfers", "MB": ("bytes", 1e-6), "energy/J": "energy_j"}),
    ("round", "start/s"): ("rounds", {"round": "round"}, {
        "start/s": "start_s", "length/s": "length_s", "done": ("done", "requests"), "rejected": "rejected", "failed": "failed",
        "dropped": "dropped_blocks", "latency/s": "latency_mean_s", "accuracy": "accuracy_mean", "objective": "objective",
        "bound": "bound", "gap": "gap", "plan/ms": ("plan_host_s", 1e3), "energy/J": "energy_j", "lowest/J": "lowest_battery_j",
        "of": "lowest_device", "binding": "binding"}),
    ("round", "request"): ("request_paths", {"round": "round", "request": "request"}, {
        "latency/s": "latency_s", "planned/s": "predicted_latency_s", "computing/s": "compute_s", "moving/s": "transfer_s",
        "waiting/s": "queue_s", "to start": "queue_start_s", "processor": "queue_processor_s", "link": "queue_link_s", "hops": "hops",
        "dropped": "dropped_blocks", "energy/J": "energy_j"}),
    ("planned against emulated", "count"): ("deviations", {}, {
        "count": "count", "planned": "planned_mean", "emulated": "emulated_mean", "bias": "bias", "of planned": "relative_bias",
        "p50": "p50", "p99": "p99", "max": "max"}),
    ("stage", "blocks"): ("stages", {"stage": "stage"}, {
        "blocks": "blocks", "on": "on", "split": "split", "a request/ms": ("per_request_s", 1e3), "busy": "share"}),
    ("resource", "of"): ("resources", {"resource": "resource", "of": "name"}, {"a request/ms": ("per_request_s", 1e3), "busy": "share"}),
    ("one more device like", "bound +/s"): ("gains", {"one more device like": "name"}, {
        "bound +/s": "gain_per_s", "processor": "processor_per_s", "memory": "memory_per_s", "radio": "radio_per_s",
        "links": "links_per_s"}),
    ("exit", "threshold"): ("exits", {"exit": "name"}, {
        "threshold": "threshold", "reached": "reached", "left": "left", "share": "left_share", "95 %": ("left_low", "left_high"),
        "expected": "expected_left", "accuracy": "accuracy", "of all there": "head_accuracy", "confidence": "confidence_mean",
        "stayed": "confidence_stayed_mean", "latency/ms": ("latency_mean_s", 1e3), "energy/J": "energy_mean_j",
        "MMAC": ("macs_mean", 1e-6)}),
    ("", "count"): ("achievements", {"": "kind"}, {
        "count": "count", "requested/ms": ("requested_mean_s", 1e3), "achieved/ms": ("achieved_mean_s", 1e3),
        "requested rate": "requested_rate", "achieved rate": "achieved_rate", "error p50": "error_p50", "p99": "error_p99",
        "max": "error_max"}),
}

# How what is told of a stream begins.
OF_STREAMS = ("stream: ", "stages\n", "what the stream keeps busy\n", "what it would add to the bound")


class Report:
    """The printed report of one trace, and its figures as figures.py has them: all of them, or those of a stream alone. `wrong` lists
    what does not agree, `shown` the tables that were there."""

    def __init__(self, text, figures):
        self.figures, self.wrong, self.numbers = figures, [], 0
        head, sentences, *parts = text.split("\n\n")
        if "trace" in figures:
            self.sentences(sentences.splitlines())
            self.title(head)
        else:
            parts = [part for part in parts if part.startswith(OF_STREAMS)]
        told = {"stream: ": self.stream, "exits: ": self.exits}
        self.shown = [told.get(part.split()[0] + " ", lambda text: self.table(text.splitlines()))(part) for part in parts]

    def hold(self, cell, value, place):
        """A number as it is printed, with its last digit rounded."""
        self.numbers += 1
        if value is None or cell in ("–", "∞"):
            right = value is None and cell in ("–", "∞")
        else:
            number, percent = re.fullmatch(r"(\S+?)( %)?", cell).groups()
            digits = len(number.partition(".")[2])
            right = abs(float(number) - value * (100 if percent else 1)) <= 0.5000001 * 10**-digits + 1e-9
        if not right:
            self.wrong.append(f"{place}: {cell!r}, expected {value!r}")

    def hold_sentence(self, line, values):
        numbers = NUMBER.findall(re.sub(r"p\d\d|95 %:|than 1 %", "", line))
        if len(numbers) != len(values):
            self.wrong.append(f"{line!r}: {len(numbers)} numbers, expected {len(values)}: {values}")
        for number, value in zip(numbers, values):
            if "e" in number:  # one digit: it is rounding
                self.numbers += 1
                if not (float(number) < 1e-9) == (value < 1e-9):
                    self.wrong.append(f"{line!r}: {number}, expected {value}")
            else:
                self.hold(number, value, line)

    def title(self, text):
        trace = self.figures["trace"]
        line = text.splitlines()[0].partition(": ")[2].removeprefix(trace["network"])
        failed = [trace["failed_events"]] if trace["failed_events"] else []
        dilation = [trace["dilation"]] if trace["clock"] == "wall" else []
        self.hold_sentence(line, [trace["devices"], trace["seed"], *dilation, trace["rounds"], trace["span_s"], trace["events"], *failed])

    def sentences(self, lines):
        totals, energy = self.figures["requests"], self.figures["energy"]
        reasons = [row["rejected"] for row in sorted(self.figures["rejections"], key=lambda row: row["binding"])]
        attempts = [totals["attempts"]] if totals["attempts"] > totals["requests"] else []
        if totals["labelled"]:
            observed = [totals["labelled"], *(100 * totals[name] for name in (
                "accuracy_planned_labelled", "accuracy_observed", "accuracy_low", "accuracy_high"))]
        else:
            observed = []
        present = lambda values: [value for value in values if value is not None]  # noqa: E731
        expected = {
            "requests": [*(totals[name] for name in ("requests", "done", "rejected")), *reasons, totals["failed"], *attempts,
                         *present([totals["throughput_per_s"]])],
            "latency": present(totals[name] for name in (
                "latency_mean_s", "latency_p50_s", "latency_p90_s", "latency_p99_s", "latency_max_s", "path_compute_mean_s",
                "path_transfer_mean_s", "path_queue_mean_s")),
            "accuracy": present([totals["accuracy_planned"] and 100 * totals["accuracy_planned"]]) + observed,
            "load": [totals["macs"] / 1e9, totals["shared_bytes"] / 1e6, totals["dropped_blocks"]],
            "energy": present(energy[name] for name in ("energy_j", "compute_j", "transmit_j", "receive_j", "idle_j", "ledger_error")),
        }
        found = {}
        for line in lines:
            name, rest = line.strip().split(maxsplit=1)
            found[name] = rest.split("; these energies are with")[0]  # and a path follows
        if found.keys() != expected.keys():
            self.wrong.append(f"lines about {sorted(found)}, expected {sorted(expected)}")
        for name, rest in found.items():
            self.hold_sentence(rest, expected.get(name, []))

    def fidelity(self, line):
        fidelity = self.figures["fidelity"]
        names = ("overrun_share", "lateness_mean", "lateness_p50", "lateness_p90", "lateness_p99", "lateness_max")
        self.hold_sentence(line, [fidelity["overruns"], fidelity["events"], *(100 * fidelity[name] for name in names),
                                  1e6 * fidelity["clock_uncertainty_s"]])

    def stream(self, text):
        """What is said of a stream before its tables."""
        (stream,), line = self.figures["stream"], " ".join(text.split())
        present = lambda *names: [stream[name] for name in names if stream[name] is not None]  # noqa: E731
        values = present("throughput_per_s", "throughput_error_per_s") + [stream["counted"], stream["done"], 1e3 * stream["period_s"]]
        values += present("planned_per_s", "bound_per_s")
        values += [100 * stream["gap"]] if stream["gap"] is not None else []
        values += present("latency_mean_s", "latency_p50_s", "latency_p90_s", "latency_p99_s")
        said, _, bottleneck = line.rpartition(f"; bottleneck {stream['bottleneck']}: ")  # whose name may hold digits
        self.hold_sentence(said, values)
        self.hold_sentence(bottleneck, [1e3 * stream["bottleneck_s"], 100 * stream["bottleneck_share"]])
        return "stream"

    def exits(self, text):
        """What is said of leaving before its table."""
        (row,), percent = self.figures["leaving"], lambda *names: [100 * row[name] for name in names if row[name] is not None]  # noqa: E731
        observed = [row["labelled"], *percent("accuracy_observed", "accuracy_low", "accuracy_high")] if row["labelled"] else []
        self.hold_sentence(" ".join(text.split()), [
            row["left_early"], row["done"], *percent("early_share", "accuracy_promised"), *observed, row["macs_mean"] / 1e6,
            row["energy_mean_j"], 1e3 * row["way_mean_s"], *percent("macs_saved", "energy_saved", "way_saved")])
        return "exits"

    def table(self, lines):
        """A table, perhaps with a title before and a remark behind."""
        rule = next(i for i, line in enumerate(lines) if re.fullmatch(r"\s*-{5,}", line))
        if rule == 2 and lines[0].startswith("fidelity"):
            self.fidelity(lines[0])
        whole = not any(" all are in --json" in line for line in lines)
        heading, *rows = columns_of([lines[rule - 1], *(line for line in lines[rule + 1:] if " all are in --json" not in line)])
        name, finds, figures = TABLES[heading[0], heading[1]]
        for cells in rows:
            row = self.row(name, finds, heading, cells)
            for place, (column, cell) in enumerate(zip(heading, cells)):
                if column in finds or place == 0 or (column == "" and name == "achievements"):
                    continue
                if column not in figures:
                    self.wrong.append(f"{name}: column {column!r} is checked by nothing")
                else:
                    self.cell(name, row, cell, figures[column], f"{name}, {cells[0]}: {column}")
        if name in ("exits", "stages", "resources"):  # the first ones, in their order
            own = [[row[key] for key in finds.values()] for row in self.figures[name]]
            self.hold_text([[cells[heading.index(column)] for column in finds] for cells in rows],
                           [[str(value) for value in row] for row in own[:len(rows)]], f"{name}: order")
        if name in ("devices", "blocks", "rounds", "links", "exits", "stages", "resources", "gains") and whole != (len(rows) == len(self.figures[name])):
            self.wrong.append(f"{name}: {len(rows)} rows of {len(self.figures[name])} are shown")
        return name

    def row(self, name, finds, heading, cells):
        keys = {finds[column]: cells[heading.index(column)] for column in finds}
        if name == "links":
            devices = [row["name"] for row in self.figures["devices"]]
            keys = {key: devices.index(value) for key, value in keys.items()}
        if name == "deviations":
            level, quantity = cells[0].split(": ")
            keys = {"level": level, "quantity": {"latency/ms": "latency_s", "energy/J": "energy_j"}[quantity]}
        (row,) = [row for row in self.figures[name] if all(str(row[key]) == str(value) for key, value in keys.items())]
        return row

    def cell(self, name, row, cell, figure, place):
        figure, factor = figure if isinstance(figure, tuple) else (figure, 1)
        value = row[figure]
        if isinstance(value, str):
            self.hold_text(cell, value, place)
        elif figure == "lowest_device":
            self.hold_text(cell, "–" if value == -1 else self.figures["devices"][value]["name"], place)
        elif factor == "left_high":
            low, _, high = cell.partition(" to ")
            self.hold(f"{low} %", value, place)
            self.hold(high, row[factor], place)
        elif factor == "requests":
            self.hold_text(cell, f"{value}/{row[factor]}", place)
        elif value is None:
            self.hold(cell, None, place)
        elif factor == "span_s":
            span = self.figures["trace"]["span_s"]
            self.hold(cell, value / span if span else None, place)
        else:
            if name == "deviations" and row["quantity"] == "latency_s" and figure not in ("count", "relative_bias"):
                factor = 1e3
            if figure.endswith("_rate") and name == "achievements":
                factor = 1e-9 if row["rate_unit"] == "MAC/s" else 1e-6
            self.hold(cell, value * factor, place)

    def hold_text(self, cell, value, place):
        self.numbers += 1
        if cell != value:
            self.wrong.append(f"{place}: {cell!r}, expected {value!r}")


def columns_of(lines):
    """Cells of lines whose columns are at least two blanks apart, in all lines at the same place."""
    width = max(map(len, lines))
    lines = [line.ljust(width) for line in lines]
    blank = [all(line[i] == " " for line in lines) for i in range(width)]
    cuts, i = [], 0
    while i < width:
        end = i
        while end < width and blank[end]:
            end += 1
        if end - i >= 2 or (i == 0 and end > 0):
            cuts.append((i, end))
        i = max(end, i + 1)
    starts = [0] + [end for _, end in cuts if end < width]
    ends = [begin for begin, _ in cuts if begin > 0] + [width]
    if cuts and cuts[0][0] == 0:
        starts = starts[1:]
    return [[line[a:b].strip() for a, b in zip(starts, ends)] for line in lines]

#!/usr/bin/env python3
"""skipstone exits search and score: rules of small tables against every set of the grid tried here, on other samples, and bad input."""

import itertools
import json
import pathlib
import tomllib
import unittest

from support import ProgramTest, h5py, numpy


def write_table(path, seed=1, samples=200, exits=3, dropped=(), **changes):
    """A table of random samples: the later an outcome is, the surer and the more often right."""
    random = numpy.random.default_rng(seed)
    labels = numpy.random.default_rng(99).integers(0, 10, samples)
    ease = random.random((samples, 1))
    right = ease + 0.5 * random.random((samples, exits + 1)) < 0.7 + 0.6 * numpy.arange(exits + 1) / exits
    confidence = numpy.clip(1 - ease * random.random((samples, exits + 1)), 0.1, 1).round(2).astype("f4")
    head_macs = numpy.array([3.0] * exits + [0.0])
    values = {"format": b"skipstone-exit-table", "format_version": 1, "network": b"net", "dataset": b"drawn", "weights_sha256": b"a" * 64,
              "outcomes": numpy.array([f"b{e}" for e in range(exits)] + ["end"], h5py.string_dtype()),
              "macs": 100.0 * (1 + numpy.arange(exits + 1)) + numpy.cumsum(head_macs), "head_macs": head_macs,
              "confidence": confidence, "predicted": numpy.where(right, labels[:, None], (labels[:, None] + 1) % 10).astype("i4"),
              "labels": labels.astype("i4")}
    if dropped:
        values["dropped"] = numpy.array(list(dropped), h5py.string_dtype())
        values["macs"] = values["macs"] - 50
    values.update(changes)
    with h5py.File(path, "w") as file:
        for name, value in values.items():
            if value is None:
                continue
            if name in ("confidence", "predicted", "labels"):
                file[name] = value
            else:
                file.attrs[name] = numpy.bytes_(value) if isinstance(value, bytes) else value
        if not dropped and "dropped" not in file.attrs:
            file.attrs["dropped"] = numpy.array([], h5py.string_dtype())
    return values


def score(table, rules):
    """Accuracy, mean MACs and shares of rules [(exit, threshold)], sample by sample."""
    macs, right, left = 0.0, 0, [0] * (len(rules) + 1)
    open_heads = {exit for exit, _ in rules}
    for sample in range(len(table["labels"])):
        place, outcome = len(rules), len(table["head_macs"]) - 1
        for r, (exit, threshold) in enumerate(rules):
            if float(table["confidence"][sample, exit]) >= threshold:
                place, outcome = r, exit
                break
        left[place] += 1
        right += table["predicted"][sample, outcome] == table["labels"][sample]
        closed = sum(table["head_macs"][e] for e in range(min(outcome, len(table["head_macs"]) - 1) + 1) if e not in open_heads)
        macs += table["macs"][outcome] - closed
    samples = len(table["labels"])
    return int(right), macs / samples, [n / samples for n in left]


class Search(ProgramTest):
    def table(self, **options):
        path = self.new_path(".h5")
        return path, write_table(path, **options)

    def search(self, *arguments, code=0, beyond=False):
        rules = pathlib.Path(self.new_path(".toml"))
        if "--thresholds" not in arguments:
            arguments += ("--thresholds", "8")
        if not beyond and "--grid-only" not in arguments:
            arguments += ("--grid-only",)
        done = self.skipstone("exits", "search", *arguments, "-o", str(rules), code=code)
        return (done, tomllib.loads(rules.read_text())) if code == 0 else done

    def test_the_optimum_of_a_small_grid(self):
        for seed in range(6):
            path, table = self.table(seed=seed)
            _, found = self.search(path, "--max-loss", "3 %", "--thresholds", "4", "--most-exits", "3", "--grid-only",
                                   "--trade-off", self.path(f"t{seed}.json"))
            chosen = [(int(rule["exit"][1:]), rule["threshold"]) for rule in found["rules"]]
            right, macs, left = score(table, chosen)
            promised = found["promised"][0]
            self.assertAlmostEqual(promised["mean_macs"], macs, delta=1e-9 * macs)
            self.assertAlmostEqual(promised["accuracy"], right / 200, places=12)
            self.assertEqual([round(share * 200) for share in promised["leaving"]], [round(share * 200) for share in left])
            # No set of exits at the grid's thresholds (quantiles that part the samples into groups of one size) is cheaper.
            end = score(table, [])[0]
            best = macs
            thresholds = [self.quantiles(table["confidence"][:, exit], 4) for exit in range(3)]
            for count in range(4):
                for exits in itertools.combinations(range(3), count):
                    for values in itertools.product(*(thresholds[exit] for exit in exits)):
                        other, cost, _ = score(table, list(zip(exits, values)))
                        if other >= end - 6:  # 3 % of 200
                            best = min(best, cost)
            self.assertGreaterEqual(best, macs * (1 - 1e-9), f"seed {seed}")
            self.assertGreaterEqual(right, end - 6)

    @staticmethod
    def quantiles(confidence, count):
        """At most `count` thresholds that part these samples: after each k-th part of them, from the surest on, where equal ones let them."""
        values = numpy.unique(confidence.astype(float))
        ordered = numpy.sort(confidence.astype(float))
        cuts = {float(ordered[(len(ordered) * k) // count]) for k in range(count)}
        return sorted(cut for cut in cuts if cut in values)

    def test_score_replays_every_sample(self):
        path, _ = self.table()
        rules = pathlib.Path(self.new_path(".toml"))
        self.skipstone("exits", "search", path, "--thresholds", "8", "--grid-only", "--max-loss", "2 %", "-o", str(rules))
        chosen = [(int(rule["exit"][1:]), rule["threshold"]) for rule in tomllib.loads(rules.read_text())["rules"]]
        other, table = self.table(seed=2, samples=333)
        said = json.loads(self.skipstone("exits", "score", other, "--rules", str(rules), "--json").out)
        right, macs, left = score(table, chosen)
        self.assertEqual((said["correct"], said["samples"]), (right, 333))
        self.assertAlmostEqual(said["accuracy"], right / 333, places=12)
        self.assertAlmostEqual(said["mean_macs"], macs, delta=1e-9 * macs)
        self.assertEqual(said["left"], [round(share * 333) for share in left])
        self.assertIn("without exits", self.skipstone("exits", "score", other, "--rules", str(rules)).out)
        report, _ = self.search(path, "--max-loss", "2 %", "--report", other)
        self.assertIn(f"{100 * right / 333:.2f} %", report.out)

    def test_every_option_has_an_effect(self):
        path, table = self.table()
        whole = score(table, [])[1]
        strict, loose = self.search(path, "--max-loss", "0 %")[1], self.search(path, "--max-loss", "20 %")[1]
        self.assertLess(loose["promised"][0]["mean_macs"], strict["promised"][0]["mean_macs"])
        limited = self.search(path, "--max-loss", "20 %", "--max-macs", "70 %")[1]
        self.assertLessEqual(limited["promised"][0]["mean_macs"], 0.7 * whole)
        accurate = self.search(path, "--max-macs", "70 %")[1]["promised"][0]  # no loss given: the most accurate of these
        self.assertLessEqual(accurate["mean_macs"], 0.7 * whole)
        self.assertGreater(accurate["accuracy"], limited["promised"][0]["accuracy"])
        self.assertLessEqual(len(self.search(path, "--max-loss", "5 %", "--most-exits", "1", "--grid-only")[1]["rules"]), 1)
        few = self.search(path, "--max-loss", "5 %", "--thresholds", "2", "--grid-only")[1]["promised"][0]["mean_macs"]
        many = self.search(path, "--max-loss", "5 %", "--thresholds", "16", "--grid-only")[1]["promised"][0]["mean_macs"]
        self.assertLessEqual(many, few)
        self.assertLessEqual(self.search(path, "--max-loss", "5 %", beyond=True)[1]["promised"][0]["mean_macs"], many)
        self.assertEqual(self.search(path, "--threads", "1")[1]["rules"], self.search(path, "--threads", "3")[1]["rules"])
        front = pathlib.Path(self.path("front.json"))
        self.search(path, "--trade-off", str(front))
        self.assertEqual(json.loads(front.read_text())["format"], "skipstone-trade-off")

    def test_exits_and_dropped_blocks_together(self):
        path, table = self.table()
        other, thinner = self.table(seed=1, dropped=["b1x"])
        alone = self.search(path, "--max-loss", "4 %")[1]["promised"][0]
        both = self.search(path, other, "--max-loss", "4 %")[1]
        self.assertEqual(len(both["promised"]), 2)
        self.assertLess(min(promised["mean_macs"] for promised in both["promised"]), alone["mean_macs"])

    def refused(self, words, *arguments):
        done = self.search(*arguments, code=2)
        for word in words:
            self.assertIn(word, done.err)
        self.assertEqual(done.err.count("\n"), 1, done.err)

    def test_bad_input(self):
        path, table = self.table()
        self.refused(["max-loss"], path, "--max-loss", "lots")
        self.refused(["max-loss"], path, "--max-loss", "-1 %")
        self.refused(["max-loss"], path, "--max-loss", "nan")
        self.refused(["most-exits"], path, "--most-exits", "0")
        self.refused(["thresholds"], path, "--thresholds", "0")
        self.refused(["max-macs"], path, "--max-macs", "ten")
        self.refused(["max-latency"], path, "--max-latency", "5 ms")  # of what devices?
        self.refused(["minimise"], path, "--minimise", "latency")
        self.refused(["no-such.h5"], self.path("no-such.h5"))
        damaged = {
            "labels": table["labels"][:-1], "predicted": table["predicted"][:, :-1], "confidence": table["confidence"] * numpy.float32(2),
            "macs": table["macs"][:-1], "outcomes": numpy.array(["b0", "b0", "b2", "end"], h5py.string_dtype()), "network": None}
        for key, value in damaged.items():
            with self.subTest(key):
                bad, _ = self.table(**{key: value})
                self.refused([str(bad), key], bad)
        empty, _ = self.table(samples=0)
        self.refused([str(empty)], empty)
        other, _ = self.table(weights_sha256=b"b" * 64, dropped=["x"])
        self.refused(["weights"], path, other)
        fewer, _ = self.table(samples=100, dropped=["x"])
        self.refused([str(fewer)], path, fewer)

    def test_bad_rules(self):
        path, _ = self.table()
        rules = pathlib.Path(self.new_path(".toml"))
        self.skipstone("exits", "search", path, "--thresholds", "8", "--grid-only", "--max-loss", "2 %", "--most-exits", "1", "-o", str(rules))
        text = rules.read_text()

        def refused(words, body):
            rules.write_text(body)
            done = self.skipstone("exits", "score", path, "--rules", str(rules), code=2)
            for word in words:
                self.assertIn(word, done.err)

        refused(["b7", "exit"], '[[rules]]\nexit = "b7"\nthreshold = 0.5\n')
        refused(["threshold"], '[[rules]]\nexit = "b0"\nthreshold = 1.5\n')
        refused(["threshold"], '[[rules]]\nexit = "b0"\nthreshold = nan\n')
        refused(["b0"], '[[rules]]\nexit = "b1"\nthreshold = 0.5\n[[rules]]\nexit = "b0"\nthreshold = 0.5\n')
        refused(["b0"], '[[rules]]\nexit = "b0"\nthreshold = 0.5\n[[rules]]\nexit = "b0"\nthreshold = 0.6\n')
        rules.write_text('[[rules]]\nexit = "b1"\nthreshold = 0.9\n')  # by hand, of whatever has this exit
        self.assertIn("b1", self.skipstone("exits", "score", path, "--rules", str(rules)).out)
        rules.write_text(text.replace("a" * 64, "c" * 64))
        self.assertIn("weights", self.skipstone("exits", "score", path, "--rules", str(rules), code=2).err)


if __name__ == "__main__":
    unittest.main()

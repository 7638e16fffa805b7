#!/usr/bin/env python3
"""skipstone exits train and measure: heads that learn, the same ones however the work is shared, and tables of what they say."""

import json
import pathlib
import signal
import time
import unittest

import graph_weights
from support import ProgramTest, h5py, numpy

CLASSES = 3
SAMPLES = 240
CONTENT = graph_weights.graph(classes=CLASSES, blocks=2)
BLOCKS = ["net/stem/conv", "b1.conv", "b2.conv", "last.conv"]  # behind the last of them is the classifier alone


def data_set(path, samples=SAMPLES, seed=3, classes=CLASSES, shape=(16, 16, 3), labels=None):
    """Noise with a bright patch, whose place tells the class."""
    random = numpy.random.default_rng(seed)
    labels = numpy.arange(samples) % classes if labels is None else labels
    inputs = random.normal(size=(samples, *shape)).astype("float32")
    for image, label in zip(inputs, labels):
        image[2:6, 1 + 5 * (label % 3):5 + 5 * (label % 3)] += 1.2
    with h5py.File(path, "w") as file:
        file["inputs"], file["labels"] = inputs, labels.astype("int32")
    return inputs, labels


def tensors(path):
    with h5py.File(path) as file:
        found = {}
        file.visititems(lambda name, item: found.update({name: item[()]}) if isinstance(item, h5py.Dataset) else None)
        return found


class Exits(ProgramTest):
    def setUp(self):
        super().setUp()
        self.weights = graph_weights.write(self.path("w.h5"), CONTENT)
        self.inputs, self.labels = data_set(self.path("train.h5"))

    def train(self, *arguments, output="we.h5", data="train.h5", **options):
        return self.skipstone("exits", "train", "--weights", self.weights, "--data", self.path(data), "-o", self.path(output), *arguments,
                              **options)

    def measure(self, *arguments, weights="we.h5", output="t.h5", data="train.h5", **options):
        return self.skipstone("exits", "measure", "--weights", self.path(weights), "--data", self.path(data), "-o", self.path(output),
                              *arguments, **options)

    def assert_same_heads(self, first, second):
        a, b = tensors(self.path(first)), tensors(self.path(second))
        self.assertEqual(sorted(a), sorted(b))
        for name in a:
            self.assertTrue(numpy.array_equal(a[name], b[name]), name)


class Train(Exits):
    def test_heads_learn_and_stand_beside_the_weights(self):
        result = self.train("--heads", "pool2,pool4max,pool4-8,pool4-conv4")
        self.assertIn("b2.conv", result.out)
        mine, theirs = tensors(self.path("we.h5")), tensors(self.weights)
        for name, values in theirs.items():
            self.assertTrue(numpy.array_equal(mine[name], values), name)
        with h5py.File(self.path("we.h5")) as file, h5py.File(self.weights) as before:
            exits = json.loads(file.attrs["exits"])
            self.assertEqual(set(before.attrs) - set(file.attrs), set())
            self.assertEqual(file.attrs["exits_data"].decode(), "train.h5")
        self.assertEqual([exit["after"] for exit in exits], BLOCKS[:len(exits)])
        self.assertGreaterEqual(len(exits), 3)
        self.measure()
        with h5py.File(self.path("t.h5")) as table:
            right = (table["predicted"][()] == table["labels"][()][:, None]).mean(axis=0)
        self.assertTrue((right[:3] > 0.75).all(), right)
        self.assertEqual(sorted(p.name for p in self.folder.iterdir()), ["t.h5", "train.h5", "w.h5", "we.h5"])  # no scratch is left

    def test_threads_and_ranks_share_the_work_and_find_the_same_heads(self):
        self.train("--threads", 1, output="a.h5")
        self.train("--threads", 3, output="b.h5")
        self.train("--threads", 1, output="c.h5", ranks=3)
        self.assert_same_heads("a.h5", "b.h5")
        self.assert_same_heads("a.h5", "c.h5")
        for name, options in (("a", {}), ("b", {"ranks": 2})):
            self.measure(weights="a.h5", output=f"t{name}.h5", **options)
        one, other = tensors(self.path("ta.h5")), tensors(self.path("tb.h5"))
        self.assertTrue(all(numpy.array_equal(one[name], other[name]) for name in one))

    def test_what_was_killed_goes_on_where_it_was(self):
        data_set(self.path("many.h5"), samples=6000)
        whole = ("--threads", 1, "--batch", 4, "--heads", "pool1,pool2")
        self.train(*whole, output="a.h5", data="many.h5")
        for sign in (signal.SIGKILL, signal.SIGINT):
            process = self.start("exits", "train", "--weights", self.weights, "--data", self.path("many.h5"), "-o", self.path("b.h5"), *whole)
            journal = pathlib.Path(self.path("b.h5.journal"))
            begin = journal.stat().st_size if journal.exists() else 2000
            while process.poll() is None and (not journal.exists() or journal.stat().st_size < begin + 500):
                time.sleep(0.002)
            process.send_signal(sign)
            self.assertEqual(self.wait(process).code, -sign if sign == signal.SIGKILL else 128 + sign)
        self.assertFalse(pathlib.Path(self.path("b.h5")).exists())
        other = self.train("--threads", 1, "--batch", 8, output="b.h5", data="many.h5", code=2)
        self.assertIn("batch was 4, now it is 8", other.err)
        result = self.train(*whole, output="b.h5", data="many.h5")
        self.assertIn("going on", result.out)
        self.assert_same_heads("a.h5", "b.h5")

    def test_the_penalty_is_chosen_on_other_samples_where_some_are_given(self):
        data_set(self.path("other.h5"), seed=9)
        result = self.train("--validation", self.path("other.h5"), "--after", "b1.conv")
        self.assertIn("240 samples for training, 240 for validation", result.out)
        with h5py.File(self.path("we.h5")) as file:
            self.assertEqual([exit["after"] for exit in json.loads(file.attrs["exits"])], ["b1.conv"])
            self.assertEqual(file.attrs["exits_validation"].decode(), "other.h5")
        self.assertIn("192 samples for training, 48 for validation", self.train("--restart", output="b.h5").out)

    def test_exits_are_trained_anew_and_the_old_ones_fall_away(self):
        self.train(output="a.h5")
        self.weights = self.path("a.h5")
        self.train("--after", "b2.conv", "--heads", "pool2", output="b.h5")
        with h5py.File(self.path("b.h5")) as file:
            self.assertEqual([name for name in file if name.startswith("exit.")], ["exit.b2.conv.fc.bias", "exit.b2.conv.fc.weight"])
        self.measure(weights="b.h5")

    def test_bad_input_is_named(self):
        cases = [
            (["--after", "b3.conv"], "b1.conv"), (["--after", "fc"], "last block"), (["--heads", "mean2"], "no kind of head"),
            (["--after", "b1.conv,b1.conv"], "twice"), (["--scratch", self.path("nowhere")], "cannot be written")]
        for arguments, words in cases:
            self.assertIn(words, self.train(*arguments, code=2).err)
        for name, options, words in (
                ("one.h5", {"labels": numpy.zeros(30, int)}, "one class"), ("beyond.h5", {"classes": 5}, "label"),
                ("shape.h5", {"shape": (16, 17, 3)}, "17"), ("few.h5", {"samples": 6}, "five samples")):
            data_set(self.path(name), **{"samples": 30, **options})
            self.assertIn(words, self.train(data=name, code=2).err, name)
        self.assertIn("train.h5", self.train(output="train.h5", code=2).err)
        self.assertEqual(len(tensors(self.path("train.h5"))["labels"]), SAMPLES)


class Measure(Exits):
    def setUp(self):
        super().setUp()
        self.train("--heads", "pool1", "--after", "net/stem/conv,b2.conv")

    def test_a_head_gives_what_the_graph_says(self):
        self.measure()
        heads, read = tensors(self.path("we.h5")), self.inputs
        with h5py.File(self.path("t.h5")) as table:
            outcomes = [name.decode() if isinstance(name, bytes) else name for name in table.attrs["outcomes"]]
            confidence, predicted = table["confidence"][()], table["predicted"][()]
            macs, own = table.attrs["macs"], table.attrs["head_macs"]
        self.assertEqual(outcomes, ["net/stem/conv", "b2.conv", "end"])
        stem = {**CONTENT, "operators": CONTENT["operators"][:2], "output": 2}
        for sample in range(0, SAMPLES, 17):
            mean = graph_weights.logits(stem, read[sample]).mean(axis=(0, 1))
            logits = heads["exit.net.stem.conv.fc.weight"] @ mean + heads["exit.net.stem.conv.fc.bias"]
            shares = numpy.exp(logits - logits.max())
            shares /= shares.sum()
            self.assertEqual(predicted[sample, 0], logits.argmax())
            self.assertAlmostEqual(confidence[sample, 0], shares.max(), places=4)
            self.assertEqual(predicted[sample, 2], graph_weights.logits(CONTENT, read[sample]).argmax())
        stem_macs, head = 16 * 16 * 27 * 8, 8 * CLASSES
        self.assertEqual(list(own), [head, head, 0])
        self.assertEqual(macs[0], stem_macs + head)
        self.assertEqual(macs[1], stem_macs + 2 * 16 * 16 * 72 * 8 + 2 * head)

    def test_dropped_blocks_are_not_computed(self):
        self.measure("--dropped", "b1.conv")
        self.measure(output="whole.h5")
        with h5py.File(self.path("t.h5")) as table, h5py.File(self.path("whole.h5")) as whole:
            self.assertTrue(numpy.array_equal(table["confidence"][:, 0], whole["confidence"][:, 0]))
            self.assertFalse(numpy.array_equal(table["confidence"][:, 1], whole["confidence"][:, 1]))
            self.assertEqual(whole.attrs["macs"][2] - table.attrs["macs"][2], 16 * 16 * 72 * 8)

    def test_a_part_of_the_data_gives_those_rows(self):
        self.measure()
        self.measure(data="train.h5@100..149", output="part.h5")
        with h5py.File(self.path("part.h5")) as part, h5py.File(self.path("t.h5")) as whole:
            self.assertTrue(numpy.array_equal(part["confidence"][()], whole["confidence"][100:150]))
            self.assertTrue(numpy.array_equal(part["labels"][()], whole["labels"][100:150]))

    def test_bad_input_is_named(self):
        self.assertIn("exits train", self.measure(weights="w.h5", code=2).err)
        self.assertIn("cannot be dropped", self.measure("--dropped", "net/stem/conv", code=2).err)
        self.assertIn("b1.conv", self.measure("--dropped", "b3.conv", code=2).err)
        data_set(self.path("one.h5"), labels=numpy.ones(30, int), samples=30)
        self.assertIn("one class", self.measure(data="one.h5", code=2).err)
        self.assertIn("we.h5", self.measure(output="we.h5", code=2).err)


if __name__ == "__main__":
    unittest.main()

#!/usr/bin/env python3
"""skipstone study: the table does not depend on ranks, threads, interruptions or shared prefixes, and says what was measured."""

import json
import os
import pathlib
import re
import shutil
import signal
import subprocess
import sys
import time
import unittest

from support import PROGRAM, ROOT, ProgramTest, cifar_batch, h5py, numpy, weights_tensors, write_weights

try:
    import tomllib
except ImportError:
    print("skipped: no tomllib")
    sys.exit(77)

TEST_DATA = pathlib.Path(os.environ.get("SKIPSTONE_TEST_DATA", ROOT.parent / "shared" / "data"))
IMAGES = TEST_DATA / "cifar10-test.bin.xz"  # record i has label i mod 10
CHECKPOINT = TEST_DATA / "resnet20-12fca82f.th"
MISSING = [path.name for path in (IMAGES, CHECKPOINT) if not path.exists()]
RECORD = 3073
NUMBER = 120  # of images
BLOCKS = [f"s{stage}b{block}" for stage in (2, 3, 4) for block in (1, 2, 3)]
IDENTITY = [block for block in BLOCKS if block not in ("s3b1", "s4b1")]  # the others change the shape


class StudyTest(ProgramTest):
    def study(self, *arguments, output="t.toml", code=0, **options):
        return self.skipstone("study", *arguments, "-o", self.path(output), code=code, **options)

    def table(self, output="t.toml"):
        return tomllib.loads(pathlib.Path(self.path(output)).read_text())

    def details(self, output="t.json"):
        return json.loads(pathlib.Path(self.path(output)).read_text())

    def rows(self, output="t.toml"):
        """Right answers by dropped blocks and mode."""
        rows = self.table(output)["row"]
        found = {(tuple(row["dropped"]), row.get("mode", "skip")): row["correct"] for row in rows}
        self.assertEqual(len(found), len(rows), "a set stands twice")
        return found

    def files(self, *outputs):
        """Both files of each table, without the day."""
        texts = []
        for output in outputs:
            for suffix in (".toml", ".json"):
                text = pathlib.Path(self.path(output)).with_suffix(suffix).read_text()
                texts.append(text.replace(time.strftime("%Y-%m-%d", time.gmtime()), "today"))
        return texts

    def assert_nothing_left(self, *kept):
        self.assertEqual(sorted(p.name for p in self.folder.iterdir()), sorted(kept))


@unittest.skipIf(MISSING, f"skipped: no {', '.join(MISSING)} in {TEST_DATA}")
class Measured(StudyTest):
    """ResNet-20 with trained weights on a few test images."""

    @classmethod
    def setUpClass(cls):
        import lzma
        import tempfile

        cls.common = tempfile.TemporaryDirectory(prefix="skipstone-cli-")
        cls.addClassCleanup(cls.common.cleanup)
        cls.weights = str(pathlib.Path(cls.common.name) / "resnet20.h5")
        subprocess.run([sys.executable, ROOT / "analysis" / "convert_weights.py", CHECKPOINT, cls.weights, "--network", "resnet20-cifar"],
                       check=True, capture_output=True, timeout=60, env=os.environ | {"SKIPSTONE": PROGRAM})
        with lzma.open(IMAGES) as file:
            records = file.read(2 * NUMBER * RECORD)
        cls.images = str(pathlib.Path(cls.common.name) / "test.bin")  # unpacked and short: quick to open
        pathlib.Path(cls.images).write_bytes(records[:NUMBER * RECORD])
        cls.other_images = str(pathlib.Path(cls.common.name) / "other.bin")
        pathlib.Path(cls.other_images).write_bytes(records[NUMBER * RECORD:])

    def measure(self, *arguments, data=None, **options):
        return self.study("--weights", self.weights, "--data", data or self.images, *arguments, **options)

    def test_the_whole_network(self):
        out = self.measure("--drops", "none").out
        self.assertEqual(list(self.rows()), [((), "skip")])
        self.assertGreaterEqual(self.rows()[(), "skip"], 0.86 * NUMBER)  # 91.73 % of all 10,000
        self.assertIn("nothing", out)
        confusion = numpy.array(self.details()["rows"][0]["confusion"])
        numpy.testing.assert_array_equal(confusion.sum(axis=1), numpy.full(10, NUMBER // 10))  # labels are i mod 10
        self.assertEqual(numpy.trace(confusion), self.rows()[(), "skip"])
        self.assert_nothing_left("t.toml", "t.json")

    def test_pairs_and_what_cannot_run(self):
        out = self.measure("--drops", "pairs").out
        rows = self.rows()
        singles = [(block,) for block in BLOCKS]
        pairs = [(a, b) for i, a in enumerate(IDENTITY) for b in IDENTITY[i + 1:]]
        expected = {((), "skip")} | {(set_, "skip") for set_ in singles + pairs} | {(set_, "direct") for set_ in singles}
        self.assertEqual(set(rows), expected)
        self.assertGreater(len(set(rows.values())), 20)
        table, details = self.table(), self.details()
        self.assertEqual((table["network"], table["samples"], table["input"]), ("resnet20-cifar", NUMBER, 32))
        self.assertEqual(table["weights_sha256"], details["weights"]["sha256"])
        self.assertIn(table["weights_sha256"], table["source"])
        for row, detail in zip(table["row"], details["rows"]):
            self.assertEqual({"mode": "skip"} | row, {key: detail[key] for key in detail if key != "confusion"})
            self.assertEqual(row["accuracy"], row["correct"] / row["samples"])
            self.assertTrue(row["confidence"][0] <= row["accuracy"] <= row["confidence"][1])
            self.assertEqual(numpy.trace(detail["confusion"]), row["correct"])
        by_set = {(tuple(row["dropped"]), row.get("mode", "skip")): row for row in table["row"]}
        self.assertEqual(by_set[("s2b2", "s3b3"), "skip"]["computation_gain_macs"], 2 * 2 * 9 * 16 * 16 * 32 * 32)
        self.assertEqual(by_set[("s2b2",), "skip"]["memory_gain_bytes"], 2 * 4 * 16 * 32 * 32)
        self.assertEqual(by_set[("s2b2",), "direct"]["computation_gain_macs"], 0)
        modes = [(row.get("mode", "skip"), -row["correct"]) for row in table["row"][1:]]
        self.assertEqual(modes, sorted(modes, key=lambda m: (m[0] == "direct", m[1])))
        self.assertEqual([(n["block"], n["mode"]) for n in details["not_run"]],
                         [("stem", "skip"), ("head", "skip"), ("stem", "direct"), ("head", "direct")])
        text = pathlib.Path(self.path("t.toml")).read_text()
        for said in (out, text, json.dumps(details)):
            self.assertIn("its input (32 x 32 x 3) does not fit in place of its output (32 x 32 x 16)", said)
        self.skipstone("check", self.path("t.toml"))

    def test_shared_prefixes_ranks_and_threads_do_not_change_the_table(self):
        arguments = ["--drops", "pairs", "--batch", "16", "--final-data", self.other_images, "--final-count", "3"]
        self.measure(*arguments, "--threads", "1")
        expected = self.files("t.toml", "t-selection.toml")
        for more, ranks in ((["--share", "off"], None), (["--threads", "3"], None), ([], 1), ([], 2), (["--threads", "2"], 3)):
            for path in self.folder.iterdir():
                path.unlink()
            out = self.measure(*arguments, *more, ranks=ranks).out
            self.assertEqual(self.files("t.toml", "t-selection.toml"), expected, f"{more}, {ranks} ranks")
            self.assert_nothing_left("t.toml", "t.json", "t-selection.toml", "t-selection.json")
        self.assertIn("6 workers", out)

    def interrupt(self, number, *arguments, ranks=None):
        """Ends a study after some batches; returns its exit status."""
        process = self.start("study", "--weights", self.weights, "--data", self.images, *arguments, "-o", self.path("t.toml"), ranks=ranks)
        journal = pathlib.Path(self.path("t.toml.journal"))
        end = time.monotonic() + 60
        while not journal.exists() or journal.stat().st_size < 3000:
            self.assertIsNone(process.poll(), "ended early")
            self.assertLess(time.monotonic(), end)
            time.sleep(0.005)
        process.send_signal(number)
        result = self.wait(process)
        self.assertFalse(pathlib.Path(self.path("t.toml")).exists(), "finished before it was interrupted")
        return result

    def test_an_interrupted_study_goes_on_to_the_same_table(self):
        arguments = ["--drops", "pairs", "--batch", "4"]
        self.measure(*arguments)
        expected = self.files("t.toml")
        for number, code in ((signal.SIGKILL, -9), (signal.SIGINT, 130), (signal.SIGTERM, 143)):
            for name in ("t.toml", "t.json"):
                pathlib.Path(self.path(name)).unlink()
            result = self.interrupt(number, *arguments)
            self.assertEqual(result.code, code, result)
            self.assert_nothing_left("t.toml.journal")
            self.assertIn("going on: ", self.measure(*arguments).out)
            self.assertEqual(self.files("t.toml"), expected)
            self.assert_nothing_left("t.toml", "t.json")

    def test_ranks_go_on_where_one_process_was_interrupted(self):
        arguments = ["--drops", "pairs", "--batch", "4"]
        self.interrupt(signal.SIGINT, *arguments)
        self.assertIn("going on: ", self.measure(*arguments, ranks=2).out)
        shared = self.files("t.toml")
        self.measure(*arguments)
        self.assertEqual(self.files("t.toml"), shared)

    def test_other_inputs_are_not_mixed_into_a_study(self):
        self.interrupt(signal.SIGKILL, "--drops", "pairs", "--batch", "4")
        for arguments, named in ((["--drops", "pairs", "--batch", "8"], "batch was 4, now it is 8"),
                                 (["--drops", "singles", "--batch", "4"], "drops was pairs (skip,direct), now it is singles (skip,direct)"),
                                 (["--drops", "pairs", "--batch", "4", "--modes", "skip"], "drops was"),
                                 (["--drops", "pairs", "--batch", "4", "--limit", "100"], f"data images was {NUMBER}, now it is 100")):
            err = self.measure(*arguments, code=2).err
            self.assertIn(named, err)
            self.assertIn("--restart", err)
        err = self.measure("--drops", "pairs", "--batch", "4", data=self.other_images, code=2).err
        self.assertIn("data was", err)
        other = self.path("other.h5")
        shutil.copy(self.weights, other)
        with h5py.File(other, "a") as file:
            file["linear.bias"][0] = 1
        err = self.study("--weights", other, "--data", self.images, "--drops", "pairs", "--batch", "4", code=2).err
        self.assertIn("weights was", err)
        out = self.measure("--drops", "none", "--restart").out
        self.assertNotIn("going on", out)
        self.assert_nothing_left("t.toml", "t.json", "other.h5")

    def test_chosen_on_some_images_and_measured_on_others(self):
        self.measure("--drops", "singles", "--final-data", self.other_images, "--final-count", "4", "--final-limit", "100")
        selection, final = self.table("t-selection.toml"), self.table()
        self.assertEqual((selection["dataset"], selection["samples"]), ("test.bin", NUMBER))
        self.assertEqual((final["dataset"], final["samples"]), ("other.bin", 100))
        best = [row["dropped"] for row in selection["row"] if "mode" not in row][:5]
        self.assertEqual(sorted(row["dropped"] for row in final["row"]), sorted(best))
        self.assertEqual(final["row"][0]["dropped"], [])
        self.assertIn(f"first {NUMBER} images of test.bin", final["remark"])
        self.measure("--drops", self.path("t.toml"), "--limit", "100", data=self.other_images, output="again.toml")
        self.assertEqual(self.rows("again.toml"), self.rows())

    def test_a_greedy_chain_adds_the_block_that_costs_least(self):
        out = self.measure("--drops", "greedy").out
        rows, chain = self.rows(), self.details()["chain"]
        self.assertEqual(sorted(chain), IDENTITY)
        self.assertEqual(len(rows), 1 + sum(range(1, 8)))
        for step in range(len(chain)):
            tried = [rows[tuple(sorted([*chain[:step], block])), "skip"] for block in IDENTITY if block not in chain[:step]]
            self.assertEqual(rows[tuple(sorted(chain[:step + 1])), "skip"], max(tried))
        self.assertIn("s2b1 + s2b2", out)

    def test_run_and_plan_take_the_table(self):
        self.measure("--drops", "pairs")
        accuracy = {"accuracy.table": self.path("t.toml")}
        plan = json.loads(self.skipstone("plan", self.scenario(accuracy | {"requests.count": 1}), "--planner", "no-drop", "--json").out)
        self.assertEqual(plan["mean_accuracy"], self.rows()[(), "skip"] / NUMBER)
        trace = self.run_scenario(accuracy | {"objective.accuracy_threshold": 0.5})
        known = {correct / NUMBER for (_, mode), correct in self.rows().items() if mode == "skip"}
        self.assertLessEqual(set(trace.requests["accuracy"][trace.requests["status"] == 1]), known)

    def bench(self, seconds=None, **options):
        """Has a host profile made; seconds: what each block of an image takes by it."""
        where = {"SKIPSTONE_CACHE": str(self.path("cache"))}
        self.skipstone("bench", "--network", "resnet20-cifar", "--passes", "1", *(f"--{key}={value}" for key, value in options.items()),
                       environment=where)
        (file,) = pathlib.Path(self.path("cache"), "hosts").glob("*.json")
        profile = json.loads(file.read_text())
        for timing in profile["timings"]:
            for block in timing["blocks"]:
                block["median_s"] = seconds
        file.write_text(json.dumps(profile))
        return where

    def test_says_how_long_it_takes_from_the_host_profile(self):
        out = self.measure("--drops", "none", "--threads", "1", "--batch", "10").out
        self.assertRegex(out, "about .* s in all, by its first 10 images")
        self.assertNotIn("profile", out)
        where = self.bench(1)
        out = self.measure("--drops", "none", "--threads", "1", environment=where).out
        self.assertIn("about 22 min 0 s by this host's profile: as much as 120 images through the whole network, 1.1e+04 ms each, 1 at a time", out)
        self.assertNotIn("by its first", out)
        self.bench(0.1)
        out = self.measure("--drops", "none", "--threads", "1", environment=where).out
        self.assertIn("about 2 min 12 s by this host's profile", out)
        # two sets that share all but their last blocks, and what is measured again
        drops = self.write("last.toml", '[[row]]\ndropped = ["s4b3"]\n')
        out = self.measure("--drops", drops, "--final-data", self.other_images, "--final-limit", "60", "--threads", "1", environment=where).out
        self.assertRegex(out, r"as much as 18\d images")  # 120 + 60 and 64 multiply-adds of the head each
        self.assertIn("by its first", self.measure("--drops", "none", "--convolutions", "direct", environment=where).out)

    def test_says_how_long_is_left_of_what_was_interrupted(self):
        where = self.bench(1)
        said = self.measure("--drops", "greedy", "--threads", "1", environment=where, output="whole.toml").out
        whole = int(re.search(r"as much as (\d+) images", said)[1])
        self.assertGreater(whole, 3 * NUMBER)
        self.interrupt(signal.SIGINT, "--drops", "greedy", "--batch", "4", "--threads", "1")
        said = self.measure("--drops", "greedy", "--batch", "4", "--threads", "1", environment=where).out
        left = int(re.search(r"as much as (\d+) images", said)[1])
        self.assertTrue(0 < left < whole, f"{left} of {whole}")

    def test_convolutions_are_chosen_and_told(self):
        self.measure("--drops", "none")
        self.assertEqual((self.table()["convolutions"], self.details()["convolutions"]["policy"]), ("standard", "standard"))
        some = self.details()["convolutions"]["chosen"].split("; ")[-1]  # of what this host can compute; "" without AVX-512
        self.measure("--drops", "none", "--convolutions", "direct")
        self.assertEqual((self.table()["convolutions"], self.details()["convolutions"]), ("direct", {"policy": "direct", "chosen": ""}))
        refused = self.measure("--drops", "none", "--convolutions", "measured", code=2).err
        self.assertIn("bench --choose --network resnet20-cifar --input 32", refused)
        where = self.bench(1)
        (file,) = pathlib.Path(self.path("cache"), "hosts").glob("*.json")
        profile = json.loads(file.read_text())
        profile["choices"]["resnet20-cifar at 32"] = {"layer1.0.conv2": "direct"} | dict([some.split(": ")] if some else [])
        file.write_text(json.dumps(profile))
        self.measure("--drops", "none", "--convolutions", "measured", environment=where)
        self.assertEqual(self.details()["convolutions"], {"policy": "measured", "chosen": some})
        self.assertEqual(self.table()["convolutions"], "measured")
        profile["choices"]["resnet20-cifar at 32"] = {"layer2.0.conv1": "winograd-2x3"}  # stride 2
        file.write_text(json.dumps(profile))
        refused = self.measure("--drops", "none", "--convolutions", "measured", environment=where, code=2).err
        self.assertIn("there is no winograd-2x3 for layer2.0.conv1", refused)

    def test_every_option_has_an_effect(self):
        out = self.measure("--modes", "direct", "--limit", "50", "--batch", "7", "--threads", "3", "--remark", "a remark").out
        self.assertIn("3 workers", out)
        self.assertEqual({mode for dropped, mode in self.rows() if dropped}, {"direct"})
        self.assertEqual((self.table()["samples"], self.table()["remark"]), (50, "a remark"))
        self.assertEqual((self.details()["batch"], self.details()["drops"]), (7, "singles (direct)"))
        self.assertEqual(sum(map(sum, self.details()["rows"][0]["confusion"])), 50)


class BadInput(StudyTest):
    """Each is an error of the user's, says where, and leaves nothing behind."""

    def setUp(self):
        super().setUp()
        self.weights = write_weights(self.path("w.h5"))
        self.images = self.write("i.bin", cifar_batch([i % 10 for i in range(20)]))

    def assert_refused(self, *arguments, said, **options):
        before = {path.name for path in self.folder.rglob("*")}
        result = self.study(*arguments, code=2, **options)
        for text in said if isinstance(said, tuple) else (said,):
            self.assertIn(text, result.err)
        self.assertEqual({path.name for path in self.folder.rglob("*")}, before)

    def refused(self, *arguments, said, **options):
        self.assert_refused("--weights", self.weights, "--data", self.images, *arguments, said=said, **options)

    def change(self, name, values):
        with h5py.File(self.weights, "a") as file:
            del file[name]
            file[name] = values.astype(numpy.float32)

    def test_weights(self):
        shape = weights_tensors()["layer2.0.conv1.weight"]
        self.change("layer2.0.conv1.weight", numpy.zeros((*shape[:-1], 5)))
        self.refused(said=("layer2.0.conv1.weight", "[32, 16, 3, 5]", "needs [32, 16, 3, 3]"))
        nan = numpy.zeros(shape)
        nan[3, 2, 1, 0] = numpy.nan
        self.change("layer2.0.conv1.weight", nan)
        self.refused(said=("layer2.0.conv1.weight", "is nan"))
        self.refused(said=("layer2.0.conv1.weight", "is nan"), ranks=2)
        self.refused("--network", "resnet32-cifar", said=("resnet20-cifar", "resnet32-cifar"))
        self.refused("--network", "resnet21-cifar", said=("resnet21-cifar", "nearest"))
        self.assert_refused("--weights", self.path("none.h5"), "--data", self.images, said="none.h5")

    def test_data(self):
        for name, content, said in (("short.bin", cifar_batch(range(3))[:-1], "not a whole number of records"),
                                    ("empty.bin", b"", "not a whole number of records"),
                                    ("label.bin", cifar_batch([1, 11]), "record 1 has label 11")):
            path = self.write(name, content)
            self.assert_refused("--weights", self.weights, "--data", path, said=(name, said))
            self.refused("--final-data", path, said=(name, said))
        self.refused("--limit", "21", said="holds 20 images")
        self.refused("--final-data", self.images, "--final-limit", "21", said="holds 20 images")
        self.assert_refused("--weights", self.weights, "--data", self.path("none.bin"), said="none.bin")

    def test_pictures(self):
        picture = (ROOT / "analysis" / "figures" / "khan2023-tight.png").read_bytes()
        folder = self.folder / "pictures"
        for label in range(11):
            (folder / f"{label:02}").mkdir(parents=True)
            (folder / f"{label:02}" / "a.png").write_bytes(picture)
        self.assert_refused("--weights", self.weights, "--data", folder, said=("holds 11 class folders (0 = 00, 1 = 01", "10 classes"))
        shutil.rmtree(folder / "10")
        shutil.rmtree(folder / "09")
        self.assert_refused("--weights", self.weights, "--data", folder, said=("holds 9 class folders", "10 classes"))
        (folder / "09").mkdir()
        (folder / "07" / "b.webp").touch()
        out = self.study("--weights", self.weights, "--data", folder, "--drops", "none", "--restart").out
        self.assertIn("images: pictures: 9 pictures of 10 classes; none of 09; passed over: 1 .webp; 9 are used, of 9 classes", out)
        labels = [f"{label:02}" for label in range(10)]
        self.assertEqual((self.table()["labels"], self.details()["data"]["labels"]), (labels, labels))
        for path in self.folder.glob("t.*"):
            path.unlink()
        self.assert_refused("--weights", self.weights, "--data", folder / "00", said=("image 0 has no label", "labelled"))
        (folder / "09" / "a.png").write_bytes(picture[:2000])
        for ranks in (None, 2):
            err = self.study("--weights", self.weights, "--data", folder, "--limit", "10", "--drops", "none", "--batch", "1", "--restart",
                             ranks=ranks, code=2).err
            self.assertIn("a.png", err)
            self.assertEqual(list(self.folder.glob("t.*")), list(self.folder.glob("t.toml.journal")))  # no table

    def test_pictures_that_change_while_it_runs(self):
        folder = self.folder / "pictures"
        for label in range(10):
            (folder / f"{label:02}").mkdir(parents=True)
            for name in ("a.png", "b.png"):
                (folder / f"{label:02}" / name).write_bytes((ROOT / "analysis" / "figures" / "fig9.png").read_bytes())
        process = self.start("study", "--weights", self.weights, "--data", folder, "--batch", "1", "--threads", "1", "-o", self.path("t.toml"))
        journal = pathlib.Path(self.path("t.toml.journal"))
        end = time.monotonic() + 60
        while not journal.exists() or journal.stat().st_size < 2000:
            self.assertIsNone(process.poll(), "ended early")
            self.assertLess(time.monotonic(), end)
            time.sleep(0.002)
        (folder / "09" / "b.png").write_bytes((ROOT / "analysis" / "figures" / "fig8.png").read_bytes())
        result = self.wait(process)
        self.assertEqual(result.code, 2, result)
        self.assertIn("pictures: was changed while the study ran", result.err)
        self.assertEqual(list(self.folder.glob("t.*")), [])

    def test_drops(self):
        drops = self.write("d.toml", '[[row]]\ndropped = ["s2b2"]\n\n[[row]]\ndropped = ["s2b9"]\n')
        self.refused("--drops", drops, said=("d.toml:5", "s2b9", "s2b"))
        self.refused("--drops", self.write("e.toml", '[[row]]\ndropped = ["head"]\n'), said=("e.toml:2", "cannot be dropped"))
        self.refused("--drops", self.write("f.toml", "[[row]\n"), said="f.toml:1")
        self.refused("--drops", "single", said='the nearest of these is "singles"')
        self.refused("--drops", "greedy", "--modes", "skip", said="--modes")

    def test_options(self):
        for arguments, said in ((["--modes", "skip,full"], '"full" is no mode'), (["--batch", "0"], "--batch"), (["--limit", "0"], "--limit"),
                                (["--threads", "0"], "--threads"), (["--final-count", "3"], "--final-data"), (["--share", "maybe"], "--share"),
                                (["--convolutions", "fastest"], "standard, measured and direct"),
                                (["--precision", "bfloat16", "--convolutions", "direct"], "float32 alone")):
            self.refused(*arguments, said=said)
        self.refused(said="must end in .toml", output="t.txt")
        self.refused(said="cannot be written", output="no/folder/t.toml")

    def test_help(self):
        text = self.skipstone("study", "--help").out
        for word in ("--weights", "--final-data", "greedy", "--restart", "goes on where it was"):
            self.assertIn(word, text)


if __name__ == "__main__":
    unittest.main()

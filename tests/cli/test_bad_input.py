#!/usr/bin/env python3
"""What is wrong is refused with status 2 and said: which file, line and key, and what would be right. No trace is left half-made."""

import os
import pathlib
import resource
import signal
import unittest

from support import OPEN_MPI, PROGRAM, SANITIZER, ProgramTest, Trace, cifar_batch, h5py, numpy, write_weights

KERNELS = {"emulation.kernels": True}


class BadInput(ProgramTest):
    def assert_refused(self, scenario, said, *arguments, code=2, **options):
        """said: pieces of text, all of which stderr must have."""
        result = self.skipstone("run", scenario, "-o", "t.h5", *arguments, code=code, **options)
        for piece in [said] if isinstance(said, str) else said:
            self.assertIn(piece, result.err)
        self.assertNotIn("bug in Skipstone", result.err)
        self.assertEqual([p.name for p in self.folder.iterdir() if p.name.startswith(("t.h5", ".t.h5"))], [], "something is left of the trace")
        return result

    def line_of(self, scenario, start):
        lines = pathlib.Path(scenario).read_text().splitlines()
        return next(number for number, line in enumerate(lines, 1) if line.startswith(start))

    def test_unknown_keys_name_the_nearest_with_file_and_line(self):
        for key, nearest in (("objective.alfa", "objective.alpha"), ("links.latencies", "links.latency"), ("rounds.counts", "rounds.count"),
                             ("emulation.kernel", "emulation.kernels"), ("planner.nmae", "planner.name"), ("requests.arival", "requests.arrivals"),
                             ("network.profiles", "network.profile")):
            with self.subTest(key=key):
                scenario = self.scenario({key: 1})
                line = self.line_of(scenario, key.partition(".")[2] + " =")
                self.assert_refused(scenario, [f"{scenario}:{line}: {key}: unknown key", f'"{nearest}"'])

    def test_unknown_section_and_device_key(self):
        self.assert_refused(self.scenario({"link.latency": "1 s"}), ["link", '"links"'])
        fleet = [{"profile": "khan2023-low", "batery": "3 J"}]
        self.assert_refused(self.scenario({"fleet.devices": fleet}), ["batery", "battery"])

    def test_values_that_make_no_sense(self):
        fleet = lambda **keys: {"fleet.devices": [{"profile": "khan2023-low", **keys}]}
        for changes, said in (
            ({"links.max": "72.2 s"}, ["links.max", "bit/s"]),
            ({"links.latency": "5 Mbit/s"}, ["links.latency", "5 Mbit/s"]),
            ({"links.latency": 5}, ["links.latency"]),
            ({"links.min": "-7.2 Mbit/s"}, ["links.min", "-7.2"]),
            ({"links.min": "80 Mbit/s"}, ["links", "min", "max"]),
            ({"links.loss": 1.0}, ["links.loss"]),
            ({"links.efficiency": 0}, ["links.efficiency"]),
            ({"links.medium": "ether"}, ["links.medium", "radio"]),
            ({"requests.count": None, "requests.rate": -3}, ["requests.rate", "-3"]),
            ({"requests.rate": 3}, ["requests.count", "rate"]),
            ({"requests.arrivals": "spread"}, ["requests.arrivals", "rounds.period"]),
            ({"requests.source": "low-7"}, ["requests.source", "low-7"]),
            ({"rounds.count": 0}, ["rounds.count"]),
            ({"rounds.count": 2.5}, ["rounds.count"]),
            ({"objective.alpha": 1.5}, ["objective.alpha"]),
            ({"objective.beta": 0.7}, ["alpha + beta"]),
            ({"objective.latency_reference": "slow"}, ["latency_reference", "worst-case"]),
            ({"emulation.clock": "moon"}, ["emulation.clock", "virtual"]),
            ({"emulation.dilation": -1}, ["emulation.dilation"]),
            ({"network.profile": "resnet21"}, ["network.profile", "resnet"]),
            ({"links.profile": "khan2032"}, ["links.profile", "khan2023"]),
            (fleet(mac_rate="1.4 GB/s"), ["mac_rate", "1.4 GB/s"]),
            (fleet(mac_rate="-1 GMAC/s"), ["mac_rate"]),
            (fleet(battery="-1 J"), ["battery"]),
            (fleet(count=0), ["count"]),
            (fleet(power={"compute": "8 J"}), ["power.compute"]),
            (fleet(compute_seconds={"s9b9": 1.0}), ["compute_seconds", "s9b9"]),
            ({"fleet.devices": []}, ["fleet.devices"]),
            ({"fleet.devices": [{"profile": "khan2023-high", "name": "a"}] * 2}, ['"a"']),
            ({"fleet.devices": [{"profile": "khan2032-low"}]}, ["profile", "khan2023-low"]),
        ):
            with self.subTest(changes=changes):
                scenario = self.scenario(changes)
                self.assert_refused(scenario, [scenario, *said])

    def test_unknown_planner(self):
        self.assert_refused(self.scenario({"planner.name": "gredy"}), ["gredy", "greedy"])
        self.assert_refused(self.scenario(), ["gredy", "greedy"], "--planner", "gredy")
        self.assert_refused(self.scenario(), ["gredy", "greedy"], "--planner", "gredy", ranks=3)

    def test_no_toml_and_no_file(self):
        self.assert_refused(self.write("broken.toml", "seed = \n[network"), "broken.toml:1")
        self.assert_refused("missing.toml", "missing.toml")
        self.assert_refused("khan2032", ["khan2032", "khan2023"])
        self.assert_refused(str(self.folder), str(self.folder))
        self.assert_refused(self.write("empty.toml", ""), ["empty.toml", "is an empty file; here a scenario is needed"])

    def test_accuracy_tables(self):
        row = lambda dropped, accuracy=0.9: {"dropped": dropped, "accuracy": accuracy}
        table = lambda *rows, **keys: {"accuracy.table": {"format": "skipstone-accuracy", "version": 1, "network": "resnet20-cifar",
                                                          "row": list(rows)} | keys}
        for changes, said in (
            (table(row([]), row(["s2b9"])), "s2b9"),
            (table(row(["s2b2"])), "nothing dropped"),
            (table(), "nothing dropped"),
            (table(row([]), network="resnet50"), "resnet50"),
            (table(row([]), version=2), "version"),
            (table(row([]), format="something"), "skipstone-accuracy"),
            (table(row([], 92.0)), "0.92"),
            (table(row([]), row(["s2b2", "s2b2"])), "twice"),
            ({"accuracy.table": "khan2023-table2"}, "resnet50"),
        ):
            with self.subTest(said=said):
                self.assert_refused(self.scenario(changes), ["accuracy", said])

    def test_weights_that_do_not_fit(self):
        good = pathlib.Path(write_weights(self.path("good.h5"))).read_bytes()

        def damaged(name, damage):
            path = self.write(name, good)
            with h5py.File(path, "r+") as file:
                damage(file)
            return path

        def replace(tensor, values):
            def damage(file):
                del file[tensor]
                if values is not None:
                    file[tensor] = values
            return damage

        infinite = numpy.zeros((10,), numpy.float32)
        infinite[3] = numpy.inf
        files = (
            (write_weights(self.path("other.h5"), network="resnet32-cifar", stages=(5, 5, 5)), ["resnet32-cifar", "resnet20-cifar"]),
            (self.write("half.h5", good[: len(good) // 2]), ["half.h5", "truncated"]),
            (self.write("text.h5", "no weights\n"), ["text.h5", "HDF5"]),
            (self.write("nothing.h5", b""), ["nothing.h5"]),
            (self.path("missing.h5"), ["missing.h5"]),
            (damaged("lacks.h5", replace("layer1.0.conv1.weight", None)), ["lacks.h5", "layer1.0.conv1.weight", "missing"]),
            (damaged("shape.h5", replace("linear.bias", numpy.zeros(11, numpy.float32))), ["shape.h5", "linear.bias"]),
            (damaged("type.h5", replace("linear.bias", numpy.zeros(10, numpy.int32))), ["type.h5", "linear.bias", "float32"]),
            (damaged("inf.h5", replace("linear.bias", infinite)), ["inf.h5", "linear.bias", "finite"]),
            (damaged("mean.h5", lambda file: file.attrs.__delitem__("input_mean")), ["mean.h5", "input_mean"]),
        )
        for path, said in files:
            with self.subTest(weights=path):
                self.assert_refused(self.scenario(KERNELS), said, "--weights", path)
        for path, said in (files[0], files[1], files[8]):
            with self.subTest(weights=path, ranks=3):
                result = self.assert_refused(self.scenario(KERNELS), said, "--weights", path, ranks=3)
                self.assertEqual(result.err.count(said[0]), 1, "said once")

    def test_images_that_are_none(self):
        empty = self.folder / "empty"
        empty.mkdir()
        for path, said in (
            (self.write("letter.png", "Dear network,\n"), "letter.png"),
            (self.write("letter.txt", "Dear network,\n"), "letter.txt"),
            (self.write("short.bin", cifar_batch([1, 2])[:-7]), ["short.bin", "CIFAR-10"]),
            (self.write("label.bin", cifar_batch([1, 77])), ["label.bin", "77"]),
            (str(empty), "empty"),
            (self.path("missing.png"), "missing.png"),
        ):
            with self.subTest(images=path):
                self.assert_refused(self.scenario(KERNELS), said, "--images", path)
                if path.endswith(("letter.png", "short.bin")):
                    self.assert_refused(self.scenario(KERNELS), said, "--images", path, ranks=3)

    def test_a_bad_image_in_the_middle_of_a_folder(self):
        """Found while the run is under way: there is a trace then, and it says so."""
        folder = self.folder / "pictures"
        folder.mkdir()
        for number in range(3):
            (folder / f"{number}.png").write_bytes(b"\x89PNG\r\n\x1a\n" + b"no picture")
        for ranks in (None, 3):
            result = self.skipstone("run", self.scenario(KERNELS), "-o", "t.h5", "--images", folder, code=2, ranks=ranks)
            self.assertIn(".png", result.err)
            trace = pathlib.Path(self.path("t.h5"))
            if trace.exists():
                self.assertEqual((Trace(trace).attributes["complete"], Trace(trace).attributes["ended"]), (0, "failed"))

    def test_output_that_cannot_be_written(self):
        (self.folder / "folder").mkdir()
        self.write("file", "")
        for output, said in (("missing/t.h5", "does not exist"), ("folder", "folder"), ("file/t.h5", "file"), ("/proc/t.h5", "/proc/t.h5")):
            for ranks in (None, 3):
                with self.subTest(output=output, ranks=ranks):
                    result = self.skipstone("run", self.scenario(), "-o", output, code=2, ranks=ranks)
                    self.assertIn(output, result.err)
                    self.assertIn(said, result.err)
        self.assertEqual(list((self.folder / "folder").iterdir()), [])

    def test_a_read_only_file_is_not_replaced(self):
        if os.geteuid() == 0:
            self.skipTest("root may write everything")
        output = pathlib.Path(self.write("t.h5", "mine"))
        output.chmod(0o444)
        self.skipstone("run", self.scenario(), "-o", output, code=2)
        self.assertEqual(output.read_text(), "mine")

    def test_a_refused_scenario_leaves_an_older_trace_alone(self):
        output = pathlib.Path(self.path("t.h5"))
        self.skipstone("run", self.scenario(), "-o", output)
        before = output.read_bytes()
        self.skipstone("run", self.scenario({"links.max": "3 J"}), "-o", output, code=2)
        self.skipstone("run", self.scenario(KERNELS), "-o", output, "--weights", self.write("w.h5", "no"), code=2)
        self.assertEqual(output.read_bytes(), before)


@unittest.skipIf(SANITIZER == "thread", "the thread sanitizer needs a file of its own to start")
class FullDisk(ProgramTest):
    """A limit on the size of files stands for the disk that is full."""

    @staticmethod
    def limit(size):
        def prepare():
            signal.signal(signal.SIGXFSZ, signal.SIG_IGN)  # writing fails instead
            resource.setrlimit(resource.RLIMIT_FSIZE, (size, size))
        return prepare

    def test_in_the_middle_of_a_run(self):
        scenario = self.scenario({"rounds.count": 5000})
        result = self.skipstone("run", scenario, "-o", "t.h5", code=1, preexec_fn=self.limit(400_000))
        self.assertIn("t.h5", result.err)
        self.assertRegex(result.err, "File too large|write")
        self.assertNotIn("emulated seconds;", result.out)
        with h5py.File(self.path("t.h5"), "r", swmr=True) as file:
            self.assertEqual(file.attrs["complete"], 0)
            self.assertGreater(len(file["rounds"]), 0)

    def test_before_the_first_round(self):
        result = self.skipstone("run", self.scenario(), "-o", "t.h5", code=1, preexec_fn=self.limit(2000))
        self.assertIn("t.h5", result.err)
        self.assertFalse(pathlib.Path(self.path("t.h5")).exists())
        self.assertEqual([p.name for p in self.folder.iterdir() if p.name.startswith(("t.h5", ".t.h5"))], [])

    def test_under_the_launcher(self):
        if not OPEN_MPI:
            self.skipTest("MPICH shares memory in files, which this test's limit on a file's size hits, too")
        script = self.write("limited.sh", "#!/bin/sh\ntrap '' XFSZ\nulimit -f 800\nexec \"$@\"\n")  # in blocks of 512 bytes
        result = self.skipstone("run", self.scenario({"rounds.count": 5000}), "-o", "t.h5", code=1, ranks=3, program=["sh", script, PROGRAM])
        self.assertIn("writing the trace t.h5", result.err)
        with h5py.File(self.path("t.h5"), "r", swmr=True) as file:
            self.assertEqual(file.attrs["complete"], 0)


if __name__ == "__main__":
    unittest.main()

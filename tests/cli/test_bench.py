"""bench: what it prints, keeps and is used for."""

import json
import pathlib
import re
import unittest

from support import ProgramTest, Trace

QUICK = ("--network", "resnet20-cifar", "--passes", "2")


class Bench(ProgramTest):
    def setUp(self):
        super().setUp()
        self.cache = self.path("cache")

    def bench(self, *arguments, code=0):
        return self.skipstone("bench", *arguments, code=code, environment={"SKIPSTONE_CACHE": str(self.cache)})

    def kept(self):
        files = list(pathlib.Path(self.cache, "hosts").glob("*"))
        self.assertEqual(len(files), 1, files)
        return json.loads(files[0].read_text())

    def test_a_table_and_a_host_profile(self):
        result = self.bench(*QUICK)
        for word in ("GFLOP/s", "stem", "s2b1", "head", "whole", "of peak"):
            self.assertIn(word, result.out)
        profile = self.kept()
        self.assertEqual(profile["format"], "skipstone-host-profile")
        for limit in ("fma_flop_s", "matmul_flop_s", "memory_byte_s"):
            self.assertGreater(profile["limits"][limit], 1e6)
        (timing,) = profile["timings"]
        self.assertEqual((timing["network"], timing["input"], timing["threads"], timing["batch"], timing["precision"]),
                         ("resnet20-cifar", 32, 1, 1, "float32"))
        self.assertEqual([block["block"] for block in timing["blocks"]][:2], ["stem", "s2b1"])
        for block in timing["blocks"]:
            self.assertGreater(block["first_s"], 0)
            self.assertLessEqual(0, block["median_s"])
            self.assertLessEqual(block["median_s"], block["p99_s"])
        # He et al. 2016: 40.6 million multiply-adds without the classifier's
        self.assertAlmostEqual(sum(block["macs"] for block in timing["blocks"]) / 1e6, 40.6, delta=0.3)

    def test_settings_are_measured_one_by_one_and_kept_beside_each_other(self):
        result = self.bench(*QUICK, "--batch", "1,3", "--json")
        printed = json.loads(result.out)
        self.assertEqual([timing["batch"] for timing in printed["timings"]], [1, 3])
        macs = [timing["blocks"][1]["macs"] for timing in printed["timings"]]
        self.assertEqual(macs[1], 3 * macs[0])
        self.bench(*QUICK, "--input", "40", "--threads", "1")
        self.assertEqual(sorted((timing["input"], timing["batch"]) for timing in self.kept()["timings"]), [(32, 1), (32, 3), (40, 1)])
        self.bench(*QUICK, "--convolutions", "direct")
        self.assertEqual(len(self.kept()["timings"]), 4)
        self.bench(*QUICK)  # measured again: replaced
        self.assertEqual(len(self.kept()["timings"]), 4)

    def test_every_precision_moves_its_own_bytes(self):
        self.bench(*QUICK, "--precision", "float32,int8")
        wide, narrow = (timing["blocks"][1] for timing in self.kept()["timings"])
        self.assertEqual([timing["precision"] for timing in self.kept()["timings"]], ["float32", "int8"])
        self.assertEqual(wide["bytes"], 4 * narrow["bytes"])
        self.assertEqual(wide["macs"], narrow["macs"])

    def test_passes_are_counted(self):
        self.bench("--network", "resnet20-cifar", "--passes", "1")
        for block in self.kept()["timings"][0]["blocks"]:
            self.assertEqual(block["median_s"], block["p99_s"])

    def test_choices_are_kept_and_used(self):
        scenario = self.scenario({"network.convolutions": "measured", "emulation.kernels": True})
        refused = self.skipstone("run", scenario, code=2, environment={"SKIPSTONE_CACHE": str(self.cache)})
        self.assertIn("bench --choose", refused.err)
        self.bench(*QUICK, "--choose")
        self.assertIn("resnet20-cifar at 32", self.kept()["choices"])
        self.skipstone("run", scenario, "-o", "t.h5", environment={"SKIPSTONE_CACHE": str(self.cache)})

    def test_winograd_is_for_float32_alone(self):
        self.bench("--passes", "1", "--precision", "float32,int8", "--input", "112")  # resnet50, which has some by rule
        self.assertEqual([timing["precision"] for timing in self.kept()["timings"]], ["float32", "int8"])
        scenario = self.scenario({"network.convolutions": "measured", "network.precision": "int8", "emulation.kernels": True})
        self.skipstone("run", scenario, "-o", "t.h5", environment={"SKIPSTONE_CACHE": str(self.path("other"))})  # nothing measured there

    def test_a_device_profile_that_runs(self):
        result = self.bench(*QUICK, "--device-profile", "host.toml")
        self.skipstone("check", "host.toml")
        lines = pathlib.Path(self.path("host.toml")).read_text().splitlines()
        values = [found for line in lines if (found := re.fullmatch(r'(\w+) = "([\d.]+) ([\w/]+)"(?:  # (.*))?', line))]
        self.assertEqual({found[1] for found in values if (found[4] or "").startswith("assumption: ")},
                         {"memory", "macs_per_round", "battery", "compute", "transmit", "receive", "idle"})
        for name, number, unit, _ in (found.groups() for found in values):
            if unit.endswith(("MAC/s", "MAC", "B")) or name not in ("battery", "compute", "transmit", "receive", "idle"):
                self.assertRegex(number, r"^(\d\.\d\d|\d\d\.\d|\d\d\d)$", name)
        trace = self.run_scenario({"fleet.devices": [{"profile": str(self.path("host.toml")), "count": 2}], "requests.count": 1})
        seconds = {block["block"]: block["median_s"] for block in self.kept()["timings"][0]["blocks"]}
        self.assertIn("host profile", result.err)
        computed = [event for event in trace.events if event["kind"] == 1]
        self.assertTrue(computed)
        names = [name.decode() for name in trace.blocks["name"]]
        for event in computed:
            self.assertAlmostEqual(event["end_s"] - event["begin_s"], seconds[names[event["block"]]],
                                   delta=0.006 * seconds[names[event["block"]]])

    def test_automatic_dilation_goes_by_the_profile(self):
        scenario = self.scenario({"emulation.clock": "wall", "emulation.kernels": True, "requests.count": 1, "rounds.count": 1})
        where = {"SKIPSTONE_CACHE": str(self.cache)}
        before = self.skipstone("run", scenario, "-o", "before.h5", ranks=5, environment=where)
        self.assertNotIn("profile", before.out)
        self.bench(*QUICK)
        (file,) = pathlib.Path(self.cache, "hosts").glob("*")
        profile = self.kept()
        for block in profile["timings"][0]["blocks"]:
            block["median_s"] *= 100  # a slow host
        file.write_text(json.dumps(profile))
        after = self.skipstone("run", scenario, "-o", "after.h5", ranks=5, environment=where)
        self.assertIn("this host's profile", after.out)
        dilations = [Trace(self.path(name)).provenance["dilation"] for name in ("before.h5", "after.h5")]
        self.assertGreater(dilations[1], 1.5)
        profile["timings"][0]["input"] = 64  # another network's
        file.write_text(json.dumps(profile))
        self.assertNotIn("profile", self.skipstone("run", scenario, "-o", "t.h5", ranks=5, environment=where).out)

    def test_where_the_profile_goes(self):
        self.bench(*QUICK, "--no-keep")
        self.assertFalse(pathlib.Path(self.cache).exists())
        self.bench(*QUICK, "--host-profile", "h.json")
        self.assertEqual(json.loads(pathlib.Path(self.path("h.json")).read_text())["format"], "skipstone-host-profile")
        self.assertFalse(pathlib.Path(self.cache, "hosts").exists())
        self.skipstone("bench", *QUICK, environment={"SKIPSTONE_CACHE": "off"})

    def test_a_damaged_profile_is_made_anew(self):
        self.bench(*QUICK)
        (file,) = pathlib.Path(self.cache, "hosts").glob("*")
        file.write_text('{"format": "skipstone-host-profile"')
        result = self.bench(*QUICK)
        self.assertIn("warning", result.err)
        self.assertIn(file.name, result.err)
        self.assertEqual(len(self.kept()["timings"]), 1)

    def test_bad_input(self):
        for arguments, said in ((("--network", "resnet21"), "resnet20-cifar"), (("--threads", "0"), "--threads 0"), (("--threads", "5000"), "--threads"),
                                (("--batch", "0"), "--batch 0"), (("--passes", "0"), "--passes 0"), (("--input", "0"), "--input 0"),
                                (("--precision", "float16"), "bfloat16"),
                                (("--convolutions", "fastest"), "standard, measured and direct"),
                                ((*QUICK, "--host-profile", "nowhere/h.json/x"), "h.json"), ((*QUICK, "--device-profile", "no/d.toml"), "d.toml")):
            result = self.bench(*arguments, code=2)
            self.assertIn(said, result.err, arguments)


if __name__ == "__main__":
    unittest.main()

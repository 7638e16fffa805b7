#!/usr/bin/env python3
"""`skipstone networks`, and networks that a weights file carries: listed, checked, run, swept, and read again from a trace."""

import json
import pathlib
import unittest

from support import ROOT, ProgramTest, Trace, h5py, numpy, write_weights

import graph_weights

ANY = {"network.profile": None, "accuracy.table": "none", "emulation.kernels": True}


class Networks(ProgramTest):
    def listed(self, *arguments):
        return json.loads(self.skipstone("networks", *arguments, "--json").out)

    def narrow(self, *arguments):
        return self.skipstone("networks", *arguments, environment={"COLUMNS": "80"}).out

    def test_every_profile_is_listed(self):
        names = sorted(path.stem for path in (ROOT / "profiles" / "networks").glob("*.toml"))
        found = self.listed()
        self.assertEqual([network["name"] for network in found], names)
        resnet = next(network for network in found if network["name"] == "resnet50")
        # He et al. 2015 count 3.8 GFLOPs; a ResNet-50 of 10 classes has 23,528,522 parameters (torchvision).
        self.assertEqual(resnet, {"name": "resnet50", "family": "resnet", "input": [224, 224, 3], "classes": 10, "macs": 3855945728,
                                  "parameters": 23528522, "blocks": 18, "droppable": 16})
        text = self.skipstone("networks").out
        for name in names:
            self.assertIn(f"\n  {name} ", text)

    def test_a_broken_profile_is_told_and_the_others_are_listed(self):
        (self.folder / "more" / "networks").mkdir(parents=True)
        self.write("more/networks/broken.toml", 'name = "broken"\nstages = []\nblock = "basic"\n')
        result = self.skipstone("networks", environment={"SKIPSTONE_PROFILES": self.path("more")}, code=2)
        self.assertIn("broken.toml", result.err)
        self.assertIn("resnet50", result.out)

    def test_blocks_and_tensors_of_one(self):
        found = self.listed("resnet20-cifar", "--tensors")
        self.assertEqual([block["name"] for block in found["blocks"]],
                         ["stem"] + [f"s{s}b{b}" for s in (2, 3, 4) for b in (1, 2, 3)] + ["head"])
        self.assertEqual([block["stage"] for block in found["blocks"]], [1] + [2] * 3 + [3] * 3 + [4] * 3 + [5])
        self.assertEqual(sum(block["macs"] for block in found["blocks"]), found["macs"])
        self.assertEqual([block["droppable"] for block in found["blocks"]], [False] + [True] * 9 + [False])
        stem = found["blocks"][0]
        self.assertEqual([op["is"] for op in stem["operators"]], ["convolution", "batch norm", "ReLU"])
        self.assertEqual(stem["operators"][0], {"name": "conv1", "is": "convolution", "output": [32, 32, 16]})
        weights = write_weights(self.path("w.h5"), "resnet20-cifar")
        with h5py.File(weights) as file:
            held = {}
            file.visititems(lambda name, item: held.update({name: list(item.shape)}) if isinstance(item, h5py.Dataset) else None)
        self.assertEqual({tensor["name"]: tensor["shape"] for tensor in found["tensors"]}, held)
        self.assertNotIn("tensors", self.listed("resnet20-cifar"))
        text = self.skipstone("networks", "resnet20-cifar", "--tensors").out
        self.assertIn("11 blocks, 9 of them droppable", text)
        self.assertIn("conv1.weight", text)
        self.assertNotIn("conv1.weight", self.skipstone("networks", "resnet20-cifar").out)

    def test_ways_in_which_blocks_can_be_split(self):
        of = lambda *arguments: {block["name"]: {way["split"]: way for way in block["splits"]} for block in self.listed(*arguments)["blocks"]}
        ways = of("vgg16")
        self.assertEqual(list(ways["conv1_1"]), ["outputs/2", "outputs/3", "outputs/4", "inputs/2", "inputs/3", "rows/2", "rows/3", "rows/4", "tiles/4"])
        # Halves of the rows of a 3 x 3 convolution of 64 channels, and a row from the other half.
        self.assertEqual(ways["conv1_1"]["rows/2"], {"split": "rows/2", "macs": 112 * 224 * 27 * 64, "weight_bytes": 27 * 64 * 4, "input_bytes": 2 * 113 * 224 * 3 * 4,
                                                     "output_bytes": 224 * 224 * 64 * 4, "join_macs": 0})
        # 25088 inputs, 4096 neurons.
        self.assertEqual(ways["fc6"]["outputs/2"], {"split": "outputs/2", "macs": 25088 * 2048, "weight_bytes": 25088 * 2048 * 4, "input_bytes": 2 * 25088 * 4,
                                                    "output_bytes": 4096 * 4, "join_macs": 0})
        self.assertEqual(ways["fc6"]["inputs/4"], {"split": "inputs/4", "macs": 25088 * 1024, "weight_bytes": 25088 * 1024 * 4, "input_bytes": 25088 * 4,
                                                   "output_bytes": 4 * 4096 * 4, "join_macs": 4 * 4096})
        self.assertNotIn("rows/2", ways["fc6"])
        self.assertIn("tiles/9", of("vgg16", "--parts", "9")["conv1_1"])
        text = self.narrow("vgg16", "--splits", "--parts", "2")
        self.assertRegex(text, r"\n +conv1_1 +rows/2 +43\.4 M +6\.91 kB +607 kB +12\.8 MB +0\n")
        self.assertRegex(text, r"\n +fc6 +6 .* oi\n")
        self.assertIn("name one", self.skipstone("networks", "--splits", code=2).err)

    def test_neighbouring_blocks_are_joined_by_a_rule(self):
        of = lambda rule: [block["name"] for block in self.listed("resnet20-cifar", "--blocks", rule)["blocks"]]
        self.assertEqual(of("stages"), ["stem", "s2b1..s2b3", "s3b1..s3b3", "s4b1..s4b3", "head"])
        self.assertEqual(of('[["s3b2", "s4b1"]]')[5], "s3b2..s4b1")
        self.assertEqual(len(of("finest")), 11)
        for rule, said in (("stage", '"stages"'), ('[["s9b9"]]', "s9b9"), ("[1]", "list of names")):
            self.assertIn(said, self.skipstone("networks", "resnet20-cifar", "--blocks", rule, code=2).err)
        self.assertIn("--blocks", self.skipstone("networks", "--blocks", "stages", code=2).err)

    def test_tables_of_networks_without_a_profile_are_looked_at(self):
        table = self.write("t.toml", 'format = "skipstone-accuracy"\nversion = 1\nnetwork = "mine"\n[[row]]\ndropped = []\naccuracy = 0.9\n')
        self.assertIn("accuracy table of mine, of which there is no profile", self.skipstone("check", table).out)
        self.write("t.toml", 'format = "skipstone-accuracy"\nversion = 1\nnetwork = "mine"\n[[row]]\ndropped = []\naccuracy = 9\n')
        self.assertIn("accuracy", self.skipstone("check", table, code=2).err)

    def test_bench_takes_a_weights_file(self):
        path = graph_weights.write(self.path("net.h5"))
        found = json.loads(self.skipstone("bench", "--network", path, "--passes", "2", "--no-keep", "--json").out)
        self.assertEqual(found["timings"][0]["network"], "mine")

    def test_a_weights_file_tells_its_network(self):
        path = graph_weights.write(self.path("net.h5"), height=49, width=10, channels=1, classes=12,
                                   attributes={"input_mean": [-40.5], "input_std": [17.0], "source": "a course", "license": "MIT"})
        found = self.listed(path, "--tensors")
        self.assertEqual((found["name"], found["family"], found["input"], found["classes"]), ("mine", "graph", [49, 10, 1], 12))
        self.assertEqual([block["name"] for block in found["blocks"]], ["net/stem/conv", "b1.conv", "last.conv", "fc"])
        self.assertEqual([block["droppable"] for block in found["blocks"]], [False, True, False, False])
        macs = [49 * 10 * 9 * 8, 49 * 10 * 9 * 64, 25 * 5 * 9 * 128, 16 * 12]
        self.assertEqual([block["macs"] for block in found["blocks"]], macs)
        self.assertEqual(found["tensors"][0], {"name": "net/stem/conv.weight", "shape": [8, 1, 3, 3]})
        text = self.skipstone("networks", path).out
        for part in ("mean -40.5, std 17", "values in 0…1", "from a course", "licence: MIT", "input 49 x 10 x 1"):
            self.assertIn(part, text)
        without = write_weights(self.path("w.h5"), "resnet20-cifar")
        self.assertEqual(self.listed(without)["name"], "resnet20-cifar")

    def test_what_is_no_network_is_told(self):
        self.assertIn('the nearest is "resnet50"', self.skipstone("networks", "resnet5", code=2).err)
        self.assertIn("name one", self.skipstone("networks", "--tensors", code=2).err)
        self.assertIn("none.h5", self.skipstone("networks", "none.h5", code=2).err)
        scenario = self.scenario()
        self.assertIn("is a scenario", self.skipstone("networks", scenario, code=2).err)

    def test_lines_fit_the_terminal(self):
        path = graph_weights.write(self.path("net.h5"))
        for text in (self.narrow(), self.narrow("resnet50"), self.narrow("resnet50", "--tensors", "--splits"), self.narrow(path)):
            self.assertEqual([line for line in text.splitlines() if len(line) > 80], [])
        self.assertEqual([line for line in self.skipstone("networks", "--help").out.splitlines() if len(line) > 80], [])


class Carried(ProgramTest):
    """Scenarios whose network section is a weights file alone."""

    def setUp(self):
        super().setUp()
        self.weights = graph_weights.write(self.path("net.h5"))

    def scenario_of(self, changes=None, weights="net.h5"):
        return self.scenario({**ANY, "network.weights": weights, **(changes or {})})

    def trace(self, *options, changes=None):
        path = self.new_path(".h5")
        self.skipstone("run", self.scenario_of(changes), *options, "-o", path)
        return path

    def test_a_weights_file_is_a_whole_network_section(self):
        trace = Trace(self.trace())
        self.assertEqual(trace.names("blocks"), ["net/stem/conv", "b1.conv", "last.conv", "fc"])
        self.assertTrue((trace.requests["predicted_class"] >= 0).all())
        self.assertIn("right (weights)", self.skipstone("check", self.weights).out)
        self.assertIn("right (scenario)", self.skipstone("check", self.scenario_of()).out)

    def test_its_logits_are_those_of_the_graph(self):
        inputs = numpy.random.default_rng(5).normal(size=(7, 16, 16, 3)).astype("float32")
        with h5py.File(self.path("data.h5"), "w") as file:
            file["inputs"] = inputs
        self.skipstone("infer", "--weights", "net.h5", "--data", "data.h5", "-o", "out.h5")
        with h5py.File(self.path("out.h5")) as file:
            given = file["logits"][:]
        expected = numpy.array([graph_weights.logits(graph_weights.graph(), image) for image in inputs])
        self.assertLess(numpy.abs(given - expected).max(), 1e-5 * numpy.abs(expected).max())

    def test_the_resolved_scenario_is_the_same_scenario(self):
        printed = self.skipstone("run", self.scenario_of(), "--print-config").out
        self.assertIn('family = "graph"', printed)
        resolved = self.write("resolved.toml", printed)
        self.assertEqual(self.skipstone("run", resolved, "--print-config").out, printed)
        one, other = self.trace(), self.new_path(".h5")
        self.skipstone("run", resolved, "-o", other)
        digests = self.skipstone("check", "--digest", one, other).out.split()[::2]
        self.assertEqual(digests[0], digests[1])

    def test_ranks_run_it_with_the_same_digest(self):
        alone, among = self.trace(), self.new_path(".h5")
        self.skipstone("run", self.scenario_of(), "-o", among, ranks=5)
        digests = self.skipstone("check", "--digest", alone, among).out.split()[::2]
        self.assertEqual(digests[0], digests[1])

    def test_a_trace_needs_no_weights_file(self):
        path = self.trace()
        pathlib.Path(self.weights).unlink()
        self.assertIn("right (trace)", self.skipstone("check", path).out)
        self.assertNotIn("without the scenario", self.skipstone("analyze", path).out)

    def test_graphs_longer_than_an_object_s_header(self):
        content = graph_weights.graph(height=8, width=8, blocks=400)
        self.assertGreater(len(json.dumps(content)), 65536)
        graph_weights.write(self.path("long.h5"), content)
        path = self.new_path(".h5")
        self.skipstone("run", self.scenario_of({"requests.count": 1, "rounds.count": 1}, "long.h5"), "-o", path)
        trace = Trace(path)
        self.assertEqual(len(trace.blocks), 403)
        self.assertGreater(len(trace.provenance["scenario"]), 65536)
        self.assertIn("right (trace)", self.skipstone("check", path).out)

    def test_a_profile_beside_it_has_to_agree(self):
        # The same operators under the profile's name; then another kernel in one of them.
        printed = self.skipstone("run", self.scenario_of(), "--print-config").out
        graph = next(line for line in printed.splitlines() if line.startswith("graph = "))
        profile = self.write("mine.toml", f'name = "mine"\nfamily = "graph"\n{graph}\n')
        self.assertIn("right (network profile)", self.skipstone("check", profile).out)
        self.skipstone("run", self.scenario_of({"network.profile": profile}), "-o", self.new_path(".h5"))
        other = self.write("other.toml", f'name = "mine"\nfamily = "graph"\n{graph.replace("stride", "dilation")}\n')
        result = self.skipstone("run", self.scenario_of({"network.profile": other}), "-o", self.new_path(".h5"), code=2)
        self.assertIn("net.h5: graph: is of another network than the profile mine", result.err)
        result = self.skipstone("run", self.scenario_of({"network.profile": "resnet20-cifar"}), "-o", self.new_path(".h5"), code=2)
        self.assertIn("these are weights of mine", result.err)

    def test_what_a_graph_s_network_cannot_have(self):
        for key, value in (("network.input", 32), ("network.classes", 5)):
            result = self.skipstone("run", self.scenario_of({key: value}), "-o", "t.h5", code=2)
            self.assertIn(f"{key}: has no effect on mine", result.err)
        with_input = self.write("p.toml", 'name = "mine"\nfamily = "graph"\ngraph = "{}"\n')
        self.assertIn("p.toml:3: graph: is no graph", self.skipstone("check", with_input, code=2).err)

    def test_weights_without_a_graph_need_a_profile(self):
        write_weights(self.path("w.h5"), "resnet20-cifar")
        result = self.skipstone("run", self.scenario_of(weights="w.h5"), "-o", "t.h5", code=2)
        self.assertIn("network.profile: is missing", result.err)
        self.assertIn("w.h5 does not carry its network's graph", result.err)
        result = self.skipstone("run", self.scenario({**ANY}), "-o", "t.h5", code=2)
        self.assertIn("`weights`", result.err)
        damaged = graph_weights.write(self.path("damaged.h5"), attributes={"graph": '{"format":"skipstone-graph"}'})
        self.assertIn('graph: "version" is missing', self.skipstone("run", self.scenario_of(weights=damaged), "-o", "t.h5", code=2).err)

    def test_a_sweep_goes_over_networks(self):
        graph_weights.write(self.path("small.h5"), height=8, width=8, attributes={"network": "small"})
        scenario = self.scenario_of({"emulation.kernels": False})
        sweep = self.write("sweep.toml", f'format = "skipstone-sweep"\nversion = 1\nscenario = "{scenario}"\n'
                                         '[grid]\nnetwork.weights = ["net.h5", "small.h5"]\n')
        self.assertIn("right (sweep)", self.skipstone("check", sweep).out)
        self.skipstone("sweep", "run", sweep, "-o", "points")
        traces = sorted((self.folder / "points").rglob("*.h5"))
        self.assertEqual(sorted(Trace(trace).provenance["network"] for trace in traces if "provenance" in h5py.File(trace)), ["mine", "small"])


if __name__ == "__main__":
    unittest.main()

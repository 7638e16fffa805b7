#!/usr/bin/env python3
"""Packed weights are kept between starts, and nobody's results depend on that."""

import os
import pathlib
import time
import unittest

from support import ALONE, ProgramTest, cifar_batch, h5py, write_weights

SETTLED_S = 2.1  # a file that changed more recently is read once more


class CacheTest(ProgramTest):
    def setUp(self):
        super().setUp()
        self.cache = self.folder / "cache"
        self.weights = write_weights(self.path("weights.h5"))
        self.images = self.write("images.bin", cifar_batch([3, 1, 4, 1, 5, 9]))
        self.changes = {**ALONE, "emulation.kernels": True, "requests.count": 6, "rounds.count": 1, "planner.name": "no-drop"}

    def run_with(self, cache, *arguments, environment=None, **options):
        """A run's digest, which holds what the network said of every image."""
        output = self.new_path(".h5")
        self.skipstone("run", self.scenario(self.changes), "-o", output, "--weights", self.weights, "--images", self.images, *arguments,
                       environment={"SKIPSTONE_CACHE": str(cache), **(environment or {})}, **options)
        return self.digest(output)

    def kept(self, ending=".packed"):
        return sorted(self.cache.glob(f"weights/*{ending}"))

    def test_results_are_the_same_with_and_without_it(self):
        without = self.run_with("off")
        self.assertFalse(self.cache.exists())
        self.assertEqual(self.run_with(self.cache), without)
        file, = self.kept()
        written = file.stat().st_mtime_ns
        time.sleep(SETTLED_S)
        for _ in range(2):  # checked, then known to be right
            self.assertEqual(self.run_with(self.cache), without)
        self.assertEqual(self.run_with(self.cache, ranks=2), without)
        self.assertEqual([f.stat().st_mtime_ns for f in self.kept()], [written])
        self.assertEqual(len(self.kept(".checked")), 1)
        self.assertEqual(len(list(self.cache.glob("hashes/*"))), 1)

    def test_ranks_fill_it_too(self):
        digest = self.run_with(self.cache, ranks=3)
        file, = self.kept()
        written = file.stat().st_mtime_ns
        self.assertEqual(self.run_with(self.cache), digest)
        self.assertEqual(file.stat().st_mtime_ns, written)

    def test_it_is_read_and_not_only_written(self):
        """A file that is right by its own account but holds other weights decides: nothing is packed again."""
        honest = self.run_with(self.cache)
        ours, = self.kept()
        with h5py.File(self.weights, "r+") as file:
            file["linear.bias"][7] = 1e6
        self.assertNotEqual(self.run_with(self.cache), honest)
        theirs, = set(self.kept()) - {ours}
        packed, trailer = theirs.read_bytes(), ours.read_bytes()[-512:]
        key = trailer.split(b"key ")[1][:64]
        theirs_key = packed[-512:].split(b"key ")[1][:64]
        ours.write_bytes(packed[:-512] + packed[-512:].replace(theirs_key, key))
        self.weights = write_weights(self.path("again.h5"))  # what `ours` is the packing of, by its name
        self.assertNotEqual(self.run_with(self.cache), honest)
        self.assertEqual(self.run_with("off"), honest)

    def test_other_weights_are_packed_anew(self):
        before = self.run_with(self.cache)
        time.sleep(SETTLED_S)
        self.assertEqual(self.run_with(self.cache), before)  # its hash is known now
        status = os.stat(self.weights)
        with h5py.File(self.weights, "r+") as file:
            file["linear.bias"][7] = 1e6
        os.utime(self.weights, ns=(status.st_atime_ns, status.st_mtime_ns))  # as rsync leaves it
        after = self.run_with(self.cache)
        self.assertNotEqual(after, before)
        self.assertEqual(self.run_with("off"), after)
        self.assertEqual(len(self.kept()), 2)

    def test_damage_is_found(self):
        expected = self.run_with(self.cache)
        file, = self.kept()
        whole = file.read_bytes()
        time.sleep(SETTLED_S)
        self.assertEqual(self.run_with(self.cache), expected)
        middle = len(whole) // 2
        for damaged in (b"", whole[:middle], whole[:-1], whole + b"\0", bytes(len(whole)),
                        whole[:middle] + bytes([whole[middle] ^ 1]) + whole[middle + 1:]):
            with self.subTest(bytes=len(damaged)):
                file.write_bytes(damaged)
                self.assertEqual(self.run_with(self.cache), expected)
                self.assertEqual(file.read_bytes(), whole)
        file.write_bytes(bytes(len(whole)))
        self.assertEqual(self.run_with(self.cache, ranks=2), expected)
        self.assertEqual(file.read_bytes(), whole)

    def test_does_without_where_it_cannot_be_written(self):
        expected = self.run_with("off")
        self.assertEqual(self.run_with("/proc/none"), expected)
        self.assertEqual(self.run_with("", environment={"HOME": "/proc/none", "XDG_CACHE_HOME": ""}), expected)
        self.assertEqual(self.run_with("", environment={"HOME": "", "XDG_CACHE_HOME": ""}), expected)
        self.assertEqual(self.run_with(self.write("a file", "no folder")), expected)

    def test_stands_in_the_home_folder_by_default(self):
        self.run_with("", environment={"HOME": str(self.folder / "home"), "XDG_CACHE_HOME": ""})
        self.assertEqual(len(list((self.folder / "home/.cache/skipstone/weights").glob("*.packed"))), 1)

    def test_a_study_uses_it(self):
        def study(cache, output, **options):
            self.skipstone("study", "--weights", self.weights, "--data", self.images, "--drops", "singles", "--batch", "2",
                           "--threads", "1", "-o", self.path(output), environment={"SKIPSTONE_CACHE": str(cache)}, **options)
            return pathlib.Path(self.path(output)).read_text()

        without = study("off", "a.toml")
        self.assertEqual(study(self.cache, "b.toml", ranks=2), without)
        file, = self.kept()
        written = file.stat().st_mtime_ns
        self.assertEqual(study(self.cache, "c.toml", ranks=2), without)
        self.assertEqual(study(self.cache, "d.toml"), without)
        self.run_with(self.cache)
        self.assertEqual([f.stat().st_mtime_ns for f in self.kept()], [written])

    def test_wrong_weights_are_refused_by_every_number_of_ranks(self):
        with h5py.File(self.weights, "r+") as file:
            del file["layer2.1.conv1.weight"]
        for ranks in (None, 3):
            for cache in (self.cache, "off"):
                result = self.skipstone("run", self.scenario(self.changes), "-o", self.new_path(".h5"), "--weights", self.weights,
                                        code=None, ranks=ranks, environment={"SKIPSTONE_CACHE": str(cache)})
                self.assertNotEqual(result.code, 0)
                self.assertIn("layer2.1.conv1.weight", result.err)
                self.assertEqual(result.err.count("is missing"), 1, result)
        self.assertEqual(self.kept(), [])


if __name__ == "__main__":
    unittest.main()

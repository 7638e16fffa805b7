#!/usr/bin/env python3
"""Stages in pictures: labels, colours, marks and short names."""

import pathlib
import sys
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2] / "analysis"))

import stages  # noqa: E402


class Stages(unittest.TestCase):
    def test_of_a_residual_networks_names(self):
        names = ["stem", "s2b1", "s2b12", "s10b1", "s3x", "s1234567b1", "head"]
        self.assertEqual(stages.of_names(names), [1, 2, 2, 10, 11, 12, 13])

    def test_a_stage_of_one_block_has_its_name(self):
        self.assertEqual(stages.labels(["a", "b", "c", "d" * 30], [1, 3, 3, 4]), {1: "a", 3: "stage 3", 4: "d" * 8 + "…" + "d" * 17})

    def test_few_and_many_stages_have_colours_of_their_own(self):
        maps = {"viridis": lambda share: ("viridis", share), "turbo": lambda share: ("turbo", share)}
        for number, name in ((1, "viridis"), (8, "viridis"), (9, "turbo"), (40, "turbo")):
            colours = stages.colours(maps, [stage for stage in range(1, number + 1) for _ in range(2)])
            self.assertEqual(list(colours), list(range(1, number + 1)))
            self.assertEqual(len(set(colours.values())), number)
            self.assertEqual({colour[0] for colour in colours.values()}, {name})

    def test_thinned_labels_keep_both_ends(self):
        labels = {stage: str(stage) for stage in range(100)}
        chosen = list(stages.thinned(labels, 10))
        self.assertEqual((len(chosen), chosen[0], chosen[-1]), (10, 0, 99))
        self.assertEqual(stages.thinned({1: "a"}), {1: "a"})

    def test_short_names_stay_apart(self):
        self.assertEqual(stages.all_shortened(["conv1", "fc"]), ["conv1", "fc"])
        self.assertEqual(stages.all_shortened([]), [])
        long = [f"features.denseblock{b}.denselayer{k}.conv1" for b in (1, 2) for k in (1, 2)]
        self.assertEqual(stages.all_shortened(long), [f"…denseblock{b}.denselayer{k}…" for b in (1, 2) for k in (1, 2)])
        middle = ["x" * 20 + letter + "y" * 40 for letter in "ab"] + ["c"]
        self.assertEqual(stages.all_shortened(middle), middle)  # they differ where they would be cut
        mixed = ["model/" + "x" * 40, "model/b"]
        self.assertEqual(stages.all_shortened(mixed), ["…" + "x" * 7 + "…" + "x" * 17, "…b"])
        self.assertEqual(stages.all_shortened(["z" * 40]), ["z" * 8 + "…" + "z" * 17])

    def test_marks_of_first_and_last(self):
        marks = stages.marks([1, 2, 2, 3, 4])
        self.assertEqual(marks, {1: "^", 2: "o", 3: "s", 4: "X"})


if __name__ == "__main__":
    unittest.main()

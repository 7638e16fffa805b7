#!/usr/bin/env python3
"""Early exits from nothing on heart beats: heads are trained and measured, and devices that run with them do what the table says."""

import os
import pathlib
import unittest

import h5py
import numpy

from support import DONE, ROOT, ProgramTest, Trace

DATA = pathlib.Path(os.environ.get("SKIPSTONE_TEST_DATA", ROOT.parent / "shared" / "data"))
BEATS = DATA / "ecg" / "mit-bih-beats-a.h5"


def plain(value):
    return value.decode() if isinstance(value, bytes) else str(value)


@unittest.skipUnless(BEATS.exists(), "no trained networks here")
class Ecg(ProgramTest):
    EXIT, THRESHOLD = "c2", 0.8

    def rules(self, table):
        """The rules file of one exit, and of which samples leave there, and what all are taken for, by the table."""
        with h5py.File(table) as file:
            names = [plain(name) for name in file.attrs["outcomes"]]
            exit = names.index(self.EXIT)
            left = file["confidence"][:, exit].astype(float) >= self.THRESHOLD
            right = numpy.where(left, file["predicted"][:, exit], file["predicted"][:, -1]) == file["labels"][:]
            end = file["predicted"][:, -1] == file["labels"][:]
            macs = file.attrs["macs"]
            full = macs[-1] - file.attrs["head_macs"].sum()
            mean = float(left.mean() * macs[exit] + (1 - left.mean()) * (full + file.attrs["head_macs"][exit]))
            self.write("rules.toml", f"""format = "skipstone-exit-rules"
version = 1
network = "{plain(file.attrs["network"])}"
weights_sha256 = "{plain(file.attrs["weights_sha256"])}"
tables = ["{pathlib.Path(table).name}"]

[[rules]]
exit = "{self.EXIT}"
threshold = {self.THRESHOLD}

[[promised]]
dropped = []
accuracy = {float(right.mean())}
mean_macs = {mean}
leaving = [{float(left.mean())}, {float(1 - left.mean())}]
""")
        return left, right, end, mean / full

    def test_devices_do_what_the_table_says(self):
        backbone, weights, table = self.path("backbone.h5"), self.path("exits.h5"), self.path("report.h5")
        self.skipstone("import", DATA / "ecg" / "ecg_acharya_odai.onnx", "-o", backbone)
        self.skipstone("exits", "train", "--weights", backbone, "--data", f"{BEATS}@0..1086~1", "-o", weights)
        self.skipstone("exits", "measure", "--weights", weights, "--data", f"{BEATS}@1630..~1", "-o", table)
        left, right, end, share = self.rules(table)
        self.assertEqual(len(right), 544)
        self.assertGreater(right.mean(), end.mean() - 0.01)
        self.assertLess(share, 0.2)

        shipped = (ROOT / "profiles" / "scenarios" / "early-exit-ecg.toml").read_text()
        scenario = self.write("scenario.toml", shipped.replace("[network]\n", '[network]\nweights = "exits.h5"\n') + '\n[exits]\nrules = "rules.toml"\n')
        self.skipstone("run", scenario, "--images", f"{BEATS}@1630..~1", "--rounds", len(right), "-o", self.path("trace.h5"))
        self.skipstone("check", self.path("trace.h5"))
        trace = Trace(self.path("trace.h5"))
        requests = trace.requests
        self.assertTrue((requests["status"] == DONE).all())
        self.assertEqual(int(numpy.sum(requests["exit"] == trace.names("blocks").index(self.EXIT))), int(left.sum()))
        self.assertEqual(int(numpy.sum(requests["exit"] == -1)), int((~left).sum()))
        said = numpy.where(requests["verdict"] >= 0, requests["verdict"], requests["predicted_class"])
        self.assertEqual(int(numpy.sum(said == requests["label"])), int(right.sum()))


if __name__ == "__main__":
    unittest.main()

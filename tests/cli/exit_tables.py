"""Runs whose verdicts come from a table, with h5py alone: a network with exits, its rules, and a table of what the exits say."""

import h5py
import numpy

import exits_files
import graph_weights

THRESHOLDS = dict(zip(exits_files.AFTER, (0.8, 0.6, 0.7)))
SAMPLES = 400


def table_of(seed=1):
    """Confidences [samples, outcomes], predicted likewise, and labels: the later an outcome is, the surer and the more often right."""
    random = numpy.random.default_rng(seed)
    outcomes = len(exits_files.AFTER) + 1
    labels = random.integers(0, 10, SAMPLES)
    confidence = random.beta(2 + numpy.arange(outcomes), 2, (SAMPLES, outcomes)).astype("f4")
    right = random.random((SAMPLES, outcomes)) < 0.4 + 0.15 * numpy.arange(outcomes)
    return confidence, numpy.where(right, labels[:, None], (labels[:, None] + 1) % 10), labels


def leaving(confidence):
    """Shares of the samples that leave at each exit, and at the end."""
    leaves = confidence[:, :-1] >= numpy.array(list(THRESHOLDS.values()))
    first = numpy.where(leaves.any(axis=1), leaves.argmax(axis=1), leaves.shape[1])
    return [float((first == outcome).mean()) for outcome in range(leaves.shape[1] + 1)]


def write_table(path, sha256):
    confidence, predicted, labels = table_of()
    with h5py.File(path, "w") as file:
        file.attrs["format"], file.attrs["format_version"] = numpy.bytes_(b"skipstone-exit-table"), 1
        for name, value in {"network": graph_weights.NAME, "dataset": "drawn", "weights_sha256": sha256}.items():
            file.attrs[name] = numpy.bytes_(value.encode())
        file.attrs["outcomes"] = numpy.array([*exits_files.AFTER, "end"], h5py.string_dtype())
        file.attrs["macs"], file.attrs["head_macs"] = numpy.array([1.0, 2.0, 3.0, 4.0]), numpy.array([0.1, 0.1, 0.1, 0.0])
        file["confidence"], file["predicted"] = confidence, predicted.astype("i4")
        file["labels"] = labels.astype("i4")
    return str(path)


def changes(test, requests=40, rounds=5):
    """What a scenario needs so that its requests leave by such a table; files go to the test's folder."""
    weights = exits_files.write_weights(test.path("weights.hdf5"))
    rules = exits_files.write_rules(test.path("rules.toml"), weights, THRESHOLDS)
    with open(rules, encoding="utf-8") as file:
        text = file.read()
    shares = leaving(table_of()[0])
    with open(rules, "w", encoding="utf-8") as file:
        file.write(text[:text.index("leaving = ")].replace("tables = []", 'tables = ["table.hdf5"]') + f"leaving = {shares}\n")
    sha256 = text.split('weights_sha256 = "')[1].split('"')[0]
    return {"network.profile": None, "network.weights": weights, "accuracy.table": "none", "objective.accuracy_threshold": 0.4,
            "exits.rules": rules, "exits.verdicts": "table", "exits.table": write_table(test.path("table.hdf5"), sha256),
            "fleet.devices": [{"profile": "khan2023-low", "name": "low", "count": 3, "mac_rate": "10 MMAC/s", "macs_per_round": "30 MMAC"},
                              {"profile": "khan2023-high", "name": "big", "mac_rate": "20 MMAC/s", "macs_per_round": "90 MMAC"}],
            "requests.count": requests, "rounds.count": rounds, "planner.name": "greedy"}

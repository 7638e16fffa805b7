"""Traces that tests write themselves, with h5py: the format as design and README tell it, and small runs in it."""

import sys

try:
    import h5py
    import numpy
except ImportError as missing:
    print(f"skipped: {missing}")
    sys.exit(77)

# name:type:unit of every column
COLUMNS = {
    "devices": "device:i4 name:S64 mac_rate:f8:MAC/s memory_bytes:i8:B macs_per_round:i8:MAC battery_j:f8:J power_compute_w:f8:W "
               "power_transmit_w:f8:W power_receive_w:f8:W power_idle_w:f8:W",
    "blocks": "block:i4 name:S64 macs:i8:MAC memory_bytes:i8:B output_bytes:i8:B weight_bytes:i8:B skip_macs:i8:MAC "
              "skip_memory_bytes:i8:B stage:i4 input_bytes:i8:B after:i4 threshold:f8:1",
    "rounds": "round:i4 start_s:f8:s end_s:f8:s host_start_s:f8:s host_end_s:f8:s requests:i4 admitted:i4 planner:S64 status:S64 "
              "binding:S64 objective:f8:1 bound:f8:1 gap:f8:1 plan_host_s:f8:s predicted_latency_s:f8:s goal:goal "
              "throughput:f8:1/s throughput_bound:f8:1/s",
    "plans": "round:i4 revision:i4 request:i4 block:i4 device:i4 mode:mode part:i2 parts:i2 split:split",
    "requests": "round:i4 request:i4 arrival_s:f8:s finish_s:f8:s latency_s:f8:s predicted_latency_s:f8:s accuracy:f8:1 "
                "shared_bytes:i8:B label:i4 predicted_class:i4 status:status attempt:i4 exit:i4 confidence:f8:1 verdict:i4",
    "exits": "round:i4 request:i4 exit:i4 predicted:i4 confidence:f8:1 left:left",
    "events": "device:i4 peer:i4 round:i4 request:i4 block:i4 kind:kind flags:u1 part:i2 begin_s:f8:s end_s:f8:s host_begin_s:f8:s "
              "host_end_s:f8:s bytes:i8:B macs:i8:MAC",
    "battery": "round:i4 device:i4 remaining_j:f8:J",
    "clocks": "round:i4 rank:i4 offset_s:f8:s uncertainty_s:f8:s",
    "outages": "begin_s:f8:s end_s:f8:s device:i4 peer:i4 cause:S64",
    "links/used": "round:i4 device:i4 peer:i4 rate_bit_s:f8:bit/s",
}
CODES = {
    "kind": h5py.enum_dtype({"compute": 1, "transmit": 2, "receive": 3, "wait": 4}, "u1"),
    "mode": h5py.enum_dtype({"full": 1, "skip": 2, "direct": 3}, "i4"),
    "status": h5py.enum_dtype({"done": 1, "rejected": 2, "failed": 3}, "u1"),
    "goal": h5py.enum_dtype({"latency": 0, "throughput": 1}, "i4"),
    "split": h5py.enum_dtype({"whole": 0, "outputs": 1, "inputs": 2, "rows": 3, "tiles": 4}, "i4"),
    "left": h5py.enum_dtype({"no": 0, "yes": 1}, "u1"),
    "S64": h5py.string_dtype("utf-8", 64),
}
COMPUTE, TRANSMIT, RECEIVE, WAIT = 1, 2, 3, 4
FULL, SKIP = 1, 2
DONE, REJECTED = 1, 2
BLOCKS = ["stem", "s2b1", "s2b2", "s3b1", "s3b2", "head"]
STAGES = [1, 2, 2, 3, 3, 4]
PROVENANCE = {"scenario": "seed = 1\n", "command_line": "skipstone run x", "git_revision": "abc", "library_versions": "HDF5 1.10",
              "instruction_set": "avx2", "hosts": "a: 0", "clock": "virtual", "dilation": 1.0, "network": "resnet20-cifar",
              "weights_hash": "0123"}


def table(name, rows=()):
    """Rows (dictionaries) as the table's array; what a row does not say is none: −1, NaN or empty."""
    columns = [column.split(":") for column in COLUMNS[name].split()]
    values = numpy.zeros(len(rows), numpy.dtype([(column, CODES.get(kind, kind)) for column, kind, *_ in columns], align=True))
    for column, kind, *_ in columns:
        if kind in ("i2", "i4", "i8"):
            values[column] = 1 if column == "parts" else 0 if column in ("bytes", "macs", "shared_bytes", "revision") else -1
        elif kind == "f8":
            values[column] = numpy.nan
        for value, row in zip(values, rows):
            if column in row:
                value[column] = row[column].encode() if isinstance(row[column], str) else row[column]
    return values


def write(path, tables, attributes=None, leave_out=()):
    """A trace of these tables; those that are not given are empty, those to leave out are not there."""
    defaults = {"format": "skipstone-trace", "format_version": 2, "software": "skipstone", "software_version": "0.1.0",
                "date": "2023-05-01T12:00:00Z", "seed": numpy.uint64(2**63 + 1), "complete": 1, "ended": "finished"}
    with h5py.File(path, "w", libver="latest") as file:
        for name, value in (defaults | (attributes or {})).items():
            if name not in leave_out:
                file.attrs[name] = numpy.bytes_(value.encode()) if isinstance(value, str) else value
        if "provenance" not in leave_out:
            group = file.create_group("provenance")
            for name, value in PROVENANCE.items():
                group.attrs[name] = numpy.bytes_(value) if isinstance(value, str) else value
        tables = {name: tables.get(name, table(name)) for name in COLUMNS if name not in ("links/used", "exits")} | tables
        if not {"links/rate_bit_s", "links/used"} & set(tables):
            devices = max(1, len(tables["devices"]))
            tables["links/rate_bit_s"] = numpy.full((len(tables["rounds"]), devices, devices), 1e6)
        for name, rows in tables.items():
            if name in leave_out:
                continue
            dataset = file.create_dataset(name, data=rows, maxshape=(None,) + rows.shape[1:], chunks=(64,) + rows.shape[1:])
            units = [column.split(":") for column in COLUMNS.get(name, "rate_bit_s:f8:bit/s").split()]
            dataset.attrs["units"] = numpy.array([f"{column[0]}={column[2]}".encode() for column in units if len(column) == 3] or [b""])
    return path


def example(devices=3, rounds=4, battery=60.0, requests=2):
    """A run in which every request crosses two devices, block s2b2 is dropped from round 2 on, and round 3 rejects its last request."""
    rows = {name: [] for name in ("rounds", "plans", "requests", "events", "battery", "clocks")}
    for r in range(rounds):
        start = 5.0 * r
        for q in range(requests):
            if r == 3 and q == requests - 1:
                rows["requests"].append({"round": r, "request": q, "arrival_s": start, "status": REJECTED, "attempt": 1})
                continue
            time = start
            for b, name in enumerate(BLOCKS):
                device = (q + b // 3) % devices
                dropped = r >= 2 and name == "s2b2"
                rows["plans"].append({"round": r, "request": q, "block": b, "device": -1 if dropped else device,
                                      "mode": SKIP if dropped else FULL})
                if dropped:
                    continue
                work = {"round": r, "request": q, "flags": 0}
                if b == 3 and devices > 1:
                    previous = (device - 1) % devices
                    for kind, here, there in ((TRANSMIT, previous, device), (RECEIVE, device, previous)):
                        rows["events"].append(work | {"device": here, "peer": there, "block": 2, "kind": kind, "begin_s": time,
                                                      "end_s": time + 0.3, "bytes": 100})
                    rows["events"].append(work | {"device": device, "block": b, "kind": WAIT, "begin_s": time, "end_s": time + 0.3})
                    time += 0.3
                rows["events"].append(work | {"device": device, "block": b, "kind": COMPUTE, "begin_s": time, "end_s": time + 0.5,
                                              "macs": 1000})
                time += 0.5
            rows["requests"].append({"round": r, "request": q, "arrival_s": start, "finish_s": time, "latency_s": time - start,
                                     "predicted_latency_s": time - start - 0.1, "accuracy": 0.9, "shared_bytes": 100 * (devices > 1),
                                     "label": 7, "predicted_class": 7, "status": DONE, "attempt": 1})
        rows["rounds"].append({"round": r, "start_s": start, "end_s": start + 5, "requests": requests,
                               "admitted": requests - (r == 3), "planner": "greedy", "status": "feasible"})
        rows["battery"] += [{"round": r, "device": d, "remaining_j": battery - 10 * (r + 1)} for d in range(devices)]
        rows["clocks"] += [{"round": r, "rank": 0, "offset_s": 0.0, "uncertainty_s": 0.0}]
    rows["devices"] = [{"device": d, "name": f"d{d}", "mac_rate": 1e9 * (1 + d % 2), "battery_j": battery, "power_compute_w": 8,
                        "power_transmit_w": 10, "power_receive_w": 0, "power_idle_w": 0} for d in range(devices)]
    rows["blocks"] = [{"block": b, "name": name, "macs": 1000, "stage": stage, "input_bytes": 100}
                      for b, (name, stage) in enumerate(zip(BLOCKS, STAGES))]
    return {name: table(name, content) for name, content in rows.items()}


def with_exits(tables):
    """The example with an exit behind s2b2, whose head takes the last 0.1 s of that block's time: request 0 of each round leaves there,
    with what it was to do behind it left out; the others go on."""
    blocks = table("blocks", [{"block": len(BLOCKS), "name": "exit.s2b2", "macs": 10, "stage": 2, "input_bytes": 100, "after": 2, "threshold": 0.75}])
    tables = tables | {"blocks": numpy.concatenate([tables["blocks"], blocks])}
    requests, events, judged = tables["requests"].copy(), tables["events"], []
    events = events[~((events["request"] == 0) & ((events["block"] > 2) | (events["kind"] != COMPUTE)))]
    behind = (events["block"] == 2) & (events["kind"] == COMPUTE)
    heads = events[behind].copy()
    heads["begin_s"], heads["block"], heads["macs"] = heads["end_s"] - 0.1, len(BLOCKS), 10
    events["end_s"][behind] -= 0.1
    for head in heads:
        left = head["request"] == 0
        judged.append({"round": head["round"], "request": head["request"], "exit": 2, "predicted": 7 if left else 3,
                       "confidence": 0.9 if left else 0.5, "left": int(left)})
    for request in requests:
        judgement = [row for row in judged if (row["round"], row["request"]) == (request["round"], request["request"])]
        if request["status"] == DONE:
            left = bool(judgement) and bool(judgement[0]["left"])
            request["exit"], request["confidence"], request["verdict"] = (2, 0.9, 7) if left else (-1, 0.8, 7)
    return tables | {"requests": requests, "events": numpy.concatenate([events, heads]), "exits": table("exits", judged)}


def of_version_1(tables):
    """These tables as version 1 has them."""
    later = {"blocks": ("stage", "input_bytes", "after", "threshold"), "requests": ("exit", "confidence", "verdict"), "rounds": ("goal", "throughput", "throughput_bound"),
             "plans": ("part", "parts", "split"), "events": ("part",)}
    earlier = {}
    for table_name, columns in later.items():
        rows = tables[table_name]
        names = [name for name in rows.dtype.names if name not in columns]
        earlier[table_name] = numpy.zeros(len(rows), [(name, rows.dtype[name]) for name in names])
        for name in names:
            earlier[table_name][name] = rows[name]
    return tables | earlier


def long_names(tables, blocks=14, stages=12):
    """These tables with so many blocks of a network whose names and stages are many and long."""
    names = [f"features.denseblock{1 + b * stages // blocks}.denselayer{b + 1}.conv1" for b in range(blocks)]
    rows = [{"block": b, "name": name, "macs": 1000, "stage": 1 + b * stages // blocks, "input_bytes": 100} for b, name in enumerate(names)]
    return tables | {"blocks": table("blocks", rows)}

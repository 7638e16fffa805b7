#!/usr/bin/env python3
"""What `skipstone analyze` computes, as one would write it with pandas: vectorised, with groupby and merge, everything in memory.

    pandas_reductions.py TRACE [--json]

The figures have the names that analyze's JSON gives them. What the benchmark's traces do not have is left out, which only spares
pandas work: measured block times, the paper's residual, plans with revisions, lost events,
runs in which nothing happens, other powers."""

import argparse
import json
import pathlib
import sys
import tomllib

import h5py
import numpy
import pandas

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[3] / "analysis"))

import skipstone  # noqa: E402

REQUEST = ["round", "request"]
HOP = ["round", "request", "block"]
SHARES = [0.5, 0.9, 0.99]


def seconds(text):
    number, unit = text.split()
    return float(number) * {"s": 1, "ms": 1e-3, "us": 1e-6, "min": 60, "h": 3600}[unit]


def union_length(spans, by):
    """Length of the union of [begin_s, end_s), per group."""
    spans = spans.sort_values("begin_s")
    keys = [spans[column] for column in by]
    reached = spans.groupby(by)["end_s"].cummax().groupby(keys).shift()
    covered = spans["end_s"] - spans["begin_s"].clip(lower=reached)
    return covered.clip(lower=0).groupby(keys).sum()


class Reductions:
    def __init__(self, path):
        self.trace = trace = skipstone.load(path)
        scenario = tomllib.loads(trace.provenance["scenario"])
        links, charge = scenario["links"], scenario["planner"]["charge"]
        links = links.get("profile", links)
        self.payload, self.latency_s = links["efficiency"] * (1 - links["loss"]), seconds(links["latency"])
        self.wall, self.dilation = trace.provenance["clock"] == "wall", trace.provenance["dilation"]
        with h5py.File(path, "r") as file:
            self.rates = file["links/rate_bit_s"][: len(trace.rounds)]

        rounds, devices = trace.rounds, trace.devices
        last = rounds.iloc[-1]
        end_s = max(last["end_s"], last["start_s"] + seconds(scenario["rounds"]["period"]))
        self.next_start = rounds["start_s"].shift(-1, fill_value=end_s)
        self.start_s, self.end_s = rounds["start_s"].iloc[0], end_s
        self.span_s = end_s - self.start_s
        self.powers = devices.set_index("device").filter(like="power_").rename(columns=lambda name: name[6:-2])

        self.requests = trace.requests.copy()
        ready = rounds["start_s"] + (seconds(charge) if isinstance(charge, str) else rounds["plan_host_s"] if charge else 0.0)
        self.requests["ready_s"] = numpy.maximum(self.requests["arrival_s"], self.requests["round"].map(ready))
        self.events = events = trace.events
        events["length_s"] = events["end_s"] - events["begin_s"]
        power = self.powers[["compute", "transmit", "receive"]].assign(wait=0.0)[list(events["kind"].cat.categories)].to_numpy()
        events["energy_j"] = events["length_s"] * power[events["device"], events["kind"].cat.codes]
        self.working = events[events["kind"] != "wait"]
        self.follow_requests()

    def of_kind(self, kind):
        return self.events[self.events["kind"] == kind]

    def follow_requests(self):
        """Every computation and hop, with when its input was there, and what was planned."""
        requests = self.requests[[*REQUEST, "arrival_s", "ready_s"]]
        computes = self.of_kind("compute").sort_values(HOP).drop(columns="peer").merge(requests, on=REQUEST)
        before = computes.groupby(REQUEST)[["block", "end_s"]].shift()
        computes["before"] = before["block"].fillna(-1).astype("int32")
        computes["before_end_s"] = before["end_s"].fillna(computes["ready_s"])
        hops = self.of_kind("transmit").astype({"peer": "int32"}).merge(
            self.of_kind("receive")[[*HOP, "begin_s", "end_s", "host_end_s", "length_s", "energy_j"]], on=HOP, suffixes=("", "_received"))
        hops = hops.merge(computes[["round", "request", "before", "before_end_s", "arrival_s"]],
                          left_on=HOP, right_on=["round", "request", "before"])
        computes = computes.merge(hops[[*HOP, "end_s_received"]].rename(columns={"block": "before"}),
                                  on=["round", "request", "before"], how="left")
        computes["there_s"] = computes["end_s_received"].fillna(computes["before_end_s"])
        computes["planned_s"] = computes["macs"] / computes["device"].map(self.trace.devices["mac_rate"])
        computes["planned_j"] = computes["planned_s"] * computes["device"].map(self.powers["compute"])
        computes["queue_s"] = computes["begin_s"] - computes["there_s"]
        computes["emulated_s"] = computes["end_s"] - computes["there_s"]
        hops["rate_bit_s"] = self.rates[hops["round"], hops["device"], hops["peer"]] * self.payload
        hops["sending_s"] = 8 * hops["bytes"] / hops["rate_bit_s"]
        hops["planned_s"] = hops["sending_s"] + self.latency_s
        hops["planned_j"] = hops["sending_s"] * (hops["device"].map(self.powers["transmit"]) + hops["peer"].map(self.powers["receive"]))
        hops["emulated_j"] = hops["energy_j"] + hops["energy_j_received"]
        hops["queue_s"] = hops["begin_s"] - hops["before_end_s"]
        hops["delay_s"] = hops["begin_s_received"] - hops["begin_s"]
        hops["moving_s"] = hops["end_s_received"] - hops["begin_s"]
        hops["emulated_s"] = hops["end_s_received"] - hops["before_end_s"]
        self.computes, self.hops = computes, hops

    def all(self):
        devices, paths = self.device_figures(), self.request_paths()
        return {"requests": self.request_totals(paths), "energy": self.energy_totals(devices), "devices": devices,
                "links": self.link_figures(), "blocks": self.block_figures(), "rounds": self.round_figures(), "request_paths": paths,
                "deviations": self.deviations(paths), "fidelity": self.fidelity(), "achievements": self.achievements()}

    def off(self, begin, end):
        """Outages of devices, cut to [begin, end)."""
        outages = self.trace.outages
        outages = outages[outages["peer"].isna()][["device", "begin_s", "end_s"]].fillna({"end_s": self.end_s})
        outages = outages.assign(begin_s=outages["begin_s"].clip(begin, end), end_s=outages["end_s"].clip(begin, end))
        return outages[outages["begin_s"] < outages["end_s"]]

    def device_figures(self):
        index = pandas.Index(self.trace.devices["device"])
        by_kind = self.events.groupby(["device", "kind"])
        length, energy, size = (by_kind[column].sum().unstack(fill_value=0).reindex(index, fill_value=0)
                                for column in ("length_s", "energy_j", "bytes"))
        spans = self.events[["device", "kind", "begin_s", "end_s"]]
        off = self.off(self.start_s, self.end_s)

        def covered(*kinds, with_off=False):
            chosen = spans[spans["kind"].isin(kinds)]
            chosen = pandas.concat([chosen, off]) if with_off else chosen
            return union_length(chosen[["device", "begin_s", "end_s"]], ["device"]).reindex(index, fill_value=0)

        sending, radio = covered("transmit"), covered("transmit", "receive")
        radio_on, processor_on = covered("transmit", "receive", with_off=True), covered("compute", "wait", with_off=True)
        rest = self.span_s - covered("compute", "transmit", "receive", with_off=True)
        processor = length["compute"] + length["wait"]
        computed = self.of_kind("compute").groupby("device").agg(blocks_run=("macs", "size"), macs=("macs", "sum"))
        computed = computed.reindex(index, fill_value=0)
        frame = pandas.DataFrame({
            "name": self.trace.devices["name"], "processor_compute_s": length["compute"], "processor_wait_s": length["wait"],
            "processor_idle_s": self.span_s - processor_on, "processor_off_s": processor_on - processor, "radio_transmit_s": sending,
            "radio_receive_s": radio - sending, "radio_idle_s": self.span_s - radio_on, "radio_off_s": radio_on - radio,
            "airtime_transmit_s": length["transmit"], "airtime_receive_s": length["receive"], "rest_s": rest,
            "compute_j": energy["compute"], "transmit_j": energy["transmit"], "receive_j": energy["receive"],
            "idle_j": rest * self.powers["idle"]}, index)
        frame["energy_j"] = frame[["compute_j", "transmit_j", "receive_j", "idle_j"]].sum(axis=1)
        battery = self.trace.battery.pivot(index="round", columns="device", values="remaining_j")
        full = self.trace.devices.set_index("device")["battery_j"].replace(numpy.inf, numpy.nan)
        frame["battery_j"], frame["battery_left_j"] = full, battery.iloc[-1].where(full.notna())
        frame["ledger_j"] = full - frame["battery_left_j"]
        frame["ledger_error"] = self.ledger_error(battery, full, frame)
        frame = frame.join(computed)
        frame["sent_bytes"], frame["received_bytes"] = size["transmit"], size["receive"]
        frame["mac_rate"] = self.trace.devices["mac_rate"]
        frame["achieved_mac_rate"] = frame["macs"] / frame["processor_compute_s"]
        if self.wall:
            computes = self.of_kind("compute")
            host_s = (computes["host_end_s"] - computes["host_begin_s"]).groupby(computes["device"]).sum() / self.dilation
            frame["host_mac_rate"] = frame["macs"] / host_s
        frame["overruns"] = (self.events["flags"] & skipstone.OVERRUN).groupby(self.events["device"]).sum().reindex(index, fill_value=0)
        return frame

    def energy_by_round(self):
        """Joules of each device (column) in each round (row), until the next one starts."""
        rounds, devices = self.trace.rounds["round"], self.trace.devices["device"]
        by = ["round", "device"]
        active = self.working.groupby(by)["energy_j"].sum().unstack(fill_value=0)
        spans = [self.working[[*by, "begin_s", "end_s"]]]
        for row in self.off(self.start_s, self.end_s).itertuples():
            within = (row.begin_s < self.next_start) & (row.end_s > self.trace.rounds["start_s"])
            starts, ends = self.trace.rounds["start_s"][within].clip(lower=row.begin_s), self.next_start[within].clip(upper=row.end_s)
            spans.append(pandas.DataFrame({"round": rounds[within], "device": row.device, "begin_s": starts, "end_s": ends}))
        busy = union_length(pandas.concat(spans), by).unstack(fill_value=0)
        active, busy = (frame.reindex(index=rounds, columns=devices, fill_value=0) for frame in (active, busy))
        length = self.next_start - self.trace.rounds["start_s"]
        return active + (-busy).add(length.set_axis(rounds), axis=0) * self.powers["idle"]

    def ledger_error(self, battery, full, frame):
        self.by_round = self.energy_by_round()
        spent = pandas.concat([full.to_frame().T.set_axis([-1]), battery]).diff(periods=-1).iloc[:-1].set_axis(battery.index)
        least = 1e-6 * full
        errors = ((self.by_round - spent).abs() / self.by_round.clip(lower=least, axis=1)).max()
        return numpy.maximum(errors, (frame["energy_j"] - frame["ledger_j"]).abs() / frame["energy_j"].clip(lower=least))

    def energy_totals(self, devices):
        totals = devices[["compute_j", "transmit_j", "receive_j", "idle_j", "energy_j"]].sum()
        return totals.to_dict() | {"ledger_j": devices["ledger_j"].sum(), "ledger_error": devices["ledger_error"].max()}

    def request_paths(self):
        computes, hops = self.computes.groupby(REQUEST), self.hops.groupby(REQUEST)
        paths = self.requests.set_index(REQUEST)
        paths = paths[["attempt", "status", "arrival_s", "latency_s", "predicted_latency_s", "accuracy"]].copy()
        paths["compute_s"] = computes["length_s"].sum()
        paths["transfer_s"] = hops["moving_s"].sum()
        first_compute, first_hop = self.computes["before"] == -1, self.hops["block"] == -1
        moved = self.computes["end_s_received"].notna()
        paths["queue_start_s"] = numpy.fmin(computes["begin_s"].min(), hops["begin_s"].min().reindex(paths.index)) - paths["arrival_s"]
        paths["queue_processor_s"] = self.computes[~first_compute | moved].groupby(REQUEST)["queue_s"].sum()
        paths["queue_link_s"] = self.hops[~first_hop].groupby(REQUEST)["queue_s"].sum()
        paths["hops"] = hops.size()
        plans = self.trace.plans
        paths["dropped_blocks"] = plans[plans["mode"] == "skip"].groupby(REQUEST).size()
        paths["shared_bytes"] = hops["bytes"].sum()
        paths["macs"] = computes["macs"].sum()
        paths["energy_j"] = self.working.groupby(REQUEST)["energy_j"].sum()
        sums = ["compute_s", "transfer_s", "queue_start_s", "queue_processor_s", "queue_link_s", "hops", "dropped_blocks", "shared_bytes",
                "macs", "energy_j"]
        paths[sums] = paths[sums].fillna(0)
        paths["queue_s"] = paths["queue_start_s"] + paths["queue_processor_s"] + paths["queue_link_s"]
        paths["planned_energy_j"] = computes["planned_j"].sum().add(hops["planned_j"].sum(), fill_value=0)
        return paths

    def request_totals(self, paths):
        status = self.requests["status"].value_counts()
        done = paths[paths["status"] == "done"]
        latency = done["latency_s"].quantile(SHARES)
        first = int((self.requests["attempt"] == 1).sum())
        plans = self.trace.plans
        labelled = self.requests[(self.requests["status"] == "done") & self.requests["label"].notna() & self.requests["predicted_class"].notna()]
        return {"requests": first, "attempts": len(self.requests), "done": int(status["done"]), "rejected": int(status["rejected"]),
                "failed": int(status["failed"]), "unserved": first - int(status["done"]), "latency_mean_s": done["latency_s"].mean(),
                "latency_p50_s": latency[0.5], "latency_p90_s": latency[0.9], "latency_p99_s": latency[0.99],
                "latency_max_s": done["latency_s"].max(), "latency_total_s": done["latency_s"].sum(),
                "path_compute_mean_s": done["compute_s"].mean(), "path_transfer_mean_s": done["transfer_s"].mean(),
                "path_queue_mean_s": done["queue_s"].mean(), "throughput_per_s": len(done) / self.span_s,
                "accuracy_planned": done["accuracy"].mean(), "labelled": len(labelled),
                "correct": int((labelled["label"] == labelled["predicted_class"]).sum()),
                "accuracy_planned_labelled": labelled["accuracy"].mean(),
                "accuracy_observed": (labelled["label"] == labelled["predicted_class"]).mean(),
                "shared_bytes": int(self.of_kind("transmit")["bytes"].sum()), "macs": int(self.of_kind("compute")["macs"].sum()),
                "dropped_blocks": int((plans["mode"] == "skip").sum())}

    def link_figures(self):
        frame = self.hops.assign(again=(self.hops["flags"] & skipstone.RETRANSMITTED) > 0).groupby(["device", "peer"]).agg(
            transfers=("bytes", "size"), retransmitted=("again", "sum"), bytes=("bytes", "sum"), busy_s=("length_s", "sum"),
            queue_mean_s=("queue_s", "mean"), queue_max_s=("queue_s", "max"), delay_mean_s=("delay_s", "mean"),
            planned_mean_s=("planned_s", "mean"), emulated_mean_s=("emulated_s", "mean"))
        return frame.assign(utilisation=frame["busy_s"] / self.span_s, rate_bit_s=8 * frame["bytes"] / frame["busy_s"])

    def block_figures(self):
        plans = self.trace.plans
        frame = plans.groupby("block").agg(planned=("mode", "size"))
        frame["dropped"] = (plans["mode"] == "skip").groupby(plans["block"]).sum()
        frame["dropped_share"] = frame["dropped"] / frame["planned"]
        frame = frame.join(self.computes.groupby("block").agg(
            runs=("macs", "size"), macs=("macs", "sum"), compute_s=("length_s", "sum"), compute_mean_s=("length_s", "mean"),
            queue_mean_s=("queue_s", "mean"), planned_mean_s=("planned_s", "mean"), emulated_mean_s=("emulated_s", "mean"),
            compute_j=("energy_j", "sum")), how="outer")
        frame = frame.join(self.hops.groupby("block").agg(
            transfers=("bytes", "size"), bytes=("bytes", "sum"), transmit_s=("length_s", "sum"), transmit_j=("energy_j", "sum"),
            receive_j=("energy_j_received", "sum")), how="outer")
        sums = ["planned", "dropped", "runs", "macs", "compute_s", "compute_j", "transfers", "bytes", "transmit_s", "transmit_j", "receive_j"]
        frame[sums] = frame[sums].fillna(0)
        frame["energy_j"] = frame[["compute_j", "transmit_j", "receive_j"]].sum(axis=1)
        return frame

    def round_figures(self):
        rounds = self.trace.rounds.set_index("round")
        frame = rounds[["start_s", "end_s", "requests", "admitted", "planner", "status", "binding", "objective", "bound", "gap",
                        "plan_host_s", "predicted_latency_s"]].copy()
        frame["length_s"] = frame["end_s"] - frame["start_s"]
        status = self.requests.groupby(["round", "status"]).size().unstack(fill_value=0)
        frame[["done", "rejected", "failed"]] = status.reindex(frame.index, fill_value=0)[["done", "rejected", "failed"]]
        done = self.requests[self.requests["status"] == "done"].groupby("round")
        frame["latency_mean_s"], frame["accuracy_mean"] = done["latency_s"].mean(), done["accuracy"].mean()
        plans = self.trace.plans
        frame["dropped_blocks"] = plans[plans["mode"] == "skip"].groupby("round").size()
        frame["shared_bytes"] = self.hops.groupby("round")["bytes"].sum()
        frame["macs"] = self.computes.groupby("round")["macs"].sum()
        frame["overruns"] = (self.events["flags"] & skipstone.OVERRUN).groupby(self.events["round"]).sum()
        sums = ["dropped_blocks", "shared_bytes", "macs", "overruns"]
        frame[sums] = frame[sums].fillna(0)
        frame["energy_j"] = self.by_round.sum(axis=1)
        battery = self.trace.battery.pivot(index="round", columns="device", values="remaining_j").replace(numpy.inf, numpy.nan)
        frame["lowest_battery_j"], frame["lowest_device"] = battery.min(axis=1), battery.idxmin(axis=1)
        return frame

    def deviations(self, paths):
        done = paths[paths["status"] == "done"]
        computes, hops = self.computes, self.hops
        pairs = {("request", "latency_s"): (done["predicted_latency_s"], done["latency_s"]),
                 ("request", "energy_j"): (done["planned_energy_j"], done["energy_j"]),
                 ("hop", "latency_s"): (hops["planned_s"], hops["emulated_s"]), ("hop", "energy_j"): (hops["planned_j"], hops["emulated_j"]),
                 ("block", "latency_s"): (computes["planned_s"], computes["emulated_s"]),
                 ("block", "energy_j"): (computes["planned_j"], computes["energy_j"])}
        rows = {}
        for key, (planned, emulated) in pairs.items():
            deviation = emulated - planned
            p50, p99 = deviation.quantile([0.5, 0.99])
            rows[key] = {"count": len(deviation), "planned_mean": planned.mean(), "emulated_mean": emulated.mean(),
                         "bias": deviation.mean(), "relative_bias": deviation.mean() / planned.mean(), "p50": p50, "p99": p99,
                         "max": deviation.max()}
        return pandas.DataFrame.from_dict(rows, orient="index").rename_axis(["level", "quantity"])

    def fidelity(self):
        if not self.wall:
            return {"events": 0, "overruns": 0}
        events, rounds = self.working[self.working["host_end_s"].notna()], self.trace.rounds
        host = (events["host_end_s"] - events["round"].map(rounds["host_start_s"])) / self.dilation
        late = (host - (events["end_s"] - events["round"].map(rounds["start_s"]))) / events["length_s"].clip(lower=0.010)
        overruns = int((events["flags"] & skipstone.OVERRUN).sum())
        p50, p90, p99 = late.quantile(SHARES)
        return {"events": len(events), "overruns": overruns, "overrun_share": overruns / len(events), "lateness_mean": late.mean(),
                "lateness_p50": p50, "lateness_p90": p90, "lateness_p99": p99, "lateness_max": late.max(),
                "clock_uncertainty_s": self.trace.clocks["uncertainty_s"].max()}

    def achievements(self):
        rows = {}
        if self.wall:
            computes, hops = self.computes, self.hops
            rows["compute"] = (computes["length_s"], computes["host_end_s"] - computes["host_begin_s"], computes["macs"])
            rows["transmit"] = (hops["length_s"], hops["host_end_s"] - hops["host_begin_s"], 8 * hops["bytes"])
            rows["hop"] = (hops["moving_s"], hops["host_end_s_received"] - hops["host_begin_s"], None)
        for kind, (requested, host, amount) in rows.items():
            achieved = host / self.dilation
            error = (achieved - requested) / requested.clip(lower=0.010)
            p50, p99 = error.quantile([0.5, 0.99])
            rows[kind] = {"count": len(error), "requested_mean_s": requested.mean(), "achieved_mean_s": achieved.mean(),
                          "requested_rate": None if amount is None else amount.sum() / requested.sum(),
                          "achieved_rate": None if amount is None else amount.sum() / achieved.sum(), "error_mean": error.mean(),
                          "error_p50": p50, "error_p99": p99, "error_max": error.max()}
        return pandas.DataFrame.from_dict(rows, orient="index").rename_axis("kind")


def plain(value):
    """Frames as lists of rows, as analyze's JSON has them."""
    if isinstance(value, pandas.DataFrame):
        return json.loads(value.reset_index().to_json(orient="records", double_precision=15))
    return {name: None if pandas.isna(number) else number for name, number in value.items()}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("trace", metavar="TRACE")
    parser.add_argument("--json", action="store_true", help="print all figures, in the shape of skipstone analyze --json")
    arguments = parser.parse_args()
    figures = Reductions(arguments.trace).all()
    if arguments.json:
        print(json.dumps({name: plain(value) for name, value in figures.items()}))
    else:
        print(pandas.Series(figures["requests"] | figures["energy"]).to_string())
        for name in ("devices", "links", "blocks", "rounds", "deviations"):
            print(f"\n{name}\n{figures[name].to_string(max_rows=24)}")


if __name__ == "__main__":
    main()

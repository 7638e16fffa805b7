#!/usr/bin/env python3
"""Latency, energy and shared data of runs that can be worked out by hand, held against the trace (virtual clock)."""

import unittest

from support import ALONE, COMPUTE, TRANSMIT, WAIT, ProgramTest, durations, numpy, where

LINK = {"links.min": None, "links.max": None, "links.rate": "16 Mbit/s", "links.latency": "30 ms"}


def forced_split(blocks, names, first_blocks):
    """Two devices of which the first can compute just the first blocks; it is by far the faster one, so that it is wanted for them."""
    macs = dict(zip(names, (int(m) for m in blocks["macs"])))
    first = sum(macs[name] for name in first_blocks)
    return [
        {"profile": "khan2023-low", "name": "near", "mac_rate": "1 GMAC/s", "macs_per_round": f"{first} MAC"},
        {"profile": "khan2023-low", "name": "far", "mac_rate": "100 MMAC/s", "macs_per_round": f"{sum(macs.values()) - first} MAC"},
    ]


class OneDevice(ProgramTest):
    def setUp(self):
        super().setUp()
        self.trace = self.run_scenario(ALONE | {"requests.count": 1, "planner.name": "no-drop"})

    def test_latency_is_the_work_over_the_rate(self):
        self.assert_close(self.trace.requests["latency_s"], self.trace.blocks["macs"].sum() / 100e6)
        self.assert_close(self.trace.requests["predicted_latency_s"], self.trace.blocks["macs"].sum() / 100e6)

    def test_energy_is_the_power_times_the_time(self):
        round_j = 8 * self.trace.blocks["macs"].sum() / 100e6
        self.assert_close(self.trace.battery["remaining_j"], 800 - round_j * numpy.arange(1, 4))

    def test_rounds_follow_each_other(self):
        length = self.trace.blocks["macs"].sum() / 100e6
        self.assert_close(self.trace.rounds["start_s"], length * numpy.arange(3))
        self.assertEqual(self.trace.requests["shared_bytes"].sum(), 0)

    def test_two_requests_queue_for_the_processor(self):
        trace = self.run_scenario(ALONE | {"requests.count": 2, "planner.name": "no-drop", "rounds.count": 1})
        work = trace.blocks["macs"].sum() / 100e6
        head = trace.blocks["macs"][-1] / 100e6
        # First come first served, block by block: both advance in turn.
        self.assert_close(sorted(trace.requests["latency_s"]), [2 * work - head, 2 * work])


class TwoDevices(ProgramTest):
    def setUp(self):
        super().setUp()
        plain = self.run_scenario({"rounds.count": 1})
        self.names = plain.names("blocks")
        self.fleet = forced_split(plain.blocks, self.names, self.names[:4])
        self.changes = LINK | {"fleet.devices": self.fleet, "requests.count": 1, "rounds.count": 1, "planner.name": "exact",
                               "objective.accuracy_threshold": 0.9}

    def expected(self, trace, hop_bytes):
        near, far = trace.blocks["macs"][:4].sum() / 1e9, trace.blocks["macs"][4:].sum() / 100e6
        return near, far, hop_bytes * 8 / 16e6

    def test_latency_is_the_work_and_the_hop(self):
        trace = self.run_scenario(self.changes)
        near, far, hop = self.expected(trace, trace.blocks["output_bytes"][3])
        self.assert_close(trace.requests["latency_s"], near + hop + 0.030 + far)
        self.assert_close(trace.requests["predicted_latency_s"], near + hop + 0.030 + far)
        self.assertEqual(trace.requests["shared_bytes"][0], trace.blocks["output_bytes"][3])

    def test_the_sender_pays_for_the_hop(self):
        trace = self.run_scenario(self.changes)
        near, far, hop = self.expected(trace, trace.blocks["output_bytes"][3])
        self.assert_close(800 - trace.battery["remaining_j"], [8 * near + 10 * hop, 8 * far])

    def test_the_receiver_and_idling_are_charged_where_the_profile_says(self):
        for device in self.fleet:
            device["power"] = {"compute": "8 W", "transmit": "10 W", "receive": "2 W", "idle": "0.5 W"}
        trace = self.run_scenario(self.changes)
        near, far, hop = self.expected(trace, trace.blocks["output_bytes"][3])
        length = near + hop + 0.030 + far
        self.assert_close(trace.rounds["end_s"], length)
        self.assert_close(800 - trace.battery["remaining_j"],
                          [8 * near + 10 * hop + 0.5 * (length - near - hop), 8 * far + 2 * hop + 0.5 * (length - far - hop)])

    def test_waiting_is_recorded(self):
        trace = self.run_scenario(self.changes)
        near, _, hop = self.expected(trace, trace.blocks["output_bytes"][3])
        waits = trace.kind(WAIT)
        self.assertEqual(list(waits["device"]), [1])
        self.assert_close(durations(waits), near + hop + 0.030)

    def test_the_image_is_sent_first_where_it_has_a_source(self):
        trace = self.run_scenario(self.changes | {"requests.source": "far"})
        near, far, hop = self.expected(trace, trace.blocks["output_bytes"][3])
        image = 3 * 32 * 32 * 4
        self.assert_close(trace.requests["latency_s"], image * 8 / 16e6 + 0.030 + near + hop + 0.030 + far)
        self.assertEqual(trace.requests["shared_bytes"][0], image + trace.blocks["output_bytes"][3])

    def test_tensors_queue_on_a_link_and_on_a_radio(self):
        for device in self.fleet:
            device["macs_per_round"] = f"{2 * int(device['macs_per_round'].split()[0])} MAC"
        for medium in ("links", "radio"):
            trace = self.run_scenario(self.changes | {"requests.count": 2, "links.rate": "1 Mbit/s", "links.medium": medium})
            sent = trace.kind(TRANSMIT)
            hop = trace.blocks["output_bytes"][3] * 8 / 1e6
            self.assertEqual(len(sent), 2)
            self.assert_close(durations(sent), hop)
            self.assert_close(sent["begin_s"][1], sent["end_s"][0])  # both are ready long before: the first one takes 0.5 s
            ends = [where(trace.kind(COMPUTE, block=3), request=r)["end_s"][0] for r in range(2)]
            self.assert_close(sent["begin_s"][0], min(ends))


if __name__ == "__main__":
    unittest.main()

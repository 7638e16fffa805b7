#!/usr/bin/env python3
"""Random scenarios have every key that the program reads."""

import pathlib
import re
import sys
import unittest

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.append(str(pathlib.Path(__file__).resolve().parent))
import scenarios

# What a scenario file's reader looks for, and no key of a random scenario: a shipped file's remark.
NO_KEYS = {"source"}
READS = re.compile(r"\b(?:get|has|number|integer|integers|text|texts|boolean|table|tables|choice<[^>]*>|quantity<[^>]*>)\(\s*\"(\w+)\"")


def read_by(path, *functions):
    """Keys that a source file reads; with functions' names: that these read."""
    source = (ROOT / path).read_text()
    if functions:
        bodies = [source[match.start():source.index("\n}\n", match.start())] for name in functions
                  for match in [re.search(rf"^\S.* {name}\(.*$", source, re.MULTILINE)]]
        source = "".join(bodies)
    return set(READS.findall(source))


def documented():
    """Keys by section of the scenario that explains every key; those commented out included."""
    keys, section = {"": set()}, ""
    for line in (ROOT / "profiles" / "scenarios" / "khan2023.toml").read_text().splitlines():
        if match := re.match(r"\[+([a-z.]+)\]+", line):
            section = match[1]
            keys[section] = set()
        elif match := re.match(r"(?:# )?(\w+) = ", line):
            keys[section].add(match[1])
    return keys


class Keys(unittest.TestCase):
    maxDiff = None

    def test_random_scenarios_draw_every_key_that_is_documented(self):
        sections = scenarios.KEYS.keys() | scenarios.ELSEWHERE.keys()
        known = {section: scenarios.KEYS.get(section, set()) | scenarios.ELSEWHERE.get(section, set()) for section in sections}
        self.assertEqual(known, documented())

    def test_random_scenarios_draw_every_key_that_is_read(self):
        known = set().union(*scenarios.KEYS.values(), *scenarios.ELSEWHERE.values())
        for file in ("scenario_file.cpp", "network_section.cpp", "planner_section.cpp"):
            self.assertEqual(read_by(f"src/config/{file}") - known - scenarios.DEVICE_KEYS - NO_KEYS, set())
        self.assertEqual(read_by("src/config/fault_section.cpp") - scenarios.KEYS["faults"] - scenarios.OUTAGE_KEYS
                         - {"name", "mean_time_to_failure", "mean_time_to_repair"} - NO_KEYS, set())
        self.assertEqual(read_by("src/config/profile_tables.cpp", "read_device_keys") - scenarios.DEVICE_KEYS, set())
        self.assertEqual(read_by("src/config/profile_tables.cpp", "read_link_keys") - scenarios.KEYS["links"], set())

    def test_some_scenario_has_each_key(self):
        drawn = {section: set() for section in scenarios.KEYS}
        devices, outages, pairs = set(), set(), set()
        for seed in range(2000):
            scenario = scenarios.scenario(seed)
            for section, keys in scenario.items():
                drawn[section] |= set(keys)
            devices |= {key for entry in scenario["fleet"]["devices"] for key in entry}
            pairs |= {key for pair in scenario["links"].get("pair", []) for key in pair}
            outages |= {key for outage in scenario.get("faults", {}).get("outages", []) for key in outage}
        self.assertEqual(drawn, scenarios.KEYS)
        self.assertEqual(devices, scenarios.DEVICE_KEYS)
        self.assertEqual(outages, scenarios.OUTAGE_KEYS)
        self.assertEqual(pairs, scenarios.PAIR_KEYS)


if __name__ == "__main__":
    unittest.main()

#!/usr/bin/env python3
"""Numbers and words as people type and paste them: taken where they mean one thing, else named with what would be right."""

import json
import os
import pathlib
import signal
import subprocess
import unittest

from support import PROGRAM, ROOT, ProgramTest, Trace, cifar_batch, scenario_text, write_weights

SWEEP = 'format = "skipstone-sweep"\nversion = 1\nscenario = "s.toml"\n'


class Words(ProgramTest):
    def refused(self, *words):
        result = self.skipstone(*words, code=2)
        self.assertNotIn("\n", result.err.strip(), result)
        return result.err

    def config(self, *words):
        return self.skipstone("run", self.scenario(), "--print-config", *words).out

    def test_whole_numbers_are_decimal_in_options(self):
        for text, value in (("010", 10), ("08", 8), ("+5", 5), ("1e3", 1000), ("1_000", 1000), ("\uff11\uff12", 12), ("0", 0)):
            self.assertIn(f"\nseed = {value}\n", "\n" + self.config("--seed", text))
            self.assertIn(f"\nseed = {value}\n", "\n" + self.config("--set", f"seed={text}"))
        self.assertIn("\ncount = 10\nperiod", self.config("--rounds", "010"))
        for text in (".5", "+.5", "0.5", "00.5", " .5"):
            self.assertIn("\nalpha = 0.5\n", self.config("--set", f"objective.alpha={text}"))
        for option, key in (("--seed", "seed"), ("--rounds", "rounds.count")):
            for text, said in (("0x10", "write 16"), ("-1", "is -1"), ("ten", "is no number"), ("\u0661\u0662", "is no number"), ("", "holds no number"), ("1.5", "whole number"), ("1,5", "comma"),
                               ("\u22121", "U+2212 (minus sign)"), ("99999999999999999999", "out of range")):
                with self.subTest(option=option, text=text):
                    err = self.refused("run", self.scenario(), "--print-config", option, text)
                    self.assertIn(said, err)
                    self.assertIn(option, err)
                    self.assertIn(key, err) if said != "write 16" and text[:1] not in "9" else None

    def test_every_whole_option_says_its_name_and_range(self):
        weights, images = write_weights(self.path("w.h5")), self.write("i.bin", cifar_batch([0, 1]))
        self.write("s.toml", scenario_text())
        sweep = self.write("sw.toml", SWEEP)
        study = ["study", "--weights", weights, "--data", images, "-o", "t.toml"]
        calls = [(["plan", "s.toml"], ("--seed", "--round", "--requests")),
                 (study, ("--limit", "--final-limit", "--final-count", "--batch", "--threads")),
                 (["calibrate", "--weights", weights, "--data", images, "-o", "c.toml"], ("--count",)),
                 (["bench", "--network", "resnet20-cifar", "--no-keep"], ("--input", "--threads", "--batch", "--passes")),
                 (["sweep", "run", sweep], ("--jobs",)), (["sweep", "expand", sweep], ("--jobs",))]
        for words, options in calls:
            for option in options:
                for text, said in (("-1", "is -1; it must be a whole number"), ("0x10", "is not decimal (write 16)"), ("8.5", "whole number"),
                                   ("abc", "is no number"), ("", "holds no number"), ("\u20135", "U+2013 (en dash)")):
                    with self.subTest(command=words[0], option=option, text=text):
                        err = self.refused(*words, option, text)
                        self.assertIn(said, err)
                        self.assertIn(option, err)
        self.assertIn("comma", self.refused("plan", "s.toml", "--time-limit", "1,5"))
        self.assertIn("above 0", self.refused("plan", "s.toml", "--time-limit", "-1"))
        self.assertIn("is not decimal", self.refused("plan", "s.toml", "--time-limit", "0x10"))
        plan = json.loads(self.skipstone("plan", "s.toml", "--json", "--requests", "02", "--seed", "08", "--round", "01").out)
        self.assertEqual(plan["requested"], 2)

    def test_points_and_sweep_files_are_decimal(self):
        self.write("s.toml", scenario_text({"rounds.count": 1}))
        sweep = self.write("sw.toml", SWEEP + "repetitions = 12\n")
        out = self.skipstone("sweep", "run", sweep, "-o", "f", "--points", "010-011,08").out
        self.assertIn("3 points: 3 done", out)
        self.assertEqual(self.skipstone("sweep", "status", sweep, "-o", "f", "--left").out, "0-7,9\n")
        for text, said in (("0x1", "is not decimal"), ("-1", "no number"), ("1\u20133", "U+2013 (en dash)"), ("a", "is no number")):
            self.assertIn(said, self.refused("sweep", "run", sweep, "-o", "f", "--points", text))
        self.assertIn("write 16", self.refused("sweep", "expand", self.write("x.toml", SWEEP + "repetitions = 0x10\n")))
        self.assertIn("not valid TOML", self.refused("sweep", "expand", self.write("x.toml", SWEEP + "repetitions = 010\n")))

    def test_numbers_of_another_base_in_files(self):
        text = scenario_text()
        for number in ("0x10", "0o20", "0b10000"):
            err = self.refused("check", self.write("s.toml", text.replace("seed = 7", f"seed = {number}")))
            self.assertIn("s.toml:1:", err)
            self.assertIn("write 16", err)

    def test_blanks_and_digits_of_all_kinds_are_taken(self):
        plain = self.write("plain.toml", scenario_text({"links.latency": "5 ms"}))
        expected = self.skipstone("run", plain, "--print-config").out
        for blank in "\u00a0\u1680\u2000\u2002\u2003\u2009\u200a\u202f\u205f\u3000":
            with self.subTest(blank=f"U+{ord(blank):04X}"):
                text = scenario_text({"links.latency": f"5{blank}ms"}).replace(" = ", f"{blank}={blank}")
                self.assertEqual(self.skipstone("run", self.write("s.toml", text), "--print-config").out, expected)
                self.assertEqual(self.skipstone("run", plain, "--print-config", "--set", f"links.latency{blank}={blank}5{blank}ms").out, expected)
        for text in ("\ufeff" + scenario_text({"links.latency": "5 ms"}), scenario_text({"links.latency": "5 ms"}).replace("\n", "\r\n"),
                     scenario_text({"links.latency": "\uff15 \uff4d\uff53"}), scenario_text({"links.latency": "5\u200b ms"}),
                     scenario_text({"links.latency": "5000 \u00b5s"}), scenario_text({"links.latency": "5000 \u03bcs"})):
            self.assertEqual(self.skipstone("run", self.write("s.toml", text), "--print-config").out, expected)
        instance = self.path("i.json")
        self.skipstone("plan", plain, "--dump-instance", instance)
        spaced = "\ufeff" + pathlib.Path(instance).read_text().replace(": ", ":\u00a0").replace("\n", "\r\n")
        self.assertEqual(self.skipstone("plan", "--instance", self.write("j.json", spaced), "--json").out.split('"seconds"')[0],
                         self.skipstone("plan", "--instance", instance, "--json").out.split('"seconds"')[0])

    def test_lookalikes_are_named(self):
        text = scenario_text({"links.latency": "5 ms"})
        for wrong, said in ((text.replace('"5 ms"', '"\u22125 ms"'), "U+2212 (minus sign) stands where \"-\" is meant"),
                            (text.replace('"5 ms"', '"5,5 ms"'), "comma"), (text.replace('"5 ms"', '"0x5 ms"'), "not decimal"),
                            (text.replace('"5 ms"', "\u201c5 ms\u201d"), "U+201C (left double quotation mark)"),
                            (text.replace("alpha = 0.7", "alpha = \u22120.7"), "U+2212 (minus sign)"),
                            (text.replace("alpha = 0.7", 'alpha = "0,7"'), "comma"), (text.replace("alpha = 0.7", 'alpha = "0.7"'), "without quotes"),
                            (text.replace('"greedy"', '"no\u2011drop"'), "U+2011 (non-breaking hyphen)"),
                            (text.replace('"7.2 Mbit/s"', '"7.2 Mbit\u2215s"'), "U+2215 (division slash)"),
                            (text.encode("utf-16"), "UTF-16")):
            with self.subTest(said=said):
                err = self.refused("check", self.write("s.toml", wrong))
                self.assertIn(said, err)
                self.assertIn("s.toml", err)
        scenario = self.scenario()
        links = self.write("links.csv", "from,to,rate_mbit_s\nlow-0,low-1,5\n".encode("utf-16"))
        self.assertIn("UTF-16", self.refused("run", scenario, "--print-config", "--set", f"links.file={links}"))
        self.assertIn("U+2212", self.refused("run", scenario, "--set", "objective.alpha=\u22120.5"))
        self.assertIn("comma", self.refused("run", scenario, "--set", "objective.alpha=0,5"))
        self.assertIn("U+2014 (em dash)", self.refused("run", scenario, "\u2014rounds", "3"))
        self.assertIn("U+2212", self.refused("plan", "--instance", self.write("i.json", '{"format": "skipstone-instance", "alpha": \u22121}')))

    def test_a_slip_in_an_option_or_command_names_the_nearest(self):
        scenario = self.scenario()
        for words, said in ((["run", scenario, "--plannr", "exact"], "--planner"), (["run", "--plannr", "exact"], "--planner"),
                            (["run", scenario, "--round=3"], "--rounds"), (["plan", scenario, "--rond", "1"], "--round"),
                            (["sweep", "run", scenario, "--job", "2"], "--jobs"), (["analyze", "--htlm", "x"], "--html"),
                            (["rnu", scenario], "run"), (["study", "--wieghts", "w"], "--weights")):
            self.assertIn(f"nearest is {said}" if said.startswith("-") else f'nearest is "{said}"', self.refused(*words))

    def test_options_behind_two_dashes_are_told_as_such(self):
        self.assertIn('--rounds: stands behind "--"', self.refused("run", self.scenario(), "--", "--rounds", "1"))

    def test_blanks_between_planners_do_not_matter(self):
        scenario = self.scenario()
        for text in ("greedy, no-drop", " greedy ,no-drop", "greedy,\u00a0no-drop"):
            out = self.skipstone("plan", scenario, "--planner", text).out
            self.assertEqual([line.split()[0] for line in out.splitlines()[-2:]], ["greedy", "no-drop"])

    def test_what_cannot_be_printed_is_no_success(self):
        scenario = self.scenario()
        for words in (["plan", scenario, "--json"], ["run", scenario, "--print-config"], ["check", scenario], ["--help"]):
            with open("/dev/full", "w") as full:
                result = subprocess.run([PROGRAM, *words], stdout=full, stderr=subprocess.PIPE, text=True, timeout=60)
            self.assertEqual(result.returncode, 1, words)
            self.assertIn("standard output", result.stderr)

    def test_a_planner_that_is_none_is_where_it_was_named(self):
        scenario = self.scenario()
        err = self.refused("run", scenario, "--planner", "exakt")
        self.assertTrue(err.startswith("skipstone: --planner exakt: "), err)
        self.assertIn('"exact" of exact, contention', err)
        self.assertIn("--set planner.name=exakt", self.refused("run", scenario, "--set", "planner.name=exakt"))
        wrong = self.write("wrong.toml", scenario_text({"planner.name": "exakt"}))
        line = 1 + pathlib.Path(wrong).read_text().split("\n").index('name = "exakt"')
        self.assertIn(f"wrong.toml:{line}: planner.name", self.refused("check", wrong))
        self.assertIn("exact, contention", self.refused("plan", scenario, "--planner", "all"))
        self.assertIn("--planner", self.refused("plan", scenario, "--planner", "greedy,exakt"))

    def test_a_slip_in_a_key_is_told_before_what_is_missing(self):
        links = {"links": None, "links.model": "fixed", "links.rates": "5 Mbit/s"}
        text = scenario_text(links).replace('min = "7.2 Mbit/s"\n', "").replace('max = "72.2 Mbit/s"\n', "")
        err = self.refused("check", self.write("s.toml", text))
        self.assertIn("links.rates: unknown key", err)
        self.assertIn('"links.rate"', err)
        err = self.refused("check", self.write("net.toml", 'name = "x"\nstage = [1, 1]\nblock = "basic"\nwidth = 16\n'))
        self.assertIn('stage: unknown key; the nearest known one is "stages"', err)
        err = self.refused("check", self.write("net.toml", 'name = "x"\nblock = "basic"\nwidth = 16\n'))
        self.assertIn("stages: is missing", err)

    def test_a_key_without_its_section(self):
        for text, said in (("alpha=0.5", '"objective.alpha"'), ("kernels=false", '"emulation.kernels"'), ("period=5 s", '"rounds.period"'),
                           ("count=3", '"requests.count" or "rounds.count"')):
            self.assertIn("stands without its section; write " + said, self.refused("run", self.scenario(), "--set", text))

    def test_a_key_of_a_list_asks_which_entry(self):
        self.write("s.toml", scenario_text())
        err = self.refused("sweep", "expand", self.write("sw.toml", SWEEP + "[grid]\nfleet.devices.count = [1, 2]\n"))
        self.assertIn('"fleet.devices[0].count"', err)
        self.assertIn('"fleet.devices[0].count"', self.refused("run", "s.toml", "--set", "fleet.devices.count=2"))

    def test_bare_words_print_help(self):
        result = self.skipstone(code=2)
        self.assertIn("Usage: skipstone", result.out)
        self.assertIn("  sweep ", result.out)

    def test_export_makes_a_folder_of_a_name_without_an_ending(self):
        self.skipstone("run", self.scenario(), "-o", "t.h5")
        self.skipstone("export", "t.h5", "--to", "csv", "-o", "tables")
        self.assertTrue((self.folder / "tables/events.csv").is_file())
        self.skipstone("export", "t.h5", "--to", "csv", "-o", "events.csv")
        self.assertTrue((self.folder / "events.csv").is_file())
        self.assertTrue(self.skipstone("export", "t.h5", "--to", "csv", "--table", "rounds", "-o", "/dev/stdout").out.startswith("round"))

    def test_watch_waits_for_a_trace(self):
        watch = self.start("watch", "t.h5")
        self.assertIn("is not there yet; waiting for it", watch.stderr.readline())
        self.skipstone("run", self.scenario(), "-o", "t.h5")
        result = self.wait(watch, 30)
        self.assertEqual(result.code, 0)
        self.assertIn("[3/3] round 2", result.out)
        watch = self.start("watch", "later.h5")
        watch.stderr.readline()
        watch.send_signal(signal.SIGINT)
        self.assertEqual(self.wait(watch, 10).code, 130)
        self.assertIn("No such file", self.skipstone("watch", "nowhere/t.h5", code=2).err)

    def test_other_powers_do_not_pass_for_the_ledger(self):
        self.skipstone("run", self.scenario(), "-o", "t.h5")
        self.assertIn("events and battery ledger agree (to", self.skipstone("analyze", "t.h5").out)
        out = self.skipstone("analyze", "t.h5", "--power", "khan2023-high").out
        self.assertNotIn("events and battery ledger agree (to", out)
        self.assertIn("agree with the trace's own powers", out)
        self.assertIn("these energies are with the powers of khan2023-high", out)


if __name__ == "__main__":
    unittest.main()

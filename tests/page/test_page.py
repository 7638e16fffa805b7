#!/usr/bin/env python3
"""The page of `skipstone analyze --html`, as a browser shows it: at ten devices and at a hundred."""

import json
import pathlib
import shutil
import sys
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "cli"))

import exit_tables  # noqa: E402
from support import COMPUTE, OVERRUN, TRANSMIT, WAIT, ProgramTest, Trace, numpy, text, where  # noqa: E402

CHROMIUM, DRIVER = shutil.which("chromium"), shutil.which("chromedriver")
try:
    from selenium import webdriver
    from selenium.webdriver.chrome.service import Service
    from selenium.webdriver.common.action_chains import ActionChains
    from selenium.webdriver.common.actions.wheel_input import ScrollOrigin
    from selenium.webdriver.common.by import By
    from selenium.webdriver.common.keys import Keys
    from selenium.webdriver.support.ui import WebDriverWait
except ImportError as missing:
    print(f"skipped: {missing}")
    sys.exit(77)
if not CHROMIUM or not DRIVER:
    print("skipped: Chromium or its driver is missing")
    sys.exit(77)

HOSTILE = "</script><script>stolen=1</script><img src=x onerror=stolen=1>"  # with its number as long as a name may be


def fleet(number):
    return [{"profile": "khan2023-low", "name": "a", "count": number // 2, "mac_rate": "100 MMAC/s", "macs_per_round": "30 MMAC", "battery": "60 J"},
            {"profile": "khan2023-high", "name": "gateway", "count": number - number // 2, "mac_rate": "200 MMAC/s", "macs_per_round": "60 MMAC"}]


TEN = {"fleet.devices": fleet(10), "rounds.count": 6, "requests.count": 6}
# A stream through stages: on one device, in turns, in parts.
STREAM = {"planner.name": "pipeline", "objective.goal": "throughput", "requests.arrivals": "closed", "requests.in_flight": 6,
          "requests.count": 40, "rounds.count": 1, "requests.source": "a-0", "collaboration.splits": ["outputs"],
          "fleet.devices": [device | {"battery": "mains", "macs_per_round": "10 GMAC"} for device in fleet(4)]}
BY_HAND = {"planner.name": "fixed", "planner.stages": [
    {"blocks": "stem..s2b3", "devices": ["a-0"]}, {"blocks": "s3b1..s4b3", "devices": ["a-1", "gateway-0"], "take": "turns"},
    {"blocks": "head", "devices": ["a-0", "gateway-1"], "split": "outputs", "join": "a-1"}]}
HUNDRED = {"fleet.devices": fleet(100), "rounds.count": 4, "requests.count": 60}


class Page(ProgramTest):
    @classmethod
    def setUpClass(cls):
        options = webdriver.ChromeOptions()
        options.binary_location = CHROMIUM
        for argument in ("--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--window-size=1400,1000",
                         "--force-device-scale-factor=1"):
            options.add_argument(argument)
        options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
        cls.browser = webdriver.Chrome(service=Service(DRIVER), options=options)

    @classmethod
    def tearDownClass(cls):
        cls.browser.quit()

    def open(self, changes, *arguments, **options):
        trace = self.run_scenario(changes, *arguments, **options)
        self.skipstone("analyze", sorted(self.folder.glob("*.h5"))[-1], "--html", "page.html")
        self.browser.get("file://" + self.path("page.html"))
        WebDriverWait(self.browser, 40).until(lambda _: self.find("#battery svg, #battery p.none"))
        return trace

    def tearDown(self):
        """Whatever a test did: nothing went wrong in the page, and nothing was asked for from outside."""
        readback = "getImageData"  # advice about the tests' own looking at pixels
        self.assertEqual([entry for entry in self.browser.get_log("browser") if readback not in entry["message"]], [])
        self.assertEqual(self.run_js("return performance.getEntriesByType('resource').map((r) => r.name)"), [])

    def run_js(self, script, *arguments):
        return self.browser.execute_script(script, *arguments)

    def find(self, selector):
        return self.browser.find_elements(By.CSS_SELECTOR, selector)

    def one(self, selector):
        return self.browser.find_element(By.CSS_SELECTOR, selector)

    def shown(self):
        """What the timeline says that it has drawn."""
        data = self.run_js("return Object.assign({}, document.getElementById('events').dataset)")
        return {key: value if key == "followed" else float(value) for key, value in data.items()}

    def until(self, condition):
        WebDriverWait(self.browser, 40).until(lambda _: condition())

    def choose(self, selector, label):
        """What choosing an entry of a selector does."""
        found = self.run_js("""
            const choice = document.querySelector(arguments[0]), entry = [...choice.options].find((o) => o.text === arguments[1]);
            if (entry) { choice.value = entry.value; choice.dispatchEvent(new Event("change")); }
            return Boolean(entry);""", selector, label)
        self.assertTrue(found, f"{selector} has no {label}")

    def texts(self, selector):
        return self.run_js("return [...document.querySelectorAll(arguments[0])].map((e) => e.textContent)", selector)

    def place_of(self, event, lane_share):
        """Where on the canvas, in pixels, an event's middle is; lane_share: how far down in its device's row."""
        canvas = self.run_js("const c = document.getElementById('events'); return [c.clientWidth, c.clientHeight]")
        shown = self.shown()
        devices = len(self.find("#labels div"))
        middle = (event["begin_s"] + event["end_s"]) / 2
        x = canvas[0] * (middle - shown["from"]) / (shown["to"] - shown["from"])
        return x, canvas[1] / devices * (event["device"] + lane_share)

    def colour_at(self, place):
        return self.run_js("const [x, y] = arguments[0]; return [...document.getElementById('events').getContext('2d')"
                           ".getImageData(Math.round(x), Math.round(y), 1, 1).data]", place)

    def on_screen(self, place):
        """A place on the canvas in pixels of the window; its row is scrolled into view."""
        return [round(v) for v in self.run_js("""
            const [x, y] = arguments[0], rows = document.getElementById("rows");
            rows.scrollIntoView({block: "center"});
            rows.scrollTop = y - 100;
            const canvas = document.getElementById("events").getBoundingClientRect();
            return [canvas.left + x, canvas.top + y];""", place)]

    def act_at(self, place):
        """Actions that begin with the pointer at a place on the canvas."""
        actions = ActionChains(self.browser, duration=20)
        actions.w3c_actions.pointer_action.move_to_location(*self.on_screen(place))
        actions.w3c_actions.key_action.pause()
        return actions

    def overlaps(self):
        """Pairs of texts in one figure that cover each other, and texts that are cut off."""
        return self.run_js("""
            const bad = [];
            for (const svg of document.querySelectorAll("svg")) {
              const frame = svg.getBoundingClientRect();
              const texts = [...svg.querySelectorAll("text")].filter((t) => t.textContent.trim());
              const boxes = texts.map((t) => {
                const m = t.getScreenCTM(), b = t.getBBox(), c = new DOMPoint(b.x + b.width / 2, b.y + b.height / 2).matrixTransform(m);
                return { c, w: b.width, h: b.height, turned: Math.abs(m.b) > 0.01, m, b, text: t.textContent, r: t.getBoundingClientRect() };
              });
              boxes.forEach((p, i) => {
                if (p.r.left < frame.left - 1 || p.r.right > frame.right + 1 || p.r.top < frame.top - 1 || p.r.bottom > frame.bottom + 1) bad.push("cut: " + p.text);
                boxes.slice(i + 1).forEach((q) => {
                  if (p.turned && q.turned) {  // both at the same angle: how far apart across their direction
                    const across = Math.abs((q.r.right - p.r.right) * p.m.b / Math.hypot(p.m.a, p.m.b));
                    if (across < p.h * 0.75) bad.push(p.text + " | " + q.text);
                  } else if (!p.turned && !q.turned) {
                    const slack = 2;
                    if (p.r.left + slack < q.r.right && q.r.left + slack < p.r.right && p.r.top + slack < q.r.bottom - slack && q.r.top + slack < p.r.bottom - slack) bad.push(p.text + " | " + q.text);
                  }
                });
              });
            }
            return bad;""")

    def check_figures(self, trace):
        devices = len(trace.devices)
        self.assertEqual(self.texts("#labels div"),
                         [f"{i}{name}" for i, name in enumerate(trace.names("devices"))])
        self.assertEqual(len(self.find("#energy g rect")), 4 * devices)
        self.assertEqual(len(self.find("#battery g.battery path")), devices)
        self.assertGreater(len(self.find("#accuracy circle")), 0)
        done = trace.requests[trace.requests["status"] == 1]
        counts = self.run_js("return [...document.querySelectorAll('#latency g rect title')].map((t) => parseInt(t.textContent.replace(',', '')))")
        self.assertEqual(sum(counts), len(done))
        units = self.texts("svg .unit")
        for unit in ("emulated time / s", "latency / s", "requests", "accuracy / %", "energy / J", "left in the battery / J", "rounds finished"):
            self.assertIn(unit, units)
        summary = self.one("#summary").text
        self.assertIn(f"{len(done)} of {len(trace.requests)}", summary)
        self.assertIn(f"{done['latency_s'].mean():.4g}", summary)
        self.assertEqual(self.overlaps(), [])

    def in_view(self, trace):
        shown = self.shown()
        return trace.events[(trace.events["end_s"] >= shown["from"]) & (trace.events["begin_s"] <= shown["to"])]

    def check_timeline(self, trace):
        """Drawing, zooming by wheel, moving, following by click: all held against the trace."""
        first = trace.rounds[0]
        shown = self.shown()
        self.assertLessEqual(shown["from"], first["start_s"])
        self.assertAlmostEqual(shown["to"], first["end_s"], delta=0.02 * first["end_s"])
        self.assertEqual(shown["drawn"], len(self.in_view(trace)))
        self.assertGreater(shown["drawn"], 10)

        # The wheel makes the time under the pointer fill more of the width.
        events = where(trace.events, round=0, kind=COMPUTE)
        event = events[numpy.argmax(events["end_s"] - events["begin_s"])]
        time = (event["begin_s"] + event["end_s"]) / 2
        place = self.place_of(event, 0.3)
        self.act_at(place).perform()
        before = self.shown()
        ActionChains(self.browser).scroll_from_origin(ScrollOrigin.from_viewport(*self.on_screen(place)), 0, -300).perform()
        self.until(lambda: self.shown()["to"] - self.shown()["from"] < 0.9 * (before["to"] - before["from"]))
        after = self.shown()
        share = [(time - s["from"]) / (s["to"] - s["from"]) for s in (before, after)]
        self.assertAlmostEqual(share[0], share[1], delta=0.01)
        self.assertEqual(after["drawn"], len(self.in_view(trace)))

        # Dragging moves it, keys too.
        self.act_at(self.place_of(event, 0.3)).click_and_hold().move_by_offset(60, 0).release().perform()
        self.until(lambda: self.shown()["from"] < after["from"])
        moved = self.shown()
        self.assertAlmostEqual(moved["to"] - moved["from"], after["to"] - after["from"], delta=1e-6)
        rows = self.one("#rows")
        rows.send_keys("-")
        self.until(lambda: self.shown()["to"] - self.shown()["from"] > 1.2 * (moved["to"] - moved["from"]))
        rows.send_keys(Keys.HOME)
        self.until(lambda: self.shown()["from"] == 0)
        self.assertEqual(self.shown()["drawn"], len(trace.events))
        self.choose("#round", "round 0")
        self.until(lambda: self.shown()["to"] < 1.05 * first["end_s"])

        # A click on a bar lights its request up, on all its devices, and pales the others.
        other = next(e for e in events[::-1] if e["request"] != event["request"] and e["device"] != event["device"])
        own_place, other_place = self.place_of(event, 0.3), self.place_of(other, 0.3)
        self.act_at(own_place).perform()
        self.assertIn(f"request {event['request']} of round 0", self.one("#tip").text)
        own_colour, other_colour = self.colour_at(own_place), self.colour_at(other_place)
        self.act_at(own_place).click().perform()
        key = f"0/{event['request']}"
        self.until(lambda: self.shown()["followed"] == key)
        self.assertEqual(self.shown()["highlighted"], len(where(self.in_view(trace), round=0, request=event["request"])))
        self.assertEqual(self.colour_at(own_place), own_colour)
        self.assertGreater(sum(self.colour_at(other_place)), sum(other_colour) + 60, "paler")
        self.assertEqual(self.one("#plan tr.followed button").text, f"round 0, request {event['request']}")
        request = where(trace.requests, round=0, request=event["request"])[0]
        self.assertIn(f"latency {request['latency_s']:.4g}", self.one("#followed").text.replace("\u202f", " "))
        for hop in where(trace.events, round=0, request=event["request"], kind=TRANSMIT):
            self.assertIn(text(trace.devices["name"][hop["peer"]]), self.one("#followed").text)
        self.one("#rows").send_keys(Keys.ESCAPE)
        self.until(lambda: self.shown()["followed"] == "")
        self.assertEqual(self.colour_at(other_place), other_colour)

    def check_plan(self, trace, round_number):
        self.choose("#round", f"round {round_number}")
        rows = self.find("#plan tbody tr")
        requests = where(trace.requests, round=round_number)
        self.assertEqual(len(rows), min(60, len(requests)))
        for row, request in list(zip(rows, requests))[:8]:
            cells = self.run_js("return [...arguments[0].querySelectorAll('td')].map((c) => [c.textContent, c.className])", row)
            plan = where(trace.plans, round=round_number, request=request["request"])
            if len(plan) == 0:
                self.assertEqual(cells[0], ["rejected", "end"])
                continue
            for (said, kind), block in zip(cells, plan):
                device = "" if block["device"] < 0 else str(block["device"])
                self.assertEqual((said, kind), ("×" + device, "dropped") if block["mode"] == 2 else (device, ""))

    def test_ten_devices(self):
        trace = self.open(TEN)
        self.check_figures(trace)
        self.check_timeline(trace)
        for round_number in (0, 5):
            self.check_plan(trace, round_number)

    def test_a_hundred_devices(self):
        trace = self.open(HUNDRED)
        self.assertEqual(len(trace.devices), 100)
        self.check_figures(trace)
        self.check_timeline(trace)
        self.check_plan(trace, 1)

    def rows(self, place):
        return self.run_js("return [...document.querySelectorAll(arguments[0] + ' tbody tr')]"
                           ".map((r) => [...r.children].map((c) => c.textContent.replaceAll('\\u202f', ' ')))", place)

    def assert_said(self, cell, value, factor=1, unit=""):
        """A figure of four digits, or three of a share."""
        number, _, said_unit = cell.partition(" ")
        self.assertEqual(said_unit, unit)
        digits = 3 if unit == "%" else 4
        self.assertLessEqual(abs(float(number.replace(",", "")) - factor * value), 0.51 * 10 ** (1 - digits) * abs(factor * value), cell)

    def test_a_stream_says_what_it_reaches_and_what_holds_it_up(self):
        for changes in (STREAM, STREAM | BY_HAND):
            self.open(changes)
            figures = json.loads(self.skipstone("analyze", sorted(self.folder.glob("*.h5"))[-1], "--json").out)
            (stream,), bound = figures["stream"], figures["gains"]
            self.assertTrue(self.one("#stream-section").is_displayed())
            tiles = {box[0]: box[1:] for box in self.run_js(
                "return [...document.querySelectorAll('#stream > div')].map((d) => [...d.children].map((c) => c.textContent.replaceAll('\\u202f', ' ')))")}
            self.assert_said(tiles["Throughput"][0], stream["throughput_per_s"], unit="/ s")
            self.assertIn("±", tiles["Throughput"][1])
            self.assert_said(tiles["Bound"][0], stream["bound_per_s"], unit="/ s")
            self.assertIn("% below it", tiles["Bound"][1])
            self.assertEqual(tiles["Bottleneck"][0], stream["bottleneck"])
            self.assert_said(tiles["Latency there, mean"][0], stream["latency_mean_s"], unit="s")

            stages, resources, gains = (self.rows(f"#{name}") for name in ("stages", "resources", "gains"))
            self.assertEqual([row[1:4] for row in stages], [[row["blocks"], row["on"], row["split"] or "–"] for row in figures["stages"]])
            self.assertEqual([row[:2] for row in resources], [[row["resource"], row["name"]] for row in figures["resources"]][:24])
            for cells, row in zip(stages + resources, figures["stages"] + figures["resources"][:24]):
                self.assert_said(cells[-2], row["per_request_s"], unit="s")
                self.assert_said(cells[-1], row["share"], 100, "%")
            self.assertEqual([row[0] for row in gains], [row["name"] for row in bound])
            for cells, row in zip(gains, bound):
                self.assert_said(cells[1], row["gain_per_s"], unit="/ s")
                self.assert_said(cells[-1], row["bound_per_s"], unit="/ s")
            self.assertGreater(len(gains), 0)
            widest = self.run_js("return [...document.querySelectorAll('#resources .busy')].map((c) => parseFloat(c.style.getPropertyValue('--share')))")
            self.assertEqual(widest, sorted(widest, reverse=True))
            self.assertEqual(self.overlaps(), [])
        self.assertIn("outputs/2", self.one("#stages").text)

    def test_exits_say_who_left_where(self):
        trace = self.open(exit_tables.changes(self))
        source = next(self.folder.glob("*.h5"))
        figures = json.loads(self.skipstone("analyze", source, "--json").out)
        (leaving,), exits = figures["leaving"], figures["exits"]
        self.assertTrue(self.one("#exits-section").is_displayed())
        tiles = {box[0]: box[1:] for box in self.run_js(
            "return [...document.querySelectorAll('#exits-tiles > div')].map((d) => [...d.children].map((c) => c.textContent.replaceAll('\\u202f', ' ')))")}
        self.assertEqual(list(tiles), ["Left early", "Accuracy, observed", "MACs saved", "Energy saved", "Time without queues saved"])
        for name, value in (("Left early", "early_share"), ("MACs saved", "macs_saved"), ("Energy saved", "energy_saved"),
                            ("Time without queues saved", "way_saved")):
            self.assert_said(tiles[name][0], leaving[value], 100, "%")
        rows = self.rows("#exits-table")
        self.assertEqual([row[0] for row in rows], [row["name"] for row in exits])
        self.assertEqual([row[2:4] for row in rows], [[str(row["reached"]), str(row["left"])] for row in exits])
        for cells, row in zip(rows, exits):
            for place, name in ((4, "left_share"), (5, "expected_left"), (6, "accuracy"), (7, "head_accuracy")):
                self.assert_said(cells[place], row[name], 100, "%")
        self.assertEqual(len(self.find("#leaving g.exit rect")), len(exits))
        self.assertEqual(len(self.find("#leaving line.expected")), len(exits))
        chain = sum(trace.blocks["after"] < 0)
        self.assertEqual(len(self.find("#plan thead th")), chain + 2)
        request = next(r for r in trace.requests if r["round"] == 0 and r["exit"] >= 0)
        name = f"request {request['request']} of round 0"
        self.choose("#round", "round 0")
        self.choose("#request", name)
        self.assertIn(f"left behind {trace.names('blocks')[request['exit']]}, confidence", self.one("#followed").text)
        self.assertEqual(len(self.find("#plan tr.followed td.left")), chain - 1 - request["exit"])
        self.assertIn("a request leaves", self.texts("#legend li"))
        self.assertEqual(self.overlaps(), [])

    def test_other_runs_have_no_figures_of_a_stream(self):
        self.open({})
        self.assertFalse(self.one("#stream-section").is_displayed())
        self.assertFalse(self.one("#exits-section").is_displayed())
        self.assertEqual(len(self.find("#leaving svg")), 0)

    def test_names_cannot_become_markup(self):
        devices = [{"profile": "khan2023-low", "name": HOSTILE + str(i), "mac_rate": "100 MMAC/s", "macs_per_round": "30 MMAC"} for i in range(3)]
        trace = self.open({"fleet.devices": devices})
        self.assertIsNone(self.run_js("return window.stolen ?? null"))
        self.assertEqual(len(self.find("img")), 0)
        self.assertEqual(self.texts("#labels div")[0], "0" + trace.names("devices")[0])
        self.assertTrue(trace.names("devices")[0].startswith("</script><script>"))
        self.choose("#request", "request 0 of round 0")
        self.assertIn("</script>", self.one("#followed").text)

    def test_a_run_in_which_nothing_was_done(self):
        trace = self.open({"fleet.devices": [{"profile": "khan2023-low", "name": "weak", "macs_per_round": "1 MMAC", "mac_rate": "1 MMAC/s"}]})
        self.assertEqual(set(trace.requests["status"]), {2})
        self.assertIn("No request was done.", self.one("#latency").text)
        self.assertIn("rejected", self.one("#plan").text)
        self.assertEqual(self.shown()["drawn"], 0)

    def test_a_run_that_cannot_be_trusted_is_called_so_in_large_letters(self):
        late = {"emulation.clock": "wall", "emulation.dilation": 0.0005, "emulation.kernels": True, "rounds.count": 1}
        trace = self.open(late, ranks=5)
        share = ((trace.events["flags"] & OVERRUN) != 0).sum() / (trace.events["kind"] != WAIT).sum()
        self.assertGreater(share, 0.01)
        said = self.one("#unfaithful")
        self.assertTrue(said.is_displayed())
        self.assertTrue(said.text.startswith("NOT FAITHFUL: "), said.text)
        self.assertAlmostEqual(float(said.text.split()[2].replace("%", "")), 100 * share, delta=0.1)
        self.assertGreaterEqual(float(said.value_of_css_property("font-size").removesuffix("px")), 20)
        self.open({})
        self.assertFalse(self.one("#unfaithful").is_displayed())

    def media(self, kind="", **features):
        """How the browser shows pages from now on: on a screen or on paper, light or dark."""
        listed = [{"name": name.replace("_", "-"), "value": value} for name, value in features.items()]
        self.browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"media": kind, "features": listed})
        self.addCleanup(self.browser.execute_cdp_cmd, "Emulation.setEmulatedMedia", {"media": "", "features": []})

    def contrast(self, selector):
        """Of an element's text and what is behind it (WCAG 2.1)."""
        return self.run_js("""
            const shade = (c) => c.match(/[\\d.]+/g).map(Number), light = (c) => shade(c).slice(0, 3)
              .map((v) => (v /= 255, v <= 0.03928 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4)).reduce((s, v, i) => s + v * [0.2126, 0.7152, 0.0722][i], 0);
            let behind = document.querySelector(arguments[0]);
            const style = getComputedStyle(behind), text = light(behind instanceof SVGElement ? style.fill : style.color);
            while (behind.parentElement && (shade(getComputedStyle(behind).backgroundColor)[3] ?? 1) === 0) behind = behind.parentElement;
            const ground = light(getComputedStyle(behind).backgroundColor);
            return (Math.max(text, ground) + 0.05) / (Math.min(text, ground) + 0.05);""", selector)

    def test_says_which_scenario_trace_and_planner(self):
        self.open({"planner.name": "no-drop"})
        title = self.one("h1").text
        self.assertRegex(title, "^[0-9]+: resnet20-cifar on 4 devices, planner no-drop$")
        self.assertTrue(self.browser.title.startswith(title))
        self.assertRegex(self.one("#about").text, "^[0-9]+.h5 · ")

    def test_is_dark_where_that_is_preferred(self):
        self.media(prefers_color_scheme="dark")
        self.open(TEN)
        for selector in ("h1", "#about", "#summary dd", "#labels div", "#axis text", "#latency .axis text", "#latency .mark", "#battery text[fill]",
                         "#plan tbody th button", "#plan tbody td", "#plan td.dropped", "#round", "footer"):
            if self.find(selector):
                self.assertGreater(self.contrast(selector), 4, selector)
        self.assertLess(sum(self.run_js("return getComputedStyle(document.body).backgroundColor.match(/\\d+/g).map(Number)")), 150)
        free = self.colour_at((2, 1))  # between rows
        self.assertLess(sum(free[:3]), 200, free)
        self.media(prefers_color_scheme="light")  # while the page is open
        self.until(lambda: sum(self.colour_at((2, 1))[:3]) > 600)

    def test_prints_whole_and_light(self):
        self.media(prefers_color_scheme="dark")
        self.open({**HUNDRED, "network.profile": "resnet110-cifar", "accuracy.table.network": "resnet110-cifar"})
        wide = self.run_js("return document.querySelector('#plan').scrollWidth > document.body.clientWidth")
        self.assertTrue(wide, "the plan of many blocks is wider than a screen")
        self.media("print", prefers_color_scheme="dark")
        self.run_js("dispatchEvent(new Event('beforeprint'))")
        cut = self.run_js("""return [...document.querySelectorAll("#rows, #plan, .chart, #timeline")]
            .filter((e) => getComputedStyle(e).overflowY !== "visible" && e.scrollHeight > e.clientHeight + 1).map((e) => e.id)""")
        self.assertEqual(cut, [])
        width, zoom = self.run_js("""return [Math.max(...[...document.querySelectorAll("body, #plan table, .chart svg, #timeline")].map((e) => e.scrollWidth || e.clientWidth)),
            parseFloat(document.body.style.zoom)]""")
        self.assertGreater(width, 1300)
        self.assertLess(width * zoom, 1047)  # a landscape A4 sheet without its margins, 96 dpi
        self.assertGreater(sum(self.colour_at((2, 1))[:3]), 600)
        self.assertGreater(len(self.browser.execute_cdp_cmd("Page.printToPDF", {"printBackground": True, "preferCSSPageSize": True})["data"]), 10000)
        self.run_js("dispatchEvent(new Event('afterprint'))")
        self.assertEqual(self.run_js("return document.body.style.zoom"), "")

    def test_accuracy_ends_at_100_per_cent(self):
        rows = [{"dropped": [], "accuracy": 0.999}, {"dropped": ["s4b2"], "accuracy": 0.9}]
        self.open({"accuracy.table.row": rows, "objective.alpha": 1, "requests.count": 6})
        ticks = [float(t) for t in self.texts("#accuracy .axis:last-of-type text, #accuracy g.axis text") if t]
        self.assertTrue(ticks)
        top = self.run_js("return Math.max(...[...document.querySelectorAll('#accuracy g.axis:not([transform*=\",256\"]) text')].map((t) => +t.textContent))")
        self.assertLessEqual(top, 100)

    def test_a_run_without_time_has_no_axis_of_nothing(self):
        self.open({"fleet.devices": [{"profile": "khan2023-low", "name": "weak", "macs_per_round": "1 MMAC", "mac_rate": "1 MMAC/s"}]})
        self.assertIn("No time passed: no request was admitted.", self.one("main").text)
        self.assertEqual([t for t in self.texts("#axis text") if t not in ("emulated time / s", "0", "0.0") and not t.startswith("round")], [])

    def test_what_the_page_is_made_of(self):
        self.open({})
        source = (self.folder / "page.html").read_text()
        self.assertIn("Redistribution and use in source and binary forms", source)
        self.assertIn("Mike Bostock", source)
        self.assertEqual(self.run_js("return [...document.querySelectorAll('[src], link, a[href], iframe')].length"), 0)
        self.assertIn("default-src 'none'", source)


if __name__ == "__main__":
    unittest.main()

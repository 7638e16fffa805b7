// Where requests leave, how right they are there, and what that saves. Where no exit is open nothing is shown.
function exits() {
  if (!trace.leaving.length) return;
  const [l] = trace.leaving;
  select("exits-section").hidden = false;
  const tile = (name, value, ...details) => select("exits-tiles").append(tileOf(name, value, ...details));
  const range = (low, high) => (low === null ? "" : `95 % interval ${percent(low)} to ${percent(high)}`);
  tile("Left early", percent(l.early_share), `${count(l.left_early)} of ${plural(l.done, "request")} done`);
  tile("Accuracy, observed", percent(l.accuracy_observed, 4), l.labelled ? `of ${plural(l.labelled, "label")}; ${range(l.accuracy_low, l.accuracy_high)}` : "no labels",
    l.accuracy_promised === null ? "" : `promised ${percent(l.accuracy_promised, 4)}`);
  const saved = (name, share, mean, whole, unit, scale = 1) =>
    tile(`${name} saved`, percent(share), `${figure(mean === null ? null : mean / scale, unit)} a request`, whole === null ? "" : `the whole network: ${figure(whole / scale, unit)}`);
  saved("MACs", l.macs_saved, l.macs_mean, l.macs_whole_mean, "MMAC", 1e6);
  saved("Energy", l.energy_saved, l.energy_mean_j, l.energy_whole_mean_j, "J");
  saved("Time without queues", l.way_saved, l.way_mean_s, l.way_whole_mean_s, "s");

  const heading = ["exit", "threshold", "reached by", "left", "share", "expected", "accuracy", "of all there", "confidence", "latency", "energy"];
  const table = element("table"), top = element("thead"), body = element("tbody"), head = element("tr");
  head.append(...heading.map((name) => element("th", name, { scope: "col" })));
  for (const e of trace.exits) {
    const line = element("tr");
    const cell = (text, title) => line.append(element("td", text, title ? { title } : {}));
    cell(e.name);
    cell(figure(e.threshold));
    cell(count(e.reached));
    cell(count(e.left));
    cell(percent(e.left_share), range(e.left_low, e.left_high));
    cell(percent(e.expected_left));
    cell(percent(e.accuracy), range(e.accuracy_low, e.accuracy_high));
    cell(percent(e.head_accuracy));
    cell(figure(e.confidence_mean) + (e.confidence_stayed_mean === null ? "" : ` (stayed ${figure(e.confidence_stayed_mean)})`));
    cell(figure(e.latency_mean_s, "s"));
    cell(figure(e.energy_mean_j, "J"));
    body.append(line);
  }
  top.append(head);
  table.append(top, body);
  select("exits-table").append(table);
}

// Shares of requests that leave at each exit: bars with their 95 % intervals, and what was expected.
function leavingChart() {
  if (!trace.leaving.length || !trace.leaving[0].done) return;
  const rows = trace.exits;
  const c = chart("leaving", 260, { left: 52, right: 18, top: 28, bottom: 60 });
  const x = d3.scaleBand(d3.range(rows.length), [c.left, c.right]).padding(0.35);
  const y = d3.scaleLinear([0, 100 * Math.max(...rows.map((e) => Math.max(e.left_high, e.expected_left ?? 0)))], [c.bottom, c.top]).nice();
  yAxis(c, y, "requests / %");
  const bars = c.svg.selectAll("g.exit").data(rows).join("g").attr("class", "exit").attr("transform", (_, i) => `translate(${x(i)},0)`);
  bars.append("rect").style("fill", "var(--bar)").attr("width", x.bandwidth()).attr("y", (e) => y(100 * e.left_share)).attr("height", (e) => c.bottom - y(100 * e.left_share));
  bars.append("line").style("stroke", "var(--ink)").attr("x1", x.bandwidth() / 2).attr("x2", x.bandwidth() / 2).attr("y1", (e) => y(100 * e.left_low)).attr("y2", (e) => y(100 * e.left_high));
  const expected = bars.filter((e) => e.expected_left !== null).append("line").attr("class", "expected");
  expected.style("stroke", COLOUR.transmit).attr("stroke-width", 2.5).attr("x1", -6).attr("x2", x.bandwidth() + 6).attr("y1", (e) => y(100 * e.expected_left)).attr("y2", (e) => y(100 * e.expected_left));
  bars.append("title").text((e) => `${e.name}: ${percent(e.left_share)} (95 %: ${percent(e.left_low)} to ${percent(e.left_high)}), expected ${percent(e.expected_left)}`);
  xAxis(c, x, "exit (line: 95 % interval; red: expected)", d3.axisBottom(x).tickSizeOuter(0).tickFormat((i) => shortened(rows[i].name, Math.max(6, Math.floor(x.step() / 8)))));
}


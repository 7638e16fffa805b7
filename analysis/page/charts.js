// A drawing in an element, as wide as that is or wider, with room for its axes.
function chart(id, height, margin, least = 0) {
  const place = select(id);
  const width = Math.max(least, place.clientWidth);
  const svg = d3.select(place).append("svg").attr("width", width).attr("height", height).attr("role", "img");
  return { svg, left: margin.left, right: width - margin.right, top: margin.top, bottom: height - margin.bottom, width, height };
}

function nothing(id, text) {
  d3.select(select(id)).append("p").attr("class", "none").text(text);
}

function xAxis(c, scale, name, axis = d3.axisBottom(scale).ticks(c.width / 90)) {
  const g = c.svg.append("g").attr("class", "axis").attr("transform", `translate(0,${c.bottom})`).call(axis);
  c.svg.append("text").attr("class", "unit").attr("x", c.right).attr("y", c.height - 4).attr("text-anchor", "end").text(name);
  return g;
}

function yAxis(c, scale, name, axis = d3.axisLeft(scale).ticks(6)) {
  c.svg.append("g").attr("class", "grid").attr("transform", `translate(${c.left},0)`)
    .call(d3.axisLeft(scale).tickValues(axis.tickValues() || scale.ticks(6)).tickSize(c.left - c.right).tickFormat(""));
  c.svg.append("g").attr("class", "axis").attr("transform", `translate(${c.left},0)`).call(axis);
  c.svg.append("text").attr("class", "unit").attr("x", 4).attr("y", 12).text(name);
}

// Heights for labels at these heights, so that none covers another; in the order given.
function apart(heights, distance, low, high) {
  const order = d3.range(heights.length).sort((a, b) => heights[a] - heights[b]);
  const placed = heights.slice();
  order.forEach((i, n) => { placed[i] = Math.max(heights[i], n ? placed[order[n - 1]] + distance : low); });
  order.reverse().forEach((i, n) => { placed[i] = Math.min(placed[i], n ? placed[order[n - 1]] - distance : high); });
  return placed;
}

const shortened = (text, most) => (text.length > most ? text.slice(0, most - 1) + "…" : text);

function latencyChart() {
  const l = trace.latencies;
  if (!l) return nothing("latency", "No request was done.");
  const c = chart("latency", 300, { left: 52, right: 18, top: 64, bottom: 44 });
  const to = l.from_s + l.width_s * l.counts.length;
  const x = d3.scaleLinear([l.from_s, to], [c.left, c.right]).nice();
  const y = d3.scaleLinear([0, d3.max(l.counts)], [c.bottom, c.top]).nice(6);
  yAxis(c, y, "requests", d3.axisLeft(y).tickValues(y.ticks(6).filter(Number.isInteger)).tickFormat(d3.format(",d")));
  c.svg.append("g").style("fill", "var(--bar)").selectAll("rect").data(l.counts).join("rect")
    .attr("x", (_, i) => x(l.from_s + i * l.width_s) + 0.5).attr("width", Math.max(1, x(to) - x(to - l.width_s) - 1))
    .attr("y", (n) => y(n)).attr("height", (n) => c.bottom - y(n))
    .append("title").text((n, i) => `${plural(n, "request")} from ${figure(l.from_s + i * l.width_s, "s")} to ${figure(l.from_s + (i + 1) * l.width_s, "s")}`);
  const t = trace.totals;
  const marks = [["p50", t.latency_p50_s], ["p90", t.latency_p90_s], ["p99", t.latency_p99_s]].filter((m) => m[1] !== null);
  marks.forEach(([name, value], i) => {
    const top = 24 + 14 * i, end = x(value) > (c.left + c.right) / 2;
    c.svg.append("line").attr("x1", x(value)).attr("x2", x(value)).attr("y1", top - 10).attr("y2", c.bottom).style("stroke", "var(--ink)").attr("stroke-dasharray", "4 3");
    c.svg.append("text").attr("class", "mark").attr("x", x(value) + (end ? -5 : 5)).attr("y", top).attr("text-anchor", end ? "end" : "start").text(`${name} ${figure(value, "s")}`);
  });
  xAxis(c, x, "latency / s");
}

function accuracyChart() {
  const dots = trace.latencies ? trace.latencies.accuracy : [];
  if (!dots.length) return nothing("accuracy", trace.latencies ? "No accuracy is known: the run had no accuracy table." : "No request was done.");
  const c = chart("accuracy", 300, { left: 60, right: 24, top: 28, bottom: 44 });
  const radius = d3.scaleSqrt([0, d3.max(dots, (d) => d.requests)], [0, 15]);
  const spread = (values, least, most) => {
    const [low, high] = d3.extent(values), room = (high - low || Math.abs(high) || 1) * 0.12;
    return [Math.max(least, low - room), Math.min(most, high + room)];
  };
  const x = d3.scaleLinear(spread(dots.map((d) => d.latency_s), 0, Infinity), [c.left, c.right]).nice();
  const y = d3.scaleLinear(spread(dots.map((d) => 100 * d.accuracy), 0, 100), [c.bottom, c.top]);
  yAxis(c, y, "accuracy / %");
  c.svg.append("g").style("fill", "var(--bar)").attr("fill-opacity", 0.55).style("stroke", "var(--bar)").selectAll("circle").data(dots).join("circle")
    .attr("cx", (d) => x(d.latency_s)).attr("cy", (d) => y(100 * d.accuracy)).attr("r", (d) => Math.max(2.5, radius(d.requests)))
    .append("title").text((d) => `${plural(d.requests, "request")}: ${percent(d.accuracy, 4)}, ${figure(d.latency_s, "s")}`);
  xAxis(c, x, "latency / s");
}

const STATES = [
  ["compute_j", "computes", "#3a6ea5"], ["transmit_j", "sends", COLOUR.transmit], ["receive_j", "receives", COLOUR.receive], ["idle_j", "idles", "#c3cad2"],
];

function energyChart() {
  if (!(d3.max(trace.devices, (d) => d.energy_j) > 0)) return nothing("energy", "No device spent energy.");
  for (const [key, name, colour] of STATES) {
    const item = element("li"), chip = element("i");
    chip.style.background = colour;
    item.append(chip, document.createTextNode(`${name}: ${figure(trace.energy[key], "J")}`));
    select("energy-legend").append(item);
  }
  const names = trace.devices.length <= 40 ? trace.devices.map((d) => shortened(d.name, 18)) : trace.devices.map((_, i) => String(i));
  const slanted = trace.devices.length > 6;
  const longest = d3.max(names, (n) => n.length);
  const c = chart("energy", 300 + (slanted ? longest * 5 : 0), { left: 58, right: 12, top: 26, bottom: slanted ? 30 + longest * 5 : 46 }, 58 + 11 * names.length);
  const x = d3.scaleBand(d3.range(names.length), [c.left, c.right]).padding(0.25);
  const y = d3.scaleLinear([0, d3.max(trace.devices, (d) => d.energy_j)], [c.bottom, c.top]).nice();
  yAxis(c, y, "energy / J");
  const layers = d3.stack().keys(STATES.map((s) => s[0]))(trace.devices);
  c.svg.selectAll("g.layer").data(layers).join("g").attr("fill", (_, i) => STATES[i][2]).selectAll("rect").data((layer) => layer).join("rect")
    .attr("x", (_, i) => x(i)).attr("width", x.bandwidth()).attr("y", (d) => y(d[1])).attr("height", (d) => Math.max(0, y(d[0]) - y(d[1])))
    .append("title").text((d) => `${d.data.name}: ${STATES.map(([key, name]) => `${name} ${figure(d.data[key], "J")}`).join(", ")}`);
  const every = Math.ceil(14 / x.step()); // names need so much room
  const axis = xAxis(c, x, names.length <= 40 ? "device" : "device, by its number in the timeline",
    d3.axisBottom(x).tickSizeOuter(0).tickValues(x.domain().filter((i) => i % every === 0)).tickFormat((i) => names[i]));
  if (slanted) axis.selectAll("text").attr("text-anchor", "end").attr("transform", "rotate(-45)").attr("dx", "-0.6em").attr("dy", "0.2em");
}

function batteryChart() {
  const b = trace.batteries;
  if (!b.devices.length) return nothing("battery", "No device runs on a battery.");
  if (b.step > 1) select("battery-about").textContent = `Every ${b.step}th round is drawn.`;
  const few = b.devices.length <= 14;
  const c = chart("battery", 360, { left: 60, right: 210, top: 26, bottom: 44 });
  const x = d3.scaleLinear(d3.extent(b.rounds.map((r) => r + 1)), [c.left, c.right]);
  const y = d3.scaleLinear(d3.extent(b.devices.flatMap((d) => d.left_j)), [c.bottom, c.top]).nice();
  yAxis(c, y, "left in the battery / J");
  xAxis(c, x, "rounds finished", d3.axisBottom(x).tickValues(x.ticks(c.width / 90).filter(Number.isInteger)).tickFormat(d3.format(",d")));
  const lines = b.devices.map((d) => ({ ...d, last: d.left_j[d.left_j.length - 1] })).sort((p, q) => p.last - q.last);
  const named = few ? lines : lines.slice(0, 8); // of many, the emptiest
  const line = d3.line().defined((j) => j !== null).x((_, i) => x(b.rounds[i] + 1)).y((j) => y(j));
  const colour = (d) => (named.includes(d) ? d3.hcl((d.device * 137.5) % 360, 55, +shade("battery")).toString() : shade("gone"));
  const group = c.svg.selectAll("g.battery").data(lines.slice().reverse()).join("g").attr("class", "battery");
  group.append("path").attr("d", (d) => line(d.left_j)).attr("stroke", colour).attr("stroke-width", few ? 1.8 : 1.1).attr("opacity", (d) => (named.includes(d) ? 1 : 0.5));
  group.append("title").text((d) => `${deviceName(d.device)}: ${figure(d.last, "J")} left`);
  const heights = apart(named.map((d) => y(d.last)), 14.5, c.top, c.bottom);
  named.forEach((d, i) => {
    c.svg.append("line").attr("x1", c.right).attr("x2", c.right + 12).attr("y1", y(d.last)).attr("y2", heights[i]).attr("stroke", colour(d));
    c.svg.append("text").attr("x", c.right + 16).attr("y", heights[i] + 4).attr("fill", colour(d))
      .text(`${d.device} ${shortened(deviceName(d.device), 18)}`);
  });
  if (!few) c.svg.append("text").attr("class", "unit").attr("x", c.right + 16).attr("y", 12).text(`the ${named.length} emptiest of ${b.devices.length}`);
}


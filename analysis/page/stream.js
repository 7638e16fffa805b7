// What a stream of requests reaches and what holds it up: figures, and tables of its stages, of what it keeps busy, and of what one
// more device would give. Of other runs nothing is shown.
function stream() {
  if (!trace.stream.length) return;
  const [s] = trace.stream, perSecond = (value, digits = 4) => figure(value, "/ s", digits);
  select("stream-section").hidden = false;
  const tile = (name, value, ...details) => select("stream").append(tileOf(name, value, ...details));
  if (s.counted) {
    tile("Throughput", perSecond(s.throughput_per_s), s.throughput_error_per_s === null ? "too few requests for an error" : `± ${perSecond(s.throughput_error_per_s, 2)} (95 %)`,
      `one every ${figure(s.period_s, "s")}`, `${count(s.counted)} of ${plural(s.done, "request")} counted`);
    tile("Latency there, mean", figure(s.latency_mean_s, "s"), `p50 ${figure(s.latency_p50_s, "s")}`, `p90 ${figure(s.latency_p90_s, "s")}`, `p99 ${figure(s.latency_p99_s, "s")}`);
  } else tile("Throughput", "–", `no steady state: ${plural(s.done, "request")} are too few, the last began before the first was done`);
  if (s.bound_per_s !== null)
    tile("Bound", perSecond(s.bound_per_s), "no schedule is faster", s.gap === null ? "" : `the run is ${percent(s.gap)} below it`,
      s.planned_per_s === null ? "" : `planned ${perSecond(s.planned_per_s)}`);
  if (s.bottleneck)
    tile("Bottleneck", shortened(s.bottleneck, 60), `busy for ${figure(s.bottleneck_s, "s")} with each request`, s.bottleneck_share === null ? "" : `${percent(s.bottleneck_share)} of the time`);

  // A share as a bar with its figure.
  const busy = (share) => {
    const cell = element("td", percent(share), { class: "busy" });
    cell.style.setProperty("--share", `${100 * Math.min(1, share ?? 0)}%`);
    return cell;
  };
  const table = (id, heading, rows, most, all) => {
    const made = element("table"), top = element("thead"), body = element("tbody"), head = element("tr");
    head.append(...heading.map((name) => element("th", name, { scope: "col" })));
    for (const cells of rows.slice(0, most)) {
      const line = element("tr");
      line.append(...cells.map((cell) => (cell instanceof Element ? cell : element("td", cell))));
      body.append(line);
    }
    top.append(head);
    made.append(top, body);
    select(id).append(made);
    if (rows.length > most) select(id).append(element("p", `${all} of ${count(rows.length)}.`));
  };
  table("stages", ["stage", "blocks", "on", "split", "a request takes", "busy"],
    trace.stages_of_stream.map((r) => [String(r.stage), r.blocks, r.on, r.split || "–", figure(r.per_request_s, "s"), busy(r.share)]), 40, "The first 40");
  table("resources", ["", "of", "a request takes", "busy"],
    trace.resources.map((r) => [r.resource, r.name, figure(r.per_request_s, "s"), busy(r.share)]), 24, "The 24 busiest");
  if (!trace.gains.length) return nothing("gains", s.bound_per_s === null ? "Nothing is known: the run had no bound." : "Nothing: no device has a price.");
  table("gains", ["one more like", "adds, at most", "by its processor", "memory", "radio", "links", "bound then"],
    trace.gains.map((r) => [r.name, ...[r.gain_per_s, r.processor_per_s, r.memory_per_s, r.radio_per_s, r.links_per_s, r.bound_per_s].map((v) => perSecond(v))]),
    12, "The 12 that would add most,");
}


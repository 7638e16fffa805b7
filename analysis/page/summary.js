const trace = JSON.parse(document.getElementById("data").textContent);
const select = (id) => document.getElementById(id);

// A number with so many digits and its unit; "–" where there is none.
function figure(value, unit = "", digits = 4) {
  if (value === null || value === undefined) return "–";
  return value.toLocaleString("en", { maximumSignificantDigits: digits }) + (unit ? "\u202f" + unit : "");
}
const count = (value) => value.toLocaleString("en");
const percent = (share, digits = 3) => (share === null || share === undefined ? "–" : figure(100 * share, "%", digits));
const plural = (number, word) => `${count(number)} ${word}${number === 1 ? "" : "s"}`;

// A colour of page.css as it is now: light or dark.
const shade = (name) => getComputedStyle(document.documentElement).getPropertyValue(`--${name}`).trim();

// A new element with text, never with markup: names from a trace can be anything.
function element(name, text, attributes = {}) {
  const made = document.createElement(name);
  if (text !== undefined) made.textContent = text;
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  return made;
}

function showHeader() {
  const run = trace.trace;
  const title = `${run.scenario ? `${run.scenario}: ` : ""}${run.network} on ${plural(run.devices, "device")}, planner ${run.planner}`;
  document.title = `${title} – Skipstone`;
  select("title").textContent = title;
  const state = { finished: "finished", interrupted: "interrupted", failed: "failed", running: "not finished" }[run.ended];
  select("about").textContent = [
    run.path.split("/").pop(),
    plural(run.rounds, "round") + (run.rounds_planned > run.rounds ? ` of ${count(run.rounds_planned)}` : ""),
    run.clock === "wall" ? `wall clock, an emulated second takes ${figure(run.dilation, "s")}` : `${run.clock} clock`,
    `${figure(run.span_s, "s")} emulated`, `seed ${run.seed}`, state, run.date.replace("T", " ").replace("Z", " UTC"),
  ].join(" · ");
  if (100 * trace.fidelity.overruns > trace.fidelity.events)
    select("unfaithful").textContent = `NOT FAITHFUL: ${percent(trace.fidelity.overrun_share)} of the events were late by more than 1 %. Do not trust these times.`;
  for (const note of trace.notes) select("notes").append(element("li", note));
}

// A figure with its name, and what else is to be said of it.
function tileOf(name, value, ...details) {
  const box = element("div");
  box.append(element("dt", name), element("dd", value), element("dd", details.filter(Boolean).join("; ")));
  return box;
}

function showSummary() {
  const t = trace.totals, energy = trace.energy;
  const tile = (name, value, ...details) => select("summary").append(tileOf(name, value, ...details));
  const causes = trace.rejections.filter((r) => r.binding).map((r) => `${count(r.rejected)} for ${r.binding}`).join(", ");
  tile("Requests done", `${count(t.done)} of ${count(t.requests)}`,
    t.rejected ? `${count(t.rejected)} rejected${causes ? ` (${causes})` : ""}` : "none rejected", t.failed ? `${count(t.failed)} failed` : "");
  tile("Latency, mean", figure(t.latency_mean_s, "s"), `p50 ${figure(t.latency_p50_s, "s")}`, `p99 ${figure(t.latency_p99_s, "s")}`,
    `max ${figure(t.latency_max_s, "s")}`);
  const share = (part) => (t.latency_mean_s ? percent(part / t.latency_mean_s) : "–");
  tile("Latency is", share(t.path_compute_mean_s), `computing; ${share(t.path_transfer_mean_s)} moving, ${share(t.path_queue_mean_s)} waiting in queues`);
  const planned = trace.deviations.find((d) => d.level === "request" && d.quantity === "latency_s");
  if (planned && planned.planned_mean !== null)
    tile("Latency planned", figure(planned.planned_mean, "s"),
      planned.relative_bias === null ? "" : `emulated is ${figure(100 * Math.abs(planned.relative_bias), "%", 3)} ${planned.relative_bias < 0 ? "shorter" : "longer"}`);
  tile("Throughput", figure(t.throughput_per_s, "/ s"), `requests done per emulated second; ${figure(t.shared_bytes / 1e6, "MB")} shared between devices`);
  tile("Accuracy, planned", percent(t.accuracy_planned, 4),
    t.labelled ? `observed ${percent(t.accuracy_observed, 4)} of ${plural(t.labelled, "labelled image")} (95 % interval ${percent(t.accuracy_low, 4)} to ${percent(t.accuracy_high, 4)})` : "no labelled images",
    `${plural(t.dropped_blocks, "block")} dropped`);
  tile("Energy", figure(energy.energy_j, "J"), t.done ? `${figure(energy.energy_j / t.done, "J")} per request done` : "",
    trace.powers === "trace" ? "" : `with the powers of ${trace.powers}`);
  if (trace.fidelity.events)
    tile("Late events", percent(trace.fidelity.overrun_share), `of ${count(trace.fidelity.events)}`, `lateness p99 ${percent(trace.fidelity.lateness_p99)}`);
}


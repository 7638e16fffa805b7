showHeader();
showSummary();
exits();
stream();
const held = trace.events.device.length;
const part = trace.rounds.length < trace.trace.rounds || held < trace.trace.events;
select("embedded").textContent = `Timeline and plan hold ${part ? "" : "all "}${plural(trace.rounds.length, "round")}`
  + (part ? ` of ${count(trace.trace.rounds)}, with ${count(held)} of ${plural(trace.trace.events, "event")}: the first round, the last one, and those with the longest mean latency. All other figures cover the whole run.`
    : `, ${plural(held, "event")}.`);
if (part) select("notes").append(element("li", select("embedded").textContent));
timeline();
controls();
plan();
for (const draw of [leavingChart, latencyChart, accuracyChart, energyChart, batteryChart]) draw();
chosen.call("round", null, trace.rounds[0] ?? null);
chosen.call("follow", null, null);

function drawBatteries() {
  select("battery").replaceChildren();
  batteryChart();
}
function recolour() {
  chosen.call("colours");
  drawBatteries();
}
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", recolour);

// On paper everything is light and whole: as wide as its widest part, scaled to a landscape sheet of A4.
const sheet = 1020; // pixels between its margins, and a little less
addEventListener("beforeprint", () => {
  const body = document.body;
  document.documentElement.dataset.theme = "light";
  recolour();
  const widest = d3.max([body, ...document.querySelectorAll("#plan, .chart, .table")], (e) => e.scrollWidth);
  Object.assign(body.style, { width: `${body.offsetWidth}px`, maxWidth: "none", zoom: Math.min(1, sheet / (widest + 60)) });
});
addEventListener("afterprint", () => {
  delete document.documentElement.dataset.theme;
  Object.assign(document.body.style, { width: "", maxWidth: "", zoom: "" });
  recolour();
});

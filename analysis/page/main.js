showHeader();
showSummary();
const held = trace.events.device.length;
const part = trace.rounds.length < trace.trace.rounds || held < trace.trace.events;
select("embedded").textContent = `Timeline and plan hold ${part ? "" : "all "}${plural(trace.rounds.length, "round")}`
  + (part ? ` of ${count(trace.trace.rounds)}, with ${count(held)} of ${plural(trace.trace.events, "event")}: the first round, the last one, and those with the longest mean latency. All other figures cover the whole run.`
    : `, ${plural(held, "event")}.`);
if (part) select("notes").append(element("li", select("embedded").textContent));
timeline();
controls();
plan();
for (const draw of [latencyChart, accuracyChart, energyChart, batteryChart]) draw();
chosen.call("round", null, trace.rounds[0] ?? null);
chosen.call("follow", null, null);

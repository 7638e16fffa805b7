showHeader();
showSummary();
select("embedded").textContent = trace.rounds.length < trace.trace.rounds
  ? `Timeline and plan hold ${plural(trace.rounds.length, "round")} of ${count(trace.trace.rounds)} (${plural(trace.shown_events, "event")} of ${count(trace.trace.events)}): the first, the last, and those with the longest mean latency. All other figures cover the whole run.`
  : `Timeline and plan hold all rounds${trace.shown_events < trace.trace.events ? `, but only the first ${count(trace.shown_events)} of ${plural(trace.trace.events, "event")}` : ` (${plural(trace.shown_events, "event")})`}.`;
timeline();
controls();
plan();
for (const draw of [latencyChart, accuracyChart, energyChart, batteryChart]) draw();
chosen.call("round", null, trace.rounds[0] ?? null);
chosen.call("follow", null, null);

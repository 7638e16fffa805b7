// What is chosen, and who wants to know: "round" with the round or null (the whole run), "follow" with a request or null;
// "colours" when light has become dark or dark light.
const chosen = d3.dispatch("round", "follow", "colours");

const KIND = { compute: 1, transmit: 2, receive: 3, wait: 4 };
const FLAG = { overrun: 1, failed: 4 };
const COLOUR = { transmit: "#b5493a", receive: "#e8a598", late: "#d00000" };

// A name of at most so many characters: of a longer one, its beginning and, rather, its end.
function brief(name, most = 26) {
  if (name.length <= most) return name;
  const begin = Math.floor((most - 1) / 3);
  return `${name.slice(0, begin)}…${name.slice(name.length - (most - 1 - begin))}`;
}

// Blocks of one stage have one colour: from dark to light, of many stages from blue over green to orange (what is sent is red).
const stages = [...new Set(trace.stages)];
const [shadeAt, span] = stages.length <= 8 ? [d3.interpolateViridis, 0.9] : [d3.interpolateTurbo, 0.8];
const stageColour = d3.scaleOrdinal(stages, stages.map((_, i) => shadeAt(stages.length < 2 ? 0.4 : 0.04 + (span * i) / (stages.length - 1))));
// By its block, where it has one.
function stageName(stage) {
  const members = trace.blocks.filter((_, block) => block < trace.chain && trace.stages[block] === stage);
  return members.length === 1 ? brief(members[0]) : `stage ${stage}`;
}
const inkOn = (colour) => (d3.lab(colour).l > 58 ? "#000" : "#fff");

const deviceName = (device) => trace.devices[device].name;
const blockName = (block) => (block < 0 ? "image" : trace.blocks[block]);
const requestKey = (round, request) => `${round}/${request}`;
const requestsByKey = new Map(trace.requests.map((r) => [requestKey(r.round, r.request), r]));

function timeline() {
  const { device, peer, round, request, block, part, kind, flags, begin_s, end_s, bytes, macs } = trace.events;
  const joins = new Set(trace.requests.flatMap((r) => Object.keys(r.parts || {}).map((b) => `${requestKey(r.round, r.request)}/${b}`)));
  const isJoin = (i) => part[i] < 0 && joins.has(`${requestKey(round[i], request[i])}/${block[i]}`);
  // A block, or the part of it: "fc1 part 2".
  const workName = (i) => blockName(block[i]) + (part[i] < 0 ? "" : ` part ${part[i] + 1}`);
  // Does its request leave with this head?
  const leaves = (i) => block[i] >= trace.chain && kind[i] === KIND.compute && !(flags[i] & FLAG.failed)
    && trace.after[block[i]] === (requestsByKey.get(requestKey(round[i], request[i])) || {}).exit;
  const number = device.length;
  const devices = trace.devices.length;
  const height = devices <= 14 ? 44 : devices <= 40 ? 28 : 20; // of a device's row
  const labelWidth = 190;
  const pad = height > 20 ? 3 : 1.5;
  const processor = { top: pad, height: Math.round((height - 2 * pad) * 0.56) };
  const radio = { top: processor.top + processor.height + 1, height: (height - 2 * pad - processor.height - 1) / 2 };

  const first = d3.min(trace.rounds, (r) => r.start_s) ?? 0;
  const end = d3.max(trace.rounds, (r) => r.end_s) ?? first;
  const timeless = !(end > first); // every request was rejected: no time passed
  const last = timeless ? first + 1 : end;
  const base = d3.scaleLinear().domain([first, last]);
  const axis = d3.select("#axis"), rows = select("rows"), canvas = select("events"), tip = select("tip");
  const context = canvas.getContext("2d");
  const timeAxis = axis.append("g");
  const roundNames = axis.append("g");
  const unit = axis.append("text").attr("class", "unit").attr("x", 8).attr("y", 36).text("emulated time / s");
  let width = 0, followed = null, transform = d3.zoomIdentity;

  // Events of each device, in the order of their begin, for finding what lies under the pointer.
  const byDevice = Array.from({ length: devices }, () => []);
  for (let i = 0; i < number; ++i) byDevice[device[i]].push(i);

  const rowTop = (d) => d * height;
  function bar(i) {
    const lane = kind[i] === KIND.transmit || kind[i] === KIND.receive ? radio : processor;
    return { top: rowTop(device[i]) + lane.top + (kind[i] === KIND.receive ? lane.height : 0), height: lane.height };
  }
  const isFollowed = (i) => followed !== null && round[i] === followed.round && request[i] === followed.request;

  function colourOf(i) {
    if (kind[i] === KIND.transmit) return COLOUR.transmit;
    if (kind[i] === KIND.receive) return COLOUR.receive;
    return kind[i] === KIND.wait ? shades.wait : stageColour(trace.stages[block[i]]);
  }

  let shades = {}; // of what has no colour of its own
  function drawBars(x, from, to) {
    let drawn = 0, highlighted = 0;
    const leaving = [];
    context.font = "11px system-ui, 'DejaVu Sans', sans-serif";
    context.textBaseline = "middle";
    for (let i = 0; i < number; ++i) {
      if (end_s[i] < from || begin_s[i] > to) continue;
      const left = Math.max(-2, x(begin_s[i])), length = Math.max(0.8, Math.min(width + 2, x(end_s[i])) - left);
      const { top, height: thickness } = bar(i);
      const lit = followed === null || isFollowed(i);
      const colour = colourOf(i);
      context.globalAlpha = lit ? 1 : 0.13;
      context.fillStyle = colour;
      context.fillRect(left, top, length, thickness);
      if (length > 5 && kind[i] !== KIND.wait) { // a thin edge parts neighbours of one colour
        context.fillStyle = shades.paper;
        context.fillRect(left + length - 0.8, top, 0.8, thickness);
      }
      if (lit && leaves(i)) leaving.push([left + length, top, thickness]);
      if (flags[i] & (FLAG.overrun | FLAG.failed)) {
        context.fillStyle = COLOUR.late;
        context.fillRect(left, flags[i] & FLAG.failed ? top + thickness / 2 - 1 : top, length, 2);
      }
      if (kind[i] === KIND.compute && thickness >= 11 && length > 26) {
        const whole = isJoin(i) ? `${workName(i)} join` : workName(i), room = length - 6;
        const wide = (text) => context.measureText(text).width;
        const name = wide(whole) < room ? whole : brief(whole, Math.max(9, Math.floor((whole.length * room) / wide(whole)) - 1));
        if (wide(name) < room) {
          context.fillStyle = inkOn(colour);
          context.fillText(name, left + 3, top + thickness / 2 + 0.5);
        }
      }
      ++drawn;
      if (followed !== null && lit) ++highlighted;
    }
    context.globalAlpha = 1;
    context.fillStyle = shades.ink;
    context.strokeStyle = shades.paper;
    for (const [right, top, thickness] of leaving) { // a request ends there
      context.beginPath();
      context.moveTo(right - 3, top);
      context.lineTo(right + 4, top + thickness / 2);
      context.lineTo(right - 3, top + thickness);
      context.closePath();
      context.fill();
      context.stroke();
    }
    return { drawn, highlighted };
  }

  // The followed request's ways from a sender to a receiver.
  function drawHops(x) {
    context.strokeStyle = shades.ink;
    context.lineWidth = 1.4;
    const way = (from, to, i) => `${from}>${to}:${block[i]}:${part[i]}`;
    const sent = new Map(), received = [];
    for (let i = 0; i < number; ++i) {
      if (!isFollowed(i) || flags[i] & FLAG.failed) continue;
      if (kind[i] === KIND.transmit) sent.set(way(device[i], peer[i], i), i);
      if (kind[i] === KIND.receive) received.push(i);
    }
    for (const i of received) {
      const from = sent.get(way(peer[i], device[i], i));
      if (from === undefined) continue;
      const [a, b] = [bar(from), bar(i)];
      const [x1, y1, x2, y2] = [x(begin_s[from]), a.top + a.height / 2, x(end_s[i]), b.top + b.height / 2];
      context.beginPath();
      context.moveTo(x1, y1);
      context.lineTo(x2, y2);
      context.stroke();
      context.beginPath();
      context.arc(x2, y2, 3, 0, 2 * Math.PI);
      context.fillStyle = shades.ink;
      context.fill();
    }
  }

  function drawGround(x, from, to) {
    for (let d = 0; d < devices; ++d) {
      context.fillStyle = d % 2 ? shades.paper : shades.band;
      context.fillRect(0, rowTop(d), width, height);
    }
    context.fillStyle = shades.gone;
    for (const outage of trace.outages) {
      const end = outage.end_s === null ? last : outage.end_s;
      if (outage.peer >= 0 || end < from || outage.begin_s > to) continue;
      const left = Math.max(0, x(outage.begin_s));
      context.fillRect(left, rowTop(outage.device) + 1, Math.min(width, x(end)) - left, height - 2);
    }
    context.fillStyle = shades.round;
    const seen = trace.rounds.filter((r) => r.start_s >= from && r.start_s <= to);
    if (seen.length < width / 8) for (const r of seen) context.fillRect(x(r.start_s), 0, 1, rowTop(devices));
  }

  function drawAxis(x, from, to) {
    timeAxis.attr("transform", `translate(${labelWidth},43)`).call(timeless ? d3.axisTop(x).tickValues([first]).tickFormat((time) => figure(time)) : d3.axisTop(x).ticks(Math.max(2, width / 110)).tickSize(6))
      .selectAll("text").attr("text-anchor", (time) => (x(time) > width - 20 ? "end" : "middle"));
    const names = trace.rounds.filter((r) => r.end_s > from && r.start_s < to);
    let free = -Infinity; // where the next name has room
    const fitting = names.filter((r) => {
      const left = Math.max(0, x(r.start_s));
      const fits = left >= free && Math.min(width, x(r.end_s)) - left > (names.length > 1 ? 24 : 0) && left < width - 60;
      if (fits) free = left + 66;
      return fits;
    });
    roundNames.selectAll("text").data(fitting).join("text").attr("y", 15).attr("font-weight", 600)
      .attr("x", (r) => labelWidth + Math.max(0, x(r.start_s)) + 3).text((r) => `round ${r.round}`);
    unit.raise();
  }

  function draw() {
    const x = transform.rescaleX(base), [from, to] = x.domain();
    for (const name of ["paper", "band", "ink", "wait", "gone", "round"]) shades[name] = shade(name);
    context.setTransform(devicePixelRatio, 0, 0, devicePixelRatio, 0, 0);
    context.clearRect(0, 0, width, rowTop(devices));
    drawGround(x, from, to);
    const { drawn, highlighted } = drawBars(x, from, to);
    if (followed !== null) drawHops(x);
    drawAxis(x, from, to);
    Object.assign(canvas.dataset, { drawn, highlighted, from, to, followed: followed ? requestKey(followed.round, followed.request) : "" });
  }

  const zoom = d3.zoom().on("zoom", () => {
    transform = d3.zoomTransform(canvas);
    tip.hidden = true;
    requestAnimationFrame(draw);
  });
  const view = d3.select(canvas).call(zoom).on("dblclick.zoom", null);

  function fit() {
    const domain = width ? transform.rescaleX(base).domain() : null;
    width = Math.max(100, rows.clientWidth - labelWidth);
    canvas.style.cssText = `margin-left:${labelWidth}px;width:${width}px;height:${rowTop(devices)}px`;
    canvas.width = Math.round(width * devicePixelRatio);
    canvas.height = Math.round(rowTop(devices) * devicePixelRatio);
    base.range([0, width]);
    zoom.extent([[0, 0], [width, rowTop(devices)]]).translateExtent([[0, 0], [width, rowTop(devices)]])
      .scaleExtent([1, Math.max(2, (last - first) / 1e-3)]);
    if (domain) show(domain[0], domain[1]);
  }

  function show(from, to) {
    const scale = (last - first) / Math.max(1e-6, to - from);
    view.call(zoom.transform, d3.zoomIdentity.scale(scale).translate(-base(from), 0));
  }

  // The event under a place on the canvas; the pointer need not meet the thinnest bars exactly.
  function eventAt(px, py) {
    const x = transform.rescaleX(base), time = x.invert(px), near = x.invert(px + 2) - time;
    const candidates = byDevice[Math.floor(py / height)] || [];
    let found = null;
    for (const i of candidates) {
      if (begin_s[i] > time + near) break;
      const { top, height: thickness } = bar(i);
      if (end_s[i] >= time - near && py >= top - 0.5 && py <= top + thickness + 0.5) {
        found = i;
        if (begin_s[i] <= time && end_s[i] >= time) break;
      }
    }
    return found;
  }

  function describe(i) {
    const name = workName(i), length = figure(end_s[i] - begin_s[i], "s");
    const what = {
      [KIND.compute]: isJoin(i) ? `joins the parts of ${name}` : `computes ${name}`, [KIND.wait]: `waits for the input of ${name}`,
      [KIND.transmit]: `sends the output of ${name} to ${peer[i] >= 0 ? deviceName(peer[i]) : "?"}`,
      [KIND.receive]: `receives the output of ${name} from ${peer[i] >= 0 ? deviceName(peer[i]) : "?"}`,
    }[kind[i]].replace("the output of image", "the image");
    const lines = [`${deviceName(device[i])} ${what}${leaves(i) ? ", and the request leaves" : ""}`, `request ${request[i]} of round ${round[i]}`,
      `${length}: ${figure(begin_s[i], "s", 7)} to ${figure(end_s[i], "s", 7)}`];
    if (macs[i] > 0) lines.push(`${figure(macs[i] / 1e6, "MMAC")}, ${figure(macs[i] / 1e9 / (end_s[i] - begin_s[i]), "GMAC/s")}`);
    if (bytes[i] > 0) lines.push(`${figure(bytes[i] / 1e6, "MB")}, ${figure((8 * bytes[i]) / 1e6 / (end_s[i] - begin_s[i]), "Mbit/s")}`);
    if (flags[i] & FLAG.overrun) lines.push("late: the host did not keep up");
    if (flags[i] & FLAG.failed) lines.push("failed: this work was lost");
    return lines.join("\n");
  }

  canvas.addEventListener("mousemove", (event) => {
    const found = event.buttons ? null : eventAt(event.offsetX, event.offsetY);
    tip.hidden = found === null;
    if (found === null) return;
    tip.textContent = describe(found);
    const place = select("timeline").getBoundingClientRect();
    const [px, py] = [event.clientX - place.left, event.clientY - place.top];
    tip.style.left = `${Math.max(0, Math.min(px + 14, place.width - tip.offsetWidth - 6))}px`;
    tip.style.top = `${py + 18 + tip.offsetHeight > place.height ? Math.max(0, py - tip.offsetHeight - 10) : py + 18}px`;
  });
  canvas.addEventListener("mouseleave", () => { tip.hidden = true; });
  canvas.addEventListener("click", (event) => {
    const found = eventAt(event.offsetX, event.offsetY);
    chosen.call("follow", null, found === null ? null : requestsByKey.get(requestKey(round[found], request[found])) ?? null);
  });
  rows.addEventListener("keydown", (event) => {
    const act = {
      "+": () => view.call(zoom.scaleBy, 1.5), "=": () => view.call(zoom.scaleBy, 1.5), "-": () => view.call(zoom.scaleBy, 1 / 1.5),
      ArrowLeft: () => view.call(zoom.translateBy, width / 10 / transform.k, 0),
      ArrowRight: () => view.call(zoom.translateBy, -width / 10 / transform.k, 0),
      Home: () => chosen.call("round", null, null), Escape: () => chosen.call("follow", null, null),
    }[event.key];
    if (!act || event.ctrlKey || event.metaKey || event.altKey) return;
    act();
    event.preventDefault();
  });

  function showLabels() {
    select("lanes").textContent = height > 30
      ? "Thick bars: the processor. Thin bars below: the radio, sending above receiving."
      : "In each row: the processor above; the radio, sending and receiving, below.";
    trace.devices.forEach((d, i) => {
      const label = element("div", undefined, { title: `${d.name}: ${figure(d.mac_rate / 1e9, "GMAC/s")}` });
      label.append(element("b", String(i)), document.createTextNode(d.name));
      label.style.cssText = `top:${rowTop(i)}px;width:${labelWidth}px;height:${height}px;line-height:${height}px;`
        + `font-size:${height > 20 ? 13 : 11.5}px;background:var(--${i % 2 ? "paper" : "band"})`;
      select("labels").append(label);
    });
    const entry = (colour, text) => {
      const item = element("li"), chip = element("i");
      chip.style.background = colour;
      item.append(chip, document.createTextNode(text));
      select("legend").append(item);
    };
    const most = 24, step = (stages.length - 1) / (most - 1); // entries, evenly chosen
    const listed = stages.length <= most ? stages : d3.range(most).map((i) => stages[Math.round(i * step)]);
    listed.forEach((stage) => entry(stageColour(stage), stageName(stage)));
    entry("var(--wait)", "waits for input");
    entry(COLOUR.transmit, "sends");
    entry(COLOUR.receive, "receives");
    if (trace.leaving.length) entry("var(--ink)", "a request leaves");
    if (trace.outages.some((o) => o.peer < 0)) entry("var(--gone)", "off");
    if (flags.some((f) => f & (FLAG.overrun | FLAG.failed))) entry(COLOUR.late, "late or failed");
  }

  chosen.on("round.timeline", (r) => (r === null ? show(first, last) : show(r.start_s - (r.end_s - r.start_s) / 100, r.end_s + (r.end_s - r.start_s) / 100)));
  chosen.on("follow.timeline", (r) => {
    followed = r;
    draw();
  });
  chosen.on("colours.timeline", draw);
  if (timeless && trace.rounds.length) select("lanes").before("No time passed: no request was admitted. ");
  showLabels();
  fit();
  show(first, last);
  new ResizeObserver(() => {
    if (Math.abs(rows.clientWidth - labelWidth - width) > 1) fit();
  }).observe(rows);
}

// The selectors of round and request, and what is said of the request that is followed.
function controls() {
  const roundChoice = select("round"), requestChoice = select("request");
  let round = null, followed = null;
  const wholeRun = trace.rounds.length < trace.trace.rounds ? "all shown rounds" : "the whole run";
  roundChoice.append(element("option", wholeRun, { value: "" }));
  trace.rounds.forEach((r, i) => roundChoice.append(element("option", `round ${r.round}`, { value: i })));

  function listRequests() {
    const most = 1000; // entries that a selector can hold
    const listed = trace.requests.filter((r) => r.status === "done" && (round === null || r.round === round.round)).slice(0, most);
    if (followed !== null && !listed.includes(followed)) listed.unshift(followed);
    requestChoice.replaceChildren(element("option", "no request", { value: "" }));
    for (const r of listed)
      requestChoice.append(element("option", `request ${r.request} of round ${r.round}`, { value: requestKey(r.round, r.request) }));
    requestChoice.value = followed === null ? "" : requestKey(followed.round, followed.request);
  }

  function describe(r) {
    const place = select("followed");
    place.replaceChildren();
    if (r === null) return;
    place.append(element("strong", `Request ${r.request} of round ${r.round}`));
    const dropped = (r.modes || []).map((mode, b) => (mode === 2 ? trace.blocks[b] : null)).filter(Boolean);
    const path = [];
    (r.devices || []).forEach((d, b) => {
      if (d < 0 || (r.exit >= 0 && b > r.exit)) return;
      const part = path[path.length - 1];
      if (part && part.device === d) part.last = trace.blocks[b];
      else path.push({ device: d, first: trace.blocks[b], last: trace.blocks[b] });
    });
    const parts = [
      `latency ${figure(r.latency_s, "s")} (planned ${figure(r.predicted_latency_s, "s")}`
        + (r.compute_s === undefined ? ")" : `; compute ${figure(r.compute_s, "s", 3)}, transfer ${figure(r.transfer_s, "s", 3)}, queue ${figure(r.queue_s, "s", 3)})`),
      `accuracy ${percent(r.accuracy, 4)}`,
      trace.leaving.length && r.status === "done"
        ? `${r.exit < 0 ? "left at the end" : `left behind ${trace.blocks[r.exit]}`}, confidence ${figure(r.confidence)}: class ${r.verdict}${r.label < 0 ? "" : r.label === r.verdict ? ", right" : `, wrong (it is ${r.label})`}` : "",
      r.energy_j === undefined ? "" : `energy ${figure(r.energy_j, "J")}`,
      dropped.length ? `dropped ${dropped.join(", ")}` : "nothing dropped",
      `path: ${path.map((p) => `${p.first === p.last ? p.first : `${p.first}…${p.last}`} on ${deviceName(p.device)}`).join(" → ")}`,
    ];
    place.append(document.createTextNode(parts.filter(Boolean).join("; ") + "."));
  }

  roundChoice.addEventListener("change", () => chosen.call("round", null, roundChoice.value === "" ? null : trace.rounds[roundChoice.value]));
  requestChoice.addEventListener("change", () => chosen.call("follow", null, requestsByKey.get(requestChoice.value) ?? null));
  const step = (by) => () => chosen.call("round", null, trace.rounds[(round === null ? (by > 0 ? -1 : trace.rounds.length) : trace.rounds.indexOf(round)) + by]);
  select("previous-round").addEventListener("click", step(-1));
  select("next-round").addEventListener("click", step(1));
  chosen.on("round.controls", (r) => {
    round = r;
    const index = r === null ? null : trace.rounds.indexOf(r);
    roundChoice.value = index === null ? "" : index;
    select("previous-round").disabled = trace.rounds.length === 0 || index === 0;
    select("next-round").disabled = trace.rounds.length === 0 || index === trace.rounds.length - 1;
    listRequests();
  });
  chosen.on("follow.controls", (r) => {
    followed = r;
    listRequests();
    describe(r);
  });
}


// Device of every block of every request, as a table.
function plan() {
  const most = 60; // rows
  const chain = trace.blocks.slice(0, trace.chain);
  const MODE_SKIP = 2;
  let round = null, followed = null;
  const colour = (device) => d3.hcl((device * 137.5) % 360, 34, 86).toString(); // neighbours differ; the number says which

  function cell(request, block) {
    if (request.exit >= 0 && block > request.exit) return element("td", "", { class: "left", title: `it left behind ${trace.blocks[request.exit]}` });
    const device = request.devices[block], dropped = request.modes[block] === MODE_SKIP;
    const parts = (request.parts || {})[block];
    if (parts) {
      const made = element("td", `${parts.join("+")}→${device}`, {
        title: `${trace.blocks[block]} in ${parts.length} parts on ${parts.map(deviceName).join(", ")}; joined on ${deviceName(device)}`,
      });
      made.style.background = colour(device);
      return made;
    }
    const on = device >= 0 ? deviceName(device) : "";
    const made = element("td", dropped ? `×${device >= 0 ? device : ""}` : String(device), {
      title: `${trace.blocks[block]} ${dropped ? (on ? `is dropped; its shortcut runs on ${on}` : "is dropped") : `on ${on}`}`,
    });
    if (dropped) made.className = "dropped";
    else made.style.background = colour(device);
    return made;
  }

  function row(request) {
    const made = element("tr"), head = element("th"), follow = element("button", `round ${request.round}, request ${request.request}`, { type: "button" });
    follow.addEventListener("click", () => chosen.call("follow", null, request === followed ? null : request));
    head.append(request.devices ? follow : document.createTextNode(follow.textContent));
    made.append(head);
    made.classList.toggle("followed", request === followed);
    if (request.devices) chain.forEach((_, block) => made.append(cell(request, block)));
    else made.append(element("td", request.status, { class: "end", colspan: chain.length }));
    const end = request.status === "done" ? `${figure(request.latency_s, "s", 3)}, ${percent(request.accuracy, 4)}` : request.devices ? request.status : "";
    made.append(element("td", end, { class: "end" }));
    return made;
  }

  function draw() {
    const all = trace.requests.filter((r) => round === null || r.round === round.round);
    let listed = all.slice(0, most);
    if (followed !== null && all.includes(followed) && !listed.includes(followed)) listed = [followed, ...listed.slice(1)];
    select("plan-about").textContent = "Which device (its number in the timeline) runs which block of a request; × is a dropped block, 1+2→3 one in parts on 1 and 2 that 3 joins" + (trace.leaving.length ? ", empty what the request left before" : "") + ". "
      + (all.length > listed.length ? `Shown are ${listed.length} of ${plural(all.length, "request")}; choose a round above to see its own.` : "");
    const table = element("table"), head = element("tr"), top = element("thead"), body = element("tbody");
    const upright = chain.some((block) => block.length > 8); // names that would make columns wide
    const heading = (block) => {
      const made = element("th", undefined, { scope: "col", title: block });
      made.append(element("span", brief(block), upright ? { class: "upright" } : {}));
      return made;
    };
    head.append(element("th", ""), ...chain.map(heading), element("th", "latency, accuracy"));
    top.append(head);
    body.append(...listed.map(row));
    table.append(top, body);
    if (all.length) select("plan").replaceChildren(table);
    else select("plan").replaceChildren(element("p", "No requests in this round."));
  }

  chosen.on("round.plan", (r) => { round = r; draw(); });
  chosen.on("follow.plan", (r) => { followed = r; draw(); });
}


// The live page: polls one address every two seconds, and pauses while it is hidden.
"use strict";

(() => {
  const root = document.getElementById("isthmus");
  const part = (name) => root.querySelector(`[data-part="${name}"]`);
  const NAMES = { atlasToLocal: "Atlas → local", localToAtlas: "Local → Atlas" };
  const EVERY_MS = 2000;
  const charts = {};
  let latest = JSON.parse(document.getElementById("isthmus-first").textContent);
  let received = Date.now();
  let ahead = received - Date.parse(latest.timestamp); // of the server's clock, in ms: what is said to be old is so by that one
  let failing = false;
  let timer;

  // Data is inserted as text, never as markup
  function el(tag, attributes = {}, ...children) {
    const node = document.createElement(tag);
    for (const [name, value] of Object.entries(attributes)) {
      if (name === "class") node.className = value;
      else node.setAttribute(name, value);
    }
    node.append(...children.filter((child) => child !== null && child !== undefined));
    return node;
  }

  function show(data) {
    latest = data;
    halted(data.halted);
    health(data);
    for (const [key, direction] of Object.entries(data.directions)) direction_(key, direction, data);
    cards(data);
    conflicts(data.conflicts);
    part("foot").textContent = data.instanceId
      ? `Device ${data.instanceId}${data.holder ? ` · listener ${data.holder}` : ""} · Atlas's clock ${signed(data.clockOffsetMs)} ms`
      : "";
  }

  function halted(halts) {
    const box = part("halted");
    const open = halts.filter((halt) => !halt.answer);
    box.hidden = open.length === 0;
    if (box.hidden) return;
    const more = open.length > 1 ? ` (and ${open.length - 1} more)` : "";
    box.replaceChildren(
      el("b", {}, "Halted: an answer is needed"), el("span", {}, open[0].detail + more), el("i", {}, "See the options →"));
  }

  function health(data) {
    const box = root.querySelector(".ist-health");
    box.className = `ist-health is-${data.health}`;
    part("dot").className = `ist-dot${failing || data.notStarted ? "" : " live"}`;
    part("message").textContent = data.message;
    part("status").textContent = data.health;
    part("mode").textContent = data.notStarted ? "Not started" : data.paused ? "Paused" : data.enabled ? "Both directions" : "One-way: local → Atlas";
    const lines = data.reasons.map((reason) => el("li", { class: `is-${reason.status}` },
      reason.link ? el("a", { href: reason.link }, ...withCode(reason.text).childNodes, el("i", {}, " →")) : withCode(reason.text),
      el("a", { class: "ist-runbook", href: reason.runbook }, "What to do")));
    // Of other devices: without effect on this one's health
    for (const notice of data.notices) {
      lines.push(el("li", {}, el("a", { href: notice.link }, el("span", {}, notice.text), el("i", {}, " →")), el("a", { class: "ist-runbook", href: notice.runbook }, "What to do")));
    }
    if (data.lastError) lines.push(el("li", { class: "is-degraded" }, el("span", {}, data.lastError)));
    if (!data.enabled && !data.paused && !data.notStarted) {
      lines.push(el("li", {}, withCode(root.dataset.operate
        ? "Atlas's changes wait in Atlas until sync is enabled: here, or with `manage.py sync_toggle on`"
        : "Atlas's changes wait in Atlas until an operator enables sync")));
    }
    // By design, so it does not affect health: the reason is on the device's page
    if (data.refused.length) lines.push(el("li", {}, el("span", {}, `Not synchronised: ${data.refused.join(", ")}`)));
    // Only changes are rendered: a link that is being clicked stays in place
    const reasons = part("reasons"), drawn = el("ul", {}, ...lines);
    if (reasons.innerHTML !== drawn.innerHTML) reasons.replaceChildren(...drawn.childNodes);
    actions(data);
  }

  function withCode(text) {
    const span = el("span");
    text.split("`").forEach((piece, i) => span.append(i % 2 ? el("code", {}, piece) : piece));
    return span;
  }

  let actionsShown = "";
  function actions(data) {
    const state = `${data.enabled}${data.paused}${data.firstRun}`;
    if (!root.dataset.operate || state === actionsShown) return;
    actionsShown = state;
    const toggle = data.enabled
      ? button("Disable sync", "", () => change("toggle", { enabled: false }, "Disable bidirectional sync?",
          "Changes from Atlas are no longer pulled. Local changes are still pushed to Atlas. Nothing is lost: Atlas's changes are pulled when sync is enabled again.", "Disable"))
      : button("Enable sync", data.firstRun ? "" : "ist-primary", () => change("toggle", { enabled: true }, "Enable bidirectional sync?",
          "Changes from Atlas are pulled into the local database, including pending ones.", "Enable"));
    const pause = data.paused
      ? button("Resume", "ist-primary", () => change("pause", { paused: false }, "Resume sync?", "Pending changes of both sides are transferred.", "Resume"))
      : button("Pause", "", () => change("pause", { paused: true }, "Pause sync?", "Nothing is transferred in either direction until sync is resumed. Nothing is lost.", "Pause"));
    const first = data.firstRun ? el("a", { class: "ist-primary", href: root.dataset.firstRun }, "First run: see the results") : null;
    part("actions").replaceChildren(...[first, pause, toggle].filter(Boolean));
  }

  function button(text, className, onClick) {
    const node = el("button", { type: "button", class: className }, text);
    node.addEventListener("click", onClick);
    return node;
  }

  async function change(which, body, title, text, yes) {
    const dialog = document.getElementById("isthmus-dialog");
    dialog.querySelector("h3").textContent = title;
    dialog.querySelector("p").textContent = text;
    dialog.querySelector(".ist-primary").textContent = yes;
    dialog.returnValue = "no";
    dialog.showModal();
    await new Promise((done) => dialog.addEventListener("close", done, { once: true }));
    if (dialog.returnValue !== "yes") return;
    const answer = await send(root.dataset[which], body);
    if (!answer) IsthmusRefused("The server does not answer: it is not certain whether it was done.");
    else if (!answer.ok) IsthmusRefused((await answer.json().catch(() => ({}))).detail || `The change was refused (${answer.status}).`);
    await refresh();
  }

  // Null: no answer
  function send(address, body) {
    return fetch(address, {
      method: "POST",
      headers: { "Content-Type": "application/json", "X-CSRFToken": root.querySelector("[name=csrfmiddlewaretoken]").value },
      body: JSON.stringify(body),
    }).catch(() => null);
  }

  function direction_(key, direction, data) {
    let box = part("directions").querySelector(`[data-key="${key}"]`);
    if (!box) {
      box = el("section", { class: "ist-direction", "data-key": key },
        el("header", {}, el("h3", {}, NAMES[key]), el("span", { class: "ist-rate" })),
        el("div", { class: "ist-chart", role: "img", "aria-label": `Changes a second, ${NAMES[key]}, last 30 minutes` }), el("dl", { class: "ist-facts" }));
      part("directions").append(box);
      const tone = key === "atlasToLocal" ? "tone-pull" : "tone-push";
      charts[key] = new IsthmusChart(box.querySelector(".ist-chart"), { kind: "area", series: [{ name: NAMES[key], tone }], unit: "/s" });
    }
    const off = data.paused || (key === "atlasToLocal" && !data.enabled);
    box.classList.toggle("ist-off", off);
    charts[key].draw({
      at: direction.minutes.map((minute) => Date.parse(minute.at) / 1000),
      values: [direction.minutes.map((minute) => minute.rate)],
      dots: direction.minutes.filter((minute) => minute.failed).map((minute) => Date.parse(minute.at) / 1000),
    });
    const rate = direction.minutes.at(-1).rate;
    box.querySelector(".ist-rate").replaceChildren(off ? el("small", {}, "off") : number(rate), off ? "" : el("small", {}, " changes/s"));
    facts(box.querySelector(".ist-facts"), [
      ["Succeeded", number(direction.succeeded)],
      ["Failed", number(direction.failed), direction.failed ? "bad" : ""],
      ["Skipped", number(direction.skipped)],
      ["p95, 10 min", direction.p95Ms ? time(direction.p95Ms) : "–"],
      ["Lag", off || direction.lagMs === null ? "–" : time(direction.lagMs), !off && direction.lagLevel !== "healthy" ? "warn" : ""],
      ["Last change", direction.lastEventAt ? ago(direction.lastEventAt) : "–"],
    ]);
  }

  function facts(list, rows) {
    list.replaceChildren(...rows.map(([name, value, tone]) => el("div", {}, el("dt", {}, name), el("dd", { class: tone || "" }, value))));
  }

  function cards(data) {
    const tone = { connected: "is-healthy", connecting: "is-degraded", disconnected: "is-critical", stopped: "" };
    const state = (status) => el("span", { class: `ist-state ${tone[status]}` }, status);
    // As health judges them, so that colours and reasons agree
    const level = (name) => ({ critical: "bad", degraded: "warn" })[data.levels[name]] || "";
    const cards = [
      ["Local stream", state(data.streams.local), ""],
      ["Atlas stream", state(data.streams.atlas), ""],
      ["Pending", number(data.queueSize), data.silentSince ? `as reported ${ago(data.silentSince)}` : `${number(data.inFlight)} being applied`],
      ["Conflicts, last hour", data.conflictRate ? el("a", { href: root.dataset.conflicts }, number(data.conflictRate)) : "0", data.waiting ? `${number(data.waiting)} need${data.waiting === 1 ? "s" : ""} manual resolution` : data.strategy, level("conflictRate")],
      ["Error rate, last hour", `${data.errorRate.toFixed(1)} %`, `${number(data.errors.failed)} of ${number(data.errors.processed)} changes`, level("errorRate")],
      ["Rejected changes", data.rejected ? el("a", { href: root.dataset.rejected }, number(data.rejected)) : "0", data.rejected ? "to retry or discard" : "nothing is refused"],
      ["Alerts firing", firing(data.alerts), data.alerts.critical ? `${number(data.alerts.critical)} critical` : data.alerts.warning ? "none critical" : "all quiet", data.alerts.critical ? "bad" : data.alerts.warning ? "warn" : ""],
    ];
    for (const [side, name] of [["local", "Local oplog lasts for"], ["atlas", "Atlas's oplog lasts for"]]) {
      const found = data.headroom[side];
      const tone = { critical: "bad", degraded: "warn" }[data.headroomLevels[side]] || "";
      cards.push([name, el("span", { title: found ? found.text : "" }, found ? found.short : "–"), found ? "a device may be offline for so long" : "not measured yet", tone]);
    }
    part("cards").replaceChildren(...cards.map(([name, value, note, tone]) =>
      el("dl", { class: "ist-card" }, el("dt", {}, name), el("dd", { class: tone || "" }, value), note ? el("small", {}, note) : null)));
  }

  function firing(alerts) {
    return el("a", { href: root.dataset.alerts }, number(alerts.critical + alerts.warning));
  }

  let conflictsShown = "";
  function conflicts(rows) {
    const box = part("conflicts");
    // Rendered again only on changes, so that an open one stays open
    const state = JSON.stringify(rows.map((row) => [row.id, row.winner, row.waits, row.restored]));
    if (state !== conflictsShown) {
      conflictsShown = state;
      const open = new Set([...box.querySelectorAll("details[open]")].map((node) => node.dataset.id));
      box.replaceChildren(...(rows.length ? rows.map((row) => conflict(row, open)) : [el("p", { class: "ist-empty" }, "None yet. A document changed on both sides appears here, with both versions.")]));
    }
    box.querySelectorAll("time").forEach((node) => { node.textContent = ago(node.dateTime); });
  }

  function conflict(row, open) {
    const won = row.merged ? "Merged" : { local: "Local won", atlas: "Atlas won" }[row.winner] || (row.waits ? "Needs manual resolution" : "Resolved automatically");
    const summary = el("summary", {}, el("time", { datetime: row.at }), el("b", {}, row.collection), el("a", { href: row.url }, row.shownId),
      el("span", { class: `ist-tag ${row.winner === "open" && !row.waits ? "" : row.winner}` }, row.restored ? `${won}, loser restored` : won));
    const body = el("div", { class: "ist-versions" });
    if (row.fields) body.append(versions(row));
    body.append(el("p", {}, el("a", { href: row.url }, !root.dataset.operate ? "Open" : row.waits ? "Open, and decide" : row.loser && !row.restored ? "Open, or restore the loser" : "Open")));
    const details = el("details", { class: "ist-conflict", "data-id": String(row.id) }, summary, body);
    details.open = open.has(String(row.id));
    return details;
  }

  function versions(row) {
    const cell = (value) => el("td", {}, value === null ? el("em", {}, "absent") : el("pre", {}, value));
    const rows = row.fields.map((field) => el("tr", { class: field.differs ? "differs" : "" }, el("th", {}, field.name), cell(field.local), cell(field.atlas)));
    const head = (side) => el("th", {}, `${side === "local" ? "Local" : "Atlas"}${row.absent[side] ? " (deleted)" : ""}${row.winner === side ? " · won" : ""}`);
    return el("table", {}, el("thead", {}, el("tr", {}, el("th", {}, "Field"), head("local"), head("atlas"))), el("tbody", {}, ...rows));
  }

  function time(ms) {
    if (ms < 1000) return `${number(Math.round(ms * 10) / 10)} ms`;
    return ms < 120000 ? `${number(ms / 1000)} s` : ms < 7200000 ? `${Math.round(ms / 60000)} min` : `${Math.round(ms / 3600000)} h`;
  }

  function ago(iso) {
    const ms = Math.max(0, Date.now() - ahead - Date.parse(iso));
    return ms < 2000 ? "now" : ms < 172800000 ? `${time(Math.round(ms / 1000) * 1000)} ago` : new Date(iso).toISOString().slice(0, 10);
  }

  function signed(value) {
    return (value >= 0 ? "+" : "−") + number(Math.abs(Math.round(value)));
  }

  async function refresh() {
    clearTimeout(timer);
    try {
      const answer = await fetch(`${root.dataset.live}?span=${history.span}`, { headers: { Accept: "application/json" } });
      if (answer.status === 401 || answer.status === 403) return window.location.reload();
      if (!answer.ok) throw new Error(String(answer.status));
      failing = false;
      received = Date.now();
      const data = await answer.json();
      ahead = received - Date.parse(data.timestamp);
      show(data);
      history.follow(data.history);
    } catch {
      failing = true;
      part("dot").className = "ist-dot";
    }
    if (!document.hidden) timer = setTimeout(refresh, EVERY_MS);
  }

  function tick() {
    const seconds = Math.round((Date.now() - received) / 1000);
    part("updated").textContent = failing ? `no answer from the server for ${seconds} s` : seconds < 4 ? (latest.notStarted ? "waiting" : "live") : `as of ${seconds} s ago`;
  }

  document.addEventListener("visibilitychange", () => (document.hidden ? clearTimeout(timer) : refresh()));
  setInterval(tick, 1000);
  show(latest);
  const history = new IsthmusHistory(root, el);
  tick();
  timer = setTimeout(refresh, EVERY_MS);
})();

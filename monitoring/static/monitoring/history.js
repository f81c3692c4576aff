// The charts of an hour, a day or a week. The whole span is fetched when it is chosen; the two-second update brings its last points.
"use strict";

window.IsthmusHistory = class {
  constructor(root, el) {
    this.root = root;
    this.address = root.dataset.history;
    this.span = IsthmusHistory.remembered();
    this.data = null;
    const seconds = (value) => (value >= 3600 ? `${number(value / 3600)} h` : value >= 120 ? `${number(value / 60)} min` : value < 1 ? `${number(value * 1000)} ms` : `${number(value)} s`);
    const quantiles = [["p50", "tone-p50"], ["p95", "tone-p95"], ["p99", "tone-p99"]].map(([name, tone]) => ({ name, tone }));
    const lag = (which) => ({ kind: "decades", series: quantiles, unit: "", digits: seconds, values: (data) => quantiles.map((one) => data.lag[which][one.name]) });
    this.charts = [
      ["Throughput", "changes/s", { kind: "area", series: [{ name: "Atlas → local", tone: "tone-pull" }, { name: "Local → Atlas", tone: "tone-push" }],
        values: (data) => [data.throughput.atlasToLocal, data.throughput.localToAtlas] }],
      ["Lag, Atlas → local", "ms, s or min", lag("atlasToLocal")],
      ["Lag, local → Atlas", "ms, s or min", lag("localToAtlas")],
      ["Pending operations", "operations", { kind: "line", series: [{ name: "highest", tone: "tone-p99" }, { name: "average", tone: "tone-p50" }],
        values: (data) => [data.pending.highest, data.pending.average] }],
      ["Conflicts and rejected changes", "changes", { kind: "bars", series: [{ name: "conflicts", tone: "tone-warn" }, { name: "rejected", tone: "tone-bad" }],
        values: (data) => [data.conflicts, data.rejected] }],
      ["How long each side may be away", "by its oplog", { kind: "decades", ticks: lengthTicks, digits: lengthText,
        series: [{ name: "local", tone: "tone-push" }, { name: "Atlas", tone: "tone-pull" }], values: (data) => [data.headroom.local, data.headroom.atlas],
        bounds: ({ bounds }) => [{ value: bounds.warning, tone: "tone-warn", text: `warning below ${lengthText(bounds.warning)}` },
          { value: bounds.critical, tone: "tone-bad", text: `critical below ${lengthText(bounds.critical)}`, below: true }] }],
    ].map(([title, unit, options]) => this.make(el, title, { unit, ...options }));
    this.happened = root.querySelector('[data-part="happened"]');
    this.el = el;
    root.querySelectorAll("[data-span]").forEach((button) => button.addEventListener("click", () => this.choose(button.dataset.span)));
    this.choose(this.span);
  }

  static remembered() {
    try { return localStorage.getItem("isthmus-span") || "hour"; } catch { return "hour"; }
  }

  make(el, title, options) {
    const legend = el("span", { class: "ist-legend" }, ...options.series.map((one) => el("span", { class: one.tone }, one.name)));
    const box = el("div", { class: "ist-chart", role: "img", "aria-label": `${title}, ${options.unit}` });
    this.root.querySelector('[data-part="charts"]').append(
      el("figure", { class: "ist-figure" }, el("figcaption", {}, el("b", {}, title), el("small", {}, options.unit), legend), box));
    const shown = options.digits ? { ...options, unit: "" } : options;
    return { chart: new IsthmusChart(box, shown), values: options.values, bounds: options.bounds || (() => []) };
  }

  async choose(span) {
    this.span = span;
    try { localStorage.setItem("isthmus-span", span); } catch { /* private windows may have no storage */ }
    this.root.querySelectorAll("[data-span]").forEach((button) => button.setAttribute("aria-pressed", String(button.dataset.span === span)));
    try {
      const answer = await fetch(`${this.address}?span=${span}`, { headers: { Accept: "application/json" } });
      if (!answer.ok) throw new Error(String(answer.status));
      const data = await answer.json();
      if (this.span === span) this.show(data);
    } catch {
      this.data = null; // the next update tries again
    }
  }

  // The last points, as the update brings them
  follow(tail) {
    if (!tail || tail.span !== this.span) return;
    const known = this.data && this.data.at;
    // Nothing yet, the page was hidden for long, or the server's clock was set back
    if (!known || tail.at[0] > known[known.length - 1] + tail.step || tail.at[tail.at.length - 1] < known[known.length - 1]) {
      this.choose(this.span);
      return;
    }
    this.show(merged(this.data, tail));
  }

  show(data) {
    this.data = data;
    for (const { chart, values, bounds } of this.charts) chart.draw({ at: data.at, values: values(data), marks: data.marks, bounds: bounds(data) });
    const newest = data.marks.slice(-8).reverse();
    this.happened.replaceChildren(...(newest.length
      ? newest.map((mark) => this.el("li", { class: `is-${mark.kind}` }, this.el("time", {}, `${day(mark.at)} ${clock(mark.at)}`), this.el("span", {}, mark.text)))
      : [this.el("li", {}, this.el("span", {}, "Nothing was started, changed or halted in this span"))]));
  }
};

// `tail` replaces the points of its times and what comes after them; as many points as before are kept
function merged(data, tail) {
  const from = data.at.findIndex((at) => at >= tail.at[0]);
  const kept = from < 0 ? data.at.length : from;
  const length = data.at.length;
  const join = (before, after) => Array.isArray(before) ? [...before.slice(0, kept), ...after].slice(-length)
    : Object.fromEntries(Object.keys(before).map((name) => [name, join(before[name], after[name])]));
  const names = ["at", "throughput", "conflicts", "rejected", "pending", "lag", "headroom"];
  const marks = [...data.marks.filter((mark) => mark.at < tail.at[0]), ...tail.marks];
  const joined = Object.fromEntries(names.map((name) => [name, join(data[name], tail[name])]));
  return { ...data, ...joined, bounds: tail.bounds, marks: marks.filter((mark) => mark.at >= joined.at[0]) };
}

// Small charts as SVG: lines (linear or by decades) or bars over time, with marks where something happened. Times are UTC.
"use strict";

// kind: "line", "area", "decades" or "bars". series: [{ name, tone }]; tone is a class of dashboard.css. ticks: of what is known, for an
// axis of its own; the scale of "decades" is logarithmic.
window.IsthmusChart = class {
  constructor(box, { kind = "area", series, unit, digits = (value) => number(value), ticks }) {
    Object.assign(this, { box, kind, series, unit, digits, ticks, width: 600, height: 148 });
    box.innerHTML = '<svg role="img" preserveAspectRatio="none"></svg><div class="ist-tip" hidden></div>';
    this.svg = box.firstChild;
    this.tip = box.lastChild;
    box.addEventListener("pointermove", (event) => this.point(event));
    box.addEventListener("pointerleave", () => this.leave());
    new ResizeObserver(() => this.data && this.draw(this.data)).observe(box);
  }

  // at: seconds since 1970; values: a list for each series, null where nothing is known; dots: places below which something failed;
  // bounds: [{ value, tone, text, below }], lines across the chart
  draw(data) {
    this.data = data;
    this.width = this.box.clientWidth || this.width;
    this.svg.setAttribute("viewBox", `0 0 ${this.width} ${this.height}`);
    const { at, values, marks = [], dots = [], bounds = [] } = data;
    const left = 38, right = 6, top = 8, floor = this.height - 20;
    const first = at[0], last = at[at.length - 1];
    this.x = (seconds) => left + ((this.width - left - right) * (seconds - first)) / (last - first);
    const known = [...values.flat().filter((value) => value !== null), ...bounds.map((bound) => bound.value)];
    const ticks = this.ticks ? this.ticks(known) : this.kind === "decades" ? decades(known) : linear(known, this.kind === "bars");
    const scale = this.kind === "decades" ? (v) => Math.log10(Math.max(v, ticks[0])) : (v) => v;
    const low = scale(ticks[0]), high = scale(ticks[ticks.length - 1]);
    this.y = (value) => floor - ((floor - top) * (scale(value) - low)) / (high - low);
    const grid = ticks.map((v) =>
      `<line class="grid" x1="${left}" x2="${this.width - right}" y1="${this.y(v)}" y2="${this.y(v)}"/>` +
      `<text x="${left - 6}" y="${this.y(v) + 4}" text-anchor="end">${this.digits(v)}</text>`).join("");
    const limits = bounds.map((bound) =>
      `<line class="bound ${bound.tone}" x1="${left}" x2="${this.width - right}" y1="${this.y(bound.value)}" y2="${this.y(bound.value)}"/>` +
      `<text x="${left + 4}" y="${this.y(bound.value) + (bound.below ? 12 : -4)}">${bound.text}</text>`).join("");
    const flags = marks.filter((mark) => mark.at >= first && mark.at <= last + (at[1] - at[0])).map((mark) =>
      `<line class="mark is-${mark.kind}" x1="${this.limit(mark.at)}" x2="${this.limit(mark.at)}" y1="${top - 6}" y2="${floor}"/>` +
      `<circle class="flag is-${mark.kind}" cx="${this.limit(mark.at)}" cy="${top - 4}" r="3"/>`).join("");
    const shapes = values.map((list, n) => (this.kind === "bars" ? this.bars(list, n, floor) : this.line(list, n, floor))).join("");
    this.svg.innerHTML = grid + this.times(first, last, at[1] - at[0]) + limits + shapes + flags +
      dots.map((seconds) => `<circle class="fail" cx="${this.x(seconds)}" cy="${floor}" r="3"/>`).join("") + '<g class="hover"></g>';
  }

  limit(seconds) {
    return Math.min(this.width - 6, this.x(seconds)).toFixed(1);
  }

  line(list, n, floor) {
    const { at } = this.data;
    let path = "", area = "", start = -1;
    list.forEach((value, i) => {
      if (value === null) return;
      if (i === 0 || list[i - 1] === null) start = i;
      path += `${i === start ? "M" : "L"}${this.x(at[i]).toFixed(1)},${this.y(value).toFixed(1)}`;
      if (i === list.length - 1 || list[i + 1] === null) {
        area += list.slice(start, i + 1).map((v, k) => `${k ? "L" : "M"}${this.x(at[start + k]).toFixed(1)},${this.y(v).toFixed(1)}`).join("") +
          `L${this.x(at[i]).toFixed(1)},${floor}L${this.x(at[start]).toFixed(1)},${floor}Z`;
        if (i === start) path += "h.1"; // a single point would be nothing
      }
    });
    const filled = this.kind === "area" ? `<path class="area ${this.series[n].tone}" d="${area}"/>` : "";
    return `${filled}<path class="line ${this.series[n].tone}" d="${path}"/>`;
  }

  bars(list, n, floor) {
    const { at } = this.data, slot = this.x(at[1]) - this.x(at[0]), wide = Math.max(1, (slot * 0.8) / this.series.length);
    return list.map((value, i) => !value ? "" :
      `<rect class="bar ${this.series[n].tone}" x="${Math.max(38, this.x(at[i]) - slot * 0.4 + n * wide).toFixed(1)}" y="${this.y(value).toFixed(1)}" width="${wide.toFixed(1)}" height="${Math.max(1, floor - this.y(value)).toFixed(1)}"/>`).join("");
  }

  times(first, last, step) {
    const room = (this.width - 44) / 64, length = last - first;
    const every = [300, 600, 900, 1200, 1800, 3600, 7200, 14400, 21600, 43200, 86400, 172800].find((one) => length / one <= room) || 345600;
    let out = "";
    for (let at = Math.ceil(first / every) * every; at < last; at += every) {
      const x = this.x(at);
      if (x < 44 || x > this.width - 52) continue;
      out += `<text x="${x}" y="${this.height - 3}" text-anchor="middle">${at % 86400 ? clock(at) : day(at)}</text>`;
    }
    return `${out}<text x="${this.width - 6}" y="${this.height - 3}" text-anchor="end">${step > 0 ? "now" : ""}</text>`;
  }

  point(event) {
    if (!this.data) return;
    const { at, values, marks = [] } = this.data;
    const x = event.clientX - this.box.getBoundingClientRect().left;
    const share = (x - this.x(at[0])) / (this.x(at[at.length - 1]) - this.x(at[0]));
    const i = Math.min(at.length - 1, Math.max(0, Math.round(share * (at.length - 1))));
    const here = this.x(at[i]);
    this.svg.querySelector(".hover").innerHTML =
      `<line class="cursor" x1="${here}" x2="${here}" y1="8" y2="${this.height - 20}"/>` + values.map((list, n) =>
        list[i] === null || this.kind === "bars" ? "" : `<circle class="point ${this.series[n].tone}" cx="${here}" cy="${this.y(list[i])}" r="4"/>`).join("");
    const said = this.series.map((one, n) => `${this.series.length > 1 ? `${one.name} ` : ""}${values[n][i] === null ? "–" : this.digits(values[n][i])}`).join(", ");
    const long = at[at.length - 1] - at[0] > 90000;
    const lines = [`${long ? `${day(at[i])} ` : ""}${clock(at[i])} UTC  ${said} ${this.unit}`];
    lines.push(...marks.filter((mark) => Math.abs(this.x(mark.at) - x) < 7).map((mark) => `${clock(mark.at)} ${mark.text}`));
    this.tip.textContent = lines.join("\n");
    this.tip.hidden = false;
    const half = this.tip.offsetWidth / 2;
    this.tip.style.left = `${Math.min(this.width - half, Math.max(half, here))}px`;
  }

  leave() {
    this.tip.hidden = true;
    const hover = this.svg.querySelector(".hover");
    if (hover) hover.innerHTML = "";
  }
};

function linear(known, whole) {
  const high = niceCeiling(Math.max(0, ...known), whole);
  return whole && high % 2 ? [0, high] : [0, high / 2, high];
}

function decades(known) {
  const low = Math.floor(Math.log10(Math.max(0.01, Math.min(...known, 0.1))));
  const high = Math.max(low + 1, Math.ceil(Math.log10(Math.max(...known, 0.1))));
  return Array.from({ length: high - low + 1 }, (_, n) => 10 ** (low + n));
}

// For lengths of time in seconds, from a minute to a year
function lengthTicks(known) {
  const all = [60, 600, 3600, 21600, 86400, 604800, 2592000, 31536000];
  const low = all.findLastIndex((one) => one <= Math.min(...known));
  const high = all.findIndex((one) => one >= Math.max(...known));
  const end = high < 0 ? all.length : high + 1;
  return all.slice(Math.min(Math.max(0, low), end - 2), Math.max(end, 2));
}

// 1 y, 3 d 4 h, 5 h 12 min, 7 min: as syncapp/core/text/durations.py writes them
function lengthText(seconds) {
  if (seconds >= 31536000) return "1 y";
  for (const [unit, size, smaller, part] of [["d", 86400, "h", 3600], ["h", 3600, "min", 60]]) {
    if (seconds < size) continue;
    const rest = Math.floor((seconds % size) / part);
    return `${Math.floor(seconds / size)} ${unit}${rest ? ` ${rest} ${smaller}` : ""}`;
  }
  return seconds >= 60 ? `${Math.floor(seconds / 60)} min` : `${Math.round(seconds)} s`;
}

function niceCeiling(value, whole) {
  if (value <= 0) return 1;
  const power = 10 ** Math.floor(Math.log10(value));
  const found = [1, 2, 5, 10].map((step) => step * power).find((step) => step >= value);
  return whole ? Math.max(1, found) : found;
}

function clock(seconds) {
  return new Date(seconds * 1000).toISOString().slice(11, 16); // UTC, as everywhere
}

function day(seconds) {
  return new Date(seconds * 1000).toUTCString().slice(0, 11).replace(",", ""); // Thu 26 Nov
}

function number(value) {
  if (value >= 10000) return Intl.NumberFormat("en", { notation: "compact", maximumFractionDigits: 1 }).format(value);
  return Intl.NumberFormat("en", { maximumFractionDigits: value < 1 ? 2 : value < 100 ? 1 : 0 }).format(value);
}

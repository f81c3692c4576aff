// A small area chart: changes a second over the last half hour, with marks where changes were rejected.
"use strict";

window.IsthmusChart = class {
  constructor(box) {
    this.box = box;
    this.width = 600;
    this.height = 148;
    box.innerHTML = '<svg role="img" preserveAspectRatio="none"></svg><div class="ist-tip" hidden></div>';
    this.svg = box.firstChild;
    this.tip = box.lastChild;
    box.addEventListener("pointermove", (event) => this.point(event));
    box.addEventListener("pointerleave", () => this.leave());
    new ResizeObserver(() => this.minutes && this.draw(this.minutes)).observe(box);
  }

  draw(minutes) {
    this.minutes = minutes;
    this.width = this.box.clientWidth || this.width;
    this.svg.setAttribute("viewBox", `0 0 ${this.width} ${this.height}`);
    const left = 34, right = 6, top = 8, bottom = 20;
    const floor = this.height - bottom;
    const high = niceCeiling(Math.max(...minutes.map((m) => m.rate)));
    this.x = (i) => left + ((this.width - left - right) * i) / (minutes.length - 1);
    this.y = (rate) => floor - ((floor - top) * rate) / high;
    const line = minutes.map((m, i) => `${i ? "L" : "M"}${this.x(i).toFixed(1)},${this.y(m.rate).toFixed(1)}`).join("");
    const grid = [0, high / 2, high].map((v) =>
      `<line class="grid" x1="${left}" x2="${this.width - right}" y1="${this.y(v)}" y2="${this.y(v)}"/>` +
      `<text x="${left - 6}" y="${this.y(v) + 4}" text-anchor="end">${number(v)}</text>`).join("");
    const last = minutes.length - 1;
    const times = [0, 10, 20, last].map((i) =>
      `<text x="${this.x(i)}" y="${this.height - 3}" text-anchor="${i === 0 ? "start" : i === last ? "end" : "middle"}">` +
      `${i === last ? "now" : clock(minutes[i].at)}${i === 0 ? " UTC" : ""}</text>`).join("");
    const fails = minutes.map((m, i) => m.failed ? `<circle class="fail" cx="${this.x(i)}" cy="${floor}" r="3"/>` : "").join("");
    this.svg.innerHTML = grid + times +
      `<path class="area" d="${line}L${this.x(last)},${floor}L${this.x(0)},${floor}Z"/><path class="line" d="${line}"/>` +
      fails + '<g class="hover"></g>';
  }

  point(event) {
    if (!this.minutes) return;
    const at = event.clientX - this.box.getBoundingClientRect().left;
    const share = (at - this.x(0)) / (this.x(this.minutes.length - 1) - this.x(0));
    const i = Math.min(this.minutes.length - 1, Math.max(0, Math.round(share * (this.minutes.length - 1))));
    const minute = this.minutes[i];
    this.svg.querySelector(".hover").innerHTML =
      `<line class="cursor" x1="${this.x(i)}" x2="${this.x(i)}" y1="8" y2="${this.height - 20}"/>` +
      `<circle class="point" cx="${this.x(i)}" cy="${this.y(minute.rate)}" r="4"/>`;
    this.tip.hidden = false;
    this.tip.style.left = `${Math.min(this.width - 70, Math.max(70, this.x(i)))}px`;
    this.tip.textContent = `${clock(minute.at)} UTC  ${number(minute.rate)} /s` + (minute.failed ? `, ${minute.failed} rejected` : "");
  }

  leave() {
    this.tip.hidden = true;
    const hover = this.svg.querySelector(".hover");
    if (hover) hover.innerHTML = "";
  }
};

function niceCeiling(value) {
  if (value <= 0) return 1;
  const power = 10 ** Math.floor(Math.log10(value));
  return [1, 2, 5, 10].map((step) => step * power).find((step) => step >= value);
}

function clock(iso) {
  return new Date(iso).toISOString().slice(11, 16); // UTC, as everywhere
}

function number(value) {
  if (value >= 10000) return Intl.NumberFormat("en", { notation: "compact", maximumFractionDigits: 1 }).format(value);
  return Intl.NumberFormat("en", { maximumFractionDigits: value < 1 ? 2 : value < 100 ? 1 : 0 }).format(value);
}

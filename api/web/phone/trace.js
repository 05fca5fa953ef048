/** What an alarm is about, as one line over time: 60 s before it until now, its limit and the moment of the raise. */

import { chartFor, ratedAt } from "/terminal-assets/chart.js";

const w = (zh, en) => ({ zh, en });
const one = (name) => (values) => values[name] ?? null;
const both = (x, y) => (values) => (values[x] == null || values[y] == null ? null : Math.hypot(values[x], values[y]));
const PLAIN = {
  load: { ...w("吊重", "load"), unit: "t", of: one("load_t"), digits: 2 },
  wind: { ...w("风速", "wind"), unit: "m/s", of: one("wind_mps"), digits: 1 },
  tilt: { ...w("倾角", "tilt"), unit: "°", of: both("tilt_x_deg", "tilt_y_deg"), digits: 2 },
  force: { ...w("立杆轴力", "axial force"), unit: "kN", of: one("force_kn"), digits: 1 },
  settlement: { ...w("沉降", "settlement"), unit: "mm", of: one("settle_mm"), digits: 1 },
  shift: { ...w("水平位移", "shift"), unit: "mm", of: both("shift_x_mm", "shift_y_mm"), digits: 1 },
};
const SHARES = new Set(["load", "moment"]);

/** The quantity of an alarm: {zh, en, unit, of(values), digits, limit}; null where none is a line. */
export function quantity(alarm, charts) {
  if (SHARES.has(alarm.rule)) {
    // Load over rated load, by the box's own rated load when it sends one, by the chart otherwise.
    const of = (values) => {
      const chart = values.rated_load_t > 0 ? null : chartFor(charts, values.falls);
      const rated = values.rated_load_t > 0 ? values.rated_load_t : chart && values.radius_m != null ? ratedAt(chart, values.radius_m) : null;
      return values.load_t == null || !rated ? null : (values.load_t / rated) * 100;
    };
    return { ...w("力矩百分比", "of rated load"), unit: "%", of, digits: 0, limit: alarm.limit };
  }
  const found = PLAIN[alarm.hazard];
  return found ? { ...found, limit: alarm.unit === found.unit ? alarm.limit : null } : null;
}

const SVG = "http://www.w3.org/2000/svg";
function draw(name, attributes) {
  const made = document.createElementNS(SVG, name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  return made;
}

/** Draw the points [[ts, value], ...] between two moments into an SVG of 360 x 120; gaps of 5 s and more stay gaps. */
export function drawTrace(svg, points, { from, to, limit, raised }) {
  const known = points.filter(([, value]) => value != null).map(([, value]) => value);
  const top = Math.max(...known, limit ?? -Infinity) * 1.12 || 1;
  const bottom = Math.min(0, ...known);
  const x = (ts) => ((ts - from) / (to - from)) * 360;
  const y = (value) => 116 - ((value - bottom) / (top - bottom)) * 112;
  let path = "", before = null;
  for (const [ts, value] of points) {
    if (value == null) {
      before = null;
      continue;
    }
    path += `${before != null && ts - before < 5000 ? "L" : "M"}${x(ts).toFixed(1)} ${y(value).toFixed(1)}`;
    before = ts;
  }
  const parts = [draw("path", { d: path, class: "value" })];
  if (limit != null && known.length) parts.push(draw("line", { x1: 0, x2: 360, y1: y(limit), y2: y(limit), class: "limit" }));
  if (raised > from) parts.push(draw("line", { x1: x(raised), x2: x(raised), y1: 0, y2: 120, class: "raised" }));
  svg.replaceChildren(...parts);
}

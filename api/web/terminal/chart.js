/**
 * What the load chart says: the rated load at a radius, and how far the trolley may go with this load.
 *
 * A chart is {falls, points: [[radius_m, rated_t], ...]} at rising radii, straight between the points. Beyond its
 * ends it says nothing: null, never a guess.
 */

/** The chart for this reeving, or null. One chart alone is not taken for a reeving that it does not name. */
export function chartFor(charts, falls) {
  return (charts || []).find((chart) => chart.falls === falls) || null;
}

/** Rated load in t at that radius in m, or null outside the chart. Inside the first point the first value holds. */
export function ratedAt(chart, radius) {
  const points = chart.points;
  if (!(radius >= 0) || radius > points[points.length - 1][0]) return null;
  if (radius <= points[0][0]) return points[0][1];
  for (let n = 1; n < points.length; n++) {
    const [r0, q0] = points[n - 1], [r1, q1] = points[n];
    if (radius <= r1) return r1 === r0 ? Math.min(q0, q1) : q0 + ((q1 - q0) * (radius - r0)) / (r1 - r0);
  }
  return null;
}

/** The largest radius in m at which this load in t is within the chart; null when it is beyond it everywhere. */
export function reach(chart, load) {
  const points = chart.points;
  for (let n = points.length - 1; n >= 0; n--) {
    const [r1, q1] = points[n];
    if (q1 < load) continue;
    if (n === points.length - 1) return r1;
    const [r2, q2] = points[n + 1];
    return q1 === q2 ? r1 : r1 + ((r2 - r1) * (q1 - load)) / (q1 - q2);
  }
  return null;
}

/**
 * The utilisation to show: {rated, percent, source, out, inward, disagree, charted}.
 *
 * The box's own rated load is shown when it sends one, and then no second figure of ours beside it. "Out to" is
 * read from the chart at 100 %; it is withheld (null) when box and chart differ by more than 5 %, because then
 * nobody has confirmed the chart.
 */
export function utilisation({ load, radius, falls, ratedByBox, charts }) {
  const chart = chartFor(charts, falls);
  const ours = chart && radius != null ? ratedAt(chart, radius) : null;
  const rated = ratedByBox != null && ratedByBox > 0 ? ratedByBox : ours;
  const source = ratedByBox != null && ratedByBox > 0 ? "box" : ours != null ? "chart" : null;
  const percent = load != null && rated ? (load / rated) * 100 : null;
  const disagree = source === "box" && ours != null && Math.abs(ours - ratedByBox) > 0.05 * ours;
  let out = null, inward = false;
  if (chart && load != null && radius != null && ours != null && !disagree) {
    out = reach(chart, load);
    inward = out != null && out < radius;
  }
  return { rated, percent, source, out, inward, disagree, charted: ours != null };
}

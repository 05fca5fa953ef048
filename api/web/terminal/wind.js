/**
 * Wind for display: the present value, the 3 s gust and the mean of up to 10 minutes, from the readings alone.
 *
 * Gust: the highest running mean over 3 s in the last 10 minutes (WMO-No. 8, vol. I, ch. 5). Mean: of what was
 * received in the last 10 minutes; `minutes` says how much that really is. The alarm is the analyzer's; this is
 * only what the operator looks at.
 */

const WINDOW_MS = 600_000;
const GUST_MS = 3000;
const SLOT_MS = 1000;

export class Wind {
  constructor() {
    this.recent = []; // [t, mps] of the last 3 s
    this.slots = []; // {t, sum, n, gust} a second, at most 601
    this.now = null;
  }

  /** One value in m/s at the monotonic time t in ms. */
  add(t, mps) {
    if (this.last != null && t < this.last) return;
    this.last = t;
    this.now = mps;
    this.recent.push([t, mps]);
    while (this.recent[0][0] <= t - GUST_MS) this.recent.shift();
    const begin = Math.floor(t / SLOT_MS) * SLOT_MS;
    let slot = this.slots[this.slots.length - 1];
    if (!slot || slot.t !== begin) {
      slot = { t: begin, sum: 0, n: 0, gust: null };
      this.slots.push(slot);
      while (this.slots[0].t < t - WINDOW_MS) this.slots.shift();
    }
    slot.sum += mps;
    slot.n += 1;
    // Fewer than two thirds of the window is not a running mean over 3 s yet; at 1 Hz that is three values.
    if (t - this.recent[0][0] >= (2 / 3) * GUST_MS) {
      const mean = this.recent.reduce((sum, one) => sum + one[1], 0) / this.recent.length;
      slot.gust = slot.gust == null ? mean : Math.max(slot.gust, mean);
    }
  }

  /** {now, gust, mean, minutes, trend}: trend is the last 2 minutes against the whole, as +1, 0 or -1. */
  show() {
    if (!this.slots.length) return { now: this.now, gust: null, mean: null, minutes: 0, trend: 0 };
    const of = (slots) => slots.reduce((sum, slot) => sum + slot.sum / slot.n, 0) / slots.length;
    const gusts = this.slots.map((slot) => slot.gust).filter((gust) => gust != null);
    const mean = of(this.slots);
    const late = this.slots.filter((slot) => slot.t > this.last - 120_000);
    const change = of(late) - mean;
    const minutes = (this.slots[this.slots.length - 1].t - this.slots[0].t + SLOT_MS) / 60_000;
    return {
      now: this.now,
      gust: gusts.length ? Math.max(...gusts) : null,
      mean,
      minutes,
      trend: minutes < 4 ? 0 : change > 0.7 ? 1 : change < -0.7 ? -1 : 0,
    };
  }
}

/**
 * The start of a shift: one tap that unlocks sound, says who works, and a list that ticks itself from the readings.
 *
 * Rule 1: on the wire goes a pseudonym (the number under which the site knows a person). The name that the screen
 * shows stays on this box.
 * Rule 2: what the list ticks is what the readings showed; nobody can tick it by hand.
 */

import { $, clock, element, html, keep, memory, put } from "./page.js";
import { EMPTY_T } from "./watch.js";
import { TEST } from "./words.js";

export const SHIFT_MS = 14 * 3_600_000;
const LIMITS = { hookUp: 1 << 5, out: 1 << 9, in: 1 << 10 }; // bits of `limits`, telemetry/kinds.py LIMIT_BITS
const WHO = /^[^\u0000-\u001f]{1,32}$/;

/** Who works, since when: {who, name, begun (Unix ms)}; null before a shift has begun, or when it is too long ago. */
export function session() {
  try {
    const found = JSON.parse(memory("shift") || "null");
    return found && Date.now() - found.begun < SHIFT_MS ? found : null;
  } catch {
    return null;
  }
}

/** What the start screen asks for, filled in from the frame or the last shift, as far as nobody has typed. */
export function suggest(operator) {
  const last = JSON.parse(memory("last") || "{}");
  const who = operator || last.who || "";
  if (!$("who").dataset.typed && $("who").value !== who) {
    $("who").value = who;
    $("shown-name").value = names()[who] || "";
  }
}

function names() {
  try {
    return JSON.parse(memory("names") || "{}");
  } catch {
    return {};
  }
}

/** Bind the person on the start screen; null when nobody is named. */
export function bind() {
  const who = $("who").value.trim(), name = $("shown-name").value.trim();
  const begun = { who: WHO.test(who) ? who : null, name: WHO.test(name) ? name : null, begun: Date.now() };
  keep("shift", JSON.stringify(begun));
  if (begun.who) {
    keep("last", JSON.stringify({ who: begun.who }));
    keep("names", JSON.stringify({ ...Object.fromEntries(Object.entries(names()).slice(-20)), [begun.who]: begun.name || "" }));
  }
  return begun;
}

/** Who works, as the header shows it: whoever the box identifies, else who began the shift. */
export function operatorLine(operator, shift, timezone) {
  const who = operator || shift?.who;
  if (!who) return null;
  const name = names()[who] || who;
  return shift && (!operator || operator === shift.who) ? `${name} ${clock(shift.begun, timezone, false)}起` : name;
}

/** What the readings have shown since the shift began. */
export class Checks {
  constructor() {
    this.seen = { zero: false, top: false, trolley: [false, false], slew: [null, null, null] };
  }

  /** Look at the present readings. */
  look(watch, now) {
    const { seen } = this;
    const load = watch.value("load_t", now), limits = watch.value("limits", now) || 0, slew = watch.value("slew_deg", now);
    if (load != null && Math.abs(load) <= 0.1) seen.zero = true;
    if (limits & LIMITS.hookUp) seen.top = true;
    if (limits & LIMITS.out) seen.trolley[0] = true;
    if (limits & LIMITS.in) seen.trolley[1] = true;
    if (slew != null) {
      const [low, high, first] = seen.slew;
      seen.slew = [Math.min(low ?? slew, slew), Math.max(high ?? slew, slew), first ?? slew];
    }
  }

  /** [what, whether it is done] in the order in which it is shown. */
  list(watch, now, { sounds, awake, who }) {
    if (watch.kind === "formwork") return [["声音 sound running", sounds], ["数据 data", !watch.model(now).stale], ["屏幕常亮 screen kept awake", awake]];
    const { seen } = this;
    const [low, high, first] = seen.slew;
    const falls = watch.value("falls", now);
    return [
      ["声音 sound running", sounds],
      ["空钩零位 empty hook reads zero", seen.zero],
      ["起升上限位 hook upper limit", seen.top],
      ["变幅外限 trolley out limit", seen.trolley[0]],
      ["变幅内限 trolley in limit", seen.trolley[1]],
      ["左右回转 slewed both ways", low != null && first - low > 5 && high - first > 5],
      [`倍率与载荷表一致 falls in the chart${falls ? ` (${falls})` : ""}`, Boolean((watch.config?.charts || []).some((chart) => chart.falls === falls))],
      [`司机 operator${who ? ` ${who}` : ""}`, Boolean(who)],
      ["屏幕常亮 screen kept awake", awake],
    ];
  }
}

export function drawChecks(list) {
  html("check-list", JSON.stringify(list), () =>
    list.map(([label, done]) => {
      const made = element("li", "", label);
      made.dataset.done = String(done);
      return made;
    }),
  );
}

/** The three sounds, unless a load hangs: a test tone startles the person who holds it. */
export async function tryOut(horn, watch, now) {
  const load = watch.value("load_t", now());
  if (load != null && load > EMPTY_T) {
    put("testing", "吊钩有载 未试音 hook loaded, sounds not played");
    return;
  }
  await horn.test((kind) => put("testing", kind ? `${TEST.zh} ${TEST.en}` : ""), now);
}

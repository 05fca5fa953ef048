/**
 * What band B says: the worst alarm, that nobody watches, that a shift has not begun, or what is not watched. Pure.
 *
 * Rule 1: without anybody who watches it says so, whatever else is known; the last alarm stands beside it.
 * Rule 2: nothing to say is an empty band, never a green one.
 */

import * as words from "./words.js";

/** {style, head, text, more, count, flash, silenced, last}. `still` is what still holds when nobody watches. */
export function band({ lost, alarms, still, watch }) {
  const [worst, ...others] = alarms;
  const more = others.map((alarm) => words.HAZARDS[alarm.hazard]).filter(Boolean);
  const count = others.length;
  if (lost) return { style: "lost", head: words.LOST, text: still, last: worst && words.sentence(worst), more, count };
  if (worst) {
    const own = words.sentence(worst);
    const hold = worst.hold && !worst.active;
    const first = worst.of ? { zh: `${worst.of.zh} ${words.POUR.stop.zh}`, en: `${worst.of.en} ${words.POUR.stop.en}` } : null;
    const said = first && worst.severity >= 3 ? { head: first, text: own } : { head: own, text: worst.action || null };
    return {
      style: worst.severity >= 3 ? "alarm" : "prewarning",
      ...(hold ? { head: words.HOLD, text: own } : said),
      flash: worst.active && worst.severity >= 3,
      silenced: worst.cab === "silenced" || watch.silenced.has(worst.rule),
      more,
      count,
    };
  }
  if (!watch.started) return { style: "idle", head: words.NOT_STARTED, text: null, more: [], count: 0 };
  return weak(watch);
}

/** Nothing alarms: what of it all is not watched, or nothing. */
function weak(watch) {
  if (!watch.coverage) return plain("degraded", { zh: "监测范围未知", en: "COVERAGE UNKNOWN" });
  const found = Object.entries(watch.coverage.hazards || {}).filter(([, own]) => ["degraded", "blind"].includes(own.level));
  if (!found.length) return plain("empty", null);
  const [name, own] = found.find(([, one]) => one.level === "blind") || found[0];
  const others = found.filter(([other]) => other !== name).map(([other]) => words.HAZARDS[other]).filter(Boolean);
  const sensed = words.SENSED[name];
  const one = { more: others, count: found.length - 1 };
  if (own.level === "blind" && sensed) {
    const rest = found.length === 1 ? { zh: "其余正常", en: "others normal" } : null;
    return { ...plain("degraded", { zh: `${sensed.zh}无数据`, en: `NO ${sensed.en} DATA` }), text: rest, ...one };
  }
  const hazard = words.HAZARDS[name] || { zh: name, en: name }, level = words.LEVELS[own.level];
  return { ...plain("degraded", { zh: `${hazard.zh} ${level.zh}`, en: `${hazard.en} ${level.en}` }), text: own.reason, ...one };
}

const plain = (style, head) => ({ style, head, text: null, more: [], count: 0 });

/**
 * A proof test in the cab: asked for, begun by the operator, announced, confirmed. Pure: messages and times come in.
 *
 * Rule 1: a test is never taken for an alarm, and an alarm always comes first: with anything else to show there is no
 * test on this screen and no sound of one.
 * Rule 2: nobody begins one with a load on the hook; the analyzer has the last word, and refuses it too.
 * Rule 3: it ends by itself.
 *
 * Times: `now` is a monotonic clock in ms, `wall` Unix ms.
 */

import * as words from "./words.js";

export const RULE = "proof_test";
const WAIT_MS = 15_000; // for so long after a tap something may come of it
const SAY_MS = 8_000; // how it ended stands there for so long
const EMPTY_T = 0.3;

export class Proof {
  constructor() {
    this.state = null; // {test, state, until}: retained, as whoever judges says it
    this.ended = null; // {words, at}
    this.tapped = null; // when the operator let one begin
    this.confirmed = null; // the transition that he has confirmed
  }

  /** `down/proof_state`; `value` is null where it was cleared. */
  heard(value, retain, now) {
    if (!value) this.state = null;
    else if (["asked", "ordered", "under_way"].includes(value.state)) this.state = value;
    else if (!retain) {
      this.ended = { words: value.words, at: now };
      this.tapped = null;
    }
  }

  /** The test that is on the screen now, as its alarm; null for none. */
  shown(watch, now) {
    const alarm = watch.alarms.get(RULE);
    if (!alarm?.active || alarm.transition === this.confirmed || !watch.started) return null;
    return watch.lost(now) || watch.shown().length ? null : alarm;
  }

  /** What sounds of it, or null. */
  sound(watch, now) {
    const alarm = this.shown(watch, now);
    const mode = watch.config ? (watch.config.cab_sound ?? "extra") : "all";
    return alarm?.cab === "test" && mode !== "none" ? { kind: "test", since: alarm.transition } : null;
  }

  asked(wall) {
    return this.state?.state === "asked" && wall < this.state.until;
  }

  /** Whether the operator may let one begin: an empty hook, nothing to show, and a box that has a test channel. */
  may(watch, now, wall) {
    const load = watch.value("load_t", now);
    const idle = !this.state || this.asked(wall) || wall >= this.state.until;
    const empty = load != null && load <= EMPTY_T;
    return Boolean(watch.presence?.online && watch.presence.proof && watch.started && idle && empty)
      && !watch.lost(now) && !watch.shown().length && !this._waits(now) && !watch.alarms.get(RULE)?.active;
  }

  tap(now) {
    this.tapped = now;
    this.ended = null;
  }

  confirm(transition) {
    this.confirmed = transition;
  }

  _waits(now) {
    return this.tapped != null && now - this.tapped < WAIT_MS;
  }

  /** What band B says of it while it has nothing else to say, or null. */
  band(watch, now, wall) {
    const active = watch.alarms.get(RULE)?.active;
    if (active && this.confirmed === watch.alarms.get(RULE).transition) return words.TEST_CONFIRMED;
    if (active) return words.TEST;
    if (this.ended && now - this.ended.at < SAY_MS) return words.testEnded(this.ended.words);
    if (this._waits(now)) return words.TEST_WAITS;
    if (this.tapped != null && now - this.tapped < WAIT_MS + SAY_MS) return words.TEST_NOT_BEGUN;
    return this.asked(wall) ? words.TEST_ASKED : null;
  }
}

/** Where there is no test channel, as on a bay: nothing is ever tested. */
export const NO_TESTS = Object.freeze({
  heard() {}, shown: () => null, sound: () => null, asked: () => false, may: () => false, tap() {}, confirm() {}, band: () => null,
});

/**
 * What the terminal knows, and what follows from it. Pure: messages and times come in, a model to show comes out.
 *
 * Rule 1: absence of a message is never "normal". Without a heartbeat that agrees with the alarms held here, the
 * page says NOT MONITORED, whatever the figures look like.
 * Rule 2: what a person hears follows the condition: an alarm that is over is quiet here, whoever acknowledged it.
 * The one exception is a formwork bay, whose alarm sounds until it is silenced by a person there.
 * Rule 3: a stored (retained) alarm may be old and a live one cannot be; so an older stored one is set aside, and
 * taken only when the analyzer's heartbeat says that it is the true state.
 *
 * Times: `now` is a monotonic clock in ms, `wall` Unix ms.
 */

import { band } from "./band.js";
import { boxSounds } from "./blackbox.js";
import { digest } from "./digest.js";
import { unpack } from "./unpack.js";
import { utilisation } from "./chart.js";
import { Wind } from "./wind.js";
import { Proof } from "./proof.js";
import * as words from "./words.js";

// Heartbeats come every second. Two missing and most of a third: with the page's own step of 100 ms the screen says
// so within 3 s of losing the analyzer, also when it died just after a heartbeat.
export const HEARTBEAT_MS = 2700;
export const DIFFERS_MS = 3000;
export const SILENCE_MS = 30_000;
export const PULSE_MS = 3000; // a pre-warning sounds for 3 s, once
export const OLD_MS = 60_000;
export const HELD_ALARM_MS = 30_000; // an alarm that was sounding when the watching stopped sounds on for so long
export const REFRESH_MS = 5000;
const CAB_HAZARDS = new Set(["load", "moment", "wind", "tilt", "limits", "zones", "anti_collision", "force", "settlement", "shift"]);
export const EMPTY_T = 0.3; // below it nothing hangs on the hook
export const ZONE = "Asia/Shanghai"; // what a site's configuration that names none means
const MAY_DOUBT_MS = 600_000; // for so long after an alarm a person may say that it was false

export { digest };

export class Watch {
  /**
   * `silent`: it is of a bay, of which nothing is ever read. `latch`: its alarm sounds until a person silences it.
   * `follows`: whose silence elsewhere does not count here (a bay's alarm in the cab of the crane that pours).
   */
  constructor({ site, device, kind = null, silent = false, latch = true, follows = false }) {
    Object.assign(this, { site, device, kind, silent, latch, follows });
    this.linked = false;
    this.refusal = null;
    this.code = null;
    this.beat = null; // {received, at, count, digest}
    this.differsSince = null;
    this.alarms = new Map(); // rule → {...payload, received}
    this.offered = new Map(); // what this subscription has brought, to be compared when the two differ
    this.latched = new Map(); // formwork only: alarms that are over and not yet silenced
    this.pulses = new Map(); // transition → when its pulses began
    this.silenced = new Map(); // rule → {until, transition, value}
    this.coverage = null;
    this.config = null;
    this.siteConfig = null;
    this.presence = null;
    this.reading = null; // {values, invalid, received, ts}
    this.wind = new Wind();
    this.proof = new Proof();
    this.unread = 0; // messages that could not be understood
    this.rendered = []; // {device, kind, transition} that await a receipt
    this.delivered = []; // the same, before they are drawn
    this.over = []; // alarms that sounded and are over: {device, kind, rule, transition, words, at}
    this.lostSince = null;
    this.everWatched = false;
    this.started = false;
    this.refreshed = -Infinity;
  }

  linkUp() {
    this.linked = true;
    this.refusal = this.code = null;
  }

  /** `code`: the WebSocket's close code, by which the box's bridge says why (words.js). */
  linkDown(code = null) {
    this.linked = false;
    this.code = code;
    this.offered = new Map();
  }

  /** One message as it came. Nothing that is sent here can throw. */
  message(topic, bytes, retain, now, wall) {
    const levels = topic.split("/");
    try {
      if (levels.length === 4) this._site(levels[3], bytes, retain, now);
      else this._device(levels, bytes, retain, now, wall);
    } catch (error) {
      this.unread += 1;
    }
  }

  _site(leaf, bytes, retain, now) {
    const value = unpack(bytes);
    if (leaf === "config") {
      if (!this.siteConfig || value.version >= this.siteConfig.version) this.siteConfig = value;
    } else if (leaf === "heartbeat" && !retain) {
      const devices = value.devices || {};
      const [count, sum] = devices[`${this.kind}/${this.device}`] || devices[this.device] || [0, digest([])];
      this.beat = { received: now, at: value.at, count, digest: sum };
      this._compare(now, true);
    }
  }

  _device(levels, bytes, retain, now, wall) {
    const [, , , kind, device, lane, leaf, rule] = levels;
    if (device !== this.device) return;
    if (this.kind == null) this.kind = kind;
    if (kind !== this.kind) return;
    if (lane === "up" && leaf === "reading") this._read(unpack(bytes), now);
    else if (lane === "up" && leaf === "presence") this.presence = bytes.length ? unpack(bytes) : null;
    else if (lane === "down" && leaf === "proof_state") this.proof.heard(bytes.length ? unpack(bytes) : null, retain, now);
    else if (lane === "down" && leaf === "coverage") this.coverage = bytes.length ? unpack(bytes) : null;
    else if (lane === "down" && leaf === "config") {
      const config = unpack(bytes);
      if (!this.config || config.version >= this.config.version) this.config = config;
    } else if (lane === "down" && leaf === "alarm" && rule) this._alarm(rule, bytes, retain, now, wall);
  }

  _read(frame, now) {
    const samples = frame.samples || [frame];
    const last = samples[samples.length - 1];
    for (const sample of samples) {
      const bad = new Set([...(frame.invalid || []), ...(sample.invalid || [])]);
      const mps = sample.wind_mps ?? frame.wind_mps;
      if (Number.isFinite(mps) && !bad.has("wind_mps")) this.wind.add(now - Math.max(0, last.ts - sample.ts), mps);
    }
    const values = { ...frame, ...last };
    const invalid = new Set([...(frame.invalid || []), ...(last.invalid || [])]);
    // A flag or a mode that is not in this frame is unknown now: nothing is carried over from the one before.
    this.reading = { values, invalid, received: now, ts: last.ts };
  }

  _alarm(rule, bytes, retain, now, wall) {
    const held = this.alarms.get(rule);
    if (!bytes.length) {
      this.offered.delete(rule);
      if (!retain) this._over(rule, now);
      return;
    }
    const alarm = { ...unpack(bytes), rule, received: now, stored: retain };
    if (typeof alarm.transition !== "string" || typeof alarm.severity !== "number") throw new TypeError("not an alarm");
    alarm.age = (this.beat ? this.beat.at + (now - this.beat.received) : wall) - alarm.at;
    this.offered.set(rule, alarm);
    if (retain && held && held.transition !== alarm.transition && alarm.at < held.at) return;
    this._hold(rule, alarm, now);
    this._compare(now, false);
  }

  _hold(rule, alarm, now) {
    const held = this.alarms.get(rule);
    if (held && held.transition === alarm.transition) alarm.stored = held.stored && alarm.stored;
    this.alarms.set(rule, alarm);
    if (!held || held.transition !== alarm.transition) {
      for (const list of [this.rendered, this.delivered]) {
        list.push({ device: this.device, kind: this.kind, transition: alarm.transition });
        if (list.length > 64) list.shift();
      }
    }
    alarm.sounded = Boolean(held?.sounded) || alarm.cab === "continuous";
    const mute = this.silenced.get(rule);
    // Once the analyzer has taken the silence over, its `cab` alone decides.
    if (mute && (alarm.cab === "silenced" || alarm.cab === "none" || alarm.transition !== mute.transition || alarm.value >= mute.value + 2)) {
      this.silenced.delete(rule);
    }
    const old = alarm.age > OLD_MS && !alarm.active;
    if (alarm.cab === "pulse" && !old && !this.pulses.has(alarm.transition)) {
      this.pulses.set(alarm.transition, now);
      if (this.pulses.size > 64) this.pulses.delete(this.pulses.keys().next().value);
    }
    if (this.kind === "formwork" && this.latch && alarm.severity >= 3) {
      if (alarm.cab === "continuous" && !this.silenced.has(rule)) this.latched.set(rule, alarm);
      else if (alarm.cab === "silenced") this.latched.delete(rule);
    }
  }

  _over(rule, now) {
    const alarm = this.alarms.get(rule);
    if (alarm?.sounded) {
      const { device, kind } = this;
      this.over.push({ device, kind, rule, transition: alarm.transition, words: words.sentence(alarm), at: now });
      if (this.over.length > 4) this.over.shift();
    }
    this.alarms.delete(rule);
    this.silenced.delete(rule);
  }

  /** Nobody is asked again about this one. */
  forgive(transition) {
    this.over = this.over.filter((one) => one.transition !== transition);
  }

  /** The last alarm that a person may still call false: it is over, and so is the lift; null for none. */
  doubtful(now) {
    const load = this.value("load_t", now);
    if (this.alarms.size || this.lost(now) || (this.kind === "crane" && !(load <= EMPTY_T))) return null;
    const last = this.over[this.over.length - 1];
    return last && now - last.at < MAY_DOUBT_MS ? last : null;
  }

  /** Whether the alarms held are those the analyzer holds; `judge` also starts the time in which they may differ. */
  _compare(now, judge) {
    if (!this.beat) return;
    const same = (alarms) => {
      // Every one that is retained, also a hold whose alarm is normal again: that is what the analyzer counts.
      const ids = [...alarms.values()].map((alarm) => alarm.transition);
      return ids.length === this.beat.count && digest(ids) === this.beat.digest;
    };
    if (same(this.alarms)) this.differsSince = null;
    else if (judge && this.linked && same(this.offered)) {
      for (const rule of [...this.alarms.keys()]) if (!this.offered.has(rule)) this._over(rule, now);
      for (const [rule, alarm] of this.offered) this._hold(rule, alarm, now);
      this.differsSince = null;
    } else if (judge) this.differsSince ??= now;
  }

  /** Whether the retained topics should be asked for again, because what is held here is not what the analyzer holds. */
  wantsRefresh(now) {
    if (this.differsSince == null || now - this.differsSince < 1000 || now - this.refreshed < REFRESH_MS) return false;
    this.refreshed = now;
    this.offered = new Map();
    return true;
  }

  /** Why nobody may say that somebody watches, or null. */
  unwatched(now) {
    if (this.refusal != null && !this.linked) return "refused";
    if (!this.beat) return this.linked ? "analyzer" : this.code ? words.gone(this.code) : "starting";
    if (now - this.beat.received >= HEARTBEAT_MS) return this.linked ? "analyzer" : words.gone(this.code);
    return this.differsSince != null && now - this.differsSince >= DIFFERS_MS ? "differs" : null;
  }

  /** Why nobody may say that this device is watched, or null. */
  lost(now) {
    const unwatched = this.unwatched(now);
    if (unwatched != null) return unwatched;
    if (this.silent) return null;
    if (!this.reading || now - this.reading.received >= this.silentAfter()) return "device";
    return null;
  }

  /** Milliseconds without a reading after which figures are old: three of the device's own declared intervals. */
  staleAfter() {
    const interval = this.presence?.interval_ms ?? this.config?.interval_ms;
    return Math.max(this.coverage?.stale_after_ms ?? 3 * (interval ?? 1000), 1000);
  }

  /** Stale for a second more, and not below 3 s: one hiccup of a mobile network is not an alarm. */
  silentAfter() {
    return Math.max(this.staleAfter() + 1000, 3000);
  }

  /** The alarms that concern the cab, worst first. A desk's business (clock, identity) is not shown here. */
  shown() {
    const list = [...this.alarms.values()].filter((alarm) => this._concerns(alarm));
    for (const [rule, alarm] of this.latched) {
      if (!list.some((one) => one.rule === rule)) list.push({ ...alarm, active: false, latched: true });
    }
    const rank = (alarm) => [alarm.severity, alarm.active ? 1 : 0, alarm.since ?? 0];
    return list.sort((a, b) => {
      const x = rank(a), y = rank(b);
      return y[0] - x[0] || y[1] - x[1] || y[2] - x[2];
    });
  }

  _concerns(alarm) {
    if (["disabled", "suppressed_by_design", "shelved", "normal"].includes(alarm.state)) return Boolean(alarm.hold);
    if (alarm.hold || ["pulse", "continuous", "silenced"].includes(alarm.cab)) return true;
    return alarm.active && alarm.severity >= 2 && CAB_HAZARDS.has(alarm.hazard);
  }

  /** What should sound: {kind: none|pulse|continuous|lost, since}. */
  sound(now) {
    const lost = this.lost(now);
    this.note(lost, now);
    const own = this.alarmSound(now);
    if (own) return own;
    // A page that has just been opened is not a watch that was lost; after 3 s it is one that was never there.
    if (lost !== null && (this.everWatched || now - this.lostSince > 3000)) {
      const off = lost === "device" && this.presence?.online === false;
      return { kind: "lost", since: this.lostSince, once: off };
    }
    return this.proof.sound(this, now) || { kind: "none" };
  }

  /** Remember since when nobody watches. */
  note(lost, now) {
    if (lost === null) {
      this.lostSince = null;
      this.everWatched = true;
    } else this.lostSince ??= now;
  }

  /** What the alarms alone sound, or null. */
  alarmSound(now) {
    // What is left out on the wire is the default, which is "extra"; without any configuration nobody knows of a box.
    const mode = this.config ? (this.config.cab_sound ?? "extra") : "all";
    if (mode === "none") return null;
    const held = this.lostSince == null || now - this.lostSince < HELD_ALARM_MS;
    const loud = [...this.alarms.values()].filter((alarm) => !this._quiet(alarm, now, mode));
    if (held && (loud.some((alarm) => this._continuous(alarm)) || this.latched.size)) return { kind: "continuous" };
    for (const alarm of loud) {
      const begun = this.pulses.get(alarm.transition);
      if (alarm.cab === "pulse" && begun != null && now - begun < PULSE_MS) return { kind: "pulse", since: begun };
    }
    return null;
  }

  _continuous(alarm) {
    return alarm.cab === "continuous" || (this.follows && alarm.cab === "silenced" && alarm.active && alarm.severity >= 3);
  }

  _quiet(alarm, now, mode) {
    const mute = this.silenced.get(alarm.rule);
    if (mute && now < mute.until) return true;
    return mode === "extra" && boxSounds(alarm, this.reading?.values);
  }

  /** Whether pressing the button would quiet anything. */
  canSilence(now) {
    return ["pulse", "continuous"].includes(this.sound(now).kind);
  }

  /** The button: quiet here at once; what to publish, [{device, kind, rule, transition}]. It quiets sound, no more. */
  silence(now) {
    const answers = [];
    const { device, kind } = this;
    for (const alarm of this.alarms.values()) {
      if (alarm.cab !== "pulse" && !this._continuous(alarm)) continue;
      const until = alarm.cab === "pulse" ? Infinity : now + SILENCE_MS;
      this.silenced.set(alarm.rule, { until, transition: alarm.transition, value: alarm.value ?? Infinity });
      answers.push({ device, kind, rule: alarm.rule, transition: alarm.transition });
    }
    for (const [rule, alarm] of this.latched) {
      if (!answers.some((answer) => answer.rule === rule)) answers.push({ device, kind, rule, transition: alarm.transition });
    }
    this.latched.clear();
    return answers;
  }

  /** A channel's value now, or null when it is absent, marked invalid, not a number, or stale. */
  value(name, now) {
    if (!this.reading || now - this.reading.received >= this.staleAfter()) return null;
    const value = this.reading.values[name];
    return value == null || this.reading.invalid.has(name) || (typeof value === "number" && !Number.isFinite(value)) ? null : value;
  }

  /** Everything that the page shows, as plain data. */
  model(now) {
    const lost = this.lost(now);
    const age = this.reading ? now - this.reading.received : null;
    const alarms = this.shown();
    const use = utilisation({
      load: this.value("load_t", now),
      radius: this.value("radius_m", now),
      falls: this.value("falls", now),
      ratedByBox: this.value("rated_load_t", now),
      charts: this.config?.charts,
    });
    return {
      kind: this.kind,
      name: this.config?.display_name || this.device,
      place: this.siteConfig?.display_name || this.site,
      timezone: this.siteConfig?.timezone ?? ZONE,
      operator: this.value("operator", now),
      mode: this.value("mode", now),
      lost,
      why: lost ? words.WHY[lost] : null,
      age,
      stale: age == null || age >= this.staleAfter(),
      hazards: this.levels(now),
      alarms,
      band: band({ lost, alarms, still: this.kind === "formwork" ? words.STILL_BAY : words.STILL, watch: this }),
      use,
      pour: this.pour(lost, alarms, now),
      doubtful: this.doubtful(now),
      wind: this.wind.show(),
      eta: this._eta(),
      value: (name) => this.value(name, now),
      unread: this.unread,
    };
  }

  levels(now) {
    const names = words.HAZARDS_OF[this.kind] || [];
    const known = this.coverage && this.beat && now - this.beat.received < HEARTBEAT_MS;
    return names.map((name) => {
      const own = this.coverage?.hazards?.[name];
      return { name, level: known && own ? own.level : "unknown", reason: own?.reason || null };
    });
  }

  /** The three words of a bay: stop, slow, normal; idle without a pour, unknown when nobody watches. */
  pour(lost, alarms, now) {
    if (alarms.some((alarm) => alarm.severity >= 3)) return "stop";
    if (lost) return "unknown";
    if (alarms.some((alarm) => alarm.severity === 2)) return "slow";
    const pouring = this.value("pouring", now);
    if (pouring == null || !this.coverage || this.coverage.level === "blind") return "unknown";
    return pouring ? "normal" : "idle";
  }

  _eta() {
    const timed = [...this.alarms.values()].filter((alarm) => alarm.active && Array.isArray(alarm.eta_s));
    return timed.length ? timed.sort((a, b) => a.eta_s[0] - b.eta_s[0])[0].eta_s : null;
  }
}

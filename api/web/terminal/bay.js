/**
 * A whole bay of formwork: a Watch for each of its posts and one for the bay's own alarms. Pure.
 *
 * Rule 1: a post belongs to a bay by its configuration, which is retained; alarms of a whole bay name it.
 * Rule 2: nobody watches the bay when the analyzer is silent, when one of its members is out of step, or when no post
 * speaks. A single silent post is said, and the others go on.
 * Rule 3: in the cab of the crane that pours the sound does not latch, and neither side's silence quiets the other.
 */

import { band } from "./band.js";
import { NO_TESTS } from "./proof.js";
import { unpack } from "./unpack.js";
import { Watch, ZONE } from "./watch.js";
import * as words from "./words.js";

const EMPTY_MS = 5000;
const MAX_DEVICES = 1000;

export class BayWatch {
  constructor({ site, bay, cab = false }) {
    Object.assign(this, { site, bay, cab, kind: "formwork" });
    this.watches = new Map(); // device → Watch, of every formwork device of the site that has an alarm or is ours
    this.posts = new Set();
    this.proof = NO_TESTS;
    this.linked = false;
    this.refusal = this.code = this.upSince = this.siteConfig = null;
    this.lostSince = null;
    this.everWatched = this.started = false;
  }

  get config() {
    return [...this.posts].map((device) => this.watches.get(device).config).find(Boolean) || null;
  }

  get alarms() {
    return new Map(this._members().flatMap((watch) => [...watch.alarms].map(([rule, alarm]) => [`${watch.device}/${rule}`, alarm])));
  }

  /** The device under which a terminal of this bay speaks: its first post. */
  get speaker() {
    return [...this.posts].sort()[0] || null;
  }

  /** Topic filters that are needed from the beginning, and those of the posts that are known. */
  filters() {
    const base = `cw/v1/${this.site}/formwork`;
    const own = [...this.posts].flatMap((post) => [`${base}/${post}/up/reading`, `${base}/${post}/up/presence`, `${base}/${post}/down/coverage`]);
    return [`${base}/+/down/config`, `${base}/+/down/alarm/+`, ...own];
  }

  linkUp(now) {
    this.linked = true;
    this.refusal = this.code = null;
    this.upSince = now;
    for (const watch of this.watches.values()) watch.linkUp();
  }

  linkDown(code = null) {
    this.linked = false;
    this.code = code;
    for (const watch of this.watches.values()) watch.linkDown(code);
  }

  message(topic, bytes, retain, now, wall) {
    const levels = topic.split("/");
    if (levels.length === 4) {
      try {
        const value = unpack(bytes);
        if (levels[3] === "config" && value.version >= (this.siteConfig?.version ?? 0)) this.siteConfig = value;
        if (levels[3] === "heartbeat" && !retain) this._beat(value);
      } catch {
        return;
      }
      for (const watch of this.watches.values()) watch.message(topic, bytes, retain, now, wall);
      return;
    }
    if (levels[3] !== "formwork") return;
    const device = levels[4];
    const leaf = levels[6];
    if (leaf === "config") this._place(device, bytes);
    if (leaf === "config" && !this.posts.has(device)) return;
    this._watch(device)?.message(topic, bytes, retain, now, wall);
  }

  _place(device, bytes) {
    try {
      const config = unpack(bytes);
      if (config.bay === this.bay) {
        if (this._watch(device)) this.posts.add(device);
      } else this.posts.delete(device);
    } catch {
      return;
    }
    const watch = this.watches.get(device);
    if (watch) watch.silent = !this.posts.has(device);
  }

  /** What a bay itself alarms is under an id of its own, which a heartbeat may name before its alarm has come. */
  _beat(value) {
    this.beat = value;
    for (const name of Object.keys(value.devices || {})) if (name.startsWith("bay-")) this._watch(name);
  }

  _watch(device) {
    let watch = this.watches.get(device);
    if (!watch && this.watches.size < MAX_DEVICES) {
      const { site, cab } = this;
      watch = new Watch({ site, device, kind: "formwork", silent: !this.posts.has(device), latch: !cab, follows: cab });
      if (this.linked) watch.linkUp();
      this.watches.set(device, watch);
    }
    return watch;
  }

  /** Whose alarms are ours: the posts, and whoever says an alarm of this bay. */
  _members() {
    return [...this.watches.values()].filter(
      (watch) => this.posts.has(watch.device) || [...watch.alarms.values(), ...watch.latched.values()].some((alarm) => alarm.bay === this.bay),
    );
  }

  _ours() {
    return [...this.posts].map((device) => this.watches.get(device));
  }

  lost(now) {
    if (this.refusal != null && !this.linked) return "refused";
    const posts = this._ours();
    if (!posts.length) {
      if (!this.linked) return this.code ? words.gone(this.code) : "starting";
      return now - this.upSince > EMPTY_MS ? "empty" : "starting";
    }
    for (const watch of this.watches.values()) {
      if (!this.posts.has(watch.device) && !watch.device.startsWith("bay-")) continue;
      const why = watch.unwatched(now);
      if (why) return why;
    }
    return posts.every((watch) => watch.lost(now)) ? "device" : null;
  }

  wantsRefresh(now) {
    // Every one is asked, so that none asks again by itself a moment later.
    return [...this.watches.values()].filter((watch) => watch.wantsRefresh(now)).length > 0;
  }

  shown() {
    const list = this._members().flatMap((watch) =>
      watch.shown().map((alarm) => ({ ...alarm, device: watch.device, post: alarm.bay ? null : watch.config?.display_name || watch.device })),
    );
    const rank = (alarm) => 100 * alarm.severity + (alarm.active ? 10 : 0) + (alarm.post ? 0 : 1);
    return list.sort((a, b) => rank(b) - rank(a));
  }

  sound(now) {
    const lost = this.lost(now);
    if (lost === null) {
      this.lostSince = null;
      this.everWatched = true;
    } else this.lostSince ??= now;
    const members = this._members();
    for (const watch of members) watch.note(lost, now);
    const sounds = members.map((watch) => watch.alarmSound(now)).filter(Boolean);
    const loudest = sounds.find((sound) => sound.kind === "continuous") || sounds[0];
    if (loudest) return loudest;
    if (lost !== null && (this.everWatched || now - this.lostSince > 3000)) return { kind: "lost", since: this.lostSince };
    return { kind: "none" };
  }

  forgive(transition) {
    for (const watch of this.watches.values()) watch.forgive(transition);
  }

  /** Band B of the cab from which this bay is poured: its worst alarm, and how many more there are. */
  bandOf(worst, count) {
    return { ...band({ lost: null, alarms: [worst], still: null, watch: this._muted() }), count };
  }

  /** The same when nobody watches this bay. */
  unwatchedBand() {
    const of = words.ofBay(this.bay);
    return { style: "degraded", head: { zh: `${of.zh} ${words.LOST.zh}`, en: `${of.en} ${words.LOST.en}` }, text: null, more: [], count: 0 };
  }

  _muted() {
    return { silenced: new Map(this._members().flatMap((watch) => [...watch.silenced])) };
  }

  canSilence(now) {
    return ["pulse", "continuous"].includes(this.sound(now).kind);
  }

  silence(now) {
    return this._members().flatMap((watch) => watch.silence(now));
  }

  /** The receipts that are due, of all members; set to forget them. */
  get rendered() {
    return this._members().flatMap((watch) => watch.rendered);
  }

  set rendered(_) {
    for (const watch of this._members()) watch.rendered = [];
  }

  get delivered() {
    return this._members().flatMap((watch) => watch.delivered);
  }

  set delivered(_) {
    for (const watch of this._members()) watch.delivered = [];
  }

  value() {
    return null;
  }

  model(now) {
    const lost = this.lost(now);
    const alarms = this.shown();
    const posts = this._ours();
    const silent = posts.filter((watch) => watch.lost(now) === "device");
    const speaking = posts.filter((watch) => !silent.includes(watch));
    const ages = speaking.filter((watch) => watch.reading).map((watch) => now - watch.reading.received);
    return {
      kind: "formwork",
      bay: this.bay,
      name: `高支模 ${this.bay}`,
      timezone: this.siteConfig?.timezone ?? ZONE,
      lost,
      why: lost ? words.WHY[lost] : null,
      age: ages.length ? Math.max(...ages) : null, // of the posts that speak; those that do not are named
      stale: !speaking.length,
      hazards: this._hazards(now, posts),
      alarms,
      band: this._band(lost, alarms, silent),
      pour: this._pour(lost, alarms, now, speaking, silent),
      slow: alarms.find((alarm) => alarm.severity === 2)?.post || null,
      worst: this._worst(now, speaking),
      posts: posts.length,
      silent: silent.length,
      doubtful: posts.map((watch) => watch.doubtful(now)).find(Boolean) || null,
      value: () => null,
    };
  }

  _band(lost, alarms, silent) {
    const found = band({ lost, alarms, still: words.STILL_BAY, watch: { ...this._muted(), started: this.started, coverage: { hazards: {} } } });
    if (found.style !== "empty" || !silent.length) return found;
    const first = silent[0].config?.display_name || silent[0].device;
    const head = { zh: `${first}${silent.length > 1 ? ` 等${silent.length}根` : ""}无数据`, en: `NO DATA from ${silent.length} post${silent.length > 1 ? "s" : ""}` };
    return { ...found, style: "degraded", head, text: { zh: "其余正常", en: "others normal" } };
  }

  _pour(lost, alarms, now, speaking, silent) {
    if (alarms.some((alarm) => alarm.severity >= 3)) return "stop";
    if (lost || !speaking.length) return "unknown";
    if (alarms.some((alarm) => alarm.severity === 2)) return "slow";
    const pouring = speaking.map((watch) => watch.value("pouring", now));
    if (pouring.some(Boolean)) return "normal";
    return pouring.every((one) => one == null) || silent.length ? "unknown" : "idle";
  }

  /** The worst level of each hazard over the posts. */
  _hazards(now, posts) {
    const order = ["blind", "unknown", "degraded", "not_monitored", "monitored"];
    return words.HAZARDS_OF.formwork.map((name) => {
      const levels = posts.map((watch) => watch.levels(now).find((one) => one.name === name).level);
      return { name, level: order.find((level) => levels.includes(level)) || "unknown", reason: null };
    });
  }

  /** The largest figures of the bay, each with the post that has it. */
  _worst(now, posts) {
    const largest = (read) => {
      let found = null;
      for (const watch of posts) {
        const value = read(watch);
        if (value != null && (!found || value > found.value)) found = { value, post: watch.config?.display_name || watch.device };
      }
      return found;
    };
    const both = (watch, x, y) => {
      const a = watch.value(x, now), b = watch.value(y, now);
      return a == null || b == null ? null : Math.hypot(a, b);
    };
    return {
      force: largest((watch) => {
        const force = watch.value("force_kn", now);
        return force != null && watch.config?.design_force_kn ? (force / watch.config.design_force_kn) * 100 : null;
      }),
      settle: largest((watch) => watch.value("settle_mm", now)),
      shift: largest((watch) => both(watch, "shift_x_mm", "shift_y_mm")),
      tilt: largest((watch) => both(watch, "tilt_x_deg", "tilt_y_deg")),
    };
  }
}

/** The bays that this crane pours into at that wall time (Unix ms), by the site's configuration. */
export function poursOf(siteConfig, crane, wall) {
  const own = (siteConfig?.pours || []).filter((pour) => pour.crane === crane && pour.valid_from <= wall && wall < pour.valid_to);
  return [...new Set(own.map((pour) => pour.bay))];
}

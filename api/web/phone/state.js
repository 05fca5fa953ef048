/**
 * What the phone knows of one device, from the live socket and from REST. Pure: messages and times come in.
 *
 * Rule 1: a snapshot replaces everything; nothing survives a reconnect but what the snapshot says.
 * Rule 2: absence of a message is never "normal": without the socket, the broker or the analyzer's heartbeat the page
 * says so, and every figure has an age.
 *
 * Times: `now` is a monotonic clock in ms; `server` is the server's Unix ms as far as we know it.
 */

import { digest } from "/terminal-assets/digest.js";

const HEARTBEAT_MS = 3000;
const DIFFERS_MS = 3000;
export const BEFORE_MS = 60_000;
const KEEP_MS = 600_000;

export class State {
  constructor(site, device) {
    Object.assign(this, { site, device });
    this.points = []; // [device ts, values, invalid]: history and live, one line
    this.lostAt = this.offset = null;
    this.linked = this.brokerUp = false;
    this._forget();
  }

  _forget() {
    this.beat = this.differsSince = null;
    this.alarms = new Map();
    this.reading = this.coverage = this.presence = this.kind = null;
  }

  /** The socket is gone. What was known stays, as what was known last: an alarm is not over because nobody hears of it. */
  unlink(now) {
    this.linked = false;
    this.lostAt ??= now;
  }

  /** Server's Unix ms at this moment. */
  server(now) {
    return this.offset == null ? Date.now() : now + this.offset;
  }

  /** A frame of the live socket: an array of messages. */
  frame(text, now) {
    for (const message of JSON.parse(text)) this._message(message, now);
  }

  _message({ type, site, device, kind, data }, now) {
    if (type === "snapshot") this._snapshot(data, now);
    else if (type === "link") this.brokerUp = data.up;
    else if (type === "heartbeat" && site === this.site) this._beat(data, now);
    else if (site !== this.site || device !== this.device) return;
    else if (type === "reading") this._read(data, now);
    else if (type === "coverage") this.coverage = data;
    else if (type === "presence") this.presence = data;
    else if (type === "alarm") {
      this.kind = kind;
      if (data.alarm) this.alarms.set(data.rule, data.alarm);
      else this.alarms.delete(data.rule);
      this._compare(now);
    }
  }

  _snapshot(data, now) {
    this._forget();
    this.linked = true;
    this.lostAt = null;
    this.offset = data.at - now;
    this.brokerUp = data.broker_up;
    const own = data.devices.find((one) => one.device === this.device);
    if (own) {
      this.kind = own.kind;
      this.coverage = own.coverage;
      this.presence = own.presence;
      this.alarms = new Map(own.alarms.map((alarm) => [alarm.rule, alarm]));
      if (own.reading) this._read(own.reading, now - Math.max(0, data.at - own.reading.received_at));
    }
    const site = data.sites[this.site];
    // Whether the site is watched was judged by the server when it made the snapshot; from then on by heartbeats.
    if (site && !site.lost && site.heartbeat) this._beat(site.heartbeat, now);
  }

  _beat(beat, now) {
    this.beat = { received: now, devices: beat.devices || {} };
    this._compare(now);
  }

  _compare(now) {
    if (!this.beat) return;
    const [count, sum] = this.beat.devices[this.device] || [0, digest([])];
    const ids = [...this.alarms.values()].map((alarm) => alarm.transition);
    if (ids.length === count && digest(ids) === sum) this.differsSince = null;
    else this.differsSince ??= now;
  }

  _read(reading, received) {
    this.reading = { ...reading, received };
    this.add([[reading.ts, reading.values, reading.invalid]]);
  }

  /** Points of history, [ts, values, invalid], in any order; a ts that is there already counts once. */
  add(points) {
    const all = new Map(this.points.map((point) => [point[0], point]));
    for (const point of points) all.set(point[0], point);
    const newest = Math.max(...all.keys());
    this.points = [...all.values()].filter((point) => point[0] > newest - KEEP_MS).sort((a, b) => a[0] - b[0]);
  }

  /** Why nobody may say that this is watched: a key of WORDS, or null. */
  lost(now) {
    if (!this.linked) return this.lostAt == null ? "starting" : "away";
    if (!this.brokerUp) return "silentBroker";
    if (!this.beat || now - this.beat.received > HEARTBEAT_MS) return "silentAnalyzer";
    return this.differsSince != null && now - this.differsSince > DIFFERS_MS ? "differs" : null;
  }

  /** Age of the figures in ms, null when there are none. */
  age(now) {
    return this.reading ? now - this.reading.received : null;
  }

  stale(now) {
    const age = this.age(now);
    const interval = this.presence?.interval_ms ?? 1000;
    return age == null || age > Math.max(this.coverage?.stale_after_ms ?? 3 * interval, 1000) || !this.linked;
  }

  value(name) {
    const found = this.reading?.values[name];
    return found == null || this.reading.invalid.includes(name) ? null : found;
  }

  has(name) {
    return this.reading != null && name in this.reading.values;
  }
}

/**
 * MQTT 3.1.1 over WebSocket: the little that a cab terminal needs, and nothing that it does not.
 *
 * Rule 1: a session is always clean; what must be true after a reconnect comes from retained topics and the
 * analyzer's heartbeat, never from memory in the broker.
 * Rule 2: a link that is silent for longer than its keepalive allows is closed: a half-open link looks calm.
 * Rule 3: the outbox is bounded; an answer that has waited longer than it is worth is dropped, not sent late.
 *
 * References are to the OASIS standard MQTT 3.1.1.
 */

const CONNECT = 1, CONNACK = 2, PUBLISH = 3, PUBACK = 4, SUBSCRIBE = 8, SUBACK = 9, PINGREQ = 12, PINGRESP = 13;
const MAX_PACKET = 1 << 18;
const MAX_OUTBOX = 64;
const CONNECT_TIMEOUT_MS = 3000;

const utf8 = new TextEncoder();
const text = new TextDecoder("utf-8", { fatal: false });

/** A packet from its first byte and the parts of its body. */
export function packet(first, ...parts) {
  const length = parts.reduce((sum, part) => sum + part.length, 0);
  const head = [first];
  let rest = length;
  do {
    const low = rest % 128;
    rest = Math.floor(rest / 128);
    head.push(rest ? low | 128 : low);
  } while (rest);
  const bytes = new Uint8Array(head.length + length);
  bytes.set(head);
  let at = head.length;
  for (const part of parts) {
    bytes.set(part, at);
    at += part.length;
  }
  return bytes;
}

/** Two bytes of length and the bytes of a string (1.5.3). */
export function field(value) {
  const bytes = typeof value === "string" ? utf8.encode(value) : value;
  if (bytes.length > 65535) throw new RangeError("field too long");
  const out = new Uint8Array(2 + bytes.length);
  out[0] = bytes.length >> 8;
  out[1] = bytes.length & 255;
  out.set(bytes, 2);
  return out;
}

const number = (value) => Uint8Array.of(value >> 8, value & 255);

/** Cuts a stream of bytes into packets, however the broker spread them over WebSocket frames. */
export class Reader {
  constructor() {
    this.held = new Uint8Array(0);
  }

  /** The whole packets so far, as {type, flags, body}. Throws RangeError on what cannot be MQTT. */
  feed(bytes) {
    const joined = new Uint8Array(this.held.length + bytes.length);
    joined.set(this.held);
    joined.set(bytes, this.held.length);
    const packets = [];
    let at = 0;
    while (at < joined.length) {
      let length = 0, factor = 1, place = at + 1, more = true;
      while (more && place < joined.length) {
        if (place - at > 4) throw new RangeError("remaining length of more than four bytes");
        length += (joined[place] & 127) * factor;
        factor *= 128;
        more = (joined[place++] & 128) !== 0;
      }
      if (length > MAX_PACKET) throw new RangeError(`packet of ${length} bytes`);
      if (more || place + length > joined.length) break;
      packets.push({ type: joined[at] >> 4, flags: joined[at] & 15, body: joined.subarray(place, place + length) });
      at = place + length;
    }
    this.held = joined.slice(at);
    return packets;
  }
}

/** A link that comes back by itself. Callbacks: up(), down(why, close code), message({topic, bytes, retain}), refused(code). */
export class Link {
  /** `filters` are topic filters, all subscribed at QoS 1; `now` is a monotonic clock in ms. */
  constructor({ url, clientId, filters, credentials = () => ({}), keepalive = 5, on, now = () => performance.now() }) {
    Object.assign(this, { url, clientId, filters, credentials, keepalive, on, now });
    this.more = [];
    this.socket = null;
    this.isUp = false;
    this.outbox = [];
    this.nextId = 1;
    this.attempt = 0;
    this.wanted = false;
  }

  open() {
    this.wanted = true;
    this._dial();
  }

  close() {
    this.wanted = false;
    clearTimeout(this.retry);
    if (this.socket) this._drop("closed by the page");
  }

  /** Subscribe once more: the broker sends every retained message again (3.8.4). */
  refresh() {
    if (!this.isUp) return;
    this._subscribe(this.filters);
    if (this.more.length) this._subscribe(this.more);
  }

  /**
   * More filters, now and after every reconnect; those that are there already cost nothing. They are subscribed behind
   * the first ones, and a broker that refuses them costs them alone: what they are for has to notice that nothing comes.
   */
  add(filters) {
    const fresh = filters.filter((filter) => !this.filters.includes(filter) && !this.more.includes(filter));
    if (!fresh.length) return;
    this.more = [...this.more, ...fresh];
    if (this.isUp) this._subscribe(fresh);
  }

  /** Publish at QoS 0, now or never: what nobody may queue, because a second later there is a newer one. */
  say(topic, payload) {
    if (this.isUp) this._send(packet(PUBLISH << 4, field(topic), utf8.encode(payload)));
  }

  /**
   * Publish at QoS 1. For `keepFor` ms it waits for a connection and is sent again on the next one until the broker
   * has acknowledged it. Says whether it was sent.
   */
  publish(topic, payload, keepFor) {
    const entry = { id: this._id(), topic, payload, until: this.now() + keepFor };
    this.outbox.push(entry);
    if (this.outbox.length > MAX_OUTBOX) this.outbox.shift();
    if (!this.isUp) return false;
    this._publish(entry, false);
    return true;
  }

  _id() {
    const id = this.nextId;
    this.nextId = (id % 65535) + 1;
    return id;
  }

  _publish(entry, again) {
    const first = (PUBLISH << 4) | 2 | (again ? 8 : 0);
    this._send(packet(first, field(entry.topic), number(entry.id), utf8.encode(entry.payload)));
  }

  _dial() {
    let socket;
    try {
      socket = new WebSocket(this.url, "mqtt");
    } catch (error) {
      this.on.down(String(error.message || error));
      this._again();
      return;
    }
    this.socket = socket;
    this.reader = new Reader();
    socket.binaryType = "arraybuffer";
    this.dialled = this.heard = this.said = this.now();
    clearInterval(this.pulse);
    this.pulse = setInterval(() => this._check(), 500);
    socket.onopen = () => this._connect();
    socket.onmessage = (event) => {
      if (socket !== this.socket || typeof event.data === "string") return;
      this.heard = this.now();
      try {
        for (const one of this.reader.feed(new Uint8Array(event.data))) this._take(one);
      } catch (error) {
        this._drop(String(error.message || error));
      }
    };
    socket.onclose = (event) => {
      if (socket === this.socket) this._drop("the broker closed the link", event.code);
    };
  }

  _connect() {
    const { username, password } = this.credentials();
    const flags = 2 | (username ? 128 : 0) | (username && password ? 64 : 0);
    const parts = [field("MQTT"), Uint8Array.of(4, flags), number(this.keepalive), field(this.clientId)];
    if (username) parts.push(field(username));
    if (username && password) parts.push(field(password));
    this._send(packet(CONNECT << 4, ...parts));
  }

  _subscribe(filters) {
    const parts = filters.flatMap((filter) => [field(filter), Uint8Array.of(1)]);
    this._send(packet((SUBSCRIBE << 4) | 2, number(this._id()), ...parts));
  }

  _take({ type, flags, body }) {
    if (type === PUBLISH) this._deliver(flags, body);
    else if (type === PUBACK) {
      const id = (body[0] << 8) | body[1];
      this.outbox = this.outbox.filter((entry) => entry.id !== id);
    } else if (type === CONNACK) {
      if (body[1] !== 0) {
        this.on.refused(body[1]);
        this._drop(`the broker refused the connection, code ${body[1]}`);
      } else this._subscribe(this.filters);
    } else if (type === SUBACK) {
      if (this.isUp) return;
      if (body.subarray(2).some((code) => code & 128)) {
        this.on.refused(5);
        this._drop("the broker refused a subscription");
      } else {
        this.isUp = true;
        this.attempt = 0;
        this.outbox = this.outbox.filter((entry) => entry.until > this.now());
        for (const entry of this.outbox) this._publish(entry, true);
        if (this.more.length) this._subscribe(this.more);
        this.on.up();
      }
    } else if (type !== PINGRESP) throw new RangeError(`packet type ${type} from a broker`);
  }

  _deliver(flags, body) {
    const length = (body[0] << 8) | body[1];
    const qos = (flags >> 1) & 3;
    let at = 2 + length;
    const topic = text.decode(body.subarray(2, at));
    if (qos) {
      this._send(packet(PUBACK << 4, body.subarray(at, at + 2)));
      at += 2;
    }
    this.on.message({ topic, bytes: body.subarray(at), retain: (flags & 1) === 1 });
  }

  _check() {
    const now = this.now();
    if (!this.isUp && now - this.dialled > CONNECT_TIMEOUT_MS) this._drop("no answer from the broker");
    else if (now - this.heard > this.keepalive * 1500) this._drop("the link went silent");
    else if (this.isUp && (now - this.said > this.keepalive * 500 || now - this.heard > this.keepalive * 500)) {
      this._send(packet(PINGREQ << 4));
    }
  }

  _send(bytes) {
    if (this.socket && this.socket.readyState === WebSocket.OPEN) {
      this.socket.send(bytes);
      this.said = this.now();
    }
  }

  _drop(why, code = null) {
    const socket = this.socket;
    this.socket = null;
    this.isUp = false;
    clearInterval(this.pulse);
    if (socket) {
      socket.onopen = socket.onmessage = socket.onclose = null;
      socket.close();
    }
    this.on.down(why, code);
    this._again();
  }

  _again() {
    if (!this.wanted) return;
    // Few terminals share a broker and people stand under the hook, so the ceiling is 2 s and not a minute.
    const step = Math.min(2000, 200 * 2 ** this.attempt++);
    clearTimeout(this.retry);
    this.retry = setTimeout(() => this._dial(), step * (0.5 + 0.5 * Math.random()));
  }
}

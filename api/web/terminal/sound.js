/**
 * The three sounds, made here: no file to fetch, none to lose.
 *
 * Pre-warning: two short pulses a second for 3 s, once. Alarm: a two-tone for as long as it is asked for. Monitoring
 * lost: three falling tones, then again every 30 s. Each is rendered once into a buffer and then played or looped by
 * the audio thread, so that a throttled page does not stutter.
 */

const RATE = 24_000;
const AGAIN_MS = 30_000;
const FLOOR = 0.3; // the volume cannot be turned lower than this

/** Samples of [[begin s, length s, hertz], ...] within `length` s: a square-ish tone, softened at its ends. */
function render(context, length, tones) {
  const buffer = context.createBuffer(1, Math.round(length * RATE), RATE);
  const data = buffer.getChannelData(0);
  for (const [begin, span, hertz] of tones) {
    const first = Math.round(begin * RATE), n = Math.round(span * RATE), edge = Math.round(0.005 * RATE);
    for (let k = 0; k < n && first + k < data.length; k++) {
      const phase = (2 * Math.PI * hertz * k) / RATE;
      const ramp = Math.min(1, k / edge, (n - 1 - k) / edge);
      // Odd harmonics carry through cab noise and survive a small loudspeaker.
      data[first + k] = 0.7 * ramp * (Math.sin(phase) + Math.sin(3 * phase) / 3 + Math.sin(5 * phase) / 5);
    }
  }
  return buffer;
}

export class Horn {
  constructor(volume = 1) {
    this.volume = Math.min(1, Math.max(FLOOR, volume));
    this.context = null;
    this.source = null;
    this.playing = "none";
    this.testing = false;
  }

  /** Make or wake the audio context. Without a person's tap a browser may keep it suspended. */
  async unlock() {
    if (!this.context) {
      const Context = window.AudioContext;
      if (!Context) return;
      this.context = new Context();
      this.output = this.context.createGain();
      this.output.gain.value = this.volume;
      this.meter = this.context.createAnalyser();
      this.output.connect(this.meter).connect(this.context.destination);
      const pulses = Array.from({ length: 6 }, (_, n) => [n * 0.5, 0.15, 1000]);
      this.buffers = {
        pulse: render(this.context, 3, pulses),
        continuous: render(this.context, 0.8, [[0, 0.4, 1000], [0.4, 0.4, 750]]),
        // The announcement, four rising tones twice, before the alarm's own two-tone: a test never begins like an alarm.
        test: render(this.context, 7.2, [
          ...[0, 1.5].flatMap((at) => [523, 659, 784, 1047].map((hertz, n) => [at + 0.25 * n, 0.22, hertz])),
          ...Array.from({ length: 4 }, (_, n) => [[3.4 + 0.8 * n, 0.4, 1000], [3.8 + 0.8 * n, 0.4, 750]]).flat(),
        ]),
        lost: render(this.context, 1.2, [[0, 0.35, 880], [0.4, 0.35, 660], [0.8, 0.35, 440]]),
      };
    }
    if (this.context.state !== "running") {
      // resume() may stay pending for ever without a gesture, so nobody waits for it.
      this.context.resume().catch(() => {});
      await new Promise((done) => setTimeout(done, 50));
    }
  }

  /** running | suspended | none */
  get state() {
    return this.context ? (this.context.state === "running" ? "running" : "suspended") : "none";
  }

  /** Make what is heard agree with `sound` of watch.js; call it as often as you like. */
  follow(sound, now) {
    if (this.testing && (sound.kind === "none" || sound.kind === "lost")) return;
    this.testing = false;
    if (sound.kind === "lost") {
      const due = this.playing !== "lost" || (!sound.once && now - this.played >= AGAIN_MS);
      if (this.playing === "lost" && this.context && !this.heard && this.state === "running") this._start("lost", now);
      else if (due) this._start("lost", now);
    } else if (sound.kind !== this.playing || (["pulse", "test"].includes(sound.kind) && sound.since !== this.since)) {
      this._start(sound.kind, now);
      this.since = sound.since;
    } else if (sound.kind === "continuous" && !this.source) this._start("continuous", now);
  }

  _start(kind, now) {
    this.source?.stop();
    this.source = null;
    this.playing = kind;
    this.played = now;
    this.heard = this.state === "running";
    if (kind === "none" || !this.context) return;
    const source = this.context.createBufferSource();
    source.buffer = this.buffers[kind];
    source.loop = kind === "continuous";
    source.connect(this.output);
    source.start();
    this.source = source;
  }

  /** The three sounds one after another, each announced; a true alarm cuts the test short. */
  async test(announce, now) {
    this.testing = true;
    for (const [kind, ms] of [["pulse", 1500], ["continuous", 1600], ["lost", 1400]]) {
      if (!this.testing) break;
      announce(kind);
      this._start(kind, now());
      await new Promise((done) => setTimeout(done, ms));
    }
    if (this.testing) this._start("none", now());
    this.testing = false;
    announce(null);
  }

  /** Root mean square of what is being sent to the loudspeaker, 0 to 1. */
  level() {
    if (!this.meter) return 0;
    const data = new Float32Array(this.meter.fftSize);
    this.meter.getFloatTimeDomainData(data);
    return Math.sqrt(data.reduce((sum, x) => sum + x * x, 0) / data.length);
  }
}

/**
 * The cab terminal: puts watch.js on the screen, its sound on the loudspeaker, and the operator's answer on the wire.
 *
 * Rule 1: after this page has loaded it needs the broker and nothing else.
 * Rule 2: a receipt ("rendered") is sent from the animation frame after the one that drew the alarm, and only while
 * the page is visible: a page that nobody can see has shown nothing.
 * Rule 3: the one button quiets sound. It clears nothing, answers nothing at the desk, releases no hold.
 */

import { Link } from "./mqtt.js";
import { Watch } from "./watch.js";
import { Horn } from "./sound.js";
import { HAZARDS, LAST_KNOWN, LEVELS, LOST, MODES, POUR, TEST } from "./words.js";

const $ = (id) => document.getElementById(id);
const setup = JSON.parse($("setup").textContent || "{}");
const query = new URLSearchParams(location.search);
const path = location.pathname.split("/").filter(Boolean);
const site = setup.site || query.get("site") || path[path.length - 2];
const device = setup.device || query.get("device") || path[path.length - 1];
const build = setup.build || "0";
const SHIFT_MS = 14 * 3_600_000;
const RESPONSE_MS = 10_000; // a silence that the broker did not get within 10 s answers nothing any more

const now = () => performance.now();
const hex = (n) => Array.from(crypto.getRandomValues(new Uint8Array(n)), (byte) => byte.toString(16).padStart(2, "0")).join("");
const terminal = memory("terminal") || keep("terminal", `t-${hex(4)}`);
const watch = new Watch({ site, device, kind: setup.kind || query.get("kind") });
const horn = new Horn(Number(memory("volume") || 1));
let wakeLock = null;

// Private windows refuse storage; the page works without it.
function memory(name) {
  try {
    return localStorage.getItem(`cranewatch.${site}.${device}.${name}`);
  } catch {
    return null;
  }
}
function keep(name, value) {
  try {
    localStorage.setItem(`cranewatch.${site}.${device}.${name}`, value);
  } catch {
    // nothing depends on it
  }
  return value;
}

function brokerUrl() {
  const given = query.get("broker") || setup.broker;
  if (given) return given;
  const scheme = location.protocol === "https:" ? "wss" : "ws";
  return `${scheme}://${location.hostname || "localhost"}:${setup.ws_port || 1885}/mqtt`;
}

const base = `cw/v1/${site}`;
const own = `${base}/+/${device}`;
const link = new Link({
  url: brokerUrl(),
  clientId: `terminal-${site}-${device}-${hex(6)}`,
  credentials: () => ({ username: memory("user") || undefined, password: memory("password") || undefined }),
  filters: [
    `${own}/down/alarm/+`, `${own}/down/coverage`, `${own}/down/config`, `${own}/up/reading`, `${own}/up/presence`,
    `${base}/heartbeat`, `${base}/config`,
  ],
  on: {
    up: () => watch.linkUp(),
    down: () => watch.linkDown(),
    message: ({ topic, bytes, retain }) => {
      watch.message(topic, bytes, retain, now(), Date.now());
      if (topic.includes("/down/alarm/")) refresh();
    },
    refused: (code) => {
      watch.refusal = code;
      $("login").hidden = code !== 4 && code !== 5;
    },
  },
});

const up = (leaf, payload, keepFor) => {
  if (watch.kind) link.publish(`${base}/${watch.kind}/${device}/up/${leaf}`, JSON.stringify(payload), keepFor);
};

// ---- drawing -------------------------------------------------------------------------------------------------

const drawn = new Map();
function put(id, value) {
  if (drawn.get(id) === value) return;
  drawn.set(id, value);
  $(id).textContent = value;
}
function mark(id, name, value) {
  const key = `${id}.${name}`;
  if (drawn.get(key) === value) return;
  drawn.set(key, value);
  $(id).dataset[name] = value;
}
function html(id, key, make) {
  if (drawn.get(id) === key) return;
  drawn.set(id, key);
  $(id).replaceChildren(...make());
}
function element(tag, className, ...children) {
  const made = document.createElement(tag);
  if (className) made.className = className;
  made.append(...children);
  return made;
}

// Without the sign of what rounds to nothing: an empty hook reads 0.0 and not -0.0.
const fixed = (value, digits) => (value == null ? "—" : value.toFixed(digits).replace(/^-(?=[0.]*$)/, ""));
const span = (ms) => {
  if (ms == null) return "—";
  const s = ms / 1000;
  if (s < 60) return `${s.toFixed(s < 10 ? 1 : 0)} 秒 s`;
  return s < 3600 ? `${Math.floor(s / 60)} 分 min` : `${Math.floor(s / 3600)} 时 h`;
};
const eta = (range) => {
  if (!range) return ["到限约", "TO LIMIT", "—"];
  const minutes = range[0] >= 120;
  const show = (s) => (minutes ? Math.round(s / 60) : Math.round(s));
  return [minutes ? "到限约 分" : "到限约 秒", minutes ? "LIMIT IN min" : "LIMIT IN s", `${show(range[0])}–${show(range[1])}`];
};

function row(zh, en, value, unit, small) {
  return { zh, en, value, unit, small };
}

function rows(model) {
  const v = model.value;
  if (model.kind === "formwork") {
    const x = v("shift_x_mm"), y = v("shift_y_mm");
    const design = watch.config?.design_force_kn, force = v("force_kn");
    return [
      [row("立杆轴力", "AXIAL FORCE", fixed(force, 1), design && force != null ? `kN  ${Math.round((force / design) * 100)} %` : "kN")],
      [row("沉降", "SETTLEMENT", fixed(v("settle_mm"), 1), "mm")],
      [row("水平位移", "SHIFT", fixed(x == null || y == null ? null : Math.hypot(x, y), 1), "mm")],
      [row("倾角", "TILT", fixed(tilt(v), 2), "°", true)],
      [row(...eta(model.eta), "", true)],
    ];
  }
  const wind = model.wind;
  const stale = v("wind_mps") == null;
  const arrow = stale ? "" : { 1: "↗", 0: "", "-1": "↘" }[wind.trend];
  const minutes = wind.minutes >= 9.5 ? 10 : Math.max(1, Math.round(wind.minutes));
  const { out, inward } = model.use;
  return [
    [row("幅度", "RADIUS", fixed(v("radius_m"), 1), "m")],
    [inward ? row("须收幅至", "COME IN TO", fixed(out, 1), "m") : row("可外变幅至", "OUT TO", fixed(out, 1), outUnit(model))],
    [row("吊钩高度", "HOOK", fixed(v("hook_m"), 1), "m", true)],
    [
      row("风速", "WIND m/s", fixed(v("wind_mps"), 1), arrow),
      row("阵风", "GUST 3 s", fixed(stale ? null : wind.gust, 1), ""),
    ],
    [
      row(`${minutes} 分钟平均`, `MEAN ${minutes} min`, fixed(stale ? null : wind.mean, 1), ""),
      row(...eta(model.eta), ""),
    ],
  ];
}

/** Why there is no "out to" when there is none and there could be one. */
function outUnit(model) {
  if (model.use.out != null) return "m";
  if (model.stale) return "";
  return model.use.disagree ? "表与设备不符 chart and box differ" : model.use.charted ? "" : "无载荷表 no chart";
}

function tilt(v) {
  const x = v("tilt_x_deg"), y = v("tilt_y_deg");
  return x == null || y == null ? null : Math.hypot(x, y);
}

function drawRows(model) {
  const list = rows(model);
  mark("right", "kind", model.kind || "");
  const key = JSON.stringify(list.map((pair) => pair.map((one) => [one.zh, one.en, one.small])));
  html("right", key, () =>
    list.map((pair, n) => {
      const made = element("div", `row${pair.length > 1 ? " two" : ""}${pair.some((one) => one.small) ? " small" : ""}`);
      pair.forEach((one, k) => {
        const value = element("span");
        const unit = element("small");
        value.id = `v${n}-${k}`;
        unit.id = `u${n}-${k}`;
        drawn.delete(value.id);
        drawn.delete(unit.id);
        made.append(element("label", "", element("span", "", one.zh), element("span", "", one.en)), element("output", "", value, unit));
      });
      return made;
    }),
  );
  list.forEach((pair, n) => pair.forEach((one, k) => (put(`v${n}-${k}`, one.value), put(`u${n}-${k}`, one.unit || ""))));
}

/** Make a line as large as it fits: `most` mm, and never below `least`. Measured only when its words change. */
function fit(id, words, most, least) {
  const key = `${words}|${innerWidth}x${innerHeight}|${$("b").dataset.style}|${$("more").textContent}|${$("last").textContent}`;
  put(id, words);
  if (drawn.get(`${id}.fit`) === key) return;
  drawn.set(`${id}.fit`, key);
  const line = $(id);
  line.style.setProperty("--size", most);
  if (line.scrollWidth > line.clientWidth) {
    line.style.setProperty("--size", Math.max(least, Math.floor((10 * most * line.clientWidth) / line.scrollWidth) / 10));
  }
}

function drawBand(model) {
  const { band } = model;
  const head = band.head || { zh: "", en: "" };
  const text = band.text || { zh: "", en: "" };
  mark("b", "style", band.style);
  mark("b", "flash", String(Boolean(band.flash)));
  put("mark", { alarm: "■", prewarning: "▲", degraded: "!", idle: "○" }[band.style] || "");
  put("last", band.last ? `${LAST_KNOWN.zh} ${LAST_KNOWN.en}: ${band.last.zh} ${band.last.en}` : "");
  const named = band.more.map((one) => `${one.zh} ${one.en}`).join(" · ");
  put("more", [band.silenced ? "已消音 SILENCED" : "", band.count ? `+${band.count} ${named}` : ""].filter(Boolean).join("  "));
  if (band.style === "lost") {
    fit("line1", `${head.zh} ${head.en}`, 10.5, 6);
    fit("line2", text.zh, 6.2, 4);
    fit("line3", `${text.en} · ${model.why.zh} ${model.why.en}`, 5, 3.4);
  } else {
    fit("line1", `${head.zh} ${text.zh}`.trim(), 13, 7);
    fit("line2", `${head.en} ${text.en}`.trim(), 8.5, 5);
    fit("line3", "", 5, 4);
  }
}

function drawUse(model) {
  const { use } = model;
  const bay = model.kind === "formwork";
  $("crane-use").hidden = bay;
  $("bay-use").hidden = !bay;
  if (bay) {
    mark("bay-use", "pour", model.pour);
    put("pour-zh", POUR[model.pour].zh);
    put("pour-en", POUR[model.pour].en);
    return;
  }
  put("percent-value", use.percent == null ? "—" : String(Math.max(0, Math.round(use.percent))));
  const percent = Math.min(120, Math.max(0, use.percent ?? 0));
  $("fill").style.width = `${(percent / 120) * 100}%`;
  mark("fill", "grade", percent >= 100 ? "alarm" : percent >= 90 ? "prewarning" : "");
  const tonnes = (value) => fixed(value, value != null && value >= 9.995 ? 1 : 2);
  put("load", tonnes(model.value("load_t")));
  put("rated", tonnes(use.rated));
  put("rated-zh", { box: "额定（设备）", chart: "该幅度额定" }[use.source] || "额定");
  put("rated-en", { box: "RATED t (box)", chart: "RATED t" }[use.source] || "RATED t");
  put("falls", fixed(model.value("falls"), 0));
}

function drawCoverage(model) {
  html("coverage", JSON.stringify(model.hazards), () =>
    ["blind", "unknown", "degraded", "not_monitored", "monitored"].flatMap((level) => {
      const own = model.hazards.filter((hazard) => hazard.level === level);
      if (!own.length) return [];
      const word = LEVELS[level];
      const head = element("b", "", level === "monitored" ? word.mark : `${word.mark} ${word.zh} ${word.en}`);
      const line = element("div", "", head);
      line.dataset.level = level;
      for (const { name, reason } of own) {
        const one = element("span", "", `${HAZARDS[name].zh} `, element("small", "", HAZARDS[name].en));
        one.dataset.hazard = name;
        if (reason) one.title = `${reason.zh} ${reason.en}`;
        line.append(one);
      }
      return [line];
    }),
  );
}

function drawTop(model) {
  put("name", model.name);
  html("operator", model.operator || "", () => (model.operator ? [element("small", "", "司机 OPERATOR"), model.operator] : []));
  const options = { hour: "2-digit", minute: "2-digit", second: "2-digit", hour12: false };
  let clock;
  try {
    clock = new Intl.DateTimeFormat("zh-CN", { ...options, timeZone: model.timezone }).format(new Date());
  } catch {
    clock = new Intl.DateTimeFormat("zh-CN", options).format(new Date());
  }
  put("clock", clock);
  const mode = model.mode ? MODES[model.mode] || { zh: model.mode, en: "" } : null;
  put("mode", mode ? `${mode.zh} ${mode.en}` : "");
  mark("mode", "special", String(Boolean(model.mode && !["working", "parked"].includes(model.mode))));
  const level = model.lost ? LOST : LEVELS[watch.coverage?.level || "unknown"];
  put("watched", `${level.zh} ${level.en}`);
  mark("watched", "level", model.lost ? "lost" : watch.coverage?.level || "unknown");
  $("theme").disabled = (model.value("load_t") ?? 0) > 0.3;
}

function draw() {
  scheduled = false;
  const model = watch.model(now());
  document.title = `${model.name} cranewatch`;
  drawTop(model);
  drawBand(model);
  drawUse(model);
  drawRows(model);
  drawCoverage(model);
  put("age-value", span(model.age));
  mark("age", "stale", String(model.stale));
  mark("silence", "useful", String(watch.canSilence(now())));
  if (!$("checks").hidden) drawChecks();
  confirm(model);
}

/** Receipts for what the band or its "+n" names, once it has been painted. */
function confirm(model) {
  if (!watch.rendered.length || document.visibilityState !== "visible") return;
  const named = new Set(model.alarms.map((alarm) => alarm.transition));
  const due = watch.rendered.filter((transition) => named.has(transition));
  watch.rendered = [];
  requestAnimationFrame(() => {
    if (document.visibilityState !== "visible") return;
    for (const transition of due) up("shown", { terminal, at: Date.now(), transition, visible: true, build }, 60_000);
  });
}

let scheduled = false;
function refresh() {
  horn.follow(watch.sound(now()), now());
  if (!scheduled) {
    scheduled = true;
    requestAnimationFrame(draw);
  }
}

// ---- start of shift ------------------------------------------------------------------------------------------

const seen = { zero: false, top: false, trolley: [false, false], slew: [null, null], falls: false };
const LIMITS = { hookUp: 1 << 5, out: 1 << 9, in: 1 << 10 }; // bits of `limits`, telemetry/kinds.py LIMIT_BITS

function checks() {
  const v = (name) => watch.value(name, now());
  const load = v("load_t"), limits = v("limits") || 0, slew = v("slew_deg");
  if (load != null && Math.abs(load) <= 0.1) seen.zero = true;
  if (limits & LIMITS.hookUp) seen.top = true;
  if (limits & LIMITS.out) seen.trolley[0] = true;
  if (limits & LIMITS.in) seen.trolley[1] = true;
  if (slew != null) seen.slew = [Math.min(seen.slew[0] ?? slew, slew), Math.max(seen.slew[1] ?? slew, slew), seen.slew[2] ?? slew];
  const [low, high, first] = seen.slew;
  const turned = low != null && first - low > 5 && high - first > 5;
  const falls = v("falls");
  return watch.kind === "formwork"
    ? [["声音 sound", horn.state === "running"], ["数据 data", !watch.model(now()).stale]]
    : [
        ["声音 sound running", horn.state === "running"],
        ["空钩零位 empty hook reads zero", seen.zero],
        ["起升上限位 hook upper limit", seen.top],
        ["变幅外限 trolley out limit", seen.trolley[0]],
        ["变幅内限 trolley in limit", seen.trolley[1]],
        ["左右回转 slewed both ways", turned],
        [`倍率与载荷表一致 falls in the chart${falls ? ` (${falls})` : ""}`, Boolean((watch.config?.charts || []).some((chart) => chart.falls === falls))],
        ["屏幕常亮 screen kept awake", Boolean(wakeLock)],
      ];
}

function drawChecks() {
  const list = checks();
  html("check-list", JSON.stringify(list), () =>
    list.map(([label, done]) => {
      const made = element("li", "", label);
      made.dataset.done = String(done);
      return made;
    }),
  );
}

async function stayAwake() {
  try {
    wakeLock = await navigator.wakeLock.request("screen");
    wakeLock.addEventListener("release", () => (wakeLock = null));
  } catch {
    wakeLock = null;
  }
}

async function begin() {
  await horn.unlock();
  await stayAwake();
  watch.started = true;
  keep("started", String(Date.now()));
  $("start").hidden = true;
  $("checks").hidden = false;
  refresh();
  const load = watch.value("load_t", now());
  // A test tone while a load hangs startles the person who holds it.
  if (load != null && load > 0.3) {
    put("testing", "吊钩有载 未试音 hook loaded, sounds not played");
    return;
  }
  await horn.test((kind) => put("testing", kind ? `${TEST.zh} ${TEST.en}` : ""), now);
  refresh();
}

function silence() {
  const at = Date.now();
  const who = watch.value("operator", now()) || terminal;
  for (const { rule, transition } of watch.silence(now())) {
    up("response", { id: hex(12), action: "silence", at, who, rule, transition }, RESPONSE_MS);
  }
  refresh();
}

function theme(next) {
  document.documentElement.dataset.theme = next;
}

// ---- life ----------------------------------------------------------------------------------------------------

function beat() {
  const visible = document.visibilityState === "visible";
  up("shown", { terminal, at: Date.now(), visible, audio: horn.state, volume: horn.volume, wake_lock: Boolean(wakeLock), build });
  if (horn.context && horn.state !== "running") horn.unlock();
}

async function main() {
  const hour = new Date().getHours();
  theme(query.get("theme") || (hour >= 19 || hour < 6 ? "night" : "day"));
  const notes = [];
  if (!window.isSecureContext) notes.push("本页非安全来源，无法保持屏幕常亮 not a secure origin: this page cannot keep the screen awake");
  if (!("wakeLock" in navigator)) notes.push("请在系统里关闭休眠 turn off sleep in the system settings");
  put("notes", notes.join(" · "));
  $("begin").onclick = begin;
  $("silence").onclick = silence;
  $("done").onclick = () => ($("checks").hidden = true);
  $("theme").onclick = () => theme(document.documentElement.dataset.theme === "day" ? "night" : "day");
  $("login").onsubmit = (event) => {
    event.preventDefault();
    keep("user", $("user").value);
    keep("password", $("password").value);
    $("login").hidden = true;
  };
  document.addEventListener("visibilitychange", () => {
    if (document.visibilityState === "visible" && watch.started) stayAwake();
    refresh();
  });
  // A kiosk may allow sound without a tap; then a reload during a shift needs none.
  await horn.unlock();
  const begun = Number(memory("started") || 0);
  watch.started = horn.state === "running" && Date.now() - begun < SHIFT_MS;
  $("start").hidden = watch.started;
  if (watch.started) stayAwake();
  link.open();
  setInterval(beat, 1000);
  setInterval(() => {
    if (watch.wantsRefresh(now())) link.refresh();
    refresh();
  }, 100);
  if ("serviceWorker" in navigator && setup.worker) navigator.serviceWorker.register(setup.worker).catch(() => {});
}

window.cranewatch = { watch, horn, link, terminal };
main();

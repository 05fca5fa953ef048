/**
 * The terminal: puts what is watched on the screen, its sound on the loudspeaker, and the person's answer on the wire.
 *
 * Rule 1: after this page has loaded it needs the broker and nothing else.
 * Rule 2: a receipt ("rendered") is sent from the animation frame after the one that drew the alarm, and only while
 * the page is visible: a page that nobody can see has shown nothing.
 * Rule 3: the one button quiets sound. It clears nothing, answers nothing at the desk, releases no hold.
 */

import { BayWatch, poursOf } from "./bay.js";
import { drawRows, drawUse } from "./figures.js";
import { Link } from "./mqtt.js";
import { $, bay, build, clock, device, element, fit, hex, html, keep, mark, memory, now, put, query, setup, site } from "./page.js";
import * as shift from "./shift.js";
import { Horn } from "./sound.js";
import { EMPTY_T, Watch } from "./watch.js";
import { DOUBT, HAZARDS, LAST_KNOWN, LEVELS, LOST, MODES, SENT, TEST, ofBay } from "./words.js";

const RESPONSE_MS = 10_000; // a silence that the broker did not get within 10 s answers nothing any more
const NOTICE_MS = 86_400_000; // the beginning of a shift, a doubt: worth keeping until the link is back
const LOUDER = { none: 0, test: 0.5, lost: 1, pulse: 2, continuous: 3 };

const terminal = memory("terminal") || keep("terminal", `t-${hex(4)}`);
const watch = bay ? new BayWatch({ site, bay }) : new Watch({ site, device, kind: setup.kind || query.get("kind") });
const horn = new Horn(Number(memory("volume") || 1));
const checks = new shift.Checks();
const pours = new Map(); // in a crane's cab: bay → BayWatch, where this crane pours now
let session = shift.session();
let wakeLock = null;
let landing = memory("landing") == null || memory("landing") === "" ? null : Number(memory("landing"));
let sentUntil = 0;

function brokerUrl() {
  const given = query.get("broker") || setup.broker;
  if (given) return given;
  const scheme = location.protocol === "https:" ? "wss" : "ws";
  if (setup.bridge) return `${scheme}://${location.host}${setup.bridge}`;
  return `${scheme}://${location.hostname || "localhost"}:${setup.ws_port || 1885}/mqtt`;
}

const base = `cw/v1/${site}`;
const own = `${base}/+/${device}`;
const everyone = () => [watch, ...pours.values()];
const link = new Link({
  url: brokerUrl(),
  clientId: `terminal-${site}-${device || "bay"}-${hex(6)}`,
  // Behind a box's bridge the credentials are the box's.
  credentials: () => (setup.bridge ? {} : { username: memory("user") || undefined, password: memory("password") || undefined }),
  filters: [
    `${base}/heartbeat`, `${base}/config`,
    ...(bay ? watch.filters() : [`${own}/down/alarm/+`, `${own}/down/coverage`, `${own}/down/config`, `${own}/down/proof_state`, `${own}/up/reading`, `${own}/up/presence`]),
  ],
  on: {
    up: () => everyone().forEach((one) => one.linkUp(now())),
    // 1006: nothing answered at all. On the box's own address that is its terminal program.
    down: (_, code) => everyone().forEach((one) => one.linkDown(setup.bridge && code === 1006 ? "box" : code)),
    message: ({ topic, bytes, retain }) => {
      watch.message(topic, bytes, retain, now(), Date.now());
      for (const pour of pours.values()) pour.message(topic, bytes, retain, now(), Date.now());
      if (!bay && topic === `${base}/config`) followPours();
      if (topic.endsWith("/down/config")) everyone().forEach((one) => one.filters && link.add(one.filters()));
      if (topic.includes("/down/alarm/")) {
        deliver();
        refresh();
      }
    },
    refused: (code) => {
      everyone().forEach((one) => (one.refusal = code));
      $("login").hidden = Boolean(setup.bridge) || (code !== 4 && code !== 5);
    },
  },
});

/** Watch the bays into which this crane pours now. */
function followPours() {
  const wanted = poursOf(watch.siteConfig, device, Date.now());
  for (const name of [...pours.keys()]) if (!wanted.includes(name)) pours.delete(name);
  for (const name of wanted) {
    if (pours.has(name)) continue;
    const made = new BayWatch({ site, bay: name, cab: true });
    if (watch.linked) made.linkUp(now());
    pours.set(name, made);
    link.add(made.filters());
    link.refresh(); // what is retained of a bay that was followed before comes once more
  }
}

function up(leaf, payload, keepFor, where = watch) {
  const speaker = where === watch && bay ? { kind: "formwork", device: watch.speaker } : where === watch ? { kind: watch.kind, device } : where;
  if (!speaker.kind || !speaker.device) return;
  const topic = `${base}/${speaker.kind}/${speaker.device}/up/${leaf}`;
  if (keepFor) link.publish(topic, JSON.stringify(payload), keepFor);
  else link.say(topic, JSON.stringify(payload));
}

const receipt = (one, stage) =>
  up("shown", { terminal, at: Date.now(), transition: one.transition, ...(stage === "delivered" ? { stage } : { visible: true, build }) }, 60_000, one);

/** What has come to this page, before it is drawn. */
function deliver() {
  for (const one of everyone()) {
    for (const due of one.delivered) receipt(due, "delivered");
    one.delivered = [];
  }
}

// ---- the model -----------------------------------------------------------------------------------------------

/** What is watched here, with the alarms of the bays into which this crane pours. */
function present() {
  const model = watch.model(now());
  model.started = watch.started;
  for (const [name, pour] of pours) {
    const found = pour.shown().filter((alarm) => alarm.severity >= 3).map((alarm) => ({ ...alarm, of: ofBay(name) }));
    model.alarms = [...model.alarms, ...found];
    const worst = found[0];
    const ownLevel = watch.shown()[0]?.severity ?? 0;
    if (worst && !model.lost && worst.severity >= ownLevel) model.band = pour.bandOf(worst, model.alarms.length - 1);
    else if (!model.lost && pour.lost(now()) && model.band.style === "empty") model.band = pour.unwatchedBand();
  }
  model.proof = pours.size && model.alarms.length ? null : watch.proof.shown(watch, now());
  const test = watch.proof.band(watch, now(), Date.now());
  if (test && ["idle", "empty", "degraded"].includes(model.band.style)) {
    model.band = { style: "test", head: test, text: null, more: [], count: 0 };
  }
  if (horn.testing && ["idle", "empty", "degraded"].includes(model.band.style)) {
    model.band = { style: "test", head: TEST, text: null, more: [], count: 0 };
  }
  return model;
}

function sound() {
  const sounds = everyone().map((one) => one.sound(now()));
  // Of a bay only its alarms: a bay that is not watched is said in the cab, and sounds at its own terminal.
  return sounds.filter((one, n) => n === 0 || one.kind !== "lost").sort((a, b) => LOUDER[b.kind] - LOUDER[a.kind])[0];
}

// ---- drawing -------------------------------------------------------------------------------------------------

const span = (ms) => {
  if (ms == null) return "—";
  const s = ms / 1000;
  if (s < 60) return `${s.toFixed(s < 10 ? 1 : 0)} 秒 s`;
  return s < 3600 ? `${Math.floor(s / 60)} 分 min` : `${Math.floor(s / 3600)} 时 h`;
};

function drawBand(model) {
  const { band } = model;
  const head = band.head || { zh: "", en: "" };
  const text = band.text || { zh: "", en: "" };
  mark("b", "style", band.style);
  mark("b", "flash", String(Boolean(band.flash)));
  put("mark", { alarm: "■", prewarning: "▲", degraded: "!", idle: "○", test: "◇" }[band.style] || "");
  put("last", band.last ? `${LAST_KNOWN.zh} ${LAST_KNOWN.en}: ${band.last.zh} ${band.last.en}` : "");
  const named = band.more.map((one) => `${one.zh} ${one.en}`).join(" · ");
  put("more", [band.silenced ? "已消音 SILENCED" : "", band.count ? `+${band.count} ${named}` : ""].filter(Boolean).join("  "));
  const doubt = band.style !== "lost" && (now() < sentUntil ? SENT : model.doubtful ? DOUBT : null);
  $("doubt").hidden = !doubt;
  if (doubt) put("doubt", `${doubt.zh} ${doubt.en}`);
  const room = [band.style, $("more").textContent, $("last").textContent, $("doubt").hidden, $("prove").hidden].join("|");
  if (band.style === "lost") {
    fit("line1", `${head.zh} ${head.en}`, 10.5, 6, room);
    fit("line2", text.zh, 6.2, 4, room);
    fit("line3", `${text.en} · ${model.why.zh} ${model.why.en}`, 5, 3.4, room);
  } else {
    fit("line1", `${head.zh} ${text.zh}`.trim(), 13.1, 7, room);
    fit("line2", `${head.en} ${text.en}`.trim(), 10.4, 5, room);
    fit("line3", "", 5, 4, room);
  }
}

function drawCoverage(model) {
  html("coverage", JSON.stringify(model.hazards), () =>
    ["blind", "unknown", "degraded", "not_monitored", "monitored"].flatMap((level) => {
      const list = model.hazards.filter((hazard) => hazard.level === level);
      if (!list.length) return [];
      const word = LEVELS[level];
      const head = element("b", "", level === "monitored" ? word.mark : `${word.mark} ${word.zh} ${word.en}`);
      const line = element("div", "", head);
      line.dataset.level = level;
      for (const { name, reason } of list) {
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
  const who = bay ? `${model.posts - model.silent} / ${model.posts}` : shift.operatorLine(model.operator, session, model.timezone);
  html("operator", who || "", () => (who ? [element("small", "", bay ? "立杆 POSTS" : "司机 OPERATOR"), who] : []));
  put("clock", clock(new Date(), model.timezone));
  const mode = model.mode ? MODES[model.mode] || { zh: model.mode, en: "" } : null;
  put("mode", mode ? `${mode.zh} ${mode.en}` : "");
  mark("mode", "special", String(Boolean(model.mode && !["working", "parked"].includes(model.mode))));
  const covered = bay ? bayLevel(model) : watch.coverage?.level || "unknown";
  const level = model.lost ? LOST : LEVELS[covered];
  put("watched", `${level.zh} ${level.en}`);
  mark("watched", "level", model.lost ? "lost" : covered);
  $("theme").disabled = (model.value("load_t") ?? 0) > EMPTY_T;
}

const bayLevel = (model) =>
  ["blind", "unknown", "degraded"].find((level) => model.hazards.some((hazard) => hazard.level === level)) || "monitored";

/** A proof test: the whole screen, for as long as there is nothing else to show. */
function drawProof(model) {
  const may = !bay && watch.proof.may(watch, now(), Date.now());
  $("prove").hidden = !may;
  mark("prove", "asked", String(watch.proof.asked(Date.now())));
  const test = model.proof;
  $("proof").hidden = !test;
  if (!test) return;
  put("proof-zh", test.text?.zh ?? "");
  put("proof-en", test.text?.en ?? "");
}

/** A page that cannot be drawn is a defect of ours, and what stands on it is old: it says so, and looks again. */
function broken(error) {
  if (fault === null) reportError(error);
  fault = error;
  $("start").hidden = $("checks").hidden = $("proof").hidden = true;
  mark("b", "style", "lost");
  put("mark", "");
  fit("line1", `${LOST.zh} ${LOST.en}`, 10.5, 6, "fault");
  fit("line2", "页面故障 请重新加载", 6.2, 4, "fault");
  fit("line3", `page fault, reload · ${error}`.slice(0, 120), 5, 3.4, "fault");
  put("watched", `${LOST.zh} ${LOST.en}`);
  mark("watched", "level", "lost");
}

function draw() {
  scheduled = false;
  try {
    paint();
    fault = null;
  } catch (error) {
    broken(error);
  }
}

function paint() {
  const model = present();
  document.title = `${model.name} cranewatch`;
  drawTop(model);
  drawProof(model);
  drawBand(model);
  drawUse(model);
  drawRows(model, watch.config, landing);
  drawCoverage(model);
  put("age-value", span(model.age));
  mark("age", "stale", String(model.stale));
  mark("silence", "useful", String(everyone().some((one) => one.canSilence(now()))));
  if (!$("start").hidden) shift.suggest(model.operator);
  if (!$("checks").hidden) {
    checks.look(watch, now());
    const who = session?.who || model.operator;
    shift.drawChecks(checks.list(watch, now(), { sounds: horn.state === "running", awake: Boolean(wakeLock), who }));
  }
  confirm(model);
}

/** Receipts for what the band or its "+n" names, once it has been painted. */
function confirm(model) {
  if (document.visibilityState !== "visible") return;
  const named = new Set(model.alarms.map((alarm) => alarm.transition));
  if (model.proof) named.add(model.proof.transition);
  const due = everyone().flatMap((one) => one.rendered).filter((one) => named.has(one.transition));
  for (const one of everyone()) if (one.rendered.length) one.rendered = [];
  if (!due.length) return;
  requestAnimationFrame(() => {
    if (document.visibilityState === "visible") for (const one of due) receipt(one, "rendered");
  });
}

let scheduled = false, fault = null;
function refresh() {
  horn.follow(fault ? { kind: "lost" } : sound(), now());
  if (!scheduled) {
    scheduled = true;
    requestAnimationFrame(draw);
  }
}

// ---- what a person does --------------------------------------------------------------------------------------

async function stayAwake() {
  try {
    wakeLock = await navigator.wakeLock.request("screen");
    wakeLock.addEventListener("release", () => (wakeLock = null));
  } catch {
    wakeLock = null;
  }
}

const who = () => (bay ? null : watch.value("operator", now())) || session?.who || terminal;

async function begin() {
  await horn.unlock();
  await stayAwake();
  session = shift.bind();
  watch.started = true;
  up("response", { id: hex(12), action: "begin_shift", at: session.begun, who: session.who || who(), why: terminal }, NOTICE_MS);
  $("start").hidden = true;
  $("checks").hidden = false;
  refresh();
  await shift.tryOut(horn, watch, now);
  refresh();
}

function silence() {
  const at = Date.now();
  for (const answer of watch.silence(now())) {
    up("response", { id: hex(12), action: "silence", at, who: who(), rule: answer.rule, transition: answer.transition }, RESPONSE_MS, answer);
  }
  // A bay's alarm is quieted in this cab only: at the bay it goes on until somebody there silences it.
  for (const pour of pours.values()) pour.silence(now());
  refresh();
}

/** The operator lets a proof test begin; whoever judges tests orders it, and the analyzer refuses it with a load. */
function prove() {
  if (!watch.proof.may(watch, now(), Date.now())) return;
  watch.proof.tap(now());
  up("response", { id: hex(12), action: "begin_test", at: Date.now(), who: who(), rule: "proof_test" }, RESPONSE_MS);
  refresh();
}

/** The operator has seen and heard the test. */
function confirmTest() {
  const test = watch.proof.shown(watch, now());
  if (!test) return;
  watch.proof.confirm(test.transition);
  up("response", { id: hex(12), action: "confirm", at: Date.now(), who: who(), rule: "proof_test", transition: test.transition }, RESPONSE_MS);
  refresh();
}

/** After the lift: the last alarm looked false. It changes nothing; the safety officer reads it. */
function doubt() {
  const model = watch.model(now());
  if (!model.doubtful) return;
  const { rule, transition } = model.doubtful;
  up("response", { id: hex(12), action: "doubt", at: Date.now(), who: who(), rule, transition }, NOTICE_MS, model.doubtful);
  watch.forgive(transition);
  sentUntil = now() + 4000;
  refresh();
}

/** A tap on the hook's height with an empty hook: this is the floor on which the next load lands; once more: none. */
function land() {
  const hook = bay ? null : watch.value("hook_m", now());
  if (hook == null || !((watch.value("load_t", now()) ?? 1) <= EMPTY_T)) return;
  landing = landing != null && Math.abs(landing - hook) < 0.5 ? null : hook;
  keep("landing", landing ?? "");
  refresh();
}

// ---- life ----------------------------------------------------------------------------------------------------

function theme(next) {
  document.documentElement.dataset.theme = next;
}

/** By the clock, until somebody presses the button: night from 19 to 6 at the machine's own time. */
function themeOf(hour) {
  return hour >= 19 || hour < 6 ? "night" : "day";
}

function beat() {
  const visible = document.visibilityState === "visible";
  up("shown", { terminal, at: Date.now(), visible, audio: horn.state, volume: horn.volume, wake_lock: Boolean(wakeLock), build });
  if (horn.context && horn.state !== "running") horn.unlock();
  if (!bay) followPours();
  const hour = new Date().getHours();
  if (hour !== beat.hour && !query.get("theme")) theme(themeOf(hour));
  beat.hour = hour;
}

async function main() {
  const hour = (beat.hour = new Date().getHours());
  theme(query.get("theme") || themeOf(hour));
  const notes = [];
  if (!window.isSecureContext) notes.push("本页非安全来源，无法保持屏幕常亮 not a secure origin: this page cannot keep the screen awake");
  if (!("wakeLock" in navigator)) notes.push("请在系统里关闭休眠 turn off sleep in the system settings");
  notes.push(`版本 version ${build}`);
  put("notes", notes.join(" · "));
  $("person").hidden = Boolean(bay);
  $("begin").onclick = begin;
  $("silence").onclick = silence;
  $("doubt").onclick = doubt;
  $("prove").onclick = prove;
  $("confirm").onclick = confirmTest;
  $("right").onclick = (event) => event.target.closest(".row")?.querySelector("#v2-0") && land();
  $("done").onclick = () => ($("checks").hidden = true);
  $("theme").onclick = () => theme(document.documentElement.dataset.theme === "day" ? "night" : "day");
  $("who").oninput = () => ($("who").dataset.typed = "true");
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
  document.head.append(Object.assign(document.createElement("link"), { rel: "manifest", href: `/terminal/manifest.webmanifest?start=${encodeURIComponent(location.pathname)}` }));
  // A kiosk may allow sound without a tap; then a reload during a shift needs none.
  await horn.unlock();
  watch.started = horn.state === "running" && session != null;
  $("start").hidden = watch.started;
  if (watch.started) stayAwake();
  link.open();
  setInterval(beat, 1000);
  setInterval(() => {
    if (everyone().filter((one) => one.wantsRefresh(now())).length) link.refresh();
    refresh();
  }, 100);
  if ("serviceWorker" in navigator && setup.worker) navigator.serviceWorker.register(setup.worker).catch(() => {});
}

window.cranewatch = { watch, horn, link, terminal, pours };
main();

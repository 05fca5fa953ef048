/**
 * The supervisor's page: my alarms, and one of them with what a person needs in its first minute.
 *
 * Rule 1: static. What it shows comes from REST and from the live socket, and is asked for again after every gap: on
 * coming back from the background, on coming back to the network, on every reconnect.
 * Rule 2: a button says what was sent and what was not. Acknowledged is what the analyzer says, not what was pressed.
 */

import { BEFORE_MS, State } from "./state.js";
import { drawTrace, quantity } from "./trace.js";
import { MODES, WORDS, span } from "./words.js";

const $ = (id) => document.getElementById(id);
const { site, device, rule } = JSON.parse($("setup").textContent);
const now = () => performance.now();
const CAUSES = ["called", "stopped", "sensor"];
const TEST = rule === "proof_test"; // a proof test: one button, no cause, and no alarm's colours
const LIST_MS = 2000;
const ASK_MS = 5000;

let language = stored("language") || (navigator.language.startsWith("zh") ? "zh" : "en");
const say = (words) => (words ? words[language] || words.zh || words.en : "");
const put = (id, text) => {
  if ($(id).textContent !== text) $(id).textContent = text;
};

function stored(name, value) {
  try {
    if (value != null) localStorage.setItem(`cranewatch.m.${name}`, value);
    return localStorage.getItem(`cranewatch.m.${name}`);
  } catch {
    return null;
  }
}

/** One question to the API. Throws what it answered; nobody signed in leads to the sign-in page and back. */
async function ask(path, body, key) {
  const more = body && {
    method: "POST",
    headers: { "Content-Type": "application/json", "Idempotency-Key": key },
    body: JSON.stringify(body),
  };
  const answer = await fetch(`/api/v1${path}`, { signal: AbortSignal.timeout(8000), ...more });
  if (answer.status === 401) location.assign(`/login?next=${encodeURIComponent(location.pathname)}`);
  const found = await answer.json();
  if (!answer.ok) throw Object.assign(new Error(found.title || answer.status), { status: answer.status });
  return found;
}

function lostWords(state) {
  const why = state.lost(now());
  if (!why) return null;
  return why === "away" ? WORDS.away(Math.round((now() - state.lostAt) / 1000)) : WORDS[why];
}

function drawLink(words) {
  $("link").dataset.state = words ? "lost" : "live";
  const text = say(words || WORDS.live);
  if ($("link").textContent !== text) $("link").replaceChildren(Object.assign(document.createElement("span"), { textContent: text }));
}

// ---- the list ------------------------------------------------------------------------------------------------

let asked = null; // when the list was last answered
let items = [];
let lost = {};
let names = new Map();

async function list() {
  try {
    const found = await ask("/alarms");
    items = found.items.filter((one) => one.parent == null && (one.hold || one.desk === "unacknowledged" || (one.active && one.severity >= 3)));
    lost = found.lost;
    asked = now();
    if (!names.size) names = new Map((await ask("/devices")).items.map((one) => [`${one.site}/${one.device}`, one.display_name]));
  } catch {
    // The age of the answer says it.
  }
  drawList();
}

function drawList() {
  put("place", say(WORDS.mine));
  const age = asked == null ? null : now() - asked;
  drawLink(age == null ? WORDS.starting : age > 3 * LIST_MS ? WORDS.away(Math.round(age / 1000)) : null);
  const made = Object.entries(lost).map(([name, why]) => {
    const box = Object.assign(document.createElement("p"), { className: "lost" });
    box.textContent = `${name}: ${say(WORDS.notMonitored)} · ${say(why)}`;
    return box;
  });
  for (const one of items) {
    const line = Object.assign(document.createElement("a"), { className: "line", href: `/m/${one.site}/${one.device}/${one.rule}` });
    line.dataset.severity = one.severity;
    line.dataset.test = String(one.rule === "proof_test");
    const head = document.createElement("b");
    head.textContent = `${names.get(`${one.site}/${one.device}`) || one.device} ${say(one.text) || one.rule}`;
    const small = document.createElement("small");
    small.textContent = [say(one.active ? WORDS.since(say(span(Date.now() - one.since))) : WORDS.over(say(span(Date.now() - one.at)))), one.hold ? say(WORDS.hold) : "", one.desk === "unacknowledged" ? "" : say(WORDS.acknowledged)].filter(Boolean).join(" · ");
    line.append(head, small);
    made.push(line);
  }
  if (!items.length && asked != null) made.push(Object.assign(document.createElement("p"), { className: "none", textContent: say(WORDS.none) }));
  $("list").replaceChildren(...made);
}

// ---- one alarm -----------------------------------------------------------------------------------------------

const state = site ? new State(site, device) : null;
let socket = null, attempt = 0, retry = null;
let info = null, chain = null, noHistory = false;
let last = null; // the alarm as it was last seen, when it is over
let sent = null; // {cause, at, words}

function dial() {
  clearTimeout(retry);
  socket?.close();
  const scheme = location.protocol === "https:" ? "wss" : "ws";
  const own = (socket = new WebSocket(`${scheme}://${location.host}/ws/v1/live?site=${site}&device=${device}`));
  const opening = setTimeout(() => own.close(), 4000);
  own.onmessage = (event) => {
    if (own !== socket) return;
    clearTimeout(opening);
    attempt = 0;
    state.frame(event.data, now());
  };
  own.onclose = () => {
    clearTimeout(opening);
    if (own !== socket) return;
    state.unlink(now());
    retry = setTimeout(dial, Math.min(2000, 250 * 2 ** attempt++));
    // A handshake that is refused looks like a network that is gone: whether it is the sign-in is known by asking.
    if (attempt === 2) ask("/me").catch(() => {});
  };
}

/** Whatever may have happened while nobody looked: a new socket, which begins with a snapshot, and the questions again. */
function wake() {
  if (document.visibilityState !== "visible") return;
  if (!site) {
    list();
    return;
  }
  attempt = 0;
  dial();
  question();
}

async function question() {
  const path = `/${site}/${device}`;
  await Promise.all([
    ask(`/devices${path}`).then((found) => (info = found)).catch(() => {}),
    ask(`/alarms${path}/${rule}/receipts`).then((found) => (chain = found)).catch(() => {}),
    history().catch(() => (noHistory = true)),
  ]);
}

async function history() {
  const begin = (state.alarms.get(rule)?.since ?? last?.since ?? state.server(now())) - BEFORE_MS;
  const from = new Date(Math.max(begin, state.server(now()) - 600_000)).toISOString();
  const found = await ask(`/devices/${site}/${device}/readings?bucket=raw&from=${from}`);
  noHistory = false;
  const channels = Object.entries(found.channels);
  state.add(found.at.map((at, n) => [at, Object.fromEntries(channels.map(([name, series]) => [name, series.value[n]]).filter(([, value]) => value != null)), found.invalid[n]]));
}

/** The alarm to show: as it is now, or as the record has it when it is over. */
function alarm() {
  const held = state.alarms.get(rule);
  if (held) {
    last = held;
    return held;
  }
  // Only whoever hears the analyzer may say that it is over.
  if (state.lost(now())) return last;
  if (last) return { ...last, active: false, gone: true };
  return chain && { rule, text: chain.text, severity: chain.severity, at: chain.at, since: chain.at, active: false, gone: true, desk: chain.acknowledged ? "acknowledged" : "none" };
}

const figure = (value, unit, digits) => (value == null ? "—" : `${value.toFixed(digits)} ${unit}`);

function drawAlarm() {
  const at = now(), server = state.server(at);
  put("place", info?.display_name || device);
  drawLink(lostWords(state));
  const found = alarm();
  if (!found) {
    put("text", say(state.linked ? WORDS.gone : WORDS.starting));
    return;
  }
  const what = quantity(found, info?.charts || []);
  $("band").dataset.style = state.lost(at) ? "lost" : TEST ? "test" : !found.active ? "over" : found.severity >= 3 ? "alarm" : "prewarning";
  put("text", say(found.text) || rule);
  const limit = found.limit == null ? null : `${+found.limit.toFixed(2)} ${found.unit || ""}`.trim();
  const passed = say(span(server - (found.active ? found.since : found.at)));
  const over = limit && what?.limit != null ? WORDS.overLimit(limit, passed) : WORDS.over(passed);
  const known = state.lost(at) ? say(WORDS.lastKnown) : "";
  put("since", [known, say(found.active ? WORDS.since(passed) : found.gone ? WORDS.gone : over), found.hold ? say(WORDS.hold) : ""].filter(Boolean).join(" · "));
  put("action", say(found.action));
  const stale = state.stale(at);
  const present = what && state.reading ? what.of(valid(state.reading)) : null;
  put("value", what ? figure(present, what.unit, what.digits) : "");
  $("value").dataset.stale = String(stale);
  put("limit", found.value == null || limit == null ? "" : say(WORDS.was(`${+found.value.toFixed(2)} ${found.unit || ""}`, limit)));
  const points = what ? state.points.map(([ts, values, invalid]) => [ts, what.of(valid({ values, invalid }))]) : [];
  $("trace").style.display = points.length > 1 ? "block" : "none";
  if (points.length > 1) {
    const to = points[points.length - 1][0];
    const from = Math.max(to - 600_000, Math.min((found.since ?? to) - BEFORE_MS, to - BEFORE_MS));
    drawTrace($("trace"), points.filter(([ts]) => ts >= from), { from, to, limit: what.limit, raised: found.since });
  }
  put("span", what && points.length > 1 ? say(WORDS.trace(what)) + (noHistory ? ` · ${say(WORDS.noHistory)}` : "") : "");
  drawFacts(stale);
  put("age", state.reading ? say(WORDS.age(say(span(state.age(at))))) : say(WORDS.noData));
  $("age").dataset.stale = String(stale);
  drawTold();
  drawAnswers(found);
}

/** The values of a reading without those that the device calls bad. */
const valid = ({ values, invalid }) => Object.fromEntries(Object.entries(values).filter(([name]) => !(invalid || []).includes(name)));

function drawFacts(stale) {
  const mode = state.value("mode");
  const list = [
    [WORDS.load, "load_t", figure(state.value("load_t"), "t", 2)],
    [WORDS.radius, "radius_m", figure(state.value("radius_m"), "m", 1)],
    [WORDS.hook, "hook_m", figure(state.value("hook_m"), "m", 1)],
    [WORDS.wind, "wind_mps", figure(state.value("wind_mps"), "m/s", 1)],
    [WORDS.mode, "mode", mode == null ? "—" : say(MODES[mode]) || String(mode)],
    [WORDS.operator, "operator", state.value("operator") || "—"],
  ].filter(([, name]) => state.has(name));
  const text = JSON.stringify([list, stale, language]);
  if ($("facts").dataset.key === text) return;
  $("facts").dataset.key = text;
  $("facts").replaceChildren(
    ...list.map(([words, , value]) => {
      const pair = document.createElement("div");
      pair.append(Object.assign(document.createElement("dt"), { textContent: say(words) }), Object.assign(document.createElement("dd"), { textContent: stale ? "—" : value }));
      return pair;
    }),
  );
}

function drawTold() {
  put("told-title", say(WORDS.told));
  const rendered = chain?.rendered || [], shown = new Set(rendered.map((one) => one.terminal));
  const lines = chain
    ? [
        ...rendered.map((one) => WORDS.rendered(one.terminal, one.seconds == null ? null : one.seconds.toFixed(1))),
        ...chain.delivered.filter((one) => !shown.has(one.terminal)).map((one) => WORDS.delivered(one.terminal)),
        ...chain.told.map((one) => WORDS.noticed(one)),
        ...(chain.acknowledged ? [WORDS.answered(chain.acknowledged)] : []),
      ]
    : [];
  const texts = (lines.length ? lines : [WORDS.nobody]).map(say);
  if ($("told-list").dataset.key === texts.join("|")) return;
  $("told-list").dataset.key = texts.join("|");
  $("told-list").replaceChildren(...texts.map((text) => Object.assign(document.createElement("li"), { textContent: text })));
}

function drawAnswers(found) {
  for (const cause of CAUSES) put(cause, say(TEST ? WORDS.test : WORDS[cause]));
  for (const cause of CAUSES.slice(1)) $(cause).hidden = TEST;
  const waits = found.desk === "unacknowledged";
  for (const cause of CAUSES) $(cause).disabled = !waits || sent?.pending === true;
  if (!waits && sent?.words === WORDS.accepted) sent = { words: WORDS.acknowledged };
  put("said", sent ? say(sent.words) : found.desk === "acknowledged" ? say(WORDS.acknowledged) : waits ? "" : say(WORDS.needless));
  const number = info?.call;
  $("call").hidden = !number;
  if (number) {
    put("call", say(WORDS.call(number)));
    // Words, as of a radio channel, are read and not dialled.
    if (/^[+0-9][0-9 ()-]{4,}$/.test(number)) $("call").href = `tel:${number.replace(/[^+0-9]/g, "")}`;
    else $("call").removeAttribute("href");
  }
}

async function answer(cause) {
  const found = alarm();
  if (!found) return;
  // The same press again, after a lost answer, is the same key: it counts once.
  const key = sent?.cause === cause && sent.failed ? sent.key : `m-${crypto.getRandomValues(new Uint32Array(4)).join("-")}`;
  sent = { cause, key, pending: true, words: WORDS.sending };
  try {
    await ask(`/alarms/${site}/${device}/${rule}/acknowledge`, { transition: found.transition, ...(TEST ? {} : { cause }) }, key);
    sent = { cause, key, words: WORDS.accepted };
  } catch (error) {
    sent = { cause, key, failed: true, words: error.status === 403 ? WORDS.forbidden : error.status === 401 ? WORDS.signIn : WORDS.failed };
  }
  question();
}

// ---- life ----------------------------------------------------------------------------------------------------

function main() {
  $("language").onclick = () => {
    language = stored("language", language === "zh" ? "en" : "zh") || (language === "zh" ? "en" : "zh");
    dress();
  };
  dress();
  document.addEventListener("visibilitychange", wake);
  window.addEventListener("online", wake);
  if (!site) {
    $("list").hidden = false;
    list();
    setInterval(() => document.visibilityState === "visible" && list(), LIST_MS);
    return;
  }
  for (const id of ["alarm", "answers", "back"]) $(id).hidden = false;
  for (const cause of CAUSES) $(cause).onclick = () => answer(cause);
  wake();
  setInterval(() => document.visibilityState === "visible" && question(), ASK_MS);
  setInterval(drawAlarm, 200);
}

function dress() {
  document.documentElement.lang = language === "zh" ? "zh-CN" : "en";
  put("language", language === "zh" ? "English" : "中文");
  if (site) drawAlarm();
  else drawList();
}

window.cranewatch = { state, list: () => items };
main();

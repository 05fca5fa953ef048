/** The page's elements: written only when what they say has changed. */

export const $ = (id) => document.getElementById(id);
export const setup = JSON.parse($("setup").textContent || "{}");
export const query = new URLSearchParams(location.search);
const path = location.pathname.split("/").filter(Boolean);
export const site = setup.site || query.get("site") || path[1];
export const bay = setup.bay || null;
export const device = bay ? null : setup.device || query.get("device") || path[2];
export const build = setup.build || "0";
export const now = () => performance.now();
export const hex = (n) => Array.from(crypto.getRandomValues(new Uint8Array(n)), (byte) => byte.toString(16).padStart(2, "0")).join("");

// Private windows refuse storage; the page works without it.
export function memory(name) {
  try {
    return localStorage.getItem(`cranewatch.${site}.${device || bay}.${name}`);
  } catch {
    return null;
  }
}
export function keep(name, value) {
  try {
    localStorage.setItem(`cranewatch.${site}.${device || bay}.${name}`, value);
  } catch {
    // nothing depends on it
  }
  return value;
}

const drawn = new Map();
export function put(id, value) {
  if (drawn.get(id) === value) return;
  drawn.set(id, value);
  $(id).textContent = value;
}
export function mark(id, name, value) {
  const key = `${id}.${name}`;
  if (drawn.get(key) === value) return;
  drawn.set(key, value);
  $(id).dataset[name] = value;
}
export function html(id, key, make) {
  if (drawn.get(id) === key) return;
  drawn.set(id, key);
  $(id).replaceChildren(...make());
}
/** An element that was made anew has nothing drawn in it yet. */
export function fresh(id) {
  drawn.delete(id);
}
export function element(tag, className, ...children) {
  const made = document.createElement(tag);
  if (className) made.className = className;
  made.append(...children);
  return made;
}

/** Make a line as large as it fits: `most` mm, and never below `least`. Measured only when what it says changes. */
export function fit(id, words, most, least, room = "") {
  const key = `${words}|${innerWidth}x${innerHeight}|${room}`;
  put(id, words);
  if (drawn.get(`${id}.fit`) === key) return;
  drawn.set(`${id}.fit`, key);
  const line = $(id);
  line.style.setProperty("--size", most);
  if (line.scrollWidth > line.clientWidth) {
    line.style.setProperty("--size", Math.max(least, Math.floor((10 * most * line.clientWidth) / line.scrollWidth) / 10));
  }
}

// Without the sign of what rounds to nothing: an empty hook reads 0.0 and not -0.0.
export const fixed = (value, digits) => (value == null ? "—" : value.toFixed(digits).replace(/^-(?=[0.]*$)/, ""));
/** The time of the day at a place; an unknown zone falls back to the machine's own. */
export function clock(at, timeZone, seconds = true) {
  const options = { hour: "2-digit", minute: "2-digit", ...(seconds ? { second: "2-digit" } : {}), hour12: false };
  try {
    return new Intl.DateTimeFormat("zh-CN", { ...options, timeZone }).format(at);
  } catch {
    return new Intl.DateTimeFormat("zh-CN", options).format(at);
  }
}

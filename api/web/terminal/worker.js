/**
 * Keeps the last page and its files, so that a cab terminal that reloads while the API is away still comes up.
 * The network is asked first, for 2 s: a new version is never held back by an old copy.
 */

const CACHE = "cranewatch-terminal-1";
const OURS = /^\/(terminal|terminal-assets)\//;

self.addEventListener("install", () => self.skipWaiting());
self.addEventListener("activate", (event) => event.waitUntil(keepOpenPages()));

/** The page that registered us was fetched before we existed: fetch it, and its files, once more to keep them. */
async function keepOpenPages() {
  await self.clients.claim();
  const cache = await caches.open(CACHE);
  const names = ["terminal.css", "terminal.js", "mqtt.js", "watch.js", "sound.js", "words.js", "chart.js", "wind.js", "unpack.js"];
  const pages = (await self.clients.matchAll({ type: "window" })).map((client) => client.url);
  await cache.addAll([...names.map((name) => `/terminal-assets/${name}`), ...pages]);
}

self.addEventListener("fetch", (event) => {
  const url = new URL(event.request.url);
  if (event.request.method === "GET" && url.origin === location.origin && OURS.test(url.pathname)) {
    event.respondWith(answer(event.request));
  }
});

async function answer(request) {
  const cache = await caches.open(CACHE);
  try {
    const fresh = await fetch(request, { signal: AbortSignal.timeout(2000) });
    if (fresh.ok) await cache.put(request, fresh.clone());
    return fresh;
  } catch (error) {
    const kept = await cache.match(request, { ignoreSearch: true });
    if (kept) return kept;
    throw error;
  }
}

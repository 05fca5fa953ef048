/**
 * Keeps the last page and its files, so that a terminal that reloads while its server is away still comes up.
 *
 * `BUILD` and `FILES` are written in front of this by the server: a new version is a new worker, which fetches all of
 * its files before it takes over, and throws the old ones away. The network is asked first, for 2 s: a new version is
 * never held back by an old copy.
 */

const CACHE = `cranewatch-terminal-${BUILD}`;
const OURS = /^\/(terminal|terminal-assets)\//;

self.addEventListener("install", (event) => event.waitUntil(fill().then(() => self.skipWaiting())));
self.addEventListener("activate", (event) => event.waitUntil(takeOver()));

async function fill() {
  const cache = await caches.open(CACHE);
  await cache.addAll(FILES.map((name) => new Request(`/terminal-assets/${name}`, { cache: "no-cache" })));
}

/** The page that registered us was fetched before we existed: fetch it once more to keep it. */
async function takeOver() {
  const cache = await caches.open(CACHE);
  const pages = (await self.clients.matchAll({ type: "window", includeUncontrolled: true })).map((client) => client.url);
  await Promise.all(pages.map((url) => cache.add(url).catch(() => {})));
  await self.clients.claim();
  for (const name of await caches.keys()) if (name.startsWith("cranewatch-terminal-") && name !== CACHE) await caches.delete(name);
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

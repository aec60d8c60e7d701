// Keeps the whole app on the device. The export replaces the two lines below.

const VERSION = "";
const FILES = [];

// Several apps may share a host, and with it the caches.
const APP = `edgevision ${self.registration.scope} `;
const CACHE = APP + VERSION;

self.addEventListener("install", (event) => {
  event.waitUntil(install());
});

self.addEventListener("activate", (event) => {
  event.waitUntil(activate());
});

self.addEventListener("fetch", (event) => {
  const { request } = event;
  const ours = request.method === "GET" && request.url.startsWith(self.registration.scope);
  if (ours) event.respondWith(answer(request));
});

async function install() {
  const cache = await caches.open(CACHE);
  await cache.addAll(FILES.map((name) => new Request(name, { cache: "reload" })));
}

async function activate() {
  const old = (await caches.keys()).filter((name) => name.startsWith(APP) && name !== CACHE);
  await Promise.all(old.map((name) => caches.delete(name)));
  await self.clients.claim();
}

/** Answer from the cache; a build of the runtime is added to it when a browser first asks for its own. */
async function answer(request) {
  const cache = await caches.open(CACHE);
  const kept = await cache.match(request, { ignoreSearch: true });
  if (kept) return kept;
  const fetched = await fetch(request);
  if (fetched.ok) await cache.put(request, fetched.clone());
  return fetched;
}

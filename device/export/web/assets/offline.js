// Makes the app work without a network.

const WAIT_MS = 20_000;

/** Install the service worker, and wait until it serves this page, so that what is loaded next is kept. */
export async function register() {
  if (!navigator.serviceWorker) return; // not on https or localhost
  let registration;
  try {
    registration = await navigator.serviceWorker.register("sw.js");
  } catch {
    return; // a certificate that the browser does not trust: the app works, but not offline
  }
  // After a reload that leaves out the cache, nothing serves the page, though all is kept.
  if (navigator.serviceWorker.controller || registration.active) return;
  await Promise.race([
    new Promise((resolve) => navigator.serviceWorker.addEventListener("controllerchange", resolve, { once: true })),
    new Promise((resolve) => setTimeout(resolve, WAIT_MS)),
  ]);
}

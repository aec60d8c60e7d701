// Makes the app work without a network.

const WAIT_MS = 20_000;

/** Install the service worker, and wait until it serves this page, so that what is loaded next is kept. */
export async function register() {
  if (!navigator.serviceWorker) return; // not on https or localhost
  try {
    await navigator.serviceWorker.register("sw.js");
  } catch {
    return; // a certificate that the browser does not trust: the app works, but not offline
  }
  if (navigator.serviceWorker.controller) return;
  await Promise.race([
    new Promise((resolve) => navigator.serviceWorker.addEventListener("controllerchange", resolve, { once: true })),
    new Promise((resolve) => setTimeout(resolve, WAIT_MS)),
  ]);
}

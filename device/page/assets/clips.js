// Clips of events: a button in the timeline that plays one.

import { get } from "./api.js";
import { $, el, own } from "./dom.js";
import { openViewer } from "./toast.js";

const addresses = new Map(); // event -> address of its clip
let newest = null;

const key = (event) => `${event.id} ${event.time}`;

/** Return the place of an event's button; it stays empty until there is a clip. */
export function clipPlace(event, text) {
  const place = el("span", { className: "clip" });
  place.dataset.event = key(event);
  place.dataset.text = text;
  fill(place);
  return place;
}

/** Read the list if a clip was written since; `now`: changes with every clip. */
export async function loadClips(now) {
  if (!now || now === newest) return;
  newest = now;
  try {
    const found = await get("/api/clips");
    addresses.clear();
    for (const clip of found.clips) for (const event of clip.events) addresses.set(key(event), own(clip.url));
    document.querySelectorAll("#timeline .clip").forEach(fill);
  } catch {
    newest = null; // the next status tries again
  }
}

function fill(place) {
  const address = addresses.get(place.dataset.event);
  if (!address) { place.replaceChildren(); return; }
  if (place.dataset.address === address && place.firstChild) return;
  place.dataset.address = address;
  const text = place.dataset.text;
  const button = el("button", { type: "button", className: "play", attributes: { "aria-label": `Play clip: ${text}` } }, "▶");
  button.addEventListener("click", () => play(address, text));
  place.replaceChildren(button);
}

function play(address, text) {
  const video = el("video", { src: address, controls: true, autoplay: true, muted: true, playsInline: true });
  video.setAttribute("aria-label", `Clip: ${text}`);
  video.addEventListener("error", () => {
    if ($("viewer").open) video.replaceWith(el("p", {}, "This clip cannot be played: it was deleted, or there is no connection."));
  });
  openViewer(text, video);
}

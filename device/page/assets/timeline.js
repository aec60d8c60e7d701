// The list of events, with snapshots to open.

import { clipPlace } from "./clips.js";
import { $, clean, el, own } from "./dom.js";
import { classNames, save } from "./label.js";
import { closeViewer, image, openViewer } from "./toast.js";

const MAX_EVENTS = 100;
const BAD = new Set(["camera_lost", "camera_frozen", "output_down", "throttled", "anomaly", "drift"]);
const SAID = {
  camera_lost: "Camera lost", camera_back: "Camera is back", camera_frozen: "Camera image frozen", throttled: "Processor throttled",
  output_down: "Output failed", output_up: "Output works again", first_answer: "First prediction", anomaly: "Anomaly", drift: "Drift", release: "Update",
};
const ANNOUNCE_MS = 3000;
const started = Date.now(); // the events of before are sent first
let announced = 0;
let canEdit = false;
const seen = new Set();

function describe(event) {
  const label = event.label ? clean(event.label.name ?? event.label) : "";
  const before = event.before ? clean(event.before.name ?? event.before) : "";
  if (event.event === "entered") return `${label} entered`;
  if (event.event === "left") return `${label} left`;
  if (event.event === "changed") return before ? `${before} → ${label}` : `Changed to ${label}`;
  const who = `${label} #${event.track}`;
  if (event.event === "crossed") return `${who} crossed ${clean(event.line)} ${clean(event.direction)}`;
  if (event.event === "zone_entered") return `${who} entered ${clean(event.zone)}`;
  if (event.event === "zone_left") return `${who} left ${clean(event.zone)}`;
  if (event.event === "recognized") return `${clean(event.of.name)} #${event.track}: ${before ? `${before} → ` : ""}${label}`;
  if (event.type === "error") return "Unreadable image";
  return SAID[event.event] ?? clean(event.event).replaceAll("_", " ");
}

export function allowSaving(allowed) { canEdit = allowed; }

/** Add an event, and announce it to screen readers if it is new. */
export function addEvent(event) {
  const key = `${event.id} ${event.time}`;
  if (seen.has(key)) return; // sent again after a reconnection
  seen.add(key);
  if (seen.size > 4 * MAX_EVENTS) seen.delete(seen.values().next().value);
  $("no-events").hidden = true;
  $("timeline").prepend(entry(event));
  while ($("timeline").children.length > MAX_EVENTS) $("timeline").lastElementChild.remove();
  if (Date.now() - started > ANNOUNCE_MS && Date.now() - announced > ANNOUNCE_MS) {
    announced = Date.now();
    $("announcer").textContent = describe(event);
  }
}

function entry(event) {
  const text = describe(event), at = new Date(event.time);
  const time = el("time", { dateTime: event.time, title: at.toLocaleString() }, at.toLocaleTimeString());
  const lasted = event.duration_s == null ? "" : `after ${event.duration_s.toFixed(1)} s`;
  const more = event.label ? lasted : clean(event.detail ?? event.message, 160);
  const detail = more ? ` · ${more}` : "";
  const what = el("div", {}, el("bdi", { className: "what" }, text), time, el("bdi", { className: "hint" }, detail));
  return el("li", { className: BAD.has(event.event) || event.type === "error" ? "bad" : "" }, picture(event, text), what, clipPlace(event, text));
}

function picture(event, text) {
  const address = own(event.snapshot);
  if (!address) return el("span", { className: "dot", attributes: { "aria-hidden": "true" } });
  const thumb = el("img", { src: address, alt: "", loading: "lazy", width: 64, height: 48 });
  const button = el("button", { type: "button", className: "thumb", attributes: { "aria-label": `Image: ${text}` } }, thumb);
  thumb.onerror = () => button.replaceWith(el("span", { className: "dot", attributes: { "aria-hidden": "true" } }));
  button.addEventListener("click", () => openViewer(text, image(address, text), canEdit ? saver(event) : ""));
  return button;
}

/** Return a choice of classes that saves the image of an event. */
function saver(event) {
  const select = el("select", { attributes: { "aria-label": "Save the image as" } }, el("option", { value: "" }, "Save as…"));
  select.append(...classNames().map((label) => el("option", { value: label }, clean(label))));
  select.addEventListener("change", () => {
    if (select.value) { save(select.value, event.id); closeViewer(); }
  });
  return el("p", {}, select);
}

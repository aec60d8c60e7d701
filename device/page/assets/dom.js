// Small helpers for elements. Text is only ever set as text, so a label cannot become markup.

const MAX_TEXT = 80;
// Control characters, and the marks that change the direction of the text around them.
const HARMFUL = /[\u0000-\u001f\u007f-\u009f\u200e\u200f\u2028-\u202e\u2066-\u2069]+/g;

export const $ = (id) => document.getElementById(id);

/** Return a text from elsewhere on one line, without control characters, and not longer than `max`. */
export function clean(value, max = MAX_TEXT) {
  const text = String(value ?? "").slice(0, max * 4).replace(HARMFUL, " ").trim();
  const letters = Array.from(text);
  return letters.length > max ? letters.slice(0, max - 1).join("") + "…" : text;
}

/** Return a new element with properties, attributes in `attributes`, and children (elements or text). */
export function el(tag, properties = {}, ...children) {
  const { attributes = {}, ...rest } = properties;
  const made = Object.assign(document.createElement(tag), rest);
  for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, value);
  made.append(...children);
  return made;
}

/** Return an SVG element. */
export function svg(tag, attributes = {}) {
  const made = document.createElementNS("http://www.w3.org/2000/svg", tag);
  for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, value);
  return made;
}

/** Return a name from elsewhere as an element of its own text direction. */
export const name = (value, properties = {}) => el("bdi", properties, clean(value));

/** Return an address if it is one of this server's, else an empty text: nothing is ever loaded from elsewhere. */
export function own(address) {
  return typeof address === "string" && /^\/(label\/)?api\/[^\\]*$/.test(address) ? address : "";
}

export const percent = (share) => `${Math.round(share * 100)}\u00a0%`;

/** Return a number with few digits, or a dash if it is unknown. */
export function number(value) {
  if (typeof value !== "number" || !Number.isFinite(value)) return "–";
  return Math.abs(value) >= 99.5 ? value.toFixed(0) : value.toFixed(1);
}

/** Read a choice that this browser remembers; private windows may refuse. */
export function remembered(key) {
  try { return localStorage.getItem(`edgevision.${key}`); } catch { return null; }
}

export function remember(key, value) {
  try { localStorage.setItem(`edgevision.${key}`, value); } catch { /* the choice then lasts until the page closes */ }
}

// Short messages at the lower edge, with "Undo" where there is something to undo, and a dialog for images.

import { $, clean, el } from "./dom.js";

const SHOWN_MS = 8000;
let timer = 0;
let undo = null;

/** Show a message; `undoing`: called when the user taps Undo. */
export function toast(text, { bad = false, undoing = null } = {}) {
  clearTimeout(timer);
  undo = undoing;
  $("toast").hidden = false;
  $("toast").classList.toggle("bad", bad);
  $("toast-text").textContent = clean(text, 300);
  $("undo").hidden = !undoing;
  timer = setTimeout(() => { $("toast").hidden = true; }, SHOWN_MS);
}

/** Run something that may fail, and show why. */
export async function attempt(action) {
  try {
    return await action();
  } catch (problem) {
    toast(problem.message, { bad: true });
    return null;
  }
}

/** Show an image or a film in a dialog, with more elements below it. */
export function openViewer(title, media, ...more) {
  $("viewer-title").textContent = clean(title);
  $("viewer-body").replaceChildren(media, ...more);
  $("viewer").showModal();
}

export const image = (source, text) => el("img", { src: source, alt: clean(text) });

export function closeViewer() { $("viewer").close(); }

export function startToast() {
  $("undo").addEventListener("click", () => {
    const action = undo;
    $("toast").hidden = true;
    undo = null;
    if (action) attempt(action);
  });
  $("viewer-close").addEventListener("click", closeViewer);
  $("viewer").addEventListener("click", (event) => { if (event.target === $("viewer")) closeViewer(); });
  $("viewer").addEventListener("close", () => $("viewer-body").replaceChildren());
}

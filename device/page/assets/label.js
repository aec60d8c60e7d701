// Saves the newest image under a class with one tap, and teaches classes.

import { get, post } from "./api.js";
import { $, clean, el, name } from "./dom.js";
import { attempt, toast } from "./toast.js";

const TEACH_POLL_MS = 1000;
const MAX_BUTTONS = 40;
const MAX_OFFERED = 2000;
export const UNSORTED = "_unsure";
let known = [];
let counts = {};
let afterSave = () => {};
let poll = 0;

/** Show a button per class with its number of images. */
export function showClasses(labels, collected) {
  known = labels;
  counts = collected ?? {};
  const names = classNames();
  const shown = JSON.stringify([names, counts]);
  if ($("classes").dataset.shown === shown) return; // rebuilding would lose the focus
  $("classes").dataset.shown = shown;
  const focused = document.activeElement?.dataset?.name;
  $("classes").replaceChildren(...names.map(chip));
  const offered = [...new Set([...names, ...labels])].slice(0, MAX_OFFERED);
  $("folders").replaceChildren(...offered.map((one) => el("option", { value: one })));
  if (focused !== undefined) [...$("classes").children].find((one) => one.dataset.name === focused)?.focus();
}

/** Return all classes: the model's, unless it has very many, and those with images. */
export function classNames() {
  const own = known.length <= MAX_BUTTONS ? known : [];
  const all = new Set([...Object.keys(counts).filter((one) => one !== UNSORTED), ...own]);
  return [...all].sort((a, b) => a.localeCompare(b));
}

function chip(label) {
  const count = counts[label] ?? 0;
  const button = el("button", { type: "button", attributes: { "aria-label": `Save as ${clean(label)}, ${count} images` } },
    name(label, { className: "clip" }), el("span", { className: "count" }, String(count)));
  button.dataset.name = label;
  button.addEventListener("click", () => save(label));
  return button;
}

/** Save the newest image, or that of an event, under a class. */
export async function save(label, event) {
  const saved = await attempt(() => post("/api/collect", event ? { class: label, event } : { class: label }));
  if (!saved) return;
  navigator.vibrate?.(20);
  toast(`Saved as ${clean(label)}`, { undoing: () => undo(saved.undo) });
  afterSave();
}

/** Undo a save, move or removal. */
export async function undo(id) {
  await post("/api/collect/undo", { undo: id });
  toast("Undone");
  afterSave();
}

/** Show the last lesson and the taught classes. */
function showTeaching({ available, running, state, class: taught, frames, wanted, notes, error, classes }) {
  $("teach").hidden = !available;
  $("teach-progress").hidden = !running;
  for (const input of $("teach-form").elements) input.disabled = running;
  $("teach-bar").max = Math.max(1, wanted);
  $("teach-bar").value = frames;
  $("teach-text").textContent = running ? `${clean(taught)}: ${frames} of ${wanted} frames` : "";
  $("teach-note").textContent = state === "done" ? [`${clean(taught)} is taught.`, ...notes.map((note) => clean(note, 200))].join(" ") : "";
  $("teach-error").textContent = clean(error, 300);
  $("taught").replaceChildren(...classes.map(taughtRow));
  clearTimeout(poll);
  if (running) poll = setTimeout(watchTeaching, TEACH_POLL_MS);
}

function taughtRow({ name: taught, frames }) {
  const button = el("button", { type: "button", className: "danger", attributes: { "aria-label": `Forget ${clean(taught)}` } }, "Forget");
  button.addEventListener("click", async () => {
    if (!confirm(`Forget ${clean(taught)}?`)) return;
    const state = await attempt(() => post("/api/teach/forget", { class: taught }));
    if (state) showTeaching(state);
  });
  return el("li", {}, el("span", {}, name(taught), el("span", { className: "hint" }, ` · ${frames} frames`)), button);
}

/** Read what is taught, and follow a lesson to its end. */
export async function watchTeaching() {
  try { showTeaching(await get("/api/teach")); } catch { poll = setTimeout(watchTeaching, TEACH_POLL_MS); }
}

export function startLabel(onSave) {
  afterSave = onSave;
  $("new-class").addEventListener("submit", async (event) => {
    event.preventDefault();
    const label = $("class-name").value.trim();
    if (!label) return;
    await save(label);
    $("class-name").value = "";
  });
  $("teach-form").addEventListener("submit", async (event) => {
    event.preventDefault();
    $("teach-error").textContent = "";
    try {
      showTeaching(await post("/api/teach", { class: $("teach-name").value.trim(), from: $("teach-from").value }));
    } catch (problem) {
      $("teach-error").textContent = problem.message;
    }
  });
}

// The collected images of one class: confirm, move, remove, undo.

import { call, get, post } from "./api.js";
import { $, clean, el, name, own, percent } from "./dom.js";
import { classNames, undo, UNSORTED } from "./label.js";
import { attempt, closeViewer, image, openViewer, toast } from "./toast.js";

const NEW = "\u0000new";
let page = 1;
let canEdit = true;
let asked = 0;
let afterChange = () => {};

/** Show the folders with their numbers of images, and the images of the chosen one. */
export function showFolders(collected, editable) {
  canEdit = editable;
  const names = Object.keys(collected ?? {}).sort((a, b) => (b === UNSORTED) - (a === UNSORTED) || a.localeCompare(b));
  const shown = JSON.stringify([names, collected]);
  $("zip").hidden = $("one-by-one").hidden = !names.length;
  if ($("folder").dataset.shown === shown) return false;
  $("folder").dataset.shown = shown;
  const chosen = $("folder").value;
  $("folder").replaceChildren(...names.map((one) => option(one, `${title(one)} (${collected[one]})`)));
  if (names.includes(chosen)) $("folder").value = chosen;
  return true;
}

const title = (folder) => (folder === UNSORTED ? "Unsure" : clean(folder));
const option = (value, text) => el("option", { value }, text);

/** Load the images of the chosen folder. */
export async function loadImages() {
  const folder = $("folder").value;
  const mine = ++asked;
  const answer = folder ? await attempt(() => get(`/api/collected?${new URLSearchParams({ class: folder, page })}`)) : null;
  if (mine !== asked) return; // another folder was chosen meanwhile, and its images may be here already
  const images = answer?.images ?? [];
  if (answer && !images.length && page > 1) { page = 1; await loadImages(); return; }
  $("grid").replaceChildren(...images.map((one) => card(one, folder)));
  $("no-images").hidden = images.length > 0;
  const pages = answer?.pages ?? 1;
  $("pager").hidden = pages < 2;
  $("page-number").textContent = `${page} of ${pages}`;
  $("previous").disabled = page <= 1;
  $("next").disabled = page >= pages;
}

function card(one, folder) {
  const when = new Date(one.time).toLocaleString();
  const thumb = el("img", { src: own(one.thumbnail), alt: "", loading: "lazy" });
  const open = el("button", { type: "button", className: "open", attributes: { "aria-label": `Open the image of ${when}` } }, thumb);
  open.addEventListener("click", () => show(one, folder, when));
  return el("li", {}, open, el("p", { className: "about" }, when), canEdit ? tools(one, folder, when) : "");
}

function tools(one, folder, when) {
  const remove = el("button", { type: "button", className: "danger wide", attributes: { "aria-label": `Discard the image of ${when}` } }, "Discard");
  remove.addEventListener("click", () => change("discard", { path: one.path }, "Discarded"));
  return el("div", { className: "tools" }, mover(one, folder, when), remove);
}

function mover(one, folder, when) {
  const select = el("select", { className: "wide", attributes: { "aria-label": `Move the image of ${when} to` } }, option("", "Move to…"));
  select.append(...classNames().filter((label) => label !== folder).map((label) => option(label, clean(label))), option(NEW, "New class…"));
  select.addEventListener("change", () => {
    const label = select.value === NEW ? (prompt("Name of the new class") ?? "").trim() : select.value;
    select.value = "";
    if (label) change("move", { path: one.path, class: label }, `Moved to ${clean(label)}`);
  });
  return select;
}

async function change(action, body, done) {
  const answer = await attempt(() => post(`/api/collect/${action}`, body));
  if (!answer) return;
  toast(done, { undoing: () => undo(answer.undo) });
  afterChange();
}

/** Open an image with what the model says of it; an unsure one can be confirmed with one tap. */
async function show(one, folder, when) {
  const about = el("p", { className: "hint", attributes: { role: "status" } }, "");
  const confirm = el("div", { className: "actions" });
  openViewer(`${title(folder)} · ${when}`, image(own(one.image), when), about, confirm);
  if (!canEdit) return;
  about.textContent = "Asking the model …";
  const best = await suggestion(own(one.image));
  about.replaceChildren(...(best ? ["The model says ", name(best.name), ` (${percent(best.score)}).`] : ["The model recognizes nothing."]));
  if (!best || best.name === folder) return;
  const button = el("button", { type: "button", className: "primary" }, folder === UNSORTED ? "Confirm as " : "Move to ", name(best.name));
  button.addEventListener("click", () => {
    closeViewer();
    change("move", { path: one.path, class: best.name }, `Moved to ${clean(best.name)}`);
  });
  confirm.append(button);
}

async function suggestion(address) {
  try {
    const picture = await (await fetch(address)).blob();
    const answer = await call("POST", "/api/predict", picture, picture.type || "image/jpeg");
    return [...(answer.labels ?? answer.objects ?? answer.points ?? [])].sort((a, b) => b.score - a.score)[0] ?? null;
  } catch {
    return null;
  }
}

export function startReview(onChange) {
  afterChange = onChange;
  $("folder").addEventListener("change", () => { page = 1; loadImages(); });
  $("previous").addEventListener("click", () => { page -= 1; loadImages(); });
  $("next").addEventListener("click", () => { page += 1; loadImages(); });
}

// The labeling page: one image after the other, with what the model says of it.

import { get, post } from "/assets/api.js";
import { $, clean, el, name, own, percent } from "/assets/dom.js";
import { startLogin } from "/assets/login.js";
import { startTheme } from "/assets/theme.js";
import { attempt, startToast, toast } from "/assets/toast.js";
import { BoxEditor } from "./boxes.js";
import { classOfKey, showClasses, startClasses } from "./classes.js";

const VIEWS = { todo: "To label", mistakes: "Likely mistakes", all: "All images" };
const DONE = { label: "class", boxes: "boxes", discard: "discarding", skip: "skipping" };
const SIMILAR_MS = 3000;
const WIDTH = 1280;

let about = null; // the status
let view = "todo";
let shown = { item: null, position: 0, total: 0 };
let guess = { labels: [], boxes: [] };
let alone = false;
let busy = false;
let editor = null;

const canEdit = () => about.role === "admin";

/** Read the status, and show the first image of a view. */
async function load() {
  about = await get("/label/api/status?refresh=1");
  for (const one of document.querySelectorAll("[data-control]")) one.hidden = about.role !== "admin";
  $("login").hidden = true;
  $("problem").hidden = true;
  $("page").hidden = false;
  $("boxes-card").hidden = !about.has_boxes;
  editor ??= about.has_boxes ? new BoxEditor(showBoxes) : null;
  if (editor) editor.readOnly = !canEdit();
  view = about.views.mistakes ? "mistakes" : about.views.todo || !about.views.all ? "todo" : "all";
  showStatus();
  await open(await get(`/label/api/item?view=${view}`));
  watchSimilar();
}

function showStatus() {
  const { folder, progress, undo } = about;
  $("title").textContent = clean(folder);
  document.title = `${clean(folder)} · edgevision`;
  const doubts = view === "mistakes" ? about.views.mistakes : 0;
  $("left").textContent = doubts ? `${doubts} to check` : progress.left ? `${progress.left} to label` : "All labeled";
  $("view-name").replaceChildren(...Object.entries(VIEWS).filter(([one]) => one !== "mistakes" || about.views.mistakes || view === one)
    .map(([one, title]) => el("option", { value: one }, `${title} (${about.views[one]})`)));
  $("view-name").value = view;
  const all = progress.answered + progress.left;
  $("progress").value = all ? progress.answered / all : 1;
  $("progress-text").textContent = `${progress.answered} answered, ${progress.left} to label, ${progress.images} images in the folder`;
  $("undo-answer").disabled = !undo.count;
  $("undo-answer").textContent = undo.count ? `Undo (${undo.count})` : "Undo";
}

/** Show how far the search for near-duplicates is, until it ends. */
async function watchSimilar() {
  const { checked, total, finished } = about.similar;
  $("similar-text").textContent = finished ? "" : `Looking for near-duplicates: ${checked} of ${total}`;
  if (finished) return;
  await new Promise((done) => setTimeout(done, SIMILAR_MS));
  try {
    about = { ...about, ...(await get("/label/api/status")) };
    showStatus();
  } catch { return; } // the next answer shows what is wrong
  watchSimilar();
}

/** Show an image with what is known of it. */
async function open(answer) {
  shown = answer;
  guess = { labels: [], boxes: [] };
  alone = false;
  const { item } = shown;
  $("banner").hidden = Boolean(item);
  $("banner").textContent = about.views.all ? "Nothing left here." : "No images.";
  $("place").textContent = item ? `${shown.position} of ${shown.total}` : "";
  for (const one of ["next", "back", "skip", "discard"]) $(one).disabled = !item;
  if (!item) {
    $("image").removeAttribute("src");
    if (editor) { editor.boxes = []; editor.close(); }
    paint();
    return;
  }
  $("image").src = address(item.number);
  $("image").alt = clean(item.path, 200);
  if (editor && item.width) editor.open(item.boxes ?? [], [item.width, item.height], false);
  paint();
  await ask(item);
}

/** Say that the image of the shown item did not come: most often its file is damaged. */
function showUnreadable() {
  if (!shown?.item) return;
  $("banner").textContent = "This image cannot be read. Discard it (X), or skip it (S).";
  $("banner").hidden = false;
}

const address = (number, width = WIDTH) => own(`/label/api/items/${number}/image?width=${width}`);

/** Ask the model about an image, and have the next one ready. */
async function ask(item) {
  if (about.model) {
    try {
      const said = await get(`/label/api/items/${item.number}/guess`);
      if (shown.item?.number !== item.number) return;
      guess = said;
    } catch (problem) {
      toast(problem.message, { bad: true });
    }
    if (editor && item.boxes === null && canEdit()) editor.propose(guess.boxes);
    paint();
  }
}

function paint() {
  const { item } = shown;
  showAbout(item);
  showButtons(item);
  showBoxes();
  showAlike(item);
}

function showAbout(item) {
  if (!item) { $("about").replaceChildren("Choose another view, or end the page: everything is saved."); return; }
  const parts = [el("strong", {}, name(item.path))];
  if (item.problem) parts.push(` · ${clean(item.problem, 300)}`);
  if (item.split) parts.push(` · ${item.split}`);
  if (item.doubt) parts.push(" · looks more like ", name(item.doubt.likely));
  const best = guess.labels[0];
  if (best) parts.push(" · the model says ", name(best.label), ` (${percent(best.score)})`);
  if (item.answer === "skip") parts.push(" · skipped");
  else if (item.answer) parts.push(" · answered");
  $("about").replaceChildren(...parts);
}

/** Return the class that Enter confirms, and the one that a second button proposes. */
function proposals(item) {
  const best = item.doubt?.likely ?? guess.labels[0]?.label ?? null;
  return item.label === null ? [best, null] : [item.label, best === item.label ? null : best];
}

function showButtons(item) {
  const usable = item && canEdit();
  const [first, second] = usable && !editor ? proposals(item) : [null, null];
  const boxes = usable && editor && item.width;
  $("confirm").hidden = !(boxes || first !== null);
  $("change").hidden = second === null;
  $("propose").hidden = !(boxes && item.boxes !== null && guess.boxes.length);
  if (boxes) $("confirm").replaceChildren(editor.boxes.length ? `Save ${editor.boxes.length} ${editor.boxes.length === 1 ? "box" : "boxes"}` : "Save: nothing to find");
  else if (first !== null) $("confirm").replaceChildren(item.label === null ? "Confirm " : "Keep ", name(first, { className: "clip" }));
  if (second !== null) $("change").replaceChildren("Change to ", name(second, { className: "clip" }));
  $("answers").hidden = $("confirm").hidden && $("change").hidden && $("propose").hidden;
  const label = editor ? editor.selected?.label ?? editor.label : item?.label ?? null;
  $("class-heading").textContent = editor ? (editor.selected ? "The chosen box shows" : "New boxes show") : "This image shows";
  showClasses(about.classes, label, editor ? [] : guess.labels);
}

function showBoxes() {
  if (!editor) return;
  $("no-boxes").hidden = editor.boxes.length > 0;
  $("boxes").replaceChildren(...editor.boxes.map((one, place) => {
    const choose = el("button", { type: "button", className: one.proposed ? "proposed" : "", attributes: { "aria-pressed": String(place === editor.chosen) } },
      one.label === null ? "no class" : name(one.label), one.proposed && one.score ? ` ${percent(one.score)}` : "");
    choose.addEventListener("click", () => { editor.choose(place); editor.canvas.focus({ preventScroll: true }); });
    const remove = el("button", { type: "button", className: "danger", attributes: { "aria-label": `Delete box ${place + 1}` } }, "Delete");
    remove.hidden = !canEdit();
    remove.addEventListener("click", () => editor.remove(place));
    return el("li", {}, choose, remove);
  }));
  showButtons(shown.item);
}

function showAlike(item) {
  const others = item?.alike ?? [];
  $("alike-card").hidden = !others.length;
  $("alike-heading").textContent = `${others.length} near-duplicate${others.length === 1 ? "" : "s"}`;
  $("alike-hint").textContent = alone ? "The others stay as they are." : "One answer counts for all of them.";
  $("alone").setAttribute("aria-pressed", String(alone));
  $("alike").replaceChildren(...others.slice(0, 24).map((one) => el("li", {}, el("img", { src: address(one.number, 320), alt: clean(one.path, 200), loading: "lazy" }))));
}

/** Send an answer about the image that is shown, and show the next one. */
async function answer(action, more = {}) {
  const { item } = shown;
  if (!item || busy || !canEdit()) return;
  busy = true;
  try {
    const made = await attempt(() => post("/label/api/answer", { number: item.number, view, action, alone, ...more }));
    if (!made) return;
    about = { ...about, ...made.status };
    if (about.views[view] && !made.item) await go(0);
    else await finish(made);
  } finally {
    busy = false;
  }
}

async function finish(made) {
  showStatus();
  const opened = open(made);
  busy = false; // the model may take longer than a person
  await opened;
}

async function undoAnswer() {
  if (busy || !canEdit()) return;
  const made = await attempt(() => post("/label/api/undo"));
  if (!made) return;
  about = { ...about, ...made.status };
  showStatus();
  toast(`Undone: ${DONE[made.action]} of ${clean(made.item.path)}`);
  await open({ item: made.item, position: shown.position, total: about.views[view] });
}

async function go(step) {
  const where = shown.item ? `&number=${shown.item.number}&step=${step}` : "";
  const made = await attempt(() => get(`/label/api/item?view=${view}${where}`));
  if (made) await open(made);
}

function confirmShown() {
  if ($("confirm").hidden) return;
  if (editor) saveBoxes();
  else answer("label", { label: proposals(shown.item)[0] });
}

function saveBoxes() {
  const missing = editor.boxes.findIndex((one) => one.label === null);
  if (missing >= 0) {
    editor.choose(missing);
    toast("Choose the class of this box.", { bad: true });
    return;
  }
  answer("boxes", { boxes: editor.value() });
}

function choose(label) {
  if (!canEdit()) return;
  if (editor) {
    editor.relabel(label);
    if (!about.classes.some((one) => one.name === label)) about.classes.push({ name: label, count: 0 });
    showBoxes();
    editor.canvas.focus({ preventScroll: true });
  } else answer("label", { label });
}

function press(event) {
  if ($("page").hidden || event.altKey || $("viewer").open) return;
  if ((event.ctrlKey || event.metaKey) && event.key.toLowerCase() === "z") { event.preventDefault(); undoAnswer(); return; }
  if (event.ctrlKey || event.metaKey || /^(INPUT|SELECT|TEXTAREA)$/.test(event.target.tagName)) return;
  const onButton = event.target.closest("button, a, summary, select");
  if (event.defaultPrevented) return; // the boxes took it
  const label = classOfKey(event.key);
  const act = label !== null ? () => choose(label) : {
    Enter: onButton ? null : confirmShown,
    ArrowLeft: () => go(-1), ArrowRight: () => go(1),
    s: () => answer("skip"), x: () => answer("discard"), u: undoAnswer, d: toggleAlone,
    b: () => { if (editor?.active && canEdit()) editor.add(); },
    "/": () => $("class-name").focus(),
  }[event.key.length === 1 ? event.key.toLowerCase() : event.key];
  if (!act) return;
  event.preventDefault();
  act();
}

function toggleAlone() {
  alone = !alone;
  showAlike(shown.item);
}

async function connect() {
  try {
    await load();
  } catch (problem) {
    if (problem.status === 401) return; // the form is shown
    $("problem").hidden = false;
    $("problem").textContent = problem.message;
  }
}

function tokenNeeded() {
  $("left").textContent = "Token needed";
}

function start() {
  startTheme();
  startToast();
  startClasses(choose);
  const on = (id, act) => $(id).addEventListener("click", act);
  on("confirm", confirmShown);
  on("change", () => answer("label", { label: proposals(shown.item)[1] }));
  on("propose", () => editor.propose(guess.boxes));
  on("back", () => go(-1));
  on("next", () => go(1));
  on("skip", () => answer("skip"));
  on("discard", () => answer("discard"));
  on("undo-answer", undoAnswer);
  on("add-box", () => editor.add());
  on("alone", toggleAlone);
  $("view-name").addEventListener("change", async () => {
    view = $("view-name").value;
    shown = { item: null };
    showStatus();
    await go(0);
  });
  $("image").addEventListener("error", showUnreadable);
  document.addEventListener("keydown", press);
  startLogin(connect, tokenNeeded);
}

start();

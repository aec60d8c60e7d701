// The picture, what is seen now, and the state of the connection.

import { $, clean, el, number, percent, remember, remembered } from "./dom.js";

const STATES = { connecting: "Connecting", waiting: "Waiting", ended: "Ended", live: "Live", paused: "Paused", camera: "Camera lost", lost: "No connection" };
const BANNERS = {
  waiting: "Waiting for the first image",
  ended: "The run has ended",
  paused: "Paused: no predictions",
  camera: "The camera is not answering. Waiting for it to come back.",
  lost: "The connection to the device is lost. Trying again.",
};
const MAX_ROWS = 6;
const MIN_SCORE = 0.005; // shown as 1 %
const STREAM_FPS = 10;
const AGAIN_MS = 5000;

let state = "";
let annotated = false;
let streaming = false;
let refusal = ""; // why the device sends no image
let again = 0;

/** Show one of STATES in the header and over the picture. */
export function showState(next) {
  if (next === state) return;
  state = next;
  $("link").dataset.state = next;
  $("link").textContent = STATES[next];
  showBanner();
  $("picture").classList.toggle("stale", next in BANNERS);
  if (next in BANNERS) say("No predictions"); // old ones would look like what is seen now
}

function showBanner() {
  const text = BANNERS[state] ?? refusal;
  $("banner").textContent = text;
  $("banner").hidden = !text;
}

/** Start or stop the stream of images; the device encodes images only while somebody watches. */
export function stream(on) {
  streaming = on;
  clearTimeout(again);
  const image = $("image");
  if (!on) { image.removeAttribute("src"); return; }
  const wanted = Math.min(1280, image.parentElement.clientWidth * Math.min(devicePixelRatio || 1, 2));
  const width = Math.max(160, Math.ceil(wanted / 160) * 160);
  image.onload = () => refuse("");
  image.onerror = explain;
  image.src = `/api/stream?annotated=${annotated ? 1 : 0}&width=${width}&fps=${STREAM_FPS}&t=${Date.now()}`;
}

/** Show why there is no image, such as too many viewers, and try again later. */
async function explain() {
  if (!streaming) return;
  const reason = await refusalOf($("image").src);
  if (!streaming) return;
  refuse(reason);
  clearTimeout(again);
  again = setTimeout(() => { if (streaming) stream(true); }, AGAIN_MS);
}

/** Return what the device says instead of an image; an image element cannot tell. */
async function refusalOf(address) {
  const ending = new AbortController(); // an answer without end is not read
  try {
    const answer = await fetch(address, { signal: ending.signal });
    return answer.ok ? "" : clean((await answer.json()).detail, 300);
  } catch {
    return "";
  } finally {
    ending.abort();
  }
}

function refuse(reason) {
  refusal = reason;
  showBanner();
}

/** Choose whether the device draws boxes, masks and labels onto the images; `task`: of the model. */
export function startLive(task) {
  const choice = remembered("overlay");
  annotated = choice ? choice === "1" : ["detection", "points", "segmentation", "anomaly"].includes(task);
  const show = () => $("overlay").setAttribute("aria-pressed", String(annotated));
  $("overlay").onclick = () => {
    annotated = !annotated;
    remember("overlay", annotated ? "1" : "0");
    show();
    if (streaming) stream(true);
  };
  show();
}

/** Show one frame's results. */
export function showFrame(frame) {
  if (state in BANNERS) return; // the last frame before a camera was lost is sent again
  if (frame.width && frame.height) {
    const ratio = Math.min(2.4, Math.max(0.75, frame.width / frame.height));
    $("picture").style.aspectRatio = ratio.toFixed(4);
    $("image").width = frame.width;
    $("image").height = frame.height;
  }
  draw(rows(frame));
}

export function showRate(status) {
  $("rate").textContent = status.rate_fps == null ? "" : `${number(status.rate_fps)} frames/s`;
}

/** Return rows of name and score, whatever the task is. */
function rows(frame) {
  if (frame.anomaly) return [{ name: frame.anomaly.is_anomalous ? "Anomalous" : "Normal", score: frame.anomaly.score }];
  if (frame.objects) return objects(frame.objects);
  if (frame.points) return objects(frame.points);
  if (frame.regions) return frame.regions.map((one) => ({ name: one.name, score: one.area }));
  return (frame.labels ?? []).map((one) => ({ name: one.name, score: one.score }));
}

/** Return one row per tracked object; without tracks, one per class with its number of objects and best score. */
function objects(list) {
  const tracked = list.filter((one) => one.track != null);
  if (tracked.length) return tracked.map((one) => ({ name: `${clean(one.name)} #${one.track}`, score: one.score }));
  const found = new Map();
  for (const one of list) {
    const row = found.get(one.index) ?? { name: one.name, score: 0, count: 0 };
    row.count += 1;
    row.score = Math.max(row.score, one.score);
    found.set(one.index, row);
  }
  return [...found.values()].map((row) => ({ ...row, name: row.count > 1 ? `${row.count} × ${clean(row.name)}` : row.name }));
}

function draw(found) {
  const list = $("scores");
  const shown = found.filter((one, at) => at === 0 || one.score >= MIN_SCORE).slice(0, MAX_ROWS);
  if (!shown.length) { say("Nothing recognized"); return; }
  if (list.firstElementChild?.className === "empty") list.replaceChildren();
  while (list.children.length > shown.length) list.lastElementChild.remove();
  while (list.children.length < shown.length) list.append(row());
  shown.forEach((one, at) => fill(list.children[at], one));
}

/** Show a sentence in the place of the results. */
function say(text) {
  if ($("scores").textContent !== text) $("scores").replaceChildren(el("li", { className: "empty" }, text));
}

function row() {
  const track = el("span", { className: "track", attributes: { "aria-hidden": "true" } }, el("span", { className: "fill" }));
  return el("li", { className: "score" }, el("bdi", { className: "name" }), el("span", { className: "value" }), track);
}

function fill(item, { name, score }) {
  const share = Math.min(1, Math.max(0, score || 0));
  const [label, value, track] = item.children;
  label.textContent = clean(name);
  value.textContent = percent(share);
  track.firstElementChild.style.transform = `scaleX(${share})`;
}
